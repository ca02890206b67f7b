/** Who held an address. */
import { canonicalAddress, unmapAddress } from '../dns/address.ts';
import { isSubdomain } from '../dns/name.ts';
import { type ResourceRecord, type RRset, recordsOf } from '../dns/rrset.ts';
import { ok } from '../errors.ts';
import type { FactsOf, ObjectKind } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { World } from '../projection/state.ts';
import {
  hasReverseNames,
  podSets,
  ptrSet,
  reverseNameOf,
  serviceSets,
  type Zone,
  zoneRRsets,
} from '../projection/zone.ts';
import type { AddressAnswer, AddressHolder, TextRecord } from './answers.ts';
import { lastEventOf } from './log-events.ts';
import { quote } from './moment.ts';
import type { ObjectRef, ObjectStates } from './object-states.ts';
import { type Answered, problem } from './problem.ts';
import { ScopeBuilder } from './scope-builder.ts';
import { type HistorySource, iso, type Place } from './source.ts';
import { addressesOf } from './subject.ts';
import { textRecord } from './text.ts';
import { worldAt, zoneIn } from './worlds.ts';

export function who(source: HistorySource, text: string, at: string | undefined): Answered<AddressAnswer> {
  // Programs with dual-stack sockets log IPv4 peers as mapped addresses, which no object ever has.
  const address = canonicalAddress(unmapAddress(text));
  if (address === undefined) return problem('badInput', `${quote(text)}: no IP address`);
  const place = source.place(at, source.zoneIds());
  if (!place.ok) return place;
  const states = source.states();
  const position = states.endOf(place.value.batch);
  const builder = new ScopeBuilder(states, position, position);
  builder.address(address);
  builder.pods(address);
  const { refs } = builder;
  const world = states.worldAt(refs, position);
  const holders = [...holdersOf(source, states, refs, address, place.value)];
  const last = holders.length === 0 ? lastHolder(source, states, refs, address, place.value) : undefined;
  return ok({
    address,
    at: { time: iso(place.value.asked), batch: place.value.batch },
    ...(last && { last }),
    holders,
    names: namesOf(source, world, refs, address, place.value),
  });
}

function* holdersOf(
  source: HistorySource,
  states: ObjectStates,
  refs: readonly ObjectRef[],
  address: string,
  place: Place,
): Generator<AddressHolder> {
  const position = states.endOf(place.batch);
  for (const ref of refs) {
    const facts = states.factsAt(ref, position);
    const role = facts && roleOf(facts, address);
    if (role === undefined) continue;
    const since = lastEventOf(source, ref.cluster, ref.kind, ref.key, place.batch);
    yield { ...holderOf(ref), ...role, ...(since && { since }) };
  }
}

function holderOf({ cluster, kind, key }: ObjectRef): Pick<AddressHolder, 'cluster' | 'kind' | 'namespace' | 'name'> {
  const slash = key.indexOf('/');
  return { cluster, kind, namespace: key.slice(0, Math.max(0, slash)), name: key.slice(slash + 1) };
}

/** So many objects are looked at for who had an address last. */
const MOST_FORMER = 100;

/** Who had an address that nobody has, and the event that took it away. */
function lastHolder(
  source: HistorySource,
  states: ObjectStates,
  refs: readonly ObjectRef[],
  address: string,
  place: Place,
): AddressAnswer['last'] {
  let last: { readonly ref: ObjectRef; readonly role: NonNullable<Role>; readonly batch: number } | undefined;
  for (const ref of refs.slice(0, MOST_FORMER)) {
    let before = states.factsAt(ref, states.window.position);
    for (const { batch, event } of states.log.events(
      ref,
      states.window.position + 1,
      states.endOf(place.batch),
      before,
    )) {
      const facts = 'facts' in event ? event.facts : undefined;
      const role = before && roleOf(before, address);
      const isOver = role !== undefined && (facts === undefined || roleOf(facts, address) === undefined);
      if (isOver && batch >= (last?.batch ?? 0)) last = { ref, role, batch };
      before = facts;
    }
  }
  const until = last && lastEventOf(source, last.ref.cluster, last.ref.kind, last.ref.key, last.batch);
  return last && until && { ...holderOf(last.ref), ...last.role, until };
}

type Role = Pick<AddressHolder, 'role' | 'service' | 'pod'> | undefined;

/** What an address is to an object; undefined when it has not got it. */
function roleOf(facts: FactsOf[ObjectKind], address: string): Role {
  if ('endpoints' in facts) {
    const endpoint = facts.endpoints.find(({ addresses }) => addresses.includes(address));
    if (endpoint === undefined) return undefined;
    const [service, pod] = [facts.service ?? facts.imported?.service, endpoint.pod ?? endpoint.hostname];
    return { role: 'endpoint', ...(service !== undefined && { service }), ...(pod !== undefined && { pod }) };
  }
  if ('clusterIPs' in facts && facts.clusterIPs.includes(address)) return { role: 'clusterIP' };
  if ('ips' in facts && facts.ips.includes(address)) return { role: 'clusterIP' };
  if ('addresses' in facts && facts.addresses.includes(address)) return { role: 'pod' };
  return addressesOf(facts).has(address) ? { role: 'external' } : undefined;
}

function namesOf(
  source: HistorySource,
  world: World,
  refs: readonly ObjectRef[],
  address: string,
  place: Place,
): (TextRecord & { readonly zone: string })[] {
  const services = new Set(
    refs.filter(({ kind }) => kind === 'Service' || kind === 'ServiceImport').map(({ key }) => key),
  );
  const pods = new Set(refs.filter(({ kind }) => kind === 'Pod').map(({ key }) => key.slice(0, key.indexOf('/'))));
  return world.plan.zones.flatMap((definition) => {
    const zone = zoneIn(source, world, definition.id, place.batch);
    if (zone === undefined) return [];
    const isOfHosts = definition.kind === 'gateway';
    const sets = isOfHosts ? setsOfHosts(source, definition.id, place) : setsOf(zone, address, services, pods);
    const records = [...sets].flatMap(recordsOf);
    return records
      .filter((record) => isOfAddress(record, address))
      .map((record) => ({ ...textRecord(record), zone: zone.id }));
  });
}

/** A host may have an address that no object tells together with it: of these zones every record is looked at. */
function* setsOfHosts(source: HistorySource, id: ZoneId, place: Place): Generator<RRset> {
  const zone = zoneIn(source, worldAt(source, place.batch), id, place.batch);
  if (zone !== undefined) yield* zoneRRsets(zone);
}

/** The sets in which an address may stand, or which its name owns. */
function* setsOf(
  zone: Zone,
  address: string,
  services: ReadonlySet<string>,
  namespaces: ReadonlySet<string>,
): Generator<RRset> {
  const { kind } = zone.definition;
  if (kind === 'cluster' || kind === 'clusterset') {
    for (const key of services) {
      const [namespace = '', service = ''] = key.split('/');
      for (const sets of serviceSets(zone, namespace, service).values()) yield* sets;
    }
    for (const namespace of namespaces) yield* podSets(zone, namespace, address)[1];
  }
  if (!hasReverseNames(zone)) return;
  const name = reverseNameOf(address);
  const pointer = isSubdomain(name, zone.apex) ? ptrSet(zone, name) : undefined;
  if (pointer !== undefined) yield pointer;
}

function isOfAddress({ rdata }: ResourceRecord, address: string): boolean {
  return rdata.type === 'PTR' || ((rdata.type === 'A' || rdata.type === 'AAAA') && rdata.address === address);
}
