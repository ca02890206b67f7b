/** Makes events and plans for tests, in few words. */
import { type DomainName, parseName } from '../../src/dns/name.ts';
import type {
  Cause,
  ClusterEvent,
  ClusterId,
  EndpointSliceFacts,
  FactsOf,
  ObjectKind,
  PortFacts,
  ServiceFacts,
  UpsertEvent,
  WatchedKind,
} from '../../src/ingest/event.ts';
import type { StanzaPlan, ZoneDefinition, ZonePlan } from '../../src/ingest/plan.ts';

export function name(text: string): DomainName {
  const parsed = parseName(text);
  if (parsed === undefined) throw new Error(`${text} is no name`);
  return parsed;
}

export const EAST = 'east' as ClusterId;
export const WEST = 'west' as ClusterId;
export const KINDS: readonly WatchedKind[] = ['Service', 'Namespace', 'EndpointSlice'];

const NO_CAUSE: Cause = {};

export function upsert<K extends ObjectKind>(
  cluster: ClusterId,
  object: K,
  key: string,
  facts: FactsOf[K],
): UpsertEvent {
  return { kind: `${object}Upserted`, object, cluster, key, facts, cause: NO_CAUSE } as unknown as UpsertEvent;
}

export function remove(cluster: ClusterId, object: ObjectKind, key: string): ClusterEvent {
  return { kind: `${object}Deleted`, object, cluster, key, cause: NO_CAUSE } as ClusterEvent;
}

export function namespace(cluster: ClusterId, key: string): ClusterEvent {
  return upsert(cluster, 'Namespace', key, {});
}

export function synced(cluster: ClusterId, kinds: readonly ObjectKind[] = KINDS): ClusterEvent[] {
  return kinds.map((key) => ({ kind: 'ClusterSynced', cluster, key }));
}

export const HTTP: PortFacts = { name: 'http', port: 80, protocol: 'tcp' };

export function service(cluster: ClusterId, key: string, ips: readonly string[], extra: Partial<ServiceFacts> = {}) {
  return upsert(cluster, 'Service', key, { type: 'ClusterIP', clusterIPs: ips, ports: [HTTP], ...extra });
}

export function slice(
  cluster: ClusterId,
  key: string,
  of: string,
  endpoints: EndpointSliceFacts['endpoints'],
  ports: readonly PortFacts[] = [HTTP],
) {
  return upsert(cluster, 'EndpointSlice', key, { service: of, ports, endpoints });
}

export function stanza(cluster: ClusterId, extra: Partial<StanzaPlan> = {}): StanzaPlan {
  return {
    plugin: 'kubernetai',
    cluster,
    primary: name('cluster.local'),
    ttl: 5,
    pods: 'disabled',
    endpointPodNames: false,
    noEndpoints: false,
    ignoreEmptyService: false,
    zonal: false,
    needs: KINDS,
    ...extra,
  };
}

export function zoneDefinition(
  apex: string,
  stanzas: readonly StanzaPlan[],
  extra: Partial<ZoneDefinition> = {},
): ZoneDefinition {
  const kind = /\.arpa\.?$/.test(apex) ? 'reverse' : 'cluster';
  return { id: name(apex), apex: name(apex), kind, stanzas, localAddresses: ['192.0.2.53'], ...extra };
}

export function planApplied(...zones: ZoneDefinition[]): ClusterEvent {
  const plan: ZonePlan = { zones };
  return { kind: 'PlanApplied', plan };
}
