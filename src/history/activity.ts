/** How much happened, in numbers: what a page draws, and what it looks at to see that something is new. */
import { ok } from '../errors.ts';
import type { VersionDensity } from './answers.ts';
import { type Answered, problem } from './problem.ts';
import { type HistorySource, iso, type Place } from './source.ts';
import { zoneIdOf } from './zone-at.ts';

export interface DensityQuery {
  readonly zone: string;
  /** Moments; a `from` before the log is where the log begins. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** 1 to 1000; 120 unless told. */
  readonly buckets?: number | undefined;
}

const DEFAULT_BUCKETS = 120;
const MOST_BUCKETS = 1000;

/** How many versions a zone got in each part of a time. */
export function density(source: HistorySource, query: DensityQuery): Answered<VersionDensity> {
  const { buckets = DEFAULT_BUCKETS } = query;
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > MOST_BUCKETS) {
    return problem('badInput', `buckets ${buckets}: it is a number from 1 to ${MOST_BUCKETS}`);
  }
  const id = zoneIdOf(source, query.zone);
  if (!id.ok) return id;
  const extent = source.extent();
  if (!extent.ok) return extent;
  const { first, last } = extent.value;
  const from = query.from === undefined ? ok(first.time) : timeOf(source, query.from, id.value, first);
  if (!from.ok) return from;
  const to = query.to === undefined ? ok(source.now()) : timeOf(source, query.to, id.value, first);
  if (!to.ok) return to;
  if (from.value > to.value) {
    return problem('badInput', `from ${iso(from.value)} to ${iso(to.value)}: the end is before the beginning`);
  }
  const begin = source.placeBefore(iso(from.value), []);
  const end = to.value >= last.time ? ok(last) : source.placeAt(Math.max(to.value, first.time));
  if (!begin.ok) return begin;
  if (!end.ok) return end;
  const width = Math.max(1, Math.ceil((to.value - from.value + 1) / buckets));
  const counts = new Array<number>(buckets).fill(0);
  const rows = source.db
    .prepare<[{ from: number; width: number; zone: string; begin: number; end: number }], [number, number]>(
      `SELECT CAST((time - @from) / @width AS INTEGER) AS bucket, count(*) FROM zone_version
       WHERE zone = (SELECT id FROM zone WHERE name = @zone) AND batch > @begin AND batch <= @end GROUP BY bucket`,
    )
    .raw()
    .all({ from: from.value, width, zone: id.value, begin: begin.value.batch, end: end.value.batch });
  let versions = 0;
  for (const [bucket, count] of rows) {
    if (bucket < 0 || bucket >= buckets) continue;
    counts[bucket] = count;
    versions += count;
  }
  return ok({ zone: id.value, from: iso(from.value), to: iso(to.value), bucketMs: width, versions, counts });
}

/** The time of a moment, not before the log. */
function timeOf(source: HistorySource, text: string, zone: string, first: Place): Answered<number> {
  const moment = source.moment(text);
  if (!moment.ok) return moment;
  if (moment.value.kind === 'now') return ok(source.now());
  if (moment.value.kind === 'time') return ok(Math.max(moment.value.time, first.time));
  const place = source.placeOfMoment(moment.value, [zone]);
  return place.ok ? ok(place.value.time) : place;
}

/** Events that are counted for a rate, the newest: no more, however much happens. */
const MOST_COUNTED = 20_000;

/** Events per minute of each cluster, over the last `windowMs` milliseconds or the newest events in them. */
export function eventRates(source: HistorySource, windowMs: number): ReadonlyMap<string, number> {
  const until = source.now();
  const newest = source.db.prepare<[], number | null>('SELECT max(position) FROM event').pluck().get() ?? 0;
  const begin = source.placeBefore(iso(until - windowMs), []);
  const batch = begin.ok ? begin.value.batch + 1 : 0;
  const edge = source.db.prepare<[number], number>('SELECT first FROM batch WHERE batch = ?').pluck().get(batch);
  if (edge === undefined) return new Map();
  const position = Math.max(edge, newest - MOST_COUNTED + 1);
  const since =
    position === edge
      ? until - windowMs
      : (source.db
          .prepare<[number], number>(
            'SELECT time FROM batch WHERE batch = (SELECT batch FROM event WHERE position = ?)',
          )
          .pluck()
          .get(position) ?? until);
  const minutes = Math.max(1, until - since) / 60_000;
  const rows = source.db
    .prepare<[number], [string, number]>(
      `SELECT word.text, count(*) FROM event JOIN object ON object.id = event.object JOIN word ON word.id = object.cluster
       WHERE event.position >= ? GROUP BY object.cluster`,
    )
    .raw()
    .all(position);
  return new Map(rows.map(([cluster, count]) => [cluster, count / minutes]));
}

/** Changes whenever another connection has committed something. */
export function dataVersion(source: HistorySource): number {
  return Number(source.db.pragma('data_version', { simple: true }));
}
