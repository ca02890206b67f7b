/** The commands that look after the log: what they print, how they end, and that they leave a file alone that is no log. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { runAt } from '../kit/command-run.ts';
import { START } from '../kit/given.ts';
import { recordTo } from '../kit/recorded.ts';
import { type Folder, temporaryFolder } from '../kit/temporary.ts';

const HOUR = 3_600_000;
const NOW = START + 10 * HOUR;
const run = (...argv: string[]) => runAt(NOW, argv);

/** A log of five batches, an hour apart. */
function recorded(t: TestContext): { folder: Folder; db: string; head: string } {
  const folder = temporaryFolder(t);
  const db = path.join(folder.path, 'zonelog.db');
  const recording = recordTo(db);
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))], START);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST)], START + HOUR);
  for (let i = 1; i <= 3; i++) recording.record([service(EAST, 'apps/web', [`10.0.0.${i}`])], START + (i + 1) * HOUR);
  const head = recording.log.headHash;
  recording.database.close();
  return { folder, db, head };
}

test('verify tells the head of a whole log, and how many versions the replay gave', async (t) => {
  const { db, head } = recorded(t);
  const { code, out, err } = await run('verify', '-db', db);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, new RegExp(`in 5 batches, the chain is whole, head ${head}\n.*gives the 4 versions`));
});

test('verify names the first row that was altered', async (t) => {
  const { db } = recorded(t);
  const edited = new Sqlite(db);
  const triggers = edited.prepare("SELECT name, sql FROM sqlite_schema WHERE name = 'event_is_not_updated'").all();
  const [trigger] = triggers as { name: string; sql: string }[];
  assert.ok(trigger);
  edited.exec(`DROP TRIGGER ${trigger.name}`);
  edited.exec("UPDATE event SET body = replace(body, '10.0.0.2', '10.6.6.6')");
  edited.exec(trigger.sql);
  edited.close();
  const { code, out } = await run('verify', '-db', db);
  assert.equal(code, 1);
  assert.match(out, /broken at batch 4, event 7: its difference leads to other facts/);
});

/** Files that are no log of this program's version, and what is said of them. */
const UNUSABLE: readonly (readonly [string, (db: string) => void, RegExp])[] = [
  ['no file at all', () => {}, /there is no such file/],
  ['text', (file) => writeFileSync(file, 'zones: none\n'.repeat(100)), /not a SQLite database/],
  ['a database of another program', (file) => new Sqlite(file).exec('CREATE TABLE t (x)').close(), /another program/],
  [
    'a log of a newer version',
    (file) => {
      recordTo(file).database.close();
      const newer = new Sqlite(file);
      newer.exec("INSERT INTO migration (version, name, sha256) VALUES (9999, '9999_next.sql', 'x')");
      newer.close();
    },
    /newer zonelog/,
  ],
];

/** Names and hashes of all files, but for those through which SQLite shares a file with other readers. */
function contentOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !/-(wal|shm)$/.test(name))
    .sort()
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(path.join(folder, name)))
          .digest('hex')}`,
    );
}

/** Commands on a database. */
const COMMANDS: readonly (readonly string[])[] = [
  ['verify'],
  ['compact', '--keep', '1h'],
  ['backup', path.join(tmpdir(), 'no-such-folder', 'copy.db')],
  ['export'],
];

for (const [what, make, message] of UNUSABLE) {
  test(`${what}: one line, exit code 3, nothing written`, async (t) => {
    const folder = temporaryFolder(t);
    const file = path.join(folder.path, 'other.db');
    make(file);
    const content = () => contentOf(folder.path);
    const before = content();
    for (const command of COMMANDS) {
      const { code, out, err } = await run(...command, '-db', file);
      assert.deepEqual([code, out], [3, ''], command[0]);
      assert.match(err, message);
      assert.match(err, /^[^\n]*\n$/);
      assert.deepEqual(content(), before, command[0]);
    }
  });
}

test('a log that was cut short: one line, an exit code, nothing written', async (t) => {
  const { db, folder } = recorded(t);
  truncateSync(db, 4096 * 3);
  const before = contentOf(folder.path);
  for (const command of COMMANDS) {
    const { code, out, err } = await run(...command, '-db', db);
    assert.ok(code === 1 || code === 3, `${command[0]}: ${code}`);
    assert.match(out + err, /^[^\n]*\n$/);
    assert.deepEqual(contentOf(folder.path), before);
  }
});

test('compact keeps what is asked for, and says since when the log tells everything', async (t) => {
  const { db } = recorded(t);
  const { code, out, err } = await run('compact', '--keep', '8h', '-db', db);
  assert.deepEqual([code, err], [0, '']);
  assert.match(
    out,
    /: 6 events in 3 batches removed, the log begins at 2026-\d\d-\d\dT02:00:00\.000Z; .* are in use\n$/,
  );
  assert.match((await run('verify', '-db', db)).out, /in 2 batches, .*\nbegins at .*T02:00:00\.000Z, after batch 3/);
  const again = await run('compact', '--keep', '8h', '-db', db);
  assert.match(again.out, /nothing can be removed/);
});

test('what was removed is said to be, and what is left has its old answers', async (t) => {
  const { db } = recorded(t);
  const at = (hour: number) => new Date(START + hour * HOUR + 1000).toISOString();
  const ask = async (hour: number) => run('zone', 'cluster.local', '--at', at(hour), '-db', db);
  const before = [await ask(2), await ask(3), await ask(4)];
  assert.equal((await ask(1)).code, 0);
  await run('compact', '--keep', '8h', '-db', db);
  assert.deepEqual([await ask(2), await ask(3), await ask(4)], before);
  const gone = await ask(1);
  assert.deepEqual([gone.code, gone.out], [2, '']);
  assert.match(gone.err, /before the log, which was cut and now begins at .*T02:00:00/);
});

test('compact takes a duration only', async (t) => {
  const { db } = recorded(t);
  for (const keep of ['30', 'all', '-1h']) {
    const { code, err } = await run('compact', `--keep=${keep}`, '-db', db);
    assert.equal(code, 2);
    assert.match(err, /a duration is wanted: 30d, 1w, 12h/);
  }
});

test('a backup is a log of its own with the same head, and never takes the place of a file', async (t) => {
  const { db, folder, head } = recorded(t);
  const copy = path.join(folder.path, 'copy.db');
  const { code, out, err } = await run('backup', copy, '-db', db);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, new RegExp(`up to event \\d+ of .*, head ${head}\n$`));
  const verified = await run('verify', '-db', copy);
  assert.deepEqual([verified.code, verified.out.includes(head)], [0, true]);
  const before = contentOf(folder.path);
  const again = await run('backup', copy, '-db', db);
  assert.deepEqual([again.code, again.out], [2, '']);
  assert.match(again.err, /^[^\n]*is there already; give the backup another name\n$/);
  assert.deepEqual(contentOf(folder.path), before);
  const goneOn = recordTo(copy);
  goneOn.record([service(EAST, 'apps/web', ['10.0.0.9'])], START + 6 * HOUR);
  goneOn.database.close();
  assert.equal((await run('verify', '-db', copy)).code, 0);
});

test('a backup that can not be written leaves nothing', async (t) => {
  const { db, folder } = recorded(t);
  const before = contentOf(folder.path);
  await assert.rejects(run('backup', path.join(folder.path, 'none', 'copy.db'), '-db', db), { name: 'OperatorError' });
  assert.deepEqual(contentOf(folder.path), before);
});

test('export and import give the same log elsewhere, from any moment on', async (t) => {
  const { db, folder, head } = recorded(t);
  const at = (hour: number) => new Date(START + hour * HOUR).toISOString();
  const asked = ['zone', 'cluster.local', '--at', at(4)];
  for (const [i, options] of [[], ['--from', at(3)], ['--from', at(2), '--to', at(4)]].entries()) {
    const exported = await run('export', ...options, '-db', db);
    assert.deepEqual([exported.code, exported.err], [0, '']);
    const lines = folder.write(`slice-${i}.jsonl`, exported.out);
    const copy = path.join(folder.path, `copy-${i}.db`);
    const imported = await run('import', lines, '-db', copy);
    assert.deepEqual([imported.code, imported.err], [0, '']);
    assert.match(imported.out, new RegExp(`the same serials, head ${head}\n$`));
    assert.equal((await run('verify', '-db', copy)).code, 0);
    assert.deepEqual(await run(...asked, '-db', copy), await run(...asked, '-db', db));
    const piped = path.join(folder.path, `piped-${i}.db`);
    const cut = Math.floor(exported.out.length / 2);
    const pieces = [exported.out.slice(0, cut), exported.out.slice(cut)];
    assert.equal((await runAt(NOW, ['import', '-', '-db', piped], pieces)).code, 0);
  }
});

test('export takes serials, of one zone where several had them', async (t) => {
  const { db, folder } = recorded(t);
  const serials = (
    await run('tail', '--since', new Date(START).toISOString(), '--no-follow', '-o', 'json', '-db', db)
  ).out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).version.serial as number);
  const [, second = 0, third = 0] = serials;
  const exported = await run('export', '--from', String(second), '--to', String(third), '-db', db);
  assert.deepEqual([exported.code, exported.err], [0, '']);
  assert.deepEqual(
    await run('export', '--from', String(second), '--to', String(third), '--zone', 'cluster.local', '-db', db),
    exported,
  );
  const copy = path.join(folder.path, 'serials.db');
  assert.equal((await run('import', folder.write('serials.jsonl', exported.out), '-db', copy)).code, 0);
  for (const serial of [second, third]) {
    const asked = ['zone', 'cluster.local', '--at', String(serial)];
    assert.deepEqual(await run(...asked, '-db', copy), await run(...asked, '-db', db));
  }
  assert.equal((await run('diff', 'cluster.local', String(second), String(third), '-db', copy)).code, 0);
  assert.equal((await run('diff', 'cluster.local', String(second), String(serials.at(-1)), '-db', copy)).code, 2);
  const wrong = await run('export', '--from', String(third), '--to', String(second), '-db', db);
  assert.deepEqual([wrong.code, wrong.out, wrong.err], [2, '', `${second} is before ${third}\n`]);
  assert.equal((await run('export', '--zone', 'example.org', '-db', db)).code, 2);
});

test('a slice that is damaged, cut short or none at all gives one line, and no log', async (t) => {
  const { db, folder } = recorded(t);
  const whole = (await run('export', '-db', db)).out;
  const lines = whole.trimEnd().split('\n');
  const cases: [string, RegExp][] = [
    ['', /line 0: the slice was cut short/],
    ['{"zonelog":"slice"}\n', /line 1: a slice of a newer zonelog/],
    ['hello\n', /line 1: not what 'zonelog export' writes/],
    [lines.slice(0, -1).join('\n'), /line \d+: the slice was cut short/],
    [lines.slice(0, 4).concat('{').join('\n'), /line 5: no JSON object/],
    [whole.replace('10.0.0.3', '10.6.6.6'), /batch 5 is not what was hashed/],
    [lines.toSpliced(2, 1).join('\n'), /line 3: /],
  ];
  const copy = path.join(folder.path, 'copy.db');
  for (const [text, message] of cases) {
    const file = folder.write('slice.jsonl', text);
    const before = contentOf(folder.path);
    const { code, out, err } = await run('import', file, '-db', copy);
    assert.deepEqual([code, out], [1, ''], text.slice(0, 80));
    assert.match(err, message);
    assert.match(err, /^[^\n]*\n$/);
    assert.deepEqual(contentOf(folder.path), before);
  }
  const missing = await run('import', path.join(folder.path, 'none.jsonl'), '-db', copy);
  assert.deepEqual([missing.code, missing.out], [1, '']);
  assert.match(missing.err, /^[^\n]*no such file[^\n]*\n$/);
});

test('import never takes the place of a log', async (t) => {
  const { db, folder } = recorded(t);
  const lines = folder.write('slice.jsonl', (await run('export', '-db', db)).out);
  const before = contentOf(folder.path);
  const { code, err } = await run('import', lines, '-db', db);
  assert.equal(code, 2);
  assert.match(err, /is there already/);
  assert.deepEqual(contentOf(folder.path), before);
});

test('export says what it does not reach', async (t) => {
  const { db } = recorded(t);
  await run('compact', '--keep', '8h', '-db', db);
  const early = await run('export', '--from', new Date(START).toISOString(), '-db', db);
  assert.deepEqual([early.code, early.out], [2, '']);
  assert.match(early.err, /is before the log, which was cut and now begins at .*T02:00:00/);
  assert.equal((await run('export', '--from', '2999-01-01T00:00:00Z', '-db', db)).code, 2);
  assert.equal((await run('export', '--from', '17', '-db', db)).code, 2);
});
