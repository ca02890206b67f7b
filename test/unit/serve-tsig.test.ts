/** The `tsig` plugin: who is let pass with which key, and what of the answers is signed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TsigRequirement } from '../../src/corefile/config.ts';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { ReplyVerifier, signRequest } from '../../src/dns/tsig-client.ts';
import { DEFAULT_ALGORITHM, parseAlgorithm, type TsigKey } from '../../src/dns/tsig-key.ts';
import { readTsig } from '../../src/dns/tsig-record.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { createLogger } from '../../src/logger.ts';
import type { Request } from '../../src/serve/chain.ts';
import { createTransfer } from '../../src/serve/plugins/transfer.ts';
import { createTsig } from '../../src/serve/plugins/tsig.ts';
import { packMessages } from '../../src/transfer/pack.ts';
import { entryOf, nameOf, question, REMOTE, ToyZone } from '../kit/serving.ts';

const NOW = 1_750_000_000;

function keyOf(text: string, algorithm?: string): TsigKey {
  const secret = new Uint8Array(Buffer.from(`secret of ${text}`));
  return { name: nameOf(text), secret, algorithm: algorithm === undefined ? undefined : parseAlgorithm(algorithm) };
}

const KEYS = [keyOf('old.'), keyOf('new.', 'hmac-sha512'), keyOf('weak.', 'hmac-sha1')];

interface BenchOptions {
  readonly zones?: readonly string[];
  readonly require?: TsigRequirement;
  readonly requireOpcode?: TsigRequirement;
  readonly allowed?: readonly string[];
  readonly transport?: 'udp' | 'tcp';
}

function bench({
  zones = ['.'],
  require = 'none',
  requireOpcode = 'none',
  allowed = [],
  transport = 'udp',
}: BenchOptions) {
  const lines: string[] = [];
  const seen: Request[] = [];
  const encoder = new MessageEncoder();
  const zone = new ToyZone();
  zone.set('web', '192.0.2.1');
  const tsig = createTsig({
    zones: zones.map(nameOf),
    keys: new Map(KEYS.map((key) => [key.name, key])),
    allowed: allowed.map((text) => parseAlgorithm(text) ?? assert.fail()),
    require,
    requireOpcode,
    clock: () => NOW,
    now: () => 0,
    logger: createLogger((line) => lines.push(line.trimEnd())).forPlugin('tsig'),
  });
  const transfer = createTransfer((request) => {
    const soa = { owner: zone.apex, type: RRType.SOA, ttl: 5, rdata: zone.soa() };
    const records = Array.from({ length: 5 }, () => soa);
    return { kind: 'stream', messages: packMessages(request, records, { encoder, limit: 300, seal: request.seal }) };
  });
  const spy = {
    name: 'spy',
    isPure: true,
    handle: (request: Request, next: (request: Request) => ReturnType<typeof transfer.handle>) => {
      seen.push(request);
      return next(request);
    },
  };
  const { entry } = entryOf({ '.': [tsig, spy, transfer, zone.handler()] }, { transport });
  return {
    lines,
    seen,
    zone,
    /** The whole answer to a packet; a stream's messages one by one. */
    send(packet: Buffer): Buffer[] {
      const outgoing = entry.answer(packet, REMOTE);
      if (Buffer.isBuffer(outgoing)) return [Buffer.from(outgoing)];
      assert.ok(outgoing !== undefined && !(outgoing instanceof Promise));
      return [...{ [Symbol.iterator]: () => outgoing.messages }].map((message) => Buffer.from(message));
    },
    results: () =>
      Object.fromEntries((tsig.metrics?.() ?? []).flatMap(({ samples }) => samples.map((s) => [s.labels[0], s.value]))),
  };
}

function ask(self: ReturnType<typeof bench>, packet: Buffer) {
  const [reply, ...more] = self.send(packet);
  assert.ok(reply !== undefined && more.length === 0);
  const message = readMessage(reply) ?? assert.fail();
  const tsig = message.tsigOffset === undefined ? undefined : readTsig(reply, message.tsigOffset);
  return { reply, message, tsig };
}

test('with any key that is known the question is answered, and the answer signed with that key', () => {
  for (const key of KEYS) {
    const self = bench({ require: 'all' });
    const signed = signRequest(question('web.toy.test', 'A'), key, NOW);
    const { reply, message } = ask(self, signed.message);
    assert.equal(message.answer.length, 1);
    assert.equal(new ReplyVerifier(signed.signature, () => NOW).verify(reply, message.tsigOffset), 'good');
    assert.equal(self.seen[0]?.key, key.name);
    assert.deepEqual(self.results(), { good: 1 });
  }
});

test('a signed answer is never given to another question, and signing makes no plain answer wrong', () => {
  const self = bench({});
  const plain = question('web.toy.test', 'A');
  const first = ask(self, plain);
  for (let i = 0; i < 2; i++) {
    const signed = signRequest(plain, KEYS[0] as TsigKey, NOW - i);
    const { reply, message } = ask(self, signed.message);
    assert.equal(new ReplyVerifier(signed.signature, () => NOW).verify(reply, message.tsigOffset), 'good');
  }
  assert.deepEqual(ask(self, plain).reply, first.reply);
  assert.equal(self.zone.asked, 3, 'the plain question was asked once');
});

test('what must be signed and is not is refused', () => {
  const types = bench({ require: new Set([RRType.AXFR]) });
  assert.equal(ask(types, question('web.toy.test', 'A')).message.rcode, Rcode.NOERROR);
  assert.equal(ask(types, question('toy.test', 'AXFR')).message.rcode, Rcode.REFUSED);
  assert.deepEqual(types.lines, ['[INFO] plugin/tsig: Refused request for "toy.test." from 192.0.2.1: unsigned']);
  assert.equal(ask(bench({ require: 'all' }), question('web.toy.test', 'A')).message.rcode, Rcode.REFUSED);
  const opcodes = bench({ requireOpcode: new Set([4]) });
  assert.equal(ask(opcodes, question('web.toy.test', 'A')).message.rcode, Rcode.NOERROR);
  assert.equal(ask(opcodes, question('web.toy.test', 'SOA', { opcode: 4 })).message.rcode, Rcode.REFUSED);
});

test('zones of others are none of its business', () => {
  const self = bench({ zones: ['toy.test'], require: 'all' });
  const signed = signRequest(question('other.test', 'A'), keyOf('nobody.'), NOW);
  const { message } = ask(self, signed.message);
  assert.deepEqual([message.rcode, message.tsigOffset, self.seen[0]?.key], [Rcode.SERVFAIL, undefined, undefined]);
});

test('a signature that is wrong gets NOTAUTH and the reason, and nobody behind sees the question', () => {
  const key = KEYS[0] as TsigKey;
  const forged = { ...key, secret: new Uint8Array(5) };
  const packet = question('web.toy.test', 'A');
  for (const [signed, error, isSigned] of [
    [signRequest(packet, keyOf('unknown.'), NOW), 17, false],
    [signRequest(packet, forged, NOW), 16, false],
    [signRequest(packet, key, NOW - 1000), 18, true],
    [signRequest(packet, { ...key, algorithm: parseAlgorithm('hmac-md5') }, NOW), 17, false],
    [signRequest(packet, { ...(KEYS[1] as TsigKey), algorithm: DEFAULT_ALGORITHM }, NOW), 17, false],
  ] as const) {
    const self = bench({});
    const { message, tsig } = ask(self, signed.message);
    assert.deepEqual([message.rcode, tsig?.error, (tsig?.mac.length ?? 0) > 0], [Rcode.NOTAUTH, error, isSigned]);
    assert.equal(message.answer.length, 0);
    assert.deepEqual(self.seen, []);
    assert.match(self.lines[0] as string, /BAD(KEY|SIG|TIME) \(key "[a-z.]+"\)$/);
  }
});

test('a TSIG record that is none gets FORMERR', () => {
  const { message } = signRequest(question('web.toy.test', 'A'), KEYS[0] as TsigKey, NOW);
  message.writeUInt8(9, message.length - 1);
  const self = bench({});
  assert.deepEqual([ask(self, message).message.rcode, self.results()], [Rcode.FORMERR, { FORMERR: 1 }]);
});

test('weak algorithms are accepted where that is said', () => {
  const key = { ...(KEYS[0] as TsigKey), algorithm: parseAlgorithm('hmac-md5') };
  const { message } = signRequest(question('web.toy.test', 'A'), key, NOW);
  assert.equal(ask(bench({ allowed: ['hmac-md5'] }), message).message.rcode, Rcode.NOERROR);
});

test('every message of a transfer is signed, in a chain', () => {
  const self = bench({ transport: 'tcp' });
  const signed = signRequest(question('toy.test', 'AXFR'), KEYS[1] as TsigKey, NOW);
  const messages = self.send(signed.message);
  assert.ok(messages.length > 1);
  const verifier = new ReplyVerifier(signed.signature, () => NOW);
  for (const message of messages) {
    assert.ok(message.length <= 300);
    assert.equal(verifier.verify(message, readMessage(message)?.tsigOffset), 'good');
  }
});

test('refusals fill no log', () => {
  const self = bench({ require: 'all' });
  for (let i = 0; i < 50; i++) ask(self, question('web.toy.test', 'A'));
  assert.equal(self.lines.length, 10);
  assert.deepEqual(self.results(), { unsigned: 50 });
});
