/** Questions about any moment of a random history; a thousand more of them in test/long/. */
import { test } from 'node:test';
import fc from 'fast-check';
import { checkHistory, gatewayScript, script } from '../kit/history-run.ts';

test('any moment is answered as it was answered then', () => {
  fc.assert(
    fc.property(script, fc.infiniteStream(fc.nat(2 ** 30)), (steps, choices) => {
      checkHistory(steps, (below) => (choices.next().value as number) % below, 'one');
    }),
    { numRuns: 50 },
  );
});

test('so is any moment of zones of hosts', () => {
  fc.assert(
    fc.property(gatewayScript, fc.infiniteStream(fc.nat(2 ** 30)), (steps, choices) => {
      checkHistory(steps, (below) => (choices.next().value as number) % below, 'one');
    }),
    { numRuns: 25 },
  );
});
