/** When primaries are asked for a zone, in which order, and when it is too old: on a clock that stands still. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RecordStore } from '../../src/dns/record-store.ts';
import { fail, ok, type Result } from '../../src/errors.ts';
import type { SecondarySource } from '../../src/ingest/secondary/primary.ts';
import type { PrimaryVersion } from '../../src/ingest/secondary/question.ts';
import { Refresher, type ZoneTimes } from '../../src/ingest/secondary/refresher.ts';
import type { SoaRecord } from '../../src/ingest/secondary/transfer-reader.ts';
import { createLogger } from '../../src/logger.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { name, soa } from '../kit/records.ts';
import { sourceOf } from '../kit/secondary.ts';

const ZONE = 'example.org.';
const SECOND = 1000;
const [FIRST, SECOND_PRIMARY] = [
  { address: '192.0.2.1', port: 53 },
  { address: '192.0.2.2', port: 53 },
] as const;

/** Refresh 2 h, retry 30 min, expire 24 h. */
const soaOf = (serial: number): SoaRecord => soa(ZONE, serial);

function storeOf(serial: number): RecordStore {
  const editor = RecordStore.empty(name(ZONE)).edit();
  editor.add(soaOf(serial));
  return editor.finish();
}

/** A zone with two primaries, whose serials are what they are set to; undefined: no answer. */
class World {
  readonly clock = new FakeClock();
  readonly serials = new Map<string, number | undefined>([
    [FIRST.address, 1],
    [SECOND_PRIMARY.address, 1],
  ]);
  /** Of the EXPIRE option. */
  expire: number | undefined;
  known: { records: RecordStore; isExpired: boolean } | undefined;
  /** Who was asked for what, at which second. */
  readonly asked: string[] = [];
  readonly marks: string[] = [];
  readonly lines: string[] = [];
  readonly kept: ZoneTimes[] = [];
  isLogFull = false;
  readonly refresher: Refresher;

  constructor(parts: Partial<SecondarySource> = {}, times?: ZoneTimes, serial?: number, isExpired = false) {
    if (serial !== undefined) this.known = { records: storeOf(serial), isExpired };
    const day = 24 * 3600 * SECOND;
    const source = sourceOf(ZONE, [FIRST, SECOND_PRIMARY], {
      refresh: [SECOND, 28 * day],
      retry: [SECOND, 14 * day],
      expire: [SECOND, 365 * day],
      ...parts,
    });
    this.refresher = new Refresher(
      source,
      {
        clock: {
          now: () => this.clock.now() * 1000,
          after: (milliseconds, action) => this.clock.timer(action, milliseconds),
        },
        random: () => 0,
        logger: createLogger((line) => this.lines.push(line)),
        known: () => this.known,
        askVersion: async ({ address }): Promise<Result<PrimaryVersion, string>> => {
          const answer = this.#ask('version', address);
          return answer.ok ? ok({ soa: soaOf(answer.value), expire: this.expire }) : answer;
        },
        transfer: async ({ address }) => {
          const answer = this.#ask('transfer', address);
          if (!answer.ok) return answer;
          const version = {
            kind: 'full',
            records: storeOf(answer.value),
            soa: soaOf(answer.value),
            received: 2,
          } as const;
          return ok({ kind: 'transferred', version, expire: this.expire, octets: 100 });
        },
        store: async ({ version }) => {
          if (this.isLogFull) return fail('disk full');
          this.known = { records: version.records, isExpired: false };
          return ok(undefined);
        },
        mark: (kind) => {
          if (this.isLogFull) return false;
          this.marks.push(kind);
          if (this.known) this.known = { ...this.known, isExpired: kind === 'expired' };
          return true;
        },
        keep: (kept) => this.kept.push(kept),
        count: () => {},
      },
      times,
    );
  }

  #ask(what: string, address: string): Result<number, string> {
    this.asked.push(`${Math.round(this.clock.now())} ${what} ${address.at(-1)}`);
    const serial = this.serials.get(address);
    return serial === undefined ? fail('no answer') : ok(serial);
  }

  /** What is asked until nothing more happens by itself. */
  async settle(): Promise<string[]> {
    for (let i = 0; i < 20; i++) await nextTurn();
    return this.asked.splice(0);
  }

  /** Lets seconds pass, timer by timer. */
  async pass(seconds: number, step = 10): Promise<string[]> {
    const asked: string[] = [];
    for (let left = seconds; left > 0; left -= step) {
      this.clock.advance(Math.min(step, left) * 1000);
      asked.push(...(await this.settle()));
    }
    return asked;
  }
}

test('a zone that was never transferred is asked for at once, then ever later up to 10 s', async () => {
  const world = new World();
  world.serials.set(FIRST.address, undefined);
  world.serials.set(SECOND_PRIMARY.address, undefined);
  world.refresher.start();
  assert.deepEqual(await world.settle(), ['0 transfer 1', '0 transfer 2']);
  const asked = await world.pass(60, 0.25);
  const seconds = asked.filter((line) => line.endsWith('1')).map((line) => Number(line.split(' ')[0]));
  assert.deepEqual(seconds, [0, 1, 2, 4, 8, 16, 26, 36, 46, 56]);
  assert.equal(world.lines.length, 1, 'the same trouble is told once');
});

test('it tells how often it has failed in a row, and when it is asked for next', async () => {
  const world = new World({}, undefined, 1);
  const stands = () => {
    const { failures, nextAt } = world.refresher.status;
    return [failures, nextAt === undefined ? undefined : Math.round((nextAt - world.clock.now() * 1000) / SECOND)];
  };
  world.serials.set(FIRST.address, undefined);
  world.serials.set(SECOND_PRIMARY.address, undefined);
  world.refresher.start();
  assert.deepEqual(stands(), [0, undefined]);
  await world.settle();
  assert.deepEqual(stands(), [1, 1800]);
  await world.pass(1800);
  assert.deepEqual(stands(), [2, 1800]);
  world.serials.set(FIRST.address, 1);
  world.refresher.refresh();
  await world.settle();
  assert.deepEqual(stands(), [0, 7200]);
});

test('primaries are asked in their order, the next one when one has no answer or only what is older', async () => {
  const world = new World({}, undefined, 5);
  world.serials.set(FIRST.address, 4);
  world.serials.set(SECOND_PRIMARY.address, 6);
  world.refresher.start();
  assert.deepEqual(await world.settle(), ['0 version 1', '0 version 2', '0 transfer 2']);
  assert.equal(world.known?.records.soa()?.rdata.serial, 6);
  world.serials.set(FIRST.address, 6);
  world.refresher.refresh();
  assert.deepEqual(await world.settle(), ['0 version 1']);
});

test('serials are compared as numbers on a circle (RFC 1982)', async () => {
  const world = new World({}, undefined, 0xffff_fff0);
  world.serials.set(FIRST.address, 3);
  world.refresher.start();
  assert.deepEqual(await world.settle(), ['0 version 1', '0 transfer 1']);
  assert.equal(world.known?.records.soa()?.rdata.serial, 3);
});

test('who told of a version is asked first', async () => {
  const world = new World({}, undefined, 1);
  world.refresher.start();
  await world.settle();
  world.serials.set(SECOND_PRIMARY.address, 2);
  world.refresher.notify(SECOND_PRIMARY.address);
  assert.deepEqual(await world.settle(), ['0 version 2', '0 transfer 2']);
});

test('versions that are told of while one is asked for are asked for after that, once', async () => {
  const world = new World({}, undefined, 1);
  world.refresher.start();
  world.refresher.notify(FIRST.address);
  world.refresher.notify(FIRST.address);
  assert.deepEqual(await world.settle(), ['0 version 1']);
  assert.deepEqual(await world.pass(1, 0.1), ['0 version 1']);
});

test('it is asked after refresh, and after retry when nobody answers; both within bounds', async () => {
  const world = new World({}, undefined, 1);
  world.refresher.start();
  await world.settle();
  assert.deepEqual(await world.pass(7190), []);
  assert.deepEqual(await world.pass(10), ['7200 version 1']);
  world.serials.set(FIRST.address, undefined);
  world.serials.set(SECOND_PRIMARY.address, undefined);
  assert.deepEqual(await world.pass(7200), ['14400 version 1', '14400 version 2']);
  assert.deepEqual(await world.pass(1800), ['16200 version 1', '16200 version 2']);
  const bounded = new World({ refresh: [10 * SECOND, 60 * SECOND], retry: [3 * SECOND, 5 * SECOND] }, undefined, 1);
  bounded.refresher.start();
  await bounded.settle();
  bounded.serials.set(FIRST.address, undefined);
  bounded.serials.set(SECOND_PRIMARY.address, undefined);
  const asked = await bounded.pass(71, 1);
  assert.deepEqual(
    asked.filter((line) => line.endsWith('1')),
    ['60 version 1', '65 version 1', '70 version 1'],
  );
});

test('it expires when no primary is heard of, and comes back with one', async () => {
  const world = new World({}, undefined, 1);
  world.refresher.start();
  await world.settle();
  world.serials.set(FIRST.address, undefined);
  world.serials.set(SECOND_PRIMARY.address, undefined);
  await world.pass(86_390, 600);
  assert.deepEqual(world.marks, []);
  await world.pass(20);
  assert.deepEqual(world.marks, ['expired']);
  world.serials.set(FIRST.address, 1);
  await world.pass(1800);
  assert.deepEqual(world.marks, ['expired', 'refreshed']);
  assert.equal(world.known?.isExpired, false);
});

test('it does not expire while a primary answers, though it has nothing newer, or only what is older', async () => {
  const world = new World({}, undefined, 5);
  world.serials.set(FIRST.address, 4);
  world.serials.set(SECOND_PRIMARY.address, 4);
  world.refresher.start();
  await world.pass(3 * 86_400, 600);
  assert.deepEqual(world.marks, []);
});

test('it expires at the time that an earlier start noted', async () => {
  const world = new World({}, { refreshedAt: 0, expiresAt: 30 * SECOND }, 1);
  world.serials.set(FIRST.address, undefined);
  world.serials.set(SECOND_PRIMARY.address, undefined);
  world.refresher.start();
  await world.pass(29, 1);
  assert.deepEqual(world.marks, []);
  await world.pass(2, 1);
  assert.deepEqual(world.marks, ['expired']);
});

test('a zone that had expired stays so over a start, until a primary answers', async () => {
  const world = new World({}, { refreshedAt: 0, expiresAt: 0 }, 1, true);
  world.refresher.start();
  await world.settle();
  assert.deepEqual(world.marks, ['refreshed']);
});

test('a primary that is a secondary itself says how long its copy is good (RFC 7314)', async () => {
  const world = new World({}, undefined, 1);
  world.expire = 500;
  world.refresher.start();
  await world.settle();
  // What was known of a zone without times is good for as long as a new one; what is told later takes nothing away.
  assert.equal(world.kept.at(-1)?.expiresAt, 86_400 * SECOND);
  world.serials.set(FIRST.address, 2);
  world.refresher.refresh();
  await world.settle();
  assert.equal(world.kept.at(-1)?.expiresAt, 500 * SECOND);
  // More than the SOA record allows counts for no more than that.
  world.serials.set(FIRST.address, 3);
  world.expire = 1_000_000;
  world.refresher.refresh();
  await world.settle();
  assert.equal(world.kept.at(-1)?.expiresAt, 86_400 * SECOND);
});

test('a newer version that could not be had is asked for again soon, though others have none', async () => {
  const world = new World({}, undefined, 1);
  world.refresher.start();
  await world.settle();
  world.isLogFull = true;
  world.serials.set(FIRST.address, 2);
  world.refresher.refresh();
  assert.deepEqual(await world.settle(), ['0 version 1', '0 transfer 1', '0 version 2']);
  assert.match(world.lines.join(), /could not be refreshed: 192.0.2.1:53: disk full/);
  world.isLogFull = false;
  assert.deepEqual(await world.pass(1800), ['1800 version 1', '1800 transfer 1']);
  assert.equal(world.known?.records.soa()?.rdata.serial, 2);
});

test('a disk that takes nothing delays the expiry', async () => {
  const world = new World({ expire: [SECOND, 60 * SECOND], refresh: [3600 * SECOND, 3600 * SECOND] }, undefined, 1);
  world.refresher.start();
  await world.settle();
  world.isLogFull = true;
  world.serials.set(FIRST.address, undefined);
  world.serials.set(SECOND_PRIMARY.address, undefined);
  await world.pass(70, 1);
  assert.deepEqual(world.marks, []);
  world.isLogFull = false;
  await world.pass(2, 1);
  assert.deepEqual(world.marks, ['expired']);
});

test('nothing is asked after the end', async () => {
  const world = new World({}, undefined, 1);
  world.refresher.start();
  await world.settle();
  await world.refresher.stop();
  world.refresher.notify(FIRST.address);
  assert.deepEqual(await world.pass(20_000, 600), []);
  assert.equal(world.clock.pending, 0);
});
