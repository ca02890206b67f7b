import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openDatabase } from '../../src/database.ts';
import type { DomainName } from '../../src/dns/name.ts';
import type { RRset } from '../../src/dns/rrset.ts';
import type { Serial } from '../../src/dns/serial.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { ZoneId } from '../../src/ingest/plan.ts';
import { answerSlot } from '../../src/projection/changes.ts';
import type { Changeset } from '../../src/projection/diff.ts';
import { createProjector } from '../../src/projection/projector.ts';
import { createReplica } from '../../src/projection/replica.ts';
import { readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { findName, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { name } from '../kit/cluster-events.ts';
import { given, recordLine, START, zoneLines } from '../kit/given.ts';
import { allSynced, batches, plan } from '../kit/random-events.ts';

const RUNS = { numRuns: 300 };

/** Reads random histories: a plan, then batches on synced clusters. */
const history = fc.tuple(plan, batches).map(([first, rest]): ClusterEvent[][] => [[first, ...allSynced], ...rest]);

function sortedLines(zone: Zone): string[] {
  return zoneLines(zone).sort();
}

function applyChangeset(lines: Set<string>, { removed, added }: Changeset): void {
  for (const record of removed)
    assert.ok(lines.delete(recordLine(record)), `removed what was not there: ${recordLine(record)}`);
  for (const record of added) {
    assert.ok(!lines.has(recordLine(record)), `added what was there: ${recordLine(record)}`);
    lines.add(recordLine(record));
  }
}

describe('the projection', () => {
  it('is the same whether folded batch by batch or all at once', () => {
    fc.assert(
      fc.property(history, (all) => {
        const steps = given(...all);
        const once = given(all.flat());
        for (const zone of once.projector.zones()) assert.deepEqual(zoneLines(steps.zone(zone.id)), zoneLines(zone));
      }),
      RUNS,
    );
  });

  it('publishes changesets that lead from each version to the next, and none without a change', () => {
    fc.assert(
      fc.property(history, ([first = [], ...rest]) => {
        const folded = given(first);
        const lines = new Map(folded.projector.zones().map((zone) => [zone.id, new Set(zoneLines(zone))]));
        for (const batch of rest) {
          const versions = folded.when(batch);
          for (const { zone, changeset } of versions) {
            assert.ok(changeset);
            assert.ok(changeset.removed.length + changeset.added.length > 0);
            applyChangeset(lines.get(zone) as Set<string>, changeset);
          }
          for (const zone of folded.projector.zones()) {
            assert.deepEqual([...(lines.get(zone.id) as Set<string>)].sort(), sortedLines(zone));
          }
        }
      }),
      RUNS,
    );
  });

  it('answers every listed record by name, and lists every record that a name answers', () => {
    fc.assert(
      fc.property(history, (all) => {
        for (const zone of given(...all).projector.zones()) {
          const owners = new Map<DomainName, RRset[]>();
          for (const set of zoneRRsets(zone)) owners.set(set.owner, [...(owners.get(set.owner) ?? []), set]);
          for (const [owner, sets] of owners) {
            const found = findName(zone, owner);
            assert.equal(found.status, 'exists', owner);
            if (found.status !== 'exists') continue;
            const answered = found.rrsets().filter((set) => set.type !== 6);
            const key = (list: readonly RRset[]) => list.map((set) => JSON.stringify(set)).sort();
            assert.deepEqual(key(answered), key(sets), owner);
            for (let up = owner; up !== zone.apex; ) {
              up = name(up.slice(up.indexOf('.') + 1));
              assert.notEqual(findName(zone, up).status, 'absent', `${up} is above ${owner}`);
            }
          }
        }
      }),
      RUNS,
    );
  });

  it('tells a serving thread which answers went stale: all others are as before', () => {
    fc.assert(
      fc.property(history, ([first = [], ...rest]) => {
        const replica = createReplica({ world: EMPTY_WORLD, batch: 0, serials: new Map() });
        replica.apply({ batch: 1, events: first, isLast: true, serials: [] });
        for (const [i, events] of rest.entries()) {
          const before = new Map(replica.zones().map((zone) => [zone.id, zone]));
          const stale = new Map(
            replica.apply({ batch: i + 2, events, isLast: true, serials: [] }).map(({ zone, slots }) => [zone, slots]),
          );
          for (const after of replica.zones()) {
            const slots = stale.get(after.id) ?? new Set();
            if (slots === 'all') continue;
            const old = before.get(after.id) as Zone;
            for (const set of [...zoneRRsets(old), ...zoneRRsets(after)]) {
              if (slots.has(answerSlot(after, set.owner))) continue;
              assert.deepEqual(textAt(old, set.owner), textAt(after, set.owner), set.owner);
            }
          }
        }
      }),
      RUNS,
    );
  });

  it('comes out of a snapshot as it went in, and goes on from there', () => {
    fc.assert(
      fc.property(history, batches, (all, more) => {
        const folded = given(...all);
        const { projector } = folded;
        const database = openDatabase(':memory:');
        const serials = projector.zones().map((zone) => [zone.id, zone.serial as Serial] as const);
        for (const _ of writeSnapshot(database.db, projector.world, projector.batch, serials));
        const read = readSnapshot(database.db, projector.batch);
        database.close();
        assert.equal(read.batch, projector.batch);
        const replica = createReplica(read);
        for (const zone of projector.zones()) assert.equal(replica.zone(zone.id)?.serial, zone.serial);
        for (const events of [[], ...more]) {
          folded.when(events);
          replica.apply({ batch: projector.batch, events, isLast: true, serials: [] });
          for (const zone of projector.zones()) {
            assert.deepEqual(zoneLines(replica.zone(zone.id) as Zone), zoneLines(zone));
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('gives the same serials and changesets from any place that it goes on from', () => {
    fc.assert(
      fc.property(history, fc.nat(), (all, cut) => {
        const whole = given(...all);
        const at = 1 + (cut % all.length);
        const head = given(...all.slice(0, at));
        const serials = new Map<ZoneId, Serial>();
        for (const zone of head.projector.zones()) if (zone.serial !== undefined) serials.set(zone.id, zone.serial);
        const tail = createProjector(
          { world: head.projector.world, batch: at, serials },
          { commit: () => {}, lastSerial: () => undefined },
          at,
        );
        for (const [i, events] of all.slice(at).entries()) {
          const batch = at + i + 1;
          const versions = tail.apply({ batch, time: START + (batch - 1) * 1000, events });
          assert.deepEqual(versions, whole.published[batch - 1]);
        }
      }),
      { numRuns: 100 },
    );
  });
});

function textAt(zone: Zone, owner: DomainName): string {
  const found = findName(zone, owner);
  return found.status === 'exists' ? JSON.stringify(found.rrsets().filter((set) => set.type !== 6)) : found.status;
}
