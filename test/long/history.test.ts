/**
 * The property of test/property/history.test.ts over more histories, each asked all questions. `ZONELOG_TEST_HISTORIES`: how
 * many (default 1,000).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { checkHistory, script } from '../kit/history-run.ts';

const PARTS = 8;
/** Octets. */
const MOST_MEMORY = 1024 ** 3;
const RUNS = Math.ceil(Number(process.env.ZONELOG_TEST_HISTORIES ?? 1_000) / PARTS);

for (let part = 1; part <= PARTS; part++) {
  test(`any moment is answered as it was answered then (${part} of ${PARTS})`, async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.infiniteStream(fc.nat(2 ** 30)), async (steps, choices) => {
        checkHistory(steps, (below) => (choices.next().value as number) % below, 'all');
        // SQLite's statements are let go between turns of the event loop.
        await turn();
      }),
      // To shrink one takes longer than all of them.
      { numRuns: RUNS, endOnFailure: true },
    );
    // However many histories there were.
    const { rss } = process.memoryUsage();
    assert.ok(rss < MOST_MEMORY, `${rss} octets`);
  });
}
