/**
 * The base: the state after the last batch that was removed from the log, from which the rest of the log is folded. Unlike a
 * snapshot it can't be made again, so it is hashed, and the removal that it belongs to has the hash.
 *
 * hash(base) = SHA-256 over the number of its batch, and the number and the text of each of its parts, a line feed after each.
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
  return { head, batch, world: readWorld(head, objectParts(db, batch)), serials: new Map(head.serials) };
}

/** Nothing is begun before the first is asked for: who never asks would leave the connection busy. */
function* objectParts(db: Database, batch: number): Generator<string> {
  yield* db
    .prepare<[number], string>('SELECT body FROM base_part WHERE batch = ? AND part > 0 ORDER BY part')
    .pluck()
    .iterate(batch);
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
    insert.run(batch, part, text);
    hash.update(`${part}\n${text}\n`);
    part += 1;
    yield;
  }
  return hash.digest();
}

/** The hash of a base as it is stored. */
export function hashBase(db: Database, batch: number): Buffer {
  const hash = beginHash(batch);
  const parts = db.prepare<[number], { readonly part: number; readonly body: string }>(
    'SELECT part, body FROM base_part WHERE batch = ? ORDER BY part',
  );
  for (const { part, body } of parts.iterate(batch)) hash.update(`${part}\n${body}\n`);
  return hash.digest();
}

function beginHash(batch: number): Hash {
  return createHash('sha256').update(`${batch}\n`);
}

/** What the base says of plan and clusters; undefined when the log has its beginning. */
export function readBaseHead(db: Database): StateHead | undefined {
  const text = db
    .prepare<[number], string>('SELECT body FROM base_part WHERE batch = ? AND part = 0')
    .pluck()
    .get(windowStart(db).batch);
  return text === undefined ? undefined : readHead(text);
}

/** The parts of the base in which a text stands; none when the log has its beginning. */
export function basePartsWith(db: Database, text: string): string[] {
  return db
    .prepare<[number, string], string>(
      'SELECT body FROM base_part WHERE batch = ? AND part > 0 AND instr(body, ?) > 0 ORDER BY part',
    )
    .pluck()
    .all(windowStart(db).batch, text);
}
