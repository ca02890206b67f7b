/**
 * Compaction: the oldest batches make way for the state that they came to.
 *
 * The order makes every moment safe. The new base is written first, bit by bit, and counts for nothing. Then one transaction
 * records the removal: from there on the log begins behind it. What it removed is deleted afterwards, bit by bit; whoever
 * finds rows from before the beginning leaves them alone, and the next compaction goes on with them.
 *
 * Every step is a transaction of a few milliseconds at most, so that the writer's commits come in between.
 */
import type { Database } from '../database.ts';
import type { Position } from '../ingest/event.ts';
import { windowStart } from '../ingest/log-window.ts';
import { type Removal, recordRemoval } from '../ingest/removal.ts';
import { writeBase } from '../projection/base.ts';
import { writeState } from '../projection/state-text.ts';
import { type Cut, findCut } from './cut.ts';

export interface CompactionOrder {
  /** The last batch that may go; the cut may have to be earlier. Its versions must be in the journal. */
  readonly until: number;
  /** What asks for it: `retain 30d` … */
  readonly reason: string;
  /** Unix milliseconds. */
  readonly now: number;
  /** For tests that end the process at a named point. */
  readonly crashPoint?: (name: CompactionPoint) => void;
}

export type CompactionPoint = 'base-part' | 'before-removal-commit' | 'after-removal-commit' | 'rows-removed';

/** Rows that one transaction removes. */
const EVENTS_STEP = 500;
const MENTIONS_STEP = 1000;
const VERSIONS_STEP = 500;
const CHANGES_STEP = 50;
/** Parts of a state: each is some hundred kilobytes. */
const PARTS_STEP = 2;
/** Pages that are given back to the disk at once. */
const VACUUM_STEP = 64;
/** Free pages that are left for what comes next: one of so many, and never fewer than this. */
const FREE_SHARE = 20;
const FREE_PAGES = 256;

/**
 * Removes what is up to a batch, and what an earlier compaction left. One at a time for each database.
 * @returns what was removed; undefined when nothing could be
 * @throws OperatorError where the log is not what was written, SqliteError when the disk does not take it; what is done stays
 */
export function* compact(db: Database, order: CompactionOrder): Generator<undefined, Removal | undefined> {
  const crashPoint = order.crashPoint ?? (() => undefined);
  yield* sweep(db, crashPoint);
  if (order.until <= windowStart(db).batch) return undefined;
  const cut = yield* findCut(db, order.until);
  if (cut === undefined) return undefined;
  const texts = writeState(cut.world, cut);
  const parts = writeBase(db, cut.batch, texts);
  for (;;) {
    const part = parts.next();
    crashPoint('base-part');
    if (part.done) {
      const removal = record(db, cut, part.value, order, crashPoint);
      yield* sweep(db, crashPoint);
      return removal;
    }
    yield;
  }
}

/** Is there anything that an earlier compaction did not come to? */
export function hasLeftovers(db: Database): boolean {
  const { batch } = windowStart(db);
  const oldest = db.prepare<[], number>('SELECT batch FROM batch ORDER BY batch LIMIT 1').pluck().get();
  return (oldest !== undefined && oldest <= batch) || strayBase(db, batch) !== undefined;
}

function record(
  db: Database,
  { batch }: Cut,
  base: Buffer,
  { reason, now }: CompactionOrder,
  crashPoint: (name: CompactionPoint) => void,
): Removal {
  const before = windowStart(db);
  const rowOf = db.prepare<[number], { readonly time: number; readonly last: Position; readonly hash: Buffer }>(
    'SELECT time, first + count - 1 AS last, hash FROM batch WHERE batch = ?',
  );
  const last = rowOf.get(batch);
  const first = rowOf.get(before.batch + 1);
  if (last === undefined || first === undefined) throw new Error(`batch ${batch} is gone before it was removed`);
  const removal: Removal = {
    firstBatch: before.batch + 1,
    lastBatch: batch,
    firstPosition: before.position + 1,
    lastPosition: last.last,
    firstTime: first.time,
    lastTime: last.time,
    anchor: last.hash,
    base,
    removedAt: now,
    reason,
  };
  db.transaction(() => {
    recordRemoval(db, removal);
    crashPoint('before-removal-commit');
  }).immediate();
  crashPoint('after-removal-commit');
  return removal;
}

/** Deletes what is before the beginning of the log. */
function* sweep(db: Database, crashPoint: (name: CompactionPoint) => void): Generator<undefined> {
  const { batch, position } = windowStart(db);
  let hasRemoved = false;
  while (removeEvents(db, position)) {
    hasRemoved = true;
    crashPoint('rows-removed');
    yield;
  }
  if (hasRemoved) yield* sweepMentions(db);
  yield* untilNone(db, 'DELETE FROM batch WHERE batch IN (SELECT batch FROM batch WHERE batch <= ? LIMIT ?)', [
    batch,
    VERSIONS_STEP,
  ]);
  const zones = db.prepare<[], number>('SELECT id FROM zone').pluck().all();
  for (const zone of zones) {
    yield* untilNone(
      db,
      `DELETE FROM zone_change WHERE id IN
         (SELECT id FROM zone_change WHERE zone = ? AND batch <= ? ORDER BY batch LIMIT ?)`,
      [zone, batch, CHANGES_STEP],
    );
    // The last one stays: its serial is that of the base.
    yield* untilNone(
      db,
      `DELETE FROM zone_version WHERE zone = ? AND batch IN (SELECT batch FROM zone_version
         WHERE zone = ? AND batch < (SELECT max(batch) FROM zone_version WHERE zone = ? AND batch <= ?) LIMIT ?)`,
      [zone, zone, zone, batch, VERSIONS_STEP],
    );
  }
  for (;;) {
    const stray = strayBase(db, batch);
    if (stray === undefined) break;
    yield* untilNone(db, 'DELETE FROM base_part WHERE rowid IN (SELECT rowid FROM base_part WHERE batch = ? LIMIT ?)', [
      stray,
      PARTS_STEP,
    ]);
  }
  yield* untilNone(
    db,
    'DELETE FROM snapshot_part WHERE rowid IN (SELECT rowid FROM snapshot_part WHERE batch < ? LIMIT ?)',
    [batch, PARTS_STEP],
  );
  yield* untilNone(db, 'DELETE FROM snapshot WHERE batch IN (SELECT batch FROM snapshot WHERE batch < ? LIMIT ?)', [
    batch,
    VERSIONS_STEP,
  ]);
  yield* giveBack(db);
}

/** Runs a statement until it changes nothing more. */
function* untilNone(db: Database, sql: string, values: readonly number[]): Generator<undefined> {
  const statement = db.prepare<number[]>(sql);
  while (statement.run(...values).changes > 0) yield;
}

/**
 * Removes some events, and the objects that are gone with them: no event is left of them, and the last one told that they
 * were deleted. What an object in the base is called is still looked for. @returns whether there were any events
 */
function removeEvents(db: Database, until: Position): boolean {
  const first = db
    .prepare<[Position], Position>('SELECT position FROM event WHERE position <= ? ORDER BY position LIMIT 1')
    .pluck()
    .get(until);
  if (first === undefined) return false;
  const last = Math.min(until, first + EVENTS_STEP - 1);
  db.transaction(() => {
    const deleted = db
      .prepare<[Position, Position], number>(
        `SELECT object FROM (SELECT object, kind, max(position) FROM event WHERE position BETWEEN ? AND ? GROUP BY object)
         WHERE kind IN (SELECT id FROM word WHERE text LIKE '%Deleted')`,
      )
      .pluck()
      .all(first, last);
    db.prepare('DELETE FROM event WHERE position BETWEEN ? AND ?').run(first, last);
    const forget = db.prepare<[number]>(
      'DELETE FROM object WHERE id = ? AND NOT EXISTS (SELECT 1 FROM event WHERE event.object = object.id)',
    );
    for (const object of deleted) forget.run(object);
  }).immediate();
  return true;
}

/** Removes what the index has of objects that are gone. */
function* sweepMentions(db: Database): Generator<undefined> {
  type Mention = [term: string, object: number];
  const page = db
    .prepare<[...Mention, number], Mention>(
      'SELECT term, object FROM mention WHERE (term, object) > (?, ?) ORDER BY term, object LIMIT ?',
    )
    .raw();
  const isThere = db.prepare<[number]>('SELECT 1 FROM object WHERE id = ?').pluck();
  const remove = db.prepare<[...Mention, number]>(
    'DELETE FROM mention WHERE term = ? AND object = ? AND NOT EXISTS (SELECT 1 FROM object WHERE id = ?)',
  );
  let last: Mention = ['', 0];
  for (;;) {
    const mentions = page.all(...last, MENTIONS_STEP);
    const next = mentions.at(-1);
    if (next === undefined) return;
    last = next;
    const gone = mentions.filter(([, object]) => isThere.get(object) === undefined);
    if (gone.length > 0)
      db.transaction(() => {
        for (const [term, object] of gone) remove.run(term, object, object);
      }).immediate();
    yield;
  }
}

/** A base that is not the one that the log begins with. */
function strayBase(db: Database, batch: number): number | undefined {
  return db.prepare<[number], number>('SELECT batch FROM base_part WHERE batch <> ? LIMIT 1').pluck().get(batch);
}

/** Free pages go back to the disk, but for some that the next events take. */
function* giveBack(db: Database): Generator<undefined> {
  const count = (what: 'freelist_count' | 'page_count') => Number(db.pragma(what, { simple: true }));
  for (let free = count('freelist_count'); ; ) {
    const kept = Math.max(FREE_PAGES, Math.ceil(count('page_count') / FREE_SHARE));
    if (free <= kept) return;
    db.pragma(`incremental_vacuum(${Math.min(VACUUM_STEP, free - kept)})`);
    const left = count('freelist_count');
    // A file from before this program gave anything back: its free pages are used again, but it does not shrink.
    if (left >= free) return;
    free = left;
    yield;
  }
}
