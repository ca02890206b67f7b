/** Overviews count records once and then go by the journal: they say what one that counts anew says. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { type History, openHistory } from '../../src/history/questions.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import {
  EAST,
  namespace,
  planApplied,
  service,
  slice,
  stanza,
  synced,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { START } from '../kit/given.ts';
import { recordTo } from '../kit/recorded.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const ZONE = zoneDefinition('cluster.local.', [stanza(EAST)]);
const OTHER = zoneDefinition('west.local.', [stanza(WEST)]);

function overviewOf(history: History) {
  const answered = history.overview();
  assert.ok(answered.ok);
  return answered.value;
}

test('an overview after changes, after a zone was given up and after it came back', (t) => {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(file);
  t.after(() => recording.database.close());
  recording.record([planApplied(ZONE, OTHER)]);
  const open = () => {
    const opened = openHistory(file, { now: () => START + 3_600_000 });
    assert.ok(opened.ok);
    t.after(() => opened.value.close());
    return opened.value;
  };
  const kept = open();
  const endpoints = (count: number) => Array.from({ length: count }, (_, i) => ({ addresses: [`10.1.0.${i + 1}`] }));
  const steps: readonly (readonly ClusterEvent[])[] = [
    [namespace(EAST, 'shop'), ...synced(EAST)],
    [service(EAST, 'shop/cart', ['10.0.0.1'])],
    [service(EAST, 'shop/db', ['None']), slice(EAST, 'shop/db-1', 'db', endpoints(5))],
    [slice(EAST, 'shop/db-1', 'db', endpoints(2))],
    [namespace(WEST, 'shop'), ...synced(WEST), service(WEST, 'shop/cart', ['10.2.0.1'])],
    [planApplied(OTHER)],
    [service(WEST, 'shop/web', ['10.2.0.2', '10.2.0.3'])],
    [planApplied(ZONE, OTHER)],
    [namespace(EAST, 'shop'), ...synced(EAST), service(EAST, 'shop/late', ['10.0.0.9'])],
    [{ kind: 'ServiceDeleted', object: 'Service', cluster: EAST, key: 'shop/late', cause: {} }],
  ];
  const seen = new Set<number>();
  for (const events of steps) {
    recording.record(events);
    const now = overviewOf(kept);
    assert.deepEqual(now, overviewOf(open()));
    for (const { records } of now.zones) seen.add(records);
  }
  assert.ok(seen.size >= 5, [...seen].join());
});
