/** Signals end the server in order at any time of its life: exit status 0, the log closed, nothing left behind. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { freePorts } from '../kit/free-ports.ts';
import { checkHistory } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';

const IN_ORDER = { code: 0, signal: null };

describe('a signal', () => {
  const churn = new Churn(5, 3);
  const servers: TestServer[] = [];

  const prepare = async (url: string) => {
    const server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes ${CHURN_ZONE} {
        endpoint ${url}
        startup_timeout 30s
    }
}
`,
    });
    servers.push(server);
    return server;
  };

  before(async () => {
    await churn.api.start();
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await churn.api.stop();
  });

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    test(`${signal} at the first answer`, async () => {
      const server = await prepare(churn.api.url);
      server.spawn();
      await server.answers();
      assert.deepEqual(await server.stop(signal), IN_ORDER, server.said());
      checkHistory(server.database, CHURN_ZONE);
    });
  }

  test('SIGTERM while the start waits for an API server', async () => {
    const [nobody] = await freePorts(1);
    const server = await prepare(`http://127.0.0.1:${nobody}`);
    server.spawn();
    await server.printed(/waiting for Kubernetes API/);
    assert.deepEqual(await server.stop(), IN_ORDER, server.said());
    assert.doesNotMatch(server.stdout, /unsynced/, 'it did not wait for the cluster');
  });

  test('SIGTERM in order closes the log: no write-ahead log is left', async () => {
    const server = await prepare(churn.api.url);
    server.spawn();
    await server.printed(/^zonelog-/m);
    assert.deepEqual(await server.stop(), IN_ORDER, server.said());
    assert.match(server.stdout, /\[INFO\] SIGTERM: Shutting down servers then terminating/);
    assert.equal(existsSync(`${server.database}-wal`), false);
  });

  test('SIGUSR1 while the start waits for an API server: what the Corefile says now comes once it has started', async () => {
    const [nobody] = await freePorts(1);
    const server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes ${CHURN_ZONE} {
        endpoint http://127.0.0.1:${nobody}
        startup_timeout 2s
    }
}
`,
    });
    servers.push(server);
    server.spawn();
    await server.printed(/waiting for Kubernetes API/);
    server.writeCorefile('.:{{dns}} {\n    bind 127.0.0.1\n    whoami\n}\n');
    server.signal('SIGUSR1');
    await server.becomes('www.example.', 'A', 'NODATA');
    assert.deepEqual(await server.stop(), IN_ORDER, server.said());
  });

  test('a pidfile that can not be written is told, and the server serves; lameduck and SIGQUIT are told too', async () => {
    const server = await TestServer.prepare({
      corefile: '.:{{dns}} {\n bind 127.0.0.1\n health 127.0.0.1:{{health}} {\n  lameduck 10ms\n }\n whoami\n}\n',
      args: ['-pidfile', '/dev/null/pid'],
    });
    servers.push(server);
    server.spawn();
    await server.printed(/\[ERROR\] Could not write pidfile: .*ENOTDIR/);
    await server.becomes('www.example.', 'A', 'NODATA');
    assert.deepEqual(await server.stop(), IN_ORDER, server.said());
    assert.match(server.stdout, /\[INFO\] plugin\/health: Going into lameduck mode for 10ms/);
    server.spawn();
    await server.becomes('www.example.', 'A', 'NODATA');
    await server.printed(/^zonelog-/m);
    assert.deepEqual(await server.stop('SIGQUIT'), IN_ORDER, server.said());
    assert.match(server.stdout, /\[INFO\] SIGQUIT: Quitting process immediately/);
  });

  test('SIGHUP changes nothing', async () => {
    const server = await prepare(churn.api.url);
    server.spawn();
    await server.printed(/^zonelog-/m);
    server.signal('SIGHUP');
    await server.hasZone(CHURN_ZONE);
    assert.match(await server.dns.data(`plain-0.apps.svc.${CHURN_ZONE}`, 'A'), /^10\.96\./);
    assert.equal(server.isRunning, true);
    await server.stop();
  });
});
