/** `forward` and servers that lie, stay silent, or send what nobody asked for. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { type Forwarding, forwardingOf, upstreamOf } from '../kit/forwarding.ts';
import { requestFor } from '../kit/handlers.ts';
import { addressReply, replyTo, startUpstream } from '../kit/upstream.ts';

async function failureOf({ outcome }: Forwarding, transport: 'udp' | 'tcp' = 'udp'): Promise<string> {
  const reply = await outcome(requestFor('www.test', RRType.A, { transport }));
  assert.ok(reply.kind === 'reply');
  assert.equal(reply.rcode, Rcode.SERVFAIL);
  return reply.failure ?? '';
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const upstream = await startUpstream(() => undefined);
  await upstream.stop();
  return upstream.port;
}

const TCP = { transport: 'tcp' } as const;
const FAULTS = 'zonelog_forward_faulty_replies_total';

test('replies with another id are not ours: the right one is waited for', async (t) => {
  const upstream = await upstreamOf(t, (asked) => {
    const right = addressReply(asked, '192.0.2.1');
    const wrong = Array.from({ length: 50 }, (_, i) => {
      const reply = addressReply(asked, '192.0.2.66');
      reply.writeUInt16BE(((asked.query.id ?? 0) + i + 1) & 0xffff, 0);
      return reply;
    });
    return [...wrong, Buffer.alloc(3), asked.octets, right];
  });
  const { ask, count } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.1');
  assert.equal(count(FAULTS, 'stray'), 52);
});

test('a reply to another question is FORMERR', async (t) => {
  const upstream = await upstreamOf(t, ({ query }) =>
    addressReply({ query: { ...query, questions: [{ name: 'bank.test', type: 'A', class: 'IN' }] } }),
  );
  const { ask, count } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  assert.equal(await ask(requestFor('www.test')), '1');
  assert.equal(count(FAULTS, 'mismatch'), 1);
});

test('after a malformed reply the next server is asked', async (t) => {
  const broken = await upstreamOf(t, (asked) => addressReply(asked).subarray(0, 40));
  const sound = await upstreamOf(t);
  const { ask, count } = forwardingOf(
    t,
    `forward . 127.0.0.1:${broken.port} 127.0.0.1:${sound.port} {\npolicy sequential\nmax_fails 0\n}`,
  );
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
  assert.equal(await ask(requestFor('www.test', RRType.A, TCP)), '0 192.0.2.7');
  assert.equal(count(FAULTS, 'malformed'), 2);
});

test('a silent server is asked twice, then the client is told: i/o timeout', async (t) => {
  const upstream = await upstreamOf(t, () => undefined);
  for (const transport of ['udp', 'tcp'] as const) {
    const made = forwardingOf(t, `forward . 127.0.0.1:${upstream.port} {\nmax_fails 0\n}`);
    const before = upstream.asked.length;
    const failure = failureOf(made, transport);
    await upstream.received(before + 1);
    made.clock.advance(2000);
    await upstream.received(before + 2);
    made.clock.advance(2000);
    assert.match(
      await failure,
      new RegExp(`^read ${transport} 127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${upstream.port}: i/o timeout$`),
    );
  }
});

test('read_timeout is for one attempt, and five seconds are for all of them', async (t) => {
  const upstream = await upstreamOf(t, () => undefined);
  const made = forwardingOf(
    t,
    `forward . 127.0.0.1:${upstream.port} {\nmax_fails 0\nmax_connect_attempts 0\nread_timeout 3s\n}`,
  );
  const failure = failureOf(made);
  await upstream.received(1);
  made.clock.advance(3000);
  await upstream.received(2);
  made.clock.advance(1999);
  await turn();
  made.clock.advance(1);
  assert.match(await failure, /i\/o timeout$/);
  assert.equal(upstream.asked.length, 2);
});

test('a late reply finds nobody: the port is closed', async (t) => {
  const upstream = await upstreamOf(t, () => undefined);
  const { ask, clock } = forwardingOf(
    t,
    `forward . 127.0.0.1:${upstream.port} {\nmax_fails 0\nmax_connect_attempts 1\n}`,
  );
  const first = ask(requestFor('www.test'));
  await upstream.received(1);
  clock.advance(2000);
  assert.equal(await first, '2');
  upstream.answer = (asked) => addressReply(asked);
  await ask(requestFor('www.test'));
  const [late, fresh] = upstream.asked;
  assert.notEqual(late?.port, fresh?.port);
});

test('where nobody listens the next server is asked at once', async (t) => {
  const upstream = await upstreamOf(t);
  const closed = await closedPort();
  const both = `forward . 127.0.0.1:${closed} 127.0.0.1:${upstream.port} {\npolicy sequential\nmax_fails 0\n}`;
  const { ask } = forwardingOf(t, both);
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
  assert.equal(await ask(requestFor('www.test', RRType.A, TCP)), '0 192.0.2.7');
  const alone = forwardingOf(t, `forward . 127.0.0.1:${closed} {\nmax_fails 0\n}`);
  assert.match(await failureOf(alone), /^read udp .*: connection refused$/);
  assert.equal(await failureOf(alone, 'tcp'), `dial tcp 127.0.0.1:${closed}: connect: connection refused`);
});

test('max_connect_attempts 0 does not mean without end', async (t) => {
  const closed = await closedPort();
  const made = forwardingOf(t, `forward . 127.0.0.1:${closed} {\nmax_fails 0\nmax_connect_attempts 0\n}`);
  assert.match(await failureOf(made), /connection refused$/);
  assert.ok(made.count('coredns_proxy_conn_cache_misses_total') <= 100);
});

test('a server that fails is probed; down, it is passed over until a probe is answered', async (t) => {
  const sound = await upstreamOf(t);
  const sick = await upstreamOf(t, () => undefined);
  const { ask, clock, count } = forwardingOf(
    t,
    `forward . 127.0.0.1:${sick.port} 127.0.0.1:${sound.port} {\npolicy sequential\nmax_fails 1\n}`,
  );
  const first = ask(requestFor('www.test'));
  await sick.received(1);
  clock.advance(2000);
  assert.equal(await first, '0 192.0.2.7');
  for (let probe = 0; probe < 2; probe++) {
    await sick.received(2 + probe);
    const { query } = sick.asked.at(-1) ?? {};
    assert.deepEqual(query?.questions, [{ name: '.', type: 'NS', class: 'IN' }]);
    clock.advance(1000);
    await turn();
    clock.advance(500);
  }
  await sick.received(4);
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
  assert.equal(sick.asked.length, 4, 'not asked: it is down');
  assert.equal(count('coredns_proxy_healthcheck_failures_total', `127.0.0.1:${sick.port}`), 2);
  sick.answer = (asked) => replyTo(asked, { rcode: Rcode.REFUSED });
  clock.advance(1000);
  await turn();
  clock.advance(500);
  await sick.received(5);
  // Until the reply to the probe has been read, the server counts as down.
  let reply = '';
  for (let i = 0; i < 1000 && reply !== '5'; i++) reply = await ask(requestFor('www.test'));
  assert.equal(reply, '5', 'any reply to a probe is a sign of life');
});

test('all servers down: any of them is asked all the same, or none with failfast_all_unhealthy_upstreams', async (t) => {
  const upstream = await upstreamOf(t, () => undefined);
  for (const failfast of [false, true]) {
    const extra = failfast ? 'failfast_all_unhealthy_upstreams\n' : '';
    const made = forwardingOf(
      t,
      `forward . 127.0.0.1:${upstream.port} {\nmax_fails 1\nmax_connect_attempts 1\n${extra}}`,
    );
    const { ask, clock, count } = made;
    const before = upstream.asked.length;
    const first = ask(requestFor('www.test'));
    await upstream.received(before + 1);
    clock.advance(2000);
    await first;
    for (let probe = 0; probe < 2; probe++) {
      await upstream.received(before + 2 + probe);
      clock.advance(1000);
      await turn();
      clock.advance(500);
    }
    await upstream.received(before + 4);
    upstream.answer = (asked) => (asked.query.questions?.[0]?.type === 'NS' ? undefined : addressReply(asked));
    if (failfast) assert.equal(await failureOf(made), 'no healthy proxies');
    else assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
    assert.equal(count('coredns_forward_healthcheck_broken_total'), 1);
    upstream.answer = () => undefined;
  }
});

test('a TCP server that never stops sending is cut off after a few messages', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  let taken = 0;
  const flood = (client: Socket) => {
    const message = Buffer.concat([Buffer.from([0, 12]), Buffer.from('00008180000000000000000f', 'hex')]);
    const go = (): void => {
      while (!client.destroyed && client.write(message)) taken += 1;
    };
    client.on('error', () => {});
    client.on('drain', go);
    client.once('data', go);
  };
  server.on('connection', flood);
  const made = forwardingOf(t, `forward . 127.0.0.1:${port} {\nmax_fails 0\nmax_connect_attempts 1\n}`, {
    random: () => 0.9,
  });
  assert.match(await failureOf(made, 'tcp'), /: (EOF|connection reset by peer)$/);
  assert.equal(made.count(FAULTS, 'stray'), 17);
  assert.ok(taken > 0);
});

test('a TCP server that sends octet by octet is understood, one that stops in between times out', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  let isWhole = true;
  let onHalf: () => void = () => {};
  server.on('connection', (client) => {
    t.after(() => client.destroy());
    client.on('error', () => {});
    client.on('data', async (chunk: Buffer) => {
      const reply = Buffer.from(chunk);
      reply[4] = 0x81;
      for (const octet of isWhole ? reply : reply.subarray(0, 9)) {
        client.write(Buffer.of(octet));
        await turn();
      }
      onHalf();
    });
  });
  const made = forwardingOf(t, `forward . 127.0.0.1:${port} {\nmax_fails 0\nmax_connect_attempts 1\n}`);
  assert.equal(await made.ask(requestFor('www.test', RRType.A, TCP)), '0');
  isWhole = false;
  const half = new Promise<void>((resolve) => {
    onHalf = resolve;
  });
  const failure = failureOf(made, 'tcp');
  await half;
  made.clock.advance(2000);
  assert.match(await failure, /i\/o timeout$/);
});

test('a datagram of the largest size is read and passed on by TCP, cut for UDP', async (t) => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  socket.on('message', (octets, { port }) => {
    // 4,000 addresses, each owned by a pointer to the question.
    const record = Buffer.from('c00c000100010000003c0004c0000201', 'hex');
    const reply = Buffer.concat([octets, ...Array.from({ length: 4000 }, () => record)]);
    reply[2] = 0x81;
    reply.writeUInt16BE(4000, 6);
    socket.send(reply, port, '127.0.0.1');
  });
  const made = forwardingOf(t, `forward . 127.0.0.1:${socket.address().port} {\nprefer_udp\n}`);
  const reply = await made.outcome(requestFor('www.test'));
  assert.equal(reply.kind === 'reply' && reply.answer.length, 4000);
});

test('close lets questions in work be answered, and ends the probes', async (t) => {
  const upstream = await upstreamOf(t, () => undefined);
  const { ask, clock, handler } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  const waiting = ask(requestFor('www.test'));
  await upstream.received(1);
  handler.close?.();
  upstream.answer = (asked) => addressReply(asked);
  clock.advance(2000);
  assert.equal(await waiting, '0 192.0.2.7', 'the second attempt');
  await turn();
  assert.equal(upstream.asked.length, 2, 'no probe');
});

test('a failure is told as an extended error, without our own address', async (t) => {
  const port = await closedPort();
  const refused = forwardingOf(t, `forward . 127.0.0.1:${port}`);
  const outcome = await refused.outcome(requestFor('www.test'));
  assert.ok(outcome.kind === 'reply');
  assert.deepEqual(outcome.ede, { code: 23, text: `127.0.0.1:${port}: connection refused` });
  const nowhere = forwardingOf(t, 'forward . dns.test');
  const unknown = await nowhere.outcome(requestFor('www.test'));
  assert.ok(unknown.kind === 'reply');
  assert.deepEqual(unknown.ede, { code: 22, text: 'no upstream has an address yet' });
});
