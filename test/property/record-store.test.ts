import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { canonicalOrder, packRecords, unpackRecords } from '../../src/dns/canonical.ts';
import { isSubdomain, parentOf } from '../../src/dns/name.ts';
import { RecordStore } from '../../src/dns/record-store.ts';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import { name, rawNames, record, records, soa } from '../kit/records.ts';

const APEX = name('zone.example.');

/** Records of a zone: names of any octets below the apex, a few of them large. */
const zoneRecords = fc.array(
  fc.tuple(rawNames, records(rawNames, true), fc.nat(600)).map(([below, { type, rdata }, ttl]): ResourceRecord => {
    const owner = below.length > 200 || below === '.' ? APEX : name(`${below}${APEX}`);
    return { owner, type, ttl, rdata };
  }),
  { maxLength: 60 },
);

/** Records by what makes them the same. */
class Model {
  readonly records = new Map<string, ResourceRecord>();

  static keyOf(one: ResourceRecord): string {
    return recordText({ ...one, ttl: 0 });
  }

  add(one: ResourceRecord): boolean {
    const key = Model.keyOf(one);
    if (this.records.has(key)) return false;
    this.records.set(key, one);
    return true;
  }

  remove(one: ResourceRecord): boolean {
    return this.records.delete(Model.keyOf(one));
  }

  lines(): string[] {
    return canonicalOrder([...this.records.values()]).map(recordText);
  }
}

function store(list: readonly ResourceRecord[]): RecordStore {
  const editor = RecordStore.empty(APEX).edit();
  for (const one of list) editor.add(one);
  return editor.finish();
}

const linesOf = (zone: RecordStore) => [...zone.records()].map(recordText);

function differences(before: RecordStore, after: RecordStore) {
  const parts = { removed: [] as Uint8Array[], added: [] as Uint8Array[] };
  for (const _ of before.differences(after, (kind, one) => parts[kind].push(Uint8Array.from(one))));
  return { removed: Buffer.concat(parts.removed), added: Buffer.concat(parts.added) };
}

/** So many that they fill several leaves, in no order. */
const many = Array.from({ length: 3000 }, (_, i) =>
  record(`h${(i * 7919) % 3000}.d${i % 7}.zone.example.`, { type: 'A', address: `10.0.${i >> 8}.${i & 255}` }),
);

describe('RecordStore', () => {
  it('holds what was put in and not taken out, in canonical order, whatever the order of the changes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), zoneRecords), { maxLength: 4 }), (steps) => {
        const model = new Model();
        let zone = RecordStore.empty(APEX);
        for (const [isRemoval, list] of steps) {
          const editor = zone.edit();
          const known = [...model.records.values()];
          const chosen = isRemoval ? [...list, ...known.filter((_, i) => i % 3 === 0)] : list;
          for (const one of chosen) {
            const [expected, actual] = isRemoval
              ? [model.remove(one), editor.remove(one)]
              : [model.add(one), editor.add(one)];
            assert.equal(actual, expected, recordText(one));
          }
          zone = editor.finish();
          assert.deepEqual(linesOf(zone), model.lines());
          assert.equal(zone.size, model.records.size);
        }
      }),
    );
  });

  it('finds every name that owns records, and those between them and the apex, and no other', () => {
    fc.assert(
      fc.property(zoneRecords, rawNames, (list, other) => {
        const zone = store(list);
        const model = new Model();
        for (const one of list) model.add(one);
        const all = [...model.records.values()];
        const asked = new Set(
          [name(other.length > 200 ? 'a.' : other), ...all.map(({ owner }) => owner)].flatMap((one) => [
            one,
            parentOf(one) ?? one,
          ]),
        );
        for (const one of asked) {
          if (!isSubdomain(one, APEX)) continue;
          const found = zone.get(one);
          const own = all.filter(({ owner }) => owner === one);
          assert.deepEqual(
            found && [...found.values()].flat().map(recordText),
            all.some(({ owner }) => isSubdomain(owner, one)) ? canonicalOrder(own).map(recordText) : undefined,
            one,
          );
        }
      }),
    );
  });

  it('names the differences between two versions, which lead from the one to the other', () => {
    fc.assert(
      fc.property(zoneRecords, zoneRecords, (first, more) => {
        const before = store(first);
        const editor = before.edit();
        for (const [i, one] of first.entries()) if (i % 2 === 0) editor.remove(one);
        for (const one of more) editor.add(one);
        const after = editor.finish();
        const changes = differences(before, after);
        const replay = before.edit();
        replay.removeAll(changes.removed);
        replay.addAll(changes.added);
        assert.deepEqual(linesOf(replay.finish()), linesOf(after));
        const [removed, added] = [unpackRecords(changes.removed), unpackRecords(changes.added)];
        assert.deepEqual(removed.map(recordText), canonicalOrder(removed).map(recordText));
        assert.deepEqual(added.map(recordText), canonicalOrder(added).map(recordText));
        const same = new Set(removed.map(recordText));
        assert.ok(!added.some((one) => same.has(recordText(one))), 'taken out and put in again');
      }),
    );
  });

  it('comes in runs of whole owners, which stay the same where nothing changes', () => {
    const wide = Array.from({ length: 400 }, (_, i) =>
      record('wide.zone.example.', { type: 'TXT', texts: [`${'x'.repeat(30)}${i}`] }),
    );
    const before = store([...many, ...wide]);
    const editor = before.edit();
    editor.remove(many[0] as ResourceRecord);
    const after = editor.finish();
    const [old, now] = [[...before.runs()], [...after.runs()]];
    for (const [zone, runs] of [
      [before, old],
      [after, now],
    ] as const) {
      const lists = runs.map((run) => [...run.records()]);
      assert.deepEqual(lists.flat().map(recordText), linesOf(zone));
      for (const [i, list] of lists.entries()) {
        assert.equal(list[0]?.owner, runs[i]?.first);
        assert.notEqual(list[0]?.owner, lists[i - 1]?.at(-1)?.owner);
      }
    }
    const known = new Set(old.flatMap(({ facts }) => facts));
    const changed = now.filter(({ facts }) => !facts.every((fact) => known.has(fact)));
    assert.equal(changed.length, 1);
    assert.ok(now.length > 10);
  });

  it('keeps thousands of records, added in any order, and lets them go again', () => {
    const model = new Model();
    for (const one of many) model.add(one);
    const zone = store(many);
    assert.deepEqual(linesOf(zone), model.lines());
    const editor = zone.edit();
    for (const [i, one] of many.entries()) if (i % 5 !== 0) editor.remove(one);
    for (const [i, one] of many.entries()) if (i % 5 !== 0) model.remove(one);
    const rest = editor.finish();
    assert.deepEqual(linesOf(rest), model.lines());
    const last = rest.edit();
    last.removeAll(packRecords(rest.records()));
    const empty = last.finish();
    assert.deepEqual([empty.size, empty.octets, empty.get(APEX)], [0, 0, undefined]);
    assert.equal(zone.size, 3000, 'older versions stay as they are');
  });

  it('takes records that are larger than a leaf', () => {
    const large = (owner: string, length: number) =>
      record(owner, { type: 'UNKNOWN', code: 65_280, data: new Uint8Array(length).fill(length % 251) });
    const list = [65_535, 10, 30_000, 5_000, 4_096, 1, 65_534].flatMap((length, i) => [
      large(`x${i}.zone.example.`, length),
      large('x3.zone.example.', length),
    ]);
    const zone = store(list);
    const model = new Model();
    for (const one of list) model.add(one);
    assert.deepEqual(linesOf(zone), model.lines());
  });

  it('compares versions in the time of what differs', () => {
    const zone = store([soa('zone.example.', 1), ...many]);
    const editor = zone.edit();
    editor.remove(soa('zone.example.', 1));
    editor.add(soa('zone.example.', 2));
    const after = editor.finish();
    let steps = 0;
    const found: string[] = [];
    for (const _ of zone.differences(after, (kind) => found.push(kind))) steps += 1;
    assert.deepEqual(found, ['removed', 'added']);
    assert.ok(steps <= 4, `${steps} leaves were read`);
    assert.equal(after.soa()?.rdata.serial, 2);
  });

  it('tells a changed TTL as the record removed and added again', () => {
    const old = record('a.zone.example.', { type: 'A', address: '10.0.0.1' }, 60);
    const changes = differences(store([old]), store([{ ...old, ttl: 61 }]));
    assert.deepEqual(unpackRecords(changes.removed), [old]);
    assert.deepEqual(unpackRecords(changes.added), [{ ...old, ttl: 61 }]);
  });

  it('refuses packed changes that do not fit', () => {
    const one = record('a.zone.example.', { type: 'A', address: '10.0.0.1' });
    const packed = packRecords([one]);
    assert.throws(() => store([one]).edit().addAll(packed), RangeError);
    assert.throws(() => RecordStore.empty(APEX).edit().removeAll(packed), RangeError);
    assert.throws(() => RecordStore.empty(APEX).edit().addAll(packed.subarray(0, 20)), RangeError);
  });
});
