/**
 * The base: the state after the last batch that was removed from the log, from which the rest of the log is folded. Unlike a
 * snapshot it can't be made again, so it is hashed, and the removal that it belongs to has the hash.
 *
 * hash(base) = SHA-256 over the number of its batch and each of its parts, as JSON text, each with a line feed.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Database } from '../database.ts';
import { OperatorError } from '../errors.ts';
import { windowStart } from '../ingest/log-window.ts';
import type { ProjectorStart } from './projector.ts';
import { readHead, readWorld, type StateHead } from './state-text.ts';

export interface Base extends ProjectorStart {
  readonly head: StateHead;
}

/** The base that the log begins with; undefined when it has its beginning. @throws OperatorError when it can't be read */
export function readBase(db: Database): Base | undefined {
  const { batch } = windowStart(db);
  if (batch === 0) return undefined;
  const text = db
    .prepare<[number], string>('SELECT body FROM base_part WHERE batch = ? AND part = 0')
    .pluck()
    .get(batch);
  const head = text === undefined ? undefined : readHead(text);
  if (head === undefined) {
    const why = text === undefined ? 'is missing' : 'was written by a newer zonelog';
    throw new OperatorError(`${db.name}: the base of the log (batch ${batch}) ${why}`);
  }
  return { head, batch, world: readWorld(head, partsFrom(db, batch, 1)), serials: new Map(head.serials) };
}

/** The texts of a base from a part on: 0 is its head. */
function partsFrom(db: Database, batch: number, part: number): Iterable<string> {
  return db
    .prepare<[number, number], string>('SELECT body FROM base_part WHERE batch = ? AND part >= ? ORDER BY part')
    .pluck()
    .iterate(batch, part);
}

/**
 * Writes a base step by step, each part in a transaction of its own. It counts when a removal of that batch has its hash.
 * @returns its hash
 */
export function* writeBase(db: Database, batch: number, texts: Iterable<string>): Generator<undefined, Buffer> {
  const insert = db.prepare('INSERT INTO base_part (batch, part, body) VALUES (?, ?, ?)');
  const hash = beginHash(batch);
  let part = 0;
  for (const text of texts) {
    insert.run(batch, part++, text);
    hash.update(`${text}\n`);
    yield;
  }
  return hash.digest();
}

/** The hash of a base as it is stored. */
export function hashBase(db: Database, batch: number): Buffer {
  const hash = beginHash(batch);
  for (const text of partsFrom(db, batch, 0)) hash.update(`${text}\n`);
  return hash.digest();
}

function beginHash(batch: number): Hash {
  return createHash('sha256').update(`${batch}\n`);
}
