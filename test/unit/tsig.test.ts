/** Signatures: packets that BIND's dig signed, digests worked out by hand, and everything that can be wrong with one. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readQuery } from '../../src/dns/query.ts';
import {
  errorOctets,
  ReplySigner,
  signError,
  type TsigKeys,
  type Verification,
  verifyRequest,
} from '../../src/dns/tsig.ts';
import { ReplyVerifier, signRequest } from '../../src/dns/tsig-client.ts';
import { parseAlgorithm, parseKeyFile, parseSecret, type TsigAlgorithm, type TsigKey } from '../../src/dns/tsig-key.ts';
import { readTsig, TsigError } from '../../src/dns/tsig-record.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { name } from '../kit/records.ts';

const NOW = 1_750_000_000;
const SECRET = 'WrJnxKp2lZ3p9bWQqX1yOeUvR0sT4nC7aHdMfGk5jLo=';
const HEAD =
  '12340120000100000000000107636c7573746572056c6f63616c0000060001087472616e73666572036b65790000fa00ff00000000';

/** `dig +qid=4660 +noedns +fuzztime=1750000000 -y ALGORITHM:Transfer.Key.:SECRET cluster.local SOA` of BIND 9.18. */
const DIG = {
  'hmac-sha256':
    '003d0b686d61632d736861323536000000684ee180012c0020cecf71c859fee857faac6d048087cc182906108f1747792f5d9471103d36b783123400000000',
  'hmac-sha384':
    '004d0b686d61632d736861333834000000684ee180012c0030cfb4cb5a39e88d59f922ec7ab26457cea99e86ec4cda58a040dc75782563074fd33e369919487df4d2d9929dad3d6b7b123400000000',
  'hmac-sha512':
    '005d0b686d61632d736861353132000000684ee180012c0040f4e1022c3196b82f9599d629592d8aba6bf35ae2f62586027a7b06da23d88a66fcc33fe6d1a4274e43672bd6a839532c77ba6ee8ecbb36d180b6f584c932cbc3123400000000',
  'hmac-sha1': '002f09686d61632d73686131000000684ee180012c001450c8b2f3d804d285d70acf31f51342c64dbc4a43123400000000',
  'hmac-md5':
    '003a08686d61632d6d6435077369672d616c670372656703696e74000000684ee180012c0010f8f407f17d800ca974a50b64c72c860f123400000000',
};
/** The same with `hmac-sha256-128` and `hmac-sha256-80`. */
const TRUNCATED_128 = '002d0b686d61632d736861323536000000684ee180012c0010cecf71c859fee857faac6d048087cc18123400000000';
const TRUNCATED_80 = '00270b686d61632d736861323536000000684ee180012c000acecf71c859fee857faac123400000000';

function packetOf(tail: string): Buffer {
  return Buffer.from(HEAD + tail, 'hex');
}

function keyOf(algorithm?: TsigAlgorithm, secret = SECRET): TsigKey {
  return { name: name('transfer.key.'), secret: parseSecret(secret) as Uint8Array, algorithm };
}

function offsetOf(packet: Uint8Array): number {
  const query = readQuery(packet);
  assert.ok(!('reject' in query) && query.tsigOffset !== undefined);
  return query.tsigOffset;
}

function verify(packet: Buffer, { key = keyOf(), now = NOW, isWeakAllowed = false } = {}): Verification {
  const keys: TsigKeys = new Map([[key.name, key]]);
  return verifyRequest(packet, offsetOf(packet), { keys, now, isAllowed: ({ isWeak }) => isWeakAllowed || !isWeak });
}

function errorOf(verified: Verification): number | string {
  return verified.kind === 'bad' ? verified.error : verified.kind;
}

function algorithmOf(text: string): TsigAlgorithm {
  return parseAlgorithm(text) ?? assert.fail(text);
}

test("what dig signs is good, and a request of ours is dig's, octet by octet", () => {
  for (const [text, tail] of Object.entries(DIG)) {
    const packet = packetOf(tail);
    const algorithm = algorithmOf(text);
    assert.equal(errorOf(verify(packet, { isWeakAllowed: true })), 'good', text);
    const unsigned = Buffer.from(packet.subarray(0, offsetOf(packet)));
    unsigned.writeUInt16BE(0, 10);
    assert.equal(signRequest(unsigned, keyOf(algorithm), NOW).message.toString('hex'), packet.toString('hex'), text);
  }
});

test('weak algorithms are for who asks for them', () => {
  for (const weak of ['hmac-sha1', 'hmac-md5'] as const) {
    const packet = packetOf(DIG[weak]);
    assert.equal(errorOf(verify(packet)), TsigError.BADKEY);
    assert.equal(errorOf(verify(packet, { isWeakAllowed: true })), 'good');
    assert.equal(errorOf(verify(packet, { key: keyOf(algorithmOf(weak)) })), 'good');
  }
});

test('a key with an algorithm is used with no other', () => {
  const key = keyOf(algorithmOf('hmac-sha512'));
  assert.equal(errorOf(verify(packetOf(DIG['hmac-sha512']), { key })), 'good');
  assert.equal(errorOf(verify(packetOf(DIG['hmac-sha256']), { key })), TsigError.BADKEY);
  // As it is after a trip to another thread.
  assert.equal(errorOf(verify(packetOf(DIG['hmac-sha512']), { key: structuredClone(key) })), 'good');
});

test('another key, another secret, another time, a short MAC: each has its error, in the order of RFC 8945 §5.2', () => {
  const packet = packetOf(DIG['hmac-sha256']);
  const other = { ...keyOf(), name: name('other.key.') };
  assert.equal(errorOf(verify(packet, { key: other, now: 0 })), TsigError.BADKEY);
  const wrong = keyOf(undefined, SECRET.replace('W', 'X'));
  assert.equal(errorOf(verify(packet, { key: wrong, now: 0 })), TsigError.BADSIG);
  for (const [now, expected] of [
    [NOW - 301, TsigError.BADTIME],
    [NOW - 300, 'good'],
    [NOW + 300, 'good'],
    [NOW + 301, TsigError.BADTIME],
  ] as const) {
    assert.equal(errorOf(verify(packet, { now })), expected);
  }
  assert.equal(errorOf(verify(packetOf(TRUNCATED_128))), TsigError.BADTRUNC);
  assert.equal(errorOf(verify(packetOf(TRUNCATED_128), { key: wrong })), TsigError.BADSIG);
  assert.equal(errorOf(verify(packetOf(TRUNCATED_128), { now: 0 })), TsigError.BADTIME);
  // Less than half of the hash is no signature at all.
  assert.equal(errorOf(verify(packetOf(TRUNCATED_80))), 'malformed');
});

test('a message that a forwarder gave another id is verified under its own', () => {
  const packet = packetOf(DIG['hmac-sha256']);
  packet.writeUInt16BE(0xbeef, 0);
  assert.equal(errorOf(verify(packet)), 'good');
});

test('whatever octet is changed, the signature is not good', () => {
  const packet = packetOf(DIG['hmac-sha256']);
  for (let at = 2; at < packet.length; at++) {
    const changed = Buffer.from(packet);
    changed[at] = (changed[at] as number) ^ 1;
    const query = readQuery(changed);
    if ('reject' in query || query.tsigOffset === undefined) continue;
    const options = { keys: new Map([[keyOf().name, keyOf()]]), now: NOW, isAllowed: () => true };
    // The key's letter case is no part of what is signed; an original id is, through the message.
    assert.notEqual(verifyRequest(changed, query.tsigOffset, options).kind, 'good', `octet ${at}`);
  }
});

test('a record that says more or less than it holds is malformed', () => {
  const packet = packetOf(DIG['hmac-sha256']);
  const offset = offsetOf(packet);
  for (const [at, value] of [
    [offset + 17, 0x01], // class
    [offset + 20, 0x01], // TTL
    [offset + 45, 0xff], // length of the MAC
    [packet.length - 1, 0x01], // length of the other data
  ] as const) {
    const changed = Buffer.from(packet);
    changed[at] = value;
    assert.equal(readTsig(changed, offset), undefined, `octet ${at}`);
  }
  assert.equal(readTsig(Buffer.concat([packet, Buffer.alloc(1)]), offset), undefined);
});

/** The parts of a digest, put together from the words of RFC 8945 §4.3. */
function digest(hash: string, ...parts: (Uint8Array | string)[]): string {
  const hmac = createHmac(hash, Buffer.from(SECRET, 'base64'));
  for (const part of parts) hmac.update(typeof part === 'string' ? Buffer.from(part, 'hex') : part);
  return hmac.digest('hex');
}

/** `transfer.key.`, class ANY, TTL 0, `hmac-sha256.` */
const KEY_VARIABLES = '087472616e73666572036b65790000ff000000000b686d61632d73686132353600';

/** An answer to a question about a name of one letter. */
function replyWith(letter: string): Buffer {
  const label = Buffer.from(letter).toString('hex');
  return Buffer.from(`12348400000100000000000001${label}0000010001`, 'hex');
}

function signatureOf(packet: Buffer) {
  const verified = verify(packet);
  assert.ok(verified.kind === 'good');
  return verified.signature;
}

test('the first answer is signed over the MAC of the request, each later one over that before it and its times', () => {
  const packet = packetOf(DIG['hmac-sha256']);
  const requestMac = DIG['hmac-sha256'].slice(50, 50 + 64);
  assert.equal(requestMac.slice(0, 8), 'cecf71c8');
  const signer = new ReplySigner(signatureOf(packet), () => NOW + 7.9);
  const message = replyWith('a');
  const time = `0000${(NOW + 7).toString(16)}012c`;
  const first = signer.apply(message);
  assert.ok(first.length <= message.length + signer.octets);
  const one = readTsig(first, message.length) ?? assert.fail();
  const expected = digest('sha256', `0020${requestMac}`, message, `${KEY_VARIABLES}${time}00000000`);
  assert.equal(Buffer.from(one.mac).toString('hex'), expected);
  assert.deepEqual([one.keyName, one.timeSigned, one.fudge, one.error], ['transfer.key.', NOW + 7, 300, 0]);
  assert.equal(first.readUInt16BE(10), 1);
  const second = readTsig(signer.apply(message), message.length) ?? assert.fail();
  assert.equal(Buffer.from(second.mac).toString('hex'), digest('sha256', `0020${expected}`, message, time));
});

test('BADTIME is signed and tells the time, BADTRUNC is signed, BADKEY and BADSIG are not (RFC 8945 §5.2, §5.3.2)', () => {
  const packet = packetOf(DIG['hmac-sha256']);
  const requestMac = DIG['hmac-sha256'].slice(50, 50 + 64);
  const message = replyWith('a');
  const answerTo = (verified: Verification) => {
    assert.ok(verified.kind === 'bad');
    const signed = signError(message, verified.refusal, NOW + 1000.5);
    assert.ok(signed.length <= message.length + errorOctets(verified.refusal));
    assert.equal(readMessage(signed)?.tsigOffset, message.length);
    return readTsig(signed, message.length) ?? assert.fail();
  };
  const late = answerTo(verify(packet, { now: NOW + 1000 }));
  const serverTime = `0000${(NOW + 1000).toString(16)}`;
  assert.deepEqual([late.error, late.timeSigned], [18, NOW]);
  assert.equal(Buffer.from(late.other).toString('hex'), serverTime);
  const expected = digest(
    'sha256',
    `0020${requestMac}`,
    message,
    `${KEY_VARIABLES}0000${NOW.toString(16)}012c00120006${serverTime}`,
  );
  assert.equal(Buffer.from(late.mac).toString('hex'), expected);

  const short = answerTo(verify(packetOf(TRUNCATED_128)));
  assert.deepEqual([short.error, short.mac.length, short.other.length], [22, 32, 0]);
  for (const key of [{ ...keyOf(), name: name('other.') }, keyOf(undefined, 'YWJj')]) {
    const refused = answerTo(verify(packet, { key }));
    assert.ok(refused.error === 16 || refused.error === 17);
    assert.deepEqual([refused.mac.length, refused.other.length, refused.keyName], [0, 0, 'transfer.key.']);
  }
});

const sha256 = algorithmOf('hmac-sha256');
const QUESTION = Buffer.from('12340120000100000000000007636c7573746572056c6f63616c0000060001', 'hex');

/** A request of ours, and the two ends of its answers. */
function exchange(clock = NOW) {
  const request = signRequest(QUESTION, keyOf(sha256), NOW);
  return {
    signer: new ReplySigner(request.signature, () => NOW),
    verifier: new ReplyVerifier(request.signature, () => clock),
  };
}

test('a stream is verified to its end, with up to 99 unsigned messages between two signed ones (RFC 8945 §5.3.1)', () => {
  const message = replyWith('a');
  const offset = message.length;
  const { signer, verifier } = exchange();
  assert.equal(verifier.isComplete, false);
  for (let i = 0; i < 5; i++) assert.equal(verifier.verify(signer.apply(message), offset), 'good');
  assert.equal(verifier.isComplete, true);
  for (let i = 0; i < 99; i++) assert.equal(verifier.verify(message, undefined), 'unsigned');
  assert.equal(verifier.isComplete, false);
  assert.equal(verifier.verify(message, undefined), 'not signed');
  assert.equal(exchange().verifier.verify(message, undefined), 'not signed', 'the first one');
});

test('what stood between two signed messages unsigned is signed with the second', () => {
  const [a, b] = [replyWith('a'), replyWith('b')];
  for (const isForged of [false, true]) {
    const { signer, verifier } = exchange();
    const first = signer.apply(a);
    assert.equal(verifier.verify(first, a.length), 'good');
    const between = isForged ? b : a;
    assert.equal(verifier.verify(between, undefined), 'unsigned');
    // The signer's next signature is over the unsigned message and its own.
    const mac = Buffer.from((readTsig(first, a.length) ?? assert.fail()).mac).toString('hex');
    const time = `0000${NOW.toString(16)}012c`;
    const next = signer.apply(b);
    const own = Buffer.from((readTsig(next, b.length) ?? assert.fail()).mac).toString('hex');
    const wanted = digest('sha256', `0020${mac}`, a, b, time);
    const sent = Buffer.from(next.toString('hex').replace(own, wanted), 'hex');
    assert.equal(verifier.verify(sent, b.length), isForged ? 'wrong signature' : 'good');
  }
});

test('answers out of order, of another key, at another time, or with an error are not good', () => {
  const message = replyWith('a');
  const offset = message.length;
  const one = exchange();
  const [first, second] = [one.signer.apply(message), one.signer.apply(message)];
  assert.equal(one.verifier.verify(second, offset), 'wrong signature');
  const late = exchange(NOW + 301);
  assert.equal(late.verifier.verify(late.signer.apply(message), offset), 'wrong time');
  assert.equal(exchange().verifier.verify(first.subarray(0, -1), offset), 'malformed');
  const other = signRequest(message, { ...keyOf(sha256), name: name('other.') }, NOW);
  assert.equal(new ReplyVerifier(other.signature, () => NOW).verify(first, offset), 'wrong key');
  const verified = verify(packetOf(DIG['hmac-sha256']), { key: keyOf(undefined, 'YWJj') });
  assert.ok(verified.kind === 'bad');
  assert.equal(exchange().verifier.verify(signError(message, verified.refusal, NOW), offset), 'BADSIG');
});

test('any messages, any algorithm: what is signed in order is verified in order', () => {
  const messages = fc.array(fc.uint8Array({ minLength: 12, maxLength: 200 }), { minLength: 1, maxLength: 5 });
  const algorithms = fc.constantFrom('hmac-sha256', 'hmac-sha384', 'hmac-sha512');
  fc.assert(
    fc.property(messages, algorithms, fc.uint8Array({ minLength: 1, maxLength: 200 }), (bodies, text, secret) => {
      const key = { name: name('k.'), secret, algorithm: algorithmOf(text) };
      const request = signRequest(QUESTION, key, NOW);
      const signer = new ReplySigner(request.signature, () => NOW);
      const verifier = new ReplyVerifier(request.signature, () => NOW);
      for (const body of bodies) {
        // A count that has room for one more record.
        const message = Buffer.from(body).fill(0, 10, 12);
        assert.equal(verifier.verify(signer.apply(message), message.length), 'good');
      }
      assert.ok(verifier.isComplete);
    }),
    { numRuns: 100 },
  );
});

test('key files of BIND are read', () => {
  const text = `# made by tsig-keygen
key "Transfer.Key" {
	algorithm hmac-sha512; // strong
	secret "${SECRET}";
};
/* and
   another */
key plain { secret ${SECRET}; };`;
  const read = parseKeyFile(text);
  assert.ok(read.ok, JSON.stringify(read));
  assert.deepEqual(
    read.value.map((key) => [key.name, key.algorithm?.name, Buffer.from(key.secret).toString('base64')]),
    [
      ['transfer.key.', 'hmac-sha512.', SECRET],
      ['plain.', undefined, SECRET],
    ],
  );
  assert.deepEqual(parseKeyFile('  \n'), { ok: true, value: [] });
});

test('a key file that is wrong is refused without its secret in the message', () => {
  for (const [text, problem] of [
    [`secret "${SECRET}";`, /^statement 1: not of the form/],
    [`key k { secret "${SECRET}" };`, /^key 'k\.': a semicolon is missing$/],
    ['key k { algorithm hmac-sha256; };', /^key 'k\.' has no secret$/],
    [`key k { algorithm hmac-sha3; secret "${SECRET}"; };`, /unknown algorithm "hmac-sha3"$/],
    [`key k { secret "${SECRET}X"; };`, /its secret is not base64$/],
    [`key k { secret "${SECRET}"; }; key K { secret "${SECRET}"; };`, /^key 'k\.' redefined$/],
    [`key k { secret "${SECRET}`, /quotation mark/],
    [`key k { secret "${SECRET}";`, /^statement 1/],
    [`key a..b { secret "${SECRET}"; };`, /^invalid key name/],
    [`key k { server 1; };`, /unknown statement "server"$/],
  ] as const) {
    const read = parseKeyFile(text);
    assert.ok(!read.ok, text);
    assert.match(read.error, problem);
    assert.ok(!read.error.includes(SECRET.slice(0, 20)));
  }
});

test('any text is a key file or is none', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('key', ' ', 'k', '{', '}', ';', '"', 'secret', 'YWJj', '/*', '\n') }),
      (text) => {
        assert.equal(typeof parseKeyFile(text).ok, 'boolean');
      },
    ),
  );
});
