/** A start folds few events, and asks the journal what was published instead of comparing records again. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Journal } from '../../src/projection/journal.ts';
import { eventsBetweenSnapshots } from '../../src/projection/snapshot.ts';
import { EAST, namespace, planApplied, service, stanza, synced, WEST, zoneDefinition } from '../kit/cluster-events.ts';
import { given } from '../kit/given.ts';
import { StoredHistory } from '../kit/stored-history.ts';

const ZONE = planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]));

test('a start gives the serials that were told, and makes no changesets of what is in the journal', () => {
  const stored = new StoredHistory();
  stored.append([ZONE, namespace(EAST, 'a'), ...synced(EAST)]);
  stored.append([service(EAST, 'a/web', ['10.0.0.1'])]);
  // As another program had counted.
  stored.db.exec('UPDATE zone_version SET serial = serial + 7 WHERE batch = 2');
  const told = new Journal(stored.db).lastVersion('cluster.local.')?.serial;
  const commit = mock.method(Journal.prototype, 'commit');
  stored.restart();
  assert.equal(stored.projector.zones()[0]?.serial, told);
  assert.equal(commit.mock.callCount(), 0);
  commit.mock.restore();
  stored.append([service(EAST, 'a/web', ['10.0.0.2'])]);
  const next = new Journal(stored.db).lastVersion('cluster.local.');
  assert.deepEqual([next?.batch, next?.serial], [3, (told ?? 0) + 1]);
  assert.equal(stored.projector.zones()[0]?.serial, next?.serial);
});

test('what the journal lacks after a crash is made by the start', () => {
  const stored = new StoredHistory();
  stored.append([ZONE, namespace(EAST, 'a'), ...synced(EAST)]);
  stored.append([service(EAST, 'a/web', ['10.0.0.1'])]);
  const before = new Journal(stored.db).changesetOf('cluster.local.', 2);
  stored.db.exec(`DELETE FROM zone_change WHERE batch = 2; DELETE FROM zone_version WHERE batch = 2;
    UPDATE projection_position SET batch = 1`);
  stored.restart();
  assert.deepEqual(new Journal(stored.db).changesetOf('cluster.local.', 2), before);
});

test('the next snapshot is due after half as many events as there are objects, within limits', () => {
  const services = (cluster: typeof EAST, count: number) =>
    Array.from({ length: count }, (_, i) => service(cluster, `a/web-${i}`, ['None']));
  assert.equal(eventsBetweenSnapshots(given([ZONE]).projector.world), 5_000);
  const both = planApplied(zoneDefinition('cluster.local.', [stanza(EAST), stanza(WEST)]));
  const few = given([both, namespace(EAST, 'a'), ...services(EAST, 6_001), ...services(WEST, 6_000)]);
  assert.equal(eventsBetweenSnapshots(few.projector.world), 6_001);
  const { world } = few.projector;
  const [state] = Object.values(world.clusters);
  assert.ok(state);
  const many = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`c${i}`, state]));
  assert.equal(eventsBetweenSnapshots({ ...world, clusters: many }), 20_000);
});
