/** The commands that ask the history: what they print, and how they end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { COMMANDS } from '../../src/cli/names.ts';
import { yamlText } from '../../src/cli/output.ts';
import { runCommand } from '../../src/cli.ts';
import { openDatabase } from '../../src/database.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import {
  EAST,
  namespace,
  planApplied,
  remove,
  service,
  stanza,
  synced,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { START } from '../kit/given.ts';
import { type Recording, recordTo } from '../kit/recorded.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const WEB = 'web.apps.svc.cluster.local';
const SECOND = Math.floor(START / 1000);
const NOW = START + 3_600_000;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  argv: readonly string[],
  interrupted: () => Promise<void> = () => new Promise(() => {}),
): Promise<Ran> {
  let [out, err] = ['', ''];
  const into = (add: (text: string) => void) =>
    new Writable({
      write(chunk, _encoding, done) {
        add(String(chunk));
        done();
      },
    });
  const code = await runCommand(argv, {
    env: {},
    stdin: () => Readable.from([]),
    stdout: into((text) => {
      out += text;
    }),
    stderr: into((text) => {
      err += text;
    }),
    now: () => NOW,
    interrupted,
  });
  return { code, out, err };
}

function caused(event: ClusterEvent, manager: string): ClusterEvent {
  return { ...event, cause: { manager, resourceVersion: '7' } } as ClusterEvent;
}

function recorded(t: TestContext): { db: string; recording: Recording } {
  const db = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(db);
  t.after(() => recording.database.close());
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))]);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST)]);
  recording.record([caused(service(EAST, 'apps/web', ['10.0.0.1']), 'kubectl')]);
  recording.record([caused(service(EAST, 'apps/web', ['10.0.0.2']), 'evil\u001b[2J\u202e')]);
  recording.record([remove(EAST, 'Service', 'apps/web')]);
  return { db, recording };
}

test('history prints every value with its cause, the newest last', async (t) => {
  const { db } = recorded(t);
  const { code, out, err } = await run(['history', WEB, 'a', '-db', db]);
  assert.deepEqual([code, err], [0, '']);
  assert.deepEqual(out.match(/^ {2}[-+].*$/gm), [
    `  + ${WEB}.\t5\tIN\tA\t10.0.0.1`,
    `  - ${WEB}.\t5\tIN\tA\t10.0.0.1`,
    `  + ${WEB}.\t5\tIN\tA\t10.0.0.2`,
    `  - ${WEB}.\t5\tIN\tA\t10.0.0.2`,
  ]);
  assert.match(out, /because ServiceUpserted Service apps\/web in east resourceVersion 7 by kubectl/);
});

test('what was not found is told in a line beside the output', async (t) => {
  const { db } = recorded(t);
  const cases: readonly (readonly [words: readonly string[], line: RegExp])[] = [
    [
      ['history', 'wep.apps.svc.cluster.local'],
      /^wep\.apps\.svc\.cluster\.local had no record since the log begins; .*\n$/,
    ],
    [['history', WEB, 'aaaa'], /had no AAAA record since/],
    [['history', 'wep.apps.svc.cluster.local', '--from', '-1m'], /had no record in that time\n$/],
    [['events', '--namespace', 'nope'], /^the log has no such event\n$/],
    [['events', '--kind', 'zone'], /^the log has no such event\n$/],
    [['tail', '--no-follow'], /^nothing was published since now: --since begins earlier\n$/],
  ];
  for (const [words, line] of cases) {
    const { code, out, err } = await run([...words, '-db', db]);
    assert.deepEqual([code, out], [1, ''], words.join(' '));
    assert.match(err, line);
  }
  assert.deepEqual((await run(['history', 'wep.apps.svc.cluster.local', '-o', 'json', '-db', db])).out, '[]\n');
});

test('a value that is older than what is left of the log says so', async (t) => {
  const { db, recording } = recorded(t);
  recording.record([caused(service(EAST, 'apps/web', ['10.0.0.3']), 'kubectl')]);
  recording.record([caused(service(EAST, 'apps/other', ['10.0.0.9']), 'kubectl')], NOW - 60_000);
  recording.record([caused(service(EAST, 'apps/web', ['10.0.0.4']), 'kubectl')], NOW - 1_000);
  recording.database.close();
  assert.equal((await run(['compact', '--keep', '1m', '-db', db])).code, 0);
  const { out } = await run(['history', WEB, 'A', '-db', db]);
  assert.match(out, /^before \d{4}-.* until .*\n {4}web.*10\.0\.0\.3\n {4}it was so already where the log begins/);
  assert.match((await run(['history', WEB, 'A', '-o', 'zone', '-db', db])).out, /^; before /);
  const gone = await run(['zone', 'cluster.local', '--at', String(SECOND + 2), '-db', db]);
  assert.equal(gone.code, 2);
  assert.match(
    gone.err,
    /^serial \d+ is before the log, which was cut and now begins at \S+ with serial \d+, or was never published\n$/,
  );
});

test('text from clusters reaches no terminal as it is, in any format', async (t) => {
  const { db } = recorded(t);
  for (const format of ['table', 'json', 'yaml']) {
    for (const command of [
      ['history', WEB],
      ['events'],
      ['tail', '--since', '-2h', '--no-follow'],
      ['why', WEB, '--at', String(SECOND + 3)],
    ]) {
      const { out } = await run([...command, '-db', db, '-o', format]);
      assert.match(out, /evil/);
      assert.doesNotMatch(out, /(?![\n\t])[\p{Cc}\p{Cf}]/u, `${command[0]} -o ${format}`);
    }
  }
});

test('json is json, and yaml the same in yaml', async (t) => {
  const { db } = recorded(t);
  const zone = JSON.parse(
    (await run(['zone', 'cluster.local', '--at', String(SECOND + 3), '-o', 'json', '-db', db])).out,
  );
  assert.equal(zone.version.serial, SECOND + 3);
  assert.ok(
    zone.records.some(({ owner, data }: { owner: string; data: string }) => owner === `${WEB}.` && data === '10.0.0.2'),
  );
  const [line] = (await run(['events', '-o', 'json', '-db', db])).out.split('\n');
  assert.equal(JSON.parse(line ?? '').event, 'PlanApplied');
  const yaml = load((await run(['zone', 'cluster.local', '--at', String(SECOND + 3), '-o', 'yaml', '-db', db])).out);
  assert.deepEqual(yaml, zone);
  const answers = ['json', 'yaml'].map(
    async (format) => (await run(['who', '10.0.0.2', '--at', String(SECOND + 3), '-o', format, '-db', db])).out,
  );
  const [asJson, asYaml] = await Promise.all(answers);
  assert.deepEqual(load(asYaml ?? ''), JSON.parse(asJson ?? ''));
});

test('any data comes back from its yaml', () => {
  fc.assert(
    fc.property(fc.json(), (text) =>
      assert.deepEqual(load(yamlText(JSON.parse(text))), JSON.parse(JSON.stringify(JSON.parse(text)))),
    ),
  );
});

test('exit codes: found, none, asked wrongly, no log', async (t) => {
  const { db, recording } = recorded(t);
  const code = async (...argv: string[]) => (await run([...argv, '-db', db])).code;
  assert.equal(await code('why', WEB, '--at', String(SECOND + 3)), 0);
  assert.equal(await code('why', WEB), 1);
  assert.equal(await code('history', `nothing.apps.svc.cluster.local`), 1);
  assert.equal(await code('who', '10.9.9.9'), 1);
  assert.equal(await code('diff', 'cluster.local', String(SECOND + 3), String(SECOND + 3)), 1);
  assert.equal(await code('diff', 'cluster.local', String(SECOND + 2), String(SECOND + 3)), 0);
  assert.equal(await code('events', '--namespace', 'nothing'), 1);
  assert.equal(await code('tail', '--no-follow'), 1);
  assert.equal(await code('zone', 'cluster.local', '--at', '2099-01-01T00:00:00Z'), 2);
  assert.equal(await code('zone', 'cluster.local', '--at', '-2h'), 2);
  assert.equal(await code('zone', 'example.org'), 2);
  assert.equal(await code('zone', 'cluster.local', '--of', 'x'), 2);
  const folder = temporaryFolder(t);
  for (const file of [
    path.join(folder.path, 'missing.db'),
    folder.write('text.db', 'this is no database, however long it goes on'),
  ]) {
    const { code: ended, out, err } = await run(['zone', 'cluster.local', '-db', file]);
    assert.deepEqual([ended, out, err.trimEnd().split('\n').length], [3, '', 1], err);
  }
  recording.database.db.pragma('wal_checkpoint(TRUNCATE)');
  const whole = readFileSync(db);
  for (const share of [0.3, 0.7]) {
    const cut = path.join(folder.path, `cut-${share}.db`);
    writeFileSync(cut, whole.subarray(0, Math.floor(whole.length * share)));
    const { code: ended, err } = await run(['zone', 'cluster.local', '-db', cut]);
    assert.deepEqual([ended, err.trimEnd().split('\n').length], [3, 1], err);
    assert.deepEqual(readFileSync(cut), whole.subarray(0, Math.floor(whole.length * share)), 'nothing is written');
  }
});

test('a log without events, and one of a newer program, are told in a line and left as they are', async (t) => {
  const folder = temporaryFolder(t).path;
  const empty = path.join(folder, 'empty.db');
  const newer = path.join(folder, 'newer.db');
  openDatabase(empty).close();
  const { db, close } = openDatabase(newer);
  db.exec('INSERT INTO migration (version, name, sha256) SELECT max(version) + 1, name, sha256 FROM migration');
  close();
  for (const file of [empty, newer]) {
    const before = readFileSync(file);
    for (const words of [['history', WEB], ['why', WEB], ['zone', 'cluster.local'], ['who', '10.0.0.1'], ['events']]) {
      const { code, out, err } = await run([...words, '-db', file]);
      assert.deepEqual([code, out, err.trimEnd().split('\n').length], [3, '', 1], `${words[0]}: ${err}`);
    }
    assert.deepEqual(readFileSync(file), before);
  }
});

test('tail prints changes as they are published, until it is interrupted', async (t) => {
  const { db, recording } = recorded(t);
  let interrupt = () => {};
  const interrupted = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const running = run(
    ['tail', '--zone', 'cluster.local', '--since', '-2h', '-o', 'json', '-db', db, '--count', '5'],
    () => interrupted,
  );
  recording.record([service(EAST, 'apps/web', ['10.0.0.3'])]);
  const { code, out } = await running;
  assert.equal(code, 0);
  const serials = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).version.serial - SECOND);
  assert.deepEqual(serials, [1, 2, 3, 4, 5]);
  const waiting = run(['tail', '-db', db], () => interrupted);
  interrupt();
  assert.deepEqual(await waiting, { code: 0, out: '', err: '' });
});

test('every command is known to main, has an example, and is completed', async () => {
  const { out } = await run(['help']);
  const listed = [...out.matchAll(/^ {2}([a-z]+)/gm)].map(([, word]) => word as string);
  assert.deepEqual(new Set(listed), new Set(COMMANDS));
  const { out: bash } = await run(['completion', 'bash']);
  for (const name of COMMANDS) {
    if (name === 'help') continue;
    const help = await run([name, '--help']);
    assert.equal(help.code, 0);
    assert.match(help.out, new RegExp(`^Example: .*zonelog ${name}`, 'm'));
    assert.match(bash, new RegExp(`'${name}'\\)`));
  }
});

test('bash completes commands, options and their values', async (t) => {
  const { out: script } = await run(['completion', 'bash']);
  const file = temporaryFolder(t).write('completion.bash', script);
  const complete = (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const source = `. ${file}; COMP_WORDS=(zonelog ${list}); COMP_CWORD=${words.length}; _zonelog; echo "\${COMPREPLY[*]}"`;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', source], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout.trim().split(' ');
  };
  assert.deepEqual(complete('hist'), ['history']);
  assert.deepEqual(complete('history', 'web.apps', '--f'), ['--from']);
  assert.deepEqual(complete('zone', 'cluster.local', '-o', ''), ['table', 'json', 'yaml', 'zone']);
  assert.deepEqual(complete('completion', ''), ['bash', 'zsh', 'fish']);
});

test('zsh and fish are told of every command and its options', async () => {
  for (const shell of ['zsh', 'fish']) {
    const { code, out } = await run(['completion', shell]);
    assert.equal(code, 0);
    for (const name of COMMANDS)
      if (name !== 'help') assert.match(out, new RegExp(`\\b${name}\\b`), `${shell}: ${name}`);
    assert.match(out, shell === 'zsh' ? /'--from\[/ : /-l from\b/);
  }
});
