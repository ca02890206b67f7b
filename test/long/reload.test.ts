/**
 * Reloads under load: hardly a question is lost, nothing is listed again for a stanza that stays, counters go on, and a bad
 * file changes nothing. `ZONELOG_TEST_RELOADS`: how many (default 100).
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { TestServer } from '../kit/server.ts';
import { question } from '../kit/serving.ts';
import { SteadyLoad } from '../kit/steady-load.ts';
import { eventually } from '../kit/wait.ts';

const RELOADS = Number(process.env.ZONELOG_TEST_RELOADS ?? 100);
const RATE = 2_000;
/** One reload in so many is of a bad file. */
const BAD_EVERY = 10;
/** Questions lost, of all. */
const LOSS_ALLOWED = 1 / 10_000;
const DEADLINE = 60_000;

describe(`${RELOADS} reloads under load`, () => {
  const churn = new Churn(11, 50);
  let server: TestServer;

  /** Each differs from the one before, but for the stanza of the cluster. */
  const corefile = (round: number, more = '') => `
.:{{dns}} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:{{health}}
    prometheus 127.0.0.1:{{metrics}}
    kubernetes ${CHURN_ZONE} 10.96.0.0/16 {
        endpoint ${churn.api.url}
        pods insecure
    }
    hosts {
        192.0.2.${1 + (round % 200)} round.test
        fallthrough
    }
    cache ${20 + (round % 7)} example.org
    reload 1h
    ${round % 2 === 0 ? 'loadbalance' : 'whoami'}
    ${more}
}
${round % 3 === 0 ? 'other.test:{{ready}} {\n bind 127.0.0.1\n whoami\n}\n' : ''}`;

  before(async () => {
    await churn.api.start();
    server = await TestServer.start({ corefile: corefile(0) });
  });
  after(async () => {
    await server?.close();
    await churn.api.stop();
  });

  const count = (what: RegExp) => [...(server.stdout + server.stderr).matchAll(what)].length;
  const lists = () => churn.api.requests.filter(({ url }) => url.includes('/apis/') || url.includes('/api/')).length;

  test('lose nothing and list nothing', { timeout: 14 * 60_000 }, async (t) => {
    const names = ['plain-0', 'plain-7', 'headless-3', 'none'].map((name) => `${name}.apps.svc.${CHURN_ZONE}`);
    const packets = [...names.map((name) => question(name, 'A')), question('round.test', 'A')];
    await eventually(
      () => churn.api.watchCount,
      (watches) => watches >= 3,
      'all kinds are watched',
    );
    const [requestsBefore, listsBefore] = [lists(), await server.metric('zonelog_ingest_lists_total')];
    const load = await SteadyLoad.start(server.port('dns'), packets, RATE);
    const began = performance.now();
    for (let round = 1; round <= RELOADS; round++) {
      const isBad = round % BAD_EVERY === 0;
      const outcome = isBad ? /Restart failed/g : /Reloading complete/g;
      const seen = count(outcome);
      server.writeCorefile(corefile(round, isBad ? 'cache 0' : ''));
      server.signal('SIGUSR1');
      await eventually(
        () => count(outcome),
        (now) => now > seen,
        `reload ${round}`,
        DEADLINE,
      );
    }
    const seconds = (performance.now() - began) / 1000;
    const { sent, lost, percentile } = await load.stop();
    const ms = (part: number) => percentile(part).toFixed(1);
    t.diagnostic(
      `${RELOADS} reloads in ${seconds.toFixed(0)} s; ${lost} of ${sent} questions lost; p50 ${ms(0.5)}, p99 ${ms(0.99)}, p99.9 ${ms(0.999)}, most ${ms(1)} ms`,
    );
    assert.ok(lost <= sent * LOSS_ALLOWED, `${lost} of ${sent} questions lost`);

    assert.equal(lists(), requestsBefore, 'no request to the API server');
    assert.equal(await server.metric('zonelog_ingest_lists_total'), listsBefore);
    assert.equal(await server.metric('coredns_reload_failed_total'), Math.floor(RELOADS / BAD_EVERY));
    assert.ok((await server.metric('coredns_dns_requests_total')) >= sent - lost, 'counters go on');
    assert.match(server.stdout + server.stderr, /Restart failed: plugin\/cache: .*Corefile:\d+ - /);

    const last = RELOADS % BAD_EVERY === 0 ? RELOADS - 1 : RELOADS;
    assert.equal(
      await server.dns.data('round.test.', 'A'),
      `192.0.2.${1 + (last % 200)}`,
      'the last good file is in force',
    );
    churn.api.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'late', namespace: 'apps' },
      spec: { clusterIP: '10.96.9.9', clusterIPs: ['10.96.9.9'], ports: [{ port: 80 }] },
    });
    await eventually(
      () => server.dns.data(`late.apps.svc.${CHURN_ZONE}`, 'A'),
      (data) => data === '10.96.9.9',
      'the watches go on',
    );
  });
});

describe('the plugin reload', () => {
  let server: TestServer;

  const corefile = (address: string, more = '') => `
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    reload 2s 1s
    hosts {
        ${address} a.test
    }
    ${more}
}
`;

  before(async () => {
    server = await TestServer.start({ corefile: corefile('192.0.2.1') });
  });
  after(() => server?.close());

  const becomes = (address: string) =>
    eventually(
      () => server.dns.data('a.test.', 'A'),
      (data) => data === address,
      `the answer ${address}`,
      DEADLINE,
    );

  test('goes over to a changed file by itself, not to a bad one, and then to a good one', async () => {
    const versionOf = async () =>
      /reload_version_info\{hash="sha512",value="(\w+)"/.exec((await server.http('metrics')).body)?.[1];
    // Answers come before the start is over, and the hash after it.
    const first = await eventually(versionOf, (version) => version !== undefined, 'the hash of the first file');
    server.writeCorefile(corefile('192.0.2.2'));
    await becomes('192.0.2.2');
    // It is told when all threads have gone over, and the first of them may have answered before.
    const second = await eventually(
      versionOf,
      (version) => version !== undefined && version !== first,
      'the hash in force',
    );
    server.writeCorefile(corefile('192.0.2.3', 'nonsense'));
    await server.printed(
      /Restart failed: .*Corefile:\d+ - Error during parsing: Unknown directive 'nonsense'/,
      DEADLINE,
    );
    assert.equal(await server.dns.data('a.test.', 'A'), '192.0.2.2');
    assert.deepEqual([await server.metric('coredns_reload_failed_total'), await versionOf()], [1, second]);
    server.writeCorefile(corefile('192.0.2.4'));
    await becomes('192.0.2.4');
  });
});
