/** What is known of the secondaries of each zone: what they were told, and what they took. */
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { gaugeFamily, type MetricsSnapshot } from '../metrics.ts';
import type { Taken } from './respond.ts';

/** A serial, and when it came to be; Unix seconds. */
export interface Reached {
  readonly serial: Serial;
  readonly time: number;
}

/** A transfer that came to its end. */
export interface LastTransfer extends Reached {
  readonly kind: 'full' | 'incremental';
  readonly records: number;
  readonly octets: number;
  readonly seconds: number;
}

/** One secondary of one zone. */
export interface SecondaryStatus {
  readonly zone: ZoneId;
  /** Without a port: one that is not told of versions, but took some. */
  readonly address: string;
  readonly port?: number;
  /** The last version whose NOTIFY it answered. */
  readonly acknowledged?: Reached;
  /** The last version that it took or found it had. */
  readonly transferred?: Reached;
  /** The last transfer that had records. */
  readonly last?: LastTransfer;
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** Clients of one zone that are remembered, besides those that are told: the last ones. */
const MAX_OTHERS = 100;

/** Seconds for which somebody who was heard of before a restart, and never since, is remembered. */
const RESTORED_FOR = 7 * 86_400;

export class Secondaries {
  readonly #clock: () => number;
  readonly #zones = new Map<ZoneId, Map<string, SecondaryStatus>>();
  /** From before a restart, until their zone is there, or a cluster tells their address again: both come later. */
  readonly #restored = new Map<ZoneId, Map<string, SecondaryStatus>>();
  /** Rises with everything that becomes known. */
  changes = 0;

  /** @param clock Unix seconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Those who are told of a zone's versions, from now on. */
  expect(zone: ZoneId, places: readonly Place[]): void {
    const before = this.#of(zone);
    const after = new Map<string, SecondaryStatus>();
    for (const { address, port } of places) {
      const key = keyOf(address, port);
      after.set(key, before.get(key) ?? this.#takeRestored(zone, key) ?? { zone, address, port });
    }
    for (const [key, status] of before) if (status.port === undefined) after.set(key, status);
    this.#zones.set(zone, after);
  }

  /** Forgets all zones but these. */
  keepOnly(zones: ReadonlySet<ZoneId>): void {
    for (const zone of this.#zones.keys()) if (!zones.has(zone)) this.#zones.delete(zone);
  }

  drop(zone: ZoneId): void {
    this.#zones.delete(zone);
  }

  acknowledge(zone: ZoneId, { address, port }: Place, serial: Serial): void {
    const key = keyOf(address, port);
    const status = this.#of(zone).get(key);
    this.changes += 1;
    if (status !== undefined) this.#of(zone).set(key, { ...status, acknowledged: this.#reached(serial) });
  }

  /** A client took a version: each secondary at its address, or it is remembered as one more. */
  transfer(zone: ZoneId, address: string, { serial, kind, records, octets, seconds }: Taken): void {
    const all = this.#of(zone);
    this.changes += 1;
    const transferred = this.#reached(serial);
    const changes = {
      transferred,
      ...(kind !== 'current' && { last: { ...transferred, kind, records, octets, seconds } }),
    };
    const told = [...all].filter(([, status]) => status.address === address && status.port !== undefined);
    for (const [key, status] of told) all.set(key, { ...status, ...changes });
    if (told.length > 0) return;
    const key = keyOf(address, undefined);
    const before = all.get(key);
    // Put at the end: the first of the map is the one that was not seen for the longest time.
    all.delete(key);
    all.set(key, { ...before, zone, address, ...changes });
    const others = [...all].filter(([, status]) => status.port === undefined);
    for (const [oldest] of others.slice(0, Math.max(0, others.length - MAX_OTHERS))) all.delete(oldest);
  }

  /** What was known before a restart; to be called before all else. */
  restore(statuses: readonly SecondaryStatus[]): void {
    const oldest = this.#clock() - RESTORED_FOR;
    for (const status of statuses) {
      if (Math.max(status.acknowledged?.time ?? 0, status.transferred?.time ?? 0) < oldest) continue;
      const zone = this.#restored.get(status.zone) ?? new Map<string, SecondaryStatus>();
      this.#restored.set(status.zone, zone.set(keyOf(status.address, status.port), status));
    }
  }

  /** Those of one zone. */
  of(zone: ZoneId): SecondaryStatus[] {
    return [...(this.#zones.get(zone)?.values() ?? [])];
  }

  /** What a restart is to know. */
  all(): SecondaryStatus[] {
    return [...this.#zones.values(), ...this.#restored.values()].flatMap((zone) => [...zone.values()]);
  }

  /** @param lagOf seconds that a secondary is behind; undefined: not known */
  snapshot(lagOf: (status: SecondaryStatus) => number | undefined = () => undefined): MetricsSnapshot {
    const now = [...this.#zones.values()].flatMap((zone) => [...zone.values()]);
    const told = now.filter(({ port }) => port !== undefined);
    const samples = (reached: (status: SecondaryStatus) => Reached | undefined) =>
      told.flatMap((status) => {
        const serial = reached(status)?.serial;
        return serial === undefined ? [] : [[[status.zone, keyOf(status.address, status.port)], serial] as const];
      });
    const labels = ['zone', 'target'];
    return [
      gaugeFamily(
        'zonelog_secondary_acknowledged_serial',
        'Serial of the last version whose NOTIFY a secondary answered.',
        labels,
        samples(({ acknowledged }) => acknowledged),
        'max',
      ),
      gaugeFamily(
        'zonelog_secondary_transferred_serial',
        'Serial of the last version that a secondary took.',
        labels,
        samples(({ transferred }) => transferred),
        'max',
      ),
      gaugeFamily(
        'zonelog_secondary_lag_seconds',
        'For how long there has been a version that a secondary has not got.',
        labels,
        told.flatMap((status) => {
          const lag = lagOf(status);
          return lag === undefined ? [] : [[[status.zone, keyOf(status.address, status.port)], lag] as const];
        }),
        'max',
      ),
    ];
  }

  #of(zone: ZoneId): Map<string, SecondaryStatus> {
    let found = this.#zones.get(zone);
    if (found === undefined) {
      const others = [...(this.#restored.get(zone) ?? [])].filter(([, { port }]) => port === undefined);
      for (const [key] of others) this.#takeRestored(zone, key);
      found = new Map(others);
      this.#zones.set(zone, found);
    }
    return found;
  }

  #takeRestored(zone: ZoneId, key: string): SecondaryStatus | undefined {
    const waiting = this.#restored.get(zone);
    const status = waiting?.get(key);
    waiting?.delete(key);
    if (waiting?.size === 0) this.#restored.delete(zone);
    return status;
  }

  #reached(serial: Serial): Reached {
    return { serial, time: Math.floor(this.#clock()) };
  }
}

function keyOf(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
