/**
 * Since when the log tells everything. Compaction removes the oldest batches; what they came to is kept as the base (the
 * state after the last of them), so every question about that moment or a later one has its exact answer.
 */
import { type Database, prepareOnce } from '../database.ts';
import type { Position } from './event.ts';
import { EMPTY_HASH } from './log-chain.ts';

export interface LogWindow {
  /** The last batch that was removed; the state after it is known. 0: the log is whole. */
  readonly batch: number;
  readonly position: Position;
  /** Unix milliseconds, the time of that batch: what was before can't be told. 0: the log is whole. */
  readonly time: number;
  /** Hash of that batch, which the chain goes on from. */
  readonly hash: Buffer;
}

const WHOLE: LogWindow = { batch: 0, position: 0, time: 0, hash: EMPTY_HASH };

/** Where the log begins. Ask in the same read transaction as what depends on it. */
export function windowStart(db: Database): LogWindow {
  const row = prepareOnce<[], LogWindow>(
    db,
    `SELECT last_batch AS batch, last_position AS position, last_time AS time, anchor AS hash
     FROM removal ORDER BY id DESC LIMIT 1`,
  ).get();
  return row ?? WHOLE;
}

/**
 * The batch that was the newest at a time (Unix milliseconds); never lower than the window's start, and 0 before the first
 * batch of a whole log. Times never go back, so the place is found by halving.
 */
export function lastBatchAt(db: Database, time: number): number {
  const timeOf = db.prepare<[number], number>('SELECT time FROM batch WHERE batch = ?').pluck();
  let low = windowStart(db).batch;
  let high = db.prepare<[], number>('SELECT batch FROM batch ORDER BY batch DESC LIMIT 1').pluck().get() ?? low;
  // `low` is not later than the time, nothing above `high` is.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((timeOf.get(middle) ?? Number.POSITIVE_INFINITY) <= time) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A moment in the words of an operator: `2026-11-21T02:45:00.000Z`. */
export function timeText(time: number): string {
  return new Date(time).toISOString();
}
