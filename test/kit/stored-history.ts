/** A database as the server leaves it: log, journal and snapshots of the same batches, in memory. */
import assert from 'node:assert/strict';
import { type Database, openDatabase } from '../../src/database.ts';
import type { ClusterEvent, ClusterId, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { Journal } from '../../src/projection/journal.ts';
import { createProjector, type Projector } from '../../src/projection/projector.ts';
import { readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import { compact } from '../../src/retention/compaction.ts';
import { serialsOf } from '../../src/retention/cut.ts';

/** 2026-11-21T00:00:00Z in milliseconds; a batch is a second later than the one before. */
export const START = Date.UTC(2026, 10, 21);

/** What a server does with its database, without threads and clusters. */
export class StoredHistory {
  readonly db: Database;
  projector: Projector;
  #log: EventLog;

  constructor(db: Database = openDatabase(':memory:').db) {
    this.db = db;
    this.#log = new EventLog(db);
    this.projector = this.#start();
  }

  /** Starts again, from what is stored. */
  restart(): void {
    this.#log = new EventLog(this.db);
    this.projector = this.#start();
  }

  append(events: readonly ClusterEvent[], time = START + this.#log.lastBatch * 1000): void {
    const appended = this.#log.append(events, [], time, this.#previous);
    assert.ok(appended.ok);
    this.projector.apply(appended.value);
  }

  /** @returns false when no snapshot can be written at the moment */
  snapshot(): boolean {
    if (this.projector.isBehind()) return false;
    const { world, batch } = this.projector;
    for (const _ of writeSnapshot(this.db, world, batch, serialsOf(this.projector)));
    return true;
  }

  /** Compacts up to a batch; all steps of it or so many. @returns how many steps it took */
  compact(until: number, most = Number.POSITIVE_INFINITY): number {
    const steps = compact(this.db, { until, reason: 'a test', now: START });
    let taken = 0;
    while (taken < most && steps.next().done !== true) taken += 1;
    return taken;
  }

  readonly #previous = (cluster: ClusterId, kind: ObjectKind, key: string) =>
    factsAt(this.projector.world, cluster, kind, key);

  #start(): Projector {
    const journal = new Journal(this.db);
    const projector = createProjector(readSnapshot(this.db, Number.MAX_SAFE_INTEGER), journal, journal.position());
    this.projector = projector;
    for (const batch of this.#log.read(projector.batch + 1, this.#previous)) projector.apply(batch);
    projector.seal();
    return projector;
  }
}
