import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Rcode } from '../../src/dns/rrset.ts';
import { Cached, type Made } from '../kit/cached.ts';

const www = (last: number, ttl = 100): Made => ({ answer: `www.test.\t${ttl}\tIN\tA\t192.0.2.${last}` });
const SERVFAIL: Made = { rcode: Rcode.SERVFAIL };

/** The last number of the first address, and its TTL. */
async function ask(cached: Cached): Promise<[last: string | undefined, ttl: number | undefined]> {
  const [record] = (await cached.ask('www.test')).answer;
  const address = record?.rdata.type === 'A' ? record.rdata.address : '';
  return [address.split('.').at(-1), record?.ttl];
}

test('prefetch asks for a popular name in its last tenth, answers at once, and sends the new answer from then on', async () => {
  const cached = new Cached('cache {\nprefetch 3 2m\n}', (_, count) => www(count));
  for (let i = 0; i < 3; i++) await cached.ask('www.test');
  cached.clock.advance(80_000);
  await cached.ask('www.test');
  assert.equal(cached.asked.length, 1, 'too early');
  cached.clock.advance(10_000);
  assert.deepEqual(await ask(cached), ['1', 10]);
  assert.equal(cached.asked.length, 2);
  assert.equal(cached.asked[1]?.transport, 'tcp', 'so that the answer is not cut for a client that takes little');
  await turn();
  assert.deepEqual(await ask(cached), ['2', 100]);
  assert.equal(cached.count('coredns_cache_prefetch_total'), 1);
});

test('a name that was left alone for longer than the duration is not popular', async () => {
  const cached = new Cached('cache {\nprefetch 2 10s 50%\n}', (_, count) => www(count));
  await cached.ask('www.test');
  for (let i = 0; i < 4; i++) {
    cached.clock.advance(11_000);
    await cached.ask('www.test');
  }
  cached.clock.advance(30_000);
  await cached.ask('www.test');
  assert.equal(cached.asked.length, 1);
  await cached.ask('www.test');
  assert.equal(cached.asked.length, 2);
});

test('one refresh at a time for a name, however often it is asked for', async () => {
  let end: (made: Made) => void = () => {};
  const cached = new Cached('cache {\nprefetch 1 2m\n}', (_, count) =>
    count === 1
      ? www(1)
      : new Promise<Made>((resolve) => {
          end = resolve;
        }),
  );
  await cached.ask('www.test');
  cached.clock.advance(95_000);
  for (let i = 0; i < 5; i++) await cached.ask('www.test');
  assert.equal(cached.asked.length, 2);
  end(www(2));
  await turn();
  assert.deepEqual(await ask(cached), ['2', 100]);
});

test('serve_stale sends what it has with TTL 0 and a stale answer error, and asks anew behind the client’s back', async () => {
  const cached = new Cached('cache {\nserve_stale\n}', (_, count) => (count === 2 ? SERVFAIL : www(count)));
  await cached.ask('www.test');
  cached.clock.advance(100_000);
  const stale = await cached.ask('www.test');
  assert.equal(stale.answer[0]?.ttl, 0);
  assert.equal(stale.ede?.code, 3);
  assert.equal(stale.aging, undefined, 'not to be kept encoded');
  await turn();
  assert.deepEqual(await ask(cached), ['1', 0], 'the failure took nothing away');
  await turn();
  assert.deepEqual(await ask(cached), ['3', 100]);
  assert.equal(cached.count('coredns_cache_served_stale_total'), 2);
});

test('serve_stale with a TTL and a recheck: stale answers have the one, and nobody is asked in the other', async () => {
  for (const [mode, asked] of [
    ['immediate', 3],
    ['verify 0', 3],
  ] as const) {
    const cached = new Cached(`cache {\nserve_stale 1h ${mode} 30s 5s\n}`, (_, count) =>
      count === 2 ? SERVFAIL : www(count),
    );
    await cached.ask('www.test');
    cached.clock.advance(100_000);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await ask(cached), ['1', 30], mode);
      await turn();
    }
    assert.equal(cached.asked.length, 2, mode);
    cached.clock.advance(5_000);
    await ask(cached);
    await turn();
    assert.equal(cached.asked.length, asked, mode);
    assert.deepEqual(await ask(cached), ['3', 100], mode);
  }
});

test('serve_stale ends after its duration', async () => {
  const cached = new Cached('cache {\nserve_stale 60s\n}', (_, count) => (count > 1 ? SERVFAIL : www(count)));
  await cached.ask('www.test');
  cached.clock.advance(159_000);
  assert.equal((await cached.ask('www.test')).rcode, Rcode.NOERROR);
  await turn();
  cached.clock.advance(1000);
  assert.equal((await cached.ask('www.test')).rcode, Rcode.SERVFAIL);
});

test('serve_stale verify asks first, and sends the stale answer only when there is no fresh one', async () => {
  const cached = new Cached('cache {\nserve_stale 1h verify\n}', (_, count) => (count === 2 ? SERVFAIL : www(count)));
  await cached.ask('www.test');
  cached.clock.advance(100_000);
  assert.deepEqual(await ask(cached), ['1', 0]);
  assert.deepEqual(await ask(cached), ['3', 100]);
});

test('serve_stale verify with a timeout does not let the client wait longer, and keeps the late answer', async () => {
  let end: (made: Made) => void = () => {};
  const cached = new Cached('cache {\nserve_stale 1h verify 500ms\n}', (_, count) =>
    count === 1
      ? www(1)
      : new Promise<Made>((resolve) => {
          end = resolve;
        }),
  );
  await cached.ask('www.test');
  cached.clock.advance(100_000);
  const answered = ask(cached);
  await turn();
  cached.clock.advance(500);
  assert.deepEqual(await answered, ['1', 0]);
  end(www(2));
  await turn();
  assert.deepEqual(await ask(cached), ['2', 100]);
});

test('a refresh that breaks is reported, and the stale answer stays', async () => {
  const cached = new Cached('cache {\nserve_stale\n}', (_, count) => {
    if (count > 1) throw new Error('broken');
    return www(1);
  });
  await cached.ask('www.test');
  cached.clock.advance(100_000);
  assert.deepEqual(await ask(cached), ['1', 0]);
  await turn();
  assert.equal(cached.failures.length, 1);
  assert.deepEqual(await ask(cached), ['1', 0]);
});

test('a denial takes the place of a stale answer, but not under prefer_positive', async () => {
  const soa = 'test.\t60\tIN\tSOA\tns.test. admin.test. 1 2 3 4 5';
  const answers = (_: unknown, count: number): Made =>
    count === 1 ? www(1) : { rcode: Rcode.NXDOMAIN, authority: soa };
  const plain = new Cached('cache {\nserve_stale\n}', answers);
  const positive = new Cached('cache {\nserve_stale\nserve_stale_policy prefer_positive\n}', answers);
  for (const cached of [plain, positive]) {
    await cached.ask('www.test');
    cached.clock.advance(100_000);
    await cached.ask('www.test');
    await turn();
  }
  assert.equal((await plain.ask('www.test')).rcode, Rcode.NXDOMAIN);
  assert.equal((await positive.ask('www.test')).rcode, Rcode.NOERROR);
});

test('under prefer_positive a denial that verify hears is not sent in place of the stale answer, but a fresh answer is', async () => {
  const soa = 'test.\t60\tIN\tSOA\tns.test. admin.test. 1 2 3 4 5';
  const cached = new Cached('cache {\nserve_stale 1h verify\nserve_stale_policy prefer_positive\n}', (_, count) =>
    count === 2 ? { rcode: Rcode.NXDOMAIN, authority: soa } : www(count),
  );
  await cached.ask('www.test');
  cached.clock.advance(100_000);
  assert.deepEqual(await ask(cached), ['1', 0]);
  assert.deepEqual(await ask(cached), ['3', 100]);
});
