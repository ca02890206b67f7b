/**
 * The event log: facts in the order in which they were learnt, in batches that were committed together, each with a
 * hash over all before it. The tables are those of migrations/0001_event_log.sql.
 *
 * An update of a large object is stored as the difference to its last facts. So reading needs the facts that went
 * before: they come from whoever folds the events (`PreviousFacts`), or are kept here while reading from the start.
 */
import { crc32 } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import type { Database } from '../database.ts';
import { fail, OperatorError, ok, type Result } from '../errors.ts';
import { applyDifference, BrokenDifference, canonicalJson, difference } from './delta.ts';
import type { Batch, ClusterEvent, ClusterId, ObjectKind, Position, WatchedKind } from './event.ts';
import { EMPTY_HASH, hashBatch } from './log-chain.ts';
import { eventOf, type Facts, type PlainEvent, plainEvent, SCHEMA, type StoredEvent } from './log-row.ts';
import { type BatchRow, LogTables } from './log-tables.ts';

/**
 * The facts of an object as of all batches before the one that is being written or read; undefined when there is no
 * such object. Synchronous; asked once per event at most.
 */
export type PreviousFacts = (cluster: ClusterId, kind: ObjectKind, key: string) => Facts | undefined;

/** Up to where a list or watch has been followed. */
export interface WatchPosition {
  readonly cluster: ClusterId;
  readonly kind: WatchedKind;
  /** A namespace (for Namespace itself: a name); '' is all. */
  readonly scope: string;
  readonly resourceVersion: string;
}

/** The disk, or what stands for it, would not take a write. Nothing of it was written; it may be tried again. */
export interface WriteFailure {
  /** SQLite's name for it: 'SQLITE_FULL', 'SQLITE_IOERR_WRITE' … */
  readonly code: string;
  readonly message: string;
}

/** The first place where the log is not what was written. */
export interface Breach {
  readonly batch: number;
  readonly position?: Position;
  readonly problem: string;
}

/** What `verify` went over. */
export interface LogExtent {
  readonly batches: number;
  readonly events: number;
  /** Hex of the newest batch's hash: whoever noted it can tell later that nothing before was altered. */
  readonly headHash: string;
}

export interface EventLogOptions {
  /** For tests that end the process at a named point: 'before-log-commit', 'after-log-commit'. */
  readonly crashPoint?: (name: 'before-log-commit' | 'after-log-commit') => void;
}

/** A difference is stored where it is shorter than this share of the full body. */
const DIFFERENCE_SHARE = 0.6;

/**
 * At least every so many updates of an object its body is stored in full. Measured with a slice of 100 endpoints of which
 * one flips: 210 octets an update on the disk in all, 50 of them the share of the full bodies; at 32 it would be 370.
 */
const FULL_EVERY = 128;

interface Head {
  readonly batch: number;
  readonly time: number;
  readonly position: Position;
  readonly hash: Buffer;
}

/** Codes that speak of the disk, its permissions or other programs; the others are bugs of ours. */
const WRITE_FAILURE = /^SQLITE_(FULL|IOERR|BUSY|LOCKED|READONLY|CANTOPEN|NOMEM|PERM|AUTH|PROTOCOL|CORRUPT|NOTADB)/;

export class EventLog {
  readonly #db: Database;
  readonly #tables: LogTables;
  readonly #crashPoint: NonNullable<EventLogOptions['crashPoint']>;
  #head: Head;
  /** Per object number: 1 + how many differences are stored since its last full body; 0 calls for a full one. */
  #updates = new Uint8Array(1024);

  /** On a database that `openDatabase` (to append) or `openReadOnly` (to read) has opened. */
  constructor(db: Database, options: EventLogOptions = {}) {
    this.#db = db;
    this.#tables = new LogTables(db);
    this.#crashPoint = options.crashPoint ?? (() => undefined);
    this.#head = headOf(this.#tables.lastBatch());
  }

  /** Number of the newest batch; 0 when there is none. */
  get lastBatch(): number {
    return this.#head.batch;
  }

  /** Unix time in milliseconds of the newest batch; 0 when there is none. */
  get lastTime(): number {
    return this.#head.time;
  }

  /** Position of the newest event; 0 when there is none. */
  get lastPosition(): Position {
    return this.#head.position;
  }

  /** Hex of the newest batch's hash; zeros when there is none. */
  get headHash(): string {
    return this.#head.hash.toString('hex');
  }

  /**
   * Commits events, and the watch positions that they cover, in one transaction with one sync of the disk.
   * @param events One or more; each with whole facts.
   * @param time Unix time in milliseconds. When it is behind that of the last batch, that one's is used.
   * @param previous The facts before this batch, for differences; without it bodies are stored whole.
   * @throws RangeError without events.
   */
  append(
    events: readonly ClusterEvent[],
    positions: readonly WatchPosition[],
    time: number,
    previous: PreviousFacts = () => undefined,
  ): Result<Batch, WriteFailure> {
    if (events.length === 0) throw new RangeError('a batch has one event at least');
    const before = this.#head;
    const batch: Batch = { batch: before.batch + 1, time: Math.max(Math.floor(time), before.time), events };
    return this.#write(batch, () => {
      const first = before.position + 1;
      const header = { batch: batch.batch, time: batch.time, first, count: events.length };
      const facts = new Map<number, Facts | undefined>();
      const stored: StoredEvent[] = [];
      for (const [index, event] of events.entries()) {
        const plain = plainEvent(event);
        const object = this.#tables.objectId(plain.cluster, plain.object, plain.key);
        if ('object' in event && !facts.has(object))
          facts.set(object, previous(event.cluster, event.object, event.key));
        const row = this.#encode(plain, object, facts.get(object));
        if ('object' in event) facts.set(object, 'facts' in event ? event.facts : undefined);
        this.#tables.insertEvent(first + index, batch.batch, object, row);
        stored.push(row);
      }
      const hash = hashBatch(before.hash, header, stored);
      this.#tables.insertBatch({ ...header, hash });
      this.#writePositions(positions);
      return headOf({ ...header, hash });
    });
  }

  /** Notes how far watches got that brought no event. */
  savePositions(positions: readonly WatchPosition[]): Result<undefined, WriteFailure> {
    return this.#write(undefined, () => {
      this.#writePositions(positions);
      return this.#head;
    });
  }

  /** Where a list or watch may be resumed; undefined before its first complete list. */
  watchPosition(cluster: ClusterId, kind: WatchedKind, scope: string): string | undefined {
    return this.#db
      .prepare<[string, string, string], string>(
        'SELECT resource_version FROM watch_position WHERE cluster = ? AND kind = ? AND scope = ?',
      )
      .pluck()
      .get(cluster, kind, scope);
  }

  /**
   * Reads batches in order, with whole facts. Between two batches the caller may write to the log; what is appended
   * meanwhile is read too.
   * @param fromBatch Number of the first batch that is wanted.
   * @param previous The facts as of the batch before the one that is read next: the caller folds each batch before it
   *   asks for another. Without it the log reads from its start and keeps the facts itself.
   * @throws OperatorError where the log is damaged.
   */
  *read(fromBatch: number, previous?: PreviousFacts): Generator<Batch, void, undefined> {
    const kept = new KeptFacts();
    for (const [row, stored] of this.#tables.batches(previous ? fromBatch : 1)) {
      const batch = decode(row, stored, previous ?? kept.get);
      if (!batch.ok) {
        const { batch: number, position, problem } = batch.error;
        throw new OperatorError(
          `${this.#db.name}: the event log is damaged at batch ${number}, event ${position}: ${problem}; keep a copy and restore a backup ('zonelog verify' tells more)`,
        );
      }
      if (!previous) kept.fold(batch.value.events);
      if (batch.value.batch >= fromBatch) yield batch.value;
    }
  }

  /**
   * Reads the whole log and compares it with its hashes: rows that were altered, added or removed, gaps, bodies that
   * can't be decoded, differences that lead elsewhere than when they were written.
   */
  verify(): Result<LogExtent, Breach> {
    const kept = new KeptFacts();
    let before = headOf(undefined);
    for (const [row, stored] of this.#tables.batches(0)) {
      const batch = before.batch + 1;
      const breach = (problem: string) => fail({ batch, problem });
      if (row.batch !== batch)
        return breach(row.batch < batch ? `there is a batch ${row.batch}` : 'the batch is missing');
      if (row.first !== before.position + 1) return breach(`it begins at ${row.first}, not at ${before.position + 1}`);
      if (row.time < before.time) return breach('it is older than the batch before');
      const decoded = decode(row, stored, kept.get, 'check');
      if (!decoded.ok) return decoded;
      if (!hashBatch(before.hash, row, stored).equals(row.hash)) return breach('its hash is not that of its content');
      kept.fold(decoded.value.events);
      before = headOf(row);
    }
    const newest = this.#tables.lastPosition();
    if (newest > before.position) {
      return fail({ batch: before.batch + 1, position: newest, problem: 'the event belongs to no batch' });
    }
    return ok({ batches: before.batch, events: before.position, headHash: before.hash.toString('hex') });
  }

  #encode(
    { cluster, object, key, kind, content, cause }: PlainEvent,
    id: number,
    from: Facts | undefined,
  ): StoredEvent {
    const manager = cause.manager?.toWellFormed() ?? null;
    const resourceVersion = cause.resourceVersion?.toWellFormed() ?? null;
    const row = { cluster, object, key, kind, schema: SCHEMA, resourceVersion, manager };
    if (content === undefined) {
      this.#noteUpdate(id, 0);
      return { ...row, body: null, checksum: null };
    }
    const text = canonicalJson(content);
    const updates = this.#updates[id] ?? 0;
    if (from !== undefined && updates > 0 && updates < FULL_EVERY) {
      const step = JSON.stringify(difference(from, content) ?? [1, {}]);
      if (step.length < text.length * DIFFERENCE_SHARE) {
        this.#noteUpdate(id, updates + 1);
        return { ...row, body: step, checksum: crc32(text) };
      }
    }
    this.#noteUpdate(id, 1);
    return { ...row, body: text, checksum: null };
  }

  #noteUpdate(id: number, updates: number): void {
    if (id >= this.#updates.length) {
      const grown = new Uint8Array(id * 2);
      grown.set(this.#updates);
      this.#updates = grown;
    }
    this.#updates[id] = updates;
  }

  #writePositions(positions: readonly WatchPosition[]): void {
    if (positions.length === 0) return;
    const write = this.#db.prepare('INSERT OR REPLACE INTO watch_position VALUES (?, ?, ?, ?)');
    for (const { cluster, kind, scope, resourceVersion } of positions) write.run(cluster, kind, scope, resourceVersion);
  }

  #write<T>(value: T, run: () => Head): Result<T, WriteFailure> {
    try {
      this.#head = this.#db
        .transaction(() => {
          const head = run();
          this.#crashPoint('before-log-commit');
          return head;
        })
        .immediate();
    } catch (error) {
      this.#tables.forget();
      if (error instanceof Sqlite.SqliteError && WRITE_FAILURE.test(error.code)) {
        return fail({ code: error.code, message: error.message });
      }
      throw error;
    }
    this.#crashPoint('after-log-commit');
    return ok(value);
  }
}

/** The facts of all objects while a log is read from its start. */
class KeptFacts {
  readonly #facts = new Map<string, Facts>();

  readonly get: PreviousFacts = (cluster, kind, key) => this.#facts.get(`${kind}\0${cluster}\0${key}`);

  fold(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (!('object' in event)) continue;
      const name = `${event.object}\0${event.cluster}\0${event.key}`;
      if ('facts' in event) this.#facts.set(name, event.facts);
      else this.#facts.delete(name);
    }
  }
}

function headOf(row: BatchRow | undefined): Head {
  if (!row) return { batch: 0, time: 0, position: 0, hash: EMPTY_HASH };
  return { batch: row.batch, time: row.time, position: row.first + row.count - 1, hash: row.hash };
}

/** @param mode 'check' also compares what differences lead to with their checksums. */
function decode(
  row: BatchRow,
  stored: readonly (StoredEvent & { readonly batch: number })[],
  previous: PreviousFacts,
  mode?: 'check',
): Result<Batch, Breach> {
  const { batch, time, first, count } = row;
  if (stored.length !== count) return fail({ batch, problem: `it has ${stored.length} events instead of ${count}` });
  const facts = new Map<string, Facts | undefined>();
  const events: ClusterEvent[] = [];
  for (const [index, event] of stored.entries()) {
    const name = `${event.object}\0${event.cluster}\0${event.key}`;
    const before = () =>
      facts.has(name) ? facts.get(name) : previous(event.cluster as ClusterId, event.object as ObjectKind, event.key);
    const content = contentOf(event, before, mode);
    const decoded = content.ok ? eventOf(event, content.value) : content;
    if (!decoded.ok) return fail({ batch, position: first + index, problem: decoded.error });
    if (event.batch !== batch)
      return fail({ batch, position: first + index, problem: `it is of batch ${event.batch}` });
    if ('object' in decoded.value) facts.set(name, 'facts' in decoded.value ? decoded.value.facts : undefined);
    events.push(decoded.value);
  }
  return ok({ batch, time, events });
}

function contentOf(event: StoredEvent, before: () => Facts | undefined, mode?: 'check'): Result<unknown, string> {
  if (event.body === null) return ok(undefined);
  try {
    const body: unknown = JSON.parse(event.body);
    if (event.checksum === null) return ok(body);
    const from = before();
    if (from === undefined) return fail('a difference to an object that is not there');
    const content = applyDifference(from, body);
    if (mode === 'check' && crc32(canonicalJson(content)) !== event.checksum) {
      return fail('its difference leads to other facts than when it was written');
    }
    return ok(content);
  } catch (error) {
    if (error instanceof SyntaxError) return fail('its body is not JSON');
    if (error instanceof BrokenDifference) return fail(error.message);
    throw error;
  }
}
