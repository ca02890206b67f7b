import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { openDatabase, openReadOnly } from '../../src/database.ts';

const directory = mkdtempSync(join(tmpdir(), 'zonelog-database-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
const freshFile = () => join(directory, `${files++}.db`);

function refuses(open: () => unknown, words: RegExp): void {
  assert.throws(open, (error: Error) => {
    assert.equal(error.name, 'OperatorError');
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

test('a new file gets the schema, and is ours, in WAL, with full syncs', () => {
  const file = freshFile();
  const { db, close } = openDatabase(file);
  assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
  assert.equal(db.pragma('synchronous', { simple: true }), 2);
  assert.equal(db.pragma('foreign_keys', { simple: true }), 1);
  assert.ok(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'event'").get());
  close();
  const again = openDatabase(file);
  again.close();
});

test('a second server is refused, in this process and in another one, until the first is gone', async () => {
  const file = freshFile();
  const first = openDatabase(file);
  refuses(() => openDatabase(file), /another zonelog owns it .*\.lock is locked/);
  const script = join(directory, 'second.mts');
  const module = new URL('../../src/database.ts', import.meta.url).href;
  writeFileSync(
    script,
    `import { openDatabase } from ${JSON.stringify(module)};
     try {
       // Kept, or it would be collected, and the ownership with it.
       globalThis.owned = openDatabase(process.argv[2]);
       process.send('owned');
       setInterval(() => {}, 1000);
     }
     catch (error) { process.send(error.message); process.disconnect(); }`,
  );
  const refused = fork(script, [file], { execArgv: [] });
  assert.match(String((await once(refused, 'message'))[0]), /another zonelog owns it/);
  first.close();
  const owner = fork(script, [file], { execArgv: [] });
  assert.equal((await once(owner, 'message'))[0], 'owned');
  refuses(() => openDatabase(file), /another zonelog owns it/);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  openDatabase(file).close();
});

test('it can be read while it is owned, and what is committed is seen', () => {
  const file = freshFile();
  const owned = openDatabase(file);
  const reader = openReadOnly(file);
  owned.db.exec("INSERT INTO word (text) VALUES ('seen')");
  assert.deepEqual(reader.prepare('SELECT text FROM word').pluck().all(), ['seen']);
  assert.throws(() => reader.exec("INSERT INTO word (text) VALUES ('no')"), /readonly/);
  reader.close();
  owned.close();
});

test('what is no database is refused and left as it was', () => {
  const text = freshFile();
  writeFileSync(text, 'this is not a database, but somebody needs it\n'.repeat(200));
  const before = readFileSync(text);
  refuses(() => openDatabase(text), /not a SQLite database/);
  refuses(() => openReadOnly(text), /not a SQLite database/);
  assert.ok(readFileSync(text).equals(before));

  const folder = freshFile();
  mkdirSync(folder);
  refuses(() => openDatabase(folder), /not a regular file/);
  refuses(() => openDatabase(join(directory, 'nowhere', 'a.db')), /directory .*nowhere does not exist/);
  refuses(() => openReadOnly(freshFile()), /no such file/);
  const empty = freshFile();
  writeFileSync(empty, '');
  refuses(() => openReadOnly(empty), /empty: there is no log in it/);
});

test('another program’s database is refused and left as it was', () => {
  const file = freshFile();
  const foreign = new Sqlite(file);
  foreign.exec('CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)');
  foreign.close();
  const before = readFileSync(file);
  refuses(() => openDatabase(file), /another program/);
  assert.ok(readFileSync(file).equals(before));
});

test('a damaged page is found at open', () => {
  const file = freshFile();
  const { db, close } = openDatabase(file);
  const insert = db.prepare('INSERT INTO word (text) VALUES (?)');
  db.transaction(() => {
    for (let i = 0; i < 2000; i++) insert.run(`word ${i}`);
  })();
  close();
  const octets = readFileSync(file);
  octets.fill(0xaa, 4096 * 12, 4096 * 14);
  writeFileSync(file, octets);
  refuses(() => openDatabase(file), /damaged .* restore a backup, or move it away/);
});

test('a file that was cut off is refused, never begun anew', () => {
  const file = freshFile();
  openDatabase(file).close();
  writeFileSync(file, '');
  refuses(() => openDatabase(file), /empty, though a server has used it before/);
  assert.equal(statSync(file).size, 0);
});

test('a write-ahead log without its database is not thrown away', () => {
  const file = freshFile();
  writeFileSync(`${file}-wal`, 'the newest part of a history');
  refuses(() => openDatabase(file), /missing, but .*-wal is there/);
  assert.ok(existsSync(`${file}-wal`));
});

test('a schema that is newer, or other, than this program’s is refused', () => {
  const newer = freshFile();
  const { db, close } = openDatabase(newer);
  const { latest } = db.prepare<[], { latest: number }>('SELECT max(version) AS latest FROM migration').get() ?? {
    latest: 0,
  };
  db.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(latest + 1, 'later.sql', 'abc');
  close();
  refuses(() => openDatabase(newer), /newer zonelog \(schema \d+; this one knows up to \d+\)/);
  refuses(() => openReadOnly(newer), /newer zonelog/);

  const other = freshFile();
  const opened = openDatabase(other);
  opened.db.exec("UPDATE migration SET sha256 = 'abc' WHERE version = 1");
  opened.close();
  refuses(() => openDatabase(other), /another 0001_event_log.sql/);
});

test('a process that holds the database itself makes us say so', () => {
  const file = freshFile();
  openDatabase(file).close();
  const other = new Sqlite(file);
  other.pragma('locking_mode = EXCLUSIVE');
  other.exec('BEGIN EXCLUSIVE');
  refuses(() => openDatabase(file), /locked by another program/);
  other.close();
  openDatabase(file).close();
});
