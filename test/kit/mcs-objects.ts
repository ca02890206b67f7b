/** Objects of the Multi-Cluster Services API, as an API server has them. */
import type { KubeObject } from '../../src/demo/resources.ts';

export function namespaceObject(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export interface ImportOptions {
  /** Absent: a headless one. */
  readonly ips?: readonly string[];
  /** `NAME/PROTOCOL/PORT`; the name may be empty. */
  readonly ports?: readonly string[];
  readonly version?: 'v1alpha1' | 'v1beta1';
}

/** @param key `NAMESPACE/NAME` */
export function importObject(key: string, { ips, ports = [], version = 'v1beta1' }: ImportOptions): KubeObject {
  return {
    apiVersion: `multicluster.x-k8s.io/${version}`,
    kind: 'ServiceImport',
    metadata: metadataOf(key),
    spec: { type: ips === undefined ? 'Headless' : 'ClusterSetIP', ips: ips ?? [], ports: ports.map(portOf) },
  };
}

export interface ExportOptions {
  readonly of: string;
  /** Absent: the slice does not say which cluster it is from. */
  readonly from?: string;
  /** `ADDRESS`, `ADDRESS HOST`, and `!` in front of one that is not ready. */
  readonly endpoints: readonly string[];
  readonly ports?: readonly string[];
}

/** A slice that another cluster has exported. */
export function exportedSlice(key: string, { of, from, endpoints, ports = [] }: ExportOptions): KubeObject {
  const labels = {
    'multicluster.kubernetes.io/service-name': of,
    ...(from !== undefined && { 'multicluster.kubernetes.io/source-cluster': from }),
  };
  const isIpv6 = endpoints.some((text) => text.includes(':'));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadataOf(key), labels },
    addressType: isIpv6 ? 'IPv6' : 'IPv4',
    endpoints: endpoints.map(endpointOf),
    ports: ports.map(portOf),
  };
}

function metadataOf(key: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

function endpointOf(text: string): object {
  const [address = '', hostname] = text.replace('!', '').split(' ');
  return { addresses: [address], conditions: { ready: !text.startsWith('!') }, ...(hostname && { hostname }) };
}

function portOf(text: string): object {
  const [name = '', protocol = '', port = ''] = text.split('/');
  return { ...(name && { name }), protocol: protocol.toUpperCase(), port: Number(port) };
}
