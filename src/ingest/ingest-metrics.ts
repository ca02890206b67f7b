/** What the ingest stage counts and measures, as metric families. */
import { createCounters, gaugeFamily, type MetricFamily, type MetricsSnapshot } from '../metrics.ts';
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
  const bugs = createCounters('zonelog_ingest_bugs_total', 'Exceptions that began a list and watch anew.');
  const all = [events, rejected, requests, bugs];
  return { events, rejected, requests, bugs, families: () => all.map((counters) => counters.family()) };
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
