/**
 * What is known of zones that other servers are the primaries of: the fold of the events about them. Immutable, like all
 * of the world.
 */
import type { DomainName } from '../dns/name.ts';
import { unpackText } from '../dns/packed-text.ts';
import { RecordStore } from '../dns/record-store.ts';
import type { ResourceRecord, SoaRdata } from '../dns/rrset.ts';
import type { ClusterEvent, TransferEvent, ZoneTransferred } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId, ZonePlan } from '../ingest/plan.ts';
import { PersistentMap } from './persistent-map.ts';
import type { Touched } from './touched.ts';

/** One zone as it was transferred last. */
export interface TransferredZone {
  readonly records: RecordStore;
  /** Undefined only while a transfer is half folded. */
  readonly soa: (ResourceRecord & { readonly rdata: SoaRdata }) | undefined;
  /** `ADDRESS:PORT` of the server that it came from. */
  readonly primary: string;
  readonly isExpired: boolean;
}

/** A zone that a catalog has listed. */
export interface FollowedMember {
  readonly catalog: ZoneId;
  readonly label: string;
  readonly group?: string;
}

export interface Transferred {
  readonly zones: PersistentMap<TransferredZone>;
  /** By apex, which is the zone's id too. */
  readonly members: PersistentMap<FollowedMember>;
}

export const NOTHING_TRANSFERRED: Transferred = { zones: PersistentMap.empty(), members: PersistentMap.empty() };

export function isTransferEvent(event: ClusterEvent): event is TransferEvent {
  switch (event.kind) {
    case 'ZoneTransferred':
    case 'ZoneExpired':
    case 'ZoneRefreshed':
    case 'MemberZoneAdded':
    case 'MemberZoneMoved':
    case 'MemberZoneRemoved':
      return true;
    default:
      return false;
  }
}

/** @throws RangeError when the changes of a transfer don't fit what is known: a damaged log */
export function foldTransfer(known: Transferred, event: TransferEvent, touched: Touched): Transferred {
  const { zones, members } = known;
  switch (event.kind) {
    case 'ZoneTransferred':
      touched.zone(event.zone);
      return { ...known, zones: zones.set(event.zone, foldContent(zones.get(event.zone), event)) };
    case 'ZoneExpired':
    case 'ZoneRefreshed': {
      touched.zone(event.zone);
      const zone = zones.get(event.zone);
      const isExpired = event.kind === 'ZoneExpired';
      return zone === undefined ? known : { ...known, zones: zones.set(event.zone, { ...zone, isExpired }) };
    }
    case 'MemberZoneAdded':
    case 'MemberZoneMoved': {
      const { kind, catalog, apex, label, group } = event;
      touched.zone(apex);
      return {
        zones: kind === 'MemberZoneAdded' ? zones.delete(apex) : zones,
        members: members.set(apex, { catalog, label, ...(group !== undefined && { group }) }),
      };
    }
    case 'MemberZoneRemoved':
      touched.zone(event.apex);
      return { zones: zones.delete(event.apex), members: members.delete(event.apex) };
  }
}

function foldContent(
  before: TransferredZone | undefined,
  { zone, primary, removed, added }: ZoneTransferred,
): TransferredZone {
  const editor = (before?.records ?? RecordStore.empty(apexOfZone(zone))).edit();
  editor.removeAll(unpackText(removed));
  editor.addAll(unpackText(added));
  const records = editor.finish();
  return { records, soa: records.soa(), primary, isExpired: false };
}

/** The apex that a zone's id begins with. */
export function apexOfZone(id: ZoneId): DomainName {
  return id.replace(/#\d+$/, '') as DomainName;
}

/** What is left under a new plan: zones and members that are no longer asked for are forgotten. */
export function keepPlanned(known: Transferred, plan: ZonePlan): Transferred {
  const planned = new Map(plan.zones.map((definition) => [definition.id, definition]));
  let { zones, members } = known;
  for (const [apex, { catalog }] of members.entries()) {
    if (planned.get(catalog)?.isFollowed !== true || planned.has(apex)) members = members.delete(apex);
  }
  for (const id of zones.keys()) {
    if (planned.get(id)?.kind !== 'secondary' && !members.has(id)) zones = zones.delete(id);
  }
  return zones === known.zones && members === known.members ? known : { zones, members };
}

const planned = new WeakMap<ZonePlan, Map<ZoneId, ZoneDefinition>>();

/** The definition of a zone of the plan or of a member of a catalog; undefined when there is none (any more). */
export function definitionOf(plan: ZonePlan, { members }: Transferred, id: ZoneId): ZoneDefinition | undefined {
  let definitions = planned.get(plan);
  if (definitions === undefined) {
    definitions = new Map(plan.zones.map((definition) => [definition.id, definition]));
    planned.set(plan, definitions);
  }
  return definitions.get(id) ?? memberDefinition(id, members.get(id));
}

/** The definitions of all zones: those of the plan, then the members of catalogs. */
export function* definitionsOf(plan: ZonePlan, { members }: Transferred): Generator<ZoneDefinition> {
  yield* plan.zones;
  for (const [apex, member] of members.entries()) yield memberDefinition(apex, member) as ZoneDefinition;
}

/** The members of all catalogs, by their apexes. */
export function* membersOf({ members }: Transferred): Generator<readonly [apex: DomainName, FollowedMember]> {
  for (const [apex, member] of members.entries()) yield [apex as DomainName, member];
}

function memberDefinition(apex: string, member: FollowedMember | undefined): ZoneDefinition | undefined {
  if (member === undefined) return undefined;
  const { catalog: memberOf } = member;
  return { id: apex, apex: apex as DomainName, kind: 'secondary', stanzas: [], localAddresses: [], memberOf };
}
