/** The parts of a list and watch that need no server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Subject } from 'rxjs';
import type { Clock } from '../../src/ingest/clock.ts';
import { planFeeds } from '../../src/ingest/feed.ts';
import { gather } from '../../src/ingest/gather.ts';
import { LineSplitter, ListReader } from '../../src/ingest/json-stream.ts';
import { groupVersions, isListed, pathOf, selectorsOf } from '../../src/ingest/resource-path.ts';
import { Semaphore, TokenBucket } from '../../src/ingest/throttle.ts';

/** Time that stands still until it is told to go on. */
class HandClock implements Clock {
  #now = 0;
  #timers: { at: number; action: () => void }[] = [];
  now() {
    return this.#now;
  }
  after(milliseconds: number, action: () => void) {
    const timer = { at: this.#now + milliseconds, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  advance(milliseconds: number) {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.action();
    }
    this.#now = end;
  }
}

/** Cuts octets at the given places. */
function pieces(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length];
  return places.slice(1).map((end, i) => octets.subarray(places[i], end));
}

/** Reads a list as a whole, or (beyond `wholeUpTo` octets) as it arrives. */
function readList(octets: Buffer, cuts: readonly number[], wholeUpTo: number) {
  const reader = new ListReader(wholeUpTo);
  const objects: unknown[] = [];
  for (const piece of pieces(octets, cuts)) {
    const pushed = reader.push(piece);
    if (!pushed.ok) return pushed;
    objects.push(...pushed.value);
  }
  const rest = reader.end();
  if (!rest.ok) return rest;
  return { ok: true as const, objects: [...objects, ...rest.value.objects], envelope: rest.value.envelope };
}

const WAYS = [0, 1_000_000];

const cuts = fc.array(fc.nat(100_000), { maxLength: 20 });
const object = fc.dictionary(fc.string(), fc.jsonValue());

test('a list gives its items, wherever it is cut, whatever is in it', () => {
  fc.assert(
    fc.property(
      fc.array(object, { maxLength: 6 }),
      fc.constantFrom(undefined, 1),
      object,
      cuts,
      fc.constantFrom(0, 50, 1_000_000),
      (items, indent, extra, at, whole) => {
        const list = { ...extra, kind: 'PodList', metadata: { resourceVersion: '7', continue: 'next"[{' }, items };
        const read = readList(Buffer.from(JSON.stringify(list, undefined, indent)), at, whole);
        assert.ok(read.ok);
        assert.equal(JSON.stringify(read.objects), JSON.stringify(items));
        assert.deepEqual(read.envelope, { resourceVersion: '7', next: 'next"[{' });
      },
    ),
    { numRuns: 500 },
  );
});

test('items may come before what is around them, and be null where there are none', () => {
  for (const way of WAYS) {
    const early = Buffer.from('{"items":[{"a":1}],"metadata":{"resourceVersion":"1"},"kind":"XList"}');
    const read = readList(early, [], way);
    assert.deepEqual(read.ok && read.objects, [{ a: 1 }]);
    const none = readList(Buffer.from('{"kind":"XList","metadata":{"resourceVersion":"1"},"items":null}'), [], way);
    assert.deepEqual(none.ok && none.objects, []);
  }
});

test('a list that was cut off, at any place, is no list', () => {
  const text = Buffer.from('{"kind":"XList","metadata":{"resourceVersion":"1"},"items":[{"a":[1]},{"b":"]}"}]}');
  for (let end = 0; end < text.length; end++) {
    for (const way of WAYS) assert.equal(readList(text.subarray(0, end), [], way).ok, false, `cut at ${end}`);
  }
});

test('what is no list is told by name', () => {
  const problems: Record<string, RegExp> = {
    '': /ends before its end/,
    'upstream timed out': /ends before|not a JSON/,
    '{"kind":"Status","metadata":{},"items":[]}': /a Status in the place of a list/,
    '{"kind":"XList","metadata":{"resourceVersion":"1"}}': /without items/,
    '{"kind":"XList","metadata":{},"items":[]}': /without resourceVersion/,
    '{"items":[1]}': /no object/,
    '{"items":["x"]}': /no object/,
    '{"items":[[]]}': /no object/,
    '{"items":[{"a":}]}': /not JSON|not a JSON/,
    '{"items":[]}}': /a bracket too many|ends before|not a JSON/,
  };
  for (const [text, words] of Object.entries(problems)) {
    for (const way of WAYS) {
      const read = readList(Buffer.from(text), [], way);
      assert.match(read.ok ? 'taken' : read.error, words, text);
    }
  }
});

test('any octets in the place of a list end in a word, not an exception', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array(), fc.string({ unit: fc.constantFrom(...'{}[]",:\\ 1itemsx') })),
      cuts,
      (octets, at) => {
        for (const way of WAYS) readList(Buffer.from(octets as string), at, way);
      },
    ),
    { numRuns: 1000 },
  );
});

test('lines come out whole, wherever the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary' }).map((line) => line.replaceAll('\n', ' '))),
      cuts,
      (lines, at) => {
        const splitter = new LineSplitter();
        const octets = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const found = pieces(octets, at).flatMap((piece) => {
          const split = splitter.push(piece);
          return split.ok ? split.value : [];
        });
        assert.deepEqual(
          found,
          lines.map((line) => Buffer.from(line).toString()),
        );
        assert.equal(splitter.pending, 0);
      },
    ),
  );
});

test('a line beyond the limit ends the stream', () => {
  const splitter = new LineSplitter(10);
  assert.deepEqual(splitter.push(Buffer.from('123456789')), { ok: true, value: [] });
  assert.deepEqual(splitter.push(Buffer.from('01')), { ok: false, error: 'a line is longer than 10 octets' });
});

test('paths and selectors', () => {
  assert.equal(pathOf({ kind: 'Service', scope: '' }), '/api/v1/services');
  assert.equal(pathOf({ kind: 'Pod', scope: 'apps' }), '/api/v1/namespaces/apps/pods');
  assert.equal(pathOf({ kind: 'Namespace', scope: 'apps' }), '/api/v1/namespaces');
  assert.equal(
    pathOf({ kind: 'EndpointSlice', scope: 'a/b' }),
    '/apis/discovery.k8s.io/v1/namespaces/a%2Fb/endpointslices',
  );
  assert.equal(
    pathOf({ kind: 'ServiceImport', scope: '' }, 'v1beta1'),
    '/apis/multicluster.x-k8s.io/v1beta1/serviceimports',
  );
  assert.deepEqual(selectorsOf({ kind: 'Namespace', scope: 'apps' }), { fieldSelector: 'metadata.name=apps' });
  assert.deepEqual(selectorsOf({ kind: 'Pod', scope: '', labelSelector: 'a=b' }), {
    fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown',
    labelSelector: 'a=b',
  });
});

test('of the served versions of ServiceImport the best is taken', () => {
  const serving = (...versions: string[]) => ({
    groups: [
      { name: 'apps', versions: [{ version: 'v1beta1' }] },
      { name: 'multicluster.x-k8s.io', versions: versions.map((version) => ({ version })) },
    ],
  });
  assert.deepEqual(groupVersions('ServiceImport', serving('v1alpha1', 'v1beta1')), ['v1beta1', 'v1alpha1']);
  assert.deepEqual(groupVersions('ServiceImport', serving('v1alpha2', 'v1alpha1')), ['v1alpha1', 'v1alpha2']);
  assert.deepEqual(groupVersions('ServiceImport', serving('v2')), []);
  for (const nonsense of [
    undefined,
    null,
    7,
    {},
    { groups: 7 },
    { groups: [null, { name: 'multicluster.x-k8s.io' }] },
  ]) {
    assert.deepEqual(groupVersions('ServiceImport', nonsense), []);
    assert.equal(isListed('ServiceImport', nonsense), false);
  }
});

test('feeds of a view: one for a kind, or one for a kind and namespace; selectors where they belong', () => {
  const kinds = ['Service', 'Namespace', 'EndpointSlice', 'ServiceImport'] as const;
  assert.deepEqual(planFeeds({ kinds, namespaces: [], labels: 'a=b', namespaceLabels: 'c=d' }), [
    { kind: 'Service', scope: '', labelSelector: 'a=b' },
    { kind: 'Namespace', scope: '', labelSelector: 'c=d' },
    { kind: 'EndpointSlice', scope: '', labelSelector: 'a=b' },
    { kind: 'ServiceImport', scope: '' },
  ]);
  const scoped = planFeeds({ kinds: ['Service', 'Namespace'], namespaces: ['b', 'a', 'b'] });
  assert.deepEqual(
    scoped.map(({ kind, scope }) => `${kind} ${scope}`),
    ['Service a', 'Service b', 'Namespace a', 'Namespace b'],
  );
  const [slices] = planFeeds({ kinds: ['EndpointSlice'], namespaces: [], labels: 'a=b', hasOnlyImportedSlices: true });
  assert.equal(slices?.labelSelector, 'a=b,multicluster.kubernetes.io/service-name');
});

test('a token bucket lets a burst through, then so many a second', async () => {
  const clock = new HandClock();
  const bucket = new TokenBucket(clock, 10, 2);
  const { signal } = new AbortController();
  assert.equal(await bucket.take(signal), 0);
  assert.equal(await bucket.take(signal), 0);
  const third = bucket.take(signal);
  const fourth = bucket.take(signal);
  clock.advance(100);
  assert.equal(await third, 100);
  clock.advance(100);
  assert.equal(await fourth, 200);
  clock.advance(60_000);
  assert.equal(await bucket.take(signal), 0);
});

test('a semaphore gives places in order, and a place given back twice is one place', async () => {
  const semaphore = new Semaphore(1);
  const order: number[] = [];
  const first = await semaphore.acquire();
  const waiting = [1, 2].map(async (n) => {
    const release = await semaphore.acquire();
    order.push(n);
    return release;
  });
  first();
  first();
  const second = await waiting[0];
  assert.deepEqual(order, [1]);
  second?.();
  await waiting[1];
  assert.deepEqual(order, [1, 2]);
});

function gathering() {
  const clock = new HandClock();
  const source = new Subject<number>();
  const batches: (readonly number[])[] = [];
  let isComplete = false;
  source
    .pipe(gather<number>({ clock, weigh: (n) => n, most: 10, quiet: 4, longest: 20, idle: 1000 }))
    .subscribe({ next: (batch) => batches.push(batch), complete: () => (isComplete = true) });
  return { clock, source, batches, isComplete: () => isComplete };
}

test('what comes shortly after one another is one batch', () => {
  const { clock, source, batches } = gathering();
  source.next(1);
  clock.advance(3);
  source.next(2);
  clock.advance(3);
  assert.deepEqual(batches, []);
  clock.advance(1);
  assert.deepEqual(batches, [[1, 2]]);
});

test('a batch does not wait for quiet for ever', () => {
  const { clock, source, batches } = gathering();
  for (let i = 0; i < 9; i++) {
    source.next(1);
    clock.advance(3);
  }
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [7],
  );
});

test('a full batch goes at once; what has no weight goes along, or waits for long', () => {
  const { clock, source, batches, isComplete } = gathering();
  source.next(0);
  source.next(4);
  source.next(0);
  source.next(6);
  assert.deepEqual(batches, [[0, 4, 0, 6]]);
  source.next(0);
  clock.advance(999);
  assert.equal(batches.length, 1);
  clock.advance(1);
  assert.deepEqual(batches[1], [0]);
  source.next(3);
  source.complete();
  assert.deepEqual(batches[2], [3]);
  assert.ok(isComplete());
});
