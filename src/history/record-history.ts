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
import { mergeScopes, type Scope, scopeOf } from './scope.ts';
import { foldScope, newestPositions, type ScopeBatch, type ScopeEvent, scopeWorldAt } from './scope-events.ts';
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
  const limit = limitOf(query.limit);
  if (!limit.ok) return limit;
  const cursor = numberCursor(query.cursor);
  if (!cursor.ok) return cursor;
  const zones = zonesFor(source, name.value, query.zone);
  if (!zones.ok) return zones;
  const end = source.place(query.to, zones.value);
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
    return teller.newest(range, limit.value + 1);
  });
  values.sort((a, b) => b.from.batch - a.from.batch);
  // A page ends with a whole batch, so that the cursor is a batch.
  const last = values[limit.value - 1]?.from.batch;
  const items = last === undefined ? values : values.filter(({ from }) => from.batch >= last);
  return ok({ items, ...(last !== undefined && items.length < values.length && { next: String(last) }) });
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

/** Events looked at first; twice as many each time that they hold too few values. */
const FIRST_LOOK = 256;

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

  /** The newest values of a range, in no order, as many as are asked for or a few more. */
  newest(range: Range, count: number): RecordValue[] {
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
    for (let look = FIRST_LOOK; ; look *= 2) {
      const positions = newestPositions(states, scope, from, states.endOf(last), look);
      const isAll = positions.length < look;
      const oldest = isAll ? from : (positions.at(-1) as number);
      const after = isAll ? states.window.batch : (this.#source.batchOf(oldest) ?? 1) - 1;
      const told = this.#valuesAfter(scope, after, last, range.end);
      const asked = told.values.filter(
        ({ from: since, to: until }) =>
          since.batch < range.before && (until === undefined || until.batch > range.begin),
      );
      const isEnough = asked.length >= count || (after <= range.begin && !told.isOpenSince(range.begin));
      if (isAll || isEnough) return asked;
    }
  }

  /** What the zone was made of; a member of a catalog is in no plan. */
  #definitions(from: number, to: number) {
    const planned = this.#states.plans.definitions(this.#zone, from, to);
    if (planned.length > 0) return planned;
    const apex = apexOf(this.#zone);
    return [{ id: this.#zone, apex, kind: 'secondary' as const, stanzas: [], localAddresses: [] }];
  }

  /**
   * All values that began after a batch and until `last`, and those that the log begins with; ends of values are looked for
   * until `end`.
   */
  #valuesAfter(scope: Scope, after: number, last: number, end: number) {
    const values: RecordValue[] = [];
    const open = new Map<RRType, number>();
    const start = scopeWorldAt(this.#source, this.#states, scope, after);
    let before = this.#setsIn(start);
    /** Sets whose value began before all that was looked at, with the batch at which it ended. */
    const unknown = new Map<RRType, number>([...before.keys()].map((type) => [type, Number.POSITIVE_INFINITY]));
    const window = this.#states.window;
    if (window.batch > 0 && after === window.batch) {
      // It was so already when what is left of the log begins; since when has been removed.
      for (const [type, records] of before) {
        open.set(type, values.length);
        const from = { ...this.#source.ref(window, this.#zone), isBeforeLog: true as const };
        values.push(this.#value(type, records, from, [], [], []));
      }
      unknown.clear();
    }
    const fold = (batches: Iterable<ScopeBatch>, isMore: boolean) => {
      let world: World | undefined;
      for (const { batch, events, world: next } of batches) {
        world = next;
        const sets = this.#setsIn(next);
        const changed = changesBetween(before, sets);
        before = sets;
        for (const { type, is, removed, added } of changed) {
          const from = this.#source.ref(this.#source.placeOf(batch) ?? { batch, time: 0 }, this.#zone);
          const at = open.get(type);
          if (at !== undefined) values[at] = { ...(values[at] as RecordValue), to: from };
          else if (unknown.get(type) === Number.POSITIVE_INFINITY) unknown.set(type, batch);
          open.delete(type);
          if (!isMore) continue;
          open.set(type, values.length);
          values.push(this.#value(type, is, from, removed, added, this.#causes(events)));
        }
        if (!isMore && open.size === 0) break;
      }
      return world;
    };
    const world = fold(foldScope(this.#states, scope, start, after, last), true) ?? start;
    if (open.size > 0 && last < end) fold(foldScope(this.#states, scope, world, last, end), false);
    return {
      values,
      /** Is there a value whose beginning is not known and that was in force after that batch? */
      isOpenSince: (batch: number) => [...unknown.values()].some((end) => end > batch),
    };
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
    // That a list was complete is told only where nothing else is to tell.
    const about = events.filter(({ event }) => !event.kind.startsWith('Cluster'));
    return (about.length > 0 ? about : events).map((event) => ({
      ...loggedEventOf(this.#source, event),
      changes: factChanges(event.before, 'facts' in event.event ? event.event.facts : undefined),
    }));
  }
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
    const [removed, added] = [without(was, is), without(is, was)];
    return removed.length === 0 && added.length === 0 ? [] : [{ type, is, removed, added }];
  });
}

function without(records: readonly TextRecord[], others: readonly TextRecord[]): TextRecord[] {
  const keys = new Set(others.map(({ ttl, data }) => `${ttl} ${data}`));
  return records.filter(({ ttl, data }) => !keys.has(`${ttl} ${data}`));
}
