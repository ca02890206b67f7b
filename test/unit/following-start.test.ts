/** A serving thread that loads its state: whatever it has read by itself, it shows what the writer says is published. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { followWriter } from '../../src/compose/following.ts';
import type { ToFollower } from '../../src/compose/messages.ts';
import { openReadOnly } from '../../src/database.ts';
import type { Replica } from '../../src/projection/replica.ts';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { recordTo } from '../kit/recorded.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];

/** A log whose service gets an address with each batch from the third on; a snapshot is of the one that is named. */
function loggedTo(file: string, snapshotAt: number): number {
  const { database, projector, record, snapshot } = recordTo(file);
  record([planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]))]);
  record([namespace(EAST, 'apps'), ...synced(EAST)]);
  for (const address of ADDRESSES) {
    record([service(EAST, 'apps/web', [address])]);
    if (projector.batch === snapshotAt) assert.ok(snapshot());
  }
  database.close();
  return projector.batch;
}

/** Follows the log, and is told that it is published up to a batch. */
async function loadedUpTo(t: TestContext, file: string, batch: number): Promise<Replica> {
  const db = openReadOnly(file);
  const { port1, port2 } = new MessageChannel();
  t.after(() => {
    port1.close();
    db.close();
  });
  const { promise, resolve, reject } = Promise.withResolvers<Replica>();
  followWriter(port2, db, undefined, { onLoaded: resolve, onStale: () => {}, onFailure: reject });
  port1.postMessage({ kind: 'position', batch, serials: [] } satisfies ToFollower);
  return promise;
}

const addressesIn = ({ world }: Replica) =>
  world.clusters[EAST]?.namespaces.get('apps')?.services.get('web')?.service?.clusterIPs;

test('a serving thread begins with the batch that the writer names: the last of the log, one before, one before the snapshot', async (t) => {
  const file = path.join(temporaryFolder(t).path, 'log.db');
  const last = loggedTo(file, 4);
  for (const batch of [last, last - 1, 4, 3]) {
    const replica = await loadedUpTo(t, file, batch);
    assert.equal(replica.batch, batch);
    assert.deepEqual(addressesIn(replica), [ADDRESSES[batch - 3]]);
  }
});
