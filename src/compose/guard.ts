/**
 * The guard against a list that is too short to be true: an API server that comes up empty answers 200 with nothing in
 * it. What is known is kept until the names come back, an operator says so, or a time is over.
 */
import type { ClusterId } from '../ingest/event.ts';
import type { AdmitDeletions } from '../ingest/reconcile.ts';
import type { Logger } from '../logger.ts';
import type { DeletionGuard } from './plan.ts';

export interface GuardOptions {
  /** The guard of a cluster; undefined: none. */
  readonly guardOf: (cluster: ClusterId) => DeletionGuard | undefined;
  readonly release: (cluster: ClusterId) => void;
  readonly logger: Logger;
}

/** Of fewer objects than this, any may go at once: half of a handful is no disaster. */
const FEWEST = 20;

export function createGuard({ guardOf, release, logger }: GuardOptions): AdmitDeletions {
  const timers = new Map<ClusterId, NodeJS.Timeout>();
  return ({ cluster, kind, known, missing }) => {
    const guard = guardOf(cluster);
    if (guard === undefined || known < FEWEST || missing * 100 <= known * guard.percent) return true;
    logger.error(
      `${cluster}: a list has lost ${missing} of ${known} objects of kind ${kind}: held for ${guard.holdMs / 1000} s, ` +
        "until they are listed again, or until 'zonelog release'",
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
