import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { startTimeout } from '../../src/timeout.ts';

const DAY = 86_400_000;

/** Day by day: a timer that is set within a tick begins at its end. */
function pass(days: number): void {
  for (let day = 0; day < days; day++) mock.timers.tick(DAY);
}

test('a wait longer than a timer of Node.js takes does not end at once', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let calls = 0;
    startTimeout(() => calls++, 60 * DAY);
    pass(58);
    assert.equal(calls, 0);
    pass(4);
    assert.equal(calls, 1);
    pass(100);
    assert.equal(calls, 1);
  } finally {
    mock.timers.reset();
  }
});

test('a wait that was ended in its second part calls nobody', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let calls = 0;
    const end = startTimeout(() => calls++, 60 * DAY);
    pass(40);
    end();
    pass(40);
    assert.equal(calls, 0);
  } finally {
    mock.timers.reset();
  }
});
