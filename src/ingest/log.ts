/**
 * The event log: facts in the order in which they were learnt, in batches that were committed together, each with a
 * hash over all before it. The tables are those of migrations/0001_event_log.sql.
 *
 * An update of a large object is stored as the difference to its last facts. So reading needs the facts that went
 * before: they come from whoever folds the events (`PreviousFacts`), or are kept here while reading from the start.
 */
import { crc32 } from 'node:zlib';
import Sqlite from 'better-sqlite3';
import { type Database, prepareOnce } from '../database.ts';
import { fail, OperatorError, ok, type Result } from '../errors.ts';
import { canonicalJson, difference } from './delta.ts';
import type { Batch, ClusterEvent, ClusterId, Position, WatchedKind } from './event.ts';
import { hashBatch } from './log-chain.ts';
import { type Breach, decode, KeptFacts, type PreviousFacts } from './log-decode.ts';
import { type Facts, type PlainEvent, plainEvent, type StoredEvent, schemaOf } from './log-row.ts';
import { type BatchRow, LogTables } from './log-tables.ts';
import { timeText, windowStart } from './log-window.ts';
import { newTerms } from './terms.ts';

export type { Breach, PreviousFacts } from './log-decode.ts';

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

/** What `verify` went over: of a log that lost its beginning, what is there. */
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
    this.#head = headOf(this.#tables.lastBatch()) ?? windowStart(db);
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
        if ('facts' in event) {
          for (const term of newTerms(event.key, facts.get(object), event.facts))
            this.#tables.insertMention(term.toWellFormed(), object);
        }
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
    return prepareOnce<[string, string, string], string>(
      this.#db,
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
   *   asks for another. Without it the log reads from its start and keeps the facts itself; a log that lost its beginning
   *   can't be read so.
   * @throws OperatorError where the log is damaged, or what is wanted was removed.
   */
  *read(fromBatch: number, previous?: PreviousFacts): Generator<Batch, void, undefined> {
    const kept = new KeptFacts();
    let next = previous ? fromBatch : 1;
    this.#refuseRemoved(next);
    for (const [row, stored] of this.#tables.batches(next)) {
      const batch =
        row.batch === next
          ? decode(row, stored, previous ?? kept.get)
          : fail({ batch: next, problem: 'the batch is missing' });
      if (!batch.ok) {
        this.#refuseRemoved(next);
        throw this.#damage(batch.error);
      }
      next = row.batch + 1;
      if (!previous) kept.fold(batch.value.events);
      if (batch.value.batch >= fromBatch) yield batch.value;
    }
  }

  /**
   * Reads the whole log and compares it with its hashes: rows that were altered, added or removed, gaps, bodies that
   * can't be decoded, differences that lead elsewhere than when they were written. What it yields is right.
   * @param previous As of `read`; of a log that lost its beginning it begins with the facts of the base.
   */
  *check(previous: PreviousFacts): Generator<Batch, Result<LogExtent, Breach>, undefined> {
    const start = windowStart(this.#db);
    let before: Head = start;
    // Rows that compaction has not come to yet are none of ours; others before the first are.
    const first = start.batch === 0 ? Number.MIN_SAFE_INTEGER : start.batch + 1;
    for (const [row, stored] of this.#tables.batches(first)) {
      const batch = before.batch + 1;
      const breach = (problem: string) => fail({ batch, problem });
      if (row.batch !== batch)
        return breach(row.batch < batch ? `there is a batch ${row.batch}` : 'the batch is missing');
      if (row.first !== before.position + 1) return breach(`it begins at ${row.first}, not at ${before.position + 1}`);
      if (row.time < before.time) return breach('it is older than the batch before');
      const decoded = decode(row, stored, previous, 'check');
      if (!decoded.ok) return decoded;
      if (!hashBatch(before.hash, row, stored).equals(row.hash)) return breach('its hash is not that of its content');
      before = headOf(row);
      yield decoded.value;
    }
    const { lowest, highest } = this.#tables.positions();
    const stray = highest > before.position ? highest : lowest < 1 ? lowest : undefined;
    if (stray !== undefined) {
      return fail({ batch: before.batch + 1, position: stray, problem: 'the event belongs to no batch' });
    }
    const [batches, events] = [before.batch - start.batch, before.position - start.position];
    return ok({ batches, events, headHash: before.hash.toString('hex') });
  }

  /** Checks all of a log that has its beginning. */
  verify(): Result<LogExtent, Breach> {
    const kept = new KeptFacts();
    const steps = this.check(kept.get);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      kept.fold(step.value.events);
    }
  }

  #refuseRemoved(batch: number): void {
    const window = windowStart(this.#db);
    if (batch > window.batch) return;
    throw new OperatorError(
      `${this.#db.name}: the log begins at ${timeText(window.time)}, after batch ${window.batch}: what was before has been removed`,
    );
  }

  #damage({ batch, position, problem }: Breach): OperatorError {
    const place = position === undefined ? `batch ${batch}` : `batch ${batch}, event ${position}`;
    return new OperatorError(
      `${this.#db.name}: the event log is damaged at ${place}: ${problem}; keep a copy and restore a backup ('zonelog verify' tells more)`,
    );
  }

  #encode(
    { cluster, object, key, kind, content, cause }: PlainEvent,
    id: number,
    from: Facts | undefined,
  ): StoredEvent {
    const manager = cause.manager?.toWellFormed() ?? null;
    const resourceVersion = cause.resourceVersion?.toWellFormed() ?? null;
    const row = { cluster, object, key, kind, schema: schemaOf(object), resourceVersion, manager };
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
    const write = prepareOnce(this.#db, 'INSERT OR REPLACE INTO watch_position VALUES (?, ?, ?, ?)');
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

function headOf(row: BatchRow): Head;
function headOf(row: BatchRow | undefined): Head | undefined;
function headOf(row: BatchRow | undefined): Head | undefined {
  return row && { batch: row.batch, time: row.time, position: row.first + row.count - 1, hash: row.hash };
}
