/** When the log is compacted, up to where, and what becomes of it. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CompactionThreadData, FromCompaction } from '../../src/compose/compaction-thread.ts';
import { createRetention, type Retention, type RetentionOptions } from '../../src/compose/retention.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import type { Logger } from '../../src/logger.ts';
import { compact } from '../../src/retention/compaction.ts';
import { dueCompaction, type Keeping, sizeText, usedOctets } from '../../src/retention/policy.ts';
import { verifyDatabase } from '../../src/retention/verify.ts';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { START } from '../kit/given.ts';
import { type Recording, recordTo } from '../kit/recorded.ts';
import { StoredHistory } from '../kit/stored-history.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOTHING: Keeping = { retain: undefined, maxSize: undefined };

/** A log of a batch each hour, from START on. */
function hourly(file: string, hours: number): Recording {
  const recording = recordTo(file);
  // Nobody pulls the plug of a test.
  recording.database.db.pragma('synchronous = OFF');
  recording.record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))], START);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST)], START + HOUR);
  for (let i = 2; i < hours; i++)
    recording.record([service(EAST, 'apps/web', [`10.${i >> 8}.${i & 255}.1`])], START + i * HOUR);
  return recording;
}

function keep(retain: number, text: string): Keeping {
  return { retain: { value: retain, text }, maxSize: undefined };
}

function logTo(lines: string[]): Logger {
  const say = (level: string) => (line: string) => {
    lines.push(`${level}: ${line}`);
  };
  const logger = { debug: say('debug'), info: say('info'), warning: say('warning'), error: say('error') };
  return { ...logger, fatal: say('fatal'), forPlugin: () => logTo(lines) } as unknown as Logger;
}

interface Rig {
  readonly retention: Retention;
  readonly recording: Recording;
  readonly lines: string[];
}

function rig(t: TestContext, hours: number, more: Partial<RetentionOptions> = {}): Rig {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = hourly(file, hours);
  t.after(() => recording.database.close());
  const lines: string[] = [];
  const retention = createRetention({
    db: recording.database.db,
    file,
    clock: () => START + hours * HOUR,
    logger: logTo(lines),
    passed: () => recording.projector.batch,
    ...more,
  });
  return { retention, recording, lines };
}

test('what is older than retain is due, once it is worth a base', () => {
  const { database } = hourly(':memory:', 100);
  const { db } = database;
  const end = START + 99 * HOUR;
  assert.equal(dueCompaction(db, NOTHING, end, 100), undefined);
  assert.equal(dueCompaction(db, keep(DAY * 30, '30d'), end, 100), undefined);
  assert.deepEqual(dueCompaction(db, keep(DAY, '1d'), end, 100), { until: 76, reason: 'retain 1d' });
  assert.deepEqual(dueCompaction(db, keep(DAY, '1d'), end, 50), { until: 50, reason: 'retain 1d' });
  assert.equal(dueCompaction(db, keep(99 * HOUR, '99h'), end, 100), undefined, 'one batch is not worth it');
  database.close();
});

test('a database that is too large loses more than retain would take', () => {
  const { database } = hourly(':memory:', 400);
  const { db } = database;
  const size = usedOctets(db);
  const keeping = { ...keep(DAY * 10, '10d'), maxSize: { value: Math.floor(size / 2), text: 'half' } };
  const due = dueCompaction(db, keeping, START + 400 * HOUR, 400);
  assert.ok(due);
  assert.equal(due.octets, size);
  assert.equal(due.reason, 'max_size half');
  assert.ok(due.until > 160 && due.until < 400, String(due.until));
  assert.equal(
    dueCompaction(db, { ...keeping, maxSize: { value: size, text: 'whole' } }, START + 400 * HOUR, 400)?.reason,
    'retain 10d',
  );
  database.close();
});

test('sizes are told in powers of thousand', () => {
  assert.deepEqual([0, 999, 123_456, 2_000_000_000].map(sizeText), ['0.0 kB', '1.0 kB', '123.5 kB', '2.0 GB']);
});

test('a compaction beside the writer leaves a log that verifies, and says what it removed', async (t) => {
  const { retention, recording, lines } = rig(t, 100);
  const { db } = recording.database;
  retention.configure(keep(DAY, '1d'));
  await retention.check();
  assert.equal(windowStart(db).batch, 77);
  assert.equal(db.prepare('SELECT min(batch) FROM batch').pluck().get(), 78);
  assert.match(lines.join('\n'), /^info: compaction \(retain 1d\): \d+ events removed, the log begins at 2026/);
  recording.record([service(EAST, 'apps/late', ['10.9.9.9'])], START + 101 * HOUR);
  const verified = verifyDatabase(db);
  assert.ok(verified.ok, JSON.stringify(verified));
  const value = (name: string) => retention.metrics().find((family) => family.name === name)?.samples[0]?.value;
  assert.equal(value('zonelog_log_compactions_total'), 1);
  assert.equal(value('zonelog_log_start_timestamp_seconds'), (START + 76 * HOUR) / 1000);
  await retention.check();
  assert.equal(value('zonelog_log_compactions_total'), 1, 'nothing more was due');
  await retention.stop();
});

test('batches that a reader of the log has still to fold stay', async (t) => {
  const { retention, recording } = rig(t, 50, { passed: () => 10 });
  assert.deepEqual((await retention.compact(0, 'a test')).isDone, true);
  assert.equal(windowStart(recording.database.db).batch, 10);
  await retention.stop();
});

test('a failure is told once, counted each time, and tried again', async (t) => {
  const outcomes: FromCompaction[] = [
    { kind: 'failed', message: 'zonelog.db: database or disk is full' },
    { kind: 'failed', message: 'zonelog.db: database or disk is full' },
    { kind: 'done', removed: { events: 7, batches: 3, begins: START } },
  ];
  const started: CompactionThreadData[] = [];
  const { retention, lines } = rig(t, 100, {
    start: (data) => {
      started.push(data);
      const ended = outcomes.shift();
      assert.ok(ended);
      return { ended: Promise.resolve(ended), stop: () => {} };
    },
  });
  retention.configure(keep(DAY, '1d'));
  for (let i = 0; i < 3; i++) await retention.check();
  assert.deepEqual(
    lines.filter((line) => line.startsWith('error')),
    ['error: compaction: zonelog.db: database or disk is full'],
  );
  assert.equal(started.length, 3);
  const failures = retention.metrics().find(({ name }) => name === 'zonelog_log_compaction_failures_total');
  assert.equal(failures?.samples[0]?.value, 2);
  await retention.stop();
});

test('a stop ends a compaction between two steps; the next one goes on with what is left', async (t) => {
  const { retention, recording } = rig(t, 100);
  const asked = retention.compact(0, 'a test');
  await retention.stop();
  const outcome = await asked;
  const { db } = recording.database;
  if (!outcome.isDone) assert.equal(outcome.why, 'the server stops');
  const again = createRetention({
    ...{ db, file: db.name, logger: logTo([]) },
    clock: () => START + 100 * HOUR,
    passed: () => 100,
  });
  await again.compact(0, 'a test');
  assert.equal(db.prepare('SELECT count(*) FROM event').pluck().get(), 0);
  assert.ok(verifyDatabase(db).ok);
  await again.stop();
});

test('a disk that is full at any step ends a compaction, and nothing is lost', () => {
  for (let steps = 0; ; steps++) {
    const history = new StoredHistory();
    history.append([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)])), ...synced(EAST)]);
    for (let i = 0; i < 40; i++) {
      const names = Array.from({ length: 8 }, (_, k) => `apps/web-${i}-${k}`);
      history.append(names.map((name, k) => service(EAST, name, [`10.0.${i}.${k}`])));
    }
    const { db } = history;
    const compaction = () => compact(db, { until: 30, reason: 'a test', now: START });
    const begun = compaction();
    let isDone = false;
    for (let i = 0; i < steps && !isDone; i++) isDone = begun.next().done === true;
    if (isDone) return;
    db.pragma('max_page_count = 1');
    let failed: unknown;
    try {
      while (begun.next().done !== true);
    } catch (error) {
      failed = error;
    }
    if (failed !== undefined) assert.match(String((failed as { code?: unknown }).code), /^SQLITE_FULL/);
    else assert.ok(steps > 0, 'the first step writes');
    assert.ok(verifyDatabase(db).ok, `after ${steps} steps`);
    db.pragma('max_page_count = 100000');
    const again = compaction();
    while (again.next().done !== true);
    assert.equal(db.prepare('SELECT count(*) FROM batch WHERE batch <= 30').pluck().get(), 0);
    assert.ok(verifyDatabase(db).ok, `after ${steps} steps and the rest`);
    db.close();
  }
});
