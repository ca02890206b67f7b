/** What a name was, version by version, and which events made it so. */
import { type DomainName, parseName } from '../dns/name.ts';
import { type RRType, RRType as Types } from '../dns/rrset.ts';
import { parseType, typeText } from '../dns/type-text.ts';
import { ok } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { World } from '../projection/state.ts';
import { findName } from '../projection/zone.ts';
import { findOrMake } from '../serve/synth.ts';
import type { Cause, Page, RecordValue, TextRecord, VersionRef } from './answers.ts';
import { factChanges } from './fact-changes.ts';
import { loggedEventOf } from './log-events.ts';
import { quote } from './moment.ts';
import type { ObjectStates } from './object-states.ts';
import { limitOf, numberCursor } from './paging.ts';
import { type Answered, problem } from './problem.ts';
import { endOfRange } from './range.ts';
import { mergeScopes, type Scope, scopeOf } from './scope.ts';
import { foldScope, newestPositions, type ScopeEvent, scopeWorldAt } from './scope-events.ts';
import { apexOf, type HistorySource } from './source.ts';
import { subjectOf } from './subject.ts';
import { textRecords } from './text.ts';
import { zoneOf } from './worlds.ts';

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
  if (type.value === Types.SOA) return ofVersions(type.value);
  const limit = limitOf(query.limit);
  if (!limit.ok) return limit;
  const cursor = numberCursor(query.cursor);
  if (!cursor.ok) return cursor;
  const zones = zonesFor(source, name.value, query.zone);
  if (!zones.ok) return zones;
  const end = endOfRange(source, query, zones.value);
  if (!end.ok) return end;
  const begin = query.from === undefined ? ok({ batch: 0 }) : source.placeBefore(query.from, zones.value);
  if (!begin.ok) return begin;

  const states = source.states();
  const range = {
    begin: Math.max(begin.value.batch, states.window.batch),
    end: end.value.batch,
    before: cursor.value ?? Number.POSITIVE_INFINITY,
  };
  const values = zones.value.flatMap((zone) => {
    const teller = new ValueTeller(source, states, zone, name.value, type.value);
    return teller.newest(range, limit.value);
  });
  // Zones of other servers have digests among their records.
  if (type.value === Types.ZONEMD && values.length === 0 && query.cursor === undefined) return ofVersions(type.value);
  values.sort((a, b) => b.from.batch - a.from.batch);
  // A page ends with a whole batch, so that the cursor is a batch.
  const last = values[limit.value - 1]?.from.batch;
  const items = last === undefined ? values : values.filter(({ from }) => from.batch >= last);
  return ok({ items, ...(last !== undefined && items.length < values.length && { next: String(last) }) });
}

/** They change with everything else: a list of them would be that of all versions. */
function ofVersions(type: RRType): Answered<never> {
  const text = `${typeText(type)} records are of each version of a zone, and no part of a name's history`;
  return problem('badInput', `${text}: tail, diff and zone tell of versions`);
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
  const isAsked = (zone: ZoneId) => only === undefined || zone === only || apexOf(zone) === parseName(only);
  const zones = source.zonesOfName(name).filter(isAsked);
  if (zones.length > 0) return ok(zones);
  const extent = source.extent();
  return extent.ok ? problem('unknownZone', `${name} is in no zone of ${source.file}`) : extent;
}

interface Range {
  /** Values that had ended at that batch are left out. */
  readonly begin: number;
  /** The last batch that counts. */
  readonly end: number;
  /** Values from this batch on are left out: they were told before. */
  readonly before: number;
}

type Sets = ReadonlyMap<RRType, readonly TextRecord[]>;
const NO_SETS: Sets = new Map();

/** Events looked at first; before them so many times as many each time that they hold too few values. */
const FIRST_LOOK = 64;
const LOOK_FARTHER = 4;

/** The first version after a part of the log that changed a type of records; undefined when none did. */
type EndOf = (type: RRType) => VersionRef | undefined;

/** The values that began in a part of the log. */
interface Part {
  readonly values: RecordValue[];
  /** Those that had not ended at its end, by type: where they stand. */
  readonly open: ReadonlyMap<RRType, number>;
  /** The first version in it that changed a type. */
  readonly ends: ReadonlyMap<RRType, VersionRef>;
  /** Types whose values at its beginning began before it. */
  readonly begun: readonly RRType[];
  /** At its end. */
  readonly world: World;
}

function isMoreThanPage(values: readonly RecordValue[], size: number): boolean {
  const batches = values.map(({ from }) => from.batch).sort((a, b) => b - a);
  const last = batches[size - 1];
  return last !== undefined && last > (batches.at(-1) as number);
}

/** Tells the values of one name in one zone. */
class ValueTeller {
  readonly #source: HistorySource;
  readonly #states: ObjectStates;
  readonly #zone: ZoneId;
  readonly #name: DomainName;
  readonly #type: RRType | undefined;

  constructor(source: HistorySource, states: ObjectStates, zone: ZoneId, name: DomainName, type: RRType | undefined) {
    this.#source = source;
    this.#states = states;
    this.#zone = zone;
    this.#name = name;
    this.#type = type;
  }

  /**
   * The newest values of a range, in no order: those of a page of so many, and one that is older where there is any. A page
   * takes all values of a batch, or none.
   */
  newest(range: Range, size: number): RecordValue[] {
    const states = this.#states;
    const [from, to] = [states.window.position + 1, states.endOf(range.end)];
    const last = Math.min(range.end, range.before);
    const definitions = this.#definitions(from, to);
    const subjects = new Map(
      definitions.map((definition) => {
        const subject = subjectOf(this.#name, definition);
        return [JSON.stringify(subject), subject];
      }),
    );
    const scope = mergeScopes([...subjects.values()].map((subject) => scopeOf(states, subject, definitions, from, to)));
    const told: RecordValue[] = [];
    let later: EndOf | undefined;
    let until = last;
    for (let look = scope.isWhole ? FIRST_LOOK * LOOK_FARTHER : FIRST_LOOK; ; look *= LOOK_FARTHER) {
      const positions = newestPositions(states, scope, from, states.endOf(until), look);
      const isAll = positions.length < look;
      const oldest = isAll ? from : (positions.at(-1) as number);
      const after = isAll ? states.window.batch : (this.#source.batchOf(oldest) ?? 1) - 1;
      const part = this.#valuesBetween(scope, after, until);
      const endOf = later ?? this.#endsAfter(scope, part.world, last, range.end);
      for (const [type, at] of part.open) {
        const to = endOf(type);
        if (to !== undefined) part.values[at] = { ...(part.values[at] as RecordValue), to };
      }
      told.push(...part.values);
      later = (type) => part.ends.get(type) ?? endOf(type);
      const asked = told.filter(
        ({ from: since, to }) => since.batch < range.before && (to === undefined || to.batch > range.begin),
      );
      const isEnough =
        isMoreThanPage(asked, size) || (after <= range.begin && !isOpenSince(range.begin, part.begun, later));
      if (isAll || isEnough) return asked;
      until = after;
    }
  }

  /** What the zone was made of; a member of a catalog is in no plan. */
  #definitions(from: number, to: number) {
    const planned = this.#states.plans.definitions(this.#zone, from, to);
    if (planned.length > 0) return planned;
    const apex = apexOf(this.#zone);
    return [{ id: this.#zone, apex, kind: 'secondary' as const, stanzas: [], localAddresses: [] }];
  }

  /** All values that began after a batch and until another, and those that the log begins with. */
  #valuesBetween(scope: Scope, after: number, until: number): Part {
    const values: RecordValue[] = [];
    const open = new Map<RRType, number>();
    const ends = new Map<RRType, VersionRef>();
    let world = scopeWorldAt(this.#source, this.#states, scope, after);
    let before = this.#setsIn(world);
    let begun = [...before.keys()];
    const window = this.#states.window;
    if (window.batch > 0 && after === window.batch) {
      // It was so already when what is left of the log begins; since when has been removed.
      for (const [type, records] of before) {
        open.set(type, values.length);
        const from = { ...this.#source.ref(window, this.#zone), isBeforeLog: true as const };
        values.push(this.#value(type, records, from, [], [], []));
      }
      begun = [];
    }
    for (const { batch, events, world: next } of foldScope(this.#states, scope, world, after, until)) {
      world = next;
      const sets = this.#setsIn(next);
      const changed = changesBetween(before, sets);
      before = sets;
      if (changed.length === 0) continue;
      const from = this.#refOf(batch);
      const causes = this.#causes(events);
      for (const { type, is, removed, added } of changed) {
        const at = open.get(type);
        if (at !== undefined) values[at] = { ...(values[at] as RecordValue), to: from };
        if (!ends.has(type)) ends.set(type, from);
        open.set(type, values.length);
        values.push(this.#value(type, is, from, removed, added, causes));
      }
    }
    return { values, open, ends, begun, world };
  }

  /** Tells which version after a batch, and until `end`, was the first to change a type; looks no farther than it must. */
  #endsAfter(scope: Scope, world: World, after: number, end: number): EndOf {
    const batches = after < end ? foldScope(this.#states, scope, world, after, end) : [].values();
    const ends = new Map<RRType, VersionRef>();
    let before = this.#setsIn(world);
    return (type) => {
      while (!ends.has(type)) {
        const next = batches.next();
        if (next.done === true) break;
        const sets = this.#setsIn(next.value.world);
        for (const { type: changed } of changesBetween(before, sets))
          if (!ends.has(changed)) ends.set(changed, this.#refOf(next.value.batch));
        before = sets;
      }
      return ends.get(type);
    };
  }

  #refOf(batch: number): VersionRef {
    return this.#source.ref(this.#source.placeOf(batch) ?? { batch, time: 0 }, this.#zone);
  }

  #value(
    type: RRType,
    records: readonly TextRecord[],
    from: VersionRef,
    removed: readonly TextRecord[],
    added: readonly TextRecord[],
    causes: readonly Cause[],
  ): RecordValue {
    return { zone: this.#zone, name: this.#name, type: typeText(type), records, from, removed, added, causes };
  }

  #setsIn(world: World): Sets {
    const zone = zoneOf(world, this.#zone, undefined);
    // What a wildcard stands for is a value of the name as well, and nowhere else is it told.
    const isHost = zone?.definition.kind === 'gateway';
    const found = zone && (isHost ? findOrMake : findName)(zone, this.#name);
    if (found?.status !== 'exists') return NO_SETS;
    const sets = new Map<RRType, TextRecord[]>();
    for (const set of found.rrsets()) {
      // A SOA record changes with every version: that is the zone's timeline.
      if (set.type === Types.SOA || (this.#type !== undefined && set.type !== this.#type)) continue;
      sets.set(set.type, [...(sets.get(set.type) ?? []), ...textRecords([set])]);
    }
    return sets;
  }

  #causes(events: readonly ScopeEvent[]): Cause[] {
    // That a list was complete, or what happened above and below the name, is told only where nothing else is to tell.
    const about = events.filter(({ event, isAround }) => isAround !== true && !event.kind.startsWith('Cluster'));
    return (about.length > 0 ? about : events).map((event) => ({
      ...loggedEventOf(this.#source, event),
      changes: factChanges(event.before, 'facts' in event.event ? event.event.facts : undefined),
    }));
  }
}

/** Was a value whose beginning has not been found in force after that batch? */
function isOpenSince(batch: number, begun: readonly RRType[], endOf: EndOf): boolean {
  return begun.some((type) => (endOf(type)?.batch ?? Number.POSITIVE_INFINITY) > batch);
}

interface SetChange {
  readonly type: RRType;
  readonly is: readonly TextRecord[];
  readonly removed: readonly TextRecord[];
  readonly added: readonly TextRecord[];
}

function changesBetween(before: Sets, after: Sets): SetChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((type) => {
    const [was, is] = [before.get(type) ?? [], after.get(type) ?? []];
    if (isSame(was, is)) return [];
    const [removed, added] = [without(was, is), without(is, was)];
    return removed.length === 0 && added.length === 0 ? [] : [{ type, is, removed, added }];
  });
}

function isSame(some: readonly TextRecord[], others: readonly TextRecord[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ ttl, data }, i) => ttl === others[i]?.ttl && data === others[i]?.data)
  );
}

function without(records: readonly TextRecord[], others: readonly TextRecord[]): TextRecord[] {
  const keys = new Set(others.map(({ ttl, data }) => `${ttl} ${data}`));
  return records.filter(({ ttl, data }) => !keys.has(`${ttl} ${data}`));
}
