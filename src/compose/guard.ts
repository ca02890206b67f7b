/**
 * The guard against a list that is too short to be true: an API server that comes up empty answers 200 with nothing in
 * it. What is known is kept until the names come back, an operator says so, or a time is over.
 */
import type { ClusterId } from '../ingest/event.ts';
import type { AdmitDeletions, MissingObjects } from '../ingest/reconcile.ts';
import type { Logger } from '../logger.ts';
import type { ClusterState } from '../projection/state.ts';
import type { DeletionGuard } from './views.ts';

export interface GuardOptions {
  /** The guard of a cluster; undefined: none. */
  readonly guardOf: (cluster: ClusterId) => DeletionGuard | undefined;
  readonly cluster: (id: ClusterId) => ClusterState | undefined;
  readonly release: (cluster: ClusterId) => void;
  readonly logger: Logger;
}

/** Of fewer names than this, any may go at once: half of a handful is no disaster. */
const FEWEST = 20;

export function createGuard({ guardOf, cluster: stateOf, release, logger }: GuardOptions): AdmitDeletions {
  const timers = new Map<ClusterId, NodeJS.Timeout>();
  return (claim) => {
    const { cluster, kind } = claim;
    const guard = guardOf(cluster);
    const { known, missing } = weigh(claim, stateOf(cluster));
    if (guard === undefined || known < FEWEST || missing * 100 <= known * guard.percent) return true;
    logger.error(
      `${cluster}: a list has lost ${missing} of ${known} ${kind === 'Namespace' ? 'services with their namespaces' : `objects of kind ${kind}`}: ` +
        `held for ${guard.holdMs / 1000} s, until they are listed again, or until 'zonelog release'`,
    );
    if (!timers.has(cluster)) {
      const timer = setTimeout(() => {
        timers.delete(cluster);
        release(cluster);
      }, guard.holdMs);
      timers.set(cluster, timer.unref());
    }
    return false;
  };
}

/** What is at stake: with a namespace go the names of all of its services. */
function weigh({ kind, known, missing }: MissingObjects, state: ClusterState | undefined) {
  if (kind !== 'Namespace' || state === undefined) return { known, missing: missing.length };
  let all = 0;
  for (const { services } of state.namespaces.values()) all += services.size;
  const lost = missing.reduce((sum, namespace) => sum + (state.namespaces.get(namespace)?.services.size ?? 0), 0);
  return { known: all, missing: lost };
}
