/** What the guard held back: told of any moment, of single names and of the whole cluster. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openDatabase } from '../../src/database.ts';
import type { StanzaReason } from '../../src/history/answers.ts';
import { openHistory } from '../../src/history/questions.ts';
import type { DeletionsHeld, DeletionsReleased } from '../../src/ingest/event.ts';
import { packKeys } from '../../src/ingest/held-keys.ts';
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
import { runAt } from '../kit/command-run.ts';
import { START, StoredHistory } from '../kit/stored-history.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const NAMES = ['apps/a', 'apps/b', 'apps/c'];
const UNTIL = START + 3_600_000;
const NOW = START + 60_000;
const at = (batch: number) => new Date(START + (batch - 1) * 1000).toISOString();

function held(keys: readonly string[], until = UNTIL): DeletionsHeld {
  const told = { known: 3, count: keys.length, keys: packKeys(keys), percent: 50, until };
  return { kind: 'DeletionsHeld', cluster: EAST, key: 'Service', scope: '', ...told };
}

const ended: DeletionsReleased = { kind: 'DeletionsReleased', cluster: EAST, key: 'Service', scope: '', by: 'time' };

/** A log: its third batch is a list without any service, its fourth one without `a` and `b`; then `b` is seen again. */
function record(t: TestContext) {
  const file = `${temporaryFolder(t).path}/zonelog.db`;
  const database = openDatabase(file);
  const stored = new StoredHistory(database.db);
  stored.append([
    planApplied(zoneDefinition('cluster.local', [stanza(EAST)])),
    namespace(EAST, 'apps'),
    ...synced(EAST),
  ]);
  stored.append(NAMES.map((key, i) => service(EAST, key, [`10.96.0.${i + 1}`])));
  stored.append([held(NAMES)]);
  stored.append([held(['apps/a', 'apps/b'])]);
  stored.append([{ ...ended, by: 'shown', keys: ['apps/b'] }]);
  const opened = openHistory(file, { now: () => NOW });
  assert.ok(opened.ok);
  t.after(() => {
    opened.value.close();
    database.close();
  });
  const reason = (service: string, moment?: string): StanzaReason => {
    const answered = opened.value.why({ name: `${service}.apps.svc.cluster.local`, at: moment });
    assert.ok(answered.ok);
    return answered.value[0]?.stanzas[0] as StanzaReason;
  };
  const overview = () => {
    const answered = opened.value.overview();
    assert.ok(answered.ok);
    return answered.value.clusters[0]?.held;
  };
  return { file, stored, reason, overview };
}

test('why tells of a name whose deletion is held: since when, by which guard, and what ends it', (t) => {
  const { reason } = record(t);
  const { verdict, held: text = '' } = reason('a');
  assert.equal(verdict, 'has');
  assert.ok(text.includes(`the deletion of Service apps/a since ${at(3)}`), text);
  assert.ok(text.includes('a list lacked 2 of 3, more than 50%'), text);
  assert.ok(text.includes(`'zonelog release', or at ${new Date(UNTIL).toISOString()}`), text);
});

test('nothing is told of names that are not held, or not yet, or not any more', (t) => {
  const { reason } = record(t);
  assert.equal(reason('c').held, undefined);
  assert.equal(reason('b').held, undefined);
  assert.equal(reason('a', at(2)).held, undefined);
  assert.match(reason('b', at(4)).held ?? '', /Service apps\/b since/);
  assert.match(reason('c', at(3)).held ?? '', /a list lacked 3 of 3/);
});

test('a deletion that the guard has let go says so', (t) => {
  const { stored, reason } = record(t);
  stored.append([ended, remove(EAST, 'Service', 'apps/a')]);
  const { verdict, held: text, events } = reason('a');
  assert.deepEqual([verdict, text], ['denies', undefined]);
  assert.deepEqual(
    events.map(({ event, detail }) => [event, detail]),
    [
      ['ServiceDeleted', undefined],
      ['DeletionsReleased', 'time'],
      ['NamespaceUpserted', undefined],
    ],
  );
});

test('the overview counts what is held', (t) => {
  const { stored, overview } = record(t);
  const until = new Date(UNTIL).toISOString();
  assert.deepEqual(overview(), { deletions: 1, kinds: ['Service'], since: at(3), until });
  stored.append([ended]);
  assert.equal(overview(), undefined);
});

test('what is held outlives snapshots, restarts, and the beginning of the log', (t) => {
  const { stored, reason, overview } = record(t);
  assert.ok(stored.snapshot());
  stored.restart();
  stored.append([service(EAST, 'apps/d', ['10.96.0.9'])]);
  stored.compact(5);
  const { held: text = '' } = reason('a');
  assert.ok(text.includes(`Service apps/a since ${at(5)} or before:`), text);
  assert.equal(reason('b').held, undefined);
  assert.equal(overview()?.deletions, 1);
});

test('commands tell of it too', async (t) => {
  const { file } = record(t);
  const name = 'a.apps.svc.cluster.local';
  const why = await runAt(NOW, ['why', name, '-db', file]);
  assert.equal(why.code, 0);
  assert.match(why.out, /^ {4}the guard holds the deletion of Service apps\/a since/m);
  const events = await runAt(NOW, ['events', '--kind', 'guard', '-db', file]);
  assert.deepEqual(
    events.out.split('\n').flatMap((line) => line.match(/Deletions\w+ +Service(?: \(.*?\))?/) ?? []),
    [
      'DeletionsHeld      Service (3 of 3)',
      'DeletionsHeld      Service (2 of 3)',
      'DeletionsReleased  Service (shown, 1)',
    ],
  );
  const verified = await runAt(NOW, ['verify', '-db', file]);
  assert.equal(verified.code, 0, verified.err);
});

test('a slice takes what is held along, from the middle of it too', async (t) => {
  const { file } = record(t);
  const why = ['why', 'a.apps.svc.cluster.local', '-o', 'json', '-db'];
  const { out: whole } = await runAt(NOW, [...why, file]);
  for (const [i, from] of [[], ['--from', at(5)]].entries()) {
    const exported = await runAt(NOW, ['export', ...from, '-db', file]);
    assert.deepEqual([exported.code, exported.err], [0, '']);
    const copy = `${file}.${i}`;
    const { code, err } = await runAt(NOW, ['import', '-', '-db', copy], [exported.out]);
    assert.deepEqual([code, err], [0, '']);
    const { out } = await runAt(NOW, [...why, copy]);
    const held = JSON.parse(out)[0].stanzas[0].held as string;
    if (i === 0) assert.equal(out, whole);
    else assert.ok(held.includes(`Service apps/a since ${at(4)} or before:`), held);
    assert.equal((await runAt(NOW, ['verify', '-db', copy])).code, 0);
  }
});

test('a program from before there were such events refuses them with a word, not as damage of its own', (t) => {
  const { stored } = record(t);
  const shapes = stored.db
    .prepare<[], { kind: string; schema: number }>(
      `SELECT DISTINCT word.text AS kind, event.schema FROM event JOIN word ON word.id = event.kind
       WHERE word.text LIKE 'Deletions%' OR word.text LIKE 'Service%' ORDER BY 1`,
    )
    .all();
  assert.deepEqual(shapes, [
    { kind: 'DeletionsHeld', schema: 2 },
    { kind: 'DeletionsReleased', schema: 2 },
    { kind: 'ServiceUpserted', schema: 1 },
  ]);
});
