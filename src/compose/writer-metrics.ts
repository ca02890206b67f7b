/** What the writer's thread tells of itself. */
import { gaugeFamily, type MetricsSnapshot } from '../metrics.ts';
import { countConflicts } from '../projection/conflicts.ts';
import { digestStates } from './missing-digests.ts';
import type { Writer } from './writer.ts';

export function writerMetrics(writer: Writer): MetricsSnapshot {
  const { projector } = writer;
  const zones = projector.zones();
  const { clusters, logFailure } = writer.status();
  return [
    ...(writer.ingest?.metrics() ?? []),
    ...(writer.secondaries?.metrics() ?? []),
    ...writer.retention.metrics(),
    gaugeFamily(
      'zonelog_zone_serial',
      'SOA serial of the published version.',
      ['zone'],
      zones.flatMap((zone) => (zone.serial === undefined ? [] : [[[zone.id], zone.serial] as const])),
    ),
    gaugeFamily(
      'zonelog_zonemd_published',
      'Has the published version of a zone that is to have a ZONEMD record got one? 0: it has too many records.',
      ['zone'],
      digestStates(zones).map(([id, isThere]) => [[id], isThere ? 1 : 0] as const),
    ),
    gaugeFamily(
      'zonelog_merge_conflicts',
      'Services of stanzas with `merge` that do not fit together; the first stanza has its way.',
      ['zone'],
      zones
        .filter(({ definition }) => definition.stanzas.some(({ isMerged }) => isMerged === true))
        .map((zone) => [[zone.id], countConflicts(zone)] as const),
    ),
    gaugeFamily(
      'zonelog_gateway_crowded_hosts',
      'Hosts that more objects of one kind name than count for a name; what is beyond is left out.',
      ['cluster'],
      writer.crowdedHosts().map(([id, count]) => [[id], count] as const),
    ),
    gaugeFamily('zonelog_log_batch', 'Last batch of the event log that is folded.', [], [[[], projector.batch]]),
    gaugeFamily(
      'zonelog_log_failing',
      'Is the disk refusing the log or the journal? 1 is yes.',
      [],
      [[[], logFailure === undefined ? 0 : 1]],
    ),
    gaugeFamily(
      'zonelog_cluster_synced',
      'Was every needed kind of the cluster listed once? 1 is yes.',
      ['cluster'],
      clusters.map(({ id, isSynced }) => [[id], isSynced ? 1 : 0] as const),
    ),
    gaugeFamily(
      'zonelog_cluster_lost',
      'Kinds of objects that can not be followed at the moment; answers come from what is known.',
      ['cluster'],
      clusters.map(({ id, lost }) => [[id], lost.length] as const),
    ),
    gaugeFamily(
      'zonelog_cluster_lacking',
      'Kinds of objects that the API server has not got or does not let us list: nothing of them is served. 1 for each.',
      ['cluster', 'kind'],
      clusters.flatMap(({ id, lacking }) => lacking.map(({ kind }) => [[id, kind], 1] as const)),
    ),
  ];
}
