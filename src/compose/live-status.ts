/** What the history page is told of the running server. */
import type { MetricsSnapshot } from '../metrics.ts';
import type { Reached } from '../transfer/secondaries.ts';
import type { LiveIncoming, LiveReached, LiveStatus } from '../web/live.ts';
import type { WriterStatus } from './messages.ts';
import type { Transfers } from './transfer-status.ts';

/**
 * @param metrics those of the writer
 * @param now Unix seconds
 */
export function liveStatus(
  { clusters, logFailure }: WriterStatus,
  { outgoing, incoming }: Transfers,
  metrics: MetricsSnapshot,
  now: number,
): LiveStatus {
  const contacts = lastContacts(metrics);
  const lag = metrics.find(({ name }) => name === 'zonelog_ingest_lag_seconds')?.samples[0]?.value;
  return {
    clusters: clusters.map(({ id, isSynced, lost }) => {
      const contact = contacts.get(id);
      return {
        cluster: id,
        isSynced,
        lost,
        ...(contact !== undefined && { silentSeconds: Math.max(0, Math.round((now - contact) * 10) / 10) }),
      };
    }),
    secondaries: outgoing.flatMap(({ zone, serial, secondaries }) =>
      secondaries.map(({ address, port, acknowledged, transferred }) => ({
        zone,
        address,
        served: serial,
        ...(port !== undefined && { port }),
        ...(acknowledged && { acknowledged: reached(acknowledged) }),
        ...(transferred && { transferred: reached(transferred) }),
      })),
    ),
    incoming: incoming.map(incomingZone),
    ...(typeof lag === 'number' && { lagSeconds: lag }),
    ...(logFailure !== undefined && { logFailure }),
  };
}

function incomingZone(zone: Transfers['incoming'][number]): LiveIncoming {
  const { refreshedAt, nextRefreshAt, expiresAt, last, ...rest } = zone;
  return {
    ...rest,
    ...(refreshedAt !== undefined && { refreshed: momentOf(refreshedAt) }),
    ...(nextRefreshAt !== undefined && { nextRefresh: momentOf(nextRefreshAt) }),
    ...(expiresAt !== undefined && { expires: momentOf(expiresAt) }),
    ...(last && { last: { ...last, time: momentOf(last.time) } }),
  };
}

/** @param time Unix milliseconds */
function momentOf(time: number): string {
  return new Date(time).toISOString();
}

/** Unix seconds, by cluster: of the kind that has waited for longest. */
function lastContacts(metrics: MetricsSnapshot): ReadonlyMap<string, number> {
  const contacts = new Map<string, number>();
  const family = metrics.find(({ name }) => name === 'zonelog_ingest_last_contact_timestamp_seconds');
  for (const { labels, value } of family?.samples ?? []) {
    const cluster = labels[0] ?? '';
    if (typeof value !== 'number' || value <= 0) continue;
    contacts.set(cluster, Math.min(value, contacts.get(cluster) ?? value));
  }
  return contacts;
}

function reached({ serial, time }: Reached): LiveReached {
  return { serial, time: momentOf(time * 1000) };
}
