import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createErratic } from '../../src/serve/plugins/erratic.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { nextWith, requestOf, textOf } from '../kit/handlers.ts';

const QUIET = { drop: 0, truncate: 0, delay: 0, delayMs: 100, large: false };

function ask(options: Partial<typeof QUIET>, clock = new FakeClock()) {
  const handler = createErratic({ ...QUIET, ...options }, clock.timer);
  return (type: string) => handler.handle(requestOf('X.test', type), nextWith('').next);
}

test('erratic: one answer for every name', async () => {
  const one = ask({});
  assert.deepEqual(textOf(await one('A')).answer, ['x.test. 0 IN A 192.0.2.53']);
  assert.deepEqual(textOf(await one('AAAA')).answer, ['x.test. 0 IN AAAA 2001:db8::53']);
  assert.equal(textOf(await one('TXT')).rcode, 'SERVFAIL');
  assert.equal(textOf(await ask({ large: true })('A')).answer.length, 30);
});

test('erratic: drops and truncates each Nth question, the first one too', async () => {
  const one = ask({ drop: 3, truncate: 2 });
  const seen = [];
  for (let i = 0; i < 6; i++) {
    const outcome = await one('A');
    seen.push(outcome.kind === 'reply' ? outcome.isTruncated === true : outcome.kind);
  }
  assert.deepEqual(seen, ['none', false, true, 'none', true, false]);
});

test('erratic: a delayed answer comes when its time is over', async () => {
  const clock = new FakeClock();
  const one = ask({ delay: 2, delayMs: 500 }, clock);
  const late = one('A');
  assert.ok(late instanceof Promise);
  assert.ok(!(one('A') instanceof Promise));
  clock.advance(500);
  assert.equal(textOf(await late).rcode, 'NOERROR');
});
