/** The index of terms, compared with the facts that it was made of: it may hold more than them, never less. */
import type { Database } from '../database.ts';
import type { ClusterEvent, ClusterId, FactsOf, ObjectKind } from './event.ts';
import type { PreviousFacts } from './log-decode.ts';
import { newTerms } from './terms.ts';

/** Finds terms that lead nowhere. */
export class TermIndex {
  readonly #mention;

  constructor(db: Database) {
    this.#mention = db
      .prepare<[string, string, string, string], number>(
        `SELECT 1 FROM mention WHERE term = ? AND object = (SELECT id FROM object
           WHERE kind = (SELECT id FROM word WHERE text = ?) AND cluster = (SELECT id FROM word WHERE text = ?) AND key = ?)`,
      )
      .pluck();
  }

  /** The first term that these events brought and the index lacks, in one line. @param previous as of before them */
  findMissing(events: readonly ClusterEvent[], previous: PreviousFacts): string | undefined {
    for (const event of events) {
      if (!('facts' in event)) continue;
      const { cluster, object, key, facts } = event;
      const missing = this.findMissingOf(cluster, object, key, facts, previous(cluster, object, key));
      if (missing !== undefined) return missing;
    }
    return undefined;
  }

  /** As `findMissing`, of the facts of one object. */
  findMissingOf(
    cluster: ClusterId,
    kind: ObjectKind,
    key: string,
    facts: FactsOf[ObjectKind],
    before?: FactsOf[ObjectKind],
  ): string | undefined {
    for (const term of newTerms(key, before, facts)) {
      const isThere = this.#mention.get(term, kind, cluster.toWellFormed(), key.toWellFormed()) !== undefined;
      if (!isThere) return `the index does not lead from ${term} to ${kind} ${key}`;
    }
    return undefined;
  }
}
