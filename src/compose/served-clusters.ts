/**
 * From when on answers are given from a cluster: a list that is in the log has yet to come to the serving threads, which fold
 * a long one part by part. `/ready` waits for that.
 */
import type { ClusterId } from '../ingest/event.ts';

export interface ServedClusters {
  /**
   * These clusters are synced, and no others.
   * @param batch which made the new ones among them so; 0: they are served already
   */
  synced(clusters: readonly ClusterId[], batch: number): void;
  /** Every serving thread has folded that batch. @returns has a cluster come in by it? */
  folded(batch: number): boolean;
  /** The batch that made a cluster synced, for as long as a serving thread has not folded it. */
  unservedSince(cluster: ClusterId): number | undefined;
}

export function createServedClusters(): ServedClusters {
  /** The batch that made each synced cluster so; 0 once it is served. */
  let since = new Map<ClusterId, number>();
  return {
    synced(clusters, batch) {
      since = new Map(clusters.map((cluster) => [cluster, since.get(cluster) ?? batch]));
    },
    folded(batch) {
      const come = [...since].filter(([, from]) => from > 0 && from <= batch);
      for (const [cluster] of come) since.set(cluster, 0);
      return come.length > 0;
    },
    unservedSince: (cluster) => since.get(cluster) || undefined,
  };
}
