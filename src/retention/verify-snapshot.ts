/** Snapshots, compared with the fold of the log. */
import type { Database } from '../database.ts';
import { equalJson } from '../ingest/delta.ts';
import { findDifference } from '../projection/compare-worlds.ts';
import type { Projector, ProjectorStart } from '../projection/projector.ts';
import { readSnapshotOf } from '../projection/snapshot.ts';
import { serialsOf } from './cut.ts';

/** The batches that whole snapshots are of, from one on. */
export function snapshotBatches(db: Database, from: number): Set<number> {
  const batches = db
    .prepare<[number], number>('SELECT batch FROM snapshot WHERE is_complete = 1 AND batch >= ? ORDER BY batch')
    .pluck()
    .all(from);
  return new Set(batches);
}

/** In what the snapshot of the batch that was folded last is otherwise, in one line; undefined when in nothing. */
export function findBrokenSnapshot(db: Database, projector: Projector): string | undefined {
  let stored: ProjectorStart | undefined;
  try {
    stored = readSnapshotOf(db, projector.batch);
  } catch (error) {
    // Its text may be anything.
    return `it can't be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (stored === undefined) return undefined;
  if (!equalJson([...stored.serials], serialsOf(projector))) return 'its serials are not those of the log';
  return findDifference(stored.world, projector.world);
}
