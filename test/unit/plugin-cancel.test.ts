import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rcode } from '../../src/dns/rrset.ts';
import { emptyReply, type Outcome } from '../../src/serve/chain.ts';
import { createCancel } from '../../src/serve/plugins/cancel.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { requestOf } from '../kit/handlers.ts';

test('cancel: SERVFAIL when the time is over, and the late answer goes nowhere', async () => {
  const clock = new FakeClock();
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const outcome = createCancel(500, clock.timer).handle(requestOf('www.test', 'A'), () => promise);
  clock.advance(499);
  assert.equal(clock.pending, 1);
  clock.advance(1);
  const late = await outcome;
  assert.ok(late.kind === 'reply');
  assert.deepEqual([late.rcode, late.failure], [Rcode.SERVFAIL, 'context deadline exceeded']);
  resolve(emptyReply(Rcode.NOERROR));
  assert.equal(await outcome, late);
});

test('cancel: answers in time, failures of plugins, and answers at once pass', async () => {
  const clock = new FakeClock();
  const cancel = createCancel(500, clock.timer);
  const reply = emptyReply(Rcode.NXDOMAIN);
  assert.equal(
    cancel.handle(requestOf('www.test', 'A'), () => reply),
    reply,
  );
  assert.equal(clock.pending, 0);
  assert.equal(await cancel.handle(requestOf('www.test', 'A'), () => Promise.resolve(reply)), reply);
  const broken = cancel.handle(requestOf('www.test', 'A'), () => Promise.reject(new Error('broken')));
  await assert.rejects(async () => broken, /broken/);
  assert.equal(clock.pending, 0, 'no timer is left');
});
