import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PersistentMap } from '../../src/projection/persistent-map.ts';

const key = fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', ''), fc.string({ maxLength: 4 }));
const change = fc.oneof(
  fc.record({ key, value: fc.integer() }),
  fc.record({ key }) as fc.Arbitrary<{ key: string; value?: number }>,
);

describe('PersistentMap', () => {
  it('does what a Map does, and leaves older maps as they were', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        let map = PersistentMap.empty<number>();
        const model = new Map<string, number>();
        const versions: [PersistentMap<number>, [string, number][]][] = [];
        for (const { key: k, value } of changes) {
          map = value === undefined ? map.delete(k) : map.set(k, value);
          if (value === undefined) model.delete(k);
          else model.set(k, value);
          versions.push([map, [...model].sort()]);
        }
        for (const [version, entries] of versions) {
          assert.deepEqual([...version.entries()].sort(), entries);
          assert.equal(version.size, entries.length);
          const sorted = version.sorted().map(({ key: k, value }): [string, number] => [k, value]);
          assert.deepEqual(
            sorted,
            [...version.sortedKeys()].map((k) => [k, version.get(k)]),
          );
          for (const [k, value] of entries) assert.equal(version.get(k), value);
        }
      }),
    );
  });

  it('is the same made at once as made one by one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.integer()), { maxLength: 300 }), key, (entries, other) => {
        const once = PersistentMap.from(entries);
        const model = new Map(entries);
        assert.deepEqual([...once.entries()].sort(), [...model].sort());
        assert.equal(once.size, model.size);
        assert.equal(once.get(other), model.get(other));
        assert.deepEqual([...once.delete(other).keys()].sort(), [...model.keys()].filter((k) => k !== other).sort());
      }),
    );
  });

  it('keeps keys apart whose hashes are equal', () => {
    // Among so many keys some hashes of 32 bits meet.
    const names = Array.from({ length: 200_000 }, (_, i) => `k${i}`);
    const map = PersistentMap.from(names.map((name, i) => [name, i] as const));
    assert.equal(map.size, names.length);
    for (let i = 0; i < names.length; i += 997) assert.equal(map.get(`k${i}`), i);
    assert.equal(map.delete('k5').size, names.length - 1);
  });
});
