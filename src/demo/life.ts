/**
 * What goes on in the demo clusters: rollouts, scaling, a service that comes and goes, an outage in one cluster. An
 * endless list of steps, each one a small set of changes to objects of examples/demo/; after each round all but the names
 * of the pods that were rolled out is as it was.
 */
import type { KubeObject } from './resources.ts';

export type DemoCluster = 'east' | 'west';

export interface LifeStep {
  readonly cluster: DemoCluster;
  /** One line for people. */
  readonly text: string;
  /** The field manager that made the change. */
  readonly manager: string;
  /** For `applyManifests`: objects, and those to merge (`$patch`) or delete (`$delete`). */
  readonly objects: readonly KubeObject[];
}

interface Pod {
  readonly name: string;
  readonly address: string;
  readonly hostname?: string;
}

const KAFKA: readonly Pod[] = [0, 1, 2, 3].map((i) => statefulPod('kafka', i, `10.244.${i + 1}.${90 + i}`));
const WORKERS: readonly Pod[] = [0, 1, 2].map((i) => statefulPod('workers', i, `10.245.${i + 1}.${101 + i}`));
const CHECKOUT: readonly Pod[] = [1, 2].map((i) => ({ name: `checkout-6d5b8-${i}`, address: `10.244.${i}.31` }));
const CART_PODS = 3;

const SLICES = 'kube-controller-manager';
const PIPELINE = 'preview-pipeline';

/** The steps, one after another, without end. */
export function* liveOn(): Generator<LifeStep, never> {
  for (let round = 1; ; round++) {
    yield scale('east', 'data/kafka', KAFKA, 3, 4);
    yield* rollOut(round);
    yield createPreview(round);
    yield loseCheckout();
    yield scale('west', 'analytics/workers', WORKERS, 1, 3);
    yield recoverCheckout();
    yield deletePreview(round);
    yield scale('west', 'analytics/workers', WORKERS, 3, 1);
    yield scale('east', 'data/kafka', KAFKA, 4, 3);
  }
}

function scale(cluster: DemoCluster, service: string, pods: readonly Pod[], from: number, to: number): LifeStep {
  const changed = pods.slice(Math.min(from, to), Math.max(from, to)).map((pod) => `${pod.name} ${pod.address}`);
  return {
    cluster,
    text: `${service} scaled from ${from} to ${to}: ${to > from ? 'new' : 'gone'}: ${changed.join(', ')}`,
    manager: SLICES,
    objects: [patchSlice(service, pods.slice(0, to))],
  };
}

/** Replaces the pods of shop/cart one by one. */
function* rollOut(round: number): Generator<LifeStep> {
  const before = cartPods(round);
  const after = cartPods(round + 1);
  for (let done = 1; done <= CART_PODS; done++) {
    const [old, fresh] = [before[done - 1], after[done - 1]];
    yield {
      cluster: 'east',
      text: `shop/cart rollout ${done} of ${CART_PODS}: ${fresh?.name} ${fresh?.address} replaces ${old?.name} ${old?.address}`,
      manager: SLICES,
      objects: [patchSlice('shop/cart', [...after.slice(0, done), ...before.slice(done)])],
    };
  }
}

/** Twenty revisions have addresses of their own; the next one uses those of the first again. */
function cartPods(revision: number): Pod[] {
  const offset = 50 + 10 * ((revision - 1) % 20);
  return Array.from({ length: CART_PODS }, (_, i) => ({
    name: `cart-${revision}-${i + 1}`,
    address: `10.244.${i + 1}.${offset + i + 1}`,
  }));
}

function createPreview(round: number): LifeStep {
  const { name, clusterIP } = preview(round);
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'preview', labels: { app: name } },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      selector: { app: name },
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }],
    },
  };
  return { cluster: 'east', text: `preview/${name} created: ${clusterIP}`, manager: PIPELINE, objects: [service] };
}

function deletePreview(round: number): LifeStep {
  const { name } = preview(round);
  const gone = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'preview' }, $delete: true };
  return { cluster: 'east', text: `preview/${name} deleted`, manager: PIPELINE, objects: [gone] };
}

function preview(round: number): { name: string; clusterIP: string } {
  return { name: `pr-${1200 + round}`, clusterIP: `10.96.200.${1 + (round % 250)}` };
}

function loseCheckout(): LifeStep {
  return {
    cluster: 'east',
    text: 'shop/checkout has no ready endpoint: shared.local now answers from west',
    manager: SLICES,
    objects: [patchSlice('shop/checkout', CHECKOUT, false)],
  };
}

function recoverCheckout(): LifeStep {
  return {
    cluster: 'east',
    text: 'shop/checkout is ready again: shared.local answers from east',
    manager: SLICES,
    objects: [patchSlice('shop/checkout', CHECKOUT)],
  };
}

/** The slice of each service that changes, as examples/demo/ names it. */
const SLICE_NAMES: Readonly<Record<string, string>> = {
  'data/kafka': 'kafka-m2v6j',
  'analytics/workers': 'workers-k9p2w',
  'shop/cart': 'cart-t8c5m',
  'shop/checkout': 'checkout-4fw9d',
};

function patchSlice(service: string, pods: readonly Pod[], isReady = true): KubeObject {
  const [namespace = ''] = service.split('/');
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: SLICE_NAMES[service] ?? '', namespace },
    endpoints: pods.map(({ name, address, hostname }) => ({
      addresses: [address],
      ...(hostname === undefined ? {} : { hostname }),
      conditions: { ready: isReady, serving: isReady, terminating: false },
      targetRef: { kind: 'Pod', name, namespace },
    })),
    $patch: true,
  };
}

function statefulPod(service: string, index: number, address: string): Pod {
  const name = `${service}-${index}`;
  return { name, address, hostname: name };
}
