/** What `forward` counts, under the names of the peer's metrics; a few of our own for what it lets pass unseen. */
import { rcodeText } from '../../dns/type-text.ts';
import { createCounters, type HistogramValue, type MetricsSnapshot } from '../../metrics.ts';
import { bucketOf, bump, DURATION_BOUNDS } from '../tally.ts';
import type { UpstreamProto } from './exchange.ts';

/** Why a message of a server was not passed on. */
export type Fault = 'malformed' | 'mismatch' | 'stray';

export interface ProxyMetrics {
  countReply(to: string, rcode: number, seconds: number): void;
  countSocket(to: string, proto: UpstreamProto, isReused: boolean): void;
  countFailedProbe(to: string): void;
  countFault(to: string, fault: Fault): void;
  /** All servers were down when one was needed. */
  countBroken(): void;
  /** A question was over `max_concurrent`. */
  countRejected(): void;
  /** A question got the answer to an equal one that was in work already. */
  countShared(): void;
  snapshot(): MetricsSnapshot;
}

interface Durations {
  readonly labels: readonly string[];
  readonly counts: Float64Array;
  sum: number;
}

export function createProxyMetrics(proxyName: string): ProxyMetrics {
  const durations = new Map<string, Durations>();
  const hits = createCounters('coredns_proxy_conn_cache_hits_total', 'Questions over a socket that was open already.', [
    'proxy_name',
    'to',
    'proto',
  ]);
  const misses = createCounters('coredns_proxy_conn_cache_misses_total', 'Questions over a new socket.', [
    'proxy_name',
    'to',
    'proto',
  ]);
  const probes = createCounters('coredns_proxy_healthcheck_failures_total', 'Probes that a server did not answer.', [
    'proxy_name',
    'to',
  ]);
  const faults = createCounters(
    'zonelog_forward_faulty_replies_total',
    'Messages of servers that were not passed on: malformed, about another question, or asked for by nobody.',
    ['to', 'fault'],
  );
  const broken = createCounters('coredns_forward_healthcheck_broken_total', 'Questions when all servers were down.');
  const rejects = createCounters(
    'coredns_forward_max_concurrent_rejects_total',
    'Questions refused because too many were in work.',
  );
  const shared = createCounters(
    'zonelog_forward_shared_total',
    'Questions that got the reply to an equal one in work, without being sent.',
  );
  return {
    countReply(to, rcode, seconds) {
      const key = `${to} ${rcode}`;
      let one = durations.get(key);
      if (one === undefined) {
        const counts = new Float64Array(DURATION_BOUNDS.length + 1);
        one = { labels: [proxyName, to, rcodeText(rcode)], counts, sum: 0 };
        durations.set(key, one);
      }
      bump(one.counts, bucketOf(DURATION_BOUNDS, seconds));
      one.sum += seconds;
    },
    countSocket: (to, proto, isReused) => (isReused ? hits : misses).add([proxyName, to, proto]),
    countFailedProbe: (to) => probes.add([proxyName, to]),
    countFault: (to, fault) => faults.add([to, fault]),
    countBroken: () => broken.add([]),
    countRejected: () => rejects.add([]),
    countShared: () => shared.add([]),
    snapshot: () => [
      {
        name: 'coredns_proxy_request_duration_seconds',
        help: 'Time that servers took to reply.',
        type: 'histogram',
        labelNames: ['proxy_name', 'to', 'rcode'],
        merge: 'sum',
        samples: [...durations.values()].map(({ labels, counts, sum }) => ({
          labels,
          value: { bounds: DURATION_BOUNDS, counts: [...counts], sum } satisfies HistogramValue,
        })),
      },
      ...[hits, misses, probes, faults, broken, rejects, shared].map((counters) => counters.family()),
    ],
  };
}
