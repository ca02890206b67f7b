/** As test/system/crash.test.ts, at many more moments: minutes of kill -9. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Churn, seededRandom } from '../kit/churn.ts';
import { CrashRun } from '../kit/crash-run.ts';

const POINTS = ['before-log-commit', 'after-log-commit', 'before-journal-commit', 'after-journal-commit'];
const COUNTS = [1, 2, 5, 20];
const KILLS = 100;
/** Longest time between the first answer and the kill, milliseconds. */
const LONGEST = 300;
const SEED = Number(process.env.ZONELOG_TEST_SEED ?? 77);

describe(`a server that is killed again and again (ZONELOG_TEST_SEED=${SEED})`, () => {
  let run: CrashRun;

  before(async () => {
    run = await CrashRun.prepare(new Churn(SEED, 20));
    await run.restart();
  });
  after(() => run?.close());

  for (const point of POINTS) {
    test(`at ${point} loses nothing`, async () => {
      for (const count of COUNTS) {
        await run.server.stop('SIGKILL');
        assert.deepEqual(await run.crashAt(`${point}:${count}`), { code: null, signal: 'SIGKILL' });
        await run.restart();
        await run.catchUp();
      }
    });
  }

  test(`at ${KILLS} random moments loses nothing`, async (t) => {
    const random = seededRandom(SEED);
    for (let i = 0; i < KILLS; i++) {
      await run.killAfter(random() * LONGEST);
      // Some changes are made while it is away, and some kills come before it has caught up.
      for (let n = Math.floor(random() * 4); n > 0; n--) run.churn.step();
      await run.restart();
      if (random() < 0.7) await run.catchUp();
    }
    await run.catchUp();
    const sorted = run.restarts.toSorted((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
    t.diagnostic(`first answers of ${sorted.length} restarts: median ${at(0.5)} ms, slowest ${at(1)} ms`);
  });

  test('has all that was seen of it in its journal and log', async (t) => {
    await run.checkAll();
    t.diagnostic(`${run.observer.versions.length} versions were seen`);
  });
});
