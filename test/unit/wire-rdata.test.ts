import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalAddress, textOfIPv6, unmapAddress, writeIPv6 } from '../../src/dns/address.ts';
import { compareRdata, isSameRdata } from '../../src/dns/canonical.ts';
import { readRdata } from '../../src/dns/rdata-wire.ts';
import { RRType } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { name } from '../kit/records.ts';

test('addresses in canonical text', () => {
  const same = ['0.0.0.0', '255.255.255.255', '10.96.0.1', '::', '::1', 'fe80::', '2001:db8::1', '::ffff:192.0.2.1'];
  for (const text of same) assert.equal(canonicalAddress(text), text);
  const changed: Record<string, string> = {
    '2001:DB8:0:0:0:0:0:1': '2001:db8::1',
    '2001:0db8::0001': '2001:db8::1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '1:0:0:2:0:0:0:3': '1:0:0:2::3',
    '1::2:3:4:5:6:7': '1:0:2:3:4:5:6:7',
    '::ffff:c000:201': '::ffff:192.0.2.1',
    '1:2:3:4:5:6:1.2.3.4': '1:2:3:4:5:6:102:304',
    '1:2:3:4:5:6:7::': '1:2:3:4:5:6:7:0',
    '::2:3:4:5:6:7:8': '0:2:3:4:5:6:7:8',
  };
  for (const [text, canonical] of Object.entries(changed)) assert.equal(canonicalAddress(text), canonical, text);
});

test('texts that are no address', () => {
  const none =
    '|1|1.2.3|1.2.3.4.5|1.2.3.|.1.2.3|1..2.3|256.0.0.1|01.2.3.4|1.2.3.04|1.2.3.4 | 1.2.3.4|1.2.3.4/32|0x1.2.3.4|' +
    ':|:::|1|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1::2::3|12345::|g::|::1%eth0|[::1]|:1:2:3:4:5:6:7|1:2:3:4:5:6:7:|' +
    '1:2:3:4:5:6:7:8::|::1:2:3:4:5:6:7:8|1:2:3:4:5:6:7:1.2.3.4|::1.2.3|::1.2.3.4:5|1.2.3.4::|::ffff:01.2.3.4';
  for (const text of none.split('|')) assert.equal(canonicalAddress(text), undefined, JSON.stringify(text));
});

test('IPv6 octets are written where they belong, and nowhere else', () => {
  const octets = new Uint8Array(20).fill(0xee);
  assert.equal(writeIPv6('2001:db8::7', octets, 2), true);
  assert.equal(Buffer.from(octets).toString('hex'), 'eeee20010db8000000000000000000000007eeee');
  assert.equal(textOfIPv6(octets, 2), '2001:db8::7');
});

test('a v4-mapped address is its IPv4 address where two ends are compared', () => {
  assert.equal(unmapAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(unmapAddress('::FFFF:c000:0201'), '192.0.2.1');
  assert.equal(unmapAddress('192.0.2.1'), '192.0.2.1');
  assert.equal(unmapAddress('2001:db8::1'), '2001:db8::1');
});

/** A reply whose one answer, of this type, has these octets as data; `04 'apex'` stands at offset 12 as the question. */
function answerOf(type: number, data: string): ReturnType<typeof readMessage> {
  const octets = data.replaceAll(' ', '');
  const length = (octets.length / 2).toString(16).padStart(4, '0');
  const code = type.toString(16).padStart(4, '0');
  return readMessage(
    Buffer.from(
      `000184000001000100000000${'0461706578000001'}0001c00c${code}000100000005${length}${octets}`.replaceAll(' ', ''),
      'hex',
    ),
  );
}

test('old types may be compressed, and are kept decompressed (RFC 3597 §4)', () => {
  const apex = '04 61706578 00'.replaceAll(' ', '');
  const cases: [string, number, string, string][] = [
    ['MINFO', 14, 'c00c 0161 c00c', `${apex}0161${apex}`],
    ['RP', 17, 'c00c c00c', apex + apex],
    ['AFSDB', 18, '0001 c00c', `0001${apex}`],
    ['NAPTR', 35, '0001 0002 0161 0162 00 c00c', `00010002016101 6200${apex}`],
    ['DNAME', 39, 'c00c', apex],
    ['SIG', 24, `${'00'.repeat(18)} c00c beef`, `${'00'.repeat(18)}${apex}beef`],
  ];
  for (const [what, type, data, plain] of cases) {
    const [answer] = answerOf(type, data)?.answer ?? [];
    assert.equal(answer?.rdata.type, 'UNKNOWN', what);
    assert.equal(
      answer.rdata.type === 'UNKNOWN' && Buffer.from(answer.rdata.data).toString('hex'),
      plain.replaceAll(' ', ''),
      what,
    );
  }
  assert.equal(answerOf(35, '0001 0002 ff61')?.answer, undefined);
  assert.equal(answerOf(17, 'c00c')?.answer, undefined);
});

test('newer types are not touched: two octets that look like a pointer stay', () => {
  const [answer] = answerOf(4711, 'c00c')?.answer ?? [];
  assert.deepEqual(answer?.rdata, { type: 'UNKNOWN', code: 4711, data: Uint8Array.from([0xc0, 0x0c]) });
});

test('data that is not what its type demands breaks the message', () => {
  const broken: [string, number, string][] = [
    ['A of 3 octets', RRType.A, '0a0000'],
    ['A of 5 octets', RRType.A, '0a00000102'],
    ['AAAA of 4 octets', RRType.AAAA, '0a000001'],
    ['CNAME with more behind', RRType.CNAME, 'c00c00'],
    ['CNAME past its end', RRType.CNAME, '0361'],
    ['empty NS', RRType.NS, ''],
    ['MX without a name', RRType.MX, '0001'],
    ['SRV without a name', RRType.SRV, '000100010001'],
    ['empty TXT', RRType.TXT, ''],
    ['TXT past its end', RRType.TXT, '0561'],
    ['HINFO of one text', RRType.HINFO, '0161'],
    ['HINFO of three texts', RRType.HINFO, '000000'],
    ['pointer to itself', RRType.PTR, 'c022'],
    ['pointer forward', RRType.PTR, 'c024'],
    ['pointer into the header', RRType.PTR, 'c00b'],
  ];
  for (const [what, type, data] of broken) assert.equal(answerOf(type, data), undefined, what);
});

test('a pointer forward is refused, even to a name', () => {
  // The record's owner is a pointer to the target in its own data.
  const octets = (owner: string) =>
    Buffer.from(`000184000000000100000000${owner}0005000100000005000301 6100`.replaceAll(' ', ''), 'hex');
  assert.equal(readMessage(octets('00'))?.answer.length, 1);
  assert.equal(readMessage(octets('c018')), undefined);
});

test('a chain of pointers that goes back at each step is followed to its end', () => {
  const [answer] = answerOf(RRType.PTR, '0161c00c')?.answer ?? [];
  assert.deepEqual(answer?.rdata, { type: 'PTR', target: name('a.apex.') });
});

test('a pointer to where its own labels began would never end, and is refused', () => {
  // `a` at 0, then a pointer back to it.
  assert.equal(readRdata(RRType.PTR, Buffer.from(`${'00'.repeat(12)}0161c00c`, 'hex'), 12, 4), undefined);
});

test('a TTL with its highest bit set counts as zero (RFC 2181 §8)', () => {
  const octets = Buffer.from('0001840000000001000000000161000001000180000001000401020304'.replace(' ', ''), 'hex');
  assert.equal(readMessage(octets)?.answer[0]?.ttl, 0);
});

test('records of another class say so', () => {
  const octets = Buffer.from('000184000000000100000000016100000100030000000500040102 0304'.replace(' ', ''), 'hex');
  assert.equal(readMessage(octets)?.answer[0]?.class, 3);
});

test('data is compared as octets, not as text', () => {
  const a = (address: string) => ({ type: 'A', address }) as const;
  assert.ok(compareRdata(a('9.0.0.1'), a('10.0.0.1')) < 0);
  assert.ok(compareRdata(a('10.0.0.1'), a('10.0.0.1')) === 0);
  assert.ok(isSameRdata(a('10.0.0.1'), a('10.0.0.1')));
  assert.ok(!isSameRdata(a('10.0.0.1'), { type: 'UNKNOWN', code: 4711, data: Uint8Array.from([10, 0, 0, 1]) }));
});
