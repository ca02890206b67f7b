/**
 * A statement that is made is kept until the next turn of the event loop. So what a long replay does at each step makes no
 * new ones: neither the writer's commits nor `verify`.
 */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { type Database, openDatabase } from '../../src/database.ts';
import type { ClusterId } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { Journal } from '../../src/projection/journal.ts';
import { createProjector } from '../../src/projection/projector.ts';
import { readSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import { verifyDatabase } from '../../src/retention/verify.ts';
import { EAST, namespace, planApplied, service, slice, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';

/** Writes a log and a journal as the writer does: each batch changes an endpoint in two zones. @returns the next step */
function writeTo(db: Database): () => void {
  const log = new EventLog(db);
  // So short that changes are dropped all the time.
  const journal = new Journal(db, { changes: 20, octets: 10_000, age: 10_000 });
  const projector = createProjector(readSnapshot(db, Number.MAX_SAFE_INTEGER), journal, 0);
  const append = (...events: Parameters<EventLog['append']>[0]) => {
    const positions = [
      { cluster: EAST, kind: 'EndpointSlice', scope: '', resourceVersion: `${log.lastBatch}` },
    ] as const;
    const appended = log.append(events, positions, log.lastBatch * 1000, (cluster: ClusterId, kind, key) =>
      factsAt(projector.world, cluster, kind, key),
    );
    assert.ok(appended.ok);
    projector.apply(appended.value);
  };
  const stanzas = [stanza(EAST)];
  append(planApplied(zoneDefinition('cluster.local.', stanzas), zoneDefinition('10.in-addr.arpa.', stanzas)));
  append(namespace(EAST, 'a'), service(EAST, 'a/web', ['None']), ...synced(EAST));
  return () =>
    append(slice(EAST, 'a/web-1', 'web', [{ addresses: [`10.0.${log.lastBatch >> 8}.${log.lastBatch & 255}`] }]));
}

test('commits of the log and the journal make no new statements', () => {
  const { db, close } = openDatabase(':memory:');
  const step = writeTo(db);
  for (let i = 0; i < 50; i++) step();
  const prepare = mock.method(db, 'prepare');
  for (let i = 0; i < 100; i++) step();
  assert.equal(prepare.mock.callCount(), 0);
  close();
});

test('to verify a longer log takes no more statements', () => {
  const { db, close } = openDatabase(':memory:');
  const step = writeTo(db);
  const count = (steps: number) => {
    for (let i = 0; i < steps; i++) step();
    const prepare = mock.method(db, 'prepare');
    const verified = verifyDatabase(db);
    assert.ok(verified.ok, verified.ok ? '' : verified.error.problem);
    prepare.mock.restore();
    return prepare.mock.callCount();
  };
  count(20);
  const [short, long] = [count(1), count(100)];
  assert.ok(long <= short, `${short}, then ${long}`);
  close();
});
