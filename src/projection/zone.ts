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
import { exposedNamespace, hasPod, podAddress, podLabel } from './records/cluster.ts';
import {
  addressesAt,
  addressOfPath,
  namesOfAddress,
  placeOfReverse,
  reverseName,
  reverseNameOf,
} from './records/reverse.ts';
import { addressSets, findInSlot, type Slot } from './records/slot.ts';
import { findTransferred, transferredSets } from './records/transferred.ts';
import type { ClusterState } from './state.ts';
import type { TransferredZone } from './transferred.ts';
import { isSameZonemd, ownSets, soaRecord, zonemdRecord } from './zone-apex.ts';
import {
  joinParts,
  type OwnerSets,
  type PartBelow,
  setsOfOwners,
  sortOwners,
  wholePart,
  type ZonePart,
} from './zone-parts.ts';
import { handsOn, namespacesOf, serviceEntries, serviceSets, slotOf } from './zone-services.ts';

export { hasConflict, servicesOf } from './zone-services.ts';
export type { FoundName, TransferredZone, ZonePart };
// What names are made from that nobody can list (serve/synth.ts).
export {
  addressSets,
  exposedNamespace,
  findInSlot,
  handsOn,
  isSameZonemd,
  namespacesOf,
  objectsNaming,
  placeOfReverse,
  podAddress,
  reverseNameOf,
  type Slot,
  serviceSets,
  slotOf,
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
  for (const part of zoneParts(zone)) yield* part.sets();
}

/** The sets of `zoneRRsets`, in parts; no part begins with the owner that the one before it ends with. */
export function* zoneParts(zone: Zone): Generator<ZonePart> {
  if (zone.definition.kind === 'secondary') {
    for (const run of zone.content?.records.runs() ?? []) {
      yield { key: run.first, facts: run.facts, sets: () => transferredSets(run.records()) };
    }
    return;
  }
  const own = [...apexOwners(zone)].sort(([a], [b]) => compareNames(a, b));
  yield* joinParts(zone, own, partsBelow(zone));
}

function* partsBelow(zone: Zone): Generator<PartBelow> {
  const { kind } = zone.definition;
  if (kind === 'gateway') yield wholePart(zone, zone.apex, () => hostOwners(zone));
  else if (kind === 'reverse') yield wholePart(zone, zone.apex, () => reverseOwners(zone));
  else yield* forwardParts(zone);
}

function* hostOwners(zone: Zone): Generator<OwnerSets> {
  for (const name of hostNames(zone, zone.apex)) {
    const found = findHosted(zone, name);
    if (found.status === 'exists') yield [name, found.rrsets()];
  }
}

function* forwardParts(zone: Zone): Generator<PartBelow> {
  const { apex, clusters, definition } = zone;
  // `arpa` sorts before `pod` and `svc`.
  if (hasReverseNames(zone)) yield wholePart(zone, ARPA, () => reverseOwners(zone));
  const namespaces = namespacesOf(zone);
  const states = (namespace: string) => clusters.map((cluster) => cluster.namespaces.get(namespace));
  if (definition.kind === 'cluster' && definition.stanzas.some(({ pods }) => pods === 'verified')) {
    for (const namespace of namespaces) {
      const pods = states(namespace).flatMap((state) => [state?.exists, state?.podsByAddress]);
      const owners = () => sortOwners(podOwners(zone, namespace));
      yield {
        base: childOf(namespace, childOf('pod', apex)),
        key: `pods ${namespace}`,
        facts: [definition, 'pods', namespace, ...pods],
        owners,
        sets: () => setsOfOwners(owners()),
      };
    }
  }
  for (const namespace of namespaces) {
    for (const [service, entries] of serviceEntries(definition.kind, states(namespace))) {
      yield new ServicePart(zone, namespace, service, entries);
    }
  }
}

/** The names of one service. There are many: what is made of them only now and then is made when it is asked for. */
class ServicePart implements PartBelow {
  readonly #zone: Zone;
  readonly #namespace: string;
  readonly #service: string;
  readonly #entries: readonly unknown[];

  constructor(zone: Zone, namespace: string, service: string, entries: readonly unknown[]) {
    this.#zone = zone;
    this.#namespace = namespace;
    this.#service = service;
    this.#entries = entries;
  }

  get facts(): readonly unknown[] {
    // Not spread: a list that grows while it is made has room for sixteen more, and many are kept.
    const own: unknown[] = [this.#zone.definition, this.#namespace, this.#service];
    return own.concat(this.#entries);
  }

  get key(): string {
    return `${this.#service} ${this.#namespace}`;
  }

  get base(): DomainName {
    return childOf(this.#service, childOf(this.#namespace, childOf('svc', this.#zone.apex)));
  }

  owners(): OwnerSets[] {
    return sortOwners(serviceSets(this.#zone, this.#namespace, this.#service));
  }

  sets(): Generator<RRset> {
    return setsOfOwners(this.owners());
  }
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
