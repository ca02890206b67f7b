import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Serial } from '../../src/dns/serial.ts';
import { createLoadbalance } from '../../src/serve/plugins/loadbalance.ts';
import { createMinimal } from '../../src/serve/plugins/minimal.ts';
import { ask, decode, entryOf, question, REMOTE, ToyZone } from '../kit/serving.ts';

const LABELS = ['web', 'db', 'a.db', 'x.y.z', 'y.z'] as const;
const TYPES = ['A', 'AAAA', 'SOA', 'TXT'] as const;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      label: fc.constantFrom(...LABELS, 'WEB', 'nothing', 'z', 'b.db'),
      type: fc.constantFrom(...TYPES),
      udpSize: fc.constantFrom(undefined, 512, 4096),
      isDnssecOk: fc.boolean(),
      id: fc.integer({ min: 0, max: 65_535 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('change' as const),
      label: fc.constantFrom(...LABELS),
      addresses: fc.array(fc.integer({ min: 1, max: 254 }), { maxLength: 60 }),
    }),
  },
);

test('kept replies are those that would be made anew, through any sequence of questions and changes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const zone = new ToyZone();
      const cells = new Map<string, { serial: Serial | undefined }>();
      // Room for few answers, so that some are evicted.
      const kept = entryOf(
        { '.': [createMinimal(), zone.handler()] },
        { cells, limits: { entries: 6, octets: 20_000 } },
      );
      const fresh = entryOf({ '.': [{ ...createMinimal(), isPure: false }, zone.handler()] });
      for (const s of steps) {
        if (s.kind === 'change') {
          const name = zone.set(s.label, ...s.addresses.map((octet) => `10.0.0.${octet}`));
          cells.set(zone.id, Object.assign(cells.get(zone.id) ?? { serial: undefined }, { serial: zone.serial }));
          kept.entry.cache.invalidate(zone.id, [name]);
          continue;
        }
        const edns = s.udpSize === undefined ? {} : { edns: { udpSize: s.udpSize, isDnssecOk: s.isDnssecOk } };
        const octets = question(`${s.label}.toy.test`, s.type, { id: s.id, ...edns });
        const a = kept.entry.answer(octets, REMOTE);
        const b = fresh.entry.answer(octets, REMOTE);
        assert.ok(Buffer.isBuffer(a) && Buffer.isBuffer(b));
        assert.equal(a.toString('hex'), b.toString('hex'));
      }
      assert.equal(fresh.entry.cache.size.entries, 0);
    }),
    { numRuns: 300 },
  );
});

test('a kept balanced answer has the same records each time, and each address comes first equally often', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 16 }), fc.integer({ min: 1, max: 1000 }), (count, seed) => {
      let state = seed;
      const random = (): number => {
        state = (state * 16_807) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      const zone = new ToyZone();
      const addresses = Array.from({ length: count }, (_, i) => `10.0.0.${i}`);
      zone.set('web', ...addresses);
      const balance = createLoadbalance([], random);
      const { entry } = entryOf({ '.': [balance, zone.handler()] });
      const firsts = new Map<string, number>();
      const wanted = addresses.map((address) => `web.toy.test 5 A ${address}`).toSorted();
      for (let i = 0; i < count * 3; i++) {
        const { answer } = ask(entry, question('web.toy.test', 'A', { edns: { udpSize: 4096 } }));
        assert.deepEqual(answer.toSorted(), wanted);
        firsts.set(answer[0] as string, (firsts.get(answer[0] as string) ?? 0) + 1);
      }
      assert.deepEqual(
        [...firsts.values()],
        Array.from({ length: count }, () => 3),
      );
      assert.equal(zone.asked, 1);
    }),
    { numRuns: 50 },
  );
});

test('a truncated balanced answer shows other addresses each time', () => {
  const zone = new ToyZone();
  zone.set('web', ...Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`));
  const balance = createLoadbalance([], () => 0.3);
  const { entry } = entryOf({ '.': [balance, zone.handler()] });
  const seen = new Set<string>();
  for (let i = 0; i < 16; i++) {
    const octets = entry.answer(question('web.toy.test', 'A'), REMOTE);
    assert.ok(Buffer.isBuffer(octets) && octets.length <= 512);
    const { answer, isTruncated } = decode(Buffer.from(octets));
    assert.ok(isTruncated);
    for (const record of answer) seen.add(record);
  }
  assert.equal(seen.size, 100);
});
