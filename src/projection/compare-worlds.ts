/** Are two states of all that is known the same? */
import { packRecords } from '../dns/canonical.ts';
import { equalJson } from '../ingest/delta.ts';
import { OBJECT_KINDS } from '../ingest/event.ts';
import { heldTexts } from './held.ts';
import { type ClusterState, clusterOf, factsAt, keysAt, type World } from './state.ts';
import type { Transferred } from './transferred.ts';
import { headOfTransferred } from './transferred-text.ts';

/** The first thing in which a state is not as it should be, in one line; undefined when there is none. */
export function findDifference(found: World, right: World): string | undefined {
  if (!equalJson(found.plan, right.plan)) return 'its plan is not that of the log';
  const ids = new Set([...Object.keys(found.clusters), ...Object.keys(right.clusters)] as ClusterState['id'][]);
  for (const id of ids) {
    if (!equalJson(contactOf(found, id), contactOf(right, id))) return `its contact with ${id} is not as in the log`;
    for (const kind of OBJECT_KINDS) {
      for (const key of new Set([...keysAt(found, id, kind), ...keysAt(right, id, kind)])) {
        if (!equalJson(factsAt(found, id, kind, key), factsAt(right, id, kind, key)))
          return `${kind} ${key} of ${id} is not as in the log`;
      }
    }
  }
  return findTransferredDifference(found.transferred, right.transferred);
}

function contactOf(world: World, id: ClusterState['id']): unknown {
  const { synced, lost, lacking, held } = clusterOf(world, id);
  return { synced, lost, lacking, held: heldTexts(held) };
}

function findTransferredDifference(found: Transferred, right: Transferred): string | undefined {
  if (!equalJson(sortedHead(found), sortedHead(right))) return 'its zones of other servers are not those of the log';
  for (const [id, { records }] of found.zones.entries()) {
    const others = right.zones.get(id)?.records;
    if (
      others === undefined ||
      Buffer.compare(packRecords([...records.records()]), packRecords([...others.records()])) !== 0
    )
      return `${id} has other records than in the log`;
  }
  return undefined;
}

function sortedHead(transferred: Transferred): unknown {
  const { zones, members } = headOfTransferred(transferred);
  return {
    zones: zones.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    members: members.toSorted(([a], [b]) => (a < b ? -1 : 1)),
  };
}
