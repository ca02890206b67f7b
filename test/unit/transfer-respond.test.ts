import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransferLimits } from '../../src/corefile/config.ts';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type RRset, RRType } from '../../src/dns/rrset.ts';
import { readMessage } from '../../src/dns/wire.ts';
import { createLogger } from '../../src/logger.ts';
import type { TransferPlan } from '../../src/transfer/plan.ts';
import { type Taken, type TransferStream, Transfers } from '../../src/transfer/respond.ts';
import { name, record, soa } from '../kit/records.ts';

const encoder = new MessageEncoder();
const newest = soa('z.', 9);

interface Bench {
  readonly lines: string[];
  time: number;
  readonly taken: Taken[];
  respond(plan: TransferPlan, type?: number, udpSize?: number, address?: string): ReturnType<Transfers['respond']>;
  room(): number;
  /** `name labels` of each counter to its value. */
  metrics(): Record<string, unknown>;
}

function bench(limits?: TransferLimits): Bench {
  const lines: string[] = [];
  const taken: Taken[] = [];
  const logger = createLogger((line) => lines.push(line.trimEnd())).forPlugin('transfer');
  const self: Bench = {
    lines,
    time: 0,
    taken,
    respond: (plan, type = RRType.AXFR, udpSize?: number, address = '192.0.2.1') =>
      transfers.respond(
        plan,
        {
          id: 1,
          isRecursionDesired: false,
          question: { name: name('z.'), spelling: 'z.', type, class: 1 },
          authority: [],
          transport: udpSize === undefined ? 'tcp' : 'udp',
          remote: { address },
        },
        {
          encoder,
          limits,
          onTaken: (one) => taken.push(one),
          edns: udpSize ? { version: 0, udpSize, isDnssecOk: false, options: [] } : undefined,
        },
      ),
    room: () => transfers.room,
    metrics: () =>
      Object.fromEntries(
        transfers
          .snapshot()
          .flatMap((family) => family.samples.map((s) => [[family.name, ...s.labels].join(' '), s.value])),
      ),
  };
  const transfers = new Transfers(logger, () => self.time);
  return self;
}

const rrsets: RRset[] = [
  { owner: name('z.'), type: RRType.NS, ttl: 5, rdatas: [{ type: 'NS', target: name('ns.z.') }] },
  { owner: name('ns.z.'), type: RRType.A, ttl: 5, rdatas: [{ type: 'A', address: '192.0.2.1' }] },
];
const full: TransferPlan = { kind: 'full', soa: newest, rrsets, why: 'asked' };
const refused: TransferPlan = { kind: 'refuse', rcode: 5, ede: { code: 18, text: 'not permitted' } };

function stream(found: ReturnType<Transfers['respond']>): TransferStream {
  assert.ok(found?.kind === 'stream');
  return found;
}

/** Records of all messages. */
function drain({ messages }: TransferStream): number {
  let records = 0;
  for (let next = messages.next(); !next.done; next = messages.next()) {
    records += readMessage(next.value)?.answer.length ?? Number.NaN;
  }
  return records;
}

test('what is for the next plugin is neither answered, logged nor counted', () => {
  const { respond, lines, metrics } = bench();
  assert.equal(respond({ kind: 'pass' }), undefined);
  assert.deepEqual(lines, []);
  assert.equal(
    Object.keys(metrics()).some((key) => key.startsWith('zonelog_transfer_requests_total')),
    false,
  );
});

test('a refusal is one empty reply with its reason, logged and counted', () => {
  const { respond, lines, metrics } = bench();
  assert.deepEqual(respond(refused), {
    kind: 'reply',
    rcode: 5,
    isAuthoritative: false,
    answer: [],
    authority: [],
    additional: [],
    ede: { code: 18, text: 'not permitted' },
  });
  assert.deepEqual(lines, ['[INFO] plugin/transfer: Refused AXFR of zone "z." to 192.0.2.1: not permitted (unsigned)']);
  assert.equal(metrics()['zonelog_transfer_requests_total AXFR refused'], 1);
});

test('up to date is one reply with the SOA, without AA, in the words of the peer', () => {
  const { respond, lines, metrics } = bench();
  const reply = respond({ kind: 'current', soa: newest, why: 'equal' }, RRType.IXFR);
  assert.ok(reply?.kind === 'reply');
  assert.deepEqual([reply.rcode, reply.isAuthoritative, reply.answer], [0, false, [newest]]);
  assert.deepEqual(lines, [
    '[INFO] plugin/transfer: Outgoing noop, incremental transfer for up to date zone "z." to 192.0.2.1 for 9 SOA serial',
  ]);
  assert.equal(metrics()['zonelog_transfer_requests_total IXFR current'], 1);
});

test('a question over UDP is no transfer: counted, not logged', () => {
  const { respond, lines, metrics } = bench();
  respond({ kind: 'current', soa: newest, why: 'udp' }, RRType.IXFR);
  assert.deepEqual(lines, []);
  assert.equal(metrics()['zonelog_transfer_requests_total IXFR udp'], 1);
});

test('a whole zone is logged and counted when it has been sent, in the words of the peer', () => {
  const { respond, lines, metrics } = bench();
  const sent = stream(respond(full));
  assert.equal(metrics().zonelog_transfers_running, 1);
  assert.equal(drain(sent), 4);
  assert.deepEqual(lines, []);
  sent.onEnd('sent');
  assert.deepEqual(lines, [
    '[INFO] plugin/transfer: Outgoing transfer of 4 records of zone "z." to 192.0.2.1 for 9 SOA serial',
  ]);
  assert.equal(metrics().zonelog_transfers_running, 0);
  assert.equal(metrics()['zonelog_transfer_requests_total AXFR full'], 1);
  assert.equal(metrics()['zonelog_transfer_records_total AXFR'], 4);
  assert.ok((metrics()['zonelog_transfer_bytes_total AXFR'] as number) > 50);
});

test('a transfer that broke says so, and is no longer running', () => {
  const { respond, lines, metrics } = bench();
  const broken = stream(respond(full));
  broken.onEnd('broken');
  assert.match(lines[0] as string, /Broken transfer of 0 records of zone "z\." to 192\.0\.2\.1 for 9 SOA serial/);
  assert.equal(metrics().zonelog_transfers_running, 0);
});

test('changes are sent as changes', () => {
  const { respond, lines, metrics } = bench();
  const added = [record('a.z.', { type: 'A', address: '192.0.2.7' })];
  const changesets = [{ apex: name('z.'), soaFrom: soa('z.', 8), soaTo: newest, removed: [], added }];
  const sent = stream(respond({ kind: 'incremental', soa: newest, changesets, octets: 0 }, RRType.IXFR));
  assert.equal(drain(sent), 5);
  sent.onEnd('sent');
  assert.match(lines[0] as string, /Outgoing incremental transfer of 5 records/);
  assert.equal(metrics()['zonelog_transfer_requests_total IXFR incremental'], 1);
});

test('changes go by UDP if they fit one message there (RFC 1995 §2)', () => {
  const { respond, lines, metrics } = bench();
  const changesets = [8].map((serial) => ({
    soaFrom: soa('z.', serial),
    soaTo: newest,
    removed: [],
    added: Array.from({ length: 20 }, (_, i) => record(`name-${i}.z.`, { type: 'A', address: '192.0.2.7' })),
  }));
  const plan: TransferPlan = { kind: 'incremental', soa: newest, changesets, octets: 0 };
  const fits = respond(plan, RRType.IXFR, 1232);
  assert.ok(fits?.kind === 'reply');
  assert.deepEqual([fits.answer.length, fits.isAuthoritative], [24, true]);
  assert.match(lines[0] as string, /Outgoing incremental transfer of 24 records/);
  const large = respond(plan, RRType.IXFR, 0);
  assert.ok(large?.kind === 'reply');
  assert.deepEqual(large.answer, [newest]);
  assert.equal(lines.length, 1);
  assert.equal(metrics()['zonelog_transfer_requests_total IXFR udp'], 1);
  assert.equal(metrics().zonelog_transfers_running, 0);
});

test('what transfers hold of the journal is counted, and given back at their end', () => {
  const self = bench();
  const before = self.room();
  const changesets = [{ soaFrom: soa('z.', 8), soaTo: newest, removed: [], added: [] }];
  const plan: TransferPlan = { kind: 'incremental', soa: newest, changesets, octets: 1000 };
  const [one, two] = [stream(self.respond(plan, RRType.IXFR)), stream(self.respond(plan, RRType.IXFR))];
  assert.equal(self.room(), before - 2000);
  assert.equal(self.metrics().zonelog_transfer_held_bytes, 2000);
  one.onEnd('sent');
  two.onEnd('broken');
  assert.equal(self.room(), before);
});

test('no more than so many transfers run at a time', () => {
  const { respond, lines, metrics } = bench({ all: 2, perClient: 2 });
  const first = stream(respond(full));
  respond(full);
  const third = respond(full);
  assert.ok(third?.kind === 'reply');
  assert.deepEqual([third.rcode, third.ede], [5, { code: 0, text: 'too many transfers' }]);
  assert.match(lines[0] as string, /Refused AXFR of zone "z\." to 192\.0\.2\.1: 2 transfers to it are running/);
  first.onEnd('broken');
  stream(respond(full));
  assert.equal(metrics().zonelog_transfers_running, 2);
});

test('one address takes no more than its share of them', () => {
  const { respond, lines, metrics } = bench({ all: 3, perClient: 1 });
  const first = stream(respond(full));
  assert.equal(respond(full)?.kind, 'reply');
  stream(respond(full, RRType.AXFR, undefined, '192.0.2.2'));
  stream(respond(full, RRType.AXFR, undefined, '192.0.2.3'));
  assert.equal(respond(full, RRType.AXFR, undefined, '192.0.2.4')?.kind, 'reply');
  assert.deepEqual(
    lines.map((line) => line.replace(/.*" to /, '')),
    ['192.0.2.1: 1 transfers to it are running', '192.0.2.4: 3 transfers are running'],
  );
  first.onEnd('sent');
  stream(respond(full));
  assert.equal(metrics().zonelog_transfers_running, 3);
});

test('what a client took is told: of which kind, how much, for how long', () => {
  const self = bench();
  const one = stream(self.respond(full));
  drain(one);
  self.time = 2;
  one.onEnd('sent');
  stream(self.respond(full)).onEnd('broken');
  self.respond({ kind: 'current', soa: newest, why: 'equal' }, RRType.IXFR);
  self.respond({ kind: 'current', soa: newest, why: 'newer' }, RRType.IXFR);
  const [{ octets, ...whole } = assert.fail(), current, ...more] = self.taken;
  assert.deepEqual(whole, { serial: 9, kind: 'full', records: 4, seconds: 2 });
  assert.ok(octets > 50);
  assert.deepEqual(current, { serial: 9, kind: 'current', records: 0, octets: 0, seconds: 0 });
  assert.equal(more.length, 0);
});

test('refused requests fill no log: ten lines a second, the others as a number', () => {
  const self = bench();
  for (let i = 0; i < 1000; i++) self.respond(refused);
  assert.equal(self.lines.length, 10);
  self.time = 1.5;
  self.respond(refused);
  assert.deepEqual(self.lines.slice(10), [
    '[INFO] plugin/transfer: Refused 990 more requests for transfers',
    '[INFO] plugin/transfer: Refused AXFR of zone "z." to 192.0.2.1: not permitted (unsigned)',
  ]);
  assert.equal(self.metrics()['zonelog_transfer_requests_total AXFR refused'], 1001);
});
