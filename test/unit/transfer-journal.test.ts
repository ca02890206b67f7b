/** The journal as IXFR reads it: what it keeps, what it drops, and what a running transfer has of it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openDatabase } from '../../src/database.ts';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { toSerial } from '../../src/dns/serial.ts';
import type { Changeset } from '../../src/projection/diff.ts';
import {
  type ChangesetChain,
  DEFAULT_JOURNAL_LIMITS,
  Journal,
  type JournalLimits,
  type PackedChangeset,
} from '../../src/projection/journal.ts';
import { ixfr } from '../../src/transfer/ixfr.ts';
import { name, record, soa } from '../kit/records.ts';

const ZONE = 'z.';
const databases: { close(): void }[] = [];
after(() => {
  for (const database of databases) database.close();
});

interface Bench {
  readonly journal: Journal;
  readonly db: ReturnType<typeof openDatabase>['db'];
  /** Publishes the next version: a new record in the place of the last one. */
  publish(padding?: number): void;
  /** A version without a changeset: the zone was away. */
  beginAnew(): void;
  readonly serial: number;
}

/** Serials are 100, 101, …; a batch is a second. */
function bench(limits: Partial<JournalLimits> = {}): Bench {
  const database = openDatabase(':memory:');
  databases.push(database);
  const journal = new Journal(database.db, { ...DEFAULT_JOURNAL_LIMITS, ...limits });
  let serial = 100;
  let batch = 1;
  journal.commit(batch, 1000, [{ zone: ZONE, serial: toSerial(serial) }]);
  return {
    journal,
    db: database.db,
    get serial() {
      return serial;
    },
    publish(padding = 0) {
      const changeset = change(serial, padding);
      serial += 1;
      batch += 1;
      journal.commit(batch, batch * 1000, [{ zone: ZONE, serial: toSerial(serial), changeset }]);
    },
    beginAnew() {
      serial += 1;
      batch += 1;
      journal.commit(batch, batch * 1000, [{ zone: ZONE, serial: toSerial(serial) }]);
    },
  };
}

function version(serial: number, padding = 0): ResourceRecord {
  return record('a.z.', { type: 'TXT', texts: [`version ${serial}`, 'x'.repeat(padding)] });
}

function change(from: number, padding = 0): Changeset {
  return {
    apex: name(ZONE),
    soaFrom: soa(ZONE, from),
    soaTo: soa(ZONE, from + 1),
    removed: [version(from)],
    added: [version(from + 1, padding)],
  };
}

function unpack(changesets: Iterable<PackedChangeset> | undefined): Changeset[] {
  return [...(changesets ?? assert.fail('dropped'))].map(({ soaFrom, soaTo, removed, added }) => ({
    apex: soaTo.owner,
    soaFrom,
    soaTo,
    removed: [...removed],
    added: [...added],
  }));
}

/** Reads to the end. */
function readAll(found: ChangesetChain | undefined): Iterable<PackedChangeset> | undefined {
  const steps = (found ?? assert.fail('no chain')).read();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function chain({ journal }: Bench, from: number, to: number) {
  return journal.chain(ZONE, toSerial(from), toSerial(to));
}

const reached = new WeakMap<Bench, number>();

/** The oldest serial from which the newest version can be reached: what was dropped does not come back. */
function reach(self: Bench): number {
  let from = reached.get(self) ?? 100;
  while (from < self.serial && !chain(self, from, self.serial)) from++;
  reached.set(self, from);
  return from;
}

test('any two versions are joined by the changes between them, counted without reading', () => {
  const self = bench();
  for (let i = 0; i < 20; i++) self.publish(i);
  for (const [from, to] of [
    [100, 120],
    [100, 101],
    [119, 120],
    [105, 112],
  ] as const) {
    const found = chain(self, from, to) ?? assert.fail('no chain');
    const expected = Array.from({ length: to - from }, (_, i) => change(from + i, from + i - 100));
    assert.deepEqual(unpack(readAll(found)), expected);
    assert.equal(found.changesets, to - from);
    assert.equal(found.records, 2 * (to - from));
    const stored = self.db
      .prepare(
        'SELECT sum(length(soas) + length(removed) + length(added)) FROM zone_change WHERE serial_from BETWEEN ? AND ?',
      )
      .pluck()
      .get(from, to - 1);
    assert.equal(found.octets, stored);
  }
  assert.equal(chain(self, 99, 120), undefined);
  assert.equal(chain(self, 110, 121), undefined);
  assert.equal(chain(self, 112, 105), undefined);
});

test('no chain leads over a version that has no changeset', () => {
  const self = bench();
  self.publish();
  self.publish();
  self.beginAnew();
  self.publish();
  self.publish();
  assert.equal(chain(self, 100, 102)?.changesets, 2);
  assert.equal(chain(self, 103, 105)?.changesets, 2);
  assert.equal(chain(self, 101, 105), undefined);
  assert.equal(chain(self, 102, 105), undefined);
});

test('a chain that was read does not miss what is dropped while it is sent', () => {
  const self = bench({ changes: 10 });
  for (let i = 0; i < 10; i++) self.publish();
  const expected = Array.from({ length: 10 }, (_, i) => change(100 + i));
  const changesets = readAll(chain(self, 100, 110)) ?? assert.fail('dropped');
  const stream = ixfr(soa(ZONE, 110), changesets);
  const records = [stream.next().value, stream.next().value];
  for (let i = 0; i < 30; i++) self.publish();
  assert.equal(chain(self, 100, 140), undefined, 'the journal has dropped it');
  assert.deepEqual([...records, ...stream], [...ixfr(soa(ZONE, 110), expected)]);
});

test('what is dropped before it is read is undefined, not a part', () => {
  const self = bench({ changes: 10 });
  for (let i = 0; i < 10; i++) self.publish();
  const found = chain(self, 100, 110) ?? assert.fail('no chain');
  for (let i = 0; i < 10; i++) self.publish();
  assert.equal(readAll(found), undefined);
});

test('a long chain is read in steps, and what is dropped between two of them is not missed unseen', () => {
  const self = bench();
  for (let i = 0; i < 600; i++) self.publish();
  const count = (found: ChangesetChain | undefined) => {
    let steps = 1;
    for (const all = found?.read(); all?.next().done === false; ) steps += 1;
    return steps;
  };
  assert.deepEqual([count(chain(self, 700, 701)), count(chain(self, 200, 700))], [1, 2]);
  const whole = unpack(readAll(chain(self, 100, 700)));
  assert.deepEqual([whole.length, whole[599]], [600, change(699)]);
  for (const dropped of [100, 400, 700]) {
    const steps = (chain(self, 100, 700) ?? assert.fail('no chain')).read();
    assert.equal(steps.next().done, false);
    self.db.prepare('DELETE FROM zone_change WHERE serial_from < ?').run(dropped);
    let last = steps.next();
    while (!last.done) last = steps.next();
    // The first 250 were read already.
    assert.equal(last.value === undefined, dropped > 350);
    if (dropped > 350) break;
  }
});

test('records are unpacked as they are taken', () => {
  const self = bench();
  self.publish();
  self.publish();
  self.db.prepare("UPDATE zone_change SET added = x'00ff' WHERE serial_from = 101").run();
  const stream = ixfr(soa(ZONE, 102), readAll(chain(self, 100, 102)) ?? []);
  const expected = [
    soa(ZONE, 102),
    soa(ZONE, 100),
    version(100),
    soa(ZONE, 101),
    version(101),
    soa(ZONE, 101),
    version(101),
  ];
  for (const record of [...expected, soa(ZONE, 102)]) assert.deepEqual(stream.next().value, record);
  assert.throws(() => stream.next(), RangeError);
});

test('as many changes are kept as is said, and not many more', () => {
  const self = bench({ changes: 50 });
  for (let i = 0; i < 500; i++) {
    self.publish();
    const kept = self.serial - reach(self);
    assert.ok(kept >= Math.min(50, i + 1), `${kept} kept after ${i + 1}`);
    assert.ok(kept < 60, `${kept} kept`);
  }
});

test('as many octets are kept as is said, and not many more', () => {
  const self = bench({ changes: 100, octets: 10_000 });
  for (let i = 0; i < 200; i++) {
    self.publish(i % 200);
    const octets = chain(self, reach(self), self.serial)?.octets ?? 0;
    assert.ok(octets < 10_000 + 20 * 500, `${octets} octets`);
    const isCut = reach(self) > 100;
    if (isCut) assert.ok(octets > 10_000, `${octets} octets`);
  }
  assert.ok(reach(self) > 120);
});

test('changes are kept for as long as is said', () => {
  const self = bench({ changes: 100, age: 30_000 });
  for (let i = 0; i < 100; i++) self.publish();
  const kept = self.serial - reach(self);
  assert.ok(kept >= 30 && kept <= 50, `${kept} seconds`);
});

test('tighter limits are reached step by step', () => {
  const self = bench();
  for (let i = 0; i < 400; i++) self.publish();
  assert.equal(reach(self), 100);
  self.journal.setLimits({ changes: 10, octets: 1 << 20 });
  for (let i = 0; i < 50; i++) self.publish();
  assert.ok(self.serial - reach(self) <= 20, `${self.serial - reach(self)} kept`);
});
