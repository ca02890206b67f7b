/** What is known of the secondaries of each zone: what they were told, and what they took. */
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { gaugeFamily, type MetricsSnapshot } from '../metrics.ts';

/** A serial, and when it came to be; Unix seconds. */
export interface Reached {
  readonly serial: Serial;
  readonly time: number;
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
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** Clients of one zone that are remembered, besides those that are told: the last ones. */
const MAX_OTHERS = 100;

export class Secondaries {
  readonly #clock: () => number;
  readonly #zones = new Map<ZoneId, Map<string, SecondaryStatus>>();

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
      after.set(key, before.get(key) ?? { zone, address, port });
    }
    for (const [key, status] of before) if (status.port === undefined) after.set(key, status);
    this.#zones.set(zone, after);
  }

  drop(zone: ZoneId): void {
    this.#zones.delete(zone);
  }

  acknowledge(zone: ZoneId, { address, port }: Place, serial: Serial): void {
    const key = keyOf(address, port);
    const status = this.#of(zone).get(key);
    if (status !== undefined) this.#of(zone).set(key, { ...status, acknowledged: this.#reached(serial) });
  }

  /** A client took a version: each secondary at its address, or it is remembered as one more. */
  transfer(zone: ZoneId, address: string, serial: Serial): void {
    const all = this.#of(zone);
    const transferred = this.#reached(serial);
    const told = [...all].filter(([, status]) => status.address === address && status.port !== undefined);
    for (const [key, status] of told) all.set(key, { ...status, transferred });
    if (told.length > 0) return;
    const key = keyOf(address, undefined);
    // Put at the end: the first of the map is the one that was not seen for the longest time.
    all.delete(key);
    all.set(key, { zone, address, transferred });
    const others = [...all].filter(([, status]) => status.port === undefined);
    for (const [oldest] of others.slice(0, Math.max(0, others.length - MAX_OTHERS))) all.delete(oldest);
  }

  all(): SecondaryStatus[] {
    return [...this.#zones.values()].flatMap((zone) => [...zone.values()]);
  }

  snapshot(): MetricsSnapshot {
    const told = this.all().filter(({ port }) => port !== undefined);
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
    ];
  }

  #of(zone: ZoneId): Map<string, SecondaryStatus> {
    let found = this.#zones.get(zone);
    if (found === undefined) {
      found = new Map();
      this.#zones.set(zone, found);
    }
    return found;
  }

  #reached(serial: Serial): Reached {
    return { serial, time: Math.floor(this.#clock()) };
  }
}

function keyOf(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
