/** What can't be asked: each command says so in one line, with the exit code that scripts can go by, and writes nothing. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { openDatabase } from '../../src/database.ts';
import { runAt } from '../kit/command-run.ts';
import { recordShop, SHOP_NOW } from '../kit/shop.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const NAME = 'cart.shop.svc.cluster.local';

/** Every command that reads a log, with words that are right. */
const QUESTIONS: readonly (readonly string[])[] = [
  ['history', NAME],
  ['why', NAME],
  ['zone', 'cluster.local'],
  ['diff', 'cluster.local', '-10m'],
  ['who', '10.244.1.7'],
  ['tail', '--no-follow', '--since', '-20m'],
  ['events'],
  ['export'],
  ['verify'],
  ['backup', 'COPY'],
  ['compact', '--keep', '1h'],
  ['plan', '-f', 'MANIFEST'],
];

interface Place {
  readonly folder: string;
  readonly db: string;
  ask(words: readonly string[], db?: string): ReturnType<typeof runAt>;
  /** Names and hashes of all files but those through which SQLite shares one with other readers. */
  content(): string[];
}

function recorded(t: TestContext): Place {
  const root = temporaryFolder(t);
  const folder = path.join(root.path, 'log');
  mkdirSync(folder);
  const manifest = root.write('manifest.yaml', '{apiVersion: v1, kind: Namespace, metadata: {name: more}}');
  const db = path.join(folder, 'zonelog.db');
  const shop = recordShop(db);
  shop.database.db.pragma('wal_checkpoint(TRUNCATE)');
  shop.database.close();
  return {
    folder,
    db,
    ask(words, file = db) {
      const put = (word: string) => word.replace('COPY', path.join(root.path, 'copy.db')).replace('MANIFEST', manifest);
      return runAt(SHOP_NOW, [...words.map(put), '-db', file]);
    },
    content: () =>
      readdirSync(root.path, { recursive: true, encoding: 'utf8' })
        .filter((name) => !/-(?:wal|shm)$|^log$/.test(name))
        .sort()
        .map(
          (name) =>
            `${name} ${createHash('sha256')
              .update(readFileSync(path.join(root.path, name)))
              .digest('hex')}`,
        ),
  };
}

/** One line on the error stream, nothing else anywhere. */
async function refuses(place: Place, words: readonly string[], codes: readonly number[], db?: string): Promise<string> {
  const before = place.content();
  const { code, out, err } = await place.ask(words, db);
  const what = `${words.join(' ')}: ${code} ${out}${err}`;
  assert.ok(codes.includes(code), what);
  assert.equal(out, '', what);
  assert.match(err, /^[^\n]+\n$/, what);
  assert.deepEqual(place.content(), before, what);
  return err;
}

test('each of these questions has an answer, so that what is refused below is refused for its reason', async (t) => {
  const place = recorded(t);
  for (const words of QUESTIONS) {
    const { code, err } = await place.ask(words);
    assert.ok(code === 0 || (code === 1 && err === ''), `${words.join(' ')}: ${code} ${err}`);
  }
});

/** Files that are none of our logs, or not whole. */
const FILES: readonly (readonly [what: string, make: (file: string, log: string) => void])[] = [
  ['no such file', () => {}],
  ['a folder', (file) => mkdirSync(file)],
  ['an empty file', (file) => writeFileSync(file, '')],
  ['text', (file) => writeFileSync(file, 'zones: none\n'.repeat(1_000))],
  ["another program's database", (file) => new Sqlite(file).exec('CREATE TABLE t (x)').close()],
  ['a database of a newer version', newer],
  ['a log without its end', (file, log) => cut(file, log, 0.6)],
  ['a log of which only the beginning is left', (file, log) => cut(file, log, 0.2)],
  ['a log that ends within a page', (file, log) => cut(file, log, 0.99)],
  ['a log of which a write-ahead log is left only', (file) => writeFileSync(`${file}-wal`, 'x'.repeat(5_000))],
];

function newer(file: string): void {
  const { db, close } = openDatabase(file);
  db.exec('INSERT INTO migration (version, name, sha256) SELECT max(version) + 1, name, sha256 FROM migration');
  close();
}

function cut(file: string, log: string, share: number): void {
  copyFileSync(log, file);
  truncateSync(file, Math.floor(readFileSync(log).length * share));
}

for (const [what, make] of FILES) {
  test(`${what}: told by every command as what it is`, async (t) => {
    const place = recorded(t);
    const file = path.join(place.folder, 'other.db');
    for (const words of QUESTIONS) {
      for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${file}${end}`, { force: true, recursive: true });
      make(file, place.db);
      const isFolder = what === 'a folder';
      const err = isFolder ? await refusesFolder(place, words, file) : await refuses(place, words, [3], file);
      assert.ok(err.includes('other.db'), err);
    }
  });
}

/** A folder has no content that could be compared. */
async function refusesFolder(place: Place, words: readonly string[], file: string): Promise<string> {
  const { code, out, err } = await place.ask(words, file);
  assert.deepEqual([code, out], [3, ''], `${words.join(' ')}: ${err}`);
  assert.match(err, /^[^\n]+\n$/);
  assert.deepEqual(readdirSync(file), []);
  return err;
}

/** Commands with a moment in the place of `AT`. */
const AT_MOMENTS: readonly (readonly string[])[] = [
  ['history', NAME, '--from', 'AT'],
  ['history', NAME, '--to', 'AT'],
  ['why', NAME, '--at', 'AT'],
  ['zone', 'cluster.local', '--at', 'AT'],
  ['diff', 'cluster.local', 'AT'],
  ['diff', 'cluster.local', '-10m', 'AT'],
  ['who', '10.244.1.7', '--at', 'AT'],
  ['tail', '--no-follow', '--since', 'AT'],
  ['events', '--from', 'AT'],
  ['events', '--to', 'AT'],
  ['export', '--from', 'AT'],
  ['export', '--to', 'AT'],
];

const MOMENTS: readonly (readonly [text: string, message: RegExp])[] = [
  ['2026-11-22T00:00:00Z', /is in the future/],
  ['9999-12-31T23:59:59Z', /is in the future/],
  ['17', /serial 17 was never published/],
  ['4294967295', /serial 4294967295 was never published/],
  ['4294967296', /no moment/],
  ['yesterday', /no moment/],
  ['2026-02-30T00:00:00Z', /no moment/],
  ['2026-11-21T02:45:00', /no moment without a time zone: 2026-11-21T02:45:00Z is UTC/],
  ['2026-11-21 02:45', /no moment without a time zone/],
  ['2026-11-21', /no moment: RFC 3339/],
  ['-15', /no moment/],
  ['-1y', /no moment/],
  ['a\nb\u001b[2J', /"a\\nb\\u001b\[2J": no moment/],
];

test('moments that are none, have not come, or never were', async (t) => {
  const place = recorded(t);
  for (const words of AT_MOMENTS) {
    for (const [text, message] of MOMENTS) {
      const asked = words.map((word) => (word === 'AT' ? text : word));
      assert.match(await refuses(place, asked, [2]), message, asked.join(' '));
    }
  }
});

test('a moment before the log', async (t) => {
  const place = recorded(t);
  for (const words of AT_MOMENTS) {
    // Since then is since the beginning: there is nothing to guess.
    if (words.includes('--from') || words.includes('--since')) continue;
    const asked = words.map((word) => (word === 'AT' ? '2026-01-01T00:00:00Z' : word));
    assert.match(await refuses(place, asked, [2]), /is before the log, which begins at 2026-11-21T02:30:00/);
  }
});

test('a time that ends before it begins', async (t) => {
  const place = recorded(t);
  for (const words of [['history', NAME], ['events'], ['export']]) {
    const err = await refuses(place, [...words, '--from', '-10m', '--to', '-20m'], [2]);
    assert.match(err, /^(?:now)?-20m is before (?:now)?-10m\n$/, words.join(' '));
    const { code } = await place.ask([...words, '--from', '-1s', '--to', 'now']);
    assert.notEqual(code, 2, words.join(' '));
  }
});

test('names, types, zones, addresses and numbers that are none, or are not here', async (t) => {
  const place = recorded(t);
  const long = `${'a'.repeat(64)}.cluster.local`;
  const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
    [['history', 'www.example.org'], /is in no zone/],
    [['why', 'www.example.org'], /is in no zone/],
    [['history', long], /not a domain name/],
    [['why', 'a..b'], /not a domain name/],
    [['history', NAME, 'NONE'], /not a record type/],
    [['why', NAME, 'TYPE70000'], /not a record type/],
    [['history', NAME, '--zone', 'example.org'], /is in no zone/],
    [['why', NAME, '--zone', '..'], /is in no zone|not a domain name/],
    [['zone', 'example.org'], /example\.org\. was never a zone here/],
    [['zone', 'a..b'], /not a domain name/],
    [['zone', 'cluster.local#2'], /was never a zone here/],
    [['diff', 'example.org', '-10m'], /was never a zone here/],
    [['tail', '--no-follow', '--zone', 'example.org'], /was never a zone here/],
    [['export', '--zone', 'example.org'], /was never a zone here/],
    [['who', '10.244.1'], /no IP address/],
    [['who', 'cart'], /no IP address/],
    [['events', '--kind', 'Sevice'], /no kind/],
    [['events', '--limit', '0'], /limit/],
    [['events', '--limit', 'x'], /limit/],
    [['history', NAME, '--limit', '-1'], /limit/],
    [['compact', '--keep', 'x'], /a duration is wanted/],
    [['plan', '-f', 'none.yaml'], /none\.yaml/],
    [['plan', '-f', 'MANIFEST', '--cluster', 'nowhere'], /no such cluster/],
  ];
  for (const [words, message] of cases) {
    const err = await refuses(place, words, [2]);
    assert.match(err, message, words.join(' '));
  }
});
