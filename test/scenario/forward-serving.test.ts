/** `forward`, `cache` and `loop` in a whole server, asked over its sockets. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import type { ServingOptions } from '../../src/serve/serving.ts';
import { optionsOf } from '../kit/corefile.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { loopbackBlock, question, servingOf } from '../kit/serving.ts';
import { addressReply, startUpstream } from '../kit/upstream.ts';

const PLUGINS = ['errors', 'loadbalance', 'cache', 'forward'];

function block(corefile: string, port = 0, plugins: readonly string[] = PLUGINS) {
  const base = loopbackBlock(plugins, { options: optionsOf(corefile) });
  return { ...base, keys: base.keys.map((key) => ({ ...key, port })) };
}

async function serve(t: TestContext, corefile: string, options: Partial<ServingOptions> = {}, plugins = PLUGINS) {
  const { serving, lines } = servingOf({}, { random: Math.random, ...options });
  t.after(() => serving.stop(0));
  const { value, ...result } = (await serving.configure([block(corefile, 0, plugins)])) as {
    ok: boolean;
    value?: object;
  };
  assert.ok(result.ok && value);
  const port = serving.listening()[0]?.port ?? 0;
  return { serving, lines, client: new DnsClient(port), port };
}

test('a forwarded name is asked for once, whatever transport and EDNS the clients use', async (t) => {
  const upstream = await startUpstream((asked) => addressReply(asked));
  t.after(() => upstream.stop());
  // The plugin's clock is the real one: what comes late on a slow machine is not asked for again.
  const forward = `forward . 127.0.0.1:${upstream.port} {\nread_timeout 5s\n}`;
  const { client, serving } = await serve(t, `errors\nloadbalance\ncache 30\n${forward}`);
  for (let i = 0; i < 5; i++) assert.equal(await client.data('www.test', 'A'), '192.0.2.7');
  assert.equal(await client.data('www.test', 'A', { tcp: true }), '192.0.2.7');
  assert.equal(await client.data('WWW.test', 'A', { edns: 1232 }), '192.0.2.7');
  assert.equal(upstream.asked.length, 1);
  const { message } = await client.ask('www.test', 'A');
  const [record] = message.answer;
  assert.ok(record && record.ttl <= 30 && record.ttl > 20);
  const hits = serving.snapshot().find(({ name }) => name === 'coredns_cache_hits_total');
  assert.equal(
    hits?.samples.reduce((sum, { value }) => sum + (typeof value === 'number' ? value : 0), 0),
    7,
  );
});

test('a reload lets a question in work be answered', async (t) => {
  const upstream = await startUpstream(() => undefined);
  t.after(() => upstream.stop());
  const corefile = `errors\nloadbalance\ncache 30\nforward . 127.0.0.1:${upstream.port}`;
  const { client, serving } = await serve(t, corefile);
  const waiting = client.data('www.test', 'A');
  await upstream.received(1);
  await serving.configure([block(corefile)]);
  // The old question may be asked again meanwhile: the plugin's clock is the real one.
  upstream.answer = (asked) =>
    addressReply(asked, asked.query.questions?.[0]?.name === 'www.test' ? '192.0.2.8' : '192.0.2.9');
  assert.equal(await client.data('new.test', 'A'), '192.0.2.9', 'by the new configuration');
  const [old] = upstream.asked;
  old?.reply(addressReply(old, '192.0.2.8'));
  assert.equal(await waiting, '192.0.2.8');
});

test('a question that is still in work when the server stops gets no answer, and breaks nothing', async (t) => {
  const upstream = await startUpstream(() => undefined);
  t.after(() => upstream.stop());
  const { client, serving } = await serve(t, `errors\nforward . 127.0.0.1:${upstream.port}`, {}, ['errors', 'forward']);
  const waiting = client.send(question('www.test', 'A'), 200);
  await upstream.received(1);
  await serving.stop(0);
  const [asked] = upstream.asked;
  asked?.reply(addressReply(asked));
  assert.equal(await waiting, undefined);
});

test('a server that forwards to itself finds out and ends the process with the peer’s line', async (t) => {
  const [port = 0] = await freePorts(1);
  const { promise, resolve } = Promise.withResolvers<string>();
  const { serving } = servingOf({}, { random: Math.random, endProcess: resolve });
  t.after(() => serving.stop(0));
  const started = await serving.configure([
    block(`loop\nforward . 127.0.0.1:${port} {\nmax_fails 0\n}`, port, ['loop', 'forward']),
  ]);
  assert.ok(started.ok);
  assert.match(
    await promise,
    new RegExp(
      `^plugin/loop: Loop \\(127\\.0\\.0\\.1:\\d+ -> 127\\.0\\.0\\.1:${port}\\) detected for zone "\\.", see `,
    ),
  );
});

test('a server whose questions are answered elsewhere starts without a word', async (t) => {
  const upstream = await startUpstream((asked) => addressReply(asked));
  t.after(() => upstream.stop());
  let isEnded = false;
  const options = {
    endProcess: () => {
      isEnded = true;
    },
  };
  const [port = 0] = await freePorts(1);
  const { serving, lines } = servingOf({}, { random: Math.random, ...options });
  t.after(() => serving.stop(0));
  await serving.configure([block(`loop\nforward . 127.0.0.1:${upstream.port}`, port, ['loop', 'forward'])]);
  await upstream.received(1);
  assert.equal(upstream.asked[0]?.query.questions?.[0]?.type, 'HINFO');
  assert.equal(await new DnsClient(port).data('www.test', 'A'), '192.0.2.7');
  assert.equal(isEnded, false);
  assert.deepEqual(lines, []);
});
