/** ZONEMD (RFC 8976): the digest is that of the zone as it is handed out, whatever happened to it before. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { RRType, recordsOf } from '../../src/dns/rrset.ts';
import type { Serial } from '../../src/dns/serial.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { ZonemdPlan } from '../../src/ingest/plan.ts';
import { createProjector, type PublishedVersion } from '../../src/projection/projector.ts';
import { createReplica } from '../../src/projection/replica.ts';
import { findName, soaRecord, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { applyChangeset, condense, recordKey } from '../../src/transfer/changesets.ts';
import {
  EAST,
  namespace,
  planApplied,
  remove,
  service,
  stanza,
  synced,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { given, START } from '../kit/given.ts';
import { allSynced, batches, withDigests, zonemdOption, zonemdPlan } from '../kit/random-events.ts';
import { gatewayHistory } from '../kit/random-gateway.ts';
import { wholeZone } from '../kit/records.ts';
import { simpleDigest } from '../kit/simple-digest.ts';

/** A plan, some batches, another plan with other options, and some more. */
const history = fc
  .tuple(zonemdPlan, batches, fc.option(zonemdPlan, { nil: undefined }), batches)
  .map(([first, before, second, after]): ClusterEvent[][] => [
    [first, ...allSynced],
    ...before,
    ...(second ? [[second]] : []),
    ...after,
  ]);

/** The same of zones of hosts. */
const hosts = fc
  .tuple(gatewayHistory, fc.array(zonemdOption, { minLength: 2, maxLength: 2 }))
  .map(([all, options]): ClusterEvent[][] => all.map((batch) => batch.map((event) => withDigests(event, options))));

const transferred = (zone: Zone): ResourceRecord[] => wholeZone(soaRecord(zone), zoneRRsets(zone));
const keysOf = (zone: Zone) => new Map(transferred(zone).map((record) => [recordKey(record), record]));

/** The ZONEMD record that the zone is to have, as hexadecimal; none when it is not asked for, or has too many records. */
function wanted(zone: Zone): string[] {
  const { zonemd } = zone.definition;
  if (zonemd === undefined) return [];
  const records = transferred(zone);
  const own = new Set(records.filter(({ type }) => type !== RRType.ZONEMD).map(recordKey));
  if (own.size > zonemd.most) return [];
  const serial = (zone.serial as Serial).toString(16).padStart(8, '0');
  return [`${serial}01${zonemd.hash === 'sha384' ? '01' : '02'}${simpleDigest(zone.apex, records, zonemd.hash)}`];
}

/** That it has it in transfers and in answers, at the apex, with the TTL of the SOA record. */
function checkZonemd(zone: Zone): void {
  const found = findName(zone, zone.apex);
  const answered = found.status === 'exists' ? found.rrset(RRType.ZONEMD) : undefined;
  const listed = transferred(zone).filter(({ type }) => type === RRType.ZONEMD);
  assert.deepEqual(answered === undefined ? [] : recordsOf(answered), listed);
  for (const { owner, ttl } of listed) assert.deepEqual([owner, ttl], [zone.apex, soaRecord(zone).ttl]);
  assert.deepEqual(
    listed.map(({ rdata }) => (rdata.type === 'UNKNOWN' ? Buffer.from(rdata.data).toString('hex') : rdata.type)),
    wanted(zone),
  );
}

const CL = 'cluster.local.';
const planOf = (zonemd: ZonemdPlan | undefined) =>
  planApplied(zoneDefinition(CL, [stanza(EAST)], zonemd && { zonemd }));

describe('ZONEMD', () => {
  it('is the digest of each version, and changesets lead from one to the next', () => {
    fc.assert(
      fc.property(fc.oneof(history, hosts), ([first = [], ...rest]) => {
        const folded = given(first);
        let before = new Map(folded.projector.zones().map((zone) => [zone.id, keysOf(zone)]));
        for (const batch of rest) {
          const versions = folded.when(batch);
          const after = new Map(folded.projector.zones().map((zone) => [zone.id, keysOf(zone)]));
          for (const zone of folded.projector.zones()) checkZonemd(zone);
          for (const { zone, changeset } of versions) {
            assert.ok(changeset);
            const changed = applyChangeset(before.get(zone) ?? new Map(), changeset);
            assert.deepEqual([...changed.keys()].sort(), [...(after.get(zone) ?? new Map()).keys()].sort());
          }
          before = after;
        }
        for (const zone of folded.projector.zones()) {
          const changesets = folded.changesets(zone.id);
          if (changesets.length === 0) continue;
          const { added } = condense(changesets);
          const records = added.filter(({ type }) => type === RRType.ZONEMD).map(recordKey);
          const now = transferred(zone)
            .filter(({ type }) => type === RRType.ZONEMD)
            .map(recordKey);
          assert.deepEqual(records, now, 'many changes as one bring the last digest, and no other');
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is the same in serving threads, in whatever way they got there', () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), (all, first, second) => {
        const folded = given(...all.slice(0, 1 + (first % all.length)));
        const { projector } = folded;
        const released = () => ({
          serials: projector.zones().flatMap(({ id, serial }) => (serial === undefined ? [] : [[id, serial] as const])),
          zonemds: projector.zones().flatMap(({ id, zonemd }) => (zonemd === undefined ? [] : [[id, zonemd] as const])),
        });
        const { serials, zonemds } = released();
        const replica = createReplica({
          world: projector.world,
          batch: projector.batch,
          serials: new Map(serials),
          zonemds,
        });
        const same = () => {
          for (const zone of projector.zones())
            assert.deepEqual([...keysOf(replica.zone(zone.id) as Zone).keys()], [...keysOf(zone).keys()]);
        };
        same();
        // A thread that is behind reads so many batches by itself, and is told only where they led.
        const rest = all.slice(projector.batch);
        const skipped = rest.length === 0 ? 0 : second % rest.length;
        for (const [i, events] of rest.entries()) {
          const made = folded.when(events);
          const versions = {
            serials: made.map(({ zone, serial }) => [zone, serial] as const),
            zonemds: made.flatMap(({ zone, zonemd }) => (zonemd === undefined ? [] : [[zone, zonemd] as const])),
          };
          const told = i < skipped ? { serials: [] } : i === skipped ? released() : versions;
          const stale = replica.apply({ batch: projector.batch, events, isLast: true, ...told });
          if (i < skipped) continue;
          same();
          for (const [zone] of versions.zonemds) {
            const slots = stale.find((one) => one.zone === zone)?.slots;
            const { apex } = replica.zone(zone) as Zone;
            assert.ok(slots === 'all' || slots?.has(apex), 'answers of the apex were dropped');
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is the same after a restart, from any place, and nothing is hashed while the log is replayed', () => {
    fc.assert(
      fc.property(history, fc.nat(), (all, cut) => {
        const whole = given(...all);
        const at = 1 + (cut % all.length);
        const start = given(...all.slice(0, Math.max(1, at >> 1))).projector;
        const serials = new Map(
          start.zones().flatMap(({ id, serial }) => (serial === undefined ? [] : [[id, serial]])),
        );
        const tail = createProjector(
          { world: start.world, batch: start.batch, serials },
          { commit: () => {}, lastSerial: () => undefined },
          at,
        );
        const apply = (batch: number) =>
          tail.apply({ batch, time: START + (batch - 1) * 1000, events: all[batch - 1] ?? [] });
        for (let batch = start.batch + 1; batch <= at; batch++) {
          assert.ok(apply(batch).every(({ zonemd }) => zonemd === undefined));
        }
        tail.seal();
        for (const zone of tail.zones()) checkZonemd(zone);
        for (let batch = at + 1; batch <= all.length; batch++)
          assert.deepEqual(apply(batch), whole.published[batch - 1]);
        for (const zone of tail.zones()) assert.deepEqual(zone.zonemd, whole.zone(zone.id).zonemd);
      }),
      { numRuns: 30 },
    );
  });

  it('goes when a zone has one record more than it may, comes back, and both are differences', () => {
    const address = (n: number) => service(EAST, `a/s${n}`, [`10.0.0.${n}`], { ports: [] });
    const first = [...synced(EAST), namespace(EAST, 'a'), address(1), address(2)];
    const records = transferred(given([planOf(undefined), ...first]).zone(CL)).length - 1;
    const most = records + 1;
    const folded = given([planOf({ hash: 'sha384', most }), ...first]);
    const types = ({ changeset }: PublishedVersion) =>
      [changeset?.removed, changeset?.added].map((list) => list?.filter(({ type }) => type === RRType.ZONEMD).length);
    const steps = [
      [address(3), [1, 1]],
      [address(4), [1, 0]],
      [address(5), [0, 0]],
      [remove(EAST, 'Service', 'a/s5'), [0, 0]],
      [remove(EAST, 'Service', 'a/s1'), [0, 1]],
      [address(6), [1, 0]],
    ] as const;
    for (const [i, [event, wanted]] of steps.entries()) {
      const [version] = folded.when([event]);
      assert.ok(version);
      assert.deepEqual(types(version), wanted, `step ${i}`);
      checkZonemd(folded.zone(CL));
      // Who begins to count here decides the same.
      const { world, batch } = folded.projector;
      const serials = new Map([[CL, version.serial]]);
      const again = createProjector(
        { world, batch, serials },
        { commit: () => {}, lastSerial: () => undefined },
        batch,
      );
      again.seal();
      assert.deepEqual(again.zones()[0]?.zonemd, folded.zone(CL).zonemd, `step ${i}`);
    }
  });

  it('is one new version when the option comes, changes or goes, and none when it stays', () => {
    const folded = given([
      planOf(undefined),
      ...synced(EAST),
      namespace(EAST, 'a'),
      service(EAST, 'a/s', ['10.0.0.1']),
    ]);
    const plans: [ZonemdPlan | undefined, number][] = [
      [{ hash: 'sha384', most: 100 }, 1],
      [{ hash: 'sha384', most: 100 }, 0],
      [{ hash: 'sha384', most: 200 }, 0],
      [{ hash: 'sha512', most: 200 }, 1],
      [{ hash: 'sha512', most: 2 }, 1],
      [{ hash: 'sha384', most: 3 }, 0],
      [undefined, 0],
      [{ hash: 'sha512', most: 200 }, 1],
      [undefined, 1],
    ];
    for (const [i, [option, versions]] of plans.entries()) {
      assert.equal(folded.when([planOf(option)]).length, versions, `plan ${i}`);
      checkZonemd(folded.zone(CL));
    }
  });
});
