/** What the ingest stage counts and measures, as metric families. */
import {
  createCounters,
  gaugeFamily,
  type HistogramValue,
  type MetricFamily,
  type MetricsSnapshot,
} from '../metrics.ts';
import type { FeedHealth } from './pipeline.ts';

export type IngestCounters = ReturnType<typeof createIngestCounters>;

export function createIngestCounters() {
  const events = createCounters('zonelog_ingest_events_total', 'Facts committed to the event log.', [
    'cluster',
    'event',
  ]);
  const rejected = createCounters('zonelog_ingest_rejected_total', 'Objects that could not be used.', [
    'cluster',
    'kind',
    'reason',
  ]);
  const requests = createCounters(
    'coredns_kubernetes_rest_client_requests_total',
    'Number of HTTP requests, partitioned by status code, method, and host.',
    ['code', 'method', 'host'],
  );
  const durations = createHistograms(
    'coredns_kubernetes_rest_client_request_duration_seconds',
    'Request latency in seconds, until the answer begins. Broken down by verb and host.',
    ['verb', 'host'],
    REQUEST_BOUNDS,
  );
  const waits = createHistograms(
    'coredns_kubernetes_rest_client_rate_limiter_duration_seconds',
    'Time in seconds that requests waited for apiserver_qps and apiserver_max_inflight. Broken down by verb and host.',
    ['verb', 'host'],
    REQUEST_BOUNDS,
  );
  const programming = createHistograms(
    'coredns_kubernetes_dns_programming_duration_seconds',
    'In seconds, from the change of an endpoint slice, as its annotation tells, to the fold of the new facts.',
    ['service_kind'],
    PROGRAMMING_BOUNDS,
  );
  const bugs = createCounters('zonelog_ingest_bugs_total', 'Exceptions that began a list and watch anew.');
  const all = [events, rejected, requests, durations, waits, programming, bugs];
  const families = () => all.map((counters) => counters.family());
  return { events, rejected, requests, durations, waits, programming, bugs, families };
}

/** Those of the peer. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PROGRAMMING_BOUNDS = Array.from({ length: 20 }, (_, power) => 0.001 * 2 ** power);

/** Histograms of one family, by label values. */
export interface HistogramSet {
  /** @param labels values in the order of the family's label names */
  observe(labels: readonly string[], value: number): void;
  family(): MetricFamily;
}

function createHistograms(
  name: string,
  help: string,
  labelNames: readonly string[],
  bounds: readonly number[],
): HistogramSet {
  const samples = new Map<string, { labels: readonly string[]; counts: number[]; sum: number }>();
  return {
    observe(labels, value) {
      const key = JSON.stringify(labels);
      const sample = samples.get(key) ?? { labels, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
      samples.set(key, sample);
      const found = bounds.findIndex((bound) => value <= bound);
      const bucket = found < 0 ? bounds.length : found;
      sample.counts[bucket] = (sample.counts[bucket] ?? 0) + 1;
      sample.sum += value;
    },
    family: () => ({
      name,
      help,
      type: 'histogram',
      labelNames,
      merge: 'sum',
      samples: [...samples.values()].map(({ labels, counts, sum }) => {
        const value: HistogramValue = { bounds, counts: [...counts], sum };
        return { labels, value };
      }),
    }),
  };
}

/** Over all scopes of a kind: counts are added up; the last contact is that of the scope that has waited for longest. */
export function describeFeeds(feeds: readonly FeedHealth[]): MetricsSnapshot {
  const groups = [...Map.groupBy(feeds, ({ cluster, kind }) => `${kind} ${cluster}`).values()];
  const family = (name: string, help: string, value: (group: readonly FeedHealth[]) => number): MetricFamily =>
    gaugeFamily(
      name,
      help,
      ['cluster', 'kind'],
      groups.flatMap((group) => {
        const [first] = group;
        return first ? [[[first.cluster, first.kind], value(group)] as const] : [];
      }),
    );
  const sum = (group: readonly FeedHealth[], of: (feed: FeedHealth) => number) =>
    group.reduce((total, feed) => total + of(feed), 0);
  const counter = (described: MetricFamily): MetricFamily => ({ ...described, type: 'counter' });
  return [
    counter(family('zonelog_ingest_lists_total', 'Complete lists that were asked for.', (g) => sum(g, (f) => f.lists))),
    counter(family('zonelog_ingest_reconnects_total', 'Watches that ended.', (g) => sum(g, (f) => f.reconnects))),
    counter(
      family('zonelog_ingest_bad_lines_total', 'Lines of watches that could not be read.', (g) =>
        sum(g, (f) => f.badLines),
      ),
    ),
    family('zonelog_ingest_held_deletions', 'Deletions that wait for an operator.', (g) => sum(g, (f) => f.held)),
    family('zonelog_ingest_watching', 'Lists and watches that are followed now.', (g) =>
      sum(g, (f) => (f.state === 'watching' ? 1 : 0)),
    ),
    family(
      'zonelog_ingest_last_contact_timestamp_seconds',
      'When the API server last said something.',
      (g) => Math.min(...g.map((f) => f.lastContact)) / 1000,
    ),
  ];
}

export function describeCommits(commits: { readonly waiting: number; readonly lag: number }): MetricsSnapshot {
  return [
    gaugeFamily('zonelog_ingest_waiting_events', 'Events that wait for their commit.', [], [[[], commits.waiting]]),
    gaugeFamily(
      'zonelog_ingest_lag_seconds',
      'From an event to its commit, in the last batch.',
      [],
      [[[], commits.lag / 1000]],
    ),
  ];
}
