/** The property of test/property/history.test.ts over a thousand histories, each asked all questions. */
import { test } from 'node:test';
import fc from 'fast-check';
import { checkHistory, script } from '../kit/history-run.ts';

const PARTS = 4;
const RUNS = 250;

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
