/** Members of catalogs and zones of the configuration, as they come, go and take each other's place. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { packRecords } from '../../src/dns/canonical.ts';
import { packedText } from '../../src/dns/packed-text.ts';
import type { Serial } from '../../src/dns/serial.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import type { TransferEvent } from '../../src/ingest/event.ts';
import { Touched } from '../../src/projection/touched.ts';
import { foldTransfer } from '../../src/projection/transferred.ts';
import { name } from '../kit/records.ts';
import { SecondaryKit, sourceOf } from '../kit/secondary.ts';

const CATALOG = 'cat.example.';
const MEMBER = 'one.example.';
const soaOf = (serial: number) => `${CATALOG} 0 IN SOA ns. h. ${serial} 3600 600 86400 60`;
const VERSION = `version.${CATALOG} 0 IN TXT "2"`;
/** Nobody answers there: what is asked for stays as it is. */
const NOBODY = [{ address: '127.0.0.1', port: 9 }];

const kits: SecondaryKit[] = [];
after(() => Promise.all(kits.map((kit) => kit.secondaries.stop())));

/** The catalog lists these from now on, by their labels. */
function list(kit: SecondaryKit, members: readonly (readonly [label: string, apex: string])[], serial = 1): void {
  const lines = members.map(([label, apex]) => `${label}.zones.${CATALOG} 0 IN PTR ${apex}`);
  const before = [...(kit.transferred.zones.get(CATALOG)?.records.records() ?? [])];
  const records = parseZoneText(`${[soaOf(serial), VERSION, ...lines].join('\n')}\n`);
  const content: TransferEvent = {
    kind: 'ZoneTransferred',
    zone: CATALOG,
    primary: '',
    serial: serial as Serial,
    removed: packedText(packRecords(before)),
    added: packedText(packRecords(records)),
  };
  kit.transferred = foldTransfer(kit.transferred, content, new Touched());
}

function kitWith(members: readonly (readonly [label: string, apex: string])[]): SecondaryKit {
  const kit = new SecondaryKit();
  kits.push(kit);
  list(kit, members);
  return kit;
}

const catalog = sourceOf(CATALOG, NOBODY, {
  catalog: { members: [], within: [name('.')], most: 10, groups: [] },
});
const followed = (kit: SecondaryKit) => kit.secondaries.status().map(({ zone, memberOf }) => [zone, memberOf]);

test('a member that a new configuration has as a zone of its own is followed as such', async () => {
  const kit = kitWith([['a', MEMBER]]);
  await kit.secondaries.configure([catalog]);
  await nextTurn();
  assert.deepEqual(followed(kit), [
    [CATALOG, undefined],
    [MEMBER, CATALOG],
  ]);
  // What the fold of the new plan does.
  kit.own.add(name(MEMBER));
  kit.transferred = { ...kit.transferred, members: kit.transferred.members.delete(MEMBER) };
  await kit.secondaries.configure([catalog, sourceOf(MEMBER, NOBODY)]);
  await nextTurn();
  assert.deepEqual(followed(kit), [
    [CATALOG, undefined],
    [MEMBER, undefined],
  ]);
});

test('a member that goes while another one is begun anew is not followed', async () => {
  const kit = kitWith([['a', MEMBER]]);
  await kit.secondaries.configure([catalog]);
  await nextTurn();
  // Another label: the zone is another, and the one before is stopped first.
  list(
    kit,
    [
      ['b', MEMBER],
      ['c', 'two.example.'],
    ],
    2,
  );
  await kit.secondaries.configure([catalog]);
  list(kit, [['b', MEMBER]], 3);
  await kit.secondaries.configure([catalog]);
  for (let turns = 0; turns < 10; turns++) await nextTurn();
  assert.deepEqual(followed(kit), [
    [CATALOG, undefined],
    [MEMBER, CATALOG],
  ]);
});
