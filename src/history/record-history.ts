/** What a name was, version by version, and which events made it so. */
import { type DomainName, parseName } from '../dns/name.ts';
import type { RRType } from '../dns/rrset.ts';
import { RRType as Types } from '../dns/rrset.ts';
import { parseType, typeText } from '../dns/type-text.ts';
import { ok } from '../errors.ts';
import type { ClusterEvent, ClusterId, FactsOf, ObjectKind } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { foldEvents } from '../projection/fold.ts';
import { EMPTY_WORLD, factsAt, type World } from '../projection/state.ts';
import { Touched } from '../projection/touched.ts';
import { findName } from '../projection/zone.ts';
import type { Cause, Page, RecordValue, TextRecord, VersionRef } from './answers.ts';
import { factChanges } from './fact-changes.ts';
import { eventsOfBatch } from './log-events.ts';
import { quote } from './moment.ts';
import { limitOf, numberCursor } from './paging.ts';
import { type Answered, problem } from './problem.ts';
import { apexOf, type HistorySource, type Place } from './source.ts';
import { isConcerned, subjectOf } from './subject.ts';
import { textRecords } from './text.ts';
import { zoneIn } from './worlds.ts';

export interface RecordQuery {
  readonly name: string;
  readonly type?: string | undefined;
  /** Only this zone, where the name is in several. */
  readonly zone?: string | undefined;
  /** Moments. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export function recordHistory(source: HistorySource, query: RecordQuery): Answered<Page<RecordValue>> {
  const name = nameOf(query.name);
  if (!name.ok) return name;
  const type = typeOf(query.type);
  if (!type.ok) return type;
  const limit = limitOf(query.limit);
  if (!limit.ok) return limit;
  const cursor = numberCursor(query.cursor);
  if (!cursor.ok) return cursor;
  const zones = zonesFor(source, name.value, query.zone);
  if (!zones.ok) return zones;
  const end = source.place(query.to, zones.value);
  if (!end.ok) return end;
  const begin = query.from === undefined ? ok({ batch: 0, time: 0 }) : source.placeBefore(query.from, zones.value);
  if (!begin.ok) return begin;

  const values = [...zones.value.flatMap((zone) => valuesIn(source, zone, name.value, type.value, end.value))];
  const isAsked = ({ from, to }: RecordValue) =>
    (to === undefined || to.batch > begin.value.batch) && (cursor.value === undefined || from.batch < cursor.value);
  const asked = values.filter(isAsked).sort((a, b) => b.from.batch - a.from.batch);
  const last = asked[limit.value - 1];
  const items = last === undefined ? asked : asked.filter(({ from }) => from.batch >= last.from.batch);
  return ok({ items, ...(items.length < asked.length && last && { next: String(last.from.batch) }) });
}

export function nameOf(text: string): Answered<DomainName> {
  const name = parseName(text);
  return name === undefined ? problem('badInput', `${quote(text)}: not a domain name`) : ok(name);
}

export function typeOf(text: string | undefined): Answered<RRType | undefined> {
  if (text === undefined) return ok(undefined);
  const type = parseType(text);
  return type === undefined ? problem('badInput', `${quote(text)}: not a record type`) : ok(type);
}

export function zonesFor(source: HistorySource, name: DomainName, only: string | undefined): Answered<ZoneId[]> {
  const zones = source
    .zonesOfName(name)
    .filter((zone) => only === undefined || zone === only || apexOf(zone) === parseName(only));
  return zones.length > 0 ? ok(zones) : problem('unknownZone', `${name} is in no zone of ${source.file}`);
}

interface Found {
  readonly sets: ReadonlyMap<RRType, readonly TextRecord[]>;
}

/** The values of a name's sets in one zone, oldest first. */
function valuesIn(
  source: HistorySource,
  zone: ZoneId,
  name: DomainName,
  type: RRType | undefined,
  end: Place,
): RecordValue[] {
  const values: RecordValue[] = [];
  const open = new Map<RRType, number>();
  let world: World = EMPTY_WORLD;
  let before: Found = { sets: new Map() };
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(world, cluster, kind, key);
  for (const batch of source.log().read(1, previous)) {
    if (batch.batch > end.batch) break;
    const old = world;
    world = foldEvents(world, batch.events, new Touched());
    const after = setsOf(source, world, zone, name, type, batch.batch);
    for (const changed of new Set([...before.sets.keys(), ...after.sets.keys()])) {
      const [was, is] = [before.sets.get(changed) ?? [], after.sets.get(changed) ?? []];
      const removed = without(was, is);
      const added = without(is, was);
      if (removed.length === 0 && added.length === 0) continue;
      const from: VersionRef = source.ref(batch, zone);
      const at = open.get(changed);
      if (at !== undefined) values[at] = { ...(values[at] as RecordValue), to: from };
      open.set(changed, values.length);
      const causes = causesOf(source, batch.batch, batch.events, zone, name, old);
      values.push({ zone, name, type: typeText(changed), records: is, from, removed, added, causes });
    }
    before = after;
  }
  return values;
}

function setsOf(
  source: HistorySource,
  world: World,
  id: ZoneId,
  name: DomainName,
  type: RRType | undefined,
  batch: number,
): Found {
  const zone = zoneIn(source, world, id, batch);
  const found = zone && findName(zone, name);
  const sets = new Map<RRType, readonly TextRecord[]>();
  if (found?.status === 'exists') {
    for (const set of found.rrsets()) {
      // A SOA record changes with every version: that is the zone's timeline.
      if (set.type !== Types.SOA && (type === undefined || set.type === type)) sets.set(set.type, textRecords([set]));
    }
  }
  return { sets };
}

function without(records: readonly TextRecord[], others: readonly TextRecord[]): TextRecord[] {
  const keys = new Set(others.map(({ ttl, data }) => `${ttl} ${data}`));
  return records.filter(({ ttl, data }) => !keys.has(`${ttl} ${data}`));
}

function causesOf(
  source: HistorySource,
  batch: number,
  events: readonly ClusterEvent[],
  zone: ZoneId,
  name: DomainName,
  before: World,
): Cause[] {
  const kind = before.plan.zones.find(({ id }) => id === zone)?.kind ?? 'cluster';
  const subject = subjectOf(name, apexOf(zone), kind);
  const facts = (event: ClusterEvent): FactsOf[ObjectKind] | undefined =>
    'object' in event ? factsAt(before, event.cluster, event.object, event.key) : undefined;
  const logged = eventsOfBatch(source, batch, events.length);
  return events.flatMap((event, index) => {
    const row = logged[index];
    if (row === undefined || !isConcerned(subject, event, facts(event))) return [];
    return [{ ...row, changes: factChanges(facts(event), 'facts' in event ? event.facts : undefined) }];
  });
}
