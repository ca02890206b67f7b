/**
 * The property of test/property/history.test.ts over more histories, each asked all questions. `ZONELOG_TEST_HISTORIES`: how
 * many (default 200; a thousand take ten minutes and more).
 */
import { test } from 'node:test';
import fc from 'fast-check';
import { checkHistory, script } from '../kit/history-run.ts';

const PARTS = 4;
const RUNS = Math.ceil(Number(process.env.ZONELOG_TEST_HISTORIES ?? 200) / PARTS);

for (let part = 1; part <= PARTS; part++) {
  test(`any moment is answered as it was answered then (${part} of ${PARTS})`, () => {
    fc.assert(
      fc.property(script, fc.infiniteStream(fc.nat(2 ** 30)), (steps, choices) => {
        checkHistory(steps, (below) => (choices.next().value as number) % below, 'all');
      }),
      { numRuns: RUNS },
    );
  });
}
