import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import { encodeRejection, type Query, readQuery } from '../../src/dns/query.ts';

interface Header {
  readonly flags?: number;
  readonly counts?: readonly [number, number, number, number];
}

/** A packet with id 0x1234 and these octets after the header. */
function packet(body: string, { flags = 0x0100, counts = [1, 0, 0, 0] }: Header = {}): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x1234, 0);
  header.writeUInt16BE(flags, 2);
  counts.forEach((count, i) => {
    header.writeUInt16BE(count, 4 + 2 * i);
  });
  return Buffer.concat([header, Buffer.from(body.replaceAll(' ', ''), 'hex')]);
}

const QUESTION = '01 61 00 0001 0001';
const OPT = '00 0029 04d0 00 00 8000 0000';

function accepted(octets: Uint8Array): Query {
  const read = readQuery(octets);
  assert.ok(!('reject' in read), `rejected: ${JSON.stringify(read)}`);
  return read;
}

function rejection(octets: Uint8Array): string {
  const read = readQuery(octets);
  assert.ok('reject' in read, 'was accepted');
  return read.reject;
}

test('a query keeps its spelling beside the lower-case name', () => {
  const query = accepted(packet('03 576562 02 4e53 00 001c 0001'));
  assert.deepEqual(query.question, { name: 'web.ns.', spelling: 'Web.NS.', type: 28, class: 1 });
  assert.equal(query.id, 0x1234);
  assert.equal(query.isRecursionDesired, true);
  assert.equal(query.questionEnd, 12 + 8 + 4);
  assert.equal(query.edns, undefined);
  assert.equal('tsigOffset' in query, false);
});

test('any octet may stand in a label, and is escaped in both texts alike', () => {
  const { question } = accepted(packet('06 41 2e 5c 00 ff 20 00 0001 0001'));
  assert.equal(question.name, 'a\\.\\\\\\000\\255\\032.');
  assert.equal(question.spelling, 'A\\.\\\\\\000\\255\\032.');
});

test('the root is a name', () => {
  assert.equal(accepted(packet('00 0002 0001')).question.name, '.');
});

test('a packet shorter than a header, and a response, get no answer', () => {
  for (let length = 0; length < 12; length++) assert.equal(rejection(Buffer.alloc(length)), 'drop');
  assert.equal(rejection(packet(QUESTION, { flags: 0x8100 })), 'drop');
});

test('opcodes other than QUERY and NOTIFY are not implemented, whatever else is wrong', () => {
  for (const opcode of [1, 2, 3, 5, 6, 15]) {
    assert.equal(rejection(packet('', { flags: opcode << 11, counts: [9, 9, 9, 9] })), 'notimp');
  }
  assert.equal(accepted(packet(QUESTION, { flags: 4 << 11 })).opcode, 4);
});

test('counts are judged before anything is read', () => {
  for (const counts of [
    [0, 0, 0, 0],
    [2, 0, 0, 0],
    [1, 2, 0, 0],
    [1, 0, 2, 0],
    [1, 0, 0, 3],
    [65535, 65535, 65535, 65535],
  ] as const) {
    assert.equal(rejection(packet(QUESTION, { counts })), 'formerr', counts.join());
  }
});

test('a question with a broken name or a missing part is a format error', () => {
  const longLabel = `40 ${'61'.repeat(64)} 00 0001 0001`;
  const label63 = `3f ${'61'.repeat(63)}`;
  const cases = {
    'pointer to itself': 'c00c 0001 0001',
    'pointer into the header': 'c000 0001 0001',
    'forward pointer': 'c00e 00 0001 0001',
    'pointer after a label': '0161 c00c 0001 0001',
    'label of 64 octets': longLabel,
    'label type 0x80': '80 61 00 0001 0001',
    'name of 257 octets': `${label63.repeat(4)} 00 0001 0001`,
    'name without an end': '0161 0162',
    'no type': '0161 00',
    'no class': '0161 00 0001',
    nothing: '',
  };
  for (const [what, body] of Object.entries(cases)) assert.equal(rejection(packet(body)), 'formerr', what);
});

test('a name of 255 octets is the longest', () => {
  const label63 = `3f ${'61'.repeat(63)}`;
  assert.equal(accepted(packet(`${label63.repeat(3)} 3d ${'62'.repeat(61)} 00 0001 0001`)).question.name.length, 254);
  assert.equal(rejection(packet(`${label63.repeat(3)} 3e ${'62'.repeat(62)} 00 0001 0001`)), 'formerr');
});

test('EDNS: size, DO bit, version and options', () => {
  const { edns } = accepted(
    packet(`${QUESTION} 00 0029 04d0 00 01 8000 000c 0003 0000 000a 0004 01020304`, { counts: [1, 0, 0, 1] }),
  );
  assert.deepEqual(edns, {
    version: 1,
    udpSize: 1232,
    isDnssecOk: true,
    options: [
      { code: 3, data: new Uint8Array() },
      { code: 10, data: Uint8Array.from([1, 2, 3, 4]) },
    ],
  });
});

test('EDNS that is broken is a format error', () => {
  const cases: Record<string, [string, readonly [number, number, number, number]]> = {
    'two OPT records': [`${QUESTION} ${OPT} ${OPT}`, [1, 0, 0, 2]],
    'owner other than the root': [`${QUESTION} 0161 ${OPT}`, [1, 0, 0, 1]],
    'option past the end of the record': [`${QUESTION} 00 0029 04d0 00000000 0004 0003 0001`, [1, 0, 0, 1]],
    'option header cut': [`${QUESTION} 00 0029 04d0 00000000 0003 0003 00`, [1, 0, 0, 1]],
    'record past the end of the packet': [`${QUESTION} 00 0029 04d0 00000000 0004`, [1, 0, 0, 1]],
    'in the answer section': [`${QUESTION} ${OPT}`, [1, 1, 0, 0]],
    'in the authority section': [`${QUESTION} ${OPT}`, [1, 0, 1, 0]],
    'claimed but absent': [QUESTION, [1, 0, 0, 1]],
  };
  for (const [what, [body, counts]] of Object.entries(cases)) {
    assert.equal(rejection(packet(body, { counts })), 'formerr', what);
  }
});

test('an OPT record full of options is read in bounded memory', () => {
  const options = '0003 0000'.repeat(16_000);
  const body = `${QUESTION} 00 0029 04d0 00000000 fa00 ${options}`;
  assert.equal(accepted(packet(body, { counts: [1, 0, 0, 1] })).edns?.options.length, 32);
});

test("an IXFR request carries the client's SOA, compressed or not", () => {
  const octets = dnsPacket.encode({
    type: 'query',
    id: 1,
    questions: [{ type: 'IXFR', name: 'cluster.local' }],
    authorities: [
      {
        type: 'SOA',
        name: 'cluster.local',
        ttl: 0,
        data: { mname: 'NS.cluster.local', rname: '', serial: 4294967295, refresh: 1, retry: 2, expire: 3, minimum: 4 },
      },
    ],
  });
  const soa = {
    owner: 'cluster.local.',
    type: 6,
    ttl: 0,
    rdata: {
      type: 'SOA',
      mname: 'ns.cluster.local.',
      rname: '.',
      serial: 4294967295,
      refresh: 1,
      retry: 2,
      expire: 3,
      minimum: 4,
    },
  };
  assert.deepEqual(accepted(octets).authority, [soa]);
  const compressed = packet(
    '07 636c7573746572 05 6c6f63616c 00 00fb 0001 c00c 0006 0001 00000000 001a 026e73c00c 00 ffffffff 00000001 00000002 00000003 00000004',
    { counts: [1, 0, 1, 0] },
  );
  assert.deepEqual(accepted(compressed).authority, [soa]);
});

test('a SOA that does not fill its data, or passes it, is a format error', () => {
  const soa = (length: string, data: string) =>
    packet(`${QUESTION} c00c 0006 0001 00000000 ${length} ${data}`, { counts: [1, 0, 1, 0] });
  const fields = '00000001 00000002 00000003 00000004 00000005';
  assert.equal(accepted(soa('0016', `00 00 ${fields}`)).authority.length, 1);
  assert.equal(rejection(soa('0015', `00 00 ${fields}`)), 'formerr');
  assert.equal(rejection(soa('0017', `00 00 ${fields} 00`)), 'formerr');
  assert.equal(rejection(soa('0016', `00 ${fields}`)), 'formerr');
});

test('the place of a TSIG record is noted, and it must be the last', () => {
  const tsig = '016b 00 00fa 00ff 00000000 0000';
  const query = accepted(packet(`${QUESTION} ${OPT} ${tsig}`, { counts: [1, 0, 0, 2] }));
  assert.equal(query.tsigOffset, 12 + 7 + 11);
  assert.equal(query.edns?.udpSize, 1232);
  assert.equal(rejection(packet(`${QUESTION} ${tsig} ${OPT}`, { counts: [1, 0, 0, 2] })), 'formerr');
  assert.equal(rejection(packet(`${QUESTION} ${tsig}`, { counts: [1, 0, 1, 0] })), 'formerr');
});

test('a NOTIFY may bring the new SOA in its answer section', () => {
  const body = `${QUESTION} c00c 0006 0001 00000000 0016 00 00 0000000700000002000000030000000400000005`;
  const { answer } = accepted(packet(body, { flags: 4 << 11, counts: [1, 1, 0, 0] }));
  assert.equal(answer[0]?.rdata.type === 'SOA' && answer[0].rdata.serial, 7);
});

test('nothing of the packet is kept: overwriting it changes no query', () => {
  const octets = packet(`03 576562 00 0001 0001 00 0029 04d0 00000000 0006 000a 0002 0102`, { counts: [1, 0, 0, 1] });
  const query = accepted(octets);
  const before = structuredClone(query);
  octets.fill(0xff);
  assert.deepEqual(query, before);
});

test('a rejected query is answered with its id and opcode, and TC, RD, RA, AD and CD as they came', () => {
  const read = readQuery(packet('', { flags: (5 << 11) | 0x0110 }));
  assert.ok('reject' in read && read.reject !== 'drop');
  assert.equal(encodeRejection(read).toString('hex'), '1234a9140000000000000000');
  // As CoreDNS 1.14.7 was seen to do it; AA, Z and the rcode of the question are left out.
  const all = readQuery(packet('', { flags: (5 << 11) | 0x07ff }));
  assert.ok('reject' in all && all.reject !== 'drop');
  assert.equal(encodeRejection(all).toString('hex'), '1234abb40000000000000000');
});

test('a question whose records are broken goes back with the FORMERR, one that cannot be read does not', () => {
  const answer = (octets: Buffer) => {
    const read = readQuery(octets);
    assert.ok('reject' in read && read.reject === 'formerr');
    return encodeRejection(read).toString('hex');
  };
  const body = `${QUESTION} c00c 0001 0001 00000000 0003 0a0000`;
  const question = QUESTION.replaceAll(' ', '');
  assert.equal(answer(packet(body, { counts: [1, 0, 0, 1] })), `123481010001000000000000${question}`);
  assert.equal(answer(packet(body, { counts: [1, 2, 0, 1] })), '123481010000000000000000', 'the counts come first');
});

test('malformed EDNS options make the whole query malformed: those that CoreDNS cannot read', () => {
  const opt = (option: string) => {
    const length = option.replaceAll(' ', '').length / 2;
    return packet(`${QUESTION} 00 0029 04d0 00000000 ${length.toString(16).padStart(4, '0')} ${option}`, {
      counts: [1, 0, 0, 1],
    });
  };
  for (const bad of [
    '0008 0004 0001 21 00',
    '0008 0004 0000 08 00',
    '0008 0004 0003 00 00',
    '0008 0003 0001 18',
    '0002 0003 000000',
    '0009 0003 000000',
    '000b 0001 00',
    '000f 0001 00',
    '0012 0000',
    '0012 0002 0161',
  ])
    assert.equal(rejection(opt(bad)), 'formerr', bad);
  for (const good of [
    '0008 0007 0001 18 00 c00002',
    '0008 0004 0000 00 00',
    '0008 0005 0002 08 00 20',
    '0009 0000',
    '000b 0002 0064',
    '000f 0002 0000',
    '0012 0003 016100',
    'fde9 0000',
  ])
    assert.equal(accepted(opt(good)).edns?.options.length, 1, good);
});
