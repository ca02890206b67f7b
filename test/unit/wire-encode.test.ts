import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import {
  type Edns,
  extendedErrorOption,
  Flag,
  MessageEncoder,
  type ReplyContent,
  type ReplyTo,
  udpLimit,
} from '../../src/dns/encode.ts';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { type Message, readMessage } from '../../src/dns/wire.ts';
import { name, record, soa } from '../kit/records.ts';

const encoder = new MessageEncoder();

function queryFor(spelling: string, type = 1): ReplyTo {
  return {
    id: 0xbeef,
    opcode: 0,
    isRecursionDesired: true,
    isCheckingDisabled: false,
    question: { name: name(spelling), spelling, type, class: 1 },
  };
}

function reply(answer: readonly ResourceRecord[], more: Partial<ReplyContent> = {}): ReplyContent {
  return { rcode: 0, isAuthoritative: true, answer, authority: [], additional: [], ...more };
}

function edns(options: Edns['options'] = []): Edns {
  return { version: 0, udpSize: 1232, isDnssecOk: true, options };
}

function decoded(message: Uint8Array): Message {
  const read = readMessage(message);
  assert.ok(read, 'our own message is malformed');
  return read;
}

const SERVICE = 'web.shop.svc.cluster.local.';

test('header bits: id and opcode of the query, its RD and CD, and what the reply says', () => {
  const query = { ...queryFor(SERVICE), isCheckingDisabled: true };
  const content = reply([], { rcode: 3, isRecursionAvailable: true });
  const bits = (from: ReplyTo) => encoder.encodeReply(from, content, 512).message.readUInt16BE(2).toString(16);
  const always = Flag.QR | Flag.AA | Flag.RA | 3;
  assert.equal(bits(query), (always | Flag.RD | Flag.CD).toString(16));
  assert.equal(bits({ ...query, isRecursionDesired: false, isCheckingDisabled: false }), always.toString(16));
  // Recursion is no matter of a NOTIFY.
  assert.equal(bits({ ...query, opcode: 4 }), (always | (4 << 11)).toString(16));
  assert.equal(encoder.encodeReply(query, content, 512).message.readUInt16BE(0), 0xbeef);
});

test('owner, NS, CNAME, PTR, SOA and MX names are compressed, SRV targets are not (RFC 2782)', () => {
  const target = name(SERVICE);
  const sizes = {
    A: [record(SERVICE, { type: 'A', address: '10.0.0.1' }), 4],
    NS: [record(SERVICE, { type: 'NS', target }), 2],
    CNAME: [record(SERVICE, { type: 'CNAME', target }), 2],
    PTR: [record(SERVICE, { type: 'PTR', target }), 2],
    MX: [record(SERVICE, { type: 'MX', preference: 1, target }), 4],
    SRV: [record(SERVICE, { type: 'SRV', priority: 0, weight: 0, port: 80, target }), 6 + SERVICE.length + 1],
    SOA: [soa('svc.cluster.local.', 1), 7 + 2 + 11 + 2 + 20],
  } as const;
  const question = 12 + SERVICE.length + 1 + 4;
  for (const [type, [made, data]] of Object.entries(sizes)) {
    const { message } = encoder.encodeReply(queryFor(SERVICE), reply([made]), 512);
    assert.equal(message.length, question + 2 + 10 + data, type);
    assert.deepEqual(decoded(message).answer, [made], type);
  }
});

test('a name that was not compressed can be pointed to', () => {
  const target = name('pod-1.web.shop.svc.cluster.local.');
  const { message } = encoder.encodeReply(
    queryFor('_http._tcp.shop.', 33),
    reply([record('_http._tcp.shop.', { type: 'SRV', priority: 0, weight: 1, port: 80, target })], {
      additional: [record(target, { type: 'A', address: '10.0.0.1' })],
    }),
    512,
  );
  assert.equal(message.length, 12 + 17 + 4 + (12 + 6 + target.length + 1) + (12 + 4));
});

test('the letter case of the question is kept in owners of answers and in the zone part of other names', () => {
  const query = queryFor('wEb.Shop.sVc.Cluster.LOCAL.');
  const { message } = encoder.encodeReply(
    query,
    reply([record(SERVICE, { type: 'SRV', priority: 0, weight: 100, port: 80, target: name(SERVICE) })], {
      authority: [soa('cluster.local.', 1)],
      additional: [record(SERVICE, { type: 'A', address: '10.0.0.1' })],
      spelledZone: name('cluster.local.'),
    }),
    512,
  );
  const seen = dnsPacket.decode(message);
  const answer = seen.answers?.[0];
  assert.equal(answer?.name, 'wEb.Shop.sVc.Cluster.LOCAL');
  assert.equal(answer?.type === 'SRV' && answer.data.target, 'web.shop.svc.Cluster.LOCAL');
  assert.equal(seen.additionals?.[0]?.name, 'web.shop.svc.Cluster.LOCAL');
  const authority = seen.authorities?.[0];
  assert.equal(authority?.name, 'Cluster.LOCAL');
  assert.equal(authority?.type === 'SOA' && authority.data.mname, 'ns.dns.Cluster.LOCAL');
});

test('what a CNAME leads to keeps the letters that it has, whatever the question spells', () => {
  const { message } = encoder.encodeReply(
    queryFor('wEb.Shop.sVc.Cluster.LOCAL.'),
    reply(
      [
        record(SERVICE, { type: 'CNAME', target: name('db.shop.svc.cluster.local.') }),
        record('db.shop.svc.cluster.local.', { type: 'A', address: '10.0.0.2' }),
      ],
      { spelledZone: name('cluster.local.') },
    ),
    512,
  );
  const [first, second] = dnsPacket.decode(message).answers ?? [];
  assert.equal(first?.name, 'wEb.Shop.sVc.Cluster.LOCAL');
  assert.equal(first?.type === 'CNAME' && first.data, 'db.shop.svc.cluster.local');
  assert.equal(second?.name, 'db.shop.svc.cluster.local');
});

test('records are of class IN whatever the question asks, unless the reply says otherwise', () => {
  const query = queryFor('web.shop.');
  const chaotic = { ...query, question: { ...query.question, class: 3 } as typeof query.question };
  const a = record('web.shop.', { type: 'A', address: '10.0.0.1' });
  const classOf = (content: ReplyContent) => dnsPacket.decode(encoder.encodeReply(chaotic, content, 512).message);
  const [plain] = classOf(reply([a])).answers ?? [];
  assert.equal(plain && 'class' in plain && plain.class, 'IN');
  const text = record('web.shop.', { type: 'TXT', texts: ['v1'] });
  const [told] = classOf({ ...reply([text]), recordClass: 3 }).answers ?? [];
  assert.equal(told && 'class' in told && told.class, 'CH');
});

test('a target that somebody spelled is written so', () => {
  const target = { type: 'CNAME', target: name('www.example.'), spelling: 'WWW.Example.' } as const;
  const { message } = encoder.encodeReply(queryFor('a.example.'), reply([record('a.example.', target)]), 512);
  const [answer] = dnsPacket.decode(message).answers ?? [];
  assert.equal(answer?.type === 'CNAME' && answer.data, 'WWW.Example');
});

test('without a spelled zone, only the owner is spelled as in the question', () => {
  const { message } = encoder.encodeReply(
    queryFor('WEB.shop.'),
    reply([
      record('web.shop.', { type: 'CNAME', target: name('db.shop.') }),
      record('db.shop.', { type: 'CNAME', target: name('web.shop.') }),
    ]),
    512,
  );
  const [first, second] = dnsPacket.decode(message).answers ?? [];
  assert.equal(first?.name, 'WEB.shop');
  assert.equal(second?.name, 'db.shop');
  assert.equal(second?.type === 'CNAME' && second.data, 'web.shop');
});

test('names that differ in letter case are no pointers to each other', () => {
  const { message } = encoder.encodeReply(
    queryFor('A.EXAMPLE.'),
    reply([record('b.example.', { type: 'CNAME', target: name('c.example.') })]),
    512,
  );
  const [answer] = dnsPacket.decode(message).answers ?? [];
  assert.equal(answer?.name, 'b.example');
});

test('names with the same hash are told apart', () => {
  // Equal under 32-bit FNV-1a, by which names are looked up, and of one length.
  const answer = ['declinate.', 'macallums.'].map((owner) => record(owner, { type: 'A', address: '10.0.0.1' }));
  const { message } = encoder.encodeReply(queryFor('other.'), reply(answer), 512);
  assert.deepEqual(decoded(message).answer, answer);
});

test('names that begin beyond the reach of pointers are written out each time', () => {
  const filler = record('filler.', { type: 'TXT', texts: Array.from({ length: 70 }, () => 'x'.repeat(255)) });
  const run = [1, 2, 3].map((i) => record('late.example.', { type: 'A', address: `10.0.0.${i}` }));
  const { message } = encoder.encodeReply(queryFor('a.'), reply([filler, ...run]), 65_535);
  assert.ok(message.length > 17_000);
  assert.deepEqual(decoded(message).answer, [filler, ...run]);
});

test('what does not fit is left out from there on, TC is set, and the OPT record stays', () => {
  const answer = Array.from({ length: 40 }, (_, i) => record(SERVICE, { type: 'A', address: `10.0.0.${i}` }));
  const additional = [record('tiny.', { type: 'A', address: '1.1.1.1' })];
  const head = 12 + SERVICE.length + 1 + 4;
  const { message, answers, additionals, isTruncated } = encoder.encodeReply(
    queryFor(SERVICE),
    reply(answer, { additional }),
    512,
    edns(),
  );
  assert.equal(answers, Math.floor((512 - head - 11) / 16));
  assert.equal(additionals, 0);
  assert.equal(isTruncated, true);
  const seen = decoded(message);
  assert.equal(seen.isTruncated, true);
  assert.deepEqual(seen.answer, answer.slice(0, answers));
  assert.deepEqual(seen.additional, []);
  assert.equal(seen.edns?.udpSize, 1232);
});

test('a record that is dropped from the additional section sets TC too', () => {
  const additional = [record('tiny.', { type: 'TXT', texts: ['x'.repeat(255), 'y'.repeat(250)] })];
  const { isTruncated, answers } = encoder.encodeReply(
    queryFor(SERVICE),
    reply([record(SERVICE, { type: 'A', address: '10.0.0.1' })], { additional }),
    512,
  );
  assert.deepEqual([isTruncated, answers], [true, 1]);
});

test('a message that fits to the octet is whole', () => {
  const answer = [record(SERVICE, { type: 'A', address: '10.0.0.1' })];
  const exact = 12 + SERVICE.length + 1 + 4 + 16 + 11;
  assert.equal(encoder.encodeReply(queryFor(SERVICE), reply(answer), exact, edns()).isTruncated, false);
  assert.equal(encoder.encodeReply(queryFor(SERVICE), reply(answer), exact - 1, edns()).isTruncated, true);
});

test('the place of every SOA serial is told, that of a dropped one is not', () => {
  const { message, serialOffsets } = encoder.encodeReply(
    queryFor('nope.cluster.local.'),
    reply([], { rcode: 3, authority: [soa('cluster.local.', 77)] }),
    512,
  );
  assert.deepEqual(
    serialOffsets.map((at) => message.readUInt32BE(at)),
    [77],
  );
  message.writeUInt32BE(4_000_000_000, serialOffsets[0] as number);
  const [changed] = decoded(message).authority;
  assert.equal(changed?.rdata.type === 'SOA' && changed.rdata.serial, 4_000_000_000);
  const dropped = encoder.encodeReply(queryFor('nope.cluster.local.'), reply([soa('cluster.local.', 77)]), 60);
  assert.deepEqual(dropped.serialOffsets, []);
});

test('an extended rcode is split between header and OPT record', () => {
  const { message } = encoder.encodeReply(queryFor(SERVICE), reply([], { rcode: 16 }), 512, edns());
  assert.equal(message.readUInt16BE(2) & 15, 0);
  assert.equal(decoded(message).rcode, 16);
});

test('extended errors travel as option 15, cut between characters', () => {
  const { message } = encoder.encodeReply(
    queryFor(SERVICE),
    reply([]),
    512,
    edns([extendedErrorOption({ code: 3, text: 'stale by 5 s' })]),
  );
  const [option] = decoded(message).edns?.options ?? [];
  assert.equal(option?.code, 15);
  assert.equal(Buffer.from(option?.data ?? []).toString('latin1'), '\0\x03stale by 5 s');
  const { data } = extendedErrorOption({ code: 0, text: 'ä'.repeat(200) });
  assert.equal(data.length, 2 + 254);
  assert.equal(Buffer.from(data.subarray(2)).toString('utf8'), 'ä'.repeat(127));
});

test('options that leave no room are given up, the OPT record is not', () => {
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}.`;
  const options = [extendedErrorOption({ code: 3, text: 'x'.repeat(255) })];
  const { message } = encoder.encodeReply(queryFor(long), reply([]), 512, edns(options));
  assert.ok(message.length <= 512);
  assert.deepEqual(decoded(message).edns?.options, []);
});

test('UDP limits: 512 at least, else what the client takes', () => {
  assert.equal(udpLimit(undefined), 512);
  assert.equal(udpLimit({ ...edns(), udpSize: 0 }), 512);
  assert.equal(udpLimit({ ...edns(), udpSize: 4096 }), 4096);
});

test('a record too large for any message is refused, without harm to the next message', () => {
  const huge = record('a.', { type: 'TXT', texts: Array.from({ length: 900 }, () => 'x'.repeat(255)) });
  assert.deepEqual(
    [encoder.encodeReply(queryFor('a.'), reply([huge]), 65_535)].map(({ answers, isTruncated }) => [
      answers,
      isTruncated,
    ]),
    [[0, true]],
  );
  const unknown = record('a.', { type: 'UNKNOWN', code: 4711, data: new Uint8Array(300_000) });
  assert.equal(encoder.encodeReply(queryFor('a.'), reply([unknown]), 65_535).answers, 0);
  assert.equal(encoder.encodeReply(queryFor('a.'), reply([soa('a.', 1)]), 512).answers, 1);
});

test('the encoder throws on what no record may hold', () => {
  const bad = [
    record('a.', { type: 'A', address: '10.0.0.256' }),
    record('a.', { type: 'AAAA', address: '10.0.0.1' }),
    record('a.', { type: 'TXT', texts: ['x'.repeat(256)] }),
    { ...record('a.', { type: 'A', address: '10.0.0.1' }), owner: `${'x'.repeat(64)}.` as never },
    { ...record('a.', { type: 'A', address: '10.0.0.1' }), owner: `${'x.'.repeat(150)}` as never },
    { ...record('a.', { type: 'A', address: '10.0.0.1' }), owner: 'relative' as never },
    { ...record('a.', { type: 'A', address: '10.0.0.1' }), owner: 'a..b.' as never },
  ];
  for (const made of bad) assert.throws(() => encoder.encodeReply(queryFor('a.'), reply([made]), 512), RangeError);
});

test('each message is a buffer of its own', () => {
  const first = encoder.encodeReply(queryFor('a.'), reply([record('a.', { type: 'A', address: '1.2.3.4' })]), 512);
  const before = Buffer.from(first.message);
  encoder.encodeReply(queryFor('b.'), reply([soa('b.', 1)]), 512);
  assert.deepEqual(first.message, before);
});
