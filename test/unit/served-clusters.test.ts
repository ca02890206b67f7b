/** From when on a cluster is served (src/compose/served-clusters.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServedClusters } from '../../src/compose/served-clusters.ts';
import { EAST, WEST } from '../kit/cluster-events.ts';

test('a cluster is served when all threads have folded the batch that made it synced', () => {
  const served = createServedClusters();
  served.synced([EAST], 7);
  assert.equal(served.unservedSince(EAST), 7);
  assert.equal(served.folded(6), false);
  assert.equal(served.unservedSince(EAST), 7);
  served.synced([EAST, WEST], 9);
  assert.equal(served.folded(8), true);
  assert.deepEqual([served.unservedSince(EAST), served.unservedSince(WEST)], [undefined, 9]);
  assert.equal(served.folded(8), false, 'it is told once');
  assert.equal(served.folded(9), true);
  assert.equal(served.unservedSince(WEST), undefined);
});

test('what was known before is served, and what is synced anew is not', () => {
  const served = createServedClusters();
  served.synced([EAST], 0);
  assert.equal(served.unservedSince(EAST), undefined);
  served.synced([EAST], 5);
  assert.equal(served.unservedSince(EAST), undefined, 'it was synced before');
  served.synced([], 6);
  served.synced([EAST], 8);
  assert.equal(served.unservedSince(EAST), 8);
});
