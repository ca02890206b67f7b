/** What transfers in are counted by. Members of a catalog are counted under its name: there may be thousands. */
import { createCounters, gaugeFamily, type MetricsSnapshot } from '../../metrics.ts';

export type SecondaryCounters = ReturnType<typeof createSecondaryCounters>;

export function createSecondaryCounters() {
  const refreshes = createCounters(
    'zonelog_transfer_in_refreshes_total',
    'Times that primaries were asked for their version, by what came of it.',
    ['zone', 'result'],
  );
  const transfers = createCounters('zonelog_transfer_in_total', 'Transfers from primaries, by what came of them.', [
    'zone',
    'result',
  ]);
  const fallbacks = createCounters(
    'zonelog_transfer_in_fallbacks_total',
    'Differences that could not be had, so that the whole zone was asked for.',
    ['zone'],
  );
  const records = createCounters('zonelog_transfer_in_records_total', 'Records received in transfers that counted.', [
    'zone',
  ]);
  const octets = createCounters('zonelog_transfer_in_bytes_total', 'Octets received in transfers that counted.', [
    'zone',
  ]);
  const expiries = createCounters('zonelog_transfer_in_expiries_total', 'Zones that expired.', ['zone']);
  const refused = createCounters(
    'zonelog_catalog_refused_members_total',
    'Members of catalogs that were not taken, each time that their catalog was read.',
    ['catalog'],
  );
  const all = [refreshes, transfers, fallbacks, records, octets, expiries, refused];
  return {
    refreshes,
    transfers,
    fallbacks,
    records,
    octets,
    expiries,
    refused,
    families: () => all.map((counters) => counters.family()),
  };
}

/** What is measured of one zone of the configuration. */
export interface ZoneMeasures {
  readonly zone: string;
  readonly serial: number | undefined;
  readonly records: number;
  readonly octets: number;
  /** Unix seconds; undefined: never transferred. */
  readonly refreshedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly isExpired: boolean;
}

export function describeZones(zones: readonly ZoneMeasures[], running: number, waiting: number): MetricsSnapshot {
  const of = (value: (zone: ZoneMeasures) => number | undefined) =>
    zones.flatMap((measures): (readonly [readonly string[], number])[] => {
      const measured = value(measures);
      return measured === undefined ? [] : [[[measures.zone], measured]];
    });
  const gauge = (name: string, help: string, value: (zone: ZoneMeasures) => number | undefined) =>
    gaugeFamily(name, help, ['zone'], of(value));
  return [
    gauge('zonelog_transfer_in_serial', 'Serial of a zone that is transferred in.', ({ serial }) => serial),
    gauge('zonelog_transfer_in_zone_records', 'Records of a zone that is transferred in.', ({ records }) => records),
    gauge('zonelog_transfer_in_zone_bytes', 'Octets that a zone takes in memory, once.', ({ octets }) => octets),
    gauge(
      'zonelog_transfer_in_refreshed_timestamp_seconds',
      'When a primary was last found to have no newer version.',
      ({ refreshedAt }) => refreshedAt,
    ),
    gauge(
      'zonelog_transfer_in_expires_timestamp_seconds',
      'Until when a zone is answered from if no primary is heard of.',
      ({ expiresAt }) => expiresAt,
    ),
    gauge('zonelog_transfer_in_expired', 'Whether a zone is too old to be answered from.', ({ isExpired }) =>
      isExpired ? 1 : 0,
    ),
    gaugeFamily('zonelog_transfers_in_running', 'Transfers from primaries that are going on.', [], [[[], running]]),
    gaugeFamily('zonelog_transfers_in_waiting', 'Transfers from primaries that wait for others.', [], [[[], waiting]]),
  ];
}
