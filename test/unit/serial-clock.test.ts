/** Serials over the end of the circle, and when the clock is set: each version follows on the one before, as differences too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TransferOptions } from '../../src/corefile/config.ts';
import { RRType, recordsOf } from '../../src/dns/rrset.ts';
import { compareSerial, type Serial } from '../../src/dns/serial.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { Changeset } from '../../src/projection/diff.ts';
import { createProjector } from '../../src/projection/projector.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { soaRecord, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { applyChangeset, recordKey } from '../../src/transfer/changesets.ts';
import { outgoingZone, planTransfer } from '../../src/transfer/plan.ts';
import { changesetSource } from '../kit/changeset-source.ts';
import { EAST, name, namespace, planApplied, service, stanza, synced, zoneDefinition } from '../kit/cluster-events.ts';

const APEX = 'cluster.local.';
const HOUR = 3_600_000;
const TEN_YEARS = 10 * 365 * 24 * HOUR;
const NOW = Date.UTC(2026, 10, 21);

const everybody: TransferOptions = { zones: [name(APEX)], to: [{ kind: 'any', key: undefined }], source: undefined };

interface Version {
  readonly zone: Zone;
  readonly serial: Serial;
}

/** @param began Unix milliseconds of the first version */
function history(began = NOW) {
  const projector = createProjector(
    { world: EMPTY_WORLD, batch: 0, serials: new Map() },
    { commit: () => {}, lastSerial: () => undefined },
    0,
  );
  const changesets: Changeset[] = [];
  const versions: Version[] = [];
  const publish = (time: number, events: readonly ClusterEvent[]) => {
    for (const { changeset } of projector.apply({ batch: projector.batch + 1, time, events })) {
      if (changeset !== undefined) changesets.push(changeset);
    }
    const [zone] = projector.zones();
    assert.ok(zone?.serial !== undefined);
    versions.push({ zone, serial: zone.serial });
  };
  const others = Array.from({ length: 5 }, (_, i) => service(EAST, `apps/s${i}`, [`10.96.0.${i + 1}`]));
  const plan = planApplied(zoneDefinition(APEX, [stanza(EAST)]));
  publish(began, [plan, namespace(EAST, 'apps'), ...others, ...synced(EAST)]);
  let changes = 0;
  return {
    versions,
    changesets,
    change(time: number) {
      changes += 1;
      publish(time, [service(EAST, 'apps/web', [`10.97.0.${changes}`])]);
    },
  };
}

const contents = (zone: Zone) =>
  new Map([soaRecord(zone), ...[...zoneRRsets(zone)].flatMap(recordsOf)].map((made) => [recordKey(made), made]));

/** From each version a secondary comes to the newest one, by differences. */
function assertChained({ versions, changesets }: ReturnType<typeof history>): void {
  const newest = versions.at(-1) as Version;
  for (const [i, { zone, serial }] of versions.slice(0, -1).entries()) {
    const next = versions[i + 1] as Version;
    assert.equal(compareSerial(serial, next.serial), 'lower', `${serial} before ${next.serial}`);
    const request = {
      question: { name: zone.apex, type: RRType.IXFR },
      authority: [soaRecord(zone)],
      transport: 'tcp' as const,
      remote: { address: '192.0.2.1' },
    };
    const context = { stanza: everybody, zone: outgoingZone(newest.zone), journal: changesetSource(changesets) };
    const plan = planTransfer(request, { ...context, room: 1 << 20 });
    assert.ok(plan.kind === 'incremental', `${plan.kind} from ${serial} to ${newest.serial}`);
    let have = contents(zone);
    for (const { soaFrom, soaTo, removed, added } of plan.changesets) {
      const step = { apex: zone.apex, soaFrom, soaTo, removed: [...removed], added: [...added] };
      have = applyChangeset(have, step);
    }
    assert.deepEqual([...have.keys()].sort(), [...contents(newest.zone).keys()].sort());
  }
}

test('serials go over 2³² to what comes after it', () => {
  // In the year 2106 the clock does; two changes in its last second do before it.
  const end = (2 ** 32 - 2) * 1000;
  const past = history(end);
  for (const seconds of [0, 1, 1, 2, 3, 4]) past.change(end + seconds * 1000);
  assert.deepEqual(
    past.versions.map(({ serial }) => serial),
    [2 ** 32 - 2, 2 ** 32 - 1, 0, 1, 2, 3, 4],
  );
  assertChained(past);
});

test('the clock goes back an hour: serials go on by one', () => {
  const run = history();
  run.change(NOW + 1000);
  const { serial } = run.versions.at(-1) as Version;
  for (let i = 0; i < 3; i++) run.change(NOW + 2000 - HOUR + i * 1000);
  assert.deepEqual(
    run.versions.slice(-3).map((version) => version.serial - serial),
    [1, 2, 3],
  );
  assertChained(run);
});

test('the clock goes forward ten years and comes back: serials stay ahead, and go on by one', () => {
  const run = history();
  run.change(NOW + TEN_YEARS);
  const { serial } = run.versions.at(-1) as Version;
  assert.equal(serial, (NOW + TEN_YEARS) / 1000);
  for (let i = 0; i < 3; i++) run.change(NOW + 2000 + i * 1000);
  assert.deepEqual(
    run.versions.slice(-3).map((version) => version.serial - serial),
    [1, 2, 3],
  );
  assertChained(run);
});
