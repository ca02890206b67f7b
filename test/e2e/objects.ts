/** Objects for real clusters. There are no kubelets: a pod gets its address and its readiness from the test. */
import type { Cluster } from './cluster.ts';

export interface PodOptions {
  readonly name: string;
  readonly namespace: string;
  readonly app: string;
  readonly ips: readonly string[];
  /** With a headless service of that name: the pod has a host name. */
  readonly subdomain?: string;
}

/** The Node that all pods are on; without it the controllers would not look at them. */
export const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'worker', labels: { 'topology.kubernetes.io/zone': 'zone-a' } },
};

export function namespace(name: string, labels: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function service(where: string, name: string, spec: object, labels: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: where, labels }, spec };
}

export const HTTP_PORT = [{ name: 'http', port: 80, protocol: 'TCP' }];

/** Creates a pod, and does what a kubelet would: it runs, has its addresses, and is ready. */
export async function runPod(cluster: Cluster, { name, namespace, app, ips, subdomain }: PodOptions): Promise<void> {
  await cluster.applyObjects([
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app } },
      spec: {
        nodeName: 'worker',
        containers: [{ name: 'main', image: 'none' }],
        ...(subdomain !== undefined && { hostname: name, subdomain }),
      },
    },
  ]);
  await cluster.patchPodStatus(namespace, name, {
    phase: 'Running',
    podIP: ips[0],
    podIPs: ips.map((ip) => ({ ip })),
    conditions: [{ type: 'Ready', status: 'True' }],
  });
}

export async function setReady(cluster: Cluster, where: string, name: string, isReady: boolean): Promise<void> {
  await cluster.patchPodStatus(where, name, { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] });
}

/** Without a kubelet nobody confirms that a pod has ended. */
export async function deletePod(cluster: Cluster, where: string, name: string): Promise<void> {
  await cluster.kubectl(['delete', 'pod', name, '--namespace', where, '--force', '--grace-period=0']);
}

export async function clusterIPs(cluster: Cluster, where: string, name: string): Promise<string[]> {
  const format = 'jsonpath={.spec.clusterIPs[*]}';
  return (await cluster.kubectl(['get', 'service', name, '--namespace', where, '--output', format])).trim().split(' ');
}
