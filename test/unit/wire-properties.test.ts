import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import * as fc from 'fast-check';
import { canonicalKey, canonicalOrder, compareRecords, packRecords, unpackRecords } from '../../src/dns/canonical.ts';
import { type Encoded, MessageEncoder, type ReplyContent, type ReplyTo } from '../../src/dns/encode.ts';
import { compareNames, type DomainName } from '../../src/dns/name.ts';
import { readQuery } from '../../src/dns/query.ts';
import type { Rdata, ResourceRecord } from '../../src/dns/rrset.ts';
import { typeText } from '../../src/dns/type-text.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { plainNames, rawNames, records } from '../kit/records.ts';

const encoder = new MessageEncoder();
const EDNS = { version: 0, udpSize: 1232, isDnssecOk: false, options: [] };

function sections(record: fc.Arbitrary<ResourceRecord>) {
  const section = fc.array(record, { maxLength: 12 });
  return fc.record({ answer: section, authority: section, additional: section });
}

function queryFor(name: DomainName, spelling: string = name): ReplyTo {
  const question = { name, spelling, type: 255, class: 1 };
  return { id: 9, opcode: 0, isRecursionDesired: false, isCheckingDisabled: false, question };
}

function encode(name: DomainName, content: Omit<ReplyContent, 'rcode' | 'isAuthoritative'>, limit = 65_535): Encoded {
  return encoder.encodeReply(queryFor(name), { rcode: 0, isAuthoritative: true, ...content }, limit, EDNS);
}

/** What dns-packet makes of the data: names without the final dot, its own field names. */
function asOracle(rdata: Rdata): unknown {
  const bare = (name: string) => (name === '.' ? '.' : name.slice(0, -1));
  switch (rdata.type) {
    case 'A':
      return rdata.address;
    case 'AAAA':
      // It prints the last four octets in its own way.
      return new URL(`http://[${rdata.address}]/`).hostname;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return bare(rdata.target);
    case 'MX':
      return { preference: rdata.preference, exchange: bare(rdata.target) };
    case 'SRV':
      return { priority: rdata.priority, weight: rdata.weight, port: rdata.port, target: bare(rdata.target) };
    case 'TXT':
      return rdata.texts.map((text) => Buffer.from(text, 'latin1').toString('hex'));
    case 'HINFO':
      // Read as UTF-8 there: compared where that loses nothing.
      return [rdata.cpu, rdata.os].map((text) => Buffer.from(text, 'latin1').toString());
    case 'SOA': {
      const { mname, rname, type: _, ...numbers } = rdata;
      return { mname: bare(mname), rname: bare(rname), ...numbers };
    }
    case 'UNKNOWN':
      return rdata.data;
  }
}

function fromOracle(answer: dnsPacket.Answer): unknown {
  switch (answer.type) {
    case 'AAAA':
      return new URL(`http://[${answer.data}]/`).hostname;
    case 'TXT':
      return ([] as (string | Buffer)[]).concat(answer.data).map((text) => Buffer.from(text).toString('hex'));
    case 'HINFO':
      return [answer.data.cpu, answer.data.os];
    default:
      return 'data' in answer ? answer.data : undefined;
  }
}

test('what is written is what our reader and dns-packet read', () => {
  fc.assert(
    fc.property(plainNames, sections(records(plainNames, false)), (name, content) => {
      const { message, isTruncated } = encode(name, content);
      assert.equal(isTruncated, false);
      const ours = readMessage(message);
      const theirs = dnsPacket.decode(message);
      const pairs = [
        [content.answer, ours?.answer, theirs.answers],
        [content.authority, ours?.authority, theirs.authorities],
        [content.additional, ours?.additional, theirs.additionals?.slice(0, -1)],
      ] as const;
      for (const [written, read, oracle] of pairs) {
        assert.deepEqual(read, written);
        assert.equal(oracle?.length, written.length);
        written.forEach((record, i) => {
          const seen = oracle?.[i] as dnsPacket.Answer;
          assert.equal(seen.type, typeText(record.type));
          assert.equal(seen.name === '.' ? '.' : `${seen.name}.`, record.owner);
          assert.equal('ttl' in seen && seen.ttl, record.ttl);
          assert.deepEqual(fromOracle(seen), asOracle(record.rdata));
        });
      }
      assert.equal(theirs.additionals?.at(-1)?.type, 'OPT');
    }),
    { numRuns: 300 },
  );
});

test('names of any octets and types of any number come back as they were', () => {
  fc.assert(
    fc.property(rawNames, sections(records(rawNames, true)), (name, content) => {
      const read = readMessage(encode(name, content).message);
      assert.ok(read);
      assert.equal(read.questions[0]?.name, name);
      assert.deepEqual(read.answer, content.answer);
      assert.deepEqual(read.authority, content.authority);
      assert.deepEqual(read.additional, content.additional);
    }),
    { numRuns: 300 },
  );
});

test('for every limit: it is kept, what is kept is a prefix in order of sections, TC tells the rest', () => {
  const lists = sections(records(plainNames, true));
  fc.assert(
    fc.property(plainNames, lists, fc.integer({ min: 512, max: 65_535 }), (name, content, limit) => {
      const whole = encode(name, content);
      // Limits around the places where something is cut, not only anywhere.
      for (const tried of [limit, Math.max(512, whole.message.length - (limit % 300)), whole.message.length]) {
        const { message, isTruncated, answers, authorities, additionals } = encode(name, content, tried);
        assert.ok(message.length <= Math.max(tried, 512) || tried === whole.message.length);
        const read = readMessage(message);
        assert.ok(read);
        const all = [...content.answer, ...content.authority, ...content.additional];
        const kept = [...read.answer, ...read.authority, ...read.additional];
        assert.deepEqual(kept, all.slice(0, kept.length));
        assert.deepEqual(
          [answers, authorities, additionals],
          [read.answer.length, read.authority.length, read.additional.length],
        );
        assert.equal(isTruncated, kept.length < all.length);
        assert.equal(read.isTruncated, isTruncated);
        assert.equal(isTruncated, tried < whole.message.length);
        assert.ok(read.edns);
      }
    }),
    { numRuns: 200 },
  );
});

test('a question of any spelling is read as its name, and echoed octet by octet', () => {
  const spellings = fc.tuple(rawNames, fc.infiniteStream(fc.boolean())).map(([name, coins]) => {
    const spelling = [...name].map((c) => (coins.next().value ? c.toUpperCase() : c)).join('');
    return { name, spelling };
  });
  fc.assert(
    fc.property(spellings, ({ name, spelling }) => {
      const { message } = encoder.encodeReply(
        queryFor(name, spelling),
        { rcode: 0, isAuthoritative: false, answer: [], authority: [], additional: [] },
        512,
      );
      message[2] = 0;
      const query = readQuery(message);
      assert.ok(!('reject' in query));
      assert.equal(query.question.name, name);
      assert.equal(query.question.spelling, spelling);
      assert.equal(query.questionEnd, message.length);
    }),
  );
});

test('packed records are unpacked as they were', () => {
  fc.assert(
    fc.property(fc.array(records(rawNames, true)), (list) => {
      assert.deepEqual(unpackRecords(packRecords(list)), list);
    }),
  );
});

test('packing more than one chunk loses nothing', () => {
  const list = fc.sample(records(rawNames, true), { numRuns: 500, seed: 1 });
  const many = Array.from({ length: 12_000 }, (_, i) => list[i % list.length] as ResourceRecord);
  const unpacked = unpackRecords(packRecords(many));
  assert.equal(unpacked.length, many.length);
  // As one text: the difference of two such lists takes a minute to print.
  assert.ok(JSON.stringify(unpacked) === JSON.stringify(many));
});

test('a damaged blob is refused, never misread silently past its end', () => {
  const blob = packRecords(fc.sample(records(plainNames, false), { numRuns: 5, seed: 2 }));
  for (let length = 1; length < blob.length; length++) {
    const cut = blob.subarray(0, length);
    try {
      assert.deepEqual(packRecords(unpackRecords(cut)), new Uint8Array(cut));
    } catch (error) {
      assert.ok(error instanceof RangeError);
    }
  }
});

test('canonical order is that of comparing names, types and octets', () => {
  fc.assert(
    fc.property(fc.array(records(rawNames, true)), (list) => {
      const sorted = canonicalOrder(list);
      assert.equal(sorted.length, list.length);
      for (let i = 1; i < sorted.length; i++) {
        assert.ok(compareRecords(sorted[i - 1] as ResourceRecord, sorted[i] as ResourceRecord) <= 0);
      }
    }),
  );
});

test('the sort key of a name orders as the names do', () => {
  fc.assert(
    fc.property(fc.oneof(rawNames, plainNames), fc.oneof(rawNames, plainNames), (a, b) => {
      const [x, y] = [canonicalKey(a), canonicalKey(b)];
      assert.equal(Math.sign(compareNames(a, b)), x < y ? -1 : x > y ? 1 : 0);
    }),
    { numRuns: 2000 },
  );
});
