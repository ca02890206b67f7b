/** Batches of a log as they are stored, for copies of a part of it: the same rows give the same hashes. */
import type { Database } from '../database.ts';
import type { ClusterEvent, ClusterId, FactsOf, ObjectKind } from './event.ts';
import { hashBatch } from './log-chain.ts';
import type { PreviousFacts } from './log-decode.ts';
import type { StoredEvent } from './log-row.ts';
import { type BatchRow, LogTables } from './log-tables.ts';
import { newTerms } from './terms.ts';

export type { StoredEvent } from './log-row.ts';

/** A batch with its rows. */
export interface StoredBatch extends BatchRow {
  readonly events: readonly StoredEvent[];
}

/** Batches in their order. Some are read at once: the connection is free in between. */
export function* readStoredBatches(db: Database, from: number, to: number): Generator<StoredBatch> {
  for (const [row, events] of new LogTables(db).batches(from)) {
    if (row.batch > to) return;
    yield { ...row, events };
  }
}

/** Writes rows into a database that nobody else uses, without a transaction of its own. */
export class SliceWriter {
  readonly #tables: LogTables;

  constructor(db: Database) {
    this.#tables = new LogTables(db);
  }

  /** @returns false when the batch is not what was hashed; nothing is written then */
  write(before: Uint8Array, { events, ...row }: StoredBatch): boolean {
    if (events.length !== row.count || !hashBatch(before, row, events).equals(row.hash)) return false;
    for (const [index, event] of events.entries()) {
      const object = this.#tables.objectId(event.cluster, event.object, event.key);
      this.#tables.insertEvent(row.first + index, row.batch, object, event);
    }
    this.#tables.insertBatch(row);
    return true;
  }

  /** Makes an object known that no event may be about, so that it is found by its terms. */
  addObject(
    cluster: ClusterId,
    kind: ObjectKind,
    key: string,
    facts: FactsOf[ObjectKind],
    before?: FactsOf[ObjectKind],
  ): void {
    const object = this.#tables.objectId(cluster.toWellFormed(), kind, key.toWellFormed());
    for (const term of newTerms(key, before, facts)) this.#tables.insertMention(term.toWellFormed(), object);
  }

  /** Makes the objects of events that were written known by their terms. @param previous the facts before them */
  addTerms(events: readonly ClusterEvent[], previous: PreviousFacts): void {
    for (const event of events) {
      if (!('facts' in event)) continue;
      const { cluster, object, key, facts } = event;
      this.addObject(cluster, object, key, facts, previous(cluster, object, key));
    }
  }
}
