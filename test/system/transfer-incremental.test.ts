/** IXFR of a whole server, from every version that it ever had: short chains, and those that take several turns to read. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { applyTransfer, type TransferredZone } from '../kit/dns-client.ts';
import { readVersions } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';

/** More than are read in one turn, twice. */
const VERSIONS = 600;
/** Services: the zone stays larger than all of its changes, or it would be sent whole. */
const SIZE = 1000;

describe('IXFR', () => {
  const churn = new Churn(1995, SIZE);
  const seen: TransferredZone[] = [];
  let server: TestServer;

  before(async () => {
    const { url } = await churn.api.start();
    const kubernetes = `kubernetes ${CHURN_ZONE} {\n endpoint ${url}\n }`;
    server = await TestServer.start({
      corefile: `.:{{dns}} {
 bind 127.0.0.1
 prometheus 127.0.0.1:{{metrics}}
 ${kubernetes}
 transfer {
  to *
 }
}`,
    });
    await server.hasZone(CHURN_ZONE);
    const count = () => readVersions(server.database, CHURN_ZONE).length;
    while (count() < VERSIONS) {
      if (seen.length * 100 <= count()) seen.push(await server.dns.axfr(CHURN_ZONE));
      for (let i = 0; i < 10; i++) {
        churn.step();
        await new Promise((resolve) => setTimeout(resolve, 4));
      }
    }
    seen.push(await server.dns.axfr(CHURN_ZONE));
    for (let i = 0; i < 5; i++) churn.step();
    const isOfService = (line: string) => line.split('\t')[0]?.endsWith(`.svc.${CHURN_ZONE}`);
    const wanted = churn.expected().join('\n');
    await eventually(
      async () => (await server.dns.axfr(CHURN_ZONE)).records.filter(isOfService).join('\n') === wanted,
      (isSame) => isSame,
      'the zone is the cluster',
    );
  });
  after(async () => {
    await server?.close();
    await churn.api.stop();
  });

  test('leads from any version to the newest one, all at once', async () => {
    const newest = await server.dns.axfr(CHURN_ZONE);
    const transfers = await Promise.all(seen.map((old) => server.dns.ixfr(CHURN_ZONE, old.serial)));
    for (const [i, transfer] of transfers.entries()) {
      const old = seen[i] as TransferredZone;
      assert.equal(transfer.kind, 'incremental', `from ${old.serial}`);
      assert.deepEqual(applyTransfer(old, transfer), newest);
    }
    assert.ok(seen.length >= 6);
    const steps = transfers.map((transfer) => (transfer.kind === 'incremental' ? transfer.steps.length : 0));
    assert.ok(Math.max(...steps) > 500, 'the longest chain is sent step by step');
    assert.equal(steps.at(-1), 1, 'a short one is sent as one difference');
  });

  test('holds nothing any more when it is done', async () => {
    // The client has the last message before the server has been told that it was sent.
    await server.metricIs('zonelog_transfer_held_bytes', {}, 0);
    await server.metricIs('zonelog_transfers_running', {}, 0);
  });
});
