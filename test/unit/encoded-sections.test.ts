import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet from 'dns-packet';
import fc from 'fast-check';
import { Rcode } from '../../src/dns/rrset.ts';
import { encodeSections, hasTtls, layoutOf, writeTtls } from '../../src/serve/encoded-sections.ts';
import { passReply } from '../../src/serve/upstream/passed-reply.ts';
import { requestFor } from '../kit/handlers.ts';
import { decode } from '../kit/serving.ts';
import { replyTo } from '../kit/upstream.ts';

const QUERY = { query: { id: 9, questions: [{ name: 'www.test', type: 'A', class: 'IN' }] } } as const;
const asked = {
  query: packet.decode(packet.encode({ type: 'query', id: 9, questions: [{ name: 'www.test', type: 'A' }] })),
};
const address = (name = 'www.test', ttl = 300): packet.Answer => ({ name, type: 'A', ttl, data: '192.0.2.1' });
const opt = (parts: Partial<packet.OptAnswer> = {}): packet.Answer =>
  ({ type: 'OPT', name: '.', udpPayloadSize: 4096, options: [], ...parts }) as packet.Answer;

function passed(octets: Buffer, name = 'www.test', parts = {}) {
  const request = requestFor(name, 1, parts);
  const reply = passReply(octets, request, true, 'forward');
  assert.ok(typeof reply === 'object', String(reply));
  return { request, reply };
}

test('a reply goes on as it came but for id, flags, question and OPT', () => {
  const octets = replyTo(asked, {
    flags: 0x05a0,
    answers: [{ name: 'www.test', type: 'CNAME', ttl: 60, data: 'Web.Test' }, address('web.test')],
    additionals: [opt({ udpPayloadSize: 4096 })],
  });
  const edns = { version: 0, udpSize: 1400, isDnssecOk: true, options: [] };
  const { request, reply } = passed(octets, 'WWW.tEst', { id: 4711, edns });
  const encoded = encodeSections(request, reply, 1400, edns);
  assert.ok(encoded);
  const read = decode(encoded.message);
  assert.equal(read.id, 4711);
  assert.equal(read.message.questions?.[0]?.name, 'WWW.tEst');
  assert.deepEqual(read.answer, ['www.test 60 CNAME Web.Test', 'web.test 300 A 192.0.2.1']);
  assert.ok(read.opt);
  assert.deepEqual([read.opt.udpPayloadSize, read.opt.flag_do], [1400, true]);
  const { flag_aa, flag_ra, flag_ad, flag_rd, flag_tc } = read.message;
  assert.deepEqual([flag_aa, flag_ra, flag_ad, flag_rd, flag_tc], [true, true, true, true, false]);
});

test('no OPT goes to a client that sent none', () => {
  const { request, reply } = passed(replyTo(asked, { answers: [address()], additionals: [opt()] }));
  const encoded = encodeSections(request, reply, 512, undefined);
  assert.equal(encoded && decode(encoded.message).opt, undefined);
});

test('what is too long, changed by a plugin, or about another question is not sent as it came', () => {
  const { request, reply } = passed(replyTo(asked, { answers: [address()] }));
  assert.ok(encodeSections(request, reply, 512, undefined));
  assert.equal(encodeSections(request, reply, 40, undefined), undefined);
  assert.equal(encodeSections(request, { ...reply, answer: [] }, 512, undefined), undefined);
  assert.equal(encodeSections(requestFor('web.test'), reply, 512, undefined), undefined);
  assert.equal(encodeSections(requestFor('www.test', 28), reply, 512, undefined), undefined);
  assert.ok(encodeSections(request, { ...reply, isAuthoritative: true }, 512, undefined));
});

test('a reply in lower case is only sent as it came to who spells the question as it does', () => {
  const { reply } = passed(replyTo(asked, { answers: [address()] }));
  const lower = { ...reply, isLowerCase: true };
  assert.ok(encodeSections(requestFor('www.test'), lower, 512, undefined));
  assert.equal(encodeSections(requestFor('WWW.test'), lower, 512, undefined), undefined);
});

test('TTLs are written into all records but OPT', () => {
  const octets = replyTo(asked, {
    answers: [address(), address('b.test', 7)],
    additionals: [opt(), address('c.test')],
  });
  const layout = layoutOf(octets);
  assert.equal(layout?.ttlOffsets.length, 3);
  assert.ok(layout && !hasTtls(octets, layout.ttlOffsets, 300));
  writeTtls(octets, layout.ttlOffsets, 86_399);
  assert.ok(hasTtls(octets, layout.ttlOffsets, 86_399));
  const read = decode(octets);
  assert.deepEqual(
    [...read.answer, ...read.additional].map((text) => text.split(' ')[1]),
    ['86399', '86399', '86399'],
  );
  assert.equal(read.opt?.udpPayloadSize, 4096);
});

test('replies to other questions, questions, and broken messages are told apart', () => {
  const request = requestFor('www.test');
  const outcome = (octets: Buffer, isDatagram = true) => {
    const reply = passReply(octets, request, isDatagram, 'forward');
    return typeof reply === 'string' ? reply : `${reply.rcode}${reply.isTruncated ? ' truncated' : ''}`;
  };
  const other = { query: { ...QUERY.query, questions: [{ name: 'web.test', type: 'A' as const }] } };
  assert.equal(outcome(replyTo(other as never)), 'mismatch');
  assert.equal(
    outcome(packet.encode({ type: 'query', id: 9, questions: [{ name: 'www.test', type: 'A' }] })),
    'mismatch',
  );
  assert.equal(outcome(packet.encode({ type: 'response', id: 9 })), 'mismatch');
  const whole = replyTo(asked, { answers: [address()] });
  assert.equal(outcome(whole.subarray(0, whole.length - 1)), 'malformed');
  const cut = replyTo(asked, { flags: 0x0380, answers: [address()] });
  assert.equal(outcome(cut.subarray(0, cut.length - 1)), '0 truncated');
  assert.equal(outcome(cut.subarray(0, cut.length - 1), false), 'malformed');
  assert.equal(outcome(replyTo(asked, { rcode: Rcode.REFUSED })), '5');
});

test('an OPT record that is not the last one is left out all the same', () => {
  const octets = replyTo(asked, { answers: [address()], additionals: [opt({ extendedRcode: 1 }), address('c.test')] });
  const { request, reply } = passed(octets);
  assert.equal(reply.encoded, undefined);
  assert.equal(reply.rcode, 16);
  assert.equal(reply.additional.length, 1);
  assert.equal(encodeSections(request, reply, 512, undefined), undefined);
});

test('property: no octets make reading or writing throw, and what is sent can be read', () => {
  const whole = replyTo(asked, {
    answers: [address(), address('b.test')],
    authorities: [address()],
    additionals: [opt()],
  });
  const change = fc.record({ at: fc.nat(whole.length - 1), octet: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), fc.nat(whole.length), (changes, length) => {
      const octets = Buffer.from(whole.subarray(0, length));
      for (const { at, octet } of changes) if (at < length) octets[at] = octet;
      layoutOf(octets);
      const request = requestFor('www.test');
      const reply = passReply(octets, request, true, 'forward');
      if (typeof reply === 'string') return;
      const encoded = encodeSections(request, reply, 1232, undefined);
      if (!encoded) return;
      const again = passReply(encoded.message, request, true, 'forward');
      assert.ok(typeof again === 'object');
      assert.deepEqual(again.answer, reply.answer);
      assert.deepEqual(again.additional, reply.additional);
    }),
    { numRuns: 3000 },
  );
});
