/** Which versions serving threads may show, as zones come and go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LastVersions } from '../../src/compose/released.ts';
import { toSerial } from '../../src/dns/serial.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { name, planApplied, zoneDefinition } from '../kit/cluster-events.ts';

const digest = new Uint8Array([1]);
const version = (zone: string, serial: number) => [zone, toSerial(serial)] as const;
const batch = (...events: ClusterEvent[]) => ({ batch: 1, time: 0, events });
const nothing = () => [];

test('a new version takes the place of the one before, with its digest or without', () => {
  const last = new LastVersions({ serials: [version('a.', 1), version('b.', 1)], zonemds: [['a.', digest]] });
  last.add({ serials: [version('a.', 2)] });
  last.add({ serials: [version('b.', 2)], zonemds: [['b.', digest]] });
  assert.deepEqual(last.all(), { serials: [version('a.', 2), version('b.', 2)], zonemds: [['b.', digest]] });
});

test('zones that are gone leave nothing behind', () => {
  const last = new LastVersions({ serials: [version('a.', 1), version('old.', 1)], zonemds: [['old.', digest]] });
  last.forgetGone(batch(planApplied(zoneDefinition('a.', []))), nothing);
  for (let i = 0; i < 100; i++) {
    const apex = `member-${i}.`;
    last.add({ serials: [version(apex, i)] });
    last.forgetGone(batch({ kind: 'MemberZoneRemoved', catalog: 'cat.', apex: name(apex) }), nothing);
  }
  assert.deepEqual(last.all(), { serials: [version('a.', 1)], zonemds: [] });
});
