/** kill -9 at the points where it could hurt. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDatabase } from '../../src/database.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { Following, service, sourceOf, startApi, until } from './ingest-kit.ts';

const directory = mkdtempSync(join(tmpdir(), 'zonelog-crash-'));
after(() => rmSync(directory, { recursive: true, force: true }));

async function runToItsEnd(file: string, url: string, point: string, at: number): Promise<void> {
  const child = fork(new URL('./ingest-crash-child.ts', import.meta.url), [file, url, point, String(at)]);
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL');
}

for (const point of ['before-log-commit', 'after-log-commit']) {
  test(`ended ${point}, again and again: no fact is lost, none is logged twice, and the chain holds`, async (t) => {
    const api = await startApi();
    t.after(() => api.stop());
    const file = join(directory, `${point}.db`);
    for (let round = 0; round < 4; round++) {
      api.apply(service(`s-${round}`, `10.1.5.${round}`));
      api.delete('v1', 'Service', 'apps', `s-${round - 2}`);
      const ending = runToItsEnd(file, api.url, point, round + 1);
      let change = 0;
      const churn = setInterval(() => api.apply(service('churn', `10.1.6.${change++ % 250}`)), 5);
      await ending;
      clearInterval(churn);
    }
    const database = openDatabase(file);
    const log = new EventLog(database.db);
    const extent = log.verify();
    assert.ok(extent.ok, JSON.stringify(extent));
    if (point === 'after-log-commit') assert.ok(extent.value.batches >= 4);
    const following = new Following({ database, sources: [sourceOf(api)] });
    t.after(() => following.stop());
    await following.converged(api);
    await until(() => following.isWatching());
    const told = [...following.log.read(1)].flatMap(({ events }) => events);
    const upserts = told.filter((e) => e.kind === 'ServiceUpserted' && e.key === 'apps/s-3');
    assert.equal(upserts.length, 1);
    assert.equal(told.filter((e) => e.kind === 'ClusterSynced').length, 4);
  });
}
