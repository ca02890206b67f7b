/** When host names are looked up, what is logged of it, and what is not, on a clock that stands still. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClusterEvent, ClusterId } from '../../src/ingest/event.ts';
import type { FamilyLookup, HostLookup } from '../../src/ingest/host-lookup.ts';
import { HostResolver, type HostTuning } from '../../src/ingest/host-resolver.ts';
import { createLogger } from '../../src/logger.ts';
import { EAST, WEST } from '../kit/cluster-events.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const found = (addresses: readonly string[], ttl = 60): FamilyLookup => ({ status: 'found', addresses, ttl });
const failed = (reason = 'no reply'): FamilyLookup => ({ status: 'failed', reason });
const both = (addresses: readonly string[], ttl = 60): HostLookup => ({
  v4: found(addresses, ttl),
  v6: found([], ttl),
});
const FAILED: HostLookup = { v4: failed(), v6: failed() };

class Rig {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  /** What was looked up, in order. */
  readonly asked: string[] = [];
  /** What is known by the log. */
  readonly log = new Map<string, readonly string[]>();
  readonly ttls = new Map<string, number>();
  readonly story: string[] = [];
  readonly resolver: HostResolver;
  /** What is found of a host from here on. */
  answers = new Map<string, HostLookup>();
  pushed: ClusterEvent[] = [];
  isHeld = false;
  running = 0;
  most = 0;

  constructor(tuning: Partial<HostTuning> = {}) {
    this.resolver = new HostResolver({
      clock: { now: () => this.clock.now() * 1000, after: (ms, action) => this.clock.timer(action, ms) },
      random: () => 1,
      lookUp: async (_cluster, host) => {
        this.asked.push(host);
        this.most = Math.max(this.most, ++this.running);
        await turn();
        this.running -= 1;
        return this.answers.get(host) ?? FAILED;
      },
      known: {
        get: (cluster, host) => {
          const addresses = this.log.get(`${cluster} ${host}`);
          const ttl = this.ttls.get(host);
          return addresses && { addresses, ...(ttl !== undefined && { ttl }) };
        },
        keys: (cluster) =>
          [...this.log.keys()]
            .filter((key) => key.startsWith(`${cluster} `))
            .map((key) => key.slice(cluster.length + 1)),
      },
      push: (events) => {
        this.pushed.push(...events);
        if (!this.isHeld) this.commit();
      },
      room: () => undefined,
      logger: createLogger((line) => this.lines.push(line)),
      tuning,
    });
  }

  commit(): void {
    const events = this.pushed;
    this.pushed = [];
    for (const event of events) {
      if (event.kind === 'ResolvedHostUpserted') {
        this.log.set(`${event.cluster} ${event.key}`, event.facts.addresses);
        this.story.push(`${event.key} ${event.facts.addresses.join(' ')}`.trim());
        if (event.facts.ttl === undefined) this.ttls.delete(event.key);
        else this.ttls.set(event.key, event.facts.ttl);
      } else if (event.kind === 'ResolvedHostDeleted') {
        this.log.delete(`${event.cluster} ${event.key}`);
        this.story.push(`-${event.key}`);
      }
    }
    this.resolver.settle(events);
  }

  async need(hosts: readonly string[], cluster: ClusterId = EAST): Promise<void> {
    this.resolver.follow(new Map([[cluster, new Set(hosts)]]));
    await this.rest();
  }

  /** Lets what was begun come to its end. */
  async rest(): Promise<void> {
    for (let i = 0; i < 20 || this.running > 0; i++) await turn();
  }

  async pass(seconds: number): Promise<void> {
    this.clock.advance(seconds * 1000);
    await this.rest();
  }

  metric(name: string): unknown {
    return this.resolver
      .metrics()
      .find((family) => family.name === name)
      ?.samples.map(({ value }) => value);
  }
}

describe('host names of load balancers', () => {
  it('are looked up at once, and again when their TTL is over; a result that is the same is not logged', async () => {
    const rig = new Rig();
    rig.answers.set('lb.example', both(['192.0.2.2', '192.0.2.1'], 30));
    await rig.need(['lb.example']);
    assert.deepEqual(rig.story, ['lb.example 192.0.2.1 192.0.2.2']);
    await rig.pass(29);
    assert.equal(rig.asked.length, 1);
    await rig.pass(1);
    assert.equal(rig.asked.length, 2);
    rig.answers.set('lb.example', { v4: found(['192.0.2.3'], 30), v6: found(['2001:db8::1'], 5) });
    await rig.pass(30);
    assert.deepEqual(rig.story, ['lb.example 192.0.2.1 192.0.2.2', 'lb.example 192.0.2.3 2001:db8::1']);
    await rig.pass(5);
    assert.equal(rig.asked.length, 4, 'the lowest TTL counts');
  });

  it('are not asked for more often than every 5 seconds, nor more seldom than every hour', async () => {
    const rig = new Rig();
    rig.answers.set('short.example', both(['192.0.2.1'], 0));
    rig.answers.set('long.example', both(['192.0.2.1'], 1_000_000));
    await rig.need(['short.example', 'long.example']);
    await rig.pass(4);
    assert.equal(rig.asked.length, 2);
    await rig.pass(1);
    assert.deepEqual(rig.asked.slice(2), ['short.example']);
    rig.answers.set('short.example', both(['192.0.2.1'], 1_000_000));
    await rig.pass(5);
    rig.asked.length = 0;
    await rig.pass(3589);
    assert.deepEqual(rig.asked, []);
    await rig.pass(11);
    assert.deepEqual(rig.asked.toSorted(), ['long.example', 'short.example']);
  });

  it('have the TTL of their addresses: that a cache counts it down is nothing new', async () => {
    const rig = new Rig();
    const logged: (number | undefined)[] = [];
    const see = async (ttl: number) => {
      const before = rig.story.length;
      rig.answers.set('lb.example', both(['192.0.2.1'], ttl));
      if (rig.asked.length === 0) await rig.need(['lb.example']);
      else await rig.pass(3600);
      logged.push(rig.story.length > before ? rig.ttls.get('lb.example') : undefined);
    };
    for (const ttl of [17, 300, 299, 120, 7, 300, 151]) await see(ttl);
    assert.deepEqual(logged.splice(0), [17, 300, undefined, undefined, undefined, undefined, undefined]);
    for (let i = 0; i < 9; i++) await see(i === 4 ? 60 : 50);
    assert.deepEqual([...new Set(logged.splice(0))], [undefined], 'not before the tenth');
    await see(30);
    assert.deepEqual(logged.splice(0), [60], 'the highest of those ten');
    await see(1_000_000);
    assert.deepEqual(logged.splice(0), [3600]);
    assert.equal(rig.asked.length, 18);
  });

  it('without a TTL of their own, or without addresses, have none', async () => {
    const rig = new Rig();
    rig.answers.set('localhost', { ...both(['127.0.0.1'], 60), isOwn: true });
    rig.answers.set('none.example', both([], 60));
    rig.answers.set('four.example', { v4: found(['192.0.2.1'], 600), v6: found([], 20) });
    await rig.need(['localhost', 'none.example', 'four.example']);
    assert.deepEqual([...rig.ttls], [['four.example', 600]], 'that of a denial does not count');
    rig.answers.set('four.example', { v4: failed(), v6: found(['2001:db8::1'], 900) });
    await rig.pass(20);
    assert.equal(rig.ttls.get('four.example'), 900);
  });

  it('keep what was found when it can’t be found any more, and are tried again with growing pauses', async () => {
    const rig = new Rig();
    rig.answers.set('lb.example', both(['192.0.2.1'], 10));
    await rig.need(['lb.example']);
    rig.answers.clear();
    await rig.pass(10);
    assert.equal(rig.asked.length, 2);
    const pauses: number[] = [];
    for (let i = 0; i < 11; i++) {
      const before: number = rig.asked.length;
      let seconds = 0;
      for (; rig.asked.length === before; seconds++) await rig.pass(1);
      pauses.push(seconds);
    }
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert.deepEqual(rig.story, ['lb.example 192.0.2.1']);
    assert.deepEqual(rig.metric('zonelog_host_names_failing'), [1]);
    rig.answers.set('lb.example', both(['192.0.2.9'], 10));
    await rig.pass(300);
    assert.deepEqual(rig.story, ['lb.example 192.0.2.1', 'lb.example 192.0.2.9']);
    assert.deepEqual(rig.metric('zonelog_host_names_failing'), [0]);
    assert.equal(rig.lines.length, 2, rig.lines.join(''));
    assert.match(rig.lines[0] ?? '', /east: host name lb\.example: no reply; what was found before stays/);
    assert.match(rig.lines[1] ?? '', /lb\.example: resolved again/);
  });

  it('have no address when a resolver says so', async () => {
    const rig = new Rig();
    rig.answers.set('lb.example', both(['192.0.2.1'], 10));
    await rig.need(['lb.example', 'none.example']);
    rig.answers.set('lb.example', both([], 10));
    rig.answers.set('none.example', both([], 10));
    await rig.pass(10);
    assert.deepEqual(rig.story, ['lb.example 192.0.2.1', 'none.example', 'lb.example']);
    assert.deepEqual(rig.log.get('east none.example'), []);
  });

  it('keep the addresses of the family that could not be asked for', async () => {
    const rig = new Rig();
    rig.answers.set('lb.example', { v4: found(['192.0.2.1'], 600), v6: found(['2001:db8::1'], 600) });
    await rig.need(['lb.example']);
    rig.answers.set('lb.example', { v4: found(['192.0.2.2'], 600), v6: failed('SERVFAIL') });
    await rig.pass(600);
    assert.equal(rig.story.at(-1), 'lb.example 192.0.2.2 2001:db8::1');
    rig.answers.set('lb.example', { v4: found(['192.0.2.2'], 600), v6: found([], 600) });
    await rig.pass(1);
    assert.equal(rig.story.at(-1), 'lb.example 192.0.2.2', 'tried again soon');
  });

  it('are given up when nobody needs them: nothing is asked for, and the log is told', async () => {
    const rig = new Rig();
    rig.answers.set('a.example', both(['192.0.2.1'], 10));
    rig.answers.set('b.example', both(['192.0.2.2'], 10));
    await rig.need(['a.example', 'b.example', 'never.example']);
    await rig.need(['a.example']);
    assert.deepEqual(rig.story, ['a.example 192.0.2.1', 'b.example 192.0.2.2', '-b.example']);
    rig.asked.length = 0;
    await rig.pass(10);
    assert.deepEqual(rig.asked, ['a.example']);
  });

  it('that come back are logged again, even while the log is slow', async () => {
    const rig = new Rig();
    rig.answers.set('a.example', both(['192.0.2.1'], 10));
    await rig.need(['a.example']);
    rig.isHeld = true;
    await rig.need([]);
    await rig.need(['a.example']);
    rig.isHeld = false;
    rig.commit();
    assert.deepEqual(rig.story, ['a.example 192.0.2.1', '-a.example', 'a.example 192.0.2.1']);
    assert.deepEqual(rig.log.get('east a.example'), ['192.0.2.1']);
  });

  it('of a cluster that is gone are nobody’s: its state is gone as a whole', async () => {
    const rig = new Rig();
    rig.answers.set('a.example', both(['192.0.2.1'], 10));
    await rig.need(['a.example']);
    await rig.need([], WEST);
    assert.deepEqual(rig.story, ['a.example 192.0.2.1']);
    assert.equal(rig.clock.pending, 0);
  });

  it('known from the log stay as they are until something else is found, and those not needed go', async () => {
    const rig = new Rig();
    rig.log.set('east lb.example', ['192.0.2.1']);
    rig.ttls.set('lb.example', 60);
    rig.log.set('east old.example', ['192.0.2.2']);
    await rig.need(['lb.example']);
    assert.deepEqual(rig.story, ['-old.example'], 'the resolver is down');
    assert.deepEqual(rig.log.get('east lb.example'), ['192.0.2.1']);
    rig.answers.set('lb.example', both(['192.0.2.1']));
    await rig.pass(1);
    assert.deepEqual(rig.story, ['-old.example']);
    assert.equal(rig.asked.length, 2);
  });

  it('are bounded: so many lookups at a time, so many names, so many addresses', async () => {
    const rig = new Rig({ concurrency: 3, most: 10, addresses: 2 });
    const hosts = Array.from({ length: 12 }, (_, i) => `h${i}.example`);
    for (const host of hosts) rig.answers.set(host, both(['192.0.2.1', '192.0.2.2', '192.0.2.3'], 3600));
    await rig.need(hosts);
    assert.equal(rig.most, 3);
    assert.equal(rig.asked.length, 10);
    assert.deepEqual(rig.metric('zonelog_host_names'), [10]);
    assert.deepEqual(rig.metric('zonelog_host_names_refused'), [2]);
    assert.equal(rig.story[0], 'h0.example 192.0.2.1 192.0.2.2');
    await rig.need(hosts.slice(2));
    assert.deepEqual(rig.asked.slice(10), ['h10.example', 'h11.example']);
    assert.deepEqual(rig.metric('zonelog_host_names_refused'), [0]);
  });

  it('fail with a line each as long as they are few', async () => {
    const rig = new Rig();
    await rig.need(Array.from({ length: 50 }, (_, i) => `h${i}.example`));
    assert.equal(rig.lines.length, 10);
  });

  it('are left alone after the end', async () => {
    const rig = new Rig();
    rig.answers.set('a.example', both(['192.0.2.1'], 10));
    await rig.need(['a.example']);
    rig.resolver.stop();
    await rig.need(['b.example']);
    await rig.pass(100);
    assert.deepEqual(rig.asked, ['a.example']);
  });
});
