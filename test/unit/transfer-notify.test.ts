/** NOTIFY: who is told when, how often, and what counts as an answer. Time stands still unless a test moves it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { readQuery } from '../../src/dns/query.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { ReplySigner, verifyRequest } from '../../src/dns/tsig.ts';
import { parseSecret, type TsigKey } from '../../src/dns/tsig-key.ts';
import { createLogger } from '../../src/logger.ts';
import { Notifier, type NotifyTarget, type NotifyZone } from '../../src/transfer/notify.ts';
import { name, soa } from '../kit/records.ts';

const ZONE = 'cluster.local.';
const UNIX = 1_750_000_000;
const one: NotifyTarget = { address: '192.0.2.1', port: 53 };
const two: NotifyTarget = { address: '2001:db8::2', port: 5353, source: '2001:db8::1' };
const key: TsigKey = { name: name('k.'), secret: parseSecret('c2VjcmV0') as Uint8Array, algorithm: undefined };

interface Sent {
  readonly at: number;
  readonly to: NotifyTarget;
  readonly message: Buffer;
}

function bench() {
  const lines: string[] = [];
  const sent: Sent[] = [];
  const timers = new Set<{ at: number; callback: () => void }>();
  let time = 0;
  let random = 0;
  const encoder = new MessageEncoder();
  const notifier = new Notifier({
    send: (message, to) => sent.push({ at: time, to, message: Buffer.from(message) }),
    after: (milliseconds, callback) => {
      const timer = { at: time + milliseconds, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    now: () => time,
    clock: () => UNIX + time / 1000,
    random: () => (random = (random + 0.01) % 1),
    logger: createLogger((line) => lines.push(line.trimEnd())).forPlugin('transfer'),
  });
  const self = {
    notifier,
    lines,
    sent,
    timers,
    configure: (targets: readonly NotifyTarget[], more: Partial<NotifyZone> = {}) =>
      notifier.configure([{ zone: ZONE, apex: name(ZONE), timing: { delayMs: 200, maxMs: 1000 }, targets, ...more }]),
    publish: (serial: number) => notifier.publish(ZONE, soa(ZONE, serial)),
    /** Moves the clock, and lets happen what is due on the way. */
    advance(milliseconds: number) {
      const end = time + milliseconds;
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        time = next.at;
        timers.delete(next);
        next.callback();
      }
      time = end;
    },
    /** What a secondary would answer. */
    answer({ message, to }: Sent, { rcode = 0, signWith = undefined as TsigKey | undefined, from = to } = {}) {
      const query = readQuery(message);
      assert.ok(!('reject' in query));
      const reply = encoder.encodeReply(
        query,
        { rcode, isAuthoritative: true, answer: [], authority: [], additional: [] },
        512,
      ).message;
      if (signWith === undefined) return notifier.receive(reply, from);
      const verified = verifyRequest(message, query.tsigOffset ?? 0, {
        keys: new Map([[key.name, key]]),
        now: UNIX,
        isAllowed: () => true,
      });
      assert.ok(verified.kind === 'good');
      const signer = new ReplySigner({ ...verified.signature, key: signWith }, () => UNIX);
      notifier.receive(signer.apply(reply), from);
    },
    results: () =>
      Object.fromEntries(
        notifier
          .snapshot()
          .filter(({ name }) => name === 'zonelog_notify_results_total')
          .flatMap(({ samples }) => samples.map(({ labels, value }) => [labels.slice(1).join(' '), value])),
      ),
  };
  return self;
}

function serialOf({ message }: Sent): number {
  const query = readQuery(message);
  assert.ok(!('reject' in query));
  const [hint] = query.answer;
  assert.ok(hint?.rdata.type === 'SOA');
  return hint.rdata.serial;
}

test('each target is told of a version: opcode NOTIFY, AA, the zone and SOA as the question (RFC 1996 §3.7)', () => {
  const self = bench();
  self.configure([one, two]);
  self.publish(7);
  self.advance(199);
  assert.equal(self.sent.length, 0);
  self.advance(1);
  assert.deepEqual(
    self.sent.map(({ to }) => to),
    [one, two],
  );
  for (const sent of self.sent) {
    const query = readQuery(sent.message);
    assert.ok(!('reject' in query));
    assert.deepEqual([query.opcode, query.question.name, query.question.type, query.question.class], [4, ZONE, 6, 1]);
    assert.equal(sent.message.readUInt16BE(2), 0x2400, 'AA, and neither QR nor RD');
    assert.equal(serialOf(sent), 7);
  }
});

test('versions that follow on each other are one NOTIFY, after the maximum wait at the latest', () => {
  const self = bench();
  self.configure([one]);
  for (let i = 1; i <= 30; i++) {
    self.publish(i);
    self.advance(100);
    const last = self.sent.at(-1);
    if (last !== undefined) self.answer(last);
  }
  self.advance(10_000);
  assert.deepEqual(
    self.sent.map((sent) => [sent.at, serialOf(sent)]),
    [
      [1000, 10],
      [2000, 20],
      [3000, 30],
    ],
  );
});

test('without an answer it is sent again, with doubled waits, and then each minute until it is answered', () => {
  const self = bench();
  self.configure([one]);
  self.publish(1);
  self.advance(31_199);
  assert.deepEqual(self.results(), {});
  self.advance(153_000);
  assert.deepEqual(
    self.sent.map(({ at }) => at),
    [200, 1200, 3200, 7200, 15_200, 31_200, 63_200, 123_200, 183_200],
  );
  const [first] = self.sent;
  assert.ok(
    self.sent.every(({ message }) => message.equals(first?.message as Buffer)),
    'one id for all of them',
  );
  assert.deepEqual(self.results(), { '192.0.2.1:53 unanswered': 4 });
  assert.deepEqual(self.lines, [
    '[WARNING] plugin/transfer: notify for zone "cluster.local." was not accepted by "192.0.2.1:53": no answer',
  ]);
  self.answer(self.sent.at(-1) as Sent);
  assert.match(self.lines[1] as string, /accepted again by 192\.0\.2\.1:53/);
  self.advance(1_000_000);
  assert.equal(self.sent.length, 9);
});

test('who answers nothing is told of as such, though there is a new version every second', () => {
  const self = bench();
  self.configure([one, two]);
  for (let i = 1; i <= 120; i++) {
    self.publish(i);
    self.advance(1000);
    const last = self.sent.findLast(({ to }) => to === two);
    if (last !== undefined) self.answer(last);
  }
  assert.deepEqual(self.lines, [
    '[WARNING] plugin/transfer: notify for zone "cluster.local." was not accepted by "192.0.2.1:53": no answer',
  ]);
  assert.equal(self.results()['192.0.2.1:53 unanswered'], 3);
  assert.equal(self.results()['[2001:db8::2]:5353 unanswered'], undefined);
});

test('whose answers take longer than the next version is no silent target, and known for what it acknowledged', () => {
  const self = bench();
  self.configure([one]);
  for (let i = 1; i <= 100; i++) {
    self.publish(i);
    self.advance(500);
    const late = self.sent.at(-3);
    if (late !== undefined) self.answer(late);
  }
  assert.deepEqual(self.lines, []);
  assert.equal(self.results()['192.0.2.1:53 acknowledged'], 98);
  assert.equal(self.notifier.secondaries.all()[0]?.acknowledged?.serial, 98);
});

test('an answer ends it, and is kept as the acknowledged serial', () => {
  const self = bench();
  self.configure([one, two]);
  self.publish(7);
  self.advance(200);
  self.answer(self.sent[1] as Sent);
  self.advance(10_000);
  assert.ok(self.sent.slice(2).every(({ to }) => to === one));
  assert.deepEqual(
    self.notifier.secondaries.all().map(({ address, acknowledged }) => [address, acknowledged?.serial]),
    [
      ['192.0.2.1', undefined],
      ['2001:db8::2', 7],
    ],
  );
  assert.equal(self.results()['[2001:db8::2]:5353 acknowledged'], 1);
});

test('an answer counts only from the target, with the id, as a response, for the zone', () => {
  const self = bench();
  self.configure([one]);
  self.publish(7);
  self.advance(200);
  const [sent] = self.sent as [Sent];
  self.answer(sent, { from: { address: '192.0.2.1', port: 54 } });
  self.answer(sent, { from: { address: '192.0.2.9', port: 53 } });
  const otherId = Buffer.from(sent.message);
  otherId.writeUInt16BE(otherId.readUInt16BE(0) ^ 1, 0);
  self.answer({ ...sent, message: otherId });
  self.notifier.receive(sent.message, one);
  self.notifier.receive(Buffer.alloc(3), one);
  const otherZone = Buffer.from(sent.message);
  otherZone.write('d', 13);
  self.answer({ ...sent, message: otherZone });
  assert.deepEqual(self.results(), {});
  self.answer(sent, { from: { address: '::ffff:192.0.2.1', port: 53 } });
  assert.deepEqual(self.results(), { '192.0.2.1:53 acknowledged': 1 });
});

test('a refusal is told once, and it is tried again', () => {
  const self = bench();
  self.configure([one]);
  self.publish(7);
  self.advance(200);
  self.answer(self.sent[0] as Sent, { rcode: 9 });
  self.advance(1000);
  assert.equal(self.sent.length, 2);
  self.answer(self.sent[1] as Sent, { rcode: 9 });
  assert.deepEqual(self.lines, [
    '[WARNING] plugin/transfer: notify for zone "cluster.local." was not accepted by "192.0.2.1:53": NOTAUTH',
  ]);
  self.answer(self.sent[1] as Sent);
  assert.deepEqual(self.results(), { '192.0.2.1:53 refused': 2, '192.0.2.1:53 acknowledged': 1 });
});

test('a newer version takes the place of one that is not answered yet', () => {
  const self = bench();
  self.configure([one]);
  self.publish(1);
  self.advance(500);
  self.publish(2);
  self.advance(200);
  assert.deepEqual(self.sent.map(serialOf), [1, 2]);
  // The late answer is about the older one.
  self.answer(self.sent[0] as Sent);
  assert.equal(self.notifier.secondaries.all()[0]?.acknowledged?.serial, 1);
  self.advance(1000);
  assert.deepEqual(self.sent.map(serialOf), [1, 2, 2]);
  self.answer(self.sent[1] as Sent);
  assert.equal(self.notifier.secondaries.all()[0]?.acknowledged?.serial, 2);
  self.answer(self.sent[0] as Sent);
  assert.equal(self.notifier.secondaries.all()[0]?.acknowledged?.serial, 2, 'an answer counts once');
  self.advance(100_000);
  assert.equal(self.sent.length, 3);
});

test('with a key it is signed, and so must be the answer', () => {
  const self = bench();
  self.configure([{ ...one, key }]);
  self.publish(7);
  self.advance(200);
  const [sent] = self.sent as [Sent];
  self.answer(sent);
  self.answer(sent, { signWith: { ...key, secret: new Uint8Array(3) } });
  assert.deepEqual(self.results(), { '192.0.2.1:53 refused': 2 });
  self.answer(sent, { signWith: key });
  assert.deepEqual(self.results(), { '192.0.2.1:53 refused': 2, '192.0.2.1:53 acknowledged': 1 });
});

test('who is new is told at once, who stays is not told again, who went is left alone', () => {
  const self = bench();
  self.configure([one]);
  self.publish(7);
  self.advance(200);
  self.answer(self.sent[0] as Sent);
  self.configure([one, two]);
  self.advance(200);
  assert.deepEqual(
    self.sent.map(({ to }) => to),
    [one, two],
  );
  self.configure([one]);
  self.advance(100_000);
  assert.equal(self.sent.length, 2);
  assert.equal(self.timers.size, 0);
  self.notifier.configure([]);
  self.publish(8);
  self.advance(100_000);
  assert.equal(self.sent.length, 2);
  assert.deepEqual(self.notifier.secondaries.all(), []);
});

test('a version that was there before its targets were known is told of', () => {
  const self = bench();
  self.publish(7);
  self.configure([one]);
  self.advance(200);
  assert.deepEqual(self.sent.map(serialOf), [7]);
  self.notifier.close();
  assert.equal(self.timers.size, 0);
});

test('clients that are not told are remembered for what they took, the last hundred', () => {
  const self = bench();
  self.configure([one]);
  const { secondaries } = self.notifier;
  const taken = (serial: number) => ({
    serial: toSerial(serial),
    kind: 'full' as const,
    records: 3,
    octets: 99,
    seconds: 1,
  });
  secondaries.transfer(ZONE, '192.0.2.1', taken(5));
  for (let i = 0; i < 150; i++) secondaries.transfer(ZONE, `198.51.100.${i}`, taken(i));
  const all = secondaries.all();
  assert.equal(all.length, 101);
  assert.deepEqual(all[0], {
    zone: ZONE,
    address: '192.0.2.1',
    port: 53,
    transferred: { serial: 5, time: UNIX },
    last: { ...taken(5), time: UNIX },
  });
  assert.equal(all.at(-1)?.address, '198.51.100.149');
  assert.equal(all[1]?.address, '198.51.100.50');
});

test('targets that come and go leave no counters behind; those that stay go on counting', () => {
  const { configure, publish, advance, notifier } = bench();
  const counted = () =>
    notifier
      .snapshot()
      .filter(({ name }) => name === 'zonelog_notify_sent_total')
      .flatMap(({ samples }) => samples.map(({ labels, value }) => `${labels[1]} ${value}`));
  for (let address = 1; address <= 3; address++) {
    configure([one, { address: `192.0.2.${100 + address}`, port: 53 }]);
    publish(address);
    advance(200);
  }
  assert.deepEqual(counted(), ['192.0.2.1:53 3', '192.0.2.103:53 1']);
});
