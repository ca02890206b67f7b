/** Databases that can't be used: the server says in one line which file and what to do, ends with 1, and leaves the file alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { CHURN_ZONE, Churn, seededRandom } from '../kit/churn.ts';
import { TestServer } from '../kit/server.ts';

/** Root may write everything, unless the capability for it is taken away. */
const canDropRights = spawnSync('setpriv', ['--bounding-set=-all', '--inh-caps=-all', 'true']).status === 0;
const hasRights = process.getuid?.() === 0;

describe('a database that', () => {
  const churn = new Churn(1, 3);
  const servers: TestServer[] = [];
  let corefile: string;
  /** A database that a server has filled and left in order. */
  let used: Buffer;

  /** A server over a database file that nobody has made yet, or a copy of the used one. */
  const prepare = async (content: 'none' | 'used') => {
    const server = await TestServer.prepare({ corefile });
    servers.push(server);
    if (content === 'used') writeFileSync(server.database, used);
    return server;
  };

  const refuses = async (server: TestServer, because: RegExp) => {
    server.spawn();
    assert.deepEqual(await server.ended, { code: 1, signal: null }, server.said());
    const lines = server.stderr.trimEnd().split('\n');
    assert.equal(lines.length, 1, `one line, not:\n${server.stderr}`);
    assert.match(server.stderr, because);
    assert.ok(server.stderr.includes(server.database), `the line names ${server.database}: ${server.stderr}`);
  };

  const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

  before(async () => {
    const { url } = await churn.api.start();
    corefile = `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes ${CHURN_ZONE} {
        endpoint ${url}
    }
}
`;
    const server = await prepare('none');
    server.spawn();
    await server.answers();
    await server.printed(/^zonelog-/m);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    used = readFileSync(server.database);
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await churn.api.stop();
  });

  test('another server owns is refused, and that server is not disturbed', async () => {
    const owner = await prepare('none');
    owner.spawn();
    await owner.answers();
    await owner.hasZone(CHURN_ZONE);
    const second = await TestServer.prepare({ corefile, database: owner.database });
    servers.push(second);
    await refuses(second, /another zonelog owns it/);
    assert.match(await owner.dns.data('plain-0.apps.svc.cluster.local.', 'A'), /^10\.96\./);
    await owner.stop('SIGKILL');
    // However the owner ended, its lock ended with it.
    second.spawn();
    await second.answers();
    await second.stop();
  });

  test('is a folder is refused', async () => {
    const server = await prepare('none');
    mkdirSync(server.database);
    await refuses(server, /not a regular file/);
  });

  test('would be in a folder that is not there is refused', async () => {
    const server = await TestServer.prepare({ corefile, database: '/nowhere/at/all/zonelog.db' });
    servers.push(server);
    await refuses(server, /directory .* does not exist/);
  });

  test('may not be written is refused', {
    skip: hasRights && !canDropRights && 'root may write everything',
  }, async () => {
    const server = await prepare('used');
    const folder = dirname(server.database);
    const before = digest(server.database);
    chmodSync(server.database, 0o400);
    chmodSync(folder, 0o500);
    try {
      const { stderr, status } = spawnSync(
        'setpriv',
        [...(hasRights ? ['--bounding-set=-all', '--inh-caps=-all'] : []), '--', ...server.command()],
        { encoding: 'utf8', timeout: 120_000, cwd: folder },
      );
      assert.equal(status, 1, stderr);
      assert.match(stderr, /needs to read and write the file and its directory/);
      assert.ok(stderr.includes(server.database), stderr);
      assert.equal(digest(server.database), before);
    } finally {
      chmodSync(folder, 0o700);
    }
  });

  test('a newer zonelog has written is refused and left alone', async () => {
    const server = await prepare('used');
    const db = new Sqlite(server.database);
    db.prepare("INSERT INTO migration VALUES (9999, '9999_tomorrow.sql', 'x')").run();
    db.close();
    const before = digest(server.database);
    await refuses(server, /written by a newer zonelog/);
    assert.equal(digest(server.database), before);
  });

  test('is damaged is refused and left alone', async () => {
    const server = await prepare('used');
    const octets = readFileSync(server.database);
    const random = seededRandom(99);
    assert.ok(octets.length > 16_384, 'the database has pages to damage');
    for (let at = 4096; at < octets.length; at += 512) octets[at] = Math.floor(random() * 256);
    writeFileSync(server.database, octets);
    const before = digest(server.database);
    await refuses(server, /damaged/);
    assert.equal(digest(server.database), before);
  });

  for (const [what, content] of [
    ['text', 'these are the notes of somebody\n'.repeat(400)],
    ['the beginning of a database', 'SQLite format 3\0'],
  ] as const) {
    test(`is none but ${what} is refused and left alone`, async () => {
      const server = await prepare('none');
      writeFileSync(server.database, content);
      await refuses(server, /not a SQLite database|damaged/);
      assert.equal(readFileSync(server.database, 'latin1'), content);
      assert.equal(statSync(server.database).size, content.length);
    });
  }

  test('belongs to another program is refused and left alone', async () => {
    const server = await prepare('none');
    const db = new Sqlite(server.database);
    db.exec('CREATE TABLE recipe (title TEXT)');
    db.close();
    const before = digest(server.database);
    await refuses(server, /another program/);
    assert.equal(digest(server.database), before);
  });

  test('has lost its main file but not its write-ahead log is refused', async () => {
    const server = await prepare('none');
    writeFileSync(join(`${server.database}-wal`), 'newest part of a history');
    await refuses(server, /put the database back/);
  });
});
