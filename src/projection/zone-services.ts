/** Services as a zone shows them: those of its stanzas, in their order. */
import { type DomainName, isSubdomain } from '../dns/name.ts';
import type { RRset } from '../dns/rrset.ts';
import type { StanzaPlan, ZoneDefinition } from '../ingest/plan.ts';
import { serviceSlot } from './records/cluster.ts';
import { importSlot } from './records/clusterset.ts';
import { isConflict, mergeSlots } from './records/merged.ts';
import { type Slot, setsOfSlot } from './records/slot.ts';
import type { ClusterState, NamespaceState } from './state.ts';
import type { Zone } from './zone.ts';

/** Does a stanza hand the name on, to the next stanza or plugin, when it has not got it? Merged stanzas are as one. */
export function handsOn(zone: Zone, at: number, name: DomainName): boolean {
  const { stanzas } = zone.definition;
  const stanza = stanzas[at] as StanzaPlan;
  if (stanza.fallthrough?.some((parent) => isSubdomain(name, parent))) return true;
  return stanza.isMerged === true && stanzas.findLastIndex((other) => other.isMerged) > at;
}

/** A service or import as a stanza of this zone shows it. */
export function slotOf(zone: Zone, at: number, namespace: string, service: string): Slot | undefined {
  if (zone.definition.stanzas[at]?.isMerged !== true) return ownSlot(zone, at, namespace, service);
  return mergeSlots(mergedStanzas(zone).map((i) => ownSlot(zone, i, namespace, service)))[
    mergedStanzas(zone).indexOf(at)
  ];
}

/** Do the merged stanzas of the zone have services of that name that can't be one? */
export function hasConflict(zone: Zone, namespace: string, service: string): boolean {
  return isConflict(mergedStanzas(zone).map((i) => ownSlot(zone, i, namespace, service)));
}

function mergedStanzas(zone: Zone): number[] {
  return zone.definition.stanzas.flatMap((stanza, i) => (stanza.isMerged === true ? [i] : []));
}

function ownSlot(zone: Zone, at: number, namespace: string, service: string): Slot | undefined {
  const find = zone.definition.kind === 'clusterset' ? importSlot : serviceSlot;
  return find(
    zone.definition.stanzas[at] as StanzaPlan,
    zone.clusters[at] as ClusterState,
    namespace,
    service,
    zone.apex,
  );
}

/** The sets at and below one service's name, by owner: for each owner those of the first stanza that has it. */
export function serviceSets(zone: Zone, namespace: string, service: string): Map<DomainName, readonly RRset[]> {
  if (zone.definition.stanzas.length === 1) {
    const slot = slotOf(zone, 0, namespace, service);
    return slot === undefined ? new Map() : setsOfSlot(slot);
  }
  const owners = new Map<DomainName, readonly RRset[]>();
  for (let i = 0; i < zone.definition.stanzas.length; i++) {
    const slot = slotOf(zone, i, namespace, service);
    if (slot === undefined) continue;
    for (const [owner, sets] of setsOfSlot(slot)) {
      if (!owners.has(owner) && isReached(zone, i, owner)) owners.set(owner, sets);
    }
  }
  return owners;
}

/** Do all stanzas before this one hand the name on? */
function isReached(zone: Zone, stanza: number, name: DomainName): boolean {
  for (let i = 0; i < stanza; i++) if (!handsOn(zone, i, name)) return false;
  return true;
}

/** Names of the namespaces of all stanzas, sorted. */
export function namespacesOf(zone: Zone): string[] {
  return [...new Set(zone.clusters.flatMap((cluster) => [...cluster.namespaces.keys()]))].sort();
}

/** Names of the services (or imports) of a namespace in all stanzas, sorted. */
export function servicesOf(zone: Zone, namespace: string): string[] {
  const isImport = zone.definition.kind === 'clusterset';
  const names = zone.clusters.flatMap((cluster) => {
    const state = cluster.namespaces.get(namespace);
    return [...((isImport ? state?.imports.keys() : state?.services.keys()) ?? [])];
  });
  return [...new Set(names)].sort();
}

/**
 * The services (or imports) of a namespace, sorted by name, with what is known of each: for each stanza what its records
 * are made of, undefined where the namespace is not there.
 * @param states the namespace as each stanza's cluster has it
 */
export function* serviceEntries(
  kind: ZoneDefinition['kind'],
  states: readonly (NamespaceState | undefined)[],
): Generator<[service: string, entries: readonly unknown[]]> {
  const lists = states.map((state) =>
    state?.exists ? state[kind === 'clusterset' ? 'imports' : 'services'] : undefined,
  );
  const [first] = lists;
  if (lists.length === 1) {
    for (const { key, value } of first?.sorted() ?? []) yield [key, [value]];
    return;
  }
  const names = new Set(lists.flatMap((list) => [...(list?.keys() ?? [])]));
  for (const name of [...names].sort()) yield [name, lists.map((list) => list?.get(name))];
}
