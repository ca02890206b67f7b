import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import { Cached } from '../kit/cached.ts';
import { nameOf } from '../kit/serving.ts';

const SOA = 'test.\t60\tIN\tSOA\tns.test. admin.test. 1 2 3 4 5';
const address = (count = 1) => ({ answer: `www.test.\t300\tIN\tA\t192.0.2.${count}` });

test('an answer is asked for once, and its TTL counts down until it is over', async () => {
  const cached = new Cached('cache', (_, count) => address(count));
  assert.deepEqual(await cached.ttls('www.test'), [300]);
  cached.clock.advance(100_000);
  assert.deepEqual(await cached.ttls('www.test'), [200]);
  cached.clock.advance(199_000);
  assert.deepEqual(await cached.ttls('www.test'), [1]);
  assert.equal(cached.asked.length, 1);
  cached.clock.advance(1000);
  const { answer } = await cached.ask('www.test');
  assert.equal(cached.asked.length, 2);
  assert.deepEqual(answer[0]?.rdata, { type: 'A', address: '192.0.2.2' });
});

test('all records get the smallest TTL of the reply, within the limits, in the first reply already', async () => {
  const text = 'www.test.\t100\tIN\tCNAME\tweb.test.\nweb.test.\t40\tIN\tA\t192.0.2.1';
  const plain = new Cached('cache', () => ({ answer: text, additional: 'x.test.\t70\tIN\tA\t192.0.2.3' }));
  assert.deepEqual(await plain.ttls('www.test'), [40, 40, 40]);
  assert.deepEqual(await new Cached('cache 30', () => ({ answer: text })).ttls('www.test'), [30, 30]);
  const short = new Cached('cache', () => ({ answer: 'www.test.\t0\tIN\tA\t192.0.2.1' }));
  assert.deepEqual(await short.ttls('www.test'), [5]);
  const free = new Cached('cache {\nsuccess 1000 60 0\n}', () => ({ answer: 'www.test.\t0\tIN\tA\t192.0.2.1' }));
  assert.deepEqual(await free.ttls('www.test'), [0]);
  await free.ask('www.test');
  assert.equal(free.asked.length, 2, 'a TTL of 0 is not kept');
});

test('denials are kept with limits of their own, by the TTL of their SOA', async () => {
  const cached = new Cached('cache {\ndenial 1000 20\n}', ({ question }) =>
    question.name === nameOf('no.test') ? { rcode: Rcode.NXDOMAIN, authority: SOA } : { authority: SOA },
  );
  assert.deepEqual(await cached.ttls('no.test'), [20]);
  assert.deepEqual(await cached.ttls('www.test', RRType.TXT), [20]);
  cached.clock.advance(19_000);
  assert.equal((await cached.ask('no.test')).rcode, Rcode.NXDOMAIN);
  assert.deepEqual(await cached.ttls('www.test', RRType.TXT), [1]);
  assert.equal(cached.asked.length, 2);
  assert.equal(cached.count('coredns_cache_entries', 'denial'), 2);
  assert.equal(cached.count('coredns_cache_hits_total', 'denial'), 2);
});

test('an alias without its end is a denial if there is a SOA, and is not kept if there is none', async () => {
  const alias = 'www.test.\t100\tIN\tCNAME\tgone.test.';
  const withSoa = new Cached('cache', () => ({ answer: alias, authority: SOA }));
  await withSoa.ask('www.test');
  await withSoa.ask('www.test');
  assert.equal(withSoa.asked.length, 1);
  assert.equal(withSoa.count('coredns_cache_entries', 'denial'), 1);
  const without = new Cached('cache', () => ({ answer: alias }));
  await without.ask('www.test');
  await without.ask('www.test');
  assert.equal(without.asked.length, 2);
});

test('NXDOMAIN without SOA, refusals, truncated replies and transfers are not kept', async () => {
  const replies = [
    { rcode: Rcode.NXDOMAIN },
    { rcode: Rcode.REFUSED },
    { ...address(), more: { isTruncated: true } },
    { rcode: Rcode.NXDOMAIN, ...address() },
  ];
  for (const reply of replies) {
    const cached = new Cached('cache', () => reply);
    await cached.ask('www.test');
    await cached.ask('www.test');
    assert.equal(cached.asked.length, 2, JSON.stringify(reply));
  }
  const transfer = new Cached('cache', () => ({ answer: SOA }));
  assert.deepEqual(await transfer.ttls('test', RRType.IXFR), [60]);
  assert.deepEqual(await transfer.ttls('test', RRType.IXFR), [60]);
  assert.equal(transfer.asked.length, 2);
});

test('SERVFAIL is kept for five seconds, or as `servfail` says, and its failure is told of once', async () => {
  const failing = { rcode: Rcode.SERVFAIL, more: { failure: 'i/o timeout', writer: '' } };
  const cached = new Cached('cache', () => failing);
  assert.equal((await cached.ask('www.test')).failure, 'i/o timeout');
  assert.equal((await cached.ask('www.test')).failure, undefined);
  cached.clock.advance(4999);
  assert.equal((await cached.ask('www.test')).rcode, Rcode.SERVFAIL);
  assert.equal(cached.asked.length, 1);
  cached.clock.advance(1);
  await cached.ask('www.test');
  assert.equal(cached.asked.length, 2);
  const off = new Cached('cache {\nservfail 0s\n}', () => failing);
  await off.ask('www.test');
  await off.ask('www.test');
  assert.equal(off.asked.length, 2);
});

test('what differs in name, type, class, DO, CD or client subnet is another question; id, case and RD are not', async () => {
  const cached = new Cached('cache', () => address());
  const edns = (isDnssecOk: boolean, subnet?: number) => ({
    edns: {
      version: 0,
      udpSize: 1232,
      isDnssecOk,
      options: subnet === undefined ? [] : [{ code: 8, data: Uint8Array.of(0, 1, 24, 0, 192, 0, subnet) }],
    },
  });
  const spelled = { name: nameOf('www.test'), spelling: 'WWW.test.', type: RRType.A, class: 1 };
  await cached.ask('www.test');
  await cached.ask('www.test', RRType.A, { id: 77, isRecursionDesired: false, question: spelled, ...edns(false) });
  assert.equal(cached.asked.length, 1);
  await cached.ask('www.test', RRType.AAAA);
  await cached.ask('web.test');
  await cached.ask('www.test', RRType.A, { question: { ...spelled, class: 3 } });
  await cached.ask('www.test', RRType.A, edns(true));
  await cached.ask('www.test', RRType.A, { isCheckingDisabled: true });
  await cached.ask('www.test', RRType.A, edns(false, 2));
  await cached.ask('www.test', RRType.A, edns(false, 3));
  assert.equal(cached.asked.length, 8);
  await cached.ask('www.test', RRType.A, edns(false, 2));
  assert.equal(cached.asked.length, 8);
});

test('AD is given to who asks for it, whoever asked first', async () => {
  const cached = new Cached('cache', ({ isAuthenticData }) => ({ ...address(), more: { isAuthenticData } }));
  assert.equal((await cached.ask('www.test')).isAuthenticData, false);
  assert.equal((await cached.ask('www.test', RRType.A, { isAuthenticData: true })).isAuthenticData, true);
  assert.equal((await cached.ask('www.test')).isAuthenticData, false);
  assert.equal(cached.asked.length, 1);
});

test('AA, RA and the rcode are those of the reply that was kept', async () => {
  const cached = new Cached('cache', () => ({ ...address(), more: { isAuthoritative: true } }));
  await cached.ask('www.test');
  const { isAuthoritative, isRecursionAvailable, rcode } = await cached.ask('www.test');
  assert.deepEqual([isAuthoritative, isRecursionAvailable, rcode], [true, true, Rcode.NOERROR]);
});

test('zones outside, and those of `disable`, are not kept; the TTLs of the latter are still limited', async () => {
  const cached = new Cached('cache 30 test {\ndisable success a.test\ndisable denial b.test\n}', ({ question }) =>
    question.type === RRType.A
      ? { answer: `${question.name}\t300\tIN\tA\t192.0.2.1` }
      : { rcode: Rcode.NXDOMAIN, authority: SOA },
  );
  const asksFor = async (name: string, type: number) => {
    const before = cached.asked.length;
    const ttls = await cached.ttls(name, type);
    await cached.ask(name, type);
    return [cached.asked.length - before, ...ttls];
  };
  assert.deepEqual(await asksFor('www.else', RRType.A), [2, 300]);
  assert.deepEqual(await asksFor('x.a.test', RRType.A), [2, 30]);
  assert.deepEqual(await asksFor('x.a.test', RRType.TXT), [1, 30]);
  assert.deepEqual(await asksFor('x.b.test', RRType.A), [1, 30]);
  assert.deepEqual(await asksFor('x.b.test', RRType.TXT), [2, 30]);
});

test('keepttl sends the TTL that the answer had, but not longer', async () => {
  const cached = new Cached('cache {\nkeepttl\n}', () => address());
  await cached.ask('www.test');
  cached.clock.advance(299_000);
  assert.deepEqual(await cached.ttls('www.test'), [300]);
  cached.clock.advance(1000);
  await cached.ask('www.test');
  assert.equal(cached.asked.length, 2);
});

test('the oldest go when the capacity is reached, and evictions are counted', async () => {
  const cached = new Cached('cache {\nsuccess 1024\n}', ({ question }) => ({
    answer: `${question.name}\t300\tIN\tA\t192.0.2.1`,
  }));
  for (let i = 0; i < 1030; i++) await cached.ask(`n${i}.test`);
  assert.equal(cached.count('coredns_cache_entries', 'success'), 1024);
  assert.equal(cached.count('coredns_cache_evictions_total', 'success'), 6);
  await cached.ask('n6.test');
  assert.equal(cached.asked.length, 1030);
  await cached.ask('n5.test');
  assert.equal(cached.asked.length, 1031);
});

test('answers of zones of ours are kept for their TTL, but not that a cluster is not synced', async () => {
  const source = { zone: 'test.', names: [nameOf('www.test')] };
  const cached = new Cached('cache 30', (_, count) => ({ ...address(count), more: { source } }), 'kubernetes');
  const first = await cached.ask('www.test');
  assert.equal(first.answer[0]?.ttl, 30);
  assert.equal(first.source, undefined, 'a change of the zone does not end it');
  const second = await cached.ask('www.test');
  assert.deepEqual(second.answer[0]?.rdata, { type: 'A', address: '192.0.2.1' });
  const unsynced = new Cached('cache 30', () => ({ rcode: Rcode.SERVFAIL }), 'kubernetes');
  await unsynced.ask('www.test');
  await unsynced.ask('www.test');
  assert.equal(unsynced.asked.length, 2, 'a cluster may be synced by now');
});

test('requests, hits and misses are counted by listener', async () => {
  const cached = new Cached('cache', () => address());
  await cached.ask('www.test');
  await cached.ask('www.test');
  await cached.ask('www.test', RRType.A, { local: { address: '0.0.0.0', port: 5353 }, transport: 'tls' });
  assert.equal(cached.count('coredns_cache_requests_total', 'dns://127.0.0.1:53'), 2);
  assert.equal(cached.count('coredns_cache_misses_total', 'dns://127.0.0.1:53'), 1);
  assert.equal(cached.count('coredns_cache_hits_total', 'tls://:5353'), 1);
});

test('property: no reply comes out of the cache with a TTL above what is left of it', async () => {
  const step = fc.record({
    name: fc.constantFrom('a.test', 'b.test'),
    wait: fc.integer({ min: 0, max: 20_000 }),
    ttl: fc.integer({ min: 0, max: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let ttl = 0;
      const born = new Map<string, { at: number; ttl: number }>();
      const cached = new Cached('cache 40', ({ question }) => {
        born.set(question.name, { at: cached.clock.now(), ttl: Math.min(40, Math.max(5, ttl)) });
        return { answer: `${question.name}\t${ttl}\tIN\tA\t192.0.2.1` };
      });
      for (const { name, wait, ttl: next } of steps) {
        ttl = next;
        cached.clock.advance(wait);
        const [got] = await cached.ttls(name);
        const from = born.get(nameOf(name));
        assert.ok(from && got !== undefined);
        const left = from.ttl - Math.floor(cached.clock.now() - from.at);
        assert.equal(got, left);
        assert.ok(left > 0);
      }
    }),
    { numRuns: 200 },
  );
});

test('what was kept of zones goes when a cluster gets out of reach or comes back, what is from elsewhere stays', async () => {
  const zone = new Cached('cache', (_, count) => address(count), 'kubernetes');
  const elsewhere = new Cached('cache', (_, count) => address(count));
  for (const cached of [zone, elsewhere]) {
    const first = await cached.ask('www.test');
    assert.ok(first.aging?.ttlAt(cached.clock.now()));
    cached.handler.dropZoneReplies?.();
    assert.equal(first.aging?.ttlAt(cached.clock.now()) === undefined, cached === zone);
    await cached.ask('www.test');
  }
  assert.deepEqual([zone.asked.length, elsewhere.asked.length], [2, 1]);
});

test('a kept failure says why it failed, or that it is kept', async () => {
  const network = { code: 23, text: '192.0.2.9:53: i/o timeout' };
  const told = new Cached('cache', () => ({ rcode: Rcode.SERVFAIL, more: { ede: network } }));
  const untold = new Cached('cache', () => ({ rcode: Rcode.SERVFAIL }));
  assert.deepEqual((await told.ask('www.test')).ede, network);
  assert.deepEqual((await told.ask('www.test')).ede, network);
  assert.equal((await untold.ask('www.test')).ede, undefined);
  assert.deepEqual((await untold.ask('www.test')).ede, { code: 13, text: '' });
});
