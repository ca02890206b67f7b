import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { emptyReply, type Reply, type Request } from '../../src/serve/chain.ts';
import { createDns64, embed } from '../../src/serve/plugins/dns64.ts';
import { optionsOf } from '../kit/corefile.ts';
import { nextWith, requestOf, textOf } from '../kit/handlers.ts';
import { nameOf } from '../kit/serving.ts';

const V6 = { remote: { address: '2001:db8::9', port: 1 } };
const V4_ANSWER = parseZoneText('a.test. 900 IN CNAME b.test.\nb.test. 900 IN A 192.0.2.33');
const SOURCE = { zone: 'z', names: [nameOf('a.test')] };

async function ask(
  options: string,
  parts: Partial<Request> = V6,
  own: Partial<Reply> = {},
  v4: Partial<Reply> = { answer: V4_ANSWER },
  type = 'AAAA',
) {
  const asked: string[] = [];
  const dns64 = optionsOf(options).dns64;
  assert.ok(dns64);
  const handler = createDns64(dns64, ({ question }) => {
    asked.push(`${question.name} ${question.type}`);
    return { ...emptyReply(0), ...v4 };
  });
  const outcome = await handler.handle(requestOf('a.test', type, parts), nextWith('', { source: SOURCE, ...own }).next);
  assert.ok(outcome.kind === 'reply');
  return { text: textOf(outcome), asked, source: outcome.source, count: handler.metrics?.()[0]?.samples.length };
}

test('dns64: addresses are made for a name that has none, aliases stay', async () => {
  const { text, asked, source, count } = await ask('dns64');
  assert.deepEqual(text.answer, ['a.test. 900 IN CNAME b.test.', 'b.test. 600 IN AAAA 64:ff9b::c000:221']);
  assert.deepEqual([asked, source, count], [['a.test. 1'], undefined, 1]);
  const soa = parseZoneText('test. 30 IN SOA a. b. 1 2 3 4 5');
  assert.match((await ask('dns64', V6, { authority: soa })).text.answer[1] ?? '', / 30 IN AAAA/);
});

test('dns64: real addresses and missing names are left, unless all is translated', async () => {
  const real = { answer: parseZoneText('a.test. 5 IN AAAA 2001:db8::5') };
  assert.deepEqual((await ask('dns64', V6, real)).asked, []);
  assert.equal((await ask('dns64 {\ntranslate_all\n}', V6, real)).asked.length, 1);
  assert.deepEqual((await ask('dns64', V6, { rcode: 3 })).asked, []);
  const mapped = { answer: parseZoneText('a.test. 5 IN AAAA ::ffff:192.0.2.1') };
  assert.equal((await ask('dns64', V6, mapped)).asked.length, 1);
  const failed = await ask('dns64', V6, { rcode: 2, isRecursionAvailable: true }, { rcode: 2 });
  assert.deepEqual([failed.text.rcode, failed.text.answer], ['SERVFAIL', []], 'an error of both stays one');
});

test('dns64: a name without any address gets the reply to the question for IPv4 addresses, as CoreDNS has it', async () => {
  const soa = parseZoneText('test. 30 IN SOA a. b. 1 2 3 4 5');
  const handler = createDns64(optionsOf('dns64').dns64 ?? assert.fail(), () => ({
    ...emptyReply(0),
    isAuthoritative: true,
    isRecursionAvailable: true,
    isRecursionDesired: false,
    isTruncated: true,
    authority: soa,
  }));
  const own = { authority: soa, isAuthoritative: true };
  const outcome = await handler.handle(requestOf('a.test', 'AAAA', V6), nextWith('', own).next);
  assert.ok(outcome.kind === 'reply');
  assert.deepEqual([outcome.rcode, outcome.isAuthoritative, outcome.isLowerCase], [0, false, true]);
  assert.deepEqual(outcome.authority, soa);
  const { isRecursionAvailable, isRecursionDesired, isTruncated } = outcome;
  assert.deepEqual([isRecursionAvailable, isRecursionDesired, isTruncated], [undefined, undefined, true]);
  // RFC 6147 §5.1.2: an error other than NXDOMAIN counts as no IPv6 addresses.
  const written = { rcode: 2, isRecursionAvailable: true };
  assert.equal((await ask('dns64', V6, written, { authority: soa })).text.rcode, 'NOERROR');
  assert.deepEqual((await ask('dns64', V6, { rcode: 2 })).asked, [], 'nobody has answered, as CoreDNS 1.14.7 has it');
});

test('dns64: for clients of IPv6, and of IPv4 where that is allowed; not for those that validate', async () => {
  const v4 = { remote: { address: '192.0.2.1', port: 1 } };
  assert.deepEqual((await ask('dns64', v4)).asked, []);
  assert.deepEqual((await ask('dns64', { remote: { address: '::ffff:192.0.2.1', port: 1 } })).asked, []);
  assert.equal((await ask('dns64 {\nallow_ipv4\n}', v4)).asked.length, 1);
  const edns = { version: 0, udpSize: 1232, isDnssecOk: true, options: [] };
  assert.deepEqual((await ask('dns64', { ...V6, isCheckingDisabled: true, edns })).asked, []);
});

test('dns64: a reply that depends on who asks is not kept, others may be', async () => {
  assert.equal((await ask('dns64', { remote: { address: '192.0.2.1', port: 1 } })).source, undefined);
  const other = await ask('dns64', V6, {}, {}, 'A');
  assert.deepEqual([other.source, other.asked], [SOURCE, []]);
});

test('dns64: addresses in prefixes of each length (RFC 6052 §2.4)', () => {
  const prefix = [0x20, 0x01, 0x0d, 0xb8, 0x01, 0x22, 0x03, 0x44, 0, 0, 0, 0, 0, 0, 0, 0];
  const made = Object.fromEntries([32, 40, 48, 56, 64, 96].map((bits) => [bits, embed('192.0.2.33', prefix, bits)]));
  assert.deepEqual(made, {
    32: '2001:db8:c000:221::',
    40: '2001:db8:1c0:2:21::',
    48: '2001:db8:122:c000:2:2100::',
    56: '2001:db8:122:3c0:0:221::',
    64: '2001:db8:122:344:c0:2:2100:0',
    96: '2001:db8:122:344::c000:221',
  });
});
