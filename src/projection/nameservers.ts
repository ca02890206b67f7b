/** The name servers of a zone: who serves it, and under which addresses. */
import { childOf, type DomainName, parseName } from '../dns/name.ts';
import type { StanzaPlan, ZoneDefinition } from '../ingest/plan.ts';
import { findAddress } from './address-tree.ts';
import { serviceSlot } from './records/cluster.ts';
import { serverAddresses } from './records/gateway.ts';
import type { ClusterState } from './state.ts';

export interface NameServer {
  readonly name: DomainName;
  /** Canonical text; those of both families. */
  readonly addresses: readonly string[];
}

/**
 * The configured ones; else the names of the services that one of our own addresses is an endpoint of, as the first
 * stanza that knows such a service has them; else `ns.dns.ZONE` with our own addresses. In a clusterset zone, where those
 * services have no names, it is always `ns.dns.ZONE`, with their addresses. Never empty: a secondary refuses a zone
 * without NS records.
 */
export function nameserversOf(definition: ZoneDefinition, clusters: readonly ClusterState[]): readonly NameServer[] {
  if (definition.nameservers !== undefined) return definition.nameservers;
  if (definition.kind === 'gateway') return gatewayServers(definition, clusters);
  const name = defaultServer(definition.apex);
  if (definition.kind === 'cluster' || definition.kind === 'clusterset') {
    for (const [i, stanza] of definition.stanzas.entries()) {
      const found = serversInCluster(definition, stanza, clusters[i] as ClusterState);
      if (found.length === 0) continue;
      if (definition.kind === 'cluster') return found;
      return [{ name, addresses: [...new Set(found.flatMap(({ addresses }) => addresses))] }];
    }
  }
  return [{ name, addresses: definition.localAddresses }];
}

/** Those of the first stanza; the others' are names like any. */
function gatewayServers({ apex, stanzas }: ZoneDefinition, clusters: readonly ClusterState[]): NameServer[] {
  const [stanza] = stanzas;
  const [cluster] = clusters;
  if (stanza?.gateway === undefined || cluster === undefined) return [];
  const part = { stanza, gateway: stanza.gateway, cluster, apex };
  return stanza.gateway.servers.map(({ name, addresses }) => ({
    name,
    addresses: addresses ?? serverAddresses(part, name),
  }));
}

/** The name server of a zone that has none with a name of its own. */
export function defaultServer(apex: DomainName): DomainName {
  return childOf('ns', childOf('dns', apex));
}

function serversInCluster(definition: ZoneDefinition, stanza: StanzaPlan, cluster: ClusterState): NameServer[] {
  if (stanza.noEndpoints) return [];
  const servers = new Map<DomainName, Set<string>>();
  const add = (name: DomainName | undefined, address: string) => {
    if (name === undefined) return;
    const addresses = servers.get(name) ?? new Set();
    servers.set(name, addresses.add(address));
  };
  for (const local of definition.localAddresses) {
    for (const key of findAddress(cluster.addresses, local)?.endpoints ?? []) {
      const [namespace = '', service = ''] = key.split('/');
      const slot = serviceSlot(stanza, cluster, namespace, service, definition.apex);
      if (slot === undefined || slot.externalName !== undefined) continue;
      for (const address of slot.addresses ?? []) add(slot.base, address);
      if (slot.addresses !== undefined) continue;
      for (const slice of slot.slices) {
        if (!slice.endpoints.some((endpoint) => endpoint.addresses.includes(local))) continue;
        for (const endpoint of slice.endpoints) {
          for (const address of endpoint.addresses) {
            const name = slot.endpointName(endpoint, address, slice);
            add(name === undefined ? undefined : parseName(`${name}.${slot.base}`), address);
          }
        }
      }
    }
  }
  return [...servers].map(([name, addresses]) => ({ name, addresses: [...addresses] }));
}
