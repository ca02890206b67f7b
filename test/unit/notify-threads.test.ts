/** NOTIFY with several serving threads: a secondary that is told may ask any of them, so all must have the version. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { createNotifySide } from '../../src/compose/notify.ts';
import { blockNames } from '../../src/compose/offered.ts';
import { DEFAULT_NOTIFY } from '../../src/corefile/config.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { readMessage } from '../../src/dns/wire.ts';
import type { ClusterId } from '../../src/ingest/event.ts';
import { createLogger } from '../../src/logger.ts';
import { name, soa } from '../kit/records.ts';

const APEX = 'z.';
let secondary: Socket;

before(async () => {
  secondary = createSocket('udp4');
  secondary.bind(0, '127.0.0.1');
  await once(secondary, 'listening');
});
after(() => secondary.close());

/** The serial of the next message, in its answer section. */
async function told(): Promise<number> {
  const [packet] = (await once(secondary, 'message')) as [Buffer];
  const found = readMessage(packet)?.answer[0]?.rdata;
  assert.ok(found?.type === 'SOA');
  return found.serial;
}

test('a version is told when the last thread has it, in whatever order they come to it', async () => {
  const lines: string[] = [];
  const side = createNotifySide({
    threads: 3,
    logger: createLogger((line) => lines.push(line)),
    now: () => performance.now() / 1000,
    clock: () => 1_800_000_000,
    random: () => 0.5,
    kept: { load: () => [], save: () => {} },
  });
  try {
    const targets = [{ address: '127.0.0.1', port: secondary.address().port }];
    const timing = { ...DEFAULT_NOTIFY, delayMs: 0, maxMs: 0 };
    side.configure([{ zone: APEX, apex: name(APEX), timing, targets, found: [] }], () => ({
      timing,
      targets: [],
      found: [],
    }));
    const publish = (thread: number, serial: number) => side.publish(thread, [[APEX, soa(APEX, serial)]]);
    const first = told();
    for (const thread of [2, 0, 1]) publish(thread, 1);
    assert.equal(await first, 1);
    const next = told();
    // Two are there, one of them further; then the third has the older of the two, which all can hand out.
    publish(0, 2);
    publish(0, 3);
    publish(1, 2);
    assert.deepEqual(
      side.status().map(({ serial }) => serial),
      [1],
    );
    publish(2, 2);
    assert.equal(await next, 2);
    assert.deepEqual(
      side.status().map(({ serial }) => serial),
      [2],
    );
  } finally {
    side.close();
  }
});

test('what was known of a zone that threads offer after the first configuration is shown after a restart', () => {
  const known = {
    zone: APEX,
    address: '127.0.0.1',
    port: 5353,
    transferred: { serial: toSerial(7), time: 1_799_999_999 },
  };
  const side = createNotifySide({
    threads: 2,
    logger: createLogger(() => {}),
    now: () => performance.now() / 1000,
    clock: () => 1_800_000_000,
    random: () => 0.5,
    kept: { load: () => [known], save: () => {} },
  });
  const targets = [{ address: '127.0.0.1', port: 5353 }];
  side.configure([], () => ({ timing: { ...DEFAULT_NOTIFY, delayMs: 60_000 }, targets, found: [] }));
  for (const thread of [0, 1]) {
    side.publishOffered(thread, [{ block: 'dns://.:53', apex: name(APEX), soa: soa(APEX, 7) }]);
  }
  assert.deepEqual(
    side.status().map(({ secondaries }) => secondaries.map(({ transferred }) => transferred)),
    [[known.transferred]],
  );
  side.close();
});

describe('while a reload goes on', () => {
  const LATER = 60_000;
  const timing = { ...DEFAULT_NOTIFY, delayMs: LATER, maxMs: LATER };
  const targets = [{ address: '127.0.0.1', port: 5353 }];
  const told = { timing, targets, found: [] };
  const other = { timing, targets: [{ address: '127.0.0.2', port: 5353 }], found: [] };
  const plannedZone = (apex: string) => ({ zone: apex, apex: name(apex), ...told });
  const offeredZone = (apex: string, serial: number | undefined, block = 'dns://.:53') => ({
    block,
    apex: name(apex),
    soa: serial === undefined ? undefined : soa(apex, serial),
  });
  const sideOf = (threads: number) =>
    createNotifySide({
      threads,
      logger: createLogger(() => {}),
      now: () => performance.now() / 1000,
      clock: () => 1_800_000_000,
      random: () => 0.5,
      kept: { load: () => [], save: () => {} },
    });
  /** `ZONE SERIAL TARGET`, of each zone. */
  const shown = (side: ReturnType<typeof sideOf>) =>
    side
      .status()
      .map(({ zone, serial, secondaries }) => [zone, serial, ...secondaries.map(({ address }) => address)].join(' '));

  test('versions of its zones are not forgotten when other zones or addresses come meanwhile', () => {
    const side = sideOf(1);
    side.configure([plannedZone('old.')], () => told);
    side.publish(0, [['old.', soa('old.', 1)]]);
    // The plan is folded; a cluster has to be waited for, and a file changes.
    side.publish(0, [['new.', soa('new.', 5)]]);
    side.publishOffered(0, [offeredZone('file.', 7)]);
    side.setFound([{ cluster: 'east' as ClusterId, addresses: ['192.0.2.1'] }]);
    side.configure([plannedZone('old.'), plannedZone('new.')], () => told);
    assert.deepEqual(shown(side), ['old. 1 127.0.0.1', 'new. 5 127.0.0.1', 'file. 7 127.0.0.1']);
    side.close();
  });

  test('versions of zones that no plan has in the end are forgotten', () => {
    const side = sideOf(1);
    side.configure([], () => told);
    side.publish(0, [['new.', soa('new.', 5)]]);
    side.configure([], () => told);
    side.configure([plannedZone('new.')], () => told);
    assert.deepEqual(shown(side), []);
    side.close();
  });

  test('a zone that was offered and is planned now is one zone, with the version of the plan', () => {
    const side = sideOf(2);
    side.configure([], () => told);
    for (const thread of [0, 1]) side.publishOffered(thread, [offeredZone('z.', 7)]);
    for (const thread of [0, 1]) side.publish(thread, [['z.', soa('z.', 7)]]);
    for (const thread of [0, 1]) side.publishOffered(thread, [offeredZone('z.', undefined)]);
    side.configure([plannedZone('z.')], () => told);
    assert.deepEqual(shown(side), ['z. 7 127.0.0.1']);
    for (const thread of [0, 1]) side.publish(thread, [['z.', soa('z.', 8)]]);
    assert.deepEqual(shown(side), ['z. 8 127.0.0.1']);
    side.close();
  });

  test('a zone of the plan and one that another block offers under the same name do not mix', () => {
    const side = sideOf(1);
    side.configure([], () => other);
    side.publishOffered(0, [offeredZone('z.', 100)]);
    side.publish(0, [['z.', soa('z.', 7)]]);
    side.configure([plannedZone('z.')], () => other);
    assert.deepEqual(shown(side), ['z. 7 127.0.0.1', 'z.#2 100 127.0.0.2']);
    side.publishOffered(0, [offeredZone('z.', 101)]);
    assert.deepEqual(shown(side), ['z. 7 127.0.0.1', 'z.#2 101 127.0.0.2']);
    side.close();
  });

  test('what a block offers stays the same zone when blocks before it come and go', () => {
    const block = (zone: string, address = '127.0.0.1') => ({
      keys: [{ transport: 'dns' as const, zone: name(zone), port: 53 }],
      addresses: [address],
    });
    const [first] = blockNames([block('a.'), block('b.')]);
    assert.deepEqual(blockNames([block('new.'), block('b.'), block('a.')])[2], first);
    assert.equal(new Set(blockNames([block('a.'), block('a.', '127.0.0.2'), block('a.')])).size, 3);
  });
});
