/** Catalogs of others (RFC 9432): what they list, and what becomes of their members. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DomainName } from '../../src/dns/name.ts';
import { RecordStore } from '../../src/dns/record-store.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import {
  type CurrentMember,
  type FollowedCatalog,
  planMembers,
  readCatalog,
} from '../../src/ingest/secondary/catalog.ts';
import { name } from '../kit/records.ts';

const CAT = 'cat.example.';
const VERSION = [`version.${CAT} 0 IN TXT "2"`];

function storeOf(lines: readonly string[], apex = CAT): RecordStore {
  const editor = RecordStore.empty(name(apex)).edit();
  for (const record of parseZoneText(`${lines.join('\n')}\n`)) editor.add(record);
  return editor.finish();
}

const member = (label: string, zone: string, apex = CAT) => `${label}.zones.${apex} 0 IN PTR ${zone}`;
const read = (...lines: readonly string[]) => readCatalog(storeOf(lines));

describe('a catalog', () => {
  test('lists zones with their labels, groups and new owners', () => {
    const listing = read(
      ...VERSION,
      `${CAT} 0 IN NS invalid.`,
      member('a1', 'one.example.org.'),
      `group.a1.zones.${CAT} 0 IN TXT "inner"`,
      `group.a1.zones.${CAT} 0 IN TXT "sec" "ond"`,
      member('a2', 'two.example.org.'),
      `coo.a2.zones.${CAT} 0 IN PTR other.example.`,
    );
    assert.ok(listing.ok);
    assert.deepEqual(
      [...listing.value],
      [
        ['one.example.org.', { label: 'a1', groups: ['second', 'inner'] }],
        ['two.example.org.', { label: 'a2', groups: [], newOwner: 'other.example.' }],
      ],
    );
  });

  test('may have properties that we do not know, and those of nobody', () => {
    const listing = read(
      ...VERSION,
      member('a1', 'one.example.org.'),
      `serial.a1.zones.${CAT} 0 IN TXT "7"`,
      `x.ext.a1.zones.${CAT} 0 IN TXT "custom"`,
      `ext.${CAT} 0 IN TXT "custom"`,
      `group.gone.zones.${CAT} 0 IN TXT "inner"`,
      `zones.${CAT} 0 IN TXT "nothing"`,
      `a1.zones.${CAT} 0 IN TXT "beside the PTR record"`,
    );
    assert.ok(listing.ok);
    assert.deepEqual([...listing.value], [['one.example.org.', { label: 'a1', groups: [] }]]);
  });

  for (const [what, lines, reason] of [
    ['without version', [member('a', 'one.org.')], /no version/],
    ['with two versions', [...VERSION, `version.${CAT} 0 IN TXT "1"`], /or several/],
    ['with another version', [`version.${CAT} 0 IN TXT "1"`], /version is "1"/],
    ['with two zones under one label', [...VERSION, member('a', 'one.org.'), member('a', 'two.org.')], /several zones/],
    [
      'with one zone under two labels',
      [...VERSION, member('a', 'one.org.'), member('b', 'one.org.')],
      /lists one.org. twice/,
    ],
    [
      'with two new owners of one member',
      [...VERSION, member('a', 'one.org.'), `coo.a.zones.${CAT} 0 IN PTR x.`, `coo.a.zones.${CAT} 0 IN PTR y.`],
      /several new owners/,
    ],
  ] as const) {
    test(`${what} is broken`, () => {
      const listing = readCatalog(storeOf(lines));
      assert.ok(!listing.ok);
      assert.match(listing.error, reason);
    });
  }
});

describe('members of catalogs', () => {
  const catalog = (
    lines: readonly string[] | undefined,
    parts: Partial<FollowedCatalog['admission']> = {},
    apex = CAT,
  ): FollowedCatalog => {
    const listing = lines && readCatalog(storeOf([`version.${apex} 0 IN TXT "2"`, ...lines], apex));
    return {
      id: apex,
      apex: name(apex),
      admission: { members: [], within: [name('.')], most: 100, groups: [], ...parts },
      listing: listing?.ok ? listing.value : undefined,
    };
  };
  const now = (...members: readonly [string, CurrentMember][]) =>
    new Map(members.map(([apex, current]): [DomainName, CurrentMember] => [name(apex), current]));
  const OTHER = 'other.example.';
  const one = member('a', 'one.org.');

  test('come', () => {
    const { events } = planMembers([catalog([one])], now(), () => false);
    assert.deepEqual(events, [{ kind: 'MemberZoneAdded', catalog: CAT, apex: 'one.org.', label: 'a' }]);
    assert.deepEqual(
      planMembers([catalog([one])], now(['one.org.', { catalog: CAT, label: 'a' }]), () => false).events,
      [],
    );
  });

  test('go', () => {
    const { events } = planMembers([catalog([])], now(['one.org.', { catalog: CAT, label: 'a' }]), () => false);
    assert.deepEqual(events, [{ kind: 'MemberZoneRemoved', catalog: CAT, apex: 'one.org.' }]);
  });

  test('stay while their catalog is broken or not known', () => {
    const { events } = planMembers([catalog(undefined)], now(['one.org.', { catalog: CAT, label: 'a' }]), () => false);
    assert.deepEqual(events, []);
  });

  test('begin anew with another label', () => {
    const { events } = planMembers([catalog([one])], now(['one.org.', { catalog: CAT, label: 'b' }]), () => false);
    assert.deepEqual(events, [{ kind: 'MemberZoneAdded', catalog: CAT, apex: 'one.org.', label: 'a' }]);
  });

  test('have the most important of their groups, and change it without beginning anew', () => {
    const grouped = [one, `group.a.zones.${CAT} 0 IN TXT "x"`, `group.a.zones.${CAT} 0 IN TXT "y"`];
    const before = now(['one.org.', { catalog: CAT, label: 'a' }]);
    const { events } = planMembers([catalog(grouped, { groups: ['y', 'x'] })], before, () => false);
    assert.deepEqual(events, [{ kind: 'MemberZoneMoved', catalog: CAT, apex: 'one.org.', label: 'a', group: 'y' }]);
  });

  test('belong to the catalog that had them first', () => {
    const catalogs = [catalog([one]), catalog([member('a', 'one.org.', OTHER)], {}, OTHER)];
    const { events, refused } = planMembers(catalogs, now(['one.org.', { catalog: OTHER, label: 'a' }]), () => false);
    assert.deepEqual(events, []);
    assert.deepEqual(refused, [{ catalog: CAT, apex: 'one.org.', reason: 'it is a member of other.example.' }]);
  });

  test('go over to another catalog when theirs says so, and keep their content with their label', () => {
    const leaving = [one, `coo.a.zones.${CAT} 0 IN PTR ${OTHER}`];
    const before = now(['one.org.', { catalog: CAT, label: 'a' }]);
    const same = [catalog(leaving), catalog([member('a', 'one.org.', OTHER)], {}, OTHER)];
    assert.deepEqual(planMembers(same, before, () => false).events, [
      { kind: 'MemberZoneMoved', catalog: OTHER, apex: 'one.org.', label: 'a' },
    ]);
    const another = [catalog(leaving), catalog([member('z', 'one.org.', OTHER)], {}, OTHER)];
    assert.deepEqual(planMembers(another, before, () => false).events, [
      { kind: 'MemberZoneAdded', catalog: OTHER, apex: 'one.org.', label: 'z' },
    ]);
    // Nobody has it there yet.
    assert.deepEqual(planMembers([catalog(leaving), catalog([], {}, OTHER)], before, () => false).events, []);
  });

  test('go over in one step with their leaving of the old catalog only when that said so before', () => {
    const before = now(['one.org.', { catalog: CAT, label: 'a' }]);
    const catalogs = [catalog([]), catalog([member('a', 'one.org.', OTHER)], {}, OTHER)];
    const kinds = planMembers(catalogs, before, () => false).events.map(({ kind, catalog: of }) => [kind, of]);
    // Gone, and come: nothing of it is kept.
    assert.deepEqual(kinds, [
      ['MemberZoneRemoved', CAT],
      ['MemberZoneAdded', OTHER],
    ]);
  });

  test('are only those that are wanted, and no more than so many', () => {
    const lines = ['one.org.', 'two.org.', 'three.net.', 'four.com.'].map((zone, i) => member(`m${i}`, zone));
    const take = (parts: Partial<FollowedCatalog['admission']>, isOwn = (_: DomainName) => false) => {
      const { events, refused } = planMembers([catalog(lines, parts)], now(), isOwn);
      assert.equal(events.length + refused.length, 4);
      return events.map(({ apex }) => apex).sort();
    };
    assert.deepEqual(take({ members: [name('org.')] }), ['one.org.', 'two.org.']);
    assert.deepEqual(take({ within: [name('net.'), name('com.')] }), ['four.com.', 'three.net.']);
    assert.equal(take({ most: 3 }).length, 3);
    assert.deepEqual(
      take({}, (apex) => apex === 'one.org.' || apex === 'two.org.'),
      ['four.com.', 'three.net.'],
    );
  });

  test('that are no longer wanted go', () => {
    const before = now(['one.org.', { catalog: CAT, label: 'a' }]);
    const { events } = planMembers([catalog([one])], before, () => true);
    assert.deepEqual(events, [{ kind: 'MemberZoneRemoved', catalog: CAT, apex: 'one.org.' }]);
  });
});
