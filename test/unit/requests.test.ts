/** Questions to other threads (src/compose/requests.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Requests } from '../../src/compose/requests.ts';

test('each question gets its own answer, in whatever order they come', async () => {
  const requests = new Requests<string>();
  const asked: number[] = [];
  const answers = [1, 2].map(() => requests.ask((request) => asked.push(request)));
  requests.answer(asked[1] ?? 0, 'second');
  requests.answer(asked[0] ?? 0, 'first');
  assert.deepEqual(await Promise.all(answers), ['first', 'second']);
});

test('a busy thread is answered for by what it said last: its counters do not go back to nothing', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const requests = new Requests<string>();
  const asked: number[] = [];
  const ask = () => requests.askWithin(1_000, 'nothing', (request) => asked.push(request));
  const first = ask();
  t.mock.timers.tick(1_000);
  assert.equal(await first, 'nothing', 'it has said nothing yet');
  const second = ask();
  requests.answer(asked[1] ?? 0, 'two');
  assert.equal(await second, 'two');
  const third = ask();
  t.mock.timers.tick(999);
  requests.answer(asked[0] ?? 0, 'one, late');
  t.mock.timers.tick(1);
  assert.equal(await third, 'one, late');
  requests.answer(asked[2] ?? 0, 'three, late');
  const fourth = ask();
  t.mock.timers.tick(1_000);
  assert.equal(await fourth, 'three, late');
});
