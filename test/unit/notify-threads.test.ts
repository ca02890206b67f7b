/** NOTIFY with several serving threads: a secondary that is told may ask any of them, so all must have the version. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { createNotifySide } from '../../src/compose/notify.ts';
import { DEFAULT_NOTIFY } from '../../src/corefile/config.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { readMessage } from '../../src/dns/wire.ts';
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
    side.publishOffered(thread, [{ block: 0, apex: name(APEX), soa: soa(APEX, 7) }]);
  }
  assert.deepEqual(
    side.status().map(({ secondaries }) => secondaries.map(({ transferred }) => transferred)),
    [[known.transferred]],
  );
  side.close();
});
