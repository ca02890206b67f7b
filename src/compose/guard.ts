/**
 * The guard against a list that is too short to be true: an API server that comes up empty answers 200 with nothing in
 * it. What is known is kept until the names come back, an operator says so, or a time is over.
 */
import type { ClusterId } from '../ingest/event.ts';
import type { AdmitDeletions, MissingObjects } from '../ingest/reconcile.ts';
import type { Logger } from '../logger.ts';
import type { ClusterState } from '../projection/state.ts';
import { startTimeout } from '../timeout.ts';
import type { DeletionGuard } from './views.ts';

export interface GuardOptions {
  /** The guard of a cluster; undefined: none. */
  readonly guardOf: (cluster: ClusterId) => DeletionGuard | undefined;
  readonly cluster: (id: ClusterId) => ClusterState | undefined;
  /** Is any deletion of the cluster held at the moment? */
  readonly isHolding: (cluster: ClusterId) => boolean;
  readonly release: (cluster: ClusterId) => void;
  /** Unix milliseconds. */
  readonly clock: () => number;
  readonly logger: Logger;
}

/** Of fewer names than this, any may go at once: half of a handful is no disaster. */
const FEWEST = 20;

export function createGuard(options: GuardOptions): AdmitDeletions {
  const { guardOf, cluster: stateOf, isHolding, release, clock, logger } = options;
  const running = new Map<ClusterId, { readonly until: number; readonly cancel: () => void }>();

  /** All that is held of a cluster is held until the same moment, Unix milliseconds. */
  function holdUntil(cluster: ClusterId, holdMs: number): number {
    const before = running.get(cluster);
    if (before !== undefined && isHolding(cluster)) return before.until;
    before?.cancel();
    const now = clock();
    // A restart makes it no longer.
    const logged = Object.values(stateOf(cluster)?.held ?? {}).map((held) => held.until);
    const until = before === undefined ? Math.min(now + holdMs, ...logged.filter((time) => time > now)) : now + holdMs;
    const cancel = startTimeout(() => {
      running.delete(cluster);
      release(cluster);
    }, until - now);
    running.set(cluster, { until, cancel });
    return until;
  }

  return (claim) => {
    const { cluster, kind } = claim;
    const guard = guardOf(cluster);
    const { known, missing } = weigh(claim, stateOf(cluster));
    if (guard === undefined || known < FEWEST || missing * 100 <= known * guard.percent) return undefined;
    const until = holdUntil(cluster, guard.holdMs);
    logger.error(
      `${cluster}: a list has lost ${missing} of ${known} ${kind === 'Namespace' ? 'services with their namespaces' : `objects of kind ${kind}`}: ` +
        `held until ${new Date(until).toISOString()}, until they are listed again, or until 'zonelog release'`,
    );
    return { percent: guard.percent, until };
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
