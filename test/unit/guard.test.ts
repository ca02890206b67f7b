/** For how long the guard holds deletions back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGuard } from '../../src/compose/guard.ts';
import { createLogger } from '../../src/logger.ts';
import { foldHeld, NOTHING_HELD } from '../../src/projection/held.ts';
import { emptyCluster } from '../../src/projection/state.ts';
import { EAST } from '../kit/cluster-events.ts';

const HOUR = 3_600_000;
const missing = Array.from({ length: 30 }, (_, i) => `apps/s${i}`);
const claim = { cluster: EAST, kind: 'Service', scope: '', known: 30, missing } as const;

/** A guard, at noon; the log says that deletions are held until then. */
function guardAt(logged?: number) {
  const told = { known: 30, count: 30, keys: '', percent: 50 };
  const held =
    logged === undefined
      ? NOTHING_HELD
      : foldHeld(NOTHING_HELD, {
          ...{ kind: 'DeletionsHeld', cluster: EAST, key: 'Service', scope: '', until: logged, ...told },
        });
  const state = { now: 12 * HOUR, isHolding: false };
  const guard = createGuard({
    guardOf: () => ({ percent: 50, holdMs: HOUR }),
    cluster: () => ({ ...emptyCluster(EAST), held }),
    isHolding: () => state.isHolding,
    release: () => assert.fail('not yet'),
    clock: () => state.now,
    logger: createLogger(() => {}, { isDebug: () => false }),
  });
  return { guard, state };
}

test('what is held is held for the time of the option, and all of a cluster until the same moment', () => {
  const { guard, state } = guardAt();
  assert.deepEqual(guard(claim), { percent: 50, until: 13 * HOUR });
  state.isHolding = true;
  state.now += HOUR / 2;
  assert.deepEqual(guard({ ...claim, kind: 'Pod' }), { percent: 50, until: 13 * HOUR });
});

test('after a restart it is held for the time that was left, and for the whole time where that is over', () => {
  assert.deepEqual(guardAt(12.5 * HOUR).guard(claim), { percent: 50, until: 12.5 * HOUR });
  assert.deepEqual(guardAt(11 * HOUR).guard(claim), { percent: 50, until: 13 * HOUR });
});

test('what is held anew, after the names had come back, is held for the whole time', () => {
  const { guard, state } = guardAt();
  guard(claim);
  state.now += HOUR / 2;
  assert.deepEqual(guard(claim), { percent: 50, until: 13.5 * HOUR });
});

test('half of a list, or of a handful, is believed', () => {
  const { guard } = guardAt();
  assert.equal(guard({ ...claim, missing: missing.slice(15) }), undefined);
  assert.equal(guard({ ...claim, known: 19, missing: missing.slice(0, 19) }), undefined);
});
