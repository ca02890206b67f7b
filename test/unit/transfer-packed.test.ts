/** Whole zones are packed once, their parts anew when they change; what is kept is bounded, and never sent for anything else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Edns, MessageEncoder } from '../../src/dns/encode.ts';
import { type ResourceRecord, type RRset, RRType } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { createLogger } from '../../src/logger.ts';
import type { ZonePart } from '../../src/projection/zone.ts';
import { axfr } from '../../src/transfer/axfr.ts';
import { MessageFiller } from '../../src/transfer/pack.ts';
import { PackedZones } from '../../src/transfer/packed.ts';
import { Transfers } from '../../src/transfer/respond.ts';
import { name, soa, wholeZone } from '../kit/records.ts';

const APEX = name('z.');
const encoder = new MessageEncoder();
const query = {
  id: 1,
  isRecursionDesired: false,
  question: { name: APEX, spelling: 'z.', type: RRType.AXFR, class: 1 },
};

/** A zone whose parts have so many records; `made` lists the parts whose records were made. */
function zoneOf(parts: Readonly<Record<string, number | readonly [count: number, state: number]>>, serial = 1) {
  const made: string[] = [];
  const list = Object.entries(parts).map(([label, about]): ZonePart => {
    const [count, state] = typeof about === 'number' ? [about, 0] : about;
    const sets: RRset[] = Array.from({ length: count }, (_, i) => ({
      owner: name(`host-${i}.${label}.z.`),
      type: RRType.A,
      ttl: 5,
      rdatas: [{ type: 'A', address: `192.0.2.${state}` }],
    }));
    return {
      key: label,
      facts: [label, count, state],
      *sets() {
        made.push(label);
        yield* sets;
      },
    };
  });
  const records = () =>
    wholeZone(
      soa('z.', serial),
      list.flatMap((part) => [...part.sets()]),
    );
  return { made, parts: () => axfr(soa('z.', serial), list), records };
}

type TestZone = ReturnType<typeof zoneOf>;

/** Takes the zone, and sees that it is the right one. @returns the messages, and the parts that were made for it */
function take(packed: PackedZones, zone: TestZone, key: string | 'unkept' = 'z.') {
  zone.made.length = 0;
  const filler = new MessageFiller(query, { encoder });
  const kept = key === 'unkept' ? undefined : key;
  const messages = [...packed.messages({ apex: APEX, key: kept, parts: zone.parts(), version: zone, filler })];
  const made = [...zone.made];
  assert.deepEqual(recordsIn(messages), zone.records());
  return { messages, made };
}

function recordsIn(messages: readonly Buffer[]): ResourceRecord[] {
  return messages.flatMap((message) => readMessage(message)?.answer ?? []);
}

test('a version is packed once', () => {
  const packed = new PackedZones();
  const zone = zoneOf({ a: 600, b: 600, c: 600 });
  const first = take(packed, zone);
  assert.deepEqual(first.made, ['a', 'b', 'c']);
  assert.ok(first.messages.length > 2);
  const second = take(packed, zone);
  assert.deepEqual(second, { messages: first.messages, made: [] });
  assert.ok(packed.octets > 3 * 600 * 20);
});

test('the parts of a version that is kept whole are not even looked at', () => {
  const packed = new PackedZones(40_000);
  const zone = zoneOf({ a: 400, b: 400 });
  let walks = 0;
  const counted: TestZone = {
    ...zone,
    *parts() {
      walks += 1;
      yield* zone.parts();
    },
  };
  const { messages } = take(packed, counted);
  assert.deepEqual(take(packed, counted), { messages, made: [] });
  assert.equal(walks, 1);
  // What has given way to another zone has to be made again.
  take(packed, zoneOf({ c: 1000 }), 'other.');
  assert.deepEqual(take(packed, counted).made, ['a', 'b']);
  assert.equal(walks, 2);
});

test('of a new version only the parts around a change are packed', () => {
  const packed = new PackedZones();
  const parts = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`part-${String(i).padStart(3, '0')}`, 100]));
  take(packed, zoneOf(parts, 1));
  const { made } = take(packed, zoneOf({ ...parts, 'part-050': [100, 7] }, 2));
  assert.ok(made.includes('part-050'));
  // With the SOA record the first and the last message change too.
  assert.ok(made.length < 25, `${made}`);
  const later = take(packed, zoneOf({ ...parts, 'part-050': [100, 7] }, 3)).made;
  assert.ok(!later.includes('part-050'), 'it is the same since then');
});

test('parts that come and go leave no small messages behind', () => {
  const packed = new PackedZones();
  const parts: Record<string, number> = {};
  for (let i = 0; i < 100; i++) parts[`part-${String(i).padStart(3, '0')}`] = 40;
  take(packed, zoneOf(parts));
  for (let round = 0; round < 14; round++) {
    for (const label of Object.keys(parts)) if (Number(label.slice(5)) % 15 === round) delete parts[label];
    take(packed, zoneOf(parts, round + 2));
  }
  const fewest = take(new PackedZones(), zoneOf(parts)).messages.length;
  const { messages } = take(packed, zoneOf(parts, 1000));
  assert.ok(messages.length <= 2 * fewest + 1, `${messages.length} messages, ${fewest} would do`);
});

test('what is too large is kept in part, and what is kept gives way to what comes after it', () => {
  const packed = new PackedZones(40_000);
  const large = zoneOf({ a: 600, b: 600, c: 600, d: 600 });
  take(packed, large);
  assert.ok(packed.octets > 10_000 && packed.octets <= 40_000);
  const { made } = take(packed, large);
  assert.ok(made.length > 0 && made.length < 4);
  const small = zoneOf({ a: 600 });
  take(packed, small, 'small.');
  assert.deepEqual(take(packed, small, 'small.').made, []);
  assert.ok(packed.octets <= 40_000);
  take(packed, zoneOf({ a: 600 }), 'other.');
  take(packed, small, 'small.');
  take(packed, zoneOf({ b: 600 }), 'third.');
  assert.deepEqual(take(packed, small, 'small.').made, [], 'small. was used later than other., and is still there');
});

test('one transfer adds no more than a part to what is kept, and the next one adds the next', () => {
  const packed = new PackedZones(1 << 20, { enough: 1000, small: 300, added: 20_000 });
  const zone = zoneOf(
    Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`part-${String(i).padStart(3, '0')}`, 40])),
  );
  const octets = [0, 1, 2, 3, 4, 5].map(() => {
    take(packed, zone);
    return packed.octets;
  });
  const steps = octets.map((now, i) => now - (octets[i - 1] ?? 0));
  assert.ok(
    steps.every((step) => step <= 20_000),
    `${steps}`,
  );
  assert.ok(steps.filter((step) => step > 0).length > 2, `${steps}`);
  assert.deepEqual(take(packed, zone).made, [], 'in the end all is kept');
});

/** Packs the zone as for nobody. @returns whether that was all of it, and the parts that were made for it */
function packAhead(packed: PackedZones, zone: TestZone, key = 'z.') {
  zone.made.length = 0;
  const filler = new MessageFiller(query, { encoder });
  const steps = packed.messages({ apex: APEX, key, parts: zone.parts(), version: zone, filler, isAhead: true });
  for (;;) {
    const step = steps.next();
    if (step.done) return { isWhole: step.value, made: [...zone.made] };
  }
}

test('what was packed ahead is what the first client gets', () => {
  const packed = new PackedZones();
  const zone = zoneOf({ a: 600, b: 600, c: 600 });
  assert.deepEqual(packAhead(packed, zone), { isWhole: true, made: ['a', 'b', 'c'] });
  const { messages, made } = take(packed, zone);
  assert.deepEqual(made, []);
  assert.deepEqual(messages, take(new PackedZones(), zone).messages);
  const next = zoneOf({ a: 600, b: [600, 1], c: 600 }, 2);
  packAhead(packed, next);
  assert.deepEqual(take(packed, next).made, []);
});

test('packed ahead is only what can be kept beside all else: nothing gives way, and nothing else is made', () => {
  const packed = new PackedZones(60_000);
  const other = zoneOf({ o: 1000 });
  take(packed, other, 'other.');
  const large = zoneOf({ a: 1000, b: 1000, c: 1000, d: 1000, e: 1000, f: 1000 });
  const { isWhole, made } = packAhead(packed, large);
  assert.equal(isWhole, false);
  assert.ok(!made.includes('f'), `${made}`);
  assert.ok(packed.octets <= 60_000);
  assert.deepEqual(take(packed, other, 'other.').made, []);
  take(packed, large);
  // One part that is too large alone.
  const bounded = new PackedZones(1 << 20, { enough: 1000, small: 300, added: 20_000 });
  const single = zoneOf({ a: 5000 });
  let messages = 0;
  const filler = new MessageFiller(query, { encoder });
  for (const { length } of bounded.messages({ apex: APEX, key: 'z.', parts: single.parts(), filler, isAhead: true })) {
    messages += length;
  }
  assert.ok(messages < 60_000, `${messages} octets were made`);
  take(bounded, single);
});

test('a transfer that breaks off leaves only what is whole, and one without a key nothing', () => {
  const packed = new PackedZones();
  const zone = zoneOf({ a: 600, b: 600, c: 600 });
  const filler = new MessageFiller(query, { encoder });
  for (const _ of packed.messages({ apex: APEX, key: 'z.', parts: zone.parts(), filler })) break;
  assert.equal(packed.octets, 0);
  assert.deepEqual(take(packed, zone).made, ['a', 'b', 'c']);
  const others = new PackedZones();
  for (let i = 0; i < 2; i++) assert.equal(take(others, zone, 'unkept').made.length, 3);
  assert.equal(others.octets, 0);
});

test('whatever changes, and in whatever order versions are taken, each is sent as it is', () => {
  const state = fc.tuple(fc.nat(12), fc.nat(3));
  const version = fc
    .dictionary(fc.constantFrom(...'abcdefghijklmnop'), state)
    .map((parts) => Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))));
  fc.assert(
    fc.property(
      fc.array(version, { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(fc.nat(7), fc.boolean()), { maxLength: 12 }),
      (list, order) => {
        const packed = new PackedZones(4000, { enough: 300, small: 120, added: 2500 });
        const zones = list.map((parts, i) => zoneOf(parts, i + 1));
        for (const [i, isAhead] of order) {
          const zone = zones[i % zones.length] as TestZone;
          if (isAhead) packAhead(packed, zone);
          else take(packed, zone);
        }
        assert.ok(packed.octets <= 4000);
      },
    ),
  );
});

test('each client of a kept zone gets its own id, RD and signature; records and octets are counted', () => {
  const rrsets: RRset[] = Array.from({ length: 2000 }, (_, i) => ({
    owner: name(`host-${i}.z.`),
    type: RRType.A,
    ttl: 5,
    rdatas: [{ type: 'A', address: '192.0.2.1' }],
  }));
  let walks = 0;
  const parts = () => [
    {
      key: 'all',
      facts: [rrsets],
      sets: () => {
        walks += 1;
        return rrsets;
      },
    },
  ];
  const transfers = new Transfers(
    createLogger(() => {}),
    () => 0,
  );
  const plan = { kind: 'full', soa: soa('z.', 9), rrsets, parts, why: 'asked' } as const;
  const begin = (id: number, isRecursionDesired: boolean, mark?: number, type: number = RRType.AXFR, edns?: Edns) => {
    const question = { name: name('z.'), spelling: 'Z.', type, class: 1 };
    const request = {
      id,
      isRecursionDesired,
      question,
      authority: [],
      transport: 'tcp',
      remote: { address: '::1' },
    } as const;
    const seal =
      mark === undefined ? undefined : { octets: 1, apply: (m: Buffer) => Buffer.concat([m, Buffer.from([mark])]) };
    const outgoing = transfers.respond(plan, request, { encoder: new MessageEncoder(), seal, edns });
    assert.ok(outgoing?.kind === 'stream');
    return outgoing;
  };
  const take = (...about: Parameters<typeof begin>): Buffer[] => {
    const outgoing = begin(...about);
    const messages: Buffer[] = [];
    for (let next = outgoing.messages.next(); !next.done; next = outgoing.messages.next())
      messages.push(Buffer.from(next.value));
    outgoing.onEnd('sent');
    return messages;
  };
  const first = take(7, false, undefined);
  const second = take(8, true, undefined);
  assert.ok(first.length > 1);
  assert.equal(walks, 1);
  const records = second.flatMap((message) => {
    const read = readMessage(message);
    assert.deepEqual([read?.id, message[2]], [8, 0x85]);
    return read?.answer ?? [];
  });
  assert.equal(records.length, 2002);
  assert.deepEqual(
    first.map((message) => [message.readUInt16BE(0), message[2]]),
    first.map(() => [7, 0x84]),
  );
  for (const mark of [1, 2]) assert.ok(take(9, false, mark).every((message) => message.at(-1) === mark));
  assert.equal(walks, 1, 'there is room for a signature in the messages that are kept');
  const sent = transfers.snapshot().find((family) => family.name === 'zonelog_transfer_records_total');
  assert.equal(sent?.samples[0]?.value, 4 * 2002);

  const streams = [begin(21, false), begin(22, true)];
  for (let isDone = false; !isDone; ) {
    for (const [i, { messages }] of streams.entries()) {
      const next = messages.next();
      isDone = next.done === true;
      if (!next.done) assert.equal(Buffer.from(next.value).readUInt16BE(0), 21 + i, 'as it is copied');
    }
  }
  const edns = { version: 0, udpSize: 1232, isDnssecOk: false, options: [{ code: 9, data: new Uint8Array(4) }] };
  const others = take(30, false, 7, RRType.IXFR, edns).map((message) => readMessage(message.subarray(0, -1)));
  assert.equal(walks, 1);
  assert.equal(others.length, first.length);
  for (const read of others) {
    assert.equal(read?.questions[0]?.type, RRType.IXFR);
    assert.deepEqual(read?.edns, edns);
  }
});
