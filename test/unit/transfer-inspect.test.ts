/** What some kind of secondary takes no zone with is told, and handed out all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RRset, RRType } from '../../src/dns/rrset.ts';
import { createLogger } from '../../src/logger.ts';
import { Inspector, PartInspection } from '../../src/transfer/inspect.ts';
import { name } from '../kit/records.ts';

const APEX = name('z.');

function addresses(owner: string, count: number): RRset {
  const rdatas = Array.from(
    { length: count },
    (_, i) => ({ type: 'A', address: `10.0.${i >> 8}.${i & 255}` }) as const,
  );
  return { owner: name(owner), type: RRType.A, ttl: 5, rdatas };
}

function alias(owner: string, target: string): RRset {
  return { owner: name(owner), type: RRType.CNAME, ttl: 5, rdatas: [{ type: 'CNAME', target: name(target) }] };
}

function servers(owner: string, ...targets: string[]): RRset {
  const rdatas = targets.map((target) => ({ type: 'NS', target: name(target) }) as const);
  return { owner: name(owner), type: RRType.NS, ttl: 5, rdatas };
}

function inspected() {
  const lines: string[] = [];
  const inspector = new Inspector(createLogger((line) => lines.push(line.trimEnd())));
  const counts = () => {
    const samples = inspector.snapshot().flatMap((family) => family.samples);
    return Object.fromEntries(samples.map(({ labels, value }) => [labels[1], value]));
  };
  /** The sets in parts of one owner each. */
  const walk = (rrsets: readonly RRset[]) => {
    const owners = Map.groupBy(rrsets, ({ owner }) => owner);
    const parts = [...owners.values()].map((sets) => {
      const inspection = new PartInspection(APEX);
      for (const set of sets) inspection.look(set);
      return inspection.end();
    });
    const addressed = new Set(
      rrsets.filter(({ type }) => type === RRType.A || type === RRType.AAAA).map((set) => set.owner),
    );
    inspector.conclude(APEX, parts, (owner) => addressed.has(owner));
  };
  return { walk, lines, counts };
}

test('of a sound zone nothing is said', () => {
  const { walk, lines, counts } = inspected();
  const zone = [
    servers('z.', 'ns.z.', 'ns.elsewhere.'),
    alias('a.z.', 'b.z.'),
    addresses('b.z.', 100),
    addresses('ns.z.', 1),
  ];
  walk(zone);
  assert.deepEqual(lines, []);
  assert.deepEqual(counts(), { 'many records': 0, 'CNAME and other data': 0, 'no glue': 0 });
});

test('a set of more than 100 records, whole or record by record, is told', () => {
  const { walk, lines, counts } = inspected();
  const whole = addresses('b.z.', 101);
  const single = whole.rdatas.map((rdata) => ({ ...whole, owner: name('c.z.'), rdatas: [rdata] }));
  const more = [whole, ...single, addresses('d.z.', 100), { ...addresses('d.z.', 1), type: RRType.AAAA }];
  walk(more);
  assert.deepEqual(lines, [
    '[WARNING] Zone "z.": "b.z." has 101 A records, BIND takes 100 (max-records-per-type)',
    '[WARNING] Zone "z.": "c.z." has 101 A records, BIND takes 100 (max-records-per-type)',
  ]);
  assert.equal(counts()['many records'], 2);
});

test('a CNAME with other data is told; its signatures are none', () => {
  const { walk, lines } = inspected();
  const rdata = { type: 'UNKNOWN', code: 46, data: new Uint8Array(20) } as const;
  const signature: RRset = { owner: name('a.z.'), type: 46, ttl: 5, rdatas: [rdata] };
  walk([alias('a.z.', 'b.z.'), signature, alias('c.z.', 'b.z.'), addresses('c.z.', 1)]);
  assert.deepEqual(lines, ['[WARNING] Zone "z.": "c.z." has a CNAME and other records']);
});

test('a name server in the zone without an address is told, wherever its address might have stood', () => {
  const { walk, lines, counts } = inspected();
  walk([
    servers('z.', 'ns.z.', 'none.z.'),
    addresses('a.z.', 1),
    servers('child.z.', 'a.z.', 'ns.child.z.'),
    { ...addresses('ns.z.', 1), type: RRType.AAAA },
  ]);
  assert.deepEqual(lines, [
    '[WARNING] Zone "z.": "none.z." is a name server without an address',
    '[WARNING] Zone "z.": "ns.child.z." is a name server without an address',
  ]);
  assert.equal(counts()['no glue'], 2);
});

test('each is told once, whatever its number; what is mended is no longer counted', () => {
  const { walk, lines, counts } = inspected();
  walk([addresses('b.z.', 101)]);
  walk([addresses('b.z.', 150)]);
  assert.equal(lines.length, 1);
  assert.equal(counts()['many records'], 1);
  walk([addresses('b.z.', 5)]);
  assert.equal(counts()['many records'], 0);
});

test('many are counted, and a few of them written', () => {
  const { walk, lines, counts } = inspected();
  walk(Array.from({ length: 50 }, (_, i) => addresses(`h-${'x'.repeat(i + 1)}.z.`, 101)));
  assert.equal(lines.length, 10);
  assert.equal(counts()['many records'], 50);
});
