import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type ResourceRecord, type RRset, RRType, recordsOf } from '../../src/dns/rrset.ts';
import { type Message, readMessage } from '../../src/dns/wire.ts';
import { axfr } from '../../src/transfer/axfr.ts';
import { ixfr } from '../../src/transfer/ixfr.ts';
import { type PackOptions, packMessages, TRANSFER_MESSAGE } from '../../src/transfer/pack.ts';
import { name, record, soa } from '../kit/records.ts';

const encoder = new MessageEncoder();
const query = {
  id: 0x1234,
  isRecursionDesired: true,
  question: { name: name('cluster.local.'), spelling: 'Cluster.LOCAL.', type: RRType.AXFR, class: 1 },
};

function decoded(octets: Uint8Array): Message {
  const message = readMessage(octets);
  assert.ok(message);
  return message;
}

/** The records of all messages, each message checked for what all have in common. */
function unpack(messages: Iterable<Buffer>, limit: number): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (const octets of messages) {
    assert.ok(octets.length <= limit, `${octets.length} octets`);
    const message = decoded(octets);
    assert.equal(message.id, 0x1234);
    assert.equal(message.isResponse, true);
    assert.equal(message.isAuthoritative, true);
    assert.equal(message.isTruncated, false);
    assert.equal(message.isRecursionDesired, true);
    assert.equal(message.rcode, 0);
    assert.deepEqual(message.questions, [query.question]);
    assert.ok(message.answer.length > 0, 'a message without records');
    assert.deepEqual([message.authority, message.additional], [[], []]);
    assert.equal(dnsPacket.decode(octets).answers?.length, message.answer.length);
    records.push(...message.answer);
  }
  return records;
}

function addresses(count: number): ResourceRecord[] {
  return Array.from({ length: count }, (_, i) =>
    record(`s${i}.shop.svc.cluster.local.`, { type: 'A', address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }),
  );
}

test('messages are filled to the limit, and all records come through in order', () => {
  const records = addresses(5000);
  for (const limit of [512, 1232, 16_384, 65_535]) {
    const messages = [...packMessages(query, records, { encoder, limit })];
    assert.deepEqual(unpack(messages, limit), records);
    // None but the last has room for one more.
    for (const message of messages.slice(0, -1)) assert.ok(message.length > limit - 48);
  }
});

test('the usual message is no longer than pointers reach', () => {
  const messages = [...packMessages(query, addresses(5000), { encoder })];
  assert.ok(messages.length > 1);
  unpack(messages, TRANSFER_MESSAGE);
  assert.ok(TRANSFER_MESSAGE <= 16_384);
});

test('the zone is written in its own letter case, the question in that of the client', () => {
  const [message] = packMessages(query, [soa('cluster.local.', 1)], { encoder });
  const seen = dnsPacket.decode(message as Buffer);
  assert.equal(seen.questions?.[0]?.name, 'Cluster.LOCAL');
  assert.equal(seen.answers?.[0]?.name, 'cluster.local');
});

test('a record larger than the limit gets a message of its own size', () => {
  const large = record('big.cluster.local.', {
    type: 'TXT',
    texts: Array.from({ length: 100 }, () => 'x'.repeat(255)),
  });
  const records = [...addresses(20), large, ...addresses(20)];
  const messages = [...packMessages(query, records, { encoder, limit: 1000 })];
  assert.deepEqual(unpack(messages, 65_535), records);
  // What fits beside it is put beside it.
  assert.equal(messages.filter(({ length }) => length > 1000).length, 1);
});

test('a record that fits no message at all is a bug of its maker', () => {
  const huge = record('big.', { type: 'UNKNOWN', code: 4711, data: new Uint8Array(65_530) });
  const messages = packMessages(query, [soa('big.', 1), huge], { encoder });
  assert.equal(decoded(messages.next().value as Buffer).answer.length, 1);
  assert.throws(() => messages.next(), RangeError);
});

test('streams that share an encoder do not mix', () => {
  const [a, b] = [addresses(300), addresses(300).reverse()];
  const one = packMessages(query, a, { encoder, limit: 600 });
  const two = packMessages(query, b, { encoder, limit: 700 });
  const got: [Buffer[], Buffer[]] = [[], []];
  for (let isDone = false; !isDone; ) {
    const [x, y] = [one.next(), two.next()];
    if (!x.done) got[0].push(x.value);
    if (!y.done) got[1].push(y.value);
    isDone = x.done === true && y.done === true;
  }
  assert.deepEqual(unpack(got[0], 600), a);
  assert.deepEqual(unpack(got[1], 700), b);
});

test('records are taken only as messages are pulled, and let go when the client is', () => {
  let taken = 0;
  let isOpen = true;
  function* source() {
    try {
      for (const made of addresses(10_000)) {
        taken += 1;
        yield made;
      }
    } finally {
      isOpen = false;
    }
  }
  const messages = packMessages(query, source(), { encoder, limit: 1000 });
  assert.equal(taken, 0);
  messages.next();
  assert.ok(taken > 10 && taken < 100, `${taken} taken`);
  messages.return(undefined);
  assert.equal(isOpen, false);
});

test('with EDNS each message has the OPT record, inside the limit', () => {
  const edns: PackOptions['edns'] = { version: 0, udpSize: 1232, isDnssecOk: true, options: [] };
  const records = addresses(500);
  const messages = [...packMessages(query, records, { encoder, limit: 1000, edns })];
  assert.ok(messages.length > 10);
  for (const message of messages) {
    assert.deepEqual(decoded(message).edns, edns);
    assert.ok(message.length <= 1000);
  }
});

test('a seal sees every message in order, and has its room inside the limit', () => {
  const sealed: number[] = [];
  const seal = {
    octets: 100,
    apply(message: Buffer) {
      sealed.push(message.length);
      return Buffer.concat([message, Buffer.alloc(100, 0xee)]);
    },
  };
  const messages = [...packMessages(query, addresses(500), { encoder, limit: 1000, seal })];
  assert.deepEqual(
    messages.map(({ length }) => length - 100),
    sealed,
  );
  assert.ok(messages.every(({ length }) => length <= 1000));
});

test('no records, no messages', () => {
  assert.deepEqual([...packMessages(query, [], { encoder })], []);
});

test('AXFR is the SOA, the sets record by record, the SOA', () => {
  const rrsets: RRset[] = [
    { owner: name('z.'), type: RRType.NS, ttl: 5, rdatas: [{ type: 'NS', target: name('ns.z.') }] },
    {
      owner: name('ns.z.'),
      type: RRType.A,
      ttl: 7,
      rdatas: [
        { type: 'A', address: '192.0.2.1' },
        { type: 'A', address: '192.0.2.2' },
      ],
    },
  ];
  assert.deepEqual(
    [...axfr(soa('z.', 9), [{ key: 'all', facts: [], sets: () => rrsets }])].flatMap(({ sets }) =>
      [...sets()].flatMap(recordsOf),
    ),
    [
      soa('z.', 9),
      record('z.', { type: 'NS', target: name('ns.z.') }),
      record('ns.z.', { type: 'A', address: '192.0.2.1' }, 7),
      record('ns.z.', { type: 'A', address: '192.0.2.2' }, 7),
      soa('z.', 9),
    ],
  );
});

test('IXFR is the new SOA, each difference between its SOAs, and the new SOA (RFC 1995 §4)', () => {
  const [a, b, c] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => record('a.z.', { type: 'A', address }));
  assert.ok(a && b && c);
  const apex = name('z.');
  const changesets = [
    { apex, soaFrom: soa('z.', 1), soaTo: soa('z.', 2), removed: [a], added: [b] },
    { apex, soaFrom: soa('z.', 2), soaTo: soa('z.', 5), removed: [], added: [c] },
  ];
  assert.deepEqual(
    [...ixfr(soa('z.', 5), changesets)],
    [soa('z.', 5), soa('z.', 1), a, soa('z.', 2), b, soa('z.', 2), soa('z.', 5), c, soa('z.', 5)],
  );
});
