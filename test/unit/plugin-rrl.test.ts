import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Rcode } from '../../src/dns/rrset.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import { emptyReply, type Handler, type Outcome, type Reply, type Request } from '../../src/serve/chain.ts';
import { createRrl } from '../../src/serve/plugins/rrl.ts';
import { Accounts } from '../../src/serve/plugins/rrl-accounts.ts';
import { optionsOf } from '../kit/corefile.ts';
import { requestOf } from '../kit/handlers.ts';
import { ask, entryOf, question, ToyZone } from '../kit/serving.ts';

const POSITIVE: Reply = { ...emptyReply(Rcode.NOERROR), answer: parseZoneText('a.test. 5 IN A 192.0.2.9') };
const SOA = parseZoneText('test. 5 IN SOA ns.test. h.test. 1 2 3 4 5');

class Bench {
  seconds = 0;
  readonly handler: Handler;

  constructor(options: string) {
    const { rrl } = optionsOf(`rrl {\n${options}\n}`);
    assert.ok(rrl);
    this.handler = createRrl(rrl, () => this.seconds);
  }

  /** `sent`, `slipped` or `dropped`. */
  ask(reply: Reply = POSITIVE, parts: Partial<Request> = {}, name = 'a.test'): string {
    const outcome = this.handler.handle(requestOf(name, 'A', parts), () => reply) as Outcome;
    if (outcome.kind !== 'reply') return 'dropped';
    return outcome === reply ? 'sent' : outcome.isTruncated ? 'slipped' : 'changed';
  }

  times(count: number, ...args: Parameters<Bench['ask']>): string {
    const all = Array.from({ length: count }, () => this.ask(...args));
    return ['sent', 'slipped', 'dropped'].map((what) => all.filter((one) => one === what).length).join();
  }
}

describe('rrl', () => {
  it('lets through what a second allows, and again as time passes', () => {
    const bench = new Bench('responses-per-second 5');
    assert.equal(bench.times(20), '5,0,15');
    // The debt is paid first: fifteen responses are three seconds.
    bench.seconds = 2.9;
    assert.equal(bench.ask(), 'dropped');
    bench.seconds = 5;
    assert.equal(bench.ask(), 'sent');
  });

  it('a debt is never larger than the window', () => {
    const bench = new Bench('responses-per-second 1\nwindow 2');
    bench.times(1000);
    bench.seconds = 3;
    assert.equal(bench.ask(), 'sent');
  });

  it('takes the network for the client, and other names, types and networks apart', () => {
    const bench = new Bench('responses-per-second 1\nipv4-prefix-length 20');
    const from = (address: string) => ({ remote: { address, port: 1 } });
    assert.equal(bench.ask(POSITIVE, from('192.0.2.1')), 'sent');
    assert.equal(bench.ask(POSITIVE, from('192.0.15.255')), 'dropped');
    assert.equal(bench.ask(POSITIVE, from('::ffff:192.0.3.1')), 'dropped');
    assert.equal(bench.ask(POSITIVE, from('192.0.16.1')), 'sent');
    assert.equal(bench.ask(POSITIVE, from('2001:db8:0:1::1')), 'sent');
    assert.equal(bench.ask(POSITIVE, from('2001:db8:0:ff::1')), 'dropped');
    assert.equal(bench.ask(POSITIVE, from('2001:db8:0:100::1')), 'sent');
    assert.equal(bench.ask(POSITIVE, from('192.0.2.1'), 'b.test'), 'sent');
  });

  it('errors of a network are one account, and denials in a zone, whatever the names', () => {
    const bench = new Bench('errors-per-second 1\nnxdomains-per-second 1');
    const refused = emptyReply(Rcode.REFUSED);
    const denied: Reply = { ...emptyReply(Rcode.NXDOMAIN), authority: SOA };
    assert.deepEqual([bench.ask(refused, {}, 'a.test'), bench.ask(refused, {}, 'b.test')], ['sent', 'dropped']);
    assert.deepEqual([bench.ask(denied, {}, 'a.test'), bench.ask(denied, {}, 'b.test')], ['sent', 'dropped']);
    assert.equal(bench.times(10), '10,0,0', 'no limit was set for these');
  });

  it('each kind has its own allowance, that of responses if none is set', () => {
    const nodata: Reply = { ...emptyReply(Rcode.NOERROR), authority: SOA };
    const referral: Reply = { ...emptyReply(Rcode.NOERROR), authority: parseZoneText('test. 5 IN NS ns.test.') };
    const bench = new Bench('responses-per-second 2\nnodata-per-second 3\nreferrals-per-second 0');
    assert.equal(bench.times(9), '2,0,7');
    assert.equal(bench.times(9, nodata), '3,0,6');
    assert.equal(bench.times(9, referral), '9,0,0');
    assert.equal(bench.times(9, emptyReply(Rcode.SERVFAIL)), '2,0,7');
  });

  it('slips every nth, truncated and empty', () => {
    const bench = new Bench('responses-per-second 1\nslip-ratio 3');
    assert.equal(bench.times(10), '1,3,6');
    assert.equal(new Bench('responses-per-second 1\nslip-ratio 1').times(10), '1,9,0');
  });

  it('spares TCP, and who has shown a good cookie', () => {
    const bench = new Bench('responses-per-second 1\nrequests-per-second 1');
    assert.equal(bench.times(10, POSITIVE, { transport: 'tcp' }), '10,0,0');
    assert.equal(bench.times(10, POSITIVE, { hasGoodCookie: true }), '10,0,0');
    assert.equal(bench.times(10), '1,0,9');
  });

  it('requests are limited before they are answered', () => {
    const bench = new Bench('requests-per-second 2');
    let asked = 0;
    for (let i = 0; i < 10; i++) {
      bench.handler.handle(requestOf(`n${i}.test`, 'A'), () => {
        asked += 1;
        return POSITIVE;
      });
    }
    assert.equal(asked, 2);
  });

  it('report-only counts and holds nothing back', () => {
    const bench = new Bench('responses-per-second 1\nreport-only');
    assert.equal(bench.times(5), '5,0,0');
    const limited = bench.handler.metrics?.().find(({ name }) => name === 'zonelog_rrl_limited_total');
    assert.deepEqual(limited?.samples, [{ labels: ['responses', 'reported'], value: 4 }]);
  });

  it('is for its zones', () => {
    const { rrl } = optionsOf('rrl limited.test {\n responses-per-second 1\n}');
    assert.ok(rrl);
    const handler = createRrl(rrl, () => 0);
    const outcomes = ['a.limited.test', 'a.limited.test', 'a.other.test', 'a.other.test'].map(
      (name) => (handler.handle(requestOf(name, 'A'), () => POSITIVE) as Outcome).kind,
    );
    assert.deepEqual(outcomes, ['reply', 'none', 'reply', 'reply']);
  });

  it('answers that are kept encoded go by no limit, so there are none', () => {
    const zone = new ToyZone();
    zone.set('www', '192.0.2.7');
    const bench = new Bench('responses-per-second 1');
    const { entry } = entryOf({ '.': [bench.handler, zone.handler()] });
    assert.equal(ask(entry, question('www.toy.test', 'A')).answer.length, 1);
    assert.equal(entry.answer(question('www.toy.test', 'A'), { address: '192.0.2.1', port: 9 }), undefined);
  });
});

describe('accounts', () => {
  it('are bounded: who was away longest goes first', () => {
    const accounts = new Accounts(2);
    for (const key of ['a', 'b', 'a', 'c']) accounts.debit(key, 1, 15, 0);
    assert.deepEqual([accounts.size, accounts.evictions], [2, 1]);
    assert.ok(accounts.debit('a', 1, 15, 0) > 0, 'a is remembered');
    assert.equal(accounts.debit('b', 1, 15, 0), 0, 'b is new again');
  });

  it('never let through more than the rate and one second ahead', () => {
    const steps = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), steps, (rate, waits) => {
        const accounts = new Accounts(10);
        let now = 0;
        let through = 0;
        for (const wait of waits) {
          now += wait;
          if (accounts.debit('x', rate, 15, now) === 0) through += 1;
        }
        assert.ok(through <= rate + now * rate + 1e-6, `${through} in ${now} s`);
      }),
    );
  });
});
