/** Schemas of old versions come up to date, or stay as they were. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openDatabase, openReadOnly } from '../../src/database.ts';

const migrations = fileURLToPath(new URL('../../migrations/', import.meta.url));
const names = readdirSync(migrations).sort();
const directory = mkdtempSync(join(tmpdir(), 'zonelog-migration-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** A directory with the first migrations only. */
function upTo(count: number): string {
  const folder = join(directory, `up-to-${count}`);
  for (const name of names.slice(0, count)) cpSync(join(migrations, name), join(folder, name));
  return folder;
}

test('migrations are numbered without gaps', () => {
  assert.deepEqual(
    names.map((name) => Number(name.slice(0, 4))),
    names.map((_, index) => index + 1),
  );
});

for (let version = 1; version <= names.length; version++) {
  test(`a database of schema ${version} comes up to date with all that is in it`, () => {
    const file = join(directory, `from-${version}.db`);
    const old = openDatabase(file, upTo(version));
    old.db.exec("INSERT INTO word (text) VALUES ('kept')");
    old.close();
    if (version < names.length) {
      assert.throws(() => openReadOnly(file), { name: 'OperatorError', message: /older than this program's/ });
    }
    const { db, close } = openDatabase(file);
    const fresh = openDatabase(':memory:');
    const schema = 'SELECT type, name, sql FROM sqlite_schema ORDER BY name';
    assert.deepEqual(db.prepare(schema).all(), fresh.db.prepare(schema).all());
    assert.deepEqual(db.prepare('SELECT text FROM word').pluck().all(), ['kept']);
    assert.deepEqual(db.prepare('SELECT name FROM migration ORDER BY version').pluck().all(), names);
    assert.deepEqual(db.pragma('foreign_key_check'), []);
    fresh.close();
    close();
    openReadOnly(file).close();
  });
}

test('a program that knows less than the database leaves it alone', () => {
  const file = join(directory, 'newer.db');
  const next = upTo(names.length);
  writeFileSync(
    join(next, `${String(names.length + 1).padStart(4, '0')}_next.sql`),
    'CREATE TABLE next (x) STRICT;'.replace('(x)', '(x TEXT)'),
  );
  openDatabase(file, next).close();
  assert.throws(() => openDatabase(file), { name: 'OperatorError', message: /newer zonelog/ });
  openDatabase(file, next).close();
});

test('a migration that fails is undone as a whole, and the next start tries again', () => {
  const file = join(directory, 'failing.db');
  const folder = join(directory, 'failing');
  cpSync(upTo(names.length), folder, { recursive: true });
  for (const name of readdirSync(folder)) if (!names.includes(name)) rmSync(join(folder, name));
  const next = join(folder, `${String(names.length + 1).padStart(4, '0')}_next.sql`);
  writeFileSync(next, 'CREATE TABLE next (x TEXT) STRICT; INSERT INTO nowhere VALUES (1);');
  assert.throws(() => openDatabase(file, folder));
  writeFileSync(next, 'CREATE TABLE next (x TEXT) STRICT;');
  const { db, close } = openDatabase(file, folder);
  assert.ok(db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'next'").get());
  close();
});

test('an installation without its migrations says so', () => {
  const folder = join(directory, 'gap');
  writeFileSync(join(directory, 'x'), '');
  cpSync(join(migrations, names[0] ?? ''), join(folder, '0002_late.sql'));
  assert.throws(() => openDatabase(join(directory, 'gap.db'), folder), {
    name: 'OperatorError',
    message: /incomplete/,
  });
});
