/** Replies of the cache among the answers that are kept encoded: the way that most questions go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../src/logger.ts';
import { buildBlock } from '../../src/serve/blocks.ts';
import type { composeChain } from '../../src/serve/chain.ts';
import { createLoadbalance } from '../../src/serve/plugins/loadbalance.ts';
import { PLUGINS } from '../../src/serve/plugins.ts';
import { Cached, type Made } from '../kit/cached.ts';
import { optionsOf } from '../kit/corefile.ts';
import { type Answered, decode, entryOf, loopbackBlock, question, REMOTE } from '../kit/serving.ts';

function entryFor(cached: Cached, before: Parameters<typeof composeChain>[0] = []) {
  const handlers = [...before, cached.handler, cached.behind];
  const { entry } = entryOf({ '.': handlers }, { now: cached.clock.now });
  const ask = async (octets: Buffer): Promise<Answered> => {
    const outgoing = await entry.answer(octets, REMOTE);
    assert.ok(Buffer.isBuffer(outgoing));
    return decode(Buffer.from(outgoing));
  };
  return { entry, ask };
}

const www = (_: unknown, count: number): Made => ({ answer: `www.test.\t100\tIN\tA\t192.0.2.${count}` });

test('the second question is answered without the chain, with its id and the TTL of the moment', async () => {
  const cached = new Cached('cache', www);
  const { entry, ask } = entryFor(cached);
  await ask(question('www.test', 'A'));
  assert.equal(entry.cache.size.entries, 1);
  cached.clock.advance(30_000);
  const second = await ask(question('www.test', 'A', { id: 4711 }));
  assert.equal(second.id, 4711);
  assert.deepEqual(second.answer, ['www.test 70 A 192.0.2.1']);
  cached.clock.advance(1000);
  assert.deepEqual((await ask(question('www.test', 'A'))).answer, ['www.test 69 A 192.0.2.1']);
  assert.equal(cached.count('coredns_cache_hits_total'), 2);
  assert.equal(cached.count('coredns_cache_requests_total'), 3);
});

test('an answer whose time is over is not sent, and goes', async () => {
  const cached = new Cached('cache', www);
  const { entry, ask } = entryFor(cached);
  await ask(question('www.test', 'A'));
  cached.clock.advance(100_000);
  assert.deepEqual((await ask(question('www.test', 'A'))).answer, ['www.test 100 A 192.0.2.2']);
  assert.equal(entry.cache.size.entries, 1);
});

test('a prefetched answer takes the place of the encoded one', async () => {
  const cached = new Cached('cache {\nprefetch 2 2m\n}', www);
  const { ask } = entryFor(cached);
  for (let i = 0; i < 3; i++) await ask(question('www.test', 'A'));
  cached.clock.advance(95_000);
  assert.deepEqual((await ask(question('www.test', 'A'))).answer, ['www.test 5 A 192.0.2.1']);
  assert.equal(cached.asked.length, 2);
  assert.deepEqual((await ask(question('www.test', 'A'))).answer, ['www.test 100 A 192.0.2.2']);
});

test('addresses turn round, each order with the TTL of the moment', async () => {
  const cached = new Cached('cache', () => ({
    answer: ['1', '2', '3'].map((last) => `www.test.\t100\tIN\tA\t192.0.2.${last}`).join('\n'),
  }));
  const balance = createLoadbalance([], () => 0.5);
  const { ask } = entryFor(cached, [balance]);
  const firsts = new Set<string | undefined>();
  for (let i = 0; i < 9; i++) {
    cached.clock.advance(1000);
    const { answer } = await ask(question('www.test', 'A'));
    assert.equal(answer.length, 3);
    for (const record of answer) assert.match(record, new RegExp(`^www\\.test ${100 - i} A 192\\.0\\.2\\.[123]$`));
    firsts.add(answer[0]);
  }
  assert.equal(new Set([...firsts].map((text) => text?.slice(-1))).size, 3);
  assert.equal(cached.asked.length, 1);
});

test('TTLs that a plugin before the cache has changed are not counted down', async () => {
  const cached = new Cached('cache', www);
  const { entry, ask } = entryFor(cached, [
    {
      name: 'rewrite',
      isPure: true,
      async handle(request, next) {
        const outcome = await next(request);
        if (outcome.kind !== 'reply') return outcome;
        return { ...outcome, answer: outcome.answer.map((record) => ({ ...record, ttl: 7 })) };
      },
    },
  ]);
  await ask(question('www.test', 'A'));
  assert.equal(entry.cache.size.entries, 0);
  cached.clock.advance(50_000);
  assert.deepEqual((await ask(question('www.test', 'A'))).answer, ['www.test 7 A 192.0.2.1']);
});

test('all plugins of the stock Corefile let answers be kept encoded', () => {
  const names = ['errors', 'prometheus', 'loadbalance', 'cache', 'loop', 'forward'];
  const options = optionsOf('errors\nloadbalance\ncache 30\nloop\nforward . 127.0.0.1:9 {\nmax_concurrent 1000\n}');
  const tools = {
    now: () => 0,
    random: () => 0.5,
    hostName: '',
    version: '',
    writeQuery() {},
    askServer: () => undefined,
  };
  const built = buildBlock(
    loopbackBlock(names, { options }),
    PLUGINS,
    tools,
    createLogger(() => {}),
  );
  assert.ok(built.ok);
  for (const handler of built.value.handlers) handler.close?.();
  assert.equal(built.value.handlers.length, names.length);
  assert.equal(built.value.running.isPure, true);
});

test('each client gets its own spelling of the question, its EDNS size, and no more than it takes', async () => {
  const answer = Array.from({ length: 60 }, (_, i) => `www.test.\t100\tIN\tA\t192.0.2.${i}`).join('\n');
  const cached = new Cached('cache', () => ({ answer }));
  const { ask } = entryFor(cached);
  const large = await ask(question('www.test', 'A', { edns: { udpSize: 4096 } }));
  assert.equal(large.answer.length, 60);
  assert.equal(large.opt?.udpPayloadSize, 4096);
  const small = await ask(question('WWW.Test', 'A'));
  assert.equal(small.isTruncated, true);
  assert.ok(small.answer.length > 20 && small.answer.length < 60);
  assert.equal(small.message.questions?.[0]?.name, 'WWW.Test');
  assert.equal(cached.asked.length, 1);
});
