import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../src/ingest/delta.ts';
import type { ClusterEvent, ClusterId, FactsOf, ObjectKind } from '../../src/ingest/event.ts';
import type { FeedSignal, FeedSpec } from '../../src/ingest/feed.ts';
import type { Hold } from '../../src/ingest/held-deletions.ts';
import { unpackKeys } from '../../src/ingest/held-keys.ts';
import { type AdmitDeletions, ClusterReconciler, type KnownFacts } from '../../src/ingest/reconcile.ts';

const A = 'alpha' as ClusterId;
const PODS: FeedSpec = { kind: 'Pod', scope: '' };
/** For ever. */
const HOLD: Hold = { percent: 50, until: 9e12 };

/** The fold of what was committed. */
class Known implements KnownFacts {
  readonly facts = new Map<string, FactsOf[ObjectKind]>();
  readonly synced = new Map<string, 'synced' | 'lost'>();
  get(_: ClusterId, kind: ObjectKind, key: string) {
    return this.facts.get(`${kind} ${key}`);
  }
  *keys(_: ClusterId, kind: ObjectKind) {
    for (const name of this.facts.keys()) if (name.startsWith(`${kind} `)) yield name.slice(kind.length + 1);
  }
  sync(_: ClusterId, kind: ObjectKind) {
    return this.synced.get(kind) ?? 'never';
  }
  readonly heldKeys = new Map<string, { keys: Set<string>; until: number }>();
  held(_: ClusterId, kind: string, scope: string) {
    return this.heldKeys.get(`${scope} ${kind}`);
  }
  fold(events: readonly ClusterEvent[]) {
    for (const event of events) {
      if (event.kind === 'DeletionsHeld') {
        const keys = new Set(unpackKeys(event.keys));
        assert.equal(keys.size, event.count);
        this.heldKeys.set(`${event.scope} ${event.key}`, { keys, until: event.until });
      } else if (event.kind === 'DeletionsReleased') {
        const name = `${event.scope} ${event.key}`;
        if (event.keys === undefined) this.heldKeys.delete(name);
        else for (const key of event.keys) assert.ok(this.heldKeys.get(name)?.keys.delete(key));
      } else if (event.kind === 'ClusterSynced') this.synced.set(event.key, 'synced');
      else if (event.kind === 'ClusterLost') this.synced.set(event.key, 'lost');
      else if ('facts' in event) this.facts.set(`${event.object} ${event.key}`, event.facts);
      else if ('object' in event) this.facts.delete(`${event.object} ${event.key}`);
    }
  }
}

function begin(feeds: readonly FeedSpec[] = [PODS], admit?: AdmitDeletions) {
  const known = new Known();
  const reconciler = new ClusterReconciler(A, known, admit);
  for (const feed of feeds) reconciler.addFeed(feed);
  /** Takes signals, commits what comes of them, and tells it as text. */
  const take = (signals: readonly FeedSignal[], feed = feeds[0] ?? PODS): string[] =>
    signals.flatMap((signal) => {
      const { events } = reconciler.accept(feed, signal);
      known.fold(events);
      reconciler.settle(events);
      return events.map((event) => ('key' in event ? `${event.kind} ${event.key}` : event.kind));
    });
  return { known, reconciler, take };
}

function pod(name: string, ip: string, more: object = {}) {
  return { metadata: { namespace: 'apps', name, resourceVersion: '5', ...more }, status: { podIP: ip } };
}

const listBegan = { type: 'listBegan' } as const;
const listed = (...objects: unknown[]): FeedSignal => ({ type: 'listed', objects });
const listEnded = { type: 'listEnded', resourceVersion: '10' } as const;
const changed = (object: unknown, resourceVersion = '11'): FeedSignal => ({ type: 'changed', object, resourceVersion });
const deleted = (object: unknown, resourceVersion = '12'): FeedSignal => ({ type: 'deleted', object, resourceVersion });

test('a second list gives only differences: new, changed and gone', () => {
  const { take } = begin();
  take([listBegan, listed(pod('a', '10.0.0.1'), pod('b', '10.0.0.2'), pod('c', '10.0.0.3')), listEnded]);
  const second = [listBegan, listed(pod('a', '10.0.0.1'), pod('b', '10.0.0.9'), pod('d', '10.0.0.4')), listEnded];
  assert.deepEqual(take(second), ['PodUpserted apps/b', 'PodUpserted apps/d', 'PodDeleted apps/c']);
  assert.deepEqual(take(second), []);
});

test('nothing is deleted before a list is complete, and what an unfinished list showed does not count', () => {
  const { take } = begin();
  take([listBegan, listed(pod('a', '10.0.0.1'), pod('b', '10.0.0.2')), listEnded]);
  assert.deepEqual(take([listBegan, listed(pod('a', '10.0.0.1'))]), []);
  assert.deepEqual(take([listBegan, listed(pod('b', '10.0.0.2')), listEnded]), ['PodDeleted apps/a']);
});

test('an update without a new fact is nothing, but its position counts', () => {
  const { take, reconciler } = begin();
  take([listBegan, listed(pod('a', '10.0.0.1')), listEnded]);
  const step = reconciler.accept(PODS, changed(pod('a', '10.0.0.1', { labels: { x: 'y' } }), '44'));
  assert.deepEqual(step.events, []);
  assert.deepEqual(step.position, { cluster: A, kind: 'Pod', scope: '', resourceVersion: '44' });
});

test('no position is given while a list is under way', () => {
  const { take, reconciler } = begin();
  take([listBegan, listed(pod('a', '10.0.0.1'))]);
  assert.equal(reconciler.accept(PODS, { type: 'bookmark', resourceVersion: '9' }).position, undefined);
  assert.equal(reconciler.accept(PODS, listEnded).position?.resourceVersion, '10');
});

test('duplicates and deletions of what is not known are nothing', () => {
  const { take } = begin();
  const added = changed(pod('a', '10.0.0.1'));
  assert.deepEqual(take([added, added, deleted(pod('a', '')), deleted(pod('a', '')), deleted(pod('z', ''))]), [
    'PodUpserted apps/a',
    'PodDeleted apps/a',
  ]);
});

test('events on their way to the log are known already', () => {
  const { reconciler, known } = begin();
  const added = reconciler.accept(PODS, changed(pod('a', '10.0.0.1'))).events;
  assert.equal(added.length, 1);
  assert.deepEqual(reconciler.accept(PODS, changed(pod('a', '10.0.0.1'))).events, []);
  const moved = reconciler.accept(PODS, changed(pod('a', '10.0.0.2'))).events;
  known.fold(added);
  reconciler.settle(added);
  assert.deepEqual(reconciler.accept(PODS, changed(pod('a', '10.0.0.2'))).events, []);
  const gone = reconciler.accept(PODS, listBegan).events.concat(reconciler.accept(PODS, listEnded).events);
  assert.deepEqual(
    gone.map(({ kind }) => kind),
    ['PodDeleted', 'ClusterSynced'],
  );
  known.fold([...moved, ...gone]);
  reconciler.settle([...moved, ...gone]);
  assert.deepEqual([...known.keys(A, 'Pod')], []);
});

test('a pod that begins to end stays until it is gone; one that was never known is not taken up', () => {
  const { take, known } = begin();
  const ending = { deletionTimestamp: '2025-01-01T00:00:00Z' };
  take([listBegan, listed(pod('a', '10.0.0.1'), pod('z', '10.0.0.9', ending)), listEnded]);
  assert.deepEqual([...known.keys(A, 'Pod')], ['apps/a']);
  assert.deepEqual(take([changed(pod('a', '10.0.0.1', ending))]), []);
  assert.deepEqual(take([listBegan, listed(pod('a', '10.0.0.1', ending)), listEnded]), []);
  assert.deepEqual(take([deleted(pod('a', '10.0.0.1', ending))]), ['PodDeleted apps/a']);
});

test('a pod that has ended, or lost its address, is gone', () => {
  const { take } = begin();
  take([changed(pod('a', '10.0.0.1')), changed(pod('b', '10.0.0.2'))]);
  assert.deepEqual(take([changed({ ...pod('a', '10.0.0.1'), status: { podIP: '10.0.0.1', phase: 'Failed' } })]), [
    'PodDeleted apps/a',
  ]);
  assert.deepEqual(take([listBegan, listed(pod('b', '')), listEnded]), ['PodDeleted apps/b', 'ClusterSynced Pod']);
});

test('an object that can’t be used leaves what is known of it, also through a list', () => {
  const slices: FeedSpec = { kind: 'EndpointSlice', scope: '' };
  const { take, reconciler, known } = begin([slices]);
  const metadata = { namespace: 'apps', name: 'a' };
  take([listBegan, listed({ metadata, endpoints: [{ addresses: ['10.0.0.1'] }] }), listEnded]);
  const before = canonicalJson(known.get(A, 'EndpointSlice', 'apps/a'));
  const absurd = { metadata, endpoints: Array.from({ length: 20_000 }, () => ({})) };
  assert.deepEqual(reconciler.accept(slices, changed(absurd)).rejected, [
    { kind: 'EndpointSlice', status: 'rejected', reason: 'too many items', key: 'apps/a' },
  ]);
  assert.deepEqual(take([listBegan, listed(absurd, null), listEnded]), []);
  assert.equal(canonicalJson(known.get(A, 'EndpointSlice', 'apps/a')), before);
});

test('a kind is synced when all of its feeds are, and each list only deletes in its own namespace', () => {
  const feeds = ['apps', 'data'].map((scope): FeedSpec => ({ kind: 'Pod', scope }));
  const [apps, data] = feeds as [FeedSpec, FeedSpec];
  const { take, reconciler } = begin(feeds);
  const inData = { ...pod('x', '10.0.0.5'), metadata: { namespace: 'data', name: 'x' } };
  assert.deepEqual(take([listBegan, listed(pod('a', '10.0.0.1')), listEnded], apps), ['PodUpserted apps/a']);
  assert.deepEqual(take([listBegan, listed(inData), listEnded], data), ['PodUpserted data/x', 'ClusterSynced Pod']);
  assert.deepEqual(take([listBegan, listEnded], apps), ['PodDeleted apps/a']);
  const { rejected, events } = reconciler.accept(apps, listed(inData));
  assert.deepEqual([rejected.map(({ reason }) => reason), events], [['out of scope'], []]);
});

test('a resumed watch counts as complete; one that never was listed does not', () => {
  const services: FeedSpec = { kind: 'Service', scope: '' };
  const { take, known } = begin([PODS, services]);
  assert.deepEqual(take([listBegan, { type: 'live' }]), []);
  assert.deepEqual(take([listEnded]), ['ClusterSynced Pod']);
  known.synced.set('Service', 'lost');
  assert.deepEqual(take([{ type: 'live' }], services), ['ClusterSynced Service']);
});

test('loss is told once, and only of what was synced', () => {
  const failing = { type: 'failing', reason: 'connection refused' } as const;
  const { take } = begin();
  assert.deepEqual(take([failing]), []);
  take([listBegan, listEnded]);
  assert.deepEqual(take([failing, failing]), ['ClusterLost Pod']);
  assert.deepEqual(take([{ type: 'live' }, { type: 'live' }]), ['ClusterSynced Pod']);
});

test('with two namespaces a kind is back only when both are', () => {
  const feeds = ['apps', 'data'].map((scope): FeedSpec => ({ kind: 'Pod', scope }));
  const [apps, data] = feeds as [FeedSpec, FeedSpec];
  const { take } = begin(feeds);
  take([listBegan, listEnded], apps);
  take([listBegan, listEnded], data);
  assert.deepEqual(take([{ type: 'failing', reason: 'x' }], apps), ['ClusterLost Pod']);
  assert.deepEqual(take([{ type: 'failing', reason: 'x' }], data), []);
  assert.deepEqual(take([{ type: 'live' }], apps), []);
  assert.deepEqual(take([{ type: 'live' }], data), ['ClusterSynced Pod']);
});

test('deletions that are not admitted are held: shown again they are off, released they happen', () => {
  const asked: unknown[] = [];
  const { take, reconciler } = begin([PODS], (missing) => {
    asked.push(missing);
    return HOLD;
  });
  take([listBegan, listed(pod('a', '10.0.0.1'), pod('b', '10.0.0.2'), pod('c', '10.0.0.3')), listEnded]);
  assert.deepEqual(take([listBegan, listEnded]), ['DeletionsHeld Pod']);
  assert.deepEqual(asked, [{ cluster: A, kind: 'Pod', scope: '', known: 3, missing: ['apps/a', 'apps/b', 'apps/c'] }]);
  assert.equal(reconciler.accept(PODS, { type: 'bookmark', resourceVersion: '20' }).position, undefined);
  assert.deepEqual(take([changed(pod('a', '10.0.0.1')), deleted(pod('b', ''))]), [
    'DeletionsReleased Pod',
    'PodDeleted apps/b',
    'DeletionsReleased Pod',
  ]);
  assert.deepEqual([...(reconciler.held()[0]?.keys ?? [])], ['apps/c']);
  assert.deepEqual(
    reconciler.release('operator').flatMap(({ events }) => events.map(({ kind }) => kind)),
    ['DeletionsReleased', 'PodDeleted'],
  );
  assert.equal(reconciler.accept(PODS, { type: 'bookmark', resourceVersion: '21' }).position?.resourceVersion, '21');
});

test('a list that lacks the same as the one before it tells nothing new of what is held', () => {
  const { take } = begin([PODS], () => HOLD);
  take([listBegan, listed(pod('a', '10.0.0.1'), pod('b', '10.0.0.2')), listEnded]);
  assert.deepEqual(take([listBegan, listEnded]), ['DeletionsHeld Pod']);
  assert.deepEqual(take([listBegan, listEnded]), []);
  assert.deepEqual(take([listBegan, listed(pod('a', '10.0.0.1')), listEnded]), ['DeletionsHeld Pod']);
  assert.deepEqual(take([listBegan, listed(pod('a', '10.0.0.1'), pod('b', '10.0.0.2')), listEnded]), [
    'DeletionsReleased Pod',
  ]);
});

test('a watch that is resumed after a restart, as if there had been no list, ends what the log says is held', () => {
  const { known, take } = begin([PODS], () => HOLD);
  take([listBegan, listed(pod('a', '10.0.0.1')), listEnded, listBegan, listEnded]);
  const second = new ClusterReconciler(A, known, () => HOLD);
  second.addFeed(PODS);
  assert.deepEqual(second.accept(PODS, { type: 'live' }).events, []);
  const { events, position } = second.accept(PODS, { type: 'bookmark', resourceVersion: '30' });
  assert.deepEqual(events, [{ kind: 'DeletionsReleased', cluster: A, key: 'Pod', scope: '', by: 'shown' }]);
  assert.equal(position?.resourceVersion, '30');
});

test('100,000 deletions that are held are one event, of a few octets each', () => {
  const { take, known, reconciler } = begin([PODS], () => HOLD);
  const pods = Array.from({ length: 100_000 }, (_, i) => `apps/pod-${i}-${(i * 2654435761) % 46656}`);
  for (const key of pods) known.facts.set(`Pod ${key}`, { addresses: [] });
  reconciler.accept(PODS, listBegan);
  const { events } = reconciler.accept(PODS, listEnded);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['DeletionsHeld', 'ClusterSynced'],
  );
  const [held] = events;
  assert.ok(held?.kind === 'DeletionsHeld' && held.keys.length < 1_000_000, `${JSON.stringify(held).length} octets`);
  assert.deepEqual(unpackKeys(held.keys), pods.toSorted());
  assert.deepEqual(take([]), []);
});

test('signals of a feed that is no longer followed are nothing', () => {
  const { take, reconciler } = begin();
  reconciler.removeFeed(PODS);
  assert.deepEqual(take([changed(pod('a', '10.0.0.1')), listEnded]), []);
});

const anyPod = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), last: fc.integer({ min: 1, max: 3 }) });
const anySignals = fc.array(
  fc.oneof(
    anyPod.map(({ name, last }) => [changed(pod(name, `10.0.0.${last}`))]),
    anyPod.map(({ name }) => [deleted(pod(name, ''))]),
    fc
      .uniqueArray(anyPod, { selector: ({ name }) => name })
      .map((pods) => [listBegan, ...pods.map(({ name, last }) => listed(pod(name, `10.0.0.${last}`))), listEnded]),
  ),
);

test('what the log says is held is what is held, whatever is said', () => {
  const steps = fc.array(fc.tuple(anySignals, fc.constantFrom('none', 'restart', 'release')), { maxLength: 5 });
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.boolean()), (script, isHeld) => {
      const known = new Known();
      const fold = (reconciler: ClusterReconciler, events: readonly ClusterEvent[]) => {
        known.fold(events);
        reconciler.settle(events);
      };
      const start = () => {
        const reconciler = new ClusterReconciler(A, known, () => (isHeld.next().value ? HOLD : undefined));
        reconciler.addFeed(PODS);
        return reconciler;
      };
      let reconciler = start();
      for (const [groups, then] of script) {
        for (const group of groups) {
          for (const signal of group) fold(reconciler, reconciler.accept(PODS, signal).events);
          const held = [...(reconciler.held()[0]?.keys ?? [])].sort();
          assert.deepEqual([...(known.heldKeys.get(' Pod')?.keys ?? [])].sort(), held);
          for (const key of held) assert.ok(known.facts.has(`Pod ${key}`));
        }
        if (then === 'release') for (const { events } of reconciler.release('time')) fold(reconciler, events);
        if (then === 'restart') reconciler = start();
      }
    }),
    { numRuns: 500 },
  );
});

test('whatever is said, and however late it is committed, what is known in the end is what was said last', () => {
  fc.assert(
    fc.property(anySignals, fc.infiniteStream(fc.boolean()), (groups, isCommitted) => {
      const { reconciler, known } = begin();
      const truth = new Map<string, string>();
      let waiting: ClusterEvent[] = [];
      const commit = () => {
        known.fold(waiting);
        reconciler.settle(waiting);
        waiting = [];
      };
      for (const signal of groups.flat()) {
        if (signal.type === 'listBegan') truth.clear();
        const objects = signal.type === 'listed' ? signal.objects : 'object' in signal ? [signal.object] : [];
        for (const object of objects as ReturnType<typeof pod>[]) {
          if (signal.type === 'deleted') truth.delete(object.metadata.name);
          else truth.set(object.metadata.name, object.status.podIP);
        }
        waiting.push(...reconciler.accept(PODS, signal).events);
        if (isCommitted.next().value) commit();
      }
      commit();
      const found = [...known.facts].map(([name, facts]) => `${name} ${canonicalJson(facts)}`).sort();
      assert.deepEqual(found, [...truth].map(([name, ip]) => `Pod apps/${name} {"addresses":["${ip}"]}`).sort());
    }),
    { numRuns: 500 },
  );
});
