/** Objects that gateway zones are made from, for real clusters: what controllers would write into `status` comes from the test. */
import type { Cluster } from './cluster.ts';

/** Replaces parts of an object's status, as its controller would. @param name with its kind, `ingress/web` */
export async function setStatus(cluster: Cluster, namespace: string, name: string, status: object): Promise<void> {
  const patch = ['--subresource', 'status', '--type', 'merge', '--patch', JSON.stringify({ status })];
  await cluster.kubectl(['patch', name, '--namespace', namespace, ...patch]);
}

/** The status of a load balancer: addresses, and host names. */
export function balancer(...entries: readonly string[]): object {
  const ingress = entries.map((entry) => (/[a-z]\./.test(entry) ? { hostname: entry } : { ip: entry }));
  return { loadBalancer: { ingress } };
}

export function ingress(where: string, name: string, ...hosts: readonly string[]): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: where },
    spec: {
      defaultBackend: { service: { name: 'any', port: { number: 80 } } },
      rules: hosts.map((host) => ({ host })),
    },
  };
}

export function loadBalancerService(where: string, name: string, annotations: Record<string, string> = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: where, annotations },
    spec: { type: 'LoadBalancer', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  };
}

const GATEWAY = 'gateway.networking.k8s.io/v1';

export function gateway(where: string, name: string): object {
  return {
    apiVersion: GATEWAY,
    kind: 'Gateway',
    metadata: { name, namespace: where },
    spec: { gatewayClassName: 'any', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
  };
}

/** The status of a Gateway with these IP addresses. */
export function gatewayAddresses(...addresses: readonly string[]): object {
  return { addresses: addresses.map((value) => ({ type: 'IPAddress', value })) };
}

export function route(
  kind: 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute',
  where: string,
  name: string,
  parents: readonly string[],
  hosts: readonly string[],
): object {
  const parentRefs = parents.map((parent) => ({ name: parent }));
  const rules = [{ backendRefs: [{ name: 'any', port: 80 }] }];
  return {
    apiVersion: GATEWAY,
    kind,
    metadata: { name, namespace: where },
    spec: { parentRefs, hostnames: hosts, rules },
  };
}

/** @param endpoints `HOST TYPE TARGET…` */
export function dnsEndpoint(where: string, name: string, ...endpoints: readonly string[]): object {
  return {
    apiVersion: 'externaldns.k8s.io/v1alpha1',
    kind: 'DNSEndpoint',
    metadata: { name, namespace: where },
    spec: {
      endpoints: endpoints.map((line) => {
        const [dnsName, recordType, ...targets] = line.split(' ');
        return { dnsName, recordType, targets };
      }),
    },
  };
}
