/**
 * Snapshots: the state of all clusters after a batch, so that a start reads a few megabytes instead of the whole log.
 * Written in parts, between which other work goes on; a snapshot counts only when its last part is there.
 */
import type { Database } from '../database.ts';
import type { Serial } from '../dns/serial.ts';
import { OperatorError } from '../errors.ts';
import { timeText, windowStart } from '../ingest/log-window.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { readBase } from './base.ts';
import type { ProjectorStart } from './projector.ts';
import { EMPTY_WORLD, type World } from './state.ts';
import { readHead, readWorld, writeState } from './state-text.ts';

/** Snapshots kept: the newest, and the one before it in case the newest can't be read. */
const KEPT = 2;

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
    insert.run(batch, number++, text);
    yield;
  }
  db.transaction(() => {
    db.prepare('UPDATE snapshot SET is_complete = 1 WHERE batch = ?').run(batch);
    db.prepare(
      'DELETE FROM snapshot WHERE batch NOT IN (SELECT batch FROM snapshot WHERE is_complete = 1 ORDER BY batch DESC LIMIT ?)',
    ).run(KEPT);
  })();
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
    const rows = db
      .prepare<[number, number], { batch: number; head: string }>(
        'SELECT batch, head FROM snapshot WHERE is_complete = 1 AND batch BETWEEN ? AND ? ORDER BY batch DESC',
      )
      .iterate(window.batch, until);
    for (const { batch, head: text } of rows) {
      const head = readHead(text);
      if (head !== undefined)
        return { world: readWorld(head, partsOf(db, batch)), batch, serials: new Map(head.serials) };
    }
    return readBase(db) ?? { world: EMPTY_WORLD, batch: 0, serials: new Map<ZoneId, Serial>() };
  })();
}

function partsOf(db: Database, batch: number): Iterable<string> {
  return db
    .prepare<[number], string>('SELECT body FROM snapshot_part WHERE batch = ? ORDER BY part')
    .pluck()
    .iterate(batch);
}
