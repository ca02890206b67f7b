/** Whole zones are packed once for each version; what is kept is bounded, and never sent for another version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type RRset, RRType } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { createLogger } from '../../src/logger.ts';
import { PackedZones } from '../../src/transfer/packed.ts';
import { Transfers } from '../../src/transfer/respond.ts';
import { name, soa } from '../kit/records.ts';

/** So many messages of so many octets, and how often they were made. */
function maker(count: number, octets: number) {
  const self = {
    made: 0,
    *pack() {
      self.made += 1;
      for (let i = 0; i < count; i++) yield Buffer.alloc(octets, i);
    },
  };
  return self;
}

test('a version is packed once', () => {
  const packed = new PackedZones(1000);
  const [version, { pack }, counter] = [{}, maker(0, 0), maker(3, 100)];
  const first = [...packed.messages(version, 'z.', counter.pack)];
  assert.deepEqual([...packed.messages(version, 'z.', pack)], first);
  assert.equal(counter.made, 1);
  assert.equal(packed.octets, 300);
});

test('another version, or another way to pack it, is packed anew', () => {
  const packed = new PackedZones(1000);
  const counter = maker(3, 100);
  const version = {};
  for (const [of, key] of [
    [version, 'z.'],
    [version, 'z. do'],
    [{}, 'z.'],
  ] as const) {
    assert.equal([...packed.messages(of, key, counter.pack)].length, 3);
  }
  assert.equal(counter.made, 3);
  assert.equal(packed.octets, 600, 'the old version is not kept');
});

test('what is too large is not kept, and what is kept gives way to what comes after it', () => {
  const packed = new PackedZones(500);
  const large = maker(6, 100);
  const version = {};
  assert.equal([...packed.messages(version, 'large.', large.pack)].length, 6);
  assert.equal([...packed.messages(version, 'large.', large.pack)].length, 6);
  assert.deepEqual([large.made, packed.octets], [2, 0]);
  const small = maker(2, 100);
  const take = (key: string) => [...packed.messages(version, key, small.pack)];
  for (const key of ['a.', 'b.', 'a.', 'c.']) take(key);
  assert.deepEqual([small.made, packed.octets], [3, 400]);
  take('a.');
  assert.equal(small.made, 3, 'a. was used later than b., and is still there');
});

test('a transfer that breaks off leaves nothing', () => {
  const packed = new PackedZones(1000);
  const counter = maker(3, 100);
  const version = {};
  for (const _ of packed.messages(version, 'z.', counter.pack)) break;
  assert.equal(packed.octets, 0);
  assert.equal([...packed.messages(version, 'z.', counter.pack)].length, 3);
});

test('each client of a kept zone gets its own id, RD and signature; records and octets are counted', () => {
  const rrsets: RRset[] = Array.from({ length: 2000 }, (_, i) => ({
    owner: name(`host-${i}.z.`),
    type: RRType.A,
    ttl: 5,
    rdatas: [{ type: 'A', address: '192.0.2.1' }],
  }));
  let walks = 0;
  const walked = {
    [Symbol.iterator]: () => {
      walks += 1;
      return rrsets[Symbol.iterator]();
    },
  };
  const transfers = new Transfers(
    createLogger(() => {}),
    () => 0,
  );
  const plan = { kind: 'full', soa: soa('z.', 9), rrsets: walked, version: {}, why: 'asked' } as const;
  const take = (id: number, isRecursionDesired: boolean, mark: number | undefined): Buffer[] => {
    const question = { name: name('z.'), spelling: 'Z.', type: RRType.AXFR, class: 1 };
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
    const outgoing = transfers.respond(plan, request, { encoder: new MessageEncoder(), seal });
    assert.ok(outgoing?.kind === 'stream');
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
  assert.equal(walks, 2, 'with room for a signature they are other messages');
  const sent = transfers.snapshot().find((family) => family.name === 'zonelog_transfer_records_total');
  assert.equal(sent?.samples[0]?.value, 4 * 2002);
});
