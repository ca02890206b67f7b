import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { OperatorError } from '../../src/errors.ts';
import { createLogger } from '../../src/logger.ts';
import { type ExchangeTools, Waiting } from '../../src/serve/upstream/exchange.ts';
import { Health } from '../../src/serve/upstream/health.ts';
import { openForward } from '../../src/serve/upstream/open-forward.ts';
import { createPolicy } from '../../src/serve/upstream/policy.ts';
import { encodeProbe, encodeQuery } from '../../src/serve/upstream/query-message.ts';
import { readNameservers } from '../../src/serve/upstream/resolv-conf.ts';
import { labelOf, listTargets } from '../../src/serve/upstream/targets.ts';
import { optionsOf } from '../kit/corefile.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { requestFor } from '../kit/handlers.ts';
import { loopbackBlock, nameOf } from '../kit/serving.ts';

const SERVERS = ['a', 'b', 'c'];

test('sequential begins with the first server, round_robin with the next one, random with any', () => {
  const sequential = createPolicy('sequential', () => 0.9);
  assert.deepEqual([sequential(SERVERS), sequential(SERVERS)], [SERVERS, SERVERS]);
  const turns = createPolicy('round_robin', () => 0.9);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => turns(SERVERS).join('')),
    ['bac', 'cab', 'abc', 'bac'],
  );
  const numbers = [0, 0, 0.99, 0.99];
  const random = createPolicy('random', () => numbers.shift() ?? 0);
  assert.deepEqual(random(SERVERS).toSorted(), SERVERS);
  assert.notDeepEqual(random(SERVERS), createPolicy('random', () => 0)(SERVERS));
});

test('nameservers of resolv.conf: comments, options, scopes and nonsense are left out', () => {
  const text = [
    '# nameserver 192.0.2.9',
    'search example.test',
    'nameserver 192.0.2.1',
    '  nameserver\t2001:db8::1  # second',
    'nameserver fe80::1%eth0',
    'nameserver dns.test',
    'nameserver',
    'options ndots:5',
  ].join('\n');
  assert.deepEqual(readNameservers(text), ['192.0.2.1', '2001:db8::1']);
});

function targetsOf(line: string, files: Readonly<Record<string, string>> = {}) {
  const [stanza] = optionsOf(line).forward ?? [];
  assert.ok(stanza);
  return listTargets(stanza, (name) => {
    const text = files[name];
    if (text === undefined) throw new Error(`no file ${name}`);
    return text;
  });
}

test('servers are addresses, TLS, HTTPS, files and names; each is asked under one label only', () => {
  const targets = targetsOf(
    'forward . 192.0.2.1 192.0.2.1:53 tls://192.0.2.2%dns.test:8853 https://dns.test/q /etc/x',
    {
      '/etc/x': 'nameserver 192.0.2.1\nnameserver 2001:db8::3',
    },
  );
  assert.deepEqual(
    targets.map((target) => (target.kind === 'name' ? target.name : `${target.kind} ${labelOf(target)}`)),
    ['dns 192.0.2.1:53', 'tls 192.0.2.2:8853', 'https dns.test:443', 'dns [2001:db8::3]:53'],
  );
  const [named] = targetsOf('forward . dns.test:5353');
  assert.deepEqual(named, { kind: 'name', transport: 'dns', name: 'dns.test', port: 5353, serverName: undefined });
});

test('files without servers, missing files and two TLS names for one server are errors of the operator', () => {
  assert.throws(() => targetsOf('forward . /etc/none'), OperatorError);
  assert.throws(() => targetsOf('forward . /etc/x', { '/etc/x': 'search test' }), /no nameservers found in \/etc\/x/);
  const both = 'forward . tls://192.0.2.2%dns.test {\ntls_servername other.test\n}';
  assert.throws(() => targetsOf(both), /both forward \('other.test'\) and proxy level \('dns.test'\)/);
});

test('unreadable TLS files are refused when the block is built', () => {
  const options = optionsOf('forward . tls://192.0.2.2 {\ntls /nonexistent/ca.pem\n}');
  const tools = { logger: createLogger(() => {}), now: () => 0, random: () => 0.5 };
  assert.throws(() => openForward(loopbackBlock(['forward'], { options }), tools), OperatorError);
});

test('the question goes on with its flags and EDNS, but without the keepalive of the client’s connection', () => {
  const subnet = { code: 8, data: Uint8Array.of(0, 1, 24, 0, 192, 0, 2) };
  const edns = {
    version: 0,
    udpSize: 1400,
    isDnssecOk: true,
    options: [{ code: 11, data: new Uint8Array(0) }, subnet],
  };
  const parts = { id: 4711, isCheckingDisabled: true, isAuthenticData: true, edns };
  const message = readMessage(encodeQuery(new MessageEncoder(), requestFor('WwW.test', 28, parts)));
  assert.ok(message);
  assert.deepEqual(message.questions, [{ name: 'www.test.', spelling: 'WwW.test.', type: 28, class: 1 }]);
  assert.deepEqual(
    [message.id, message.isResponse, message.isRecursionDesired, message.isCheckingDisabled, message.isAuthenticData],
    [0, false, true, true, true],
  );
  assert.deepEqual(message.edns, { ...edns, options: [subnet] });
  const probe = readMessage(encodeProbe(new MessageEncoder(), nameOf('.'), false));
  assert.deepEqual(probe?.questions[0], { name: '.', spelling: '.', type: 2, class: 1 });
  assert.equal(probe?.isRecursionDesired, false);
});

test('a server is down after more failed probes than max_fails, and up with the first one answered', async () => {
  const clock = new FakeClock();
  let isUp = false;
  let probes = 0;
  let failures = 0;
  const health = new Health({
    probe: async () => {
      probes += 1;
      return isUp;
    },
    intervalMs: 500,
    maxFails: 2,
    timer: clock.timer,
    onFailure: () => {
      failures += 1;
    },
  });
  health.check();
  health.check();
  await turn();
  assert.equal(probes, 1, 'one series of probes');
  for (const isDown of [false, true]) {
    clock.advance(500);
    await turn();
    assert.equal(health.isDown, isDown);
  }
  isUp = true;
  clock.advance(500);
  await turn();
  assert.equal(health.isDown, false);
  assert.deepEqual([probes, failures, clock.pending], [4, 3, 0]);
});

test('max_fails 0: never probed, never down; and a closed one is left alone', async () => {
  const clock = new FakeClock();
  let probes = 0;
  const options = {
    probe: async () => {
      probes += 1;
      return false;
    },
    intervalMs: 500,
    timer: clock.timer,
    onFailure: () => {},
  };
  const never = new Health({ ...options, maxFails: 0 });
  never.check();
  await turn();
  assert.deepEqual([probes, never.isDown], [0, false]);
  const closed = new Health({ ...options, maxFails: 1 });
  closed.check();
  await turn();
  closed.close();
  clock.advance(10_000);
  await turn();
  assert.equal(probes, 1);
});

test('replies find their question by id; others, questions and short packets are strays', async () => {
  const clock = new FakeClock();
  let strays = 0;
  const ids = [0.5, 0.5, 0.25];
  const tools: ExchangeTools = {
    random: () => ids.shift() ?? 0,
    now: clock.now,
    timer: clock.timer,
    counts: {
      countSocket() {},
      countStray() {
        strays += 1;
      },
    },
  };
  const waiting = new Waiting(tools, () => 'i/o timeout');
  const query = encodeProbe(new MessageEncoder(), nameOf('.'), true);
  const first = waiting.add(query, 2000, () => {});
  const second = waiting.add(query, 2000, () => {});
  assert.deepEqual([first.message.readUInt16BE(0), second.message.readUInt16BE(0)], [0x8000, 0x4000]);
  assert.equal(query.readUInt16BE(0), 0);
  const reply = Buffer.from(second.message);
  assert.equal(waiting.take(reply), false, 'a question');
  reply[2] = 0x80;
  assert.equal(waiting.take(reply.subarray(0, 11)), false, 'shorter than a header');
  const other = Buffer.from(reply);
  other.writeUInt16BE(1, 0);
  assert.equal(waiting.take(other), false, 'nobody’s id');
  assert.equal(strays, 3);
  assert.equal(waiting.take(reply), true);
  assert.deepEqual(await second.reply, { ok: true, value: reply });
  assert.equal(waiting.take(reply), false, 'late');
  clock.advance(2000);
  assert.deepEqual(await first.reply, { ok: false, error: 'i/o timeout' });
  assert.deepEqual([waiting.size, clock.pending], [0, 0]);
});
