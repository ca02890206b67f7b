import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, test } from 'node:test';
import type { HandlerFactory, ServingBlock } from '../../src/serve/blocks.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import type { Serving } from '../../src/serve/serving.ts';
import { DnsClient, NoReply } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { loopbackBlock, nameOf, question, servingOf, ToyZone } from '../kit/serving.ts';
import { TcpMessages } from '../kit/tcp-messages.ts';

const SECONDS = 10_000;
const running: Serving[] = [];

afterEach(async () => {
  for (const serving of running.splice(0)) await serving.stop(100);
});

/** Answers with the rcode that the block's `bufsize` names, and says when it is closed. */
function reload(zone: ToyZone = new ToyZone()) {
  const closed: number[] = [];
  const fixed: HandlerFactory = ({ options }) => {
    const rcode = options.bufsize ?? 0;
    return { name: 'fixed', handle: () => emptyReply(rcode), close: () => closed.push(rcode) };
  };
  const kit = servingOf({ fixed, kubernetes: () => zone.handler() });
  running.push(kit.serving);
  return { ...kit, closed, zone };
}

function at(port: number, rcode: number, parts: Partial<ServingBlock> = {}): ServingBlock {
  const keys = [{ transport: 'dns', zone: nameOf('.'), port }] as const;
  return loopbackBlock(['fixed'], { keys, options: { bufsize: rcode }, ...parts });
}

async function rcodeAt(port: number): Promise<string> {
  try {
    return (await new DnsClient(port).ask('a.test', 'A', { timeoutMs: 500 })).rcode;
  } catch (error) {
    if (error instanceof NoReply) return 'nothing';
    throw error;
  }
}

test('a listener that stays keeps its connections, and answers by the new configuration', async () => {
  const { serving, closed } = reload();
  const [port = 0] = await freePorts(1);
  assert.ok((await serving.configure([at(port, 3)])).ok);
  const tcp = await TcpMessages.open(port, SECONDS);
  tcp?.send(question('a.test', 'A'));
  assert.equal(((await tcp?.next(SECONDS))?.[3] as number) & 15, 3);
  assert.ok((await serving.configure([at(port, 5)])).ok);
  assert.deepEqual(closed, [3]);
  tcp?.send(question('a.test', 'A'));
  assert.equal(((await tcp?.next(SECONDS))?.[3] as number) & 15, 5);
  assert.equal(await rcodeAt(port), 'REFUSED');
  tcp?.close();
});

test('kept answers do not outlive their configuration', async () => {
  const { serving, zone } = reload();
  zone.set('web', '10.0.0.1');
  const [port = 0] = await freePorts(1);
  const client = new DnsClient(port);
  await serving.configure([at(port, 0, { plugins: ['kubernetes'] })]);
  assert.equal(await client.data('web.toy.test', 'A'), '10.0.0.1');
  await serving.configure([at(port, 5)]);
  assert.equal(await client.data('web.toy.test', 'A'), 'REFUSED');
});

test('counters of plugins and listeners go on, those of the moment do not', async () => {
  const counting: HandlerFactory = () => {
    let count = 0;
    const sample = () => ({ labels: [], value: count });
    const family = { help: 'Help.', labelNames: [], merge: 'sum' } as const;
    return {
      name: 'fixed',
      handle: () => {
        count += 1;
        return emptyReply(5);
      },
      metrics: () => [
        { ...family, name: 'asked_total', type: 'counter', samples: [sample()] },
        { ...family, name: 'asked_now', type: 'gauge', samples: [sample()] },
      ],
    };
  };
  const { serving } = servingOf({ fixed: counting });
  running.push(serving);
  const [port = 0] = await freePorts(1);
  const countOf = (wanted: string) => serving.snapshot().filter(({ name }) => name === wanted)[0]?.samples[0]?.value;
  for (const round of [1, 2, 3]) {
    assert.ok((await serving.configure([at(port, 5)])).ok);
    assert.equal(await rcodeAt(port), 'REFUSED');
    assert.deepEqual([countOf('asked_total'), countOf('asked_now')], [round, 1]);
  }
});

test('listeners come and go', async () => {
  const { serving } = reload();
  const [one = 0, two = 0] = await freePorts(2);
  await serving.configure([at(one, 3)]);
  const result = await serving.configure([
    at(two, 5, { keys: ['b.test.', 'a.test.'].map((zone) => ({ transport: 'dns', zone: nameOf(zone), port: two })) }),
  ]);
  assert.deepEqual(result, {
    ok: true,
    value: { lines: [`a.test.:${two} on 127.0.0.1`, `b.test.:${two} on 127.0.0.1`] },
  });
  assert.deepEqual([await rcodeAt(one), await rcodeAt(two)], ['nothing', 'REFUSED']);
});

test('from one address to all addresses of a port and back', async () => {
  const { serving } = reload();
  const [port = 0] = await freePorts(1);
  for (const addresses of [['127.0.0.1'], [], ['127.0.0.1']]) {
    const result = await serving.configure([at(port, 3, { addresses })]);
    assert.deepEqual(result.ok && result.value.lines, [addresses.length > 0 ? `.:${port} on 127.0.0.1` : `.:${port}`]);
    assert.equal(await rcodeAt(port), 'NXDOMAIN');
  }
});

test('a configuration that can not be had leaves all as it was', async () => {
  const { serving, closed } = reload();
  const [one = 0, free = 0] = await freePorts(2);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address && typeof address === 'object');
  await serving.configure([at(one, 3, { addresses: [] })]);
  for (const wrong of [
    [at(free, 5), at(address.port, 5)],
    [at(one, 5), at(address.port, 5)],
    [at(one, 5, { plugins: ['fixed', 'nomad'] })],
  ]) {
    const result = await serving.configure(wrong);
    assert.equal(result.ok, false);
    assert.equal(await rcodeAt(one), 'NXDOMAIN');
    assert.equal(await rcodeAt(free), 'nothing');
  }
  assert.ok(!closed.includes(3));
  taken.close();
});

test('configurations asked for at one time are taken one after the other', async () => {
  const { serving } = reload();
  const [port = 0] = await freePorts(1);
  await Promise.all([3, 5, 2].map((rcode) => serving.configure([at(port, rcode)])));
  assert.equal(await rcodeAt(port), 'SERVFAIL');
});

test('a question of the server to itself goes to the block of its own listener', async () => {
  const kit = servingOf({
    asking: (_, { askServer }) => ({
      name: 'asking',
      async handle(request) {
        const target = { ...request, question: { ...request.question, name: nameOf('b.test') } };
        return (await askServer(target)) ?? emptyReply(2);
      },
    }),
    fixed: ({ options }) => ({ name: 'fixed', handle: () => emptyReply(options.bufsize ?? 0) }),
  });
  running.push(kit.serving);
  const [one = 0, two = 0] = await freePorts(2);
  const keys = (zone: string, port: number) => [{ transport: 'dns', zone: nameOf(zone), port }] as const;
  const result = await kit.serving.configure([
    at(one, 0, { plugins: ['asking'], keys: [...keys('a.test', one), ...keys('a.test', two)] }),
    at(one, 3, { keys: keys('b.test', one) }),
    at(two, 5, { keys: keys('b.test', two) }),
  ]);
  assert.ok(result.ok);
  assert.deepEqual([await rcodeAt(one), await rcodeAt(two)], ['NXDOMAIN', 'REFUSED']);
});
