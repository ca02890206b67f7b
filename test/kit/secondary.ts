/** `secondary` without a server: its zones in memory, over real sockets. */

import type { DomainName } from '../../src/dns/name.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import { fail, ok } from '../../src/errors.ts';
import type { TransferEvent } from '../../src/ingest/event.ts';
import type { SecondarySource } from '../../src/ingest/secondary/primary.ts';
import type { ZoneTimes } from '../../src/ingest/secondary/refresher.ts';
import { createSecondaries, type Secondaries } from '../../src/ingest/secondary/secondaries.ts';
import { createLogger } from '../../src/logger.ts';
import { Touched } from '../../src/projection/touched.ts';
import { foldTransfer, NOTHING_TRANSFERRED, type Transferred } from '../../src/projection/transferred.ts';
import { afterTurns } from './patience.ts';
import { name } from './records.ts';

/** A zone with one primary, within small limits. */
export function sourceOf(
  apex: string,
  primaries: readonly { readonly address: string; readonly port: number }[],
  parts: Partial<SecondarySource> = {},
): SecondarySource {
  return {
    zone: apex,
    apex: name(apex),
    primaries: primaries.map(({ address, port }) => ({ address, port })),
    limits: { records: 1000, octets: 100_000 },
    refresh: [60_000, 60_000],
    retry: [60_000, 60_000],
    expire: [60_000, 60_000],
    transferTime: 20_000,
    idleTime: 10_000,
    ...parts,
  };
}

export class SecondaryKit {
  transferred: Transferred = NOTHING_TRANSFERRED;
  readonly events: TransferEvent[] = [];
  readonly lines: string[] = [];
  readonly times = new Map<string, ZoneTimes>();
  readonly own = new Set<DomainName>();
  /** Why the log takes nothing; undefined: it does. */
  failure: string | undefined;
  readonly secondaries: Secondaries;

  constructor() {
    this.secondaries = createSecondaries({
      store: {
        known: (zone) => this.transferred.zones.get(zone),
        members: () => [...this.transferred.members.entries()].map(([apex, member]) => [apex as DomainName, member]),
        isOwn: (apex) => this.own.has(apex),
        commit: (events) => {
          if (this.failure !== undefined) return fail(this.failure);
          for (const event of events) this.transferred = foldTransfer(this.transferred, event, new Touched());
          this.events.push(...events);
          return ok(undefined);
        },
        times: (zone) => this.times.get(zone),
        keepTimes: (zone, times) => {
          if (times === undefined) this.times.delete(zone);
          else this.times.set(zone, times);
        },
      },
      clock: {
        now: Date.now,
        // Its short times are no test of the machine: it may stand still for longer.
        after: afterTurns,
      },
      random: Math.random,
      logger: createLogger((line) => this.lines.push(line)),
    });
  }

  serial(zone: string): number | undefined {
    return this.transferred.zones.get(zone)?.soa?.rdata.serial;
  }

  /** All records but the SOA, sorted; undefined: there is no such zone. */
  zone(zone: string): string[] | undefined {
    const records = this.transferred.zones.get(zone)?.records.records();
    return (
      records &&
      [...records]
        .filter(({ rdata }) => rdata.type !== 'SOA')
        .map(recordText)
        .sort()
    );
  }

  /** The value of a counter or gauge with these labels. */
  metric(family: string, labels: readonly string[]): number {
    const found = this.secondaries.metrics().find((one) => one.name === family);
    const sample = found?.samples.find((one) => one.labels.join() === labels.join());
    return typeof sample?.value === 'number' ? sample.value : 0;
  }
}
