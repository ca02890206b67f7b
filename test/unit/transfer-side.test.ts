/** What a serving thread packs ahead, as the thread has it joined: zones that `transfer` hands out, and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTransferSide } from '../../src/compose/transfers.ts';
import { createLogger } from '../../src/logger.ts';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { optionsOf } from '../kit/corefile.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { given } from '../kit/given.ts';
import { toolsOf } from '../kit/handlers.ts';
import { decode, entryOf, loopbackBlock, question } from '../kit/serving.ts';

const ZONE = 'cluster.local.';
const events = [
  planApplied(zoneDefinition(ZONE, [stanza(EAST)])),
  namespace(EAST, 'apps'),
  service(EAST, 'apps/web', ['10.0.0.1']),
];
const before = given([...events, ...synced(EAST)]).zone(ZONE);
const after = given([...events, service(EAST, 'apps/db', ['10.0.0.2']), ...synced(EAST)]).zone(ZONE);
const served = { id: ZONE, apex: before.apex };

function start(transferred: string) {
  const clock = new FakeClock();
  let zone = before;
  const block = loopbackBlock(['transfer'], { options: optionsOf(`transfer ${transferred} {\n to *\n}`) });
  const side = createTransferSide({
    journal: () => ({ chain: () => undefined }),
    zoneOf: () => zone,
    zonesOf: () => ({ kubernetes: [[served]], multicluster: [] }),
    expiresIn: () => undefined,
    addressesOf: () => [],
    nameOf: () => '',
    onTransferred: () => {},
    logger: createLogger(() => {}),
    now: clock.now,
    after: (milliseconds, callback) => clock.timer(callback, milliseconds),
  });
  const handler = side.factory(block, toolsOf().tools) ?? assert.fail();
  const { entry } = entryOf({ [ZONE]: [handler] }, { transport: 'tcp' });
  side.configured([block]);
  const packed = () => {
    const family = side.snapshot().find(({ name }) => name === 'zonelog_transfer_packed_bytes');
    return Number(family?.samples[0]?.value);
  };
  /** @returns the owners in a transfer */
  const take = () => {
    const outgoing = entry.answer(question('cluster.local', 'AXFR'), { address: '192.0.2.1', port: 1 });
    assert.ok(outgoing !== undefined && 'messages' in outgoing);
    const owners: string[] = [];
    for (let next = outgoing.messages.next(); !next.done; next = outgoing.messages.next()) {
      for (const record of decode(Buffer.from(next.value)).answer) owners.push(record.split(' ')[0] ?? '');
    }
    return owners;
  };
  const change = (to: typeof zone) => {
    zone = to;
    side.changed(ZONE);
  };
  return { clock, side, packed, take, change };
}

test('a zone that is handed out is packed after a start, and again when a client took it and it has changed', () => {
  const { clock, packed, take, change } = start(ZONE);
  assert.equal(packed(), 0);
  clock.advance(10_000);
  const first = packed();
  assert.ok(first > 0);
  assert.ok(take().includes('web.apps.svc.cluster.local'));
  assert.equal(packed(), first, 'the client got what was kept');
  change(after);
  clock.advance(10_000);
  const second = packed();
  assert.ok(second > first, `${second} octets after ${first}`);
  assert.ok(take().includes('db.apps.svc.cluster.local'));
  assert.equal(packed(), second);
});

test('a new version of a zone that nobody took is not', () => {
  const { clock, packed, change } = start(ZONE);
  clock.advance(10_000);
  const first = packed();
  change(after);
  clock.advance(10_000);
  assert.equal(packed(), first);
});

test('a zone that is not handed out is not packed, and nothing is after the end', () => {
  const other = start('other.local');
  other.clock.advance(10_000);
  assert.equal(other.packed(), 0);
  const { clock, side, packed } = start(ZONE);
  side.stop();
  assert.equal(clock.pending, 0);
  side.changed(ZONE);
  clock.advance(10_000);
  assert.equal(packed(), 0);
});
