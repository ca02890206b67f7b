/**
 * What was removed from the log, told for good: a row for each time, each with a hash over all before it.
 *
 * hash(removal) = SHA-256(hash(removal before) ‖ a JSON array of the row's columns, hashes as hex). Before the first stand
 * 32 zero octets.
 */
import { createHash } from 'node:crypto';
import type { Database } from '../database.ts';
import type { Position } from './event.ts';
import { EMPTY_HASH } from './log-chain.ts';

export interface Removal {
  readonly firstBatch: number;
  readonly lastBatch: number;
  readonly firstPosition: Position;
  readonly lastPosition: Position;
  /** Unix milliseconds. */
  readonly firstTime: number;
  readonly lastTime: number;
  /** Hash of the last batch that was removed. */
  readonly anchor: Buffer;
  /** SHA-256 over the base. */
  readonly base: Buffer;
  /** Unix milliseconds: when it was removed. */
  readonly removedAt: number;
  /** What asked for it: `retain 30d`, `max_size 2GB`, `compact --keep 30d`, `import`. */
  readonly reason: string;
}

const COLUMNS = `first_batch AS firstBatch, last_batch AS lastBatch, first_position AS firstPosition,
  last_position AS lastPosition, first_time AS firstTime, last_time AS lastTime, anchor, base, removed_at AS removedAt, reason`;

/** All removals, oldest first. */
export function readRemovals(db: Database): Removal[] {
  return db.prepare<[], Removal>(`SELECT ${COLUMNS} FROM removal ORDER BY id`).all();
}

/** From here on the log begins behind it. To be called in the transaction that also makes sure that its base is there. */
export function recordRemoval(db: Database, removal: Removal): void {
  const before = db.prepare<[], Buffer>('SELECT hash FROM removal ORDER BY id DESC LIMIT 1').pluck().get();
  const { firstBatch, lastBatch, firstPosition, lastPosition, firstTime, lastTime } = removal;
  const { anchor, base, removedAt, reason } = removal;
  db.prepare(
    `INSERT INTO removal (first_batch, last_batch, first_position, last_position, first_time, last_time, anchor, base,
       removed_at, reason, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    ...[firstBatch, lastBatch, firstPosition, lastPosition, firstTime, lastTime, anchor, base, removedAt, reason],
    hashRemoval(before ?? EMPTY_HASH, removal),
  );
}

/** What is wrong with the rows themselves, in one line; undefined when they are as they were written. */
export function findBrokenRemoval(db: Database): string | undefined {
  const rows = db
    .prepare<[], Removal & { readonly id: number; readonly hash: Buffer }>(
      `SELECT id, hash, ${COLUMNS} FROM removal ORDER BY id`,
    )
    .all();
  let hash = EMPTY_HASH;
  let last: Pick<Removal, 'lastBatch' | 'lastPosition' | 'lastTime'> = { lastBatch: 0, lastPosition: 0, lastTime: 0 };
  for (const [index, row] of rows.entries()) {
    if (row.id !== index + 1) return `removal ${index + 1} is missing`;
    hash = hashRemoval(hash, row);
    if (!hash.equals(row.hash)) return `removal ${row.id}: its hash is not that of its content`;
    const isNext = row.firstBatch === last.lastBatch + 1 && row.firstPosition === last.lastPosition + 1;
    if (!isNext || row.firstTime < last.lastTime || row.lastTime < row.firstTime)
      return `removal ${row.id}: it does not go on from the one before`;
    last = row;
  }
  return undefined;
}

function hashRemoval(before: Uint8Array, removal: Removal): Buffer {
  const { firstBatch, lastBatch, firstPosition, lastPosition, firstTime, lastTime } = removal;
  const { anchor, base, removedAt, reason } = removal;
  const numbers = [firstBatch, lastBatch, firstPosition, lastPosition, firstTime, lastTime, removedAt];
  const line = JSON.stringify([...numbers, anchor.toString('hex'), base.toString('hex'), reason]);
  return createHash('sha256').update(before).update(line).digest();
}
