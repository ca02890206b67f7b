/** Which owner names may differ between two versions of a zone, found from what a fold touched. */
import { childOf, type DomainName, isSubdomain, labelsBelow, parentOf } from '../dns/name.ts';
import { type RRset, RRType } from '../dns/rrset.ts';
import { addressPath } from './address-tree.ts';
import { hostNames, ownersOfHosts } from './hosted.ts';
import { defaultServer } from './nameservers.ts';
import { reverseName } from './records/reverse.ts';
import { importAddresses } from './state.ts';
import type { Touched, TouchedCluster } from './touched.ts';
import {
  findName,
  hasReverseNames,
  isReverseName,
  podSets,
  ptrSet,
  serviceSets,
  servicesOf,
  type Zone,
  zoneRRsets,
} from './zone.ts';
import { zonesBelow } from './zones-below.ts';

export type OwnerChange = [owner: DomainName, before: readonly RRset[], after: readonly RRset[]];

/**
 * Owners with their sets before and after, equal ones among them.
 * @param touched what changed between the versions; undefined to go through both zones as wholes
 */
export function* changedOwners(before: Zone, after: Zone, touched: Touched | undefined): Generator<OwnerChange> {
  if (touched === undefined || touched.isPlanTouched || before.definition !== after.definition) {
    yield* allOwners(before, after);
    return;
  }
  const seen = new Set<string>();
  if (!isSameServers(before, after)) {
    // In a gateway zone they are hosts as well.
    for (const owner of new Set(serverOwners(after))) {
      seen.add(owner);
      yield [owner, recordsAt(before, owner), recordsAt(after, owner)];
    }
  }
  for (const cluster of clustersOf(after, touched)) {
    if (hasReverseNames(after)) yield* reverseChanges(before, after, cluster, seen);
    if (after.definition.kind === 'gateway') yield* hostChanges(before, after, cluster, seen);
    else if (after.definition.kind !== 'reverse') yield* forwardChanges(before, after, cluster, seen);
  }
}

function* forwardChanges(
  before: Zone,
  after: Zone,
  cluster: TouchedCluster,
  seen: Set<string>,
): Generator<OwnerChange> {
  const services = after.definition.kind === 'clusterset' ? cluster.imports : cluster.services;
  for (const key of services) {
    if (seen.has(key)) continue;
    seen.add(key);
    const [namespace = '', service = ''] = key.split('/');
    yield* serviceChanges(before, after, namespace, service);
  }
  for (const key of cluster.pods) {
    if (seen.has(`pod ${key}`)) continue;
    seen.add(`pod ${key}`);
    const at = key.indexOf('/');
    yield* podChanges(before, after, key.slice(0, at), key.slice(at + 1));
  }
  for (const namespace of cluster.namespaces) {
    for (const service of new Set([...servicesOf(before, namespace), ...servicesOf(after, namespace)])) {
      const key = `${namespace}/${service}`;
      if (seen.has(key)) continue;
      seen.add(key);
      yield* serviceChanges(before, after, namespace, service);
    }
    for (const address of podAddressesOf([before, after], namespace)) {
      if (seen.has(`pod ${namespace}/${address}`)) continue;
      seen.add(`pod ${namespace}/${address}`);
      yield* podChanges(before, after, namespace, address);
    }
  }
}

function* hostChanges(before: Zone, after: Zone, cluster: TouchedCluster, seen: Set<string>): Generator<OwnerChange> {
  for (const owner of ownersOfHosts(after, cluster.hosts)) {
    for (const name of [owner, ...hiddenNames(before, after, owner)]) {
      if (seen.has(name)) continue;
      seen.add(name);
      yield [name, recordsAt(before, name), recordsAt(after, name)];
    }
  }
}

/** A wildcard hides names of later stanzas, and shows them when it goes. */
function hiddenNames(before: Zone, after: Zone, owner: DomainName): DomainName[] {
  const parent = parentOf(owner);
  if (!owner.startsWith('*.') || parent === undefined || after.definition.stanzas.length === 1) return [];
  const names = [before, after].flatMap((zone) => [...hostNames(zone, parent)]);
  return names.filter((name) => parentOf(name) === parent);
}

function* serviceChanges(before: Zone, after: Zone, namespace: string, service: string): Generator<OwnerChange> {
  const old = serviceSets(before, namespace, service);
  const now = serviceSets(after, namespace, service);
  for (const [owner, sets] of old) yield [owner, sets, now.get(owner) ?? []];
  for (const [owner, sets] of now) if (!old.has(owner)) yield [owner, [], sets];
}

function* podChanges(before: Zone, after: Zone, namespace: string, address: string): Generator<OwnerChange> {
  const [owner, old] = podSets(before, namespace, address);
  yield [owner, old, podSets(after, namespace, address)[1]];
}

function podAddressesOf(zones: readonly Zone[], namespace: string): Set<string> {
  const clusters = zones.flatMap((zone) => zone.clusters);
  return new Set(clusters.flatMap((cluster) => [...(cluster.namespaces.get(namespace)?.podsByAddress.keys() ?? [])]));
}

function* reverseChanges(
  before: Zone,
  after: Zone,
  cluster: TouchedCluster,
  seen: Set<string>,
): Generator<OwnerChange> {
  for (const address of touchedAddresses(before, after, cluster)) {
    const owner = reverseName(addressPath(address));
    if (seen.has(owner) || !isSubdomain(owner, after.apex)) continue;
    seen.add(owner);
    yield [owner, listOf(ptrSet(before, owner)), listOf(ptrSet(after, owner))];
  }
}

/** Addresses whose PTR may differ: those touched, and all of a namespace that came or went. */
function touchedAddresses(before: Zone, after: Zone, cluster: TouchedCluster): Set<string> {
  const addresses = new Set(cluster.addresses);
  for (const namespace of cluster.namespaces) {
    for (const state of [...before.clusters, ...after.clusters]) {
      for (const entry of state.namespaces.get(namespace)?.services.values() ?? []) {
        for (const ip of entry.service?.clusterIPs ?? []) if (ip !== 'None') addresses.add(ip);
        for (const { facts } of entry.slices)
          for (const endpoint of facts.endpoints) for (const address of endpoint.addresses) addresses.add(address);
      }
      for (const entry of state.namespaces.get(namespace)?.imports.values() ?? [])
        for (const address of importAddresses(entry)) addresses.add(address);
    }
  }
  return addresses;
}

function listOf(set: RRset | undefined): readonly RRset[] {
  return set === undefined ? [] : [set];
}

function recordsAt(zone: Zone, name: DomainName): readonly RRset[] {
  const found = findName(zone, name);
  return found.status === 'exists' ? found.rrsets() : [];
}

function hasCut(zone: Zone, name: DomainName): boolean {
  return recordsAt(zone, name).some(({ type }) => type === RRType.NS);
}

function isSameServers(before: Zone, after: Zone): boolean {
  return JSON.stringify(before.nameservers) === JSON.stringify(after.nameservers);
}

/** Where it shows when the name servers change: names of services change with their services. */
function serverOwners({ apex, definition }: Zone): DomainName[] {
  if (definition.kind === 'gateway') {
    const servers = definition.stanzas.flatMap(({ gateway }) => gateway?.servers.map(({ name }) => name) ?? []);
    return [apex, ...zonesBelow(definition), ...servers.filter((name) => isSubdomain(name, apex))];
  }
  return definition.kind === 'clusterset' ? [apex, defaultServer(apex)] : [apex];
}

function clustersOf(zone: Zone, touched: Touched): TouchedCluster[] {
  const ids = new Set(zone.definition.stanzas.map((stanza) => stanza.cluster));
  return [...ids].flatMap((id) => touched.clusters.get(id) ?? []);
}

function* allOwners(before: Zone, after: Zone): Generator<OwnerChange> {
  const old = groupByOwner(zoneRRsets(before));
  for (const [owner, sets] of groupByOwner(zoneRRsets(after))) {
    yield [owner, old.get(owner) ?? [], sets];
    old.delete(owner);
  }
  for (const [owner, sets] of old) yield [owner, sets, []];
}

function groupByOwner(sets: Iterable<RRset>): Map<DomainName, RRset[]> {
  const owners = new Map<DomainName, RRset[]>();
  for (const set of sets) {
    const list = owners.get(set.owner);
    if (list === undefined) owners.set(set.owner, [set]);
    else list.push(set);
  }
  return owners;
}

/**
 * The name under which cached answers about `name` are kept and dropped: for names of a service (or pod) the service's
 * own name, for others the name itself. Answers about a service depend on nothing else than that service.
 */
export function answerSlot(zone: Zone, name: DomainName): DomainName {
  if (isReverseName(zone, name) || zone.definition.kind === 'gateway') return name;
  const extra = (labelsBelow(name, zone.apex)?.length ?? 0) - 3;
  let slot = name;
  for (let i = 0; i < extra; i++) slot = parentOf(slot) as DomainName;
  return slot;
}

/** The slots (see `answerSlot`) of the answers that a fold may have changed; 'all' when they can't be told apart. */
export function touchedSlots(before: Zone | undefined, after: Zone, touched: Touched): Set<DomainName> | 'all' {
  if (before === undefined || touched.isPlanTouched || touched.isSyncTouched) return 'all';
  const slots = new Set<DomainName>();
  // Each version has its own digest.
  if (before.zonemd !== undefined || after.zonemd !== undefined) slots.add(after.apex);
  if (!isSameServers(before, after)) for (const owner of serverOwners(after)) slots.add(owner);
  for (const cluster of clustersOf(after, touched)) {
    // A namespace decides about names that nobody can list: of pods, and of itself.
    if (cluster.namespaces.size > 0) return 'all';
    if (hasReverseNames(after)) for (const address of cluster.addresses) addReverseSlots(slots, address, after.apex);
    if (after.definition.kind === 'reverse') continue;
    if (after.definition.kind === 'gateway') {
      const owners = ownersOfHosts(after, cluster.hosts);
      // Answers for the names that a wildcard stands for, and for those below a zone cut, can't be listed.
      const isWide = (owner: DomainName) => owner.startsWith('*.') || hasCut(before, owner) || hasCut(after, owner);
      if (owners.some(isWide)) return 'all';
      for (const owner of owners) addSlotsUp(slots, owner, after.apex);
      continue;
    }
    const services = after.definition.kind === 'clusterset' ? cluster.imports : cluster.services;
    for (const key of services) {
      const [namespace = '', service = ''] = key.split('/');
      slots.add(childOf(service, childOf(namespace, childOf('svc', after.apex))));
    }
    for (const key of cluster.pods) {
      const at = key.indexOf('/');
      slots.add(podSets(after, key.slice(0, at), key.slice(at + 1))[0]);
    }
  }
  return slots;
}

/** The name of an address and the names above it: an address that comes or goes may make them empty non-terminals or not. */
function addReverseSlots(slots: Set<DomainName>, address: string, apex: DomainName): void {
  const name = reverseName(addressPath(address));
  if (!isSubdomain(name, apex)) return;
  addSlotsUp(slots, name, apex);
}

/** A name and those above it, up to the apex. */
function addSlotsUp(slots: Set<DomainName>, name: DomainName, apex: DomainName): void {
  for (let at: DomainName | undefined = name; at !== undefined && at !== apex; at = parentOf(at)) slots.add(at);
  slots.add(apex);
}
