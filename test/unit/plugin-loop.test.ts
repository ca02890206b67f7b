import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type DomainName, isSubdomain } from '../../src/dns/name.ts';
import { RRType } from '../../src/dns/rrset.ts';
import { emptyReply, type Request } from '../../src/serve/chain.ts';
import { createLoop } from '../../src/serve/plugins/loop.ts';
import { FakeClock } from '../kit/fake-clock.ts';
import { requestFor } from '../kit/handlers.ts';
import { nameOf } from '../kit/serving.ts';

function loopOf(isAnswered: () => boolean) {
  const clock = new FakeClock();
  const asked: DomainName[] = [];
  const lines: string[] = [];
  let passed = 0;
  let seed = 0;
  const handler = createLoop(
    { zone: nameOf('example.test'), address: '127.0.0.1', port: 53 },
    {
      random: () => {
        seed = (seed + 0.37) % 1;
        return seed;
      },
      timer: clock.timer,
      ask: async (name) => {
        asked.push(name);
        return isAnswered();
      },
      onLoop: (line) => lines.push(line),
    },
  );
  const see = (name: string, type: number = RRType.HINFO, parts: Partial<Request> = {}) =>
    handler.handle(requestFor(name, type, parts), () => {
      passed += 1;
      return emptyReply(0);
    });
  return { clock, asked, lines, handler, see, passed: () => passed };
}

test('it asks for a name of its own below the zone once the listeners are open', async () => {
  const { clock, asked, lines, see, passed } = loopOf(() => true);
  assert.equal(asked.length, 0);
  clock.advance(50);
  const [name] = asked;
  assert.ok(name && isSubdomain(name, nameOf('example.test')));
  assert.match(name, /^\d+\.\d+\.example\.test\.$/);
  see(name);
  assert.equal(passed(), 1, 'the question goes on to the next plugin');
  await turn();
  clock.advance(2000);
  assert.equal(clock.pending, 0, 'nothing more to do');
  assert.deepEqual(lines, []);
});

test('its name seen three times is a loop, told of once in the words of the peer', () => {
  const { clock, asked, lines, see } = loopOf(() => true);
  clock.advance(50);
  const [name = ''] = asked;
  const remote = { address: '::1', port: 4242 };
  see(name);
  see(name);
  see(name, RRType.A);
  see('other.example.test');
  assert.deepEqual(lines, []);
  see(name, RRType.HINFO, { remote });
  see(name);
  assert.deepEqual(lines, [
    `Loop ([::1]:4242 -> 127.0.0.1:53) detected for zone "example.test.", ` +
      `see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${name}"`,
  ]);
});

test('without an answer it asks again each second for half a minute, and starts counting anew', async () => {
  const { clock, asked, lines, see } = loopOf(() => false);
  clock.advance(50);
  await turn();
  const [name = ''] = asked;
  see(name);
  see(name);
  for (let i = 0; i < 40; i++) {
    clock.advance(1000);
    await turn();
  }
  assert.ok(asked.length >= 29 && asked.length <= 31, String(asked.length));
  see(name);
  assert.deepEqual(lines, [], 'the time is over');
  assert.equal(clock.pending, 0);
});

test('close ends it', async () => {
  const { clock, asked, handler } = loopOf(() => false);
  handler.close?.();
  clock.advance(60_000);
  await turn();
  assert.equal(asked.length, 0);
});
