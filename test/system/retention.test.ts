/** Compaction beside a server that serves, also one that is killed in the middle of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openReadOnly } from '../../src/database.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import { verifyDatabase } from '../../src/retention/verify.ts';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { runAt } from '../kit/command-run.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { ZoneObserver } from '../kit/zone-observer.ts';

describe('a server whose log is compacted', () => {
  const churn = new Churn(11, 10);
  let server: TestServer;
  let observer: ZoneObserver;

  before(async () => {
    const { url } = await churn.api.start();
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    eventlog zonelog.db {
        retain 30d
        snapshot 100
    }
    kubernetes ${CHURN_ZONE} {
        endpoint ${url}
    }
    transfer {
        to *
    }
}
`,
    });
    // Commands are heard after the first answer.
    await server.started();
    observer = new ZoneObserver(server.dns, CHURN_ZONE);
  });
  after(async () => {
    await server?.close();
    await churn.api.stop();
  });

  const change = async () => {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 5; j++) churn.step();
      await isCaughtUp();
    }
  };

  const isCaughtUp = async () => {
    const expected = churn.expected().join('\n');
    await eventually(
      async () => (await observer.look()).records.filter((line) => /^[^\t]*\.svc\./.test(line)).join('\n'),
      (lines) => lines === expected,
      'the zone is the cluster',
    );
  };

  const command = (...argv: string[]) => runAt(Date.now(), [...argv, '-db', server.database]);
  const windowOf = () => {
    const db = openReadOnly(server.database);
    try {
      return windowStart(db).batch;
    } finally {
      db.close();
    }
  };
  const assertWhole = () => {
    const db = openReadOnly(server.database);
    try {
      const verified = verifyDatabase(db);
      assert.ok(verified.ok, JSON.stringify(verified));
    } finally {
      db.close();
    }
  };

  test('serves the same before and after it, goes on, and its log verifies meanwhile', async () => {
    await change();
    const shown = await server.dns.axfr(CHURN_ZONE);
    const { code, out, err } = await command('compact', '--keep', '0s');
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /\d+ events in \d+ batches removed, the log begins at /);
    await server.printed(/compaction \(compact --keep 0s\): \d+ events removed/);
    assert.deepEqual(await server.dns.axfr(CHURN_ZONE), shown);
    assertWhole();
    const before = observer.versions.length;
    await change();
    assertWhole();
    await observer.checkIncrements(observer.versions.slice(before));
  });

  test('knows after a restart what it knew', async () => {
    await server.stop();
    server.spawn();
    await server.answers();
    await isCaughtUp();
    assertWhole();
  });

  for (const point of ['before-removal-commit:1', 'rows-removed:1']) {
    test(`killed at ${point} loses nothing, and ends the work the next time`, async () => {
      await server.stop();
      server.spawn({ ZONELOG_CRASH_AT: point });
      await server.started();
      await change();
      const before = windowOf();
      await command('compact', '--keep', '0s').catch(() => undefined);
      assert.deepEqual(await server.ended, { code: null, signal: 'SIGKILL' });
      assertWhole();
      server.spawn();
      await server.started();
      await isCaughtUp();
      await change();
      assertWhole();
      const { code } = await command('compact', '--keep', '0s');
      assert.equal(code, 0);
      assert.ok(windowOf() > before);
      const db = openReadOnly(server.database);
      const stray = db.prepare('SELECT count(DISTINCT batch) FROM base_part').pluck().get();
      const kept = db.prepare('SELECT count(*) FROM batch WHERE batch <= ?').pluck().get(windowOf());
      db.close();
      assert.deepEqual([stray, kept], [1, 0]);
    });
  }

  test('backs up the log that it goes on writing', async () => {
    const copy = `${server.folder}/copy.db`;
    const [backup] = await Promise.all([command('backup', copy), change()]);
    assert.deepEqual([backup.code, backup.err], [0, '']);
    assert.equal((await runAt(Date.now(), ['verify', '-db', copy])).code, 0);
  });

  test('exports a log that replays elsewhere to the zone that it serves', async () => {
    const exported = await command('export');
    assert.deepEqual([exported.code, exported.err], [0, '']);
    const copy = `${server.folder}/imported.db`;
    const imported = await runAt(Date.now(), ['import', '-', '-db', copy], [exported.out]);
    assert.deepEqual([imported.code, imported.err], [0, '']);
    assert.equal((await runAt(Date.now(), ['verify', '-db', copy])).code, 0);
    const { out } = await runAt(Date.now(), ['zone', CHURN_ZONE, '-db', copy]);
    const { serial, records } = await observer.look();
    assert.ok(out.includes(` ${serial} `), `serial ${serial}`);
    const lines = out
      .trimEnd()
      .split('\n')
      .filter((line) => !/\tSOA\t/.test(line));
    assert.deepEqual(lines.sort(), records.filter((line) => !/\tSOA\t/.test(line)).sort());
  });
});
