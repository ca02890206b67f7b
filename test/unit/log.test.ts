import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Database, openDatabase, openReadOnly } from '../../src/database.ts';
import type {
  Batch,
  ClusterEvent,
  ClusterId,
  EndpointSliceFacts,
  FactsOf,
  ObjectKind,
} from '../../src/ingest/event.ts';
import { EventLog, type PreviousFacts } from '../../src/ingest/log.ts';
import { lastBatchAt, windowStart } from '../../src/ingest/log-window.ts';
import { findBrokenRemoval, type Removal, readRemovals, recordRemoval } from '../../src/ingest/removal.ts';

const A = 'alpha' as ClusterId;

const directory = mkdtempSync(join(tmpdir(), 'zonelog-log-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function sliceOf(addresses: readonly string[]): EndpointSliceFacts {
  return {
    endpoints: addresses.map((address) => ({ addresses: [address], pod: `web-${address.split('.').at(-1)}` })),
    ports: [{ name: 'http', port: 80, protocol: 'tcp' }],
    service: 'web',
  };
}

function sliceEvent(facts: EndpointSliceFacts, key = 'apps/web-x7k2p', resourceVersion = '1'): ClusterEvent {
  const cause = { manager: 'endpointslice-controller', resourceVersion };
  return { kind: 'EndpointSliceUpserted', object: 'EndpointSlice', cluster: A, key, facts, cause };
}

function deletion(key = 'apps/web-x7k2p'): ClusterEvent {
  return { kind: 'EndpointSliceDeleted', object: 'EndpointSlice', cluster: A, key, cause: {} };
}

const FIRST_GONE: Removal = {
  firstBatch: 1,
  lastBatch: 1,
  firstPosition: 1,
  lastPosition: 9,
  firstTime: 5_000,
  lastTime: 5_000,
  anchor: Buffer.alloc(32),
  base: Buffer.alloc(32),
  removedAt: 7_000,
  reason: 'a test',
};

const hundred = Array.from({ length: 100 }, (_, i) => `10.2.0.${i}`);

/** A log in memory, with a fold beside it. */
function freshLog(db: Database = openDatabase(':memory:').db) {
  const log = new EventLog(db);
  const facts = new Map<string, FactsOf[ObjectKind]>();
  const previous: PreviousFacts = (cluster, kind, key) => facts.get(`${cluster} ${kind} ${key}`);
  const append = (events: readonly ClusterEvent[], time = 1_000): Batch => {
    const batch = log.append(events, [], time, previous);
    assert.ok(batch.ok);
    for (const event of events) {
      if (!('object' in event)) continue;
      const name = `${event.cluster} ${event.object} ${event.key}`;
      if ('facts' in event) facts.set(name, event.facts);
      else facts.delete(name);
    }
    return batch.value;
  };
  return { db, log, append };
}

const EVERY_KIND: readonly ClusterEvent[] = [
  {
    kind: 'PlanApplied',
    plan: { zones: [] },
  },
  { kind: 'NamespaceUpserted', object: 'Namespace', cluster: A, key: 'apps', facts: {}, cause: {} },
  {
    kind: 'ServiceUpserted',
    object: 'Service',
    cluster: A,
    key: 'apps/web',
    facts: { clusterIPs: ['10.1.0.1'], ports: [], type: 'ClusterIP' },
    cause: { manager: 'helm', resourceVersion: '77' },
  },
  sliceEvent(sliceOf(['10.2.0.1'])),
  { kind: 'PodUpserted', object: 'Pod', cluster: A, key: 'apps/web-0', facts: { addresses: ['fd00::1'] }, cause: {} },
  {
    kind: 'ServiceImportUpserted',
    object: 'ServiceImport',
    cluster: A,
    key: 'apps/web',
    facts: { ips: [], ports: [], type: 'Headless' },
    cause: {},
  },
  { kind: 'ClusterSynced', cluster: A, key: 'Pod' },
  { kind: 'ClusterLost', cluster: A, key: 'Pod', reason: 'connection refused' },
  { kind: 'PodDeleted', object: 'Pod', cluster: A, key: 'apps/web-0', cause: { resourceVersion: '99' } },
];

test('what is read is what was written, of every kind of event', () => {
  const { log, append } = freshLog();
  append(EVERY_KIND.slice(0, 3), 5_000);
  append(EVERY_KIND.slice(3), 6_000);
  assert.deepEqual(
    [...log.read(1)],
    [
      { batch: 1, time: 5_000, events: EVERY_KIND.slice(0, 3) },
      { batch: 2, time: 6_000, events: EVERY_KIND.slice(3) },
    ],
  );
  assert.deepEqual(
    [...log.read(2)].map(({ batch }) => batch),
    [2],
  );
  assert.deepEqual([log.lastBatch, log.lastPosition, log.lastTime], [2, 9, 6_000]);
});

test('an endpoint that flips in a slice of a hundred costs at most 250 octets on the disk', () => {
  const file = join(directory, 'flips.db');
  const { db, close } = openDatabase(file);
  const { append } = freshLog(db);
  append([sliceEvent(sliceOf(hundred))]);
  db.pragma('wal_checkpoint(TRUNCATE)');
  const before = statSync(file).size;
  const flips = 512;
  for (let i = 0; i < flips; i++) {
    const addresses = i % 2 === 0 ? hundred.toSpliced((i * 7) % 100, 1) : hundred;
    append([sliceEvent(sliceOf(addresses), undefined, String(1_000_000 + i))], 1_700_000_000_000 + i);
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
  const each = (statSync(file).size - before) / flips;
  assert.ok(each <= 250, `${each} octets`);
  close();
});

test('differences are read back as whole facts: from the start, and with the facts of before', () => {
  const { log, append } = freshLog();
  const states: EndpointSliceFacts[] = [];
  for (let i = 0; i < 300; i++) {
    const facts = sliceOf(hundred.toSpliced(i % 100, 1 + (i % 3)));
    states.push(facts);
    append([sliceEvent(facts)]);
  }
  const read = [...log.read(1)].map(({ events: [event] }) => (event && 'facts' in event ? event.facts : undefined));
  assert.deepEqual(read, states);
  let last: FactsOf[ObjectKind] | undefined = states[149];
  let at = 150;
  for (const { events } of log.read(151, () => last)) {
    const [event] = events;
    assert.ok(event && 'facts' in event);
    assert.deepEqual(event.facts, states[at++]);
    last = event.facts;
  }
  assert.equal(at, 300);
});

test('several events of one object in one batch build on one another', () => {
  const { log, append } = freshLog();
  append([sliceEvent(sliceOf(hundred))]);
  const story = [
    sliceEvent(sliceOf(hundred.slice(1))),
    sliceEvent(sliceOf(hundred.slice(2))),
    deletion(),
    sliceEvent(sliceOf(hundred.slice(50))),
    sliceEvent(sliceOf(hundred.slice(51))),
  ];
  append(story);
  assert.deepEqual([...log.read(2)], [{ batch: 2, time: 1_000, events: story }]);
  assert.ok(log.verify().ok);
});

test('time never goes back', () => {
  const { log, append } = freshLog();
  append([sliceEvent(sliceOf([]))], 9_000);
  assert.equal(append([deletion()], 4_000).time, 9_000);
  assert.deepEqual(
    [...log.read(1)].map(({ time }) => time),
    [9_000, 9_000],
  );
});

test('watch positions are stored with their batch, and alone', () => {
  const { db, log } = freshLog();
  const position = { cluster: A, kind: 'Pod', scope: '', resourceVersion: '17' } as const;
  assert.equal(log.watchPosition(A, 'Pod', ''), undefined);
  log.append([deletion()], [position], 1, undefined);
  assert.equal(new EventLog(db).watchPosition(A, 'Pod', ''), '17');
  log.savePositions([{ ...position, resourceVersion: '18' }]);
  assert.equal(log.watchPosition(A, 'Pod', ''), '18');
  assert.equal(log.watchPosition(A, 'Pod', 'apps'), undefined);
  assert.equal(log.lastBatch, 1);
});

test('what a crash before the commit leaves is nothing, not even in the positions', () => {
  const { db, append } = freshLog();
  append([deletion()]);
  const crashing = new EventLog(db, {
    crashPoint(name) {
      if (name === 'before-log-commit') throw new Error('crash');
    },
  });
  const position = { cluster: A, kind: 'Pod', scope: '', resourceVersion: '17' } as const;
  assert.throws(() => crashing.append([sliceEvent(sliceOf([]), 'new/one')], [position], 1), /crash/);
  const log = new EventLog(db);
  assert.equal(log.lastBatch, 1);
  assert.equal(log.watchPosition(A, 'Pod', ''), undefined);
  assert.ok(log.append([sliceEvent(sliceOf([]), 'new/one')], [], 1).ok);
  assert.ok(log.verify().ok);
});

test('a full disk is a value, and the same append works later', () => {
  const { db, log, append } = freshLog();
  append([sliceEvent(sliceOf(hundred))]);
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`);
  const many = Array.from({ length: 200 }, (_, i) => sliceEvent(sliceOf(hundred), `apps/s-${i}`));
  const refused = log.append(many, [], 1);
  assert.equal(refused.ok ? '' : refused.error.code, 'SQLITE_FULL');
  assert.equal(log.lastBatch, 1);
  db.pragma('max_page_count = 100000');
  assert.ok(log.append(many, [], 1).ok);
  assert.ok(log.verify().ok);
  assert.deepEqual(
    [...log.read(2)].map(({ events }) => events),
    [many],
  );
});

test('a log can be read on while it is written', () => {
  const { log, append } = freshLog();
  append([deletion()]);
  const seen: number[] = [];
  for (const { batch } of log.read(1)) {
    seen.push(batch);
    if (batch < 5) append([deletion()]);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
});

test('rows can’t be changed, nor removed unless a removal tells of it', () => {
  const { db, append } = freshLog();
  append(EVERY_KIND);
  append([deletion()]);
  for (const table of ['batch', 'event'] as const) {
    assert.throws(() => db.exec(`UPDATE ${table} SET batch = batch`), /append-only/);
    assert.throws(() => db.exec(`DELETE FROM ${table}`), /append-only/);
  }
  assert.throws(() => db.exec("UPDATE word SET text = 'x'"), /append-only/);
  assert.throws(() => db.exec("UPDATE object SET key = 'x'"), /append-only/);
  recordRemoval(db, { ...FIRST_GONE, anchor: Buffer.alloc(32, 1) });
  db.exec('DELETE FROM event WHERE batch = 1; DELETE FROM batch WHERE batch = 1');
  for (const table of ['batch', 'event'] as const) {
    assert.throws(() => db.exec(`DELETE FROM ${table}`), /append-only/);
  }
  for (const change of ['DELETE FROM removal', "UPDATE removal SET reason = ''"]) {
    assert.throws(() => db.exec(change), /stays told/);
  }
});

test('a log that lost its beginning goes on from there, and says so when asked for more', () => {
  const { db, log, append } = freshLog();
  append(EVERY_KIND, 5_000);
  assert.deepEqual([lastBatchAt(db, 4_999), lastBatchAt(db, 5_000)], [0, 1]);
  const anchor = Buffer.from(log.headHash, 'hex');
  recordRemoval(db, { ...FIRST_GONE, anchor });
  assert.deepEqual(windowStart(db), { batch: 1, position: 9, time: 5_000, hash: anchor });
  db.exec('DELETE FROM event; DELETE FROM batch');
  const again = new EventLog(db);
  assert.deepEqual([again.lastBatch, again.lastPosition, again.lastTime], [1, 9, 5_000]);
  assert.equal(again.headHash, log.headHash);
  const next = again.append([deletion()], [], 6_000);
  assert.ok(next.ok && next.value.batch === 2);
  assert.deepEqual([...again.read(2, () => undefined)].length, 1);
  assert.throws(() => [...again.read(1, () => undefined)], {
    name: 'OperatorError',
    message: /begins at 1970-01-01T00:00:05.000Z, after batch 1: what was before has been removed/,
  });
  assert.throws(() => [...again.read(2)], { name: 'OperatorError' });
  assert.deepEqual(
    [4_999, 5_999, 6_000].map((time) => lastBatchAt(db, time)),
    [1, 1, 2],
  );
  const checked = again.verify();
  assert.deepEqual(checked, { ok: true, value: { batches: 1, events: 1, headHash: again.headHash } });
});

test('each removal is chained to those before it', () => {
  const { db, append } = freshLog();
  for (let i = 0; i < 3; i++) append([deletion()]);
  const anchor = Buffer.alloc(32, 7);
  const one = { ...FIRST_GONE, lastPosition: 1, anchor };
  recordRemoval(db, one);
  recordRemoval(db, { ...one, firstBatch: 2, lastBatch: 2, firstPosition: 2, lastPosition: 2 });
  assert.equal(findBrokenRemoval(db), undefined);
  assert.deepEqual(
    readRemovals(db).map((removal) => [removal.firstBatch, removal.lastBatch, removal.reason]),
    [
      [1, 1, 'a test'],
      [2, 2, 'a test'],
    ],
  );
  db.exec('DROP TRIGGER removal_is_not_updated; DROP TRIGGER removal_is_not_deleted');
  db.exec("UPDATE removal SET reason = 'another' WHERE id = 1");
  assert.match(findBrokenRemoval(db) ?? '', /removal 1: its hash/);
  db.exec('DELETE FROM removal WHERE id = 1');
  assert.match(findBrokenRemoval(db) ?? '', /removal 1 is missing/);
});

test('the log is text for people too', () => {
  const { db, append } = freshLog();
  append(EVERY_KIND, Date.parse('2025-03-04T05:06:07.089Z'));
  const row = db.prepare('SELECT * FROM event_text WHERE position = 3').get();
  assert.deepEqual(row, {
    position: 3,
    batch: 1,
    time: '2025-03-04T05:06:07.089Z',
    cluster: 'alpha',
    kind: 'ServiceUpserted',
    key: 'apps/web',
    body: '{"clusterIPs":["10.1.0.1"],"ports":[],"type":"ClusterIP"}',
    is_difference: 0,
    resource_version: '77',
    manager: 'helm',
  });
});

test('a log can be read and verified beside its writer', () => {
  const file = join(directory, 'beside.db');
  const { db, close } = openDatabase(file);
  const { append, log } = freshLog(db);
  append(EVERY_KIND);
  const reader = openReadOnly(file);
  const other = new EventLog(reader);
  const verified = other.verify();
  assert.deepEqual(verified, { ok: true, value: { batches: 1, events: 9, headHash: log.headHash } });
  reader.close();
  close();
});

test('text that is not well-formed does not break the chain', () => {
  const { log, append } = freshLog();
  const cause = { manager: 'half \ud800 and a nul \0', resourceVersion: '\udfff' };
  append([{ kind: 'NamespaceUpserted', object: 'Namespace', cluster: A, key: 'a\ud800', facts: {}, cause }]);
  assert.ok(log.verify().ok);
});

/** What an intruder does first. */
function openLog(db: Database): void {
  for (const table of ['batch', 'event'])
    for (const change of ['updated', 'deleted']) db.exec(`DROP TRIGGER ${table}_is_not_${change}`);
}

const EDITS: readonly (readonly [name: string, sql: string, problem: RegExp])[] = [
  ['a body', `UPDATE event SET body = replace(body, '10.2.0.1', '10.2.0.2') WHERE position = 4`, /hash|other facts/],
  ['a cause', "UPDATE event SET resource_version = '78' WHERE position = 3", /hash/],
  ['a manager', 'UPDATE event SET manager = NULL WHERE position = 3', /hash/],
  ['a kind', 'UPDATE event SET kind = (SELECT kind FROM event WHERE position = 9) WHERE position = 5', /hash/],
  [
    'the object',
    'UPDATE event SET object = (SELECT object FROM event WHERE position = 3) WHERE position = 4',
    /no such event/,
  ],
  ['a time', 'UPDATE batch SET time = time + 1 WHERE batch = 1', /hash/],
  ['a hash', 'UPDATE batch SET hash = zeroblob(32) WHERE batch = 1', /hash/],
  [
    'the order',
    'UPDATE event SET position = -position WHERE position IN (5, 6); UPDATE event SET position = 11 + position WHERE position < 0',
    /hash/,
  ],
  ['a row too few', 'DELETE FROM event WHERE position = 5', /8 events instead of 9/],
  ['a batch too few', 'DELETE FROM batch WHERE batch = 2; DELETE FROM event WHERE batch = 2', /batch is missing/],
  ['the end', 'DELETE FROM batch WHERE batch = 3', /belongs to no batch/],
  [
    'a row too many',
    `INSERT INTO event SELECT 99, batch, object, kind, body, checksum, schema, resource_version, manager FROM event WHERE position = 5`,
    /belongs to no batch/,
  ],
  ['a batch that is older', 'UPDATE batch SET time = 1 WHERE batch = 2', /older/],
  ['a body that is no JSON', "UPDATE event SET body = '{' WHERE position = 4", /not JSON/],
  ['a schema of later', 'UPDATE event SET schema = 2 WHERE position = 4', /shape 2/],
  ['the checksum of a difference', 'UPDATE event SET checksum = checksum + 1 WHERE position = 11', /other facts/],
];

for (const [name, sql, problem] of EDITS) {
  test(`verify finds that somebody edited ${name}`, () => {
    const { db, log, append } = freshLog();
    append(EVERY_KIND);
    append([sliceEvent(sliceOf(hundred), 'apps/large')], 2_000);
    append([sliceEvent(sliceOf(hundred.slice(1)), 'apps/large')], 3_000);
    assert.ok(log.verify().ok);
    openLog(db);
    db.exec(sql);
    const found = log.verify();
    assert.ok(!found.ok, 'the edit was not found');
    assert.match(found.error.problem, problem);
  });
}

test('reading a damaged log stops at the damage, in the words of an operator', () => {
  const { db, log, append } = freshLog();
  append([deletion()]);
  append([sliceEvent(sliceOf([]))]);
  openLog(db);
  db.exec("UPDATE event SET body = '[' WHERE position = 2");
  const read = log.read(1);
  assert.equal(read.next().value?.batch, 1);
  assert.throws(() => read.next(), {
    name: 'OperatorError',
    message: /damaged at batch 2, event 2: its body is not JSON/,
  });
});
