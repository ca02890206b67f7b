/** How many events the log has of each cluster: counted once, and then only what is new. */
import type { HistorySource } from './source.ts';

export interface EventCount {
  readonly events: number;
  /** Of the newest. */
  readonly batch: number;
}

interface Row extends EventCount {
  readonly cluster: string;
}

export class EventCounts {
  readonly #counts = new Map<string, EventCount>();
  /** What was counted: from the base of the log to its end. */
  #base = -1;
  #end = 0;

  /** By cluster. */
  read(source: HistorySource): ReadonlyMap<string, EventCount> {
    const { position: base } = source.states().window;
    if (base !== this.#base) {
      // What was removed from the log counts no more.
      this.#counts.clear();
      this.#base = base;
      this.#end = base;
    }
    const end = source.db.prepare<[], number | null>('SELECT max(position) FROM event').pluck().get() ?? base;
    // In the order of the log: by object it would be read all over.
    const rows = source.db
      .prepare<[number, number], Row>(
        `SELECT word.text AS cluster, count(*) AS events, max(event.batch) AS batch
         FROM event CROSS JOIN object ON object.id = event.object CROSS JOIN word ON word.id = object.cluster
         WHERE event.position > ? AND event.position <= ? GROUP BY object.cluster`,
      )
      .all(this.#end, end);
    for (const { cluster, events, batch } of rows) {
      this.#counts.set(cluster, { events: events + (this.#counts.get(cluster)?.events ?? 0), batch });
    }
    this.#end = Math.max(this.#end, end);
    return this.#counts;
  }
}
