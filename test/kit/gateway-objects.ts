/** Objects that name hosts, as an API server has them: Ingresses, load balancers, routes and the like. */
import type { KubeObject } from '../../src/demo/resources.ts';

export interface Meta {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const IGNORED: Meta = { labels: { 'k8s-gateway.dns/ignore': 'true' } };

export interface IngressOptions extends Meta {
  readonly class?: string;
}

/** @param balancers addresses and host names in its status */
export function ingress(
  key: string,
  hosts: readonly string[],
  balancers: readonly string[],
  { class: name, ...meta }: IngressOptions = {},
): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadataOf(key, meta),
    spec: { ...(name !== undefined && { ingressClassName: name }), rules: hosts.map((host) => ({ host })) },
    status: { loadBalancer: { ingress: balancers.map(balancerOf) } },
  };
}

export interface BalancerOptions extends Meta {
  readonly type?: 'LoadBalancer' | 'ClusterIP' | 'NodePort';
  readonly externalIPs?: readonly string[];
}

/** A Service, of type LoadBalancer if nothing else is said. */
export function balancer(
  key: string,
  balancers: readonly string[],
  { type = 'LoadBalancer', externalIPs, ...meta }: BalancerOptions = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(key, meta),
    spec: { type, clusterIP: '10.96.0.9', ...(externalIPs && { externalIPs }), ports: [{ port: 80 }] },
    status: { loadBalancer: { ingress: balancers.map(balancerOf) } },
  };
}

/** A slice of a Service. @param endpoints `ADDRESS`, `!` before one that is not ready, `?` before one that does not say */
export function backends(key: string, of: string | undefined, endpoints: readonly string[]): KubeObject {
  const labels = of === undefined ? {} : { 'kubernetes.io/service-name': of };
  const isReady = (text: string) => (text.startsWith('?') ? {} : { ready: !text.startsWith('!') });
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadataOf(key, { labels }),
    addressType: 'IPv4',
    endpoints: endpoints.map((text) => ({ addresses: [text.replace(/^[!?]/, '')], conditions: isReady(text) })),
    ports: [{ port: 80 }],
  };
}

export interface GatewayObjectOptions extends Meta {
  readonly class?: string;
  /** `NAME=HOST`. */
  readonly listeners?: readonly string[];
}

/** @param addresses `ADDRESS`, `HOST`, or `TYPE=VALUE`, where the type may be empty: there is none then */
export function gateway(
  key: string,
  addresses: readonly string[],
  { class: name = 'edge', listeners = [], ...meta }: GatewayObjectOptions = {},
): KubeObject {
  const addressOf = (text: string) => {
    const [, type, value] = /^(\w*)=(.*)$/.exec(text) ?? [];
    if (value !== undefined) return type === '' ? { value } : { type, value };
    return { type: /^[0-9.]+$|:/.test(text) ? 'IPAddress' : 'Hostname', value: text };
  };
  const listenerOf = (text: string) => ({ name: text.split('=')[0], hostname: text.split('=')[1], port: 80 });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: metadataOf(key, meta),
    spec: { gatewayClassName: name, listeners: listeners.map(listenerOf) },
    status: { addresses: addresses.map(addressOf) },
  };
}

/** @param parents `NAME` or `NAMESPACE/NAME`, or references as they are */
export function route(
  kind: 'HTTPRoute' | 'TLSRoute' | 'GRPCRoute',
  key: string,
  hostnames: readonly string[],
  parents: readonly (string | object)[],
  meta: Meta = {},
): KubeObject {
  const parentRefs = parents.map((parent) => {
    if (typeof parent !== 'string') return parent;
    const [namespace, name] = parent.includes('/') ? parent.split('/') : [undefined, parent];
    return { name, ...(namespace !== undefined && { namespace }) };
  });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: metadataOf(key, meta),
    spec: { hostnames, parentRefs },
  };
}

/** @param endpoints `DNSNAME TYPE TARGET|TARGET…`, with `TYPE/TTL` for one that has a TTL */
export function dnsEndpoint(key: string, endpoints: readonly string[], meta: Meta = {}): KubeObject {
  return {
    apiVersion: 'externaldns.k8s.io/v1alpha1',
    kind: 'DNSEndpoint',
    metadata: metadataOf(key, meta),
    spec: {
      endpoints: endpoints.map((text) => {
        const [, dnsName, recordType, ttl, targets = ''] = /^(\S+) ([A-Z]+)(?:\/(\d+))? (.*)$/.exec(text) ?? [];
        return { dnsName, recordType, targets: targets.split('|'), ...(ttl && { recordTTL: Number(ttl) }) };
      }),
    },
  };
}

/** @param addresses `TYPE=VALUE` */
export function node(name: string, addresses: readonly string[], meta: Meta = {}): KubeObject {
  const addressOf = (text: string) => ({ type: text.split('=')[0], address: text.split('=')[1] });
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, ...meta },
    status: { addresses: addresses.map(addressOf) },
  } as KubeObject;
}

export function virtualServer(key: string, host: string, addresses: readonly string[], meta: Meta = {}): KubeObject {
  return {
    apiVersion: 'k8s.nginx.org/v1',
    kind: 'VirtualServer',
    metadata: metadataOf(key, meta),
    spec: { host },
    status: { externalEndpoints: addresses.map((ip) => ({ ip })) },
  };
}

function metadataOf(key: string, meta: Meta): KubeObject['metadata'] {
  const [namespace = '', name = ''] = key.split('/');
  const { labels, annotations } = meta;
  return {
    namespace,
    name,
    ...(labels && { labels: { ...labels } }),
    ...(annotations && { annotations: { ...annotations } }),
  };
}

function balancerOf(text: string): object {
  return /^[0-9.]+$|:/.test(text) || text.startsWith('ip=') ? { ip: text.replace('ip=', '') } : { hostname: text };
}
