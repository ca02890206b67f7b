/** Snapshots, compared with the fold of the log. */
import type { Database } from '../database.ts';
import { equalJson } from '../ingest/delta.ts';
import { OBJECT_KINDS } from '../ingest/event.ts';
import type { Projector, ProjectorStart } from '../projection/projector.ts';
import { readSnapshotOf } from '../projection/snapshot.ts';
import { type ClusterState, clusterOf, factsAt, keysAt, type World } from '../projection/state.ts';
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

function findDifference(stored: World, folded: World): string | undefined {
  if (!equalJson(stored.plan, folded.plan)) return 'its plan is not that of the log';
  const ids = new Set([...Object.keys(stored.clusters), ...Object.keys(folded.clusters)] as ClusterState['id'][]);
  for (const id of ids) {
    const contact = ({ synced, lost, lacking }: ClusterState) => ({ synced, lost, lacking });
    if (!equalJson(contact(clusterOf(stored, id)), contact(clusterOf(folded, id))))
      return `${id} is not in contact as the log says`;
    for (const kind of OBJECT_KINDS) {
      for (const [from, to] of [
        [stored, folded],
        [folded, stored],
      ] as const) {
        for (const key of keysAt(from, id, kind)) {
          if (!equalJson(factsAt(from, id, kind, key), factsAt(to, id, kind, key)))
            return `${kind} ${key} of ${id} is not as in the log`;
        }
      }
    }
  }
  return undefined;
}
