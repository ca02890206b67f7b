/** Lists of a log that lost its beginning tell what is left of it: all of that, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChangeQuery, changes } from '../../src/history/changes.ts';
import { type EventQuery, events } from '../../src/history/events.ts';
import { HistorySource } from '../../src/history/source.ts';
import { type TimelineQuery, timeline } from '../../src/history/timeline.ts';
import { EAST, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';
import { START, StoredHistory } from '../kit/stored-history.ts';

const ZONE = 'cluster.local.';
const NOW = START + 60_000;

/** A log of six batches; the service has another address in each of the last four. */
function logged() {
  const stored = new StoredHistory();
  stored.append([planApplied(zoneDefinition(ZONE, [stanza(EAST)]))]);
  stored.append([namespace(EAST, 'a'), ...synced(EAST)]);
  for (const n of [3, 4, 5, 6]) stored.append([service(EAST, 'a/web', [`10.0.0.${n}`])]);
  return stored;
}

/** All that is told of batches, at each step of a compaction up to the fourth and when it is over. */
function* cutLogs() {
  for (let steps = 0; ; steps++) {
    const stored = logged();
    const taken = stored.compact(4, steps);
    const { begins } = stored.db
      .prepare<[], { begins: number }>('SELECT coalesce(max(last_batch), 0) AS begins FROM removal')
      .get() ?? { begins: 0 };
    const source = new HistorySource(stored.db, () => NOW);
    const history = {
      events: (query: EventQuery) => source.ask(() => events(source, query)),
      changes: (query: ChangeQuery) => source.ask(() => changes(source, query)),
      timeline: (query: TimelineQuery) => source.ask(() => timeline(source, query)),
    };
    yield { history, begins, at: `after ${steps} steps` };
    if (taken < steps) return;
  }
}

function value<T>(answered: { ok: true; value: T } | { ok: false; error: unknown }): T {
  assert.ok(answered.ok, JSON.stringify(answered));
  return answered.value;
}

test('the events of a log that was cut are those after the cut, in both directions, while it goes and when it is over', () => {
  let cuts = 0;
  for (const { history, begins, at } of cutLogs()) {
    const batches = (isOldestFirst: boolean, from?: string) => [
      ...new Set(value(history.events({ isOldestFirst, from })).items.map(({ batch }) => batch)),
    ];
    const left = [1, 2, 3, 4, 5, 6].filter((batch) => batch > begins);
    assert.deepEqual(batches(true), left, at);
    assert.deepEqual(batches(false), left.toReversed(), at);
    assert.deepEqual(batches(true, '2020-01-01T00:00:00Z'), left, at);
    if (begins > 0) cuts += 1;
  }
  assert.ok(cuts > 1);
});

test('changes begin after the cut; who comes back with a cursor from before it is told what it missed', () => {
  let cuts = 0;
  for (const { history, begins, at } of cutLogs()) {
    const told = value(history.changes({ after: 'start' })).items.map(({ version }) => version.batch);
    assert.deepEqual(
      told,
      [2, 3, 4, 5, 6].filter((batch) => batch > begins),
      at,
    );
    if (begins === 0) continue;
    cuts += 1;
    const missed = history.changes({ after: `3-${ZONE}` });
    assert.equal(missed.ok ? 'ok' : missed.error.kind, 'beforeLog', at);
    const next = value(history.changes({ after: `4-${ZONE}` })).items.map(({ version }) => version.batch);
    assert.deepEqual(next, [5, 6], at);
  }
  assert.ok(cuts > 1);
});

test('versions of a zone are those after the cut, and the one in force at it', () => {
  for (const { history, begins, at } of cutLogs()) {
    const versions = value(history.timeline({ zone: ZONE })).items.map(({ batch }) => batch);
    const left = [6, 5, 4, 3, 2].filter((batch) => batch > begins || batch === begins);
    assert.deepEqual(versions, left, at);
  }
});
