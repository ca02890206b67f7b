import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DomainName } from '../../src/dns/name.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { AnswerCache, type Keepable, type SerialCell } from '../../src/serve/answer-cache.ts';
import { createTally } from '../../src/serve/tally.ts';
import { nameOf } from '../kit/serving.ts';

const slot = createTally().slot({
  server: 's',
  zone: 'z',
  view: '',
  proto: 'udp',
  family: '1',
  type: 1,
  isDnssecOk: false,
  rcode: 0,
  writer: '',
});

function keepable(key: string, names: readonly DomainName[], parts: Partial<Keepable> = {}): Keepable {
  const message = Buffer.from(`..${key}`);
  return { key, message, serialOffsets: [], zone: 'z', names, slot, isObserved: false, ...parts };
}

function cacheOf(entries = 1000, octets = 1e7): { cache: AnswerCache; cell: SerialCell } {
  const cell: SerialCell = { serial: undefined };
  return { cache: new AnswerCache({ entries, octets }, () => cell), cell };
}

test('an answer goes when one of its names is touched, and only then', () => {
  const { cache } = cacheOf();
  cache.put(keepable('a', [nameOf('a.z'), nameOf('target.z')]));
  cache.put(keepable('b', [nameOf('b.z')]));
  cache.invalidate('z', [nameOf('c.z')]);
  cache.invalidate('other', [nameOf('a.z')]);
  assert.ok(cache.find('a') && cache.find('b'));
  cache.invalidate('z', [nameOf('target.z')]);
  assert.equal(cache.find('a'), undefined);
  assert.ok(cache.find('b'));
});

test('a name that comes or goes drops what was said of the empty non-terminals above it', () => {
  const { cache } = cacheOf();
  cache.put(keepable('upper', [nameOf('_tcp.svc.z')]));
  cache.put(keepable('beside', [nameOf('_udp.svc.z')]));
  cache.invalidate('z', [nameOf('_http._tcp.svc.z')]);
  assert.equal(cache.find('upper'), undefined);
  assert.ok(cache.find('beside'));
});

test('invalidating a whole zone leaves the others', () => {
  const { cache } = cacheOf();
  for (let i = 0; i < 10; i++) cache.put(keepable(`z${i}`, [nameOf(`n${i}.z`)]));
  cache.put(keepable('y', [nameOf('n.y')], { zone: 'y' }));
  cache.invalidate('z', 'all');
  assert.equal(cache.size.entries, 1);
  assert.ok(cache.find('y'));
});

test('a new serial is written into the answer that carries the SOA, wherever it stands', () => {
  const { cache, cell } = cacheOf();
  const message = Buffer.alloc(20);
  cache.put(keepable('a', [nameOf('a.z')], { message, serialOffsets: [4, 12] }));
  const kept = cache.find('a');
  assert.ok(kept);
  assert.equal(cache.take(kept).readUInt32BE(4), 0, 'no serial is known: as it was encoded');
  cell.serial = toSerial(4_294_967_295);
  const taken = cache.take(kept);
  assert.deepEqual([taken.readUInt32BE(4), taken.readUInt32BE(12)], [4_294_967_295, 4_294_967_295]);
});

test('each order of a balanced answer is made once, and all are sent in turn', () => {
  const { cache } = cacheOf();
  const made: number[] = [];
  const encode = (index: number): Buffer => {
    made.push(index);
    return Buffer.from(`..order${index}`);
  };
  cache.put(keepable('a', [nameOf('a.z')], { message: Buffer.from('..order0'), rotations: { count: 3, encode } }));
  const kept = cache.find('a');
  assert.ok(kept);
  const sent = Array.from({ length: 8 }, () => cache.take(kept).toString('latin1', 2));
  assert.deepEqual(made, [1, 2]);
  assert.deepEqual(sent, ['order1', 'order2', 'order0', 'order1', 'order2', 'order0', 'order1', 'order2']);
});

test('a flood of questions asked once does not push out one that is asked again and again', () => {
  const { cache } = cacheOf(100);
  cache.put(keepable('hot', [nameOf('hot.z')]));
  for (let i = 0; i < 10_000; i++) {
    cache.put(keepable(`cold${i}`, [nameOf(`cold${i}.z`)]));
    const hot = cache.find('hot');
    assert.ok(hot, `after ${i} others`);
    cache.take(hot);
  }
  assert.equal(cache.size.entries, 100);
  assert.equal(cache.size.evictions, 10_000 - 99);
});

test('what is too large, or depends on too much, is not kept', () => {
  const { cache } = cacheOf();
  cache.put(keepable('large', [nameOf('a.z')], { message: Buffer.alloc(16_385) }));
  cache.put(
    keepable(
      'wide',
      Array.from({ length: 513 }, (_, i) => nameOf(`n${i}.z`)),
    ),
  );
  assert.equal(cache.size.entries, 0);
});

test('every operation changes the generation that drops something or might have', () => {
  const { cache } = cacheOf();
  const first = cache.generation;
  cache.put(keepable('a', [nameOf('a.z')]));
  assert.equal(cache.generation, first);
  cache.invalidate('z', []);
  assert.notEqual(cache.generation, first);
});

const LABELS = ['a', 'b', 'c', 'd.a', 'e.d.a'] as const;
const command = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key: fc.integer({ min: 0, max: 30 }),
    labels: fc.uniqueArray(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 3 }),
    size: fc.integer({ min: 12, max: 3000 }),
  }),
  fc.record({ kind: fc.constant('take' as const), key: fc.integer({ min: 0, max: 30 }) }),
  fc.record({ kind: fc.constant('touch' as const), labels: fc.uniqueArray(fc.constantFrom(...LABELS)) }),
  fc.record({ kind: fc.constant('all' as const) }),
);

test('whatever is done to it, it holds no dropped answer, stays within its limits, and forgets its index', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      const { cache } = cacheOf(8, 12_000);
      // What may be in the cache: everything put and not dropped since.
      const model = new Map<string, readonly string[]>();
      for (const step of commands) {
        if (step.kind === 'put') {
          const key = `k${step.key}`;
          const message = Buffer.alloc(step.size);
          cache.put(
            keepable(
              key,
              step.labels.map((l) => nameOf(`${l}.z`)),
              { message },
            ),
          );
          model.set(key, step.labels);
        } else if (step.kind === 'take') {
          const kept = cache.find(`k${step.key}`);
          if (kept) cache.take(kept);
        } else if (step.kind === 'touch') {
          cache.invalidate(
            'z',
            step.labels.map((l) => nameOf(`${l}.z`)),
          );
          for (const [key, labels] of model) {
            const isHit = labels.some((l) => step.labels.some((t) => t === l || t.endsWith(`.${l}`)));
            if (isHit) model.delete(key);
          }
        } else {
          cache.invalidate('z', 'all');
          model.clear();
        }
        for (let i = 0; i <= 30; i++) if (cache.find(`k${i}`)) assert.ok(model.has(`k${i}`));
        assert.ok(cache.size.entries <= 8 && cache.size.octets <= 12_000);
      }
      cache.invalidate(
        'z',
        LABELS.map((l) => nameOf(`${l}.z`)),
      );
      assert.deepEqual([cache.size.entries, cache.size.octets], [0, 0]);
    }),
    { numRuns: 300 },
  );
});

test('an answer with an OPT record goes when its zone gets out of reach, and when it is back; others stay', () => {
  const { cache, cell } = cacheOf();
  cache.put(keepable('plain', [nameOf('a.z')]));
  cache.put(keepable('opt', [nameOf('a.z')], { hasOpt: true }));
  cell.isStale = true;
  assert.equal(cache.find('opt'), undefined);
  assert.ok(cache.find('plain'));
  cache.put(keepable('opt', [nameOf('a.z')], { hasOpt: true }));
  assert.ok(cache.find('opt'));
  cell.isStale = false;
  assert.equal(cache.find('opt'), undefined);
  assert.ok(cache.find('plain'));
});
