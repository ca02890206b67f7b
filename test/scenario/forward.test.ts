/** `forward` and servers that behave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import type { Handler } from '../../src/serve/chain.ts';
import type { Entry } from '../../src/serve/entry.ts';
import { forwardingOf, upstreamOf } from '../kit/forwarding.ts';
import { requestFor } from '../kit/handlers.ts';
import { decode, entryOf, question, REMOTE } from '../kit/serving.ts';
import { addressReply, replyTo } from '../kit/upstream.ts';

const TCP = { transport: 'tcp' } as const;

test('questions go on by the transport that they came by', async (t) => {
  const upstream = await upstreamOf(t);
  const { ask } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
  assert.equal(await ask(requestFor('www.test', RRType.A, TCP)), '0 192.0.2.7');
  assert.deepEqual(
    upstream.asked.map(({ via }) => via),
    ['udp', 'tcp'],
  );
});

test('force_tcp asks by TCP, prefer_udp by UDP and again by TCP when the reply is truncated', async (t) => {
  const upstream = await upstreamOf(t, (asked) =>
    asked.via === 'udp' ? replyTo(asked, { flags: 0x0380 }) : addressReply(asked),
  );
  const forced = forwardingOf(t, `forward . 127.0.0.1:${upstream.port} {\nforce_tcp\n}`);
  assert.equal(await forced.ask(requestFor('www.test')), '0 192.0.2.7');
  const preferred = forwardingOf(t, `forward . 127.0.0.1:${upstream.port} {\nprefer_udp\n}`);
  assert.equal(await preferred.ask(requestFor('www.test', RRType.A, TCP)), '0 192.0.2.7');
  const plain = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  assert.equal(await plain.ask(requestFor('www.test')), '0 TC', 'the client asks again itself');
  assert.deepEqual(
    upstream.asked.map(({ via }) => via),
    ['tcp', 'udp', 'tcp', 'udp'],
  );
});

test('names outside FROM and below `except` go to the next plugin, FROM itself never', async (t) => {
  const upstream = await upstreamOf(t);
  const { ask } = forwardingOf(t, `forward test 127.0.0.1:${upstream.port} {\nexcept a.test test\n}`);
  assert.equal(await ask(requestFor('www.else')), 'next');
  assert.equal(await ask(requestFor('x.a.test')), 'next');
  assert.equal(await ask(requestFor('test')), '0 192.0.2.7');
  assert.equal(upstream.asked.length, 1);
});

test('`next` and `next_on_nodata` hand the question to the next forward, not to other plugins', async (t) => {
  const first = await upstreamOf(t, (asked) =>
    replyTo(asked, { rcode: asked.query.questions?.[0]?.type === 'A' ? Rcode.NXDOMAIN : 0 }),
  );
  const second = await upstreamOf(t);
  const on = `next NXDOMAIN\nnext_on_nodata`;
  const { ask } = forwardingOf(
    t,
    `forward . 127.0.0.1:${first.port} {\n${on}\n}\nforward . 127.0.0.1:${second.port} {\n${on}\n}`,
  );
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
  assert.equal(await ask(requestFor('www.test', RRType.TXT)), '0 192.0.2.7');
  second.answer = (asked) => replyTo(asked, { rcode: Rcode.NXDOMAIN });
  assert.equal(await ask(requestFor('www.test')), '3');
});

test('`failover` asks the next server, and the last reply counts when all are of that kind', async (t) => {
  const first = await upstreamOf(t, (asked) => replyTo(asked, { rcode: Rcode.SERVFAIL }));
  const second = await upstreamOf(t);
  const { ask } = forwardingOf(
    t,
    `forward . 127.0.0.1:${first.port} 127.0.0.1:${second.port} {\npolicy sequential\nfailover SERVFAIL REFUSED\n}`,
  );
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
  second.answer = (asked) => replyTo(asked, { rcode: Rcode.REFUSED });
  assert.equal(await ask(requestFor('www.test')), '5');
  assert.deepEqual([first.asked.length, second.asked.length], [2, 2]);
});

test('a question over max_concurrent is refused and counted', async (t) => {
  const upstream = await upstreamOf(t, () => undefined);
  const { outcome, clock, count } = forwardingOf(
    t,
    `forward . 127.0.0.1:${upstream.port} {\nmax_concurrent 2\nmax_connect_attempts 1\n}`,
  );
  const waiting = [outcome(requestFor('a.test')), outcome(requestFor('b.test'))];
  const refused = await outcome(requestFor('c.test'));
  assert.ok(refused.kind === 'reply');
  assert.equal(refused.rcode, Rcode.REFUSED);
  assert.equal(refused.failure, 'concurrent queries exceeded maximum 2');
  assert.equal(count('coredns_forward_max_concurrent_rejects_total'), 1);
  await upstream.received(2);
  clock.advance(2000);
  await Promise.all(waiting);
  upstream.answer = (asked) => addressReply(asked);
  const after = await outcome(requestFor('c.test'));
  assert.equal(after.kind === 'reply' && after.rcode, Rcode.NOERROR);
});

test('equal questions at one time are sent once; each client gets the reply', async (t) => {
  const upstream = await upstreamOf(t);
  const { ask, count } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  const clients = [1, 2, 3].map((id) => ask(requestFor('www.test', RRType.A, { id })));
  const other = ask(requestFor('www.test', RRType.A, { isCheckingDisabled: true }));
  assert.deepEqual(await Promise.all(clients), ['0 192.0.2.7', '0 192.0.2.7', '0 192.0.2.7']);
  await other;
  assert.equal(upstream.asked.length, 2);
  assert.equal(count('zonelog_forward_shared_total'), 2);
});

test('ids can not be foretold, and ports change', async (t) => {
  const upstream = await upstreamOf(t);
  const { ask } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  for (let i = 0; i < 64; i++) await ask(requestFor(`n${i}.test`));
  const ids = new Set(upstream.asked.map(({ query }) => query.id));
  assert.ok(ids.size >= 62, `${ids.size} ids`);
  const uses = new Map<number, number>();
  for (const { port } of upstream.asked) uses.set(port, (uses.get(port) ?? 0) + 1);
  assert.equal(uses.size, 4);
  assert.equal(Math.max(...uses.values()), 16);
});

test('one connection carries many questions, and replies may come in any order', async (t) => {
  const held: Buffer[] = [];
  const upstream = await upstreamOf(t, (asked) => {
    const last = Number(asked.query.questions?.[0]?.name.slice(1, 2));
    held.unshift(addressReply(asked, `192.0.2.${last}`));
    return held.length === 5 ? held : undefined;
  });
  const { ask, count } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  const replies = [0, 1, 2, 3, 4].map((i) => ask(requestFor(`n${i}.test`, RRType.A, TCP)));
  assert.deepEqual(
    await Promise.all(replies),
    [0, 1, 2, 3, 4].map((i) => `0 192.0.2.${i}`),
  );
  assert.equal(upstream.connections, 1);
  assert.equal(count('coredns_proxy_conn_cache_hits_total', 'tcp'), 4);
  assert.equal(count('coredns_proxy_conn_cache_misses_total', 'tcp'), 1);
});

test('a connection that the server closes while it is idle costs no reply', async (t) => {
  const upstream = await upstreamOf(t);
  const { ask } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  for (let i = 0; i < 3; i++) {
    assert.equal(await ask(requestFor('www.test', RRType.A, TCP)), '0 192.0.2.7');
    upstream.hangUp();
  }
  assert.equal(upstream.connections, 3);
});

test('idle sockets are closed after `expire`', async (t) => {
  const upstream = await upstreamOf(t);
  const { ask, clock } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port} {\nexpire 5s\n}`);
  await ask(requestFor('www.test'));
  await ask(requestFor('www.test', RRType.A, TCP));
  clock.advance(5000);
  await ask(requestFor('www.test'));
  await ask(requestFor('www.test', RRType.A, TCP));
  assert.equal(upstream.connections, 2);
  const [first, , third] = upstream.asked;
  assert.notEqual(first?.port, third?.port);
});

test('a server that is given by name is asked at the addresses of the name, once they are known', async (t) => {
  const upstream = await upstreamOf(t);
  const findings = [Promise.reject(new Error('SERVFAIL')), Promise.resolve(['127.0.0.1'])];
  const { outcome, ask, clock, lines } = forwardingOf(t, `forward . dns.test:${upstream.port}`, {
    findAddresses: (name) => (name === 'dns.test' && findings.shift()) || Promise.resolve([]),
  });
  const before = await outcome(requestFor('www.test'));
  assert.ok(before.kind === 'reply');
  assert.deepEqual([before.rcode, before.failure], [Rcode.SERVFAIL, 'no upstream has an address yet']);
  assert.deepEqual(lines, ['[WARNING] failed to resolve "dns.test": SERVFAIL\n']);
  clock.advance(5000);
  await Promise.resolve();
  assert.equal(await ask(requestFor('www.test')), '0 192.0.2.7');
});

test('a reply that is larger than the client takes is cut for it', async (t) => {
  const upstream = await upstreamOf(t, (asked) =>
    replyTo(asked, {
      answers: Array.from({ length: 60 }, (_, i) => ({ name: 'www.test', type: 'A', ttl: 9, data: `192.0.2.${i}` })),
    }),
  );
  const { handler } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  const small = await sent(entryFor(handler), question('www.test', 'A'));
  assert.equal(small.isTruncated, true);
  assert.ok(small.answer.length < 40);
  const large = await sent(entryFor(handler), question('www.test', 'A', { edns: { udpSize: 4096 } }));
  assert.deepEqual([large.isTruncated, large.answer.length], [false, 60]);
});

test('errors of the server (EDE) and its other EDNS options reach the client, its payload size does not', async (t) => {
  const ede = Buffer.from([0, 15, 0, 2, 0, 22]);
  const upstream = await upstreamOf(t, (asked) => {
    const reply = replyTo(asked, { rcode: Rcode.SERVFAIL });
    reply.writeUInt16BE(1, 10);
    const opt = Buffer.from([0, 0, 41, 0x0f, 0xa0, 0, 0, 0, 0, 0, ede.length]);
    return Buffer.concat([reply, opt, ede]);
  });
  const { handler } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  const { opt, rcode } = await sent(entryFor(handler), question('www.test', 'A', { edns: { udpSize: 1300 } }));
  assert.equal(rcode, Rcode.SERVFAIL);
  assert.equal(opt?.udpPayloadSize, 1300);
  assert.deepEqual(
    opt?.options.map(({ code }) => Number(code)),
    [15],
  );
});

test('replies of other classes are passed on', async (t) => {
  const upstream = await upstreamOf(t, (asked) =>
    replyTo(asked, { answers: [{ name: 'version.bind', type: 'TXT', class: 'CH', ttl: 0, data: 'upstream' }] }),
  );
  const { handler } = forwardingOf(t, `forward . 127.0.0.1:${upstream.port}`);
  const { message } = await sent(entryFor(handler), question('version.bind', 'TXT', { class: 'CH' }));
  const [record] = message.answers ?? [];
  assert.ok(record && 'class' in record);
  assert.equal(record.class, 'CH');
});

function entryFor(handler: Handler): Entry {
  return entryOf({ '.': [handler] }, { allowsOtherClasses: true }).entry;
}

async function sent(entry: Entry, octets: Buffer) {
  const outgoing = await entry.answer(octets, REMOTE);
  assert.ok(Buffer.isBuffer(outgoing));
  return decode(Buffer.from(outgoing));
}
