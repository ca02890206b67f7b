/** Several threads answer on one port: to a client they are one server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { TestServer } from '../kit/server.ts';

/** Enough that threads which show a batch as soon as each has it are caught (about one question in a hundred). */
const QUESTIONS = 4_000;

describe('threads that share a port', () => {
  const churn = new Churn(7, 30);
  let server: TestServer;
  let timer: NodeJS.Timeout;

  before(async () => {
    const { url } = await churn.api.start();
    server = await TestServer.start({
      corefile: `.:{{dns}} {
        bind 127.0.0.1
        multisocket 3
        kubernetes ${CHURN_ZONE} {
          endpoint ${url}
        }
      }`,
    });
    await server.hasZone(CHURN_ZONE);
    timer = setInterval(() => churn.step(), 2);
  });

  after(async () => {
    clearInterval(timer);
    await server?.close();
    await churn.api.stop();
  });

  test('never give a lower serial after a higher one', async () => {
    let last = 0;
    let steps = 0;
    for (let i = 0; i < QUESTIONS; i++) {
      const { message } = await server.dns.ask(CHURN_ZONE, 'SOA');
      const [soa] = message.answer;
      assert.ok(soa?.rdata.type === 'SOA');
      assert.ok(soa.rdata.serial >= last, `serial ${soa.rdata.serial} after ${last}, question ${i}`);
      if (soa.rdata.serial > last) steps += 1;
      last = soa.rdata.serial;
    }
    assert.ok(steps > 10, `the zone changed ${steps} times`);
  });
});
