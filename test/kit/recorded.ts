/** Writes a log and its journal as the writer does, without clusters: batches of events in, versions out. */
import assert from 'node:assert/strict';
import { type OwnedDatabase, openDatabase } from '../../src/database.ts';
import type { Batch, ClusterEvent, ClusterId, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { Journal, type JournalLimits } from '../../src/projection/journal.ts';
import { createProjector, type Projector, type PublishedVersion } from '../../src/projection/projector.ts';
import { readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import { START } from './given.ts';

export interface Recording {
  readonly database: OwnedDatabase;
  readonly projector: Projector;
  readonly log: EventLog;
  /** Appends a batch and publishes what it changed. */
  record(events: readonly ClusterEvent[], time?: number): { batch: Batch; versions: readonly PublishedVersion[] };
  /** @returns whether one could be written */
  snapshot(): boolean;
}

/** @param file where to; `:memory:` can be read by nobody else */
export function recordTo(file: string, limits?: JournalLimits): Recording {
  const database = openDatabase(file);
  const { db } = database;
  const log = new EventLog(db);
  const journal = new Journal(db, limits);
  const projector = createProjector(readSnapshot(db, Number.MAX_SAFE_INTEGER), journal, journal.position());
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, cluster, kind, key);
  for (const batch of log.read(projector.batch + 1, previous)) projector.apply(batch);
  return {
    database,
    projector,
    log,
    record(events, time = START + projector.batch * 1000) {
      const appended = log.append(events, [], time, previous);
      assert.ok(appended.ok);
      return { batch: appended.value, versions: projector.apply(appended.value) };
    },
    snapshot() {
      if (projector.isBehind()) return false;
      const serials = projector
        .zones()
        .flatMap((zone) => (zone.serial === undefined ? [] : [[zone.id, zone.serial] as const]));
      for (const _ of writeSnapshot(db, projector.world, projector.batch, serials));
      return true;
    },
  };
}
