import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyDifference, canonicalJson, difference } from '../../src/ingest/delta.ts';

const endpoints = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ addresses: [`10.1.${i >> 8}.${i & 255}`], pod: `web-${i}` }));

test('one endpoint that goes out of a hundred is a few octets', () => {
  const from = { endpoints: endpoints(100), service: 'web' };
  const to = { ...from, endpoints: from.endpoints.toSpliced(57, 1) };
  assert.equal(JSON.stringify(difference(from, to)), '[1,{"endpoints":[2,[57,1]]}]');
});

test('endpoints that change far apart are a splice each', () => {
  const from = endpoints(100);
  const fresh = { addresses: ['10.9.9.9'], pod: 'web-new' };
  const to = [...from.toSpliced(3, 1), fresh];
  assert.deepEqual(difference(from, to), [2, [3, 1], [100, 0, fresh]]);
});

test('members that go, come and change', () => {
  const step = difference({ a: 1, b: { c: 2 }, d: 3 }, { a: 1, b: { c: 4 }, e: 5 });
  assert.deepEqual(step, [1, { b: [1, { c: [0, 4] }], e: [0, 5] }, ['d']]);
});

test('members come out in the order of their keys, wherever the new one belongs', () => {
  const from = { a: 1, c: 3 };
  const made = applyDifference(from, difference(from, { a: 1, b: 2, c: 3 }));
  assert.equal(JSON.stringify(made), '{"a":1,"b":2,"c":3}');
});

test('a member named __proto__ is a member', () => {
  const from = JSON.parse('{"a":1}');
  const to = JSON.parse('{"__proto__":{"x":1},"a":1}');
  const step = difference(from, to);
  assert.equal(canonicalJson(applyDifference(from, JSON.parse(JSON.stringify(step)))), '{"__proto__":{"x":1},"a":1}');
});

test('equal values have no difference', () => {
  assert.equal(difference({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }), undefined);
});

test('a difference to another value is refused', () => {
  assert.throws(() => applyDifference([1, 2], [2, [1, 5]]), { name: 'BrokenDifference' });
  assert.throws(() => applyDifference({ a: 1 }, [1, {}, ['b']]), { name: 'BrokenDifference' });
  assert.throws(() => applyDifference({ a: 1 }, [2, [0, 0]]), { name: 'BrokenDifference' });
  assert.throws(() => applyDifference({}, [7]), { name: 'BrokenDifference' });
  assert.throws(() => applyDifference({}, 'text'), { name: 'BrokenDifference' });
});
