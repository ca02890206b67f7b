/** kill -9 at the worst moments: what a client was told stays true, and nothing is lost. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn, seededRandom } from '../kit/churn.ts';
import { CrashRun } from '../kit/crash-run.ts';

/** The third time each is met; test/e2e goes on with other counts and many more random moments. */
const POINTS = ['before-log-commit', 'after-log-commit', 'before-journal-commit', 'after-journal-commit'];
const COUNT = 3;
const RANDOM_KILLS = 2;
const SEED = 20_251;

describe('a server that is killed', () => {
  let run: CrashRun;

  before(async () => {
    run = await CrashRun.prepare(new Churn(SEED, 10));
  });
  after(() => run?.close());

  test('before its first commit starts as if it had never been there', async () => {
    assert.deepEqual(await run.crashAt('before-log-commit:1'), { code: null, signal: 'SIGKILL' });
    await run.restart();
    await run.catchUp();
  });

  for (const point of POINTS) {
    test(`at ${point} shows no serial twice with different content, and none lower`, async () => {
      await run.server.stop('SIGKILL');
      assert.deepEqual(await run.crashAt(`${point}:${COUNT}`), { code: null, signal: 'SIGKILL' });
      await run.restart();
      await run.catchUp();
    });
  }

  test('at any moment loses nothing either', async () => {
    const random = seededRandom(SEED);
    for (let i = 0; i < RANDOM_KILLS; i++) {
      await run.killAfter(random() * 150);
      await run.restart();
      await run.catchUp();
    }
  });

  test('has all that was seen of it in its journal and log', async () => {
    await run.checkAll();
  });

  test('answers at once after a restart, with the API server away', async () => {
    const { dns } = run.server;
    const before = await dns.axfr(CHURN_ZONE);
    await run.churn.api.stop();
    await run.server.stop('SIGKILL');
    await run.restart();
    assert.deepEqual(await dns.axfr(CHURN_ZONE), before);
    assert.doesNotMatch(run.server.stdout, /waiting for Kubernetes API/, 'what the log knows waits for nobody');
  });
});
