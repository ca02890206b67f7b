import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import type { HandlerFactory, ServingBlock } from '../../src/serve/blocks.ts';
import { emptyReply, type Handler, type ReplyStream } from '../../src/serve/chain.ts';
import type { Serving } from '../../src/serve/serving.ts';
import type { TcpLimits } from '../../src/serve/tcp.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { decode, loopbackBlock, nameOf, question, type ServingKit, servingOf, ToyZone } from '../kit/serving.ts';
import { TcpMessages } from '../kit/tcp-messages.ts';
import { eventually } from '../kit/wait.ts';

const SECONDS = 10_000;
const running: Serving[] = [];
const open: { destroy(): void }[] = [];

afterEach(async () => {
  for (const client of open.splice(0)) client.destroy();
  for (const serving of running.splice(0)) await serving.stop(100);
});

interface Started extends ServingKit {
  readonly port: number;
  readonly client: DnsClient;
}

async function start(
  factories: Readonly<Record<string, HandlerFactory>>,
  plugins: readonly string[],
  tcpLimits: Partial<TcpLimits> = {},
  block: Partial<ServingBlock> = {},
): Promise<Started> {
  const kit = servingOf(factories, { tcpLimits });
  running.push(kit.serving);
  const started = await kit.serving.configure([loopbackBlock(plugins, block)]);
  assert.deepEqual(started, { ok: true, value: { lines: ['.:0 on 127.0.0.1'] } });
  const port = kit.serving.listening()[0]?.port as number;
  return { ...kit, port, client: new DnsClient(port) };
}

function value(serving: Serving, name: string): number {
  const family = serving.snapshot().find((f) => f.name === name);
  return (family?.samples ?? []).reduce((sum, { value: v }) => sum + (typeof v === 'number' ? v : 0), 0);
}

async function connectRaw(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  open.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function openTcp(port: number): Promise<TcpMessages> {
  const tcp = await TcpMessages.open(port, SECONDS);
  assert.ok(tcp);
  open.push({ destroy: () => tcp.close() });
  return tcp;
}

/** Answers when it is told to. */
function gate(): { readonly factory: HandlerFactory; waiting(): number; release(count?: number): void } {
  const waiting: (() => void)[] = [];
  const handler: Handler = {
    name: 'gate',
    handle: (request, next) =>
      request.question.name.startsWith('slow')
        ? new Promise<void>((resolve) => waiting.push(resolve)).then(() => emptyReply(0))
        : next(request),
  };
  return {
    factory: () => handler,
    waiting: () => waiting.length,
    release(count = waiting.length) {
      for (const free of waiting.splice(0, count)) free();
    },
  };
}

/** A transfer of so many messages of 20,000 octets. */
function streaming(count: number): { readonly factory: HandlerFactory; pulled: number; ends: string[] } {
  const state = { pulled: 0, ends: [] as string[] };
  function* messages(id: number): Generator<Uint8Array> {
    for (let i = 0; i < count; i++) {
      const message = Buffer.alloc(20_000, i & 255);
      message.writeUInt16BE(id, 0);
      message.writeUInt32BE(i, 12);
      state.pulled += 1;
      yield message;
    }
  }
  const handler: Handler = {
    name: 'gate',
    handle(request, next): ReturnType<Handler['handle']> {
      if (request.question.type !== 252 || request.transport === 'udp') return next(request);
      const stream: ReplyStream = {
        kind: 'stream',
        messages: messages(request.id),
        onEnd: (outcome) => state.ends.push(outcome),
      };
      return stream;
    },
  };
  return Object.assign(state, { factory: () => handler });
}

// `gate` has no place in the plugin order: it comes before all others.
const GATE = ['whoami', 'gate'];

test('questions by UDP and TCP are answered', async () => {
  const { client, serving } = await start({}, ['errors', 'whoami']);
  for (const tcp of [false, true]) {
    const { rcode, message } = await client.ask('Who.Am.I', 'A', { tcp });
    assert.equal(rcode, 'NOERROR');
    assert.equal(message.additional.length, 2);
  }
  assert.equal(value(serving, 'coredns_dns_requests_total'), 2);
  await client.send(Buffer.from('000128000000000000000000', 'hex'));
  assert.equal(value(serving, 'zonelog_dns_rejected_messages_total'), 1);
  const enabled = serving.snapshot().find(({ name }) => name === 'coredns_plugin_enabled');
  assert.deepEqual(
    enabled?.samples.map(({ labels }) => labels),
    ['errors', 'whoami'].map((plugin) => ['dns://127.0.0.1:0', '.', '', plugin]),
  );
});

test('answers from the cache over real sockets follow changes at once', async () => {
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  const { client, serving } = await start({ kubernetes: () => zone.handler() }, ['kubernetes']);
  for (let i = 0; i < 3; i++) assert.equal(await client.data('web.toy.test', 'A'), '10.0.0.1');
  assert.equal(zone.asked, 1);
  await client.ask('no.toy.test', 'A');
  const touched = zone.set('web', '10.0.0.2');
  serving.setSerial(zone.id, zone.serial);
  serving.invalidate(zone.id, [touched]);
  assert.equal(await client.data('web.toy.test', 'A'), '10.0.0.2');
  const asked = zone.asked;
  const denied = await client.ask('no.toy.test', 'A');
  assert.equal(zone.asked, asked, 'a denial outlives a change elsewhere');
  const soa = denied.message.authority[0]?.rdata;
  assert.equal(soa?.type === 'SOA' && soa.serial, zone.serial, 'with the new serial');
  assert.equal(value(serving, 'coredns_dns_requests_total'), 6);
  assert.equal(value(serving, 'zonelog_answer_cache_entries'), 2);
});

test('the query log sees answers from the cache', async () => {
  const zone = new ToyZone();
  zone.set('web', '10.0.0.1');
  const log = [{ zone: nameOf('.'), format: '{name} {rcode}', classes: new Set(['all'] as const) }];
  const { client, lines } = await start(
    { kubernetes: () => zone.handler() },
    ['log', 'kubernetes'],
    {},
    { options: { log } },
  );
  for (let i = 0; i < 3; i++) await client.ask('web.toy.test', 'A');
  assert.equal(zone.asked, 1);
  assert.deepEqual(
    lines,
    Array.from({ length: 3 }, () => '[INFO] web.toy.test. NOERROR\n'),
  );
});

test('many questions at once on one connection, replies as they are ready', async () => {
  const held = gate();
  const { port } = await start({ gate: held.factory }, GATE);
  const tcp = await openTcp(port);
  const ids = Array.from({ length: 300 }, (_, i) => i);
  tcp.send(question('slow.test', 'A', { id: 999 }), ...ids.map((id) => question(`q${id}.test`, 'A', { id })));
  for (const id of ids) assert.equal((await tcp.next(SECONDS))?.readUInt16BE(0), id);
  held.release();
  assert.equal((await tcp.next(SECONDS))?.readUInt16BE(0), 999);
});

test('a connection has so many questions in work; the next one is not read before one is answered', async () => {
  const held = gate();
  const { port } = await start({ gate: held.factory }, GATE, { maxInFlight: 3 });
  const tcp = await openTcp(port);
  tcp.send(...[1, 2, 3, 4, 5].map((id) => question('slow.test', 'A', { id })));
  await eventually(
    () => held.waiting(),
    (n) => n === 3,
    'three questions in work',
  );
  const other = await openTcp(port);
  other.send(question('q', 'A'));
  await other.next(SECONDS);
  assert.equal(held.waiting(), 3);
  held.release(1);
  await tcp.next(SECONDS);
  await eventually(
    () => held.waiting(),
    (n) => n === 3,
    'the fourth question',
  );
  held.release();
  await eventually(
    () => held.waiting(),
    (n) => n === 1,
    'the fifth question',
  );
  held.release();
});

test('a client that has sent its last still gets its replies', async () => {
  const held = gate();
  const { port } = await start({ gate: held.factory }, GATE);
  const socket = await connectRaw(port);
  const query = question('slow.test', 'A');
  socket.end(Buffer.concat([Buffer.from([0, query.length]), query]));
  await eventually(
    () => held.waiting(),
    (n) => n === 1,
    'the question',
  );
  held.release();
  const [reply] = await once(socket, 'data');
  assert.equal(decode(reply.subarray(2)).rcode, 0);
  await once(socket, 'end');
});

test('a connection takes so many questions as it is allowed, answers them, and closes', async () => {
  const { port } = await start(
    {},
    ['whoami'],
    {},
    { options: { timeouts: { readMs: undefined, writeMs: undefined, idleMs: undefined, maxTcpQueries: 2 } } },
  );
  const tcp = await openTcp(port);
  tcp.send(...[1, 2, 3].map((id) => question('a', 'A', { id })));
  const ids = [await tcp.next(SECONDS), await tcp.next(SECONDS), await tcp.next(SECONDS)].map((m) =>
    m?.readUInt16BE(0),
  );
  assert.deepEqual(ids, [1, 2, undefined]);
});

test('a transfer is made as the client reads it, and is whole', async () => {
  const transfer = streaming(500);
  const { port } = await start({ gate: transfer.factory }, GATE);
  const socket = await connectRaw(port);
  socket.pause();
  const query = question('zone.test', 'AXFR', { id: 5 });
  socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
  // 10 MB do not fit into the buffers of two sockets: it comes to a stop.
  let last = -1;
  await eventually(
    () => {
      const isStill = transfer.pulled > 0 && transfer.pulled === last;
      last = transfer.pulled;
      return isStill;
    },
    (isStill) => isStill,
    'the transfer to wait for its client',
  );
  assert.ok(transfer.pulled < 500, `${transfer.pulled} messages made for a client that reads none`);
  let octets = 0;
  let next = 0;
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= 20_002; rest = rest.subarray(20_002)) {
      assert.equal(rest.readUInt16BE(0), 20_000);
      assert.equal(rest.readUInt32BE(14), next);
      next += 1;
    }
  });
  socket.resume();
  await eventually(
    () => octets,
    (n) => n === 500 * 20_002,
    'all of the transfer',
  );
  assert.equal(next, 500);
  await eventually(
    () => transfer.ends,
    (ends) => ends.length === 1,
    'the end of the transfer',
  );
  assert.deepEqual(transfer.ends, ['sent']);
});

test('while transfers run, UDP questions are answered between their messages', async () => {
  const transfer = streaming(100_000);
  const { port, client } = await start({ gate: transfer.factory }, GATE);
  const readers = await Promise.all([1, 2, 3, 4].map(() => connectRaw(port)));
  const query = question('zone.test', 'AXFR');
  for (const socket of readers) {
    socket.resume();
    socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
  }
  await eventually(
    () => transfer.pulled,
    (n) => n > 50,
    'the transfers to run',
  );
  for (let i = 0; i < 20; i++) {
    const before = transfer.pulled;
    assert.equal((await client.ask('q.test', 'A')).rcode, 'NOERROR');
    assert.ok(transfer.pulled < 400_000 && transfer.pulled >= before);
  }
  for (const socket of readers) socket.destroy();
  await eventually(
    () => transfer.ends,
    (ends) => ends.length === 4,
    'the transfers to end',
  );
  assert.deepEqual(transfer.ends, ['broken', 'broken', 'broken', 'broken']);
});

test('other questions on the connection of a transfer are answered between its messages', async () => {
  const transfer = streaming(200);
  const { port } = await start({ gate: transfer.factory }, GATE);
  const tcp = await openTcp(port);
  tcp.send(
    question('zone.test', 'AXFR', { id: 1 }),
    question('q', 'A', { id: 2 }),
    question('zone.test', 'AXFR', { id: 3 }),
  );
  const ids: (number | undefined)[] = [];
  for (let i = 0; i < 401; i++) ids.push((await tcp.next(SECONDS))?.readUInt16BE(0));
  assert.ok(ids.indexOf(2) < 200, `the question came as number ${ids.indexOf(2)}`);
  assert.deepEqual([ids.filter((id) => id === 1).length, ids.filter((id) => id === 3).length], [200, 200]);
  await eventually(
    () => transfer.ends,
    (ends) => ends.length === 2,
    'the end of the transfers',
  );
  assert.deepEqual(transfer.ends, ['sent', 'sent']);
});

test('a client that does not read is cut off', async () => {
  const transfer = streaming(100_000);
  const { port, serving } = await start({ gate: transfer.factory }, GATE, { writeMs: 300 });
  const socket = await connectRaw(port);
  socket.pause();
  const query = question('zone.test', 'AXFR');
  socket.write(Buffer.concat([Buffer.from([0, query.length]), query]));
  await eventually(
    () => transfer.ends,
    (ends) => ends.length === 1,
    'the transfer to be broken off',
  );
  assert.deepEqual(transfer.ends, ['broken']);
  await eventually(
    () => value(serving, 'zonelog_tcp_connections'),
    (n) => n === 0,
    'the connection to be closed',
  );
});

test('a generator that throws costs its connection, and nothing else', async () => {
  const handler: Handler = {
    name: 'gate',
    handle: (request, next) =>
      request.question.type === 252
        ? {
            kind: 'stream',
            messages: {
              next() {
                throw new Error('the zone is broken');
              },
            },
          }
        : next(request),
  };
  const { port, client, lines } = await start({ gate: () => handler }, GATE);
  const tcp = await openTcp(port);
  tcp.send(question('zone.test', 'AXFR'));
  assert.equal(await tcp.next(SECONDS), undefined);
  assert.equal((await client.ask('q', 'A')).rcode, 'NOERROR');
  assert.ok(
    lines.some((line) => line.includes('the zone is broken')),
    lines.join(''),
  );
});

test('clients that send nothing, half a message, or none at all lose their connection', async () => {
  const { port } = await start({}, ['whoami'], { idleMs: 300, readMs: 300 });
  const sent = [[], [0, 40, 1, 2, 3], [0], [0, 0]];
  await Promise.all(
    sent.map(async (octets) => {
      const socket = await connectRaw(port);
      // However it ends: a reset closes it without an end.
      const ended = new Promise<void>((resolve) => {
        for (const event of ['end', 'close']) socket.once(event, () => resolve());
      });
      socket.resume();
      if (octets.length > 0) socket.write(Buffer.from(octets));
      await ended;
    }),
  );
});

test('connections are bounded, in all and for each client', async () => {
  const { port, serving } = await start({}, ['whoami'], { maxConnections: 30, maxPerClient: 20 });
  const sockets = await Promise.all(Array.from({ length: 25 }, () => connectRaw(port)));
  await eventually(
    () => value(serving, 'zonelog_tcp_connections_refused_total'),
    (n) => n === 5,
    'five refused',
  );
  assert.equal(value(serving, 'zonelog_tcp_connections'), 20);
  for (const socket of sockets) socket.destroy();
  await eventually(
    () => value(serving, 'zonelog_tcp_connections'),
    (n) => n === 0,
    'all gone',
  );
  assert.ok((await (await openTcp(port)).next(1)) === undefined);
});

test('a thousand idle connections do not keep others from being answered', async () => {
  const { port, client, serving } = await start({}, ['whoami'], { maxPerClient: 900 });
  await Promise.all(Array.from({ length: 1000 }, () => connectRaw(port)));
  await eventually(
    () => value(serving, 'zonelog_tcp_connections_refused_total'),
    (n) => n === 100,
    'the bound',
  );
  assert.equal((await client.ask('q', 'A')).rcode, 'NOERROR');
  assert.equal(value(serving, 'zonelog_tcp_connections'), 900);
});

test('whatever octets are sent on connections, the server answers others and frees what it held', async () => {
  const { port, client, serving, lines } = await start({}, ['whoami'], { idleMs: 400, readMs: 400 });
  let state = 99;
  const octets = (length: number) => {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) {
      state = (state * 48_271) % 2_147_483_647;
      bytes[i] = state & 255;
    }
    return bytes;
  };
  const sockets = await Promise.all(Array.from({ length: 100 }, () => connectRaw(port)));
  for (const [i, socket] of sockets.entries()) {
    socket.resume();
    const query = question('a.test', 'A');
    const framed = Buffer.concat([Buffer.from([0, query.length]), query]);
    if (i % 4 === 0) socket.write(octets(1 + i * 20));
    else if (i % 4 === 1) socket.write(Buffer.concat([framed, octets(i)]));
    else if (i % 4 === 2) for (const octet of framed) socket.write(Buffer.from([octet]));
    else socket.end(Buffer.concat([framed, framed.subarray(0, 1 + (i % 30))]));
  }
  assert.equal((await client.ask('q', 'A', { tcp: true })).rcode, 'NOERROR');
  await eventually(
    () => value(serving, 'zonelog_tcp_connections'),
    (n) => n === 0,
    'all connections to be closed',
  );
  assert.deepEqual(lines, []);
  assert.equal(value(serving, 'coredns_panics_total'), 0);
});

test('stopping lets what is in work be finished, and takes nothing new', async () => {
  const held = gate();
  const { port, serving } = await start({ gate: held.factory }, GATE);
  const tcp = await openTcp(port);
  tcp.send(question('slow', 'A', { id: 1 }));
  const udp = createSocket('udp4');
  udp.send(question('slow', 'A', { id: 2 }), port, '127.0.0.1');
  await eventually(
    () => held.waiting(),
    (n) => n === 2,
    'both questions',
  );
  const stopped = serving.stop(SECONDS);
  tcp.send(question('late', 'A', { id: 3 }));
  const late = connect({ port, host: '127.0.0.1' });
  const [error] = await once(late, 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  const reply = once(udp, 'message');
  held.release();
  assert.equal((await reply)[0].readUInt16BE(0), 2);
  assert.equal((await tcp.next(SECONDS))?.readUInt16BE(0), 1);
  assert.equal(await tcp.next(SECONDS), undefined);
  await stopped;
  udp.close();
});

test('stopping does not wait for ever', async () => {
  const held = gate();
  const { port, serving } = await start({ gate: held.factory }, GATE);
  const tcp = await openTcp(port);
  tcp.send(question('slow', 'A'));
  await eventually(
    () => held.waiting(),
    (n) => n === 1,
    'the question',
  );
  await serving.stop(50);
  assert.equal(await tcp.next(SECONDS), undefined);
});

test('a port that is taken: one line that says so, and nothing stays open', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address && typeof address === 'object');
  const { serving } = servingOf({});
  const block = loopbackBlock(['whoami'], { keys: [{ transport: 'dns', zone: nameOf('.'), port: address.port }] });
  assert.deepEqual(await serving.configure([block]), {
    ok: false,
    error: `listen tcp 127.0.0.1:${address.port}: bind: address already in use`,
  });
  assert.deepEqual(serving.listening(), []);
  const udp = createSocket('udp4').bind(address.port, '127.0.0.1');
  await once(udp, 'listening');
  udp.close();
  taken.close();
});

test('blocks of one port, one bound and one not, are served beside each other, and over reloads that add and remove one', async () => {
  const [port = 0] = await freePorts(1);
  const blockOf = (name: string, addresses: readonly string[]) => {
    const zone = nameOf(name);
    return loopbackBlock(['whoami'], { keys: [{ transport: 'dns', zone, port }], zones: [zone], addresses });
  };
  const everywhere = blockOf('a.test', []);
  const bound = blockOf('b.test', ['127.0.0.1']);
  const { serving } = servingOf({});
  running.push(serving);
  const client = new DnsClient(port);
  const rcodes = async () => [(await client.ask('a.test', 'A')).rcode, (await client.ask('b.test', 'A')).rcode];
  for (const [blocks, expected] of [
    [[everywhere], ['NOERROR', 'REFUSED']],
    [
      [everywhere, bound],
      ['REFUSED', 'NOERROR'],
    ],
    [[everywhere], ['NOERROR', 'REFUSED']],
    [
      [bound, everywhere],
      ['REFUSED', 'NOERROR'],
    ],
    [[bound], ['REFUSED', 'NOERROR']],
  ] as const) {
    const configured = await serving.configure(blocks);
    assert.ok(configured.ok, configured.ok ? '' : configured.error);
    assert.equal(serving.listening().length, blocks.length);
    assert.deepEqual(await rcodes(), expected);
  }
});

test('what can not be had is refused by name', async () => {
  const { serving } = servingOf({});
  const quic = loopbackBlock(['whoami'], { keys: [{ transport: 'quic', zone: nameOf('x'), port: 853 }] });
  assert.deepEqual(await serving.configure([quic]), {
    ok: false,
    error: 'cannot serve quic://x.: the scheme is not supported by zonelog',
  });
  assert.deepEqual(await serving.configure([loopbackBlock(['nomad', 'whoami'])]), {
    ok: false,
    error: 'plugin/nomad: not supported by zonelog',
  });
});
