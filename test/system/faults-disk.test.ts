/** A full disk: answers go on, /ready says why, and when there is room again everything that was learnt meanwhile is there. */
import assert from 'node:assert/strict';
import { closeSync, cpSync, openSync, rmSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { checkHistory } from '../kit/log-reader.ts';
import { hasPrivateMounts, TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { ZoneObserver } from '../kit/zone-observer.ts';

const DISK = 4 * 1024 * 1024;

describe('a server whose disk is full', { skip: !hasPrivateMounts && 'may not mount' }, () => {
  const churn = new Churn(7, 20);
  let server: TestServer;
  let observer: ZoneObserver;

  /** Writes until nothing more fits. */
  const fill = () => {
    const file = openSync(server.diskPath('filler'), 'w');
    try {
      for (const size of [65_536, 4_096, 512, 1]) {
        const block = Buffer.alloc(size);
        for (let isFull = false; !isFull; ) isFull = !fits(() => writeSync(file, block));
      }
    } finally {
      closeSync(file);
    }
  };
  const free = () => rmSync(server.diskPath('filler'));

  const isCaughtUp = async () => {
    const expected = churn.expected();
    await eventually(
      async () => (await observer.look()).records.filter((line) => /^[^\t]*\.svc\./.test(line)),
      (lines) => lines.join('\n') === expected.join('\n'),
      'the zone is the cluster',
    );
  };

  before(async () => {
    const { url } = await churn.api.start();
    server = await TestServer.start({
      diskSize: DISK,
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{ready}}
    prometheus 127.0.0.1:{{metrics}}
    kubernetes ${CHURN_ZONE} {
        endpoint ${url}
    }
    transfer {
        to *
    }
}
`,
    });
    observer = new ZoneObserver(server.dns, CHURN_ZONE);
  });
  after(async () => {
    await server?.close();
    await churn.api.stop();
  });

  test('is ready before', async () => {
    await isCaughtUp();
    await server.isReady();
  });

  test('answers on, and its /ready gives the reason', async () => {
    fill();
    for (let i = 0; i < 200; i++) churn.step();
    await eventually(
      () => server.http('ready'),
      ({ status, body }) => status === 200 && /^OK\n.*log.*full/s.test(body),
      '/ready says that the disk is full, and that there are answers all the same',
    );
    await server.metricIs('zonelog_log_failing', {}, 1);
    const last = observer.newest;
    assert.deepEqual(await server.dns.axfr(CHURN_ZONE), last, 'what is not in the log is not shown');
    for (let i = 0; i < 20; i++) {
      const name = `plain-${i}.apps.svc.cluster.local.`;
      const shown = last?.records.filter((line) => line.startsWith(`${name}\t5\tIN\tA\t`)).map((l) => l.split('\t')[4]);
      const answer = await server.dns.data(name, 'A');
      assert.equal(answer, shown?.length ? shown.join(', ') : 'NXDOMAIN');
    }
  });

  test('says so in its log, once', () => {
    const lines = server.stdout.split('\n').filter((line) => /\[ERROR\].*(full|disk)/i.test(line));
    assert.ok(lines.length >= 1 && lines.length <= 3, server.said());
  });

  test('goes on by itself when there is room, and has lost nothing', async () => {
    free();
    await isCaughtUp();
    await eventually(
      () => server.http('ready'),
      ({ body }) => body === 'OK',
      '/ready has nothing to say',
    );
    churn.step();
    await isCaughtUp();
    await observer.checkIncrements();
    // SQLite follows no path into another mount namespace; nothing is written at the moment.
    const copy = join(server.folder, 'copy.db');
    for (const end of ['', '-wal']) cpSync(server.diskPath(basename(server.database) + end), copy + end);
    checkHistory(copy, CHURN_ZONE);
  });
});

function fits(write: () => unknown): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
