/**
 * Snapshots: the state of all clusters after a batch, so that a start reads a few megabytes instead of the whole log.
 * Written in parts, between which other work goes on; a snapshot counts only when its last part is there.
 */
import { deflateSync, inflateSync } from 'node:zlib';
import type { Database } from '../database.ts';
import type { Serial } from '../dns/serial.ts';
import { OperatorError } from '../errors.ts';
import { timeText, windowStart } from '../ingest/log-window.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { readBase } from './base.ts';
import type { ProjectorStart } from './projector.ts';
import { countObjects, EMPTY_WORLD, type World } from './state.ts';
import { readHead, readWorld, writeState } from './state-text.ts';

/** The newest ones are kept: one to start from, and the one before it in case the newest can't be read. */
const NEWEST = 2;

/**
 * Older ones are kept for questions about the past, which replay the log from the last one before: so many events apart, and
 * farther where a snapshot is large, so that all together have at most so many octets for each event.
 */
const EVENTS_APART = 15_000;
const OCTETS_PER_EVENT = 40;

/** Least and most events between two snapshots. */
const LEAST_BETWEEN = 5_000;
const MOST_BETWEEN = 20_000;

/**
 * After how many events it is time for the next snapshot, where nobody asks for another number: to fold half as many events as
 * there are objects takes about as long as to read those, so a start takes at most twice as long as one without events.
 */
export function eventsBetweenSnapshots(world: World): number {
  return Math.min(MOST_BETWEEN, Math.max(LEAST_BETWEEN, Math.floor(countObjects(world) / 2)));
}

/**
 * Writes a snapshot step by step: each `next()` writes one part.
 * @param serials of the zones as published at `batch`
 * @throws SqliteError when the disk does not take it; the unfinished snapshot is of no consequence
 */
export function* writeSnapshot(
  db: Database,
  world: World,
  batch: number,
  serials: readonly (readonly [ZoneId, Serial])[],
): Generator<undefined> {
  const texts = writeState(world, { serials });
  const head = texts.next().value;
  db.transaction(() => {
    db.prepare('DELETE FROM snapshot WHERE is_complete = 0 OR batch = ?').run(batch);
    db.prepare('INSERT INTO snapshot (batch, is_complete, head) VALUES (?, 0, ?)').run(batch, head);
  })();
  const insert = db.prepare('INSERT INTO snapshot_part (batch, part, body) VALUES (?, ?, ?)');
  let number = 0;
  for (const text of texts) {
    insert.run(batch, number++, deflateSync(text, { level: 1 }));
    yield;
  }
  db.transaction(() => {
    db.prepare('UPDATE snapshot SET is_complete = 1 WHERE batch = ?').run(batch);
    thinOut(db, batch);
  })();
}

/** Deletes snapshots that stand too close to others, and none of the newest. */
function thinOut(db: Database, newest: number): void {
  const octets = db
    .prepare<[number], number>('SELECT sum(length(body)) FROM snapshot_part WHERE batch = ?')
    .pluck()
    .get(newest);
  const apart = Math.max(EVENTS_APART, (octets ?? 0) / OCTETS_PER_EVENT);
  const older = db
    .prepare<[number], { batch: number; position: number | null }>(
      `SELECT snapshot.batch, first + count AS position FROM snapshot LEFT JOIN batch USING (batch)
       WHERE is_complete = 1 ORDER BY snapshot.batch DESC LIMIT -1 OFFSET ?`,
    )
    .all(NEWEST)
    .reverse();
  const drop = db.prepare<[number]>('DELETE FROM snapshot WHERE batch = ?');
  let last: number | undefined;
  for (const { batch, position } of older) {
    // The batch of the first one may have been removed from the log.
    if (last !== undefined && position !== null && position < last + apart) drop.run(batch);
    else last = position ?? 0;
  }
}

/**
 * The state after the newest whole snapshot at or before a batch, or the base of the log; the empty one when there is
 * neither.
 * @throws OperatorError when the batch was removed from the log, so that nobody knows its state
 */
export function readSnapshot(db: Database, until: number): ProjectorStart {
  return db.transaction(() => {
    const window = windowStart(db);
    if (until < window.batch) {
      const begins = `the log begins at ${timeText(window.time)}, after batch ${window.batch}`;
      throw new OperatorError(`${db.name}: ${begins}: what was before has been removed`);
    }
    const batches = db
      .prepare<[number, number], number>(
        'SELECT batch FROM snapshot WHERE is_complete = 1 AND batch BETWEEN ? AND ? ORDER BY batch DESC',
      )
      .pluck()
      .all(window.batch, until);
    for (const batch of batches) {
      const found = readSnapshotOf(db, batch);
      if (found !== undefined) return found;
    }
    return readBase(db) ?? { world: EMPTY_WORLD, batch: 0, serials: new Map<ZoneId, Serial>() };
  })();
}

/** The snapshot of that batch; undefined when there is none, or it is of a later shape than this program knows. */
export function readSnapshotOf(db: Database, batch: number): ProjectorStart | undefined {
  const text = db
    .prepare<[number], string>('SELECT head FROM snapshot WHERE is_complete = 1 AND batch = ?')
    .pluck()
    .get(batch);
  const head = text === undefined ? undefined : readHead(text);
  return head && { world: readWorld(head, partsOf(db, batch)), batch, serials: new Map(head.serials) };
}

/** Nothing is begun before the first is asked for: who never asks would leave the connection busy. */
function* partsOf(db: Database, batch: number): Generator<string> {
  const bodies = db
    .prepare<[number], Buffer>('SELECT body FROM snapshot_part WHERE batch = ? ORDER BY part')
    .pluck()
    .iterate(batch);
  for (const body of bodies) yield (body[0] === PLAIN ? body : inflateSync(body)).toString();
}

/** What JSON begins with; what is deflated begins with 0x78 (RFC 1950). */
const PLAIN = '{'.charCodeAt(0);
