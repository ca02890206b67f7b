/**
 * Packets changed at random, through both readers. A fixed seed and a fixed number of rounds: a failure here fails
 * everywhere. `WIRE_FUZZ_ROUNDS` asks for more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type DomainName, parseName } from '../../src/dns/name.ts';
import { readQuery } from '../../src/dns/query.ts';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { plainNames, rawNames, records } from '../kit/records.ts';

const ROUNDS = Number(process.env.WIRE_FUZZ_ROUNDS ?? 200_000);

/** xorshift32: enough to choose octets, and the same everywhere. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % sides;
  };
}

/** Well-formed packets to start from: queries of all kinds, and replies with many records. */
function seeds(): Buffer[] {
  const encoder = new MessageEncoder();
  const lists = fc.sample(fc.array(records(rawNames, true), { maxLength: 6 }), { numRuns: 40, seed: 11 });
  const names = fc.sample(plainNames, { numRuns: 40, seed: 12 });
  const edns = { version: 0, udpSize: 1232, isDnssecOk: true, options: [{ code: 10, data: new Uint8Array(8) }] };
  const packets = lists.map((list, i) => {
    const name = names[i] as DomainName;
    const question = { name, spelling: name, type: i % 3 === 0 ? 251 : 1, class: 1 };
    const isQuery = i % 2 === 0;
    encoder.begin(i, isQuery ? 0x0100 : 0x8400, 0, question, 65_535, i % 4 < 2 ? edns : undefined);
    const kept = isQuery ? list.slice(0, 1) : list;
    for (const { owner, type, ttl, rdata } of kept) encoder.add('authority', owner, type, ttl, rdata);
    return encoder.finish().message;
  });
  // TSIG of no particular content, last.
  const signed = Buffer.concat([packets[0] as Buffer, Buffer.from('016b0000fa00ff00000000000401020304', 'hex')]);
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
  return [...packets, signed];
}

function mutate(packet: Buffer, roll: (sides: number) => number): Buffer {
  let changed = Buffer.from(packet);
  for (let i = 1 + roll(4); i > 0; i--) {
    const at = roll(changed.length);
    switch (roll(7)) {
      case 0:
        changed[at] = roll(256);
        break;
      case 1:
        changed[at] = (changed[at] as number) ^ (1 << roll(8));
        break;
      case 2:
        // A pointer to anywhere.
        if (at + 1 < changed.length) changed.writeUInt16BE(0xc000 | roll(0x4000), at);
        break;
      case 3:
        // A pointer to somewhere near, which may be itself.
        if (at + 1 < changed.length) changed.writeUInt16BE(0xc000 | Math.max(0, at - roll(24)), at);
        break;
      case 4:
        changed = changed.subarray(0, Math.max(1, at));
        break;
      case 5:
        if (changed.length >= 12) changed.writeUInt16BE(roll(2) === 0 ? 0xffff : roll(4), 4 + 2 * roll(4));
        break;
      default:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(roll(changed.length))]);
    }
  }
  return changed;
}

/** What was read must be legal: names that parse to themselves, texts of 255 octets at most. */
function checkRecords(list: readonly ResourceRecord[]): void {
  for (const { owner, rdata, ttl } of list) {
    assert.equal(parseName(owner), owner);
    assert.ok(ttl >= 0 && ttl <= 0x7fffffff);
    if ('target' in rdata) assert.equal(parseName(rdata.target), rdata.target);
  }
}

test(`${ROUNDS} changed packets: nothing throws, and what is taken is legal`, () => {
  const roll = dice(0x5eed);
  const packets = seeds();
  let queries = 0;
  let messages = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const packet = mutate(packets[roll(packets.length)] as Buffer, roll);
    const query = readQuery(packet);
    if (!('reject' in query)) {
      queries += 1;
      if (round % 8 === 0) {
        assert.equal(parseName(query.question.name), query.question.name);
        assert.equal(query.question.spelling.toLowerCase(), query.question.name);
        checkRecords(query.authority);
      }
    }
    const message = readMessage(packet);
    if (message !== undefined) {
      messages += 1;
      if (round % 8 === 0) checkRecords([...message.answer, ...message.authority, ...message.additional]);
    }
  }
  // Else the changes are too wild, and the insides of the readers are never reached.
  assert.ok(queries > ROUNDS / 50, `${queries} queries taken`);
  assert.ok(messages > ROUNDS / 20, `${messages} messages taken`);
});

test('random octets, all lengths up to 600', () => {
  const roll = dice(0xbad);
  for (let length = 0; length < 600; length++) {
    for (let i = 0; i < 10; i++) {
      const packet = Buffer.from(Array.from({ length }, () => roll(256)));
      readQuery(packet);
      readMessage(packet);
      if (length >= 12) {
        packet.writeUInt32BE(0x01000001, 2);
        packet.fill(0, 6, 12);
        readQuery(packet);
        readMessage(packet);
      }
    }
  }
});

test('header counts of 65535 make no lists: a bare header is refused at its first record', () => {
  const bomb = Buffer.from('0001 8000 ffff ffff ffff ffff'.replaceAll(' ', ''), 'hex');
  assert.equal(readMessage(bomb), undefined);
  const query = Buffer.from(bomb);
  query[2] = 1;
  assert.deepEqual(readQuery(query), {
    reject: 'formerr',
    rcode: 1,
    id: 1,
    opcode: 0,
    // RD, and nothing of a question that can't be read.
    flags: 0x0100,
    question: new Uint8Array(0),
  });
});

test('a long chain of pointers is not followed to its end, however many names lead into it', () => {
  // A record whose data is a root label and `hops` pointers, each to the one before; then one owned by the last.
  const chain = (hops: number) => {
    const data = Buffer.alloc(1 + 2 * hops);
    for (let i = 0; i < hops; i++) data.writeUInt16BE(0xc000 | (i === 0 ? 23 : 24 + 2 * (i - 1)), 1 + 2 * i);
    const first = Buffer.from('00 1267 0001 00000000 0000'.replaceAll(' ', ''), 'hex');
    first.writeUInt16BE(data.length, 9);
    const second = Buffer.from('c000 0001 0001 00000000 0004 0a000001'.replaceAll(' ', ''), 'hex');
    second.writeUInt16BE(0xc000 | (24 + 2 * (hops - 1)), 0);
    return Buffer.concat([Buffer.from('000184000000000200000000', 'hex'), first, data, second]);
  };
  assert.equal(readMessage(chain(100))?.answer[1]?.owner, '.');
  assert.equal(readMessage(chain(126))?.answer[1]?.owner, '.');
  assert.equal(readMessage(chain(127)), undefined);
  assert.equal(readMessage(chain(8000)), undefined);
});

test('labels of 64 octets and names over 255 are refused in questions, owners and data', () => {
  const label63 = `3f${'61'.repeat(63)}`;
  const bad = [`40${'61'.repeat(64)}00`, `${label63.repeat(4)}00`, `${label63.repeat(3)}3e${'61'.repeat(62)}00`];
  for (const name of bad) {
    const length = (name.length / 2).toString(16).padStart(4, '0');
    assert.ok('reject' in readQuery(Buffer.from(`000001000001000000000000${name}00010001`, 'hex')));
    assert.equal(readMessage(Buffer.from(`000081000001000000000000${name}00010001`, 'hex')), undefined);
    assert.equal(
      readMessage(Buffer.from(`000081000000000100000000${name}000100010000000000040a000001`, 'hex')),
      undefined,
    );
    assert.equal(
      readMessage(Buffer.from(`00008100000000010000000000000c000100000000${length}${name}`, 'hex')),
      undefined,
    );
  }
});

test('a name grown over 255 octets by a pointer is refused', () => {
  const long = `3f${'61'.repeat(63)}`.repeat(3);
  const octets = `000081000001000100000000${long}00 00010001 3f${'62'.repeat(63)}c00c 0001000100000000 0004 0a000001`;
  assert.equal(readMessage(Buffer.from(octets.replaceAll(' ', ''), 'hex')), undefined);
  const shorter = octets.replace(`3f${'62'.repeat(63)}c00c`, `3d${'62'.repeat(61)}c00c`).replaceAll(' ', '');
  assert.equal(readMessage(Buffer.from(shorter, 'hex'))?.answer.length, 1);
});
