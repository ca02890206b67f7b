/**
 * The cluster that is measured: services of all kinds with their endpoint slices, the same objects on every run.
 *
 * Of 20 services 14 have a cluster IP and two ports (every fifth of these an IPv6 address too), five are headless with
 * named endpoints in slices of up to eight, one is an ExternalName.
 */
import type { KubeObject } from '../../src/demo/resources.ts';

export interface FixtureSize {
  readonly services: number;
  readonly endpoints: number;
  readonly namespaces: number;
}

export type FixtureService = {
  readonly name: string;
  readonly namespace: string;
} & (
  | {
      readonly kind: 'clusterIP';
      readonly addresses: readonly string[];
      readonly endpoints: readonly FixtureEndpoint[];
    }
  | { readonly kind: 'headless'; readonly endpoints: readonly FixtureEndpoint[] }
  | { readonly kind: 'externalName'; readonly target: string }
);

export interface FixtureEndpoint {
  readonly address: string;
  readonly hostname: string;
}

/** One slice whose last endpoint may change its address: see `flipped`. */
export interface FlipTarget {
  readonly service: string;
  readonly namespace: string;
  readonly slice: KubeObject;
}

export const PORTS = [
  { name: 'http', port: 80 },
  { name: 'metrics', port: 9090 },
] as const;

const KINDS = 20;
const HEADLESS_OF_20 = 5;
const SLICE_SIZE = 8;
/** The part of all endpoints that belongs to services with a cluster IP. */
const CLUSTER_IP_SHARE = 0.42;

export const FULL: FixtureSize = { services: 10_000, endpoints: 50_000, namespaces: 500 };
/** 100,000 objects: 500 namespaces, 51,026 services, 48,475 slices or so. */
export const LARGE: FixtureSize = { services: 51_026, endpoints: 102_000, namespaces: 500 };
export const QUICK: FixtureSize = { services: 1_000, endpoints: 5_000, namespaces: 50 };
export const QUICK_LARGE: FixtureSize = { services: 5_000, endpoints: 10_000, namespaces: 50 };

export function* services(size: FixtureSize): Generator<FixtureService> {
  const headlessCount = countOf(size.services, isHeadless);
  const clusterIPCount = countOf(size.services, isClusterIP);
  const perClusterIP = Math.floor((size.endpoints * CLUSTER_IP_SHARE) / clusterIPCount);
  let left = size.endpoints - perClusterIP * clusterIPCount;
  let headlessLeft = headlessCount;
  let nextEndpoint = 0;
  for (let i = 0; i < size.services; i++) {
    const base = { name: `svc-${i}`, namespace: namespaceName(i % size.namespaces) };
    const take = (count: number): FixtureEndpoint[] =>
      Array.from({ length: count }, (_, at) => ({
        address: ipv4(0x0a80_0000 + nextEndpoint++),
        hostname: `pod-${at}`,
      }));
    if (isClusterIP(i)) {
      const addresses = [ipv4(0x0a60_0001 + i), ...(i % 5 === 0 ? [`fd00:96::${(i + 1).toString(16)}`] : [])];
      yield { ...base, kind: 'clusterIP', addresses, endpoints: take(perClusterIP) };
    } else if (isHeadless(i)) {
      const count = Math.floor(left / headlessLeft);
      left -= count;
      headlessLeft--;
      yield { ...base, kind: 'headless', endpoints: take(count) };
    } else yield { ...base, kind: 'externalName', target: `svc-${i}.example.org` };
  }
}

export function* objects(size: FixtureSize): Generator<KubeObject> {
  for (let i = 0; i < size.namespaces; i++) {
    const name = namespaceName(i);
    const labels = { 'kubernetes.io/metadata.name': name };
    yield { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels }, status: { phase: 'Active' } };
  }
  for (const service of services(size)) {
    yield serviceObject(service);
    yield* slicesOf(service);
  }
}

/** Slices of headless services with more than one endpoint, so that the first of each keeps its address. */
export function* flipTargets(size: FixtureSize): Generator<FlipTarget> {
  for (const service of services(size)) {
    if (service.kind !== 'headless') continue;
    for (const slice of slicesOf(service)) {
      const { endpoints } = slice;
      if (!Array.isArray(endpoints) || endpoints.length < 2) continue;
      yield { service: service.name, namespace: service.namespace, slice };
    }
  }
}

/** The slice with another address for its last endpoint. */
export function flipped(slice: KubeObject, address: string): KubeObject {
  const endpoints: unknown = slice.endpoints;
  if (!Array.isArray(endpoints)) throw new Error('not a slice');
  return { ...slice, endpoints: [...endpoints.slice(0, -1), { ...endpoints.at(-1), addresses: [address] }] };
}

/** Addresses that the fixture gives to nobody else; there are a million. */
export function flippedAddress(number: number): string {
  return ipv4(0xac10_0000 + (number % 1_000_000));
}

export function namespaceName(i: number): string {
  return `ns-${i}`;
}

function isClusterIP(i: number): boolean {
  return i % KINDS >= HEADLESS_OF_20 + 1;
}

function isHeadless(i: number): boolean {
  return i % KINDS >= 1 && !isClusterIP(i);
}

function countOf(total: number, isCounted: (i: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < total; i++) if (isCounted(i)) count++;
  return count;
}

function serviceObject(service: FixtureService): KubeObject {
  const { name, namespace } = service;
  const labels = { app: name, 'app.kubernetes.io/managed-by': 'Helm' };
  const base = { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels } };
  const common = { selector: { app: name }, sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' };
  const ports = PORTS.map((port) => ({ ...port, protocol: 'TCP', targetPort: port.port }));
  switch (service.kind) {
    case 'clusterIP': {
      const [clusterIP] = service.addresses;
      const ipFamilies = service.addresses.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4'));
      return {
        ...base,
        spec: { ...common, type: 'ClusterIP', clusterIP, clusterIPs: service.addresses, ipFamilies, ports },
      };
    }
    case 'headless':
      return { ...base, spec: { ...common, type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], ports } };
    case 'externalName':
      return { ...base, spec: { ...common, type: 'ExternalName', externalName: service.target } };
  }
}

function* slicesOf(service: FixtureService): Generator<KubeObject> {
  if (service.kind === 'externalName') return;
  const { name, namespace } = service;
  const isNamed = service.kind === 'headless';
  for (let start = 0; start < service.endpoints.length; start += SLICE_SIZE) {
    yield {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-${start / SLICE_SIZE}`,
        namespace,
        labels: {
          'kubernetes.io/service-name': name,
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
      },
      addressType: 'IPv4',
      endpoints: service.endpoints.slice(start, start + SLICE_SIZE).map(({ address, hostname }, at) => ({
        addresses: [address],
        ...(isNamed ? { hostname } : {}),
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `node-${(start + at) % 100}`,
        zone: `zone-${at % 3}`,
        targetRef: { kind: 'Pod', namespace, name: `${name}-${hostname}` },
      })),
      ports: PORTS.map(({ name: port, port: number }) => ({ name: port, port: number, protocol: 'TCP' })),
    };
  }
}

function ipv4(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
