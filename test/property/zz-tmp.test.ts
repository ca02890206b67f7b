/** What holds of zones of clusters holds of those of hosts: one truth for answers, transfers and changesets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openDatabase } from '../../src/database.ts';
import type { DomainName } from '../../src/dns/name.ts';
import type { RRset } from '../../src/dns/rrset.ts';
import type { Serial } from '../../src/dns/serial.ts';
import { answerSlot } from '../../src/projection/changes.ts';
import { wildcardOf } from '../../src/projection/hosted.ts';
import { createReplica } from '../../src/projection/replica.ts';
import { readSnapshot, writeSnapshot } from '../../src/projection/snapshot.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { findName, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { findCut } from '../../src/serve/delegation.ts';
import { name } from '../kit/cluster-events.ts';
import { given, recordLine, zoneLines } from '../kit/given.ts';
import { gatewayHistory } from '../kit/random-gateway.ts';

const RUNS = { numRuns: 3000 };

describe('zones of hosts', () => {
  it('are the same whether folded batch by batch or all at once', () => {
    fc.assert(
      fc.property(gatewayHistory, (all) => {
        const steps = given(...all);
        for (const zone of given(all.flat()).projector.zones())
          assert.deepEqual(zoneLines(steps.zone(zone.id)), zoneLines(zone));
      }),
      RUNS,
    );
  });

  it('have changesets that lead from each version to the next', () => {
    fc.assert(
      fc.property(gatewayHistory, ([first = [], ...rest]) => {
        const folded = given(first);
        const kept = new Map(folded.projector.zones().map((zone) => [zone.id, zoneLines(zone)]));
        for (const batch of rest) {
          for (const { zone, changeset } of folded.when(batch)) {
            assert.ok(changeset);
            const lines = kept.get(zone) as string[];
            for (const record of changeset.removed) {
              const at = lines.indexOf(recordLine(record));
              assert.ok(at >= 0, `removed what was not there: ${recordLine(record)}`);
              lines.splice(at, 1);
            }
            lines.push(...changeset.added.map(recordLine));
          }
          for (const zone of folded.projector.zones()) {
            const lines = zoneLines(zone).sort();
            assert.deepEqual(kept.get(zone.id)?.sort(), lines);
            assert.equal(new Set(lines).size, lines.length, 'no record is there twice');
          }
        }
      }),
      RUNS,
    );
  });

  it('answer every listed record by name, and list every record that a name answers', () => {
    fc.assert(
      fc.property(gatewayHistory, (all) => {
        for (const zone of given(...all).projector.zones()) {
          const owners = new Map<DomainName, RRset[]>();
          for (const set of zoneRRsets(zone)) owners.set(set.owner, [...(owners.get(set.owner) ?? []), set]);
          for (const [owner, sets] of owners) {
            assert.deepEqual(textAt(zone, owner), sets.map((set) => JSON.stringify(set)).sort(), owner);
            for (let up = owner; up !== zone.apex; ) {
              up = name(up.slice(up.indexOf('.') + 1));
              const wildcard = wildcardOf(up, zone.apex) ?? up;
              assert.ok(!isDenied(zone, up) || !isDenied(zone, wildcard), `${up} is above ${owner}`);
            }
          }
        }
      }),
      RUNS,
    );
  });

  it('tell a serving thread which answers went stale: all others are as before', () => {
    fc.assert(
      fc.property(gatewayHistory, ([first = [], ...rest]) => {
        const replica = createReplica({ world: EMPTY_WORLD, batch: 0, serials: new Map() });
        replica.apply({ batch: 1, events: first, isLast: true, serials: [] });
        for (const [i, events] of rest.entries()) {
          const before = new Map(replica.zones().map((zone) => [zone.id, zone]));
          const applied = replica.apply({ batch: i + 2, events, isLast: true, serials: [] });
          const stale = new Map(applied.map(({ zone, slots }) => [zone, slots]));
          for (const after of replica.zones()) {
            const slots = stale.get(after.id) ?? new Set();
            if (slots === 'all') continue;
            const old = before.get(after.id) as Zone;
            const owners = new Set(
              [...zoneRRsets(old), ...zoneRRsets(after)].flatMap(({ owner }) => upTo(owner, after)),
            );
            for (const owner of owners) {
              if (slots.has(answerSlot(after, owner))) continue;
              assert.deepEqual(textAt(old, owner), textAt(after, owner), owner);
              assert.deepEqual(findCut(old, owner, 1), findCut(after, owner, 1), owner);
              assert.equal(findName(old, owner).status, findName(after, owner).status, owner);
            }
          }
        }
      }),
      RUNS,
    );
  });

  it('come out of a snapshot as they went in', () => {
    fc.assert(
      fc.property(gatewayHistory, (all) => {
        const { projector } = given(...all);
        const database = openDatabase(':memory:');
        const serials = projector.zones().map((zone) => [zone.id, zone.serial as Serial] as const);
        for (const _ of writeSnapshot(database.db, projector.world, projector.batch, serials));
        const replica = createReplica(readSnapshot(database.db, projector.batch));
        database.close();
        for (const zone of projector.zones())
          assert.deepEqual(zoneLines(replica.zone(zone.id) as Zone), zoneLines(zone));
      }),
      { numRuns: 40 },
    );
  });
});

/** The records of a name but SOA, as text; the status where it has none. */
function textAt(zone: Zone, owner: DomainName): string[] {
  const found = findName(zone, owner);
  if (found.status !== 'exists') return [found.status];
  const sets = found.rrsets().filter((set) => set.type !== 6);
  return sets.map((set) => JSON.stringify(set)).sort();
}

function isDenied(zone: Zone, owner: DomainName): boolean {
  const found = findName(zone, owner);
  return found.status === 'absent' && !found.isUnsure;
}

function upTo(owner: DomainName, zone: Zone): DomainName[] {
  const names = [owner];
  for (let up = owner; up !== zone.apex; names.push(up)) up = name(up.slice(up.indexOf('.') + 1));
  return names;
}
