import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransferOptions } from '../../src/corefile/config.ts';
import { Rcode, type ResourceRecord, RRType, recordsOf } from '../../src/dns/rrset.ts';
import { type Serial, toSerial } from '../../src/dns/serial.ts';
import type { Changeset } from '../../src/projection/diff.ts';
import { soaRecord, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import {
  type ChangesetSource,
  finishPlan,
  outgoingZone,
  planTransfer,
  type TransferContext,
  type TransferPlan,
  type TransferRequest,
} from '../../src/transfer/plan.ts';
import { changesetSource, readInSteps } from '../kit/changeset-source.ts';
import {
  EAST,
  namespace,
  planApplied,
  remove,
  service,
  stanza,
  synced,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { given } from '../kit/given.ts';
import { name, record, soa } from '../kit/records.ts';

const APEX = 'cluster.local.';
const everybody: TransferOptions = { zones: [name(APEX)], to: [{ kind: 'any', key: undefined }], source: undefined };
const nobody: TransferOptions = {
  zones: [name(APEX)],
  to: [{ kind: 'address', address: '192.0.2.99', port: 53, key: undefined }],
  source: undefined,
};

function services(count: number) {
  return Array.from({ length: count }, (_, i) => service(EAST, `shop/s${i}`, [`10.96.0.${i}`]));
}

/** A zone of ten services, and then three more versions of it. */
const history = given(
  [planApplied(zoneDefinition(APEX, [stanza(EAST)])), namespace(EAST, 'shop'), ...services(10), ...synced(EAST)],
  [service(EAST, 'shop/s0', ['10.96.9.0'])],
  [service(EAST, 'shop/s1', ['10.96.9.1'])],
  [service(EAST, 'shop/s0', ['10.96.0.0'])],
);
const zone = history.zone(APEX);
const serial = zone.serial as Serial;
const chain = history.changesets(APEX);

const journal = changesetSource(chain);
const noJournal: ChangesetSource = {
  chain: () => assert.fail('the journal was read'),
};
const room = 1 << 24;

function request(type: number, more: Partial<TransferRequest> = {}): TransferRequest {
  return {
    question: { name: name(APEX), type },
    authority: [],
    transport: 'tcp',
    remote: { address: '192.0.2.1' },
    ...more,
  };
}

type Context = Omit<TransferContext, 'zone'> & { readonly zone: Zone | undefined };

function contextOf(context: Partial<Context>): TransferContext {
  const all: Context = { stanza: everybody, zone, journal, room, ...context };
  return { ...all, zone: all.zone && outgoingZone(all.zone) };
}

function axfr(more: Partial<TransferRequest> = {}, context: Partial<Context> = {}): TransferPlan {
  return planTransfer(request(RRType.AXFR, more), contextOf({ journal: noJournal, ...context }));
}

function ixfr(from: number, more: Partial<TransferRequest> = {}, context: Partial<Context> = {}): TransferPlan {
  const authority: ResourceRecord[] = [soa(APEX, from)];
  return planTransfer(request(RRType.IXFR, { authority, ...more }), contextOf(context));
}

/** A client of DNS over TLS as RFC 9103 wants it. */
const xot = {
  transport: 'tls',
  remote: { address: '192.0.2.1', tls: { version: 'TLSv1.3', protocol: 'dot' } },
} as const;

function refusal(plan: TransferPlan): [number, number] | string {
  return plan.kind === 'refuse' ? [plan.rcode, plan.ede.code] : plan.kind;
}

test('AXFR of a zone is the whole zone, with the SOA of that version', () => {
  const plan = axfr();
  assert.ok(plan.kind === 'full');
  assert.equal(plan.why, 'asked');
  assert.deepEqual(plan.soa, soaRecord(zone));
  const records = [...plan.rrsets].flatMap(recordsOf);
  assert.ok(records.some(({ owner, type }) => owner === APEX && type === RRType.NS));
  assert.ok(records.some(({ owner }) => owner === 's9.shop.svc.cluster.local.'));
  assert.equal(axfr(xot).kind, 'full');
});

test('over TLS a transfer wants version 1.3 and ALPN dot (RFC 9103 §7)', () => {
  const over = (tls: object) => axfr({ ...xot, remote: { address: '192.0.2.1', tls: { ...xot.remote.tls, ...tls } } });
  assert.deepEqual(refusal(over({ version: 'TLSv1.2' })), [Rcode.REFUSED, 21]);
  assert.deepEqual(refusal(over({ protocol: undefined })), [Rcode.REFUSED, 21]);
  assert.deepEqual(refusal(over({ protocol: 'h2' })), [Rcode.REFUSED, 21]);
  assert.deepEqual(refusal(axfr({ transport: 'tls' })), [Rcode.REFUSED, 21]);
});

test('a zone for which TLS is required is refused over anything else, with the reason', () => {
  const secured: TransferOptions = { ...everybody, tls: 'required' };
  assert.deepEqual(refusal(axfr({}, { stanza: secured })), [Rcode.REFUSED, 21]);
  assert.deepEqual(refusal(ixfr(serial, {}, { stanza: secured })), [Rcode.REFUSED, 21]);
  assert.deepEqual(refusal(ixfr(serial, { transport: 'udp' }, { stanza: secured })), [Rcode.REFUSED, 21]);
  assert.equal(axfr(xot, { stanza: secured }).kind, 'full');
  // The key or address that is asked for besides is asked for over TLS too.
  assert.deepEqual(refusal(axfr(xot, { stanza: { ...nobody, tls: 'required' } })), [Rcode.REFUSED, 18]);
});

test('a zone without a journal is handed out whole, or not at all if the client has it', () => {
  const written = { soa: soaRecord(zone), rrsets: () => zoneRRsets(zone) };
  const ask = (from: number, transport: 'tcp' | 'udp' = 'tcp') =>
    planTransfer(request(RRType.IXFR, { authority: [soa(APEX, from)], transport }), {
      stanza: everybody,
      zone: written,
      journal: noJournal,
      room,
    });
  const plan = ask(1);
  assert.ok(plan.kind === 'full' && plan.why === 'unknown serial');
  assert.deepEqual(ask(serial), { kind: 'current', soa: soaRecord(zone), why: 'equal' });
  assert.deepEqual(ask(1, 'udp'), { kind: 'current', soa: soaRecord(zone), why: 'udp' });
});

test('AXFR over UDP or HTTPS is refused, whatever the name', () => {
  for (const transport of ['udp', 'https'] as const) {
    assert.deepEqual(refusal(axfr({ transport })), [Rcode.REFUSED, 21]);
    assert.deepEqual(refusal(axfr({ transport }, { zone: undefined })), [Rcode.REFUSED, 21]);
    assert.deepEqual(refusal(axfr({ transport }, { stanza: undefined, zone: undefined })), [Rcode.REFUSED, 21]);
  }
  assert.deepEqual(refusal(ixfr(1, { transport: 'https' }, { journal: noJournal })), [Rcode.REFUSED, 21]);
});

test('who is not among the targets is refused, whatever the zone', () => {
  assert.deepEqual(refusal(axfr({}, { stanza: nobody })), [Rcode.REFUSED, 18]);
  assert.deepEqual(refusal(axfr({}, { stanza: nobody, zone: undefined })), [Rcode.REFUSED, 18]);
  assert.deepEqual(refusal(ixfr(serial, {}, { stanza: nobody })), [Rcode.REFUSED, 18]);
  assert.deepEqual(refusal(ixfr(serial, { transport: 'udp' }, { stanza: nobody })), [Rcode.REFUSED, 18]);
  assert.equal(axfr({ remote: { address: '192.0.2.99' } }, { stanza: nobody }).kind, 'full');
});

test('a target with a key wants the request signed', () => {
  const key = name('k.');
  const keyed: TransferOptions = { ...everybody, to: [{ kind: 'any', key }] };
  assert.deepEqual(refusal(axfr({}, { stanza: keyed })), [Rcode.REFUSED, 18]);
  assert.equal(axfr({ key }, { stanza: keyed }).kind, 'full');
});

test('a name that is no apex of ours, or under no stanza, is for the next plugin', () => {
  assert.equal(axfr({}, { zone: undefined }).kind, 'pass');
  assert.equal(axfr({}, { stanza: undefined }).kind, 'pass');
  assert.equal(ixfr(1, {}, { zone: undefined }).kind, 'pass');
});

test('a zone that is not complete, or was never published, is not handed out', () => {
  const unsynced = given([
    planApplied(zoneDefinition(APEX, [stanza(EAST)])),
    namespace(EAST, 'shop'),
    ...services(3),
  ]).zone(APEX);
  const unpublished: Zone = { ...zone, serial: undefined };
  for (const early of [unsynced, unpublished]) {
    assert.deepEqual(refusal(axfr({}, { zone: early })), [Rcode.SERVFAIL, 14]);
    assert.deepEqual(refusal(ixfr(1, {}, { zone: early })), [Rcode.SERVFAIL, 14]);
    assert.deepEqual(refusal(ixfr(1, { transport: 'udp' }, { zone: early })), [Rcode.SERVFAIL, 14]);
  }
});

test('IXFR carries one SOA record of the zone, or is malformed', () => {
  const wrong: ResourceRecord[][] = [
    [],
    [soa(APEX, 1), soa(APEX, 1)],
    [soa('other.', 1)],
    [record(APEX, { type: 'A', address: '192.0.2.1' })],
  ];
  for (const authority of wrong) {
    for (const transport of ['tcp', 'udp'] as const) {
      assert.deepEqual(refusal(ixfr(1, { authority, transport }, { journal: noJournal })), [Rcode.FORMERR, 0]);
    }
  }
});

test('a client that is up to date, or ahead, gets the SOA alone', () => {
  for (const transport of ['tcp', 'udp'] as const) {
    const equal = ixfr(serial, { transport }, { journal: noJournal });
    assert.deepEqual(equal, { kind: 'current', soa: soaRecord(zone), why: 'equal' });
    const newer = ixfr(toSerial(serial + 1), { transport }, { journal: noJournal });
    assert.deepEqual(newer, { kind: 'current', soa: soaRecord(zone), why: 'newer' });
  }
});

test('a known serial gets the changes since', () => {
  const plan = ixfr(chain.at(-1)?.soaFrom.rdata.serial as Serial);
  assert.ok(plan.kind === 'incremental');
  assert.deepEqual([...plan.changesets], chain.slice(-1));
  assert.deepEqual(plan.soa, soaRecord(zone));
});

test('changes that undo each other are left out of a chain', () => {
  const plan = ixfr(chain[0]?.soaFrom.rdata.serial as Serial);
  assert.ok(plan.kind === 'incremental');
  const [changes, ...more] = plan.changesets as [Changeset];
  assert.equal(more.length, 0);
  assert.deepEqual(changes.soaFrom, chain[0]?.soaFrom);
  assert.deepEqual(changes.soaTo, soaRecord(zone));
  // s0 is back to what it was.
  const owners = [...changes.removed, ...changes.added].map(({ owner }) => owner);
  assert.ok(owners.length > 0);
  assert.ok(
    owners.every((owner) => owner.endsWith('s1.shop.svc.cluster.local.')),
    owners.join(),
  );
});

test('a serial that the journal does not know gets the whole zone', () => {
  const plan = ixfr(1);
  assert.ok(plan.kind === 'full');
  assert.equal(plan.why, 'unknown serial');
  // 2³¹ away: neither older nor newer.
  assert.equal(ixfr(toSerial(serial + 2 ** 31)).kind, 'full');
});

test('a journal that is ahead of the zone handed out is read up to that version', () => {
  const [first] = chain;
  assert.ok(first);
  const older = given(
    [planApplied(zoneDefinition(APEX, [stanza(EAST)])), namespace(EAST, 'shop'), ...services(10), ...synced(EAST)],
    [service(EAST, 'shop/s0', ['10.96.9.0'])],
  ).zone(APEX);
  assert.equal(older.serial, first.soaTo.rdata.serial);
  const plan = ixfr(first.soaFrom.rdata.serial, {}, { zone: older });
  assert.ok(plan.kind === 'incremental');
  assert.deepEqual([...plan.changesets], [first]);
});

test('a journal that does not reach the zone handed out is of no use', () => {
  const behind = changesetSource(chain.slice(0, 1));
  const plan = ixfr(chain[0]?.soaFrom.rdata.serial as Serial, {}, { journal: behind });
  assert.ok(plan.kind === 'full' && plan.why === 'unknown serial');
  assert.equal(ixfr(serial - 1, {}, { journal: changesetSource([]) }).kind, 'full');
});

/** A zone large enough, and a chain of which nothing is known but its sums. */
const large = given([
  planApplied(zoneDefinition(APEX, [stanza(EAST)])),
  namespace(EAST, 'shop'),
  ...services(250),
  ...synced(EAST),
]).zone(APEX);

function planSums(sums: { changesets: number; records: number; octets: number }, more: Partial<Context> = {}) {
  const read = () => assert.fail('the journal was read');
  return ixfr(1, {}, { zone: large, journal: { chain: () => ({ ...sums, read }) }, ...more });
}

test('changes that are too many for one transfer are not read', () => {
  for (const sums of [
    { changesets: 20_001, records: 20_001, octets: 1_000_000 },
    { changesets: 1, records: 10, octets: 16 * 1024 * 1024 + 1 },
  ]) {
    const plan = planSums(sums);
    assert.ok(plan.kind === 'full' && plan.why === 'too many changes');
  }
  const plan = planSums({ changesets: 10, records: 100, octets: 10_000 }, { room: 9999 });
  assert.ok(plan.kind === 'full' && plan.why === 'too many changes');
});

test('that a large difference is larger than the zone is found without reading it', () => {
  const plan = planSums({ changesets: 20, records: 100_000, octets: 1_000_000 });
  assert.ok(plan.kind === 'full' && plan.why === 'changes larger than the zone');
});

const untouchable = {
  [Symbol.iterator]: () => assert.fail('the chain was walked'),
};

test('many records are neither condensed nor walked before they are sent', () => {
  const sums = { changesets: 2, records: 1001, octets: 1234 };
  const chained = {
    ...sums,
    read: () => readInSteps(untouchable, 0),
  };
  const huge = given([
    planApplied(zoneDefinition(APEX, [stanza(EAST)])),
    namespace(EAST, 'shop'),
    ...services(1200),
    ...synced(EAST),
  ]).zone(APEX);
  const plan = ixfr(1, {}, { zone: huge, journal: { chain: () => chained } });
  assert.ok(plan.kind === 'incremental');
  assert.equal(plan.changesets, untouchable);
  assert.equal(plan.octets, 1234);
});

test('many changesets are read a step in each turn', async () => {
  let turns = 0;
  const reading = (last: typeof untouchable | undefined): ChangesetSource => ({
    chain: () => ({
      changesets: 251,
      records: 4,
      octets: 1234,
      read: () => readInSteps(last, 3),
    }),
  });
  const turn = async () => {
    turns += 1;
  };
  const plan = ixfr(1, {}, { zone: large, journal: reading(untouchable) });
  assert.equal(plan.kind, 'long');
  const soaOfLarge = soaRecord(large);
  assert.deepEqual(await finishPlan(plan, turn), {
    kind: 'incremental',
    soa: soaOfLarge,
    changesets: untouchable,
    octets: 1234,
  });
  assert.equal(turns, 3);
  turns = 0;
  const late = await finishPlan(ixfr(1, {}, { zone: large, journal: reading(undefined) }), turn);
  assert.ok(late.kind === 'full' && late.why === 'unknown serial');
});

test('a few changes go by UDP too, more get the SOA alone (RFC 1995 §2)', () => {
  const short = ixfr(chain[0]?.soaFrom.rdata.serial as Serial, { transport: 'udp' });
  assert.equal(short.kind, 'incremental');
  const long = ixfr(
    1,
    { transport: 'udp' },
    {
      zone: large,
      journal: { chain: () => ({ changesets: 1, records: 99, octets: 9, read: () => assert.fail('read') }) },
    },
  );
  assert.deepEqual(long, { kind: 'current', soa: soaRecord(large), why: 'udp' });
  assert.deepEqual(ixfr(1, { transport: 'udp' }), { kind: 'current', soa: soaRecord(zone), why: 'udp' });
});

test('what is dropped from the journal between two looks is a serial not known any more', () => {
  const gone: ChangesetSource = {
    chain: () => ({
      changesets: 2,
      records: 4,
      octets: 99,
      read: () => readInSteps(undefined, 0),
    }),
  };
  const plan = ixfr(1, {}, { zone: large, journal: gone });
  assert.ok(plan.kind === 'full' && plan.why === 'unknown serial');
});

test('changes that are more than the zone has records are not worth it', () => {
  const gone = given(
    [planApplied(zoneDefinition(APEX, [stanza(EAST)])), namespace(EAST, 'shop'), ...services(20), ...synced(EAST)],
    Array.from({ length: 20 }, (_, i) => remove(EAST, 'Service', `shop/s${i}`)),
  );
  const changes = gone.changesets(APEX);
  const plan = ixfr(
    changes[0]?.soaFrom.rdata.serial as Serial,
    {},
    { zone: gone.zone(APEX), journal: changesetSource(changes) },
  );
  assert.ok(plan.kind === 'full');
  assert.equal(plan.why, 'changes larger than the zone');
});

/** A zone of so many records, one set for each, without a tree. */
function flat(records: number, journal = 'flat') {
  return {
    soa: soa(APEX, 9),
    journal,
    *rrsets() {
      const rdatas = [{ type: 'A', address: '192.0.2.1' }] as const;
      for (let i = 0; i < records; i++) yield { owner: name(`h${i}.${APEX}`), type: RRType.A, ttl: 5, rdatas };
    },
  };
}

function askFlat(records: number, made: ReturnType<ChangesetSource['chain']>, stanza = everybody): TransferPlan {
  return planTransfer(request(RRType.IXFR, { authority: [soa(APEX, 1)] }), {
    stanza,
    zone: flat(records),
    journal: { chain: () => made },
    room,
  });
}

test('a difference is compared with a zone of any size, a part in each turn', async () => {
  let turns = 0;
  const turn = async () => {
    turns += 1;
  };
  const chained = { changesets: 3, records: 30_000, octets: 1234, read: () => readInSteps(untouchable, 0) };
  const smaller = askFlat(29_999, chained);
  assert.equal(smaller.kind, 'long');
  const whole = await finishPlan(smaller, turn);
  assert.ok(whole.kind === 'full' && whole.why === 'changes larger than the zone');
  assert.ok(turns >= 5, `${turns} turns`);
  const equal = await finishPlan(askFlat(30_000, chained), turn);
  assert.ok(equal.kind === 'incremental');
});

/** Address changes of one name, so many versions after each other. */
function steps(count: number): Changeset[] {
  const at = (i: number) => record(`www.${APEX}`, { type: 'A', address: `192.0.2.${i % 250}` });
  return Array.from({ length: count }, (_, i) => ({
    apex: name(APEX),
    soaFrom: soa(APEX, 1 + i),
    soaTo: soa(APEX, 2 + i),
    removed: [at(i)],
    added: [at(i + 1)],
  }));
}

test('ixfr steps: each change by itself, however few they are', () => {
  const plan = ixfr(chain[0]?.soaFrom.rdata.serial as Serial, {}, { stanza: { ...everybody, ixfr: 'steps' } });
  assert.ok(plan.kind === 'incremental');
  assert.deepEqual([...plan.changesets], chain);
});

test('ixfr condensed: as one, though they are many; without the option they are sent one by one', async () => {
  const many = steps(600);
  const made = (): NonNullable<ReturnType<ChangesetSource['chain']>> => ({
    changesets: many.length,
    records: 2 * many.length,
    octets: 1234,
    read: () => readInSteps(many, 2),
  });
  const turn = async () => {};
  const condensed = await finishPlan(askFlat(5000, made(), { ...everybody, ixfr: 'condensed' }), turn);
  assert.ok(condensed.kind === 'incremental');
  const [one, ...more] = [...condensed.changesets] as Changeset[];
  assert.equal(more.length, 0);
  // From .0 to .100, whatever was in between.
  assert.deepEqual([one?.removed, one?.added], [many[0]?.removed, many.at(-1)?.added]);
  assert.deepEqual([one?.soaFrom, one?.soaTo], [many[0]?.soaFrom, many.at(-1)?.soaTo]);
  const plain = await finishPlan(askFlat(5000, made()), turn);
  assert.ok(plain.kind === 'incremental');
  assert.equal([...plain.changesets].length, 600);
});

test('steps that are more than the zone are sent as one where that is less', async () => {
  const turn = async () => {};
  for (const count of [601, 2001, 4001]) {
    const many = steps(count);
    const made = () => ({
      changesets: count,
      records: 2 * count,
      octets: 1234,
      read: () => readInSteps(many, 2),
    });
    for (const mode of [undefined, 'condensed'] as const) {
      const plan = await finishPlan(askFlat(50, made(), { ...everybody, ...(mode && { ixfr: mode }) }), turn);
      assert.equal(plan.kind, 'incremental', `${count} steps, ${mode}`);
      assert.ok(plan.kind === 'incremental');
      const [one, ...more] = [...plan.changesets] as Changeset[];
      assert.equal(more.length, 0);
      assert.deepEqual([one?.removed, one?.added], [many[0]?.removed, many.at(-1)?.added]);
    }
    // A secondary that wants each step by itself gets the zone.
    const whole = await finishPlan(askFlat(50, made(), { ...everybody, ixfr: 'steps' }), turn);
    assert.ok(whole.kind === 'full' && whole.why === 'changes larger than the zone');
  }
});

test('of steps that are more than the zone even as one, the zone is sent', async () => {
  const at = (i: number) => record(`h${i}.${APEX}`, { type: 'A', address: '192.0.2.1' });
  const list = (from: number, count: number) => Array.from({ length: count }, (_, i) => at(from + i));
  const many: Changeset[] = Array.from({ length: 3 }, (_, i) => ({
    apex: name(APEX),
    soaFrom: soa(APEX, 1 + i),
    soaTo: soa(APEX, 2 + i),
    removed: [],
    added: list(1000 * i, 1000),
  }));
  const made = { changesets: 3, records: 3000, octets: 1234, read: () => readInSteps(many, 1) };
  const ask = (records: number) => finishPlan(askFlat(records, made), async () => {});
  const smaller = await ask(2999);
  assert.ok(smaller.kind === 'full' && smaller.why === 'changes larger than the zone');
  assert.equal((await ask(3000)).kind, 'incremental');
});
