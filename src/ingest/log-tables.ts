/** The statements over the log's tables; numbers for objects are found and given here. */
import type Sqlite from 'better-sqlite3';
import type { Database } from '../database.ts';
import type { Position } from './event.ts';
import type { BatchHeader } from './log-chain.ts';
import type { StoredEvent } from './log-row.ts';
import { LogWords } from './log-words.ts';

export interface BatchRow extends BatchHeader {
  readonly hash: Buffer;
}

interface EventRow {
  readonly position: Position;
  readonly batch: number;
  readonly cluster: number | null;
  readonly object: number | null;
  readonly key: string | null;
  readonly kind: number;
  readonly body: string | null;
  readonly checksum: number | null;
  readonly schema: number;
  readonly resource_version: string | null;
  readonly manager: number | null;
}

/** Events fetched at once, and a row more for a batch that goes beyond: between two fetches the connection is free. */
const PAGE = 1024;

type InsertEvent = [
  position: Position,
  batch: number,
  object: number,
  kind: number,
  body: string | null,
  checksum: number | null,
  schema: number,
  resourceVersion: string | null,
  manager: number | null,
];

export class LogTables {
  readonly #db: Database;
  readonly #words: LogWords;
  readonly #findObject;
  readonly #addObject;
  readonly #readBatches;
  readonly #readEvents;
  #writing:
    | {
        readonly event: Sqlite.Statement<InsertEvent>;
        readonly batch: Sqlite.Statement;
        readonly mention: Sqlite.Statement<[string, number]>;
      }
    | undefined;

  constructor(db: Database) {
    this.#db = db;
    this.#words = new LogWords(db);
    this.#findObject = db
      .prepare<[number, number, string], number>('SELECT id FROM object WHERE kind = ? AND cluster = ? AND key = ?')
      .pluck();
    this.#addObject = db.prepare<[number, number, string]>('INSERT INTO object (kind, cluster, key) VALUES (?, ?, ?)');
    this.#readBatches = db.prepare<[number, number], BatchRow>(
      'SELECT batch, time, first, count, hash FROM batch WHERE batch >= ? ORDER BY batch LIMIT ?',
    );
    this.#readEvents = db.prepare<[Position, Position], EventRow>(
      `SELECT position, batch, cluster, object.kind AS object, key, event.kind, body, checksum, schema, resource_version, manager
       FROM event LEFT JOIN object ON object.id = event.object
       WHERE position >= ? AND position < ? ORDER BY position`,
    );
  }

  lastBatch(): BatchRow | undefined {
    return this.#db
      .prepare<[], BatchRow>('SELECT batch, time, first, count, hash FROM batch ORDER BY batch DESC LIMIT 1')
      .get();
  }

  /** Of all events, whatever batch they are of; 1 and 0 when there is none. */
  positions(): { readonly lowest: Position; readonly highest: Position } {
    const most = (which: 'min' | 'max') =>
      this.#db.prepare<[], Position | null>(`SELECT ${which}(position) FROM event`).pluck().get();
    return { lowest: most('min') ?? 1, highest: most('max') ?? 0 };
  }

  /** Number of an object: found, or given. */
  objectId(cluster: string, kind: string, key: string): number {
    const [clusterId, kindId] = [this.#words.idOf(cluster), this.#words.idOf(kind)];
    return (
      this.#findObject.get(kindId, clusterId, key) ??
      Number(this.#addObject.run(kindId, clusterId, key).lastInsertRowid)
    );
  }

  insertEvent(position: Position, batch: number, object: number, event: StoredEvent): void {
    this.#forWriting().event.run(
      position,
      batch,
      object,
      this.#words.idOf(event.kind),
      event.body,
      event.checksum,
      event.schema,
      event.resourceVersion,
      event.manager === null ? null : this.#words.idOf(event.manager),
    );
  }

  /** Notes that an object has a term; more than once does no harm. */
  insertMention(term: string, object: number): void {
    this.#forWriting().mention.run(term, object);
  }

  insertBatch({ batch, time, first, count, hash }: BatchRow): void {
    this.#forWriting().batch.run(batch, time, first, count, hash);
  }

  /** After a rollback: numbers given to words may be gone. */
  forget(): void {
    this.#words.forget();
  }

  /** Batches from the given number on, each with the rows that are stored at its positions. */
  *batches(from: number): Generator<readonly [BatchRow, readonly (StoredEvent & { readonly batch: number })[]]> {
    let next = from;
    for (;;) {
      const page = this.#page(next);
      const [first, last] = [page[0], page.at(-1)];
      if (!first || !last) return;
      const rows = this.#readEvents.all(first.first, last.first + last.count);
      let at = 0;
      for (const batch of page) {
        while ((rows[at]?.position ?? Infinity) < batch.first) at += 1;
        const start = at;
        while ((rows[at]?.position ?? Infinity) < batch.first + batch.count) at += 1;
        yield [batch, rows.slice(start, at).map((row) => this.#stored(row))];
      }
      next = last.batch + 1;
    }
  }

  #page(from: number): BatchRow[] {
    const page: BatchRow[] = [];
    let events = 0;
    for (const row of this.#readBatches.all(from, PAGE)) {
      if (page.length > 0 && events + row.count > PAGE) break;
      page.push(row);
      events += row.count;
    }
    return page;
  }

  #stored(row: EventRow): StoredEvent & { readonly batch: number } {
    return {
      batch: row.batch,
      cluster: row.cluster === null ? '' : this.#words.textOf(row.cluster),
      object: row.object === null ? '' : this.#words.textOf(row.object),
      key: row.key ?? '',
      kind: this.#words.textOf(row.kind),
      body: row.body,
      checksum: row.checksum,
      schema: row.schema,
      resourceVersion: row.resource_version,
      manager: row.manager === null ? null : this.#words.textOf(row.manager),
    };
  }

  /** Prepared when first used, so that the tables can be read by those who may not write. */
  #forWriting() {
    this.#writing ??= {
      event: this.#db.prepare<InsertEvent>(
        `INSERT INTO event (position, batch, object, kind, body, checksum, schema, resource_version, manager)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      batch: this.#db.prepare('INSERT INTO batch (batch, time, first, count, hash) VALUES (?, ?, ?, ?, ?)'),
      mention: this.#db.prepare<[string, number]>('INSERT OR IGNORE INTO mention (term, object) VALUES (?, ?)'),
    };
    return this.#writing;
  }
}
