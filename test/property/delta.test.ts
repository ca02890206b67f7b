import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyDifference, canonicalJson, difference, equalJson } from '../../src/ingest/delta.ts';

/** JSON values whose members are ordered, as facts are. */
const anyJson = fc.jsonValue({ maxDepth: 4 });

/** Arrays that have much in common, as slices have after an update. */
const relatedArrays = fc
  .tuple(
    fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }),
    fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 40 }),
  )
  .chain(([from, fresh]) =>
    fc.record({
      from: fc.constant(from.map((n) => ({ addresses: [`10.0.0.${n}`] }))),
      to: fc
        .shuffledSubarray(from)
        .map((kept) => [...kept.slice(0, kept.length >> 1), ...fresh, ...kept.slice(kept.length >> 1)])
        .map((list) => list.map((n) => ({ addresses: [`10.0.0.${n}`] }))),
    }),
  );

test('a difference applied to the old value gives the new one, also after a way through JSON text', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (from, to) => {
      const step = difference(from, to);
      if (step === undefined) return canonicalJson(from) === canonicalJson(to);
      const made = applyDifference(from, JSON.parse(JSON.stringify(step)));
      return canonicalJson(made) === canonicalJson(to);
    }),
    { numRuns: 2000 },
  );
});

test('a difference of arrays that share elements gives the new array', () => {
  fc.assert(
    fc.property(relatedArrays, ({ from, to }) => {
      const step = difference(from, to);
      const made = step === undefined ? from : applyDifference(from, step);
      assert.deepEqual(made, to);
    }),
    { numRuns: 1000 },
  );
});

test('applying leaves the old value as it was', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (from, to) => {
      const before = JSON.stringify(from);
      const step = difference(from, to);
      if (step) applyDifference(from, step);
      assert.equal(JSON.stringify(from), before);
    }),
  );
});

test('values are equal exactly if their canonical texts are', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (a, b) => {
      assert.equal(equalJson(a, b), canonicalJson(a) === canonicalJson(b));
      assert.ok(equalJson(a, JSON.parse(canonicalJson(a))));
    }),
    { numRuns: 1000 },
  );
});

test('arbitrary JSON in the place of a difference gives a value or BrokenDifference, nothing else', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (from, step) => {
      try {
        applyDifference(from, step);
      } catch (error) {
        assert.equal(error instanceof Error ? error.name : '', 'BrokenDifference');
      }
    }),
    { numRuns: 1000 },
  );
});
