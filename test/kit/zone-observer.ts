/** A client that looks at a zone all the time, through restarts too, and remembers all that it was ever told. */
import assert from 'node:assert/strict';
import { compareSerial, toSerial } from '../../src/dns/serial.ts';
import {
  applyTransfer,
  type DnsClient,
  type IncrementalTransfer,
  NoReply,
  TransferRefused,
  type TransferredZone,
} from './dns-client.ts';

/** So many versions back a client must be able to follow by differences. */
const RECENT = 25;
/** A zone that has another version at each of so many looks is not compared, but found wrong. */
const FOLLOW_TRIES = 10;

export class ZoneObserver {
  /** Every version that was seen, in that order. */
  readonly versions: TransferredZone[] = [];
  readonly #dns: DnsClient;
  readonly #zone: string;
  readonly #bySerial = new Map<number, TransferredZone>();
  #isWatching = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(dns: DnsClient, zone: string) {
    this.#dns = dns;
    this.#zone = zone;
  }

  get newest(): TransferredZone | undefined {
    return this.versions.at(-1);
  }

  /** Takes the zone over, and compares it with what was seen before. @throws NoReply, TransferRefused */
  async look(): Promise<TransferredZone> {
    const zone = await this.#dns.axfr(this.#zone);
    const before = this.newest;
    if (before !== undefined) {
      const order = compareSerial(toSerial(before.serial), toSerial(zone.serial));
      assert.ok(order === 'lower' || order === 'equal', `the serial went back from ${before.serial} to ${zone.serial}`);
    }
    const same = this.#bySerial.get(zone.serial);
    if (same === undefined) {
      this.#bySerial.set(zone.serial, zone);
      this.versions.push(zone);
    } else {
      assert.deepEqual(zone, same, `serial ${zone.serial} has another content than before`);
    }
    return zone;
  }

  /** Looks again and again, until `stop`. A server that is away is no fault. */
  watch(): void {
    this.#isWatching = true;
    this.#watching = this.#run();
    // Awaited in `stop`, which tells what went wrong.
    this.#watching.catch(() => undefined);
  }

  /** @throws what the looks found */
  async stop(): Promise<void> {
    this.#isWatching = false;
    await this.#watching;
  }

  /**
   * Is what a secondary makes of IXFR, from each of these versions (default: all that were seen), the zone as it is? A
   * whole zone may come only where the differences are more than that, or the version is an old one.
   * @returns how many transfers were incremental
   */
  async checkIncrements(versions: readonly TransferredZone[] = this.versions): Promise<number> {
    let incremental = 0;
    for (const old of versions) {
      const { transfer, expected } = await this.#follow(old.serial);
      assert.deepEqual(applyTransfer(old, transfer), expected, `IXFR from ${old.serial} (${transfer.kind})`);
      assert.equal(transfer.kind === 'current', old.serial === expected.serial);
      if (transfer.kind === 'incremental') incremental += 1;
      if (transfer.kind !== 'full' || this.versions.indexOf(old) < this.versions.length - RECENT) continue;
      const differences = new Set(old.records).symmetricDifference(new Set(expected.records)).size;
      assert.ok(differences > expected.records.length, `a whole zone for ${differences} differences`);
    }
    return incremental;
  }

  /** What IXFR gives, and the zone in the very version that it leads to: there may be a new one between two questions. */
  async #follow(serial: number): Promise<{ transfer: IncrementalTransfer; expected: TransferredZone }> {
    for (let tries = 1; ; tries++) {
      const transfer = await this.#dns.ixfr(this.#zone, serial);
      const expected = await this.#dns.axfr(this.#zone);
      const led = transfer.kind === 'full' ? transfer.zone.serial : transfer.serial;
      if (led === expected.serial || tries === FOLLOW_TRIES) return { transfer, expected };
    }
  }

  async #run(): Promise<void> {
    while (this.#isWatching) {
      try {
        await this.look();
      } catch (error) {
        if (!(error instanceof NoReply || error instanceof TransferRefused)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}
