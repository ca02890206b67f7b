import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMessage } from '../../src/dns/wire.ts';
import { createLogger, logStyle, TEXT_STYLE } from '../../src/logger.ts';
import { createAny } from '../../src/serve/plugins/any.ts';
import { createBufsize } from '../../src/serve/plugins/bufsize.ts';
import { createChaos } from '../../src/serve/plugins/chaos.ts';
import { createErrors } from '../../src/serve/plugins/errors.ts';
import { createLoadbalance } from '../../src/serve/plugins/loadbalance.ts';
import { createLog } from '../../src/serve/plugins/log.ts';
import { createMinimal } from '../../src/serve/plugins/minimal.ts';
import { createNsid } from '../../src/serve/plugins/nsid.ts';
import { createWhoami } from '../../src/serve/plugins/whoami.ts';
import { mutate, randomOf, seedPackets } from '../kit/mutations.ts';
import { entryOf, nameOf, REMOTE, ToyZone } from '../kit/serving.ts';

const PACKETS = 120_000;

const NAMES = [
  'web.toy.test',
  'WEB.Toy.test',
  'many.toy.test',
  'none.toy.test',
  'toy.test',
  'version.bind',
  'example',
  '.',
];

test('no packet brings the entry down, makes a plugin fail, or gets a reply that is none', () => {
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  zone.set('many', ...Array.from({ length: 300 }, (_, i) => `10.1.${i >> 8}.${i & 255}`));
  const random = randomOf(4711);
  let logged = 0;
  const quiet = createLogger(() => {});
  const { entry, tally } = entryOf(
    {
      '.': [
        createNsid('n'),
        createBufsize(1232),
        createErrors({ stacktrace: false, consolidate: [] }, quiet),
        createLog(
          [{ zone: nameOf('toy.test'), format: '{name} {>rflags} {rsize}', classes: new Set(['all']) }],
          (entry) => {
            const line = TEXT_STYLE.query(entry);
            assert.ok(JSON.parse(logStyle('json', () => 0).query(entry)));
            assert.ok(line.indexOf('\n') === line.length - 1);
            logged += 1;
          },
        ),
        createAny(),
        createChaos({ version: 'v', authors: undefined }, { version: 'o', hostName: 'h' }),
        createLoadbalance([], () => random(1000) / 1000),
        createMinimal(),
        zone.handler(),
        createWhoami(),
      ],
    },
    { allowsOtherClasses: true, limits: { entries: 200, octets: 100_000 } },
  );
  const seeds = seedPackets(NAMES);
  const counts = { silent: 0, answered: 0 };
  for (let i = 0; i < PACKETS; i++) {
    const packet = mutate(seeds[i % seeds.length] as Buffer, random);
    const reply = entry.answer(packet, REMOTE);
    if (reply === undefined) {
      assert.ok(packet.length < 12 || (packet[2] as number) >= 0x80);
      counts.silent += 1;
      continue;
    }
    assert.ok(Buffer.isBuffer(reply));
    assert.equal(reply.readUInt16BE(0), packet.readUInt16BE(0));
    const message = readMessage(reply);
    assert.ok(message?.isResponse, `malformed reply to ${packet.toString('hex')}`);
    assert.ok(reply.length <= 1232);
    counts.answered += 1;
    if (i % 1000 === 0) entry.cache.invalidate(zone.id, [zone.set('web', `10.0.0.${i & 255}`)]);
    const { entries, octets } = entry.cache.size;
    assert.ok(entries <= 200 && octets <= 100_000);
  }
  const panics = tally.snapshot().find(({ name }) => name === 'coredns_panics_total');
  assert.equal(panics?.samples[0]?.value, 0);
  assert.ok(counts.silent > 1000 && counts.answered > 50_000 && logged > 5000, JSON.stringify({ ...counts, logged }));
});
