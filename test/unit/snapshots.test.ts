/** When snapshots are written, and what those hear who ask for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSnapshots } from '../../src/compose/snapshots.ts';
import { createLogger } from '../../src/logger.ts';

/** A writer of snapshots of two steps each, whose next step the test lets happen. */
function prepare() {
  const lines: string[] = [];
  const steps: (() => void)[] = [];
  const state = { begun: 0, written: 0, isPossible: true, fails: false };
  function* write(): Generator<undefined> {
    state.begun += 1;
    yield;
    if (state.fails) throw new Error('disk full');
    state.written += 1;
  }
  const snapshots = createSnapshots(
    {
      write,
      isPossible: () => state.isPossible,
      spacing: () => 100,
      later: (step) => steps.push(step),
      logger: createLogger((line) => lines.push(line)),
    },
    0,
  );
  const runAll = () => {
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) step();
  };
  return { snapshots, state, lines, runAll };
}

test('two who ask at once are both answered, the second once what was there when it asked is written', async () => {
  const { snapshots, state, runAll } = prepare();
  const answers: string[] = [];
  const first = snapshots.take().then((isWritten) => answers.push(`first ${isWritten} ${state.written}`));
  const second = snapshots.take().then((isWritten) => answers.push(`second ${isWritten} ${state.written}`));
  const third = snapshots.take().then((isWritten) => answers.push(`third ${isWritten} ${state.written}`));
  runAll();
  await Promise.all([first, second, third]);
  assert.equal(state.written, 2);
  assert.deepEqual(
    answers.map((answer) => answer.slice(0, -2)),
    ['first true', 'second true', 'third true'],
  );
});

test('who asks while none can be written hears so, and it is written when it can be', async () => {
  const { snapshots, state, runAll } = prepare();
  state.isPossible = false;
  assert.equal(await snapshots.take(), false);
  state.isPossible = true;
  snapshots.countEvents(1);
  runAll();
  assert.equal(state.written, 1);
});

test('who asks while one is written after which none can be begun hears so', async () => {
  const { snapshots, state, runAll } = prepare();
  const first = snapshots.take();
  const second = snapshots.take();
  state.isPossible = false;
  runAll();
  assert.deepEqual(await Promise.all([first, second]), [true, false]);
});

test('who asked for one that fails hears so, and the log tells why', async () => {
  const { snapshots, state, lines, runAll } = prepare();
  state.fails = true;
  const asked = snapshots.take();
  runAll();
  assert.equal(await asked, false);
  assert.match(lines.join('\n'), /snapshot: disk full; the log has everything/);
});

test('one is due after so many events, as is set or by the number of objects', () => {
  const { snapshots, state, runAll } = prepare();
  snapshots.countEvents(1000);
  assert.equal(state.begun, 0, 'not before it is known how many');
  snapshots.space(undefined);
  snapshots.countEvents(1);
  runAll();
  assert.equal(state.written, 1);
  snapshots.countEvents(99);
  assert.equal(state.begun, 1);
  snapshots.space(50);
  snapshots.countEvents(0);
  runAll();
  assert.equal(state.written, 2);
});

test('at the end the one that is begun is written, and who waits for another hears that there is none', async () => {
  const { snapshots, state } = prepare();
  let isCalled = false;
  snapshots.request(() => {
    isCalled = true;
  });
  snapshots.countEvents(1);
  const asked = snapshots.take();
  snapshots.finish();
  assert.equal(isCalled, true);
  assert.equal(await asked, false);
  assert.equal(state.written, 1);
});
