/** What the server itself prints: the query log is whole at the end, and every line is an object where JSON is asked for. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { TestServer } from '../kit/server.ts';

const COREFILE = '.:{{dns}} {\nbind 127.0.0.1\nlog . "{name} {rcode}"\nerrors\ndebug\nwhoami\n}\n';
const IN_ORDER = { code: 0, signal: null };
const COUNT = 500;
/** Questions at a time: no more than the server's socket holds while it has no turn. */
const BURST = 50;

describe('log lines', () => {
  const servers: TestServer[] = [];
  after(() => Promise.all(servers.map((server) => server.close())));

  const run = async (args: readonly string[]): Promise<string[]> => {
    const server = await TestServer.start({ corefile: COREFILE, args });
    servers.push(server);
    const names = Array.from({ length: COUNT }, (_, i) => `n${i}.example.`);
    for (let i = 0; i < COUNT; i += BURST)
      await Promise.all(names.slice(i, i + BURST).map((name) => server.dns.ask(name, 'TXT')));
    assert.deepEqual(await server.stop(), IN_ORDER, server.said());
    return server.stdout.split('\n').filter((line) => line !== '');
  };

  test('of all queries are there when the server has ended', async () => {
    const lines = await run([]);
    const names = lines.flatMap((line) => /^\[INFO\] (n\d+)\.example\. NOERROR$/.exec(line)?.[1] ?? []);
    assert.equal(new Set(names).size, COUNT);
  });

  test('are JSON, all of them, with -log-format json', async () => {
    const lines = (await run(['-log-format', 'json'])).map((line) => JSON.parse(line) as Record<string, unknown>);
    const queries = lines.filter(({ plugin }) => plugin === 'log');
    assert.ok(queries.length >= COUNT);
    assert.ok(queries.every(({ name, rcode, level }) => name !== undefined && rcode !== undefined && level === 'info'));
    assert.ok(lines.every(({ time }) => Math.abs(Date.parse(String(time)) - Date.now()) < 600_000));
    assert.ok(
      lines.some(({ message }) => /^\.:\d+ on 127\.0\.0\.1$/.test(String(message))),
      'the start lines',
    );
    assert.ok(lines.some(({ message }) => message === 'SIGTERM: Shutting down servers then terminating'));
  });
});
