import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { openDatabase } from '../../src/database.ts';
import { readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { recordTo } from '../kit/recorded.ts';

test('snapshots are kept at a distance of events, the newest two always', () => {
  const { db, close } = openDatabase(':memory:');
  const addBatch = db.prepare('INSERT INTO batch (batch, time, first, count, hash) VALUES (?, 0, ?, ?, zeroblob(32))');
  const kept = () => db.prepare<[], number>('SELECT batch FROM snapshot ORDER BY batch').pluck().all();
  let first = 1;
  const seen: number[][] = [];
  for (const [at, events] of [100, 16_000, 4_000, 16_000, 1_000, 1_000, 20_000].entries()) {
    addBatch.run(at + 1, first, events);
    first += events;
    for (const _ of writeSnapshot(db, EMPTY_WORLD, at + 1, []));
    seen.push(kept());
  }
  assert.deepEqual(seen, [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 4, 5], [1, 2, 4, 5, 6], [1, 2, 4, 6, 7]]);
  close();
});

test('a part that was written before parts were deflated is read', () => {
  const { database, projector, record, snapshot } = recordTo(':memory:');
  record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))]);
  record([namespace(EAST, 'apps'), service(EAST, 'apps/web', ['10.0.0.1']), ...synced(EAST)]);
  assert.ok(snapshot());
  const { db } = database;
  const parts = db.prepare<[], { part: number; body: Buffer }>('SELECT part, body FROM snapshot_part').all();
  assert.ok(parts.length > 0);
  const deflated = readSnapshot(db, projector.batch).world;
  for (const { part, body } of parts) {
    db.prepare('UPDATE snapshot_part SET body = ? WHERE part = ?').run(inflateSync(body), part);
  }
  assert.deepEqual(readSnapshot(db, projector.batch).world, deflated);
  assert.deepEqual(deflated.clusters[EAST]?.namespaces.get('apps')?.services.get('web')?.service?.clusterIPs, [
    '10.0.0.1',
  ]);
  database.close();
});
