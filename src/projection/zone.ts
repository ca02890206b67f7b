/**
 * One version of one zone, and the questions that can be put to it. Answers, transfers and changesets all come from
 * here, so that they can't differ.
 *
 * A zone holds no records: it holds the immutable states of the clusters that its stanzas look at, and makes the records
 * of an owner name when asked (projection/records/). A version is pinned by keeping the object.
 */
import { childOf, compareNames, type DomainName, isSubdomain, labelsBelow, ROOT } from '../dns/name.ts';
import { type Rdata, type RRset, RRType } from '../dns/rrset.ts';
import type { Serial } from '../dns/serial.ts';
import type { StanzaPlan, ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { exists, type FoundName } from './found-name.ts';
import { hostNames, objectsNaming, partOf, probeHost, serverNames, wildcardOf } from './hosted.ts';
import { type NameServer, nameserversOf } from './nameservers.ts';
import { exposedNamespace, hasPod, podAddress, podLabel, serviceSlot } from './records/cluster.ts';
import { importSlot } from './records/clusterset.ts';
import { isConflict, mergeSlots } from './records/merged.ts';
import {
  addressesAt,
  addressOfPath,
  namesOfAddress,
  placeOfReverse,
  reverseName,
  reverseNameOf,
} from './records/reverse.ts';
import { addressSets, findInSlot, type Slot, setsOfSlot } from './records/slot.ts';
import { findTransferred, transferredSets } from './records/transferred.ts';
import type { ClusterState } from './state.ts';
import type { TransferredZone } from './transferred.ts';
import { isSameZonemd, ownSets, soaRecord, zonemdRecord } from './zone-apex.ts';

export type { FoundName, TransferredZone };
// What names are made from that nobody can list (serve/synth.ts).
export {
  addressSets,
  exposedNamespace,
  findInSlot,
  isSameZonemd,
  objectsNaming,
  placeOfReverse,
  podAddress,
  reverseNameOf,
  type Slot,
  soaRecord,
  wildcardOf,
  zonemdRecord,
};

export interface Zone {
  readonly id: ZoneId;
  readonly apex: DomainName;
  readonly definition: ZoneDefinition;
  /** One for each stanza of the definition, in its order. */
  readonly clusters: readonly ClusterState[];
  readonly nameservers: readonly NameServer[];
  /** Of the published version; undefined before the first one, when the zone may answer but can't be transferred. */
  readonly serial: Serial | undefined;
  /** What the primary of a secondary zone has; undefined before the first transfer, and for other zones. */
  readonly content?: TransferredZone | undefined;
  /** Data of the published version's ZONEMD record (projection/seal.ts); absent: it has none. */
  readonly zonemd?: Uint8Array | undefined;
}

/** A version of a zone over these cluster states. */
export function makeZone(
  definition: ZoneDefinition,
  clusters: readonly ClusterState[],
  serial: Serial | undefined,
): Zone {
  const { id, apex } = definition;
  return { id, apex, definition, clusters, nameservers: nameserversOf(definition, clusters), serial };
}

/** A version of a zone of another server, with the serial that it has there. */
export function makeSecondaryZone(definition: ZoneDefinition, content: TransferredZone | undefined): Zone {
  const { id, apex } = definition;
  return { id, apex, definition, clusters: [], nameservers: [], serial: content?.soa?.rdata.serial, content };
}

/**
 * Has every stanza been synced, now or in the log? Before that the zone must not be transferred. A secondary zone must have
 * been transferred, and not be expired.
 */
export function isZoneSynced(zone: Zone): boolean {
  if (zone.definition.kind === 'secondary') return zone.content?.isExpired === false;
  return zone.definition.stanzas.every((stanza, i) => isStanzaSynced(stanza, zone.clusters[i]));
}

export function isStanzaSynced(stanza: StanzaPlan, cluster: ClusterState | undefined): boolean {
  const isDispensable = stanza.gateway !== undefined;
  return stanza.needs.every(
    (kind) => cluster?.synced[kind] === true || (isDispensable && cluster?.lacking[kind] !== undefined),
  );
}

/** What the zone knows of a name. */
export function findName(zone: Zone, name: DomainName): FoundName {
  if (zone.definition.kind === 'secondary') return findTransferred(zone.content, name);
  const own = apexOwners(zone).get(name);
  if (own !== undefined) return exists(own);
  const found = findOwned(zone, name);
  if (found.status !== 'absent') return found;
  for (const owner of apexOwners(zone).keys()) if (isSubdomain(owner, name)) return { status: 'emptyNonTerminal' };
  return found;
}

function findOwned(zone: Zone, name: DomainName): FoundName {
  if (zone.definition.kind === 'gateway') return findHosted(zone, name);
  if (isReverseName(zone, name)) return findReverse(zone, name);
  return findForward(zone, name, labelsBelow(name, zone.apex));
}

const apexOwnersOf = new WeakMap<Zone, Map<DomainName, readonly RRset[]>>();

/** What the zone owns by itself, not for a service: the apex, the name servers' addresses, `dns-version`. */
function apexOwners(zone: Zone): Map<DomainName, readonly RRset[]> {
  const known = apexOwnersOf.get(zone);
  if (known !== undefined) return known;
  const owners = ownSets(zone);
  const more = (name: DomainName, found: FoundName) => {
    if (found.status === 'exists') owners.set(name, [...(owners.get(name) ?? []), ...found.rrsets()]);
  };
  // A reverse zone may begin at a whole address, whose PTR is then at the apex.
  if (zone.definition.kind === 'reverse') more(zone.apex, findReverse(zone, zone.apex));
  if (zone.definition.kind === 'gateway') {
    for (const name of [zone.apex, ...serverNames(zone)]) more(name, findHosted(zone, name));
  }
  apexOwnersOf.set(zone, owners);
  return owners;
}

type Probe = (
  stanza: StanzaPlan,
  cluster: ClusterState,
  at: number,
) => readonly RRset[] | 'emptyNonTerminal' | 'unsure' | 'ended' | undefined;

/**
 * Asks the stanzas in their order: the first that has records for the name, or has it without any, owns it; one without
 * matching fallthrough ends the list (as kubernetai's chain does, query by query).
 */
function findInStanzas(zone: Zone, name: DomainName, probe: Probe): FoundName {
  let isEmptyNonTerminal = false;
  let isUnsure = false;
  let isPassedOn = zone.definition.stanzas.length > 0;
  for (const [i, stanza] of zone.definition.stanzas.entries()) {
    const cluster = zone.clusters[i] as ClusterState;
    const sets = probe(stanza, cluster, i);
    if (sets === 'emptyNonTerminal') isEmptyNonTerminal = true;
    else if (typeof sets === 'object') return exists(sets);
    else if (sets === 'unsure' || !isStanzaSynced(stanza, cluster)) isUnsure = true;
    if (sets === 'ended' || !handsOn(zone, i, name)) {
      isPassedOn = false;
      break;
    }
  }
  return isEmptyNonTerminal ? { status: 'emptyNonTerminal' } : { status: 'absent', isUnsure, isPassedOn };
}

/** Does a stanza hand the name on, to the next stanza or plugin, when it has not got it? Merged stanzas are as one. */
export function handsOn(zone: Zone, at: number, name: DomainName): boolean {
  const { stanzas } = zone.definition;
  const stanza = stanzas[at] as StanzaPlan;
  if (stanza.fallthrough?.some((parent) => isSubdomain(name, parent))) return true;
  return stanza.isMerged === true && stanzas.findLastIndex((other) => other.isMerged) > at;
}

const ARPA = 'arpa.' as DomainName;

/** Has the zone PTR records: a reverse zone, or a cluster's zone so high up that reverse names lie in it (`.`)? */
export function hasReverseNames({ apex, definition }: Zone): boolean {
  return definition.kind === 'reverse' || (definition.kind === 'cluster' && isSubdomain(ARPA, apex));
}

export function isReverseName(zone: Zone, name: DomainName): boolean {
  return zone.definition.kind === 'reverse' || (hasReverseNames(zone) && isSubdomain(name, ARPA));
}

/** A host of a gateway zone. */
function findHosted(zone: Zone, name: DomainName): FoundName {
  const found = findInStanzas(zone, name, (stanza, cluster, at) => {
    const isSynced = isStanzaSynced(stanza, cluster);
    const isLast = at === zone.definition.stanzas.length - 1;
    return probeHost(partOf(zone, at), name, { isSynced, isLast });
  });
  // A stanza that keeps the name to itself may hand names below it on.
  const isStep = found.status === 'absent' && zone.definition.stanzas.length > 1 && hasNamesBelow(zone, name);
  return isStep ? { status: 'emptyNonTerminal' } : found;
}

function hasNamesBelow(zone: Zone, name: DomainName): boolean {
  for (const below of hostNames(zone, name)) if (findHosted(zone, below).status === 'exists') return true;
  return false;
}

function findForward(zone: Zone, name: DomainName, below: readonly string[] | undefined): FoundName {
  const labels = below?.toReversed() ?? [];
  const [kind, namespace, service] = labels;
  const isService = kind === 'svc';
  if (!isService && kind !== 'pod') return findInStanzas(zone, name, () => undefined);
  if (namespace === undefined) return exists([]);
  if (service === undefined) {
    return findInStanzas(zone, name, (stanza, cluster) => {
      const isShown = isService || (stanza.pods !== 'disabled' && zone.definition.kind === 'cluster');
      return isShown && exposedNamespace(stanza, cluster, namespace) ? [] : undefined;
    });
  }
  if (isService) {
    const rest = labels.slice(3).reverse().join('.');
    return findInStanzas(zone, name, (_stanza, _cluster, at) => {
      const slot = slotOf(zone, at, namespace, service);
      return slot && findInSlot(slot, rest);
    });
  }
  return findInStanzas(zone, name, (stanza, cluster) => {
    const address = podAddress(service);
    const isThere = labels.length === 3 && zone.definition.kind === 'cluster';
    return isThere && hasPod(stanza, cluster, namespace, address)
      ? addressSets(name, stanza.ttl, [address])
      : undefined;
  });
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

function findReverse(zone: Zone, name: DomainName): FoundName {
  const place = placeOfReverse(name);
  if (place === undefined) return findInStanzas(zone, name, () => undefined);
  return findInStanzas(zone, name, (stanza, cluster) => {
    if (place.address !== undefined) {
      const targets = namesOfAddress(stanza, cluster, place.address);
      return targets.length > 0 ? [ptrRecords(name, stanza.ttl, targets)] : undefined;
    }
    for (const path of addressesAt([cluster.addresses], place)) {
      if (namesOfAddress(stanza, cluster, addressOfPath(path)).length > 0) return 'emptyNonTerminal';
    }
    return undefined;
  });
}

function ptrRecords(owner: DomainName, ttl: number, targets: readonly DomainName[]): RRset {
  return { owner, type: RRType.PTR, ttl, rdatas: targets.map((target): Rdata => ({ type: 'PTR', target })) };
}

/** The PTR set of a reverse name in this zone. */
export function ptrSet(zone: Zone, name: DomainName): RRset | undefined {
  const found = findReverse(zone, name);
  return found.status === 'exists' ? found.rrset(RRType.PTR) : undefined;
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

/** The name and sets of a verified pod's address; the sets are empty when no stanza knows such a pod. */
export function podSets(zone: Zone, namespace: string, address: string): [DomainName, readonly RRset[]] {
  const name = podName(zone, namespace, address);
  const found = findForward(zone, name, labelsBelow(name, zone.apex));
  return [name, found.status === 'exists' ? found.rrsets() : []];
}

function podName(zone: Zone, namespace: string, address: string): DomainName {
  return childOf(podLabel(address), childOf(namespace, childOf('pod', zone.apex)));
}

/** Every set of the zone in canonical order of the owners, but for the SOA, which a transfer puts first and last. */
export function* zoneRRsets(zone: Zone): Generator<RRset> {
  if (zone.definition.kind === 'secondary') {
    yield* transferredSets(zone.content?.records.records() ?? []);
    return;
  }
  const own = [...apexOwners(zone)].sort(([a], [b]) => compareNames(a, b));
  const others = ownersBelow(zone);
  let next = others.next();
  for (const [owner, sets] of own) {
    while (!next.done && compareNames(next.value[0], owner) < 0) {
      yield* next.value[1];
      next = others.next();
    }
    if (!next.done && next.value[0] === owner) next = others.next();
    yield* sets.filter((set) => set.type !== RRType.SOA);
  }
  for (; !next.done; next = others.next()) yield* next.value[1];
}

type OwnerSets = [DomainName, readonly RRset[]];

function ownersBelow(zone: Zone): Generator<OwnerSets> {
  if (zone.definition.kind === 'gateway') return hostOwners(zone);
  return zone.definition.kind === 'reverse' ? reverseOwners(zone) : forwardOwners(zone);
}

function* hostOwners(zone: Zone): Generator<OwnerSets> {
  for (const name of hostNames(zone, zone.apex)) {
    const found = findHosted(zone, name);
    if (found.status === 'exists') yield [name, found.rrsets()];
  }
}

function* forwardOwners(zone: Zone): Generator<OwnerSets> {
  // `arpa` sorts before `pod` and `svc`.
  if (hasReverseNames(zone)) yield* reverseOwners(zone);
  const namespaces = namespacesOf(zone);
  if (zone.definition.kind === 'cluster' && zone.definition.stanzas.some(({ pods }) => pods === 'verified')) {
    for (const namespace of namespaces) yield* sortOwners(podOwners(zone, namespace));
  }
  for (const namespace of namespaces) {
    for (const service of servicesOf(zone, namespace)) yield* sortOwners(serviceSets(zone, namespace, service));
  }
}

function sortOwners(owners: Iterable<OwnerSets>): OwnerSets[] {
  return [...owners].filter(([, sets]) => sets.length > 0).sort(([a], [b]) => compareNames(a, b));
}

function* podOwners(zone: Zone, namespace: string): Generator<OwnerSets> {
  const addresses = new Set<string>();
  for (const [i, stanza] of zone.definition.stanzas.entries()) {
    if (stanza.pods !== 'verified') continue;
    for (const address of zone.clusters[i]?.namespaces.get(namespace)?.podsByAddress.keys() ?? [])
      addresses.add(address);
  }
  for (const address of addresses) yield podSets(zone, namespace, address);
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

function* reverseOwners(zone: Zone): Generator<OwnerSets> {
  const place = placeOfReverse(zone.apex === ROOT ? ARPA : zone.apex);
  if (place === undefined) return;
  const roots = zone.clusters.map((cluster) => cluster.addresses);
  for (const path of addressesAt(roots, place)) {
    const name = reverseName(path);
    const set = ptrSet(zone, name);
    if (set !== undefined && name !== zone.apex) yield [name, [set]];
  }
}
