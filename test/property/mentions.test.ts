/** Whatever term an object ever had leads to it: as it is logged, and after an upgrade of a log that had no terms. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Database, openDatabase } from '../../src/database.ts';
import type { ClusterEvent, FactsOf, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog, type PreviousFacts } from '../../src/ingest/log.ts';
import { termsOf } from '../../src/ingest/terms.ts';
import { EAST, upsert } from '../kit/cluster-events.ts';
import { clusterEvent } from '../kit/random-events.ts';

const gatewayEvent: fc.Arbitrary<ClusterEvent> = fc.constantFrom(
  upsert(EAST, 'Ingress', 'a/shop', { hosts: ['shop.example.org', '*.shop.example.org'], targets: ['192.0.2.7'] }),
  upsert(EAST, 'Gateway', 'a/edge', {
    targets: ['lb.example.net'],
    listeners: [{ name: 'l', host: 'edge.example.org' }],
  }),
  upsert(EAST, 'HTTPRoute', 'b/route', { hosts: [], parents: [{ gateway: 'a/edge' }], target: ['192.0.2.8'] }),
  upsert(EAST, 'DNSEndpoint', 'b/records', { entries: [{ host: 'x.example.org', type: 'A', targets: ['192.0.2.9'] }] }),
  upsert(EAST, 'Node', 'node-1', { hosts: ['node-1.example.org'], internal: ['10.0.0.7'], external: ['192.0.2.10'] }),
  upsert(EAST, 'ResolvedHost', 'lb.example.net', { addresses: ['192.0.2.11'] }),
  upsert(EAST, 'Service', 'a/lb', {
    type: 'LoadBalancer',
    clusterIPs: ['10.0.0.8'],
    ports: [],
    external: ['192.0.2.12', 'lb2.example.net'],
    annotations: { 'coredns.io/hostname': 'One.example.org, "two\\.example.org, three.example.org.' },
  }),
  upsert(EAST, 'EndpointSlice', 'a/imported', {
    ports: [],
    endpoints: [{ addresses: ['10.0.0.9'] }],
    imported: { service: 'far', cluster: 'west' },
  }),
);

const written = fc.array(fc.array(fc.oneof(clusterEvent, gatewayEvent), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
});

function assertMentioned(db: Database, batches: readonly (readonly ClusterEvent[])[]): void {
  const isMentioned = db.prepare<[string, string, string, string], 1>(
    `SELECT 1 FROM mention JOIN object ON object.id = mention.object
     WHERE term = ? AND key = ? AND kind = (SELECT id FROM word WHERE text = ?)
       AND cluster = (SELECT id FROM word WHERE text = ?)`,
  );
  for (const event of batches.flat()) {
    if (!('facts' in event)) continue;
    for (const term of termsOf(event.key, event.facts)) {
      assert.ok(isMentioned.get(term, event.key, event.object, event.cluster), `${term} leads to ${event.key}`);
    }
  }
}

/** The statements that fill the table when a log is older than it. */
const backfill = readFileSync(new URL('../../migrations/0004_history_index.sql', import.meta.url), 'utf8')
  .split(/(?<=;)\n/)
  .filter((statement) => statement.includes('INSERT'))
  .join('\n');

test('every term that an object ever had leads to it', () => {
  fc.assert(
    fc.property(written, (batches) => {
      const { db, close } = openDatabase(':memory:');
      const log = new EventLog(db);
      const facts = new Map<string, FactsOf[ObjectKind]>();
      const previous: PreviousFacts = (cluster, kind, key) => facts.get(`${cluster} ${kind} ${key}`);
      for (const events of batches) {
        assert.ok(log.append(events, [], 1, previous).ok);
        for (const event of events) {
          if (!('object' in event)) continue;
          const name = `${event.cluster} ${event.object} ${event.key}`;
          if ('facts' in event) facts.set(name, event.facts);
          else facts.delete(name);
        }
      }
      assertMentioned(db, batches);
      db.exec(`DELETE FROM mention; ${backfill}`);
      assertMentioned(db, batches);
      close();
    }),
    { numRuns: 60 },
  );
});
