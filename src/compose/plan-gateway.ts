/** From a stanza of `k8s_gateway` to its part in each of its zones, and the view of the cluster that it needs. */
import type { GatewayNameServer, GatewayOptions, GatewayResource } from '../corefile/options/gateway.ts';
import { type DomainName, parseName, ROOT } from '../dns/name.ts';
import type { ClusterId, WatchedKind } from '../ingest/event.ts';
import type { GatewayPlan, GatewayServer, StanzaPlan } from '../ingest/plan.ts';
import type { ZonePart } from './plan.ts';
import { type ClusterView, connectionOf, DEFAULT_GUARD, viewCluster } from './views.ts';

export function partsOfGateway(options: GatewayOptions, clusters: Map<ClusterId, ClusterView>): ZonePart[] {
  const needs = [...new Set(options.resources.flatMap(kindsOf))];
  return options.zones.map((apex) => {
    const stanza: StanzaPlan = {
      plugin: 'k8s_gateway',
      cluster: viewCluster(
        {
          connection: connectionOf(options.kubeconfig),
          kinds: needs,
          dispensable: needs,
          namespaces: [],
          ...(options.serviceLabelSelectors.length > 0 &&
            needs.includes('Service') && { serviceSelectors: options.serviceLabelSelectors }),
          ...(options.resolvers.length > 0 && { resolvers: options.resolvers }),
          guard: DEFAULT_GUARD,
          plugin: 'k8s_gateway',
        },
        clusters,
      ),
      primary: apex,
      ttl: options.ttl,
      pods: 'disabled',
      endpointPodNames: false,
      noEndpoints: false,
      ignoreEmptyService: false,
      zonal: false,
      ...(options.fallthrough && { fallthrough: options.fallthrough }),
      gateway: planOf(options, apex),
      needs,
    };
    return { apex, kind: 'gateway', stanza, nameservers: [] };
  });
}

/** What is watched for a kind of `resources`. */
function kindsOf(resource: GatewayResource): readonly WatchedKind[] {
  switch (resource) {
    case 'HTTPRoute':
    case 'TLSRoute':
    case 'GRPCRoute':
      return [resource, 'Gateway'];
    case 'Service':
      return ['Service', 'EndpointSlice'];
    default:
      return [resource];
  }
}

function planOf(options: GatewayOptions, apex: DomainName): GatewayPlan {
  const { ingressClasses, gatewayClasses, externalDns } = options;
  return {
    resources: options.resources,
    ...(ingressClasses.length > 0 && { ingressClasses }),
    ...(gatewayClasses.length > 0 && { gatewayClasses }),
    nodeAddressType: options.nodeAddressType,
    servers: serversIn(options, apex),
    zones: options.zones,
    ...(options.cname && { isAliased: true }),
    ...(options.listenerHostnames && { inheritsHosts: true }),
    ...(externalDns.length > 0 && { externalDns }),
  };
}

/** One that is named twice is one. */
function serversIn({ apex: first, secondary }: GatewayOptions, apex: DomainName): GatewayServer[] {
  const one = serverIn(first, apex);
  const other = secondary && serverIn(secondary, apex);
  return [one, other?.name === one?.name ? undefined : other].filter((server) => server !== undefined);
}

/** @returns undefined for one whose name would be too long in this zone */
function serverIn({ name, addresses }: GatewayNameServer, apex: DomainName): GatewayServer | undefined {
  const parsed = parseName(name.endsWith('.') || apex === ROOT ? name : `${name}.${apex}`);
  return parsed && { name: parsed, ...(addresses.length > 0 && { addresses }) };
}
