/** When a log is compacted, and up to where. */
import type { Database } from '../database.ts';
import { lastBatchAt, windowStart } from '../ingest/log-window.ts';

/** How much of the log is kept; undefined: all. */
export interface Keeping {
  /** Milliseconds. */
  readonly retain: { readonly value: number; readonly text: string } | undefined;
  /** Octets of the database. */
  readonly maxSize: { readonly value: number; readonly text: string } | undefined;
}

/** A compaction that is due. */
export interface Due {
  /** The last batch that may go. */
  readonly until: number;
  readonly reason: string;
  /** Those in use, where they are why more goes than is too old. */
  readonly octets?: number;
}

/** What is too old is left until it is one event of so many: a base is written each time. */
const LEAST_SHARE = 50;

/** A database that is too large is brought down to this share of its limit, by estimate. */
const SIZE_GOAL = 0.8;
/** Of the events, in one go. */
const LEAST_CUT = 0.1;
const MOST_CUT = 0.9;

/**
 * @param now Unix milliseconds
 * @param until the last batch that may go at all: readers of the log are past it
 * @returns undefined when nothing is to be done
 */
export function dueCompaction(db: Database, keeping: Keeping, now: number, until: number): Due | undefined {
  return db.transaction((): Due | undefined => {
    const window = windowStart(db);
    const { retain, maxSize } = keeping;
    const last = lastPositionOf(db, Number.MAX_SAFE_INTEGER) ?? window.position;
    const events = last - window.position;
    const size = usedOctets(db);
    const tooOld = retain === undefined ? 0 : Math.min(until, lastBatchAt(db, now - retain.value));
    if (maxSize !== undefined && size > maxSize.value && events > 0) {
      const share = Math.min(MOST_CUT, Math.max(LEAST_CUT, 1 - (SIZE_GOAL * maxSize.value) / size));
      const batch = Math.min(until, batchOf(db, window.position + Math.ceil(events * share)) ?? 0);
      if (batch > Math.max(window.batch, tooOld))
        return { until: batch, reason: `max_size ${maxSize.text}`, octets: size };
    }
    if (retain === undefined || tooOld <= window.batch) return undefined;
    const removable = (lastPositionOf(db, tooOld) ?? window.position) - window.position;
    return removable * LEAST_SHARE < events ? undefined : { until: tooOld, reason: `retain ${retain.text}` };
  })();
}

/** Octets of the database's pages that hold something. */
export function usedOctets(db: Database): number {
  const read = (name: string) => Number(db.pragma(name, { simple: true }));
  return (read('page_count') - read('freelist_count')) * read('page_size');
}

/** `1.5 GB` */
export function sizeText(octets: number): string {
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.max(1, Math.floor(Math.log10(Math.max(1, octets)) / 3)));
  return `${(octets / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** The position of the last event up to a batch. */
function lastPositionOf(db: Database, batch: number): number | undefined {
  return db
    .prepare<[number], number>('SELECT first + count - 1 FROM batch WHERE batch <= ? ORDER BY batch DESC LIMIT 1')
    .pluck()
    .get(batch);
}

function batchOf(db: Database, position: number): number | undefined {
  return db.prepare<[number], number>('SELECT batch FROM event WHERE position = ?').pluck().get(position);
}
