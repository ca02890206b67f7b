/** What `/ready` tells: who is waited for, and what is wrong though answers are given. */
import type { ClusterStatus, WriterStatus } from './messages.ts';
import type { Understood } from './understand.ts';

/**
 * Plugins that are not ready, each with its reason.
 * @param served the batch that every serving thread had when it went over to the configuration in force
 */
export function unreadyPlugins(
  { planned }: Pick<Understood, 'planned'>,
  status: WriterStatus,
  served: number,
): { plugin: string; reason: string }[] {
  const isReady = ({ isSynced, unservedSince = 0 }: ClusterStatus) => isSynced && unservedSince <= served;
  const waiting = status.clusters.filter((cluster) => !isReady(cluster)).map((cluster) => cluster.id);
  const plugins = new Map<string, Set<string>>();
  for (const zone of planned.plan.zones) {
    for (const { plugin, cluster } of zone.stanzas) {
      if (!waiting.includes(cluster)) continue;
      plugins.set(plugin, (plugins.get(plugin) ?? new Set()).add(cluster));
    }
  }
  return [...plugins].map(([plugin, clusters]) => ({ plugin, reason: `not synced: ${[...clusters].join(', ')}` }));
}

/** What is wrong though answers are given. */
export function troublesOf({ clusters, secondaries, logFailure }: WriterStatus): string[] {
  return [
    ...secondaries.flatMap(({ zone, isExpired }) => (isExpired ? [`zone ${zone} has expired`] : [])),
    ...clusters.flatMap(({ id, lost }) => lost.map((reason) => `answers are from the log: ${id}: ${reason}`)),
    ...clusters.flatMap(({ id, lacking }) =>
      lacking.map(({ kind, reason }) => `nothing is served of ${kind}: ${id}: ${reason}`),
    ),
    ...clusters.flatMap(({ id, held }) => (held > 0 ? [`the guard holds ${held} deletions: ${id}`] : [])),
    ...(logFailure === undefined ? [] : [`changes wait: the event log can't be written: ${logFailure}`]),
  ];
}
