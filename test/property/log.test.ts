import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openDatabase } from '../../src/database.ts';
import { canonicalJson } from '../../src/ingest/delta.ts';
import {
  type ClusterEvent,
  type ClusterId,
  type FactsOf,
  HOLD_ENDINGS,
  type ObjectKind,
} from '../../src/ingest/event.ts';
import { packKeys } from '../../src/ingest/held-keys.ts';
import { EventLog, type PreviousFacts } from '../../src/ingest/log.ts';

const cluster = fc.constantFrom('alpha', 'beta', 'https://10.0.0.1:6443?labels=a').map((text) => text as ClusterId);
const key = fc.constantFrom('apps/a', 'apps/b', 'data/a');
const cause = fc.record({ manager: fc.string(), resourceVersion: fc.string() }, { requiredKeys: [] });
const addresses = fc.array(fc.ipV4(), { maxLength: 3 });
const endpoints = fc.array(
  fc.record({ addresses, hostname: fc.string(), pod: fc.string() }, { requiredKeys: ['addresses'] }),
  { maxLength: 30 },
);

const event: fc.Arbitrary<ClusterEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('EndpointSliceUpserted' as const),
      object: fc.constant('EndpointSlice' as const),
      cluster,
      key,
      facts: fc.record(
        { endpoints, ports: fc.constant([]), service: fc.string() },
        { requiredKeys: ['endpoints', 'ports'] },
      ),
      cause,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('EndpointSliceDeleted' as const),
      object: fc.constant('EndpointSlice' as const),
      cluster,
      key,
      cause,
    }),
  },
  fc.record({
    kind: fc.constant('ClusterLost' as const),
    cluster,
    key: fc.constant('Pod' as const),
    reason: fc.string(),
  }),
  fc.record({ kind: fc.constant('ClusterSynced' as const), cluster, key: fc.constant('Pod' as const) }),
  fc.record({
    kind: fc.constant('DeletionsHeld' as const),
    cluster,
    key: fc.constant('Pod' as const),
    scope: fc.constantFrom('', 'apps'),
    known: fc.nat(),
    count: fc.nat(),
    keys: fc.array(fc.constantFrom('apps/a', 'apps/b'), { maxLength: 3 }).map(packKeys),
    percent: fc.nat(100),
    until: fc.nat(),
  }),
  fc.record(
    {
      kind: fc.constant('DeletionsReleased' as const),
      cluster,
      key: fc.constant('Pod' as const),
      scope: fc.constantFrom('', 'apps'),
      by: fc.constantFrom(...HOLD_ENDINGS),
      keys: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['kind', 'cluster', 'key', 'scope', 'by'] },
  ),
);

const batches = fc.array(fc.array(event, { minLength: 1, maxLength: 8 }), { maxLength: 12 });

test('any events come back as they were, whether read at once or beside a fold, and the chain holds', () => {
  fc.assert(
    fc.property(batches, (written) => {
      const { db, close } = openDatabase(':memory:');
      const log = new EventLog(db);
      const facts = new Map<string, FactsOf[ObjectKind]>();
      const previous: PreviousFacts = (at, kind, name) => facts.get(`${at} ${kind} ${name}`);
      const fold = (events: readonly ClusterEvent[]) => {
        for (const one of events) {
          if (!('object' in one)) continue;
          if ('facts' in one) facts.set(`${one.cluster} ${one.object} ${one.key}`, one.facts);
          else facts.delete(`${one.cluster} ${one.object} ${one.key}`);
        }
      };
      for (const events of written) {
        assert.ok(log.append(events, [], 1, previous).ok);
        fold(events);
      }
      assert.ok(log.verify().ok);
      const alone = [...log.read(1)].map(({ events }) => canonicalJson(events));
      assert.deepEqual(alone, written.map(wellFormed));
      facts.clear();
      const beside: string[] = [];
      for (const { events } of log.read(1, previous)) {
        beside.push(canonicalJson(events));
        fold(events);
      }
      assert.deepEqual(beside, alone);
      close();
    }),
    { numRuns: 60 },
  );
});

/** What the database keeps as text is well-formed; what is inside a body stays as it is. */
function wellFormed(events: readonly ClusterEvent[]): string {
  return canonicalJson(
    events.map((one) => {
      if (!('cause' in one)) return one;
      const { manager, resourceVersion } = one.cause;
      return {
        ...one,
        cause: {
          ...(manager !== undefined && { manager: manager.toWellFormed() }),
          ...(resourceVersion !== undefined && { resourceVersion: resourceVersion.toWellFormed() }),
        },
      };
    }),
  );
}
