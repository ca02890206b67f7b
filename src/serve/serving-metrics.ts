/** What the serving side of a thread says of itself beside its queries. */
import { gaugeFamily, type MetricFamily, type MetricsSnapshot } from '../metrics.ts';
import { type BuiltBlock, pointsOf } from './blocks.ts';
import type { Entry } from './entry.ts';
import { describePoint } from './listen-point.ts';
import type { Listener } from './listeners.ts';

/** Which plugins see the queries of which zones. Equal in all threads. */
export function pluginsEnabled(blocks: readonly BuiltBlock[]): MetricFamily {
  const samples = blocks.flatMap(({ block, handlers, running }) =>
    pointsOf(block).flatMap((point) =>
      block.keys
        .filter((key) => key.port === point.port && key.transport === point.transport)
        .flatMap(({ zone }) =>
          handlers.map(({ name }) => [[describePoint(point), zone, running.view, name], 1] as const),
        ),
    ),
  );
  const labels = ['server', 'zone', 'view', 'name'];
  return gaugeFamily('coredns_plugin_enabled', 'Plugins of each server block.', labels, samples, 'max');
}

/** All that blocks, listeners and entries have counted, without what is of one moment only. */
export function totalsOf(
  blocks: readonly BuiltBlock[],
  listeners: readonly Listener[],
  entries: readonly Entry[],
): MetricsSnapshot {
  return [
    ...blocks.flatMap(({ handlers }) => handlers.flatMap((handler) => handler.metrics?.() ?? [])),
    ...listeners.flatMap((listener) => listener.metrics?.() ?? []),
    ...socketFamilies(listeners, entries),
  ].filter(({ type }) => type !== 'gauge');
}

/** Sockets, connections and kept answers. */
export function socketFamilies(listeners: readonly Listener[], entries: readonly Entry[]): MetricsSnapshot {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const counts = listeners.map((listener) => listener.counts());
  const sizes = entries.map(({ cache }) => cache.size);
  const counter = (name: string, help: string, value: number) =>
    ({ ...gaugeFamily(name, help, [], [[[], value]]), type: 'counter' }) as const;
  return [
    gaugeFamily(
      'zonelog_answer_cache_entries',
      'Encoded answers that are kept.',
      [],
      [[[], sum(sizes.map((s) => s.entries))]],
    ),
    gaugeFamily(
      'zonelog_answer_cache_bytes',
      'Octets of the kept answers, about.',
      [],
      [[[], sum(sizes.map((s) => s.octets))]],
    ),
    counter(
      'zonelog_answer_cache_evictions_total',
      'Kept answers that went for want of room.',
      sum(sizes.map((s) => s.evictions)),
    ),
    gaugeFamily(
      'zonelog_tcp_connections',
      'TCP connections of clients.',
      [],
      [[[], sum(counts.map((c) => c.tcpOpen))]],
    ),
    counter(
      'zonelog_tcp_connections_refused_total',
      'TCP connections over a limit.',
      sum(counts.map((c) => c.tcpRefused)),
    ),
    counter(
      'zonelog_udp_dropped_total',
      'Questions by UDP left without an answer.',
      sum(counts.map((c) => c.udpDropped)),
    ),
    counter(
      'zonelog_udp_send_errors_total',
      'Answers by UDP that the system refused.',
      sum(counts.map((c) => c.udpErrors)),
    ),
  ];
}
