/** What `cache` counts, under the names of the peer's metrics. */
import type { MetricFamily, MetricsSnapshot } from '../../../metrics.ts';
import type { CacheType } from './kind.ts';

/** Counts of one listener. */
export interface CacheCounts {
  requests: number;
  readonly hits: Record<CacheType, number>;
  misses: number;
  prefetches: number;
  drops: number;
  stale: number;
  readonly evictions: Record<CacheType, number>;
}

export function emptyCounts(): CacheCounts {
  return {
    requests: 0,
    hits: { success: 0, denial: 0 },
    misses: 0,
    prefetches: 0,
    drops: 0,
    stale: 0,
    evictions: { success: 0, denial: 0 },
  };
}

const TYPES: readonly CacheType[] = ['success', 'denial'];

/**
 * @param byServer counts by the `server` label
 * @param labels of the block: its zones, joined by commas, and its view
 * @param sizeOf entries at the moment
 */
export function cacheFamilies(
  byServer: ReadonlyMap<string, CacheCounts>,
  { zones, view }: { readonly zones: string; readonly view: string },
  sizeOf: (type: CacheType) => number,
): MetricsSnapshot {
  const servers = [...byServer];
  const plain = (name: string, help: string, read: (counts: CacheCounts) => number): MetricFamily => ({
    name,
    help,
    type: 'counter',
    labelNames: ['server', 'zones', 'view'],
    merge: 'sum',
    samples: servers.map(([server, counts]) => ({ labels: [server, zones, view], value: read(counts) })),
  });
  const byType = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    read: (counts: CacheCounts, type: CacheType) => number,
  ): MetricFamily => ({
    name,
    help,
    type,
    labelNames: ['server', 'type', 'zones', 'view'],
    merge: 'sum',
    samples: servers.flatMap(([server, counts]) =>
      TYPES.map((of) => ({ labels: [server, of, zones, view], value: read(counts, of) })),
    ),
  });
  return [
    byType('coredns_cache_entries', 'Replies in the cache.', 'gauge', (_, type) => sizeOf(type)),
    plain('coredns_cache_requests_total', 'Questions put to the cache.', (counts) => counts.requests),
    byType('coredns_cache_hits_total', 'Questions answered by the cache.', 'counter', ({ hits }, type) => hits[type]),
    plain('coredns_cache_misses_total', 'Questions that the cache had no answer to.', (counts) => counts.misses),
    plain('coredns_cache_prefetch_total', 'Replies asked for before the old one was over.', (c) => c.prefetches),
    plain('coredns_cache_drops_total', 'Replies that could not be kept.', (counts) => counts.drops),
    plain('coredns_cache_served_stale_total', 'Questions answered with a reply whose time was over.', (c) => c.stale),
    byType(
      'coredns_cache_evictions_total',
      'Replies that went for want of room.',
      'counter',
      ({ evictions }, type) => evictions[type],
    ),
  ];
}
