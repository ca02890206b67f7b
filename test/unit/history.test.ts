import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { RRType } from '../../src/dns/rrset.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import { parseTime } from '../../src/history/moment.ts';
import { type History, openHistory } from '../../src/history/questions.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { type Zone, zonemdRecord } from '../../src/projection/zone.ts';
import {
  EAST,
  name,
  namespace,
  planApplied,
  remove,
  service,
  slice,
  stanza,
  synced,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { START } from '../kit/given.ts';
import { type Recording, recordTo } from '../kit/recorded.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const ZONE = 'cluster.local.';
const WEB = 'web.apps.svc.cluster.local.';
const SECOND = Math.floor(START / 1000);
/** Noon after everything that the tests record. */
const NOW = START + 12 * 3_600_000;

function by(event: ClusterEvent, manager: string, resourceVersion: string): ClusterEvent {
  return { ...event, cause: { manager, resourceVersion } } as ClusterEvent;
}

const PLAN = planApplied(
  zoneDefinition(ZONE, [stanza(EAST, { namespaces: ['apps', 'data'] })]),
  zoneDefinition('10.in-addr.arpa.', [stanza(EAST)]),
);
const WEB_SLICE = slice(EAST, 'apps/web-1', 'web', [{ addresses: ['10.1.0.1'], pod: 'web-0' }]);

/** A service that comes, moves and goes; each batch a second after the one before. */
function recorded(t: TestContext): { history: History; recording: Recording; file: string } {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(file);
  recording.record([PLAN]);
  recording.record([namespace(EAST, 'apps'), namespace(EAST, 'hidden'), ...synced(EAST)]);
  recording.record([by(service(EAST, 'apps/web', ['10.0.0.1']), 'kubectl', '41'), WEB_SLICE]);
  recording.record([by(service(EAST, 'apps/web', ['10.0.0.2']), 'helm', '57')]);
  recording.record([service(EAST, 'apps/other', ['10.0.0.9'])]);
  recording.record([remove(EAST, 'Service', 'apps/web'), remove(EAST, 'EndpointSlice', 'apps/web-1')]);
  const history = openHistory(file, { now: () => NOW });
  assert.ok(history.ok);
  t.after(() => {
    history.value.close();
    recording.database.close();
  });
  return { history: history.value, recording, file };
}

function value<T>(answered: { ok: true; value: T } | { ok: false; error: { message: string } }): T {
  assert.ok(answered.ok, answered.ok ? '' : answered.error.message);
  return answered.value;
}

test('the history of a name has every value with its versions and causes, newest first', (t) => {
  const { history } = recorded(t);
  const { items } = value(history.recordHistory({ name: WEB, type: 'A' }));
  assert.deepEqual(
    items.map(({ records, from, to, causes }) => [
      records.map(({ data }) => data),
      [from.serial, to?.serial],
      causes.map((cause) => [cause.event, cause.namespace, cause.name, cause.resourceVersion, cause.manager]),
    ]),
    [
      [
        [],
        [SECOND + 5, undefined],
        [
          ['ServiceDeleted', 'apps', 'web', undefined, undefined],
          ['EndpointSliceDeleted', 'apps', 'web-1', undefined, undefined],
        ],
      ],
      [['10.0.0.2'], [SECOND + 3, SECOND + 5], [['ServiceUpserted', 'apps', 'web', '57', 'helm']]],
      [
        ['10.0.0.1'],
        [SECOND + 2, SECOND + 3],
        [
          ['ServiceUpserted', 'apps', 'web', '41', 'kubectl'],
          ['EndpointSliceUpserted', 'apps', 'web-1', undefined, undefined],
        ],
      ],
    ],
  );
  const [, moved] = items;
  assert.deepEqual(
    moved?.removed.map(({ data }) => data),
    ['10.0.0.1'],
  );
  assert.deepEqual(moved?.causes[0]?.changes, [
    { path: 'clusterIPs[]', old: '10.0.0.1' },
    { path: 'clusterIPs[]', new: '10.0.0.2' },
  ]);
});

test('a long history comes in pages', (t) => {
  const { history } = recorded(t);
  const first = value(history.recordHistory({ name: WEB, type: 'A', limit: 2 }));
  assert.deepEqual(
    first.items.map(({ from }) => from.serial),
    [SECOND + 5, SECOND + 3],
  );
  const second = value(history.recordHistory({ name: WEB, type: 'A', limit: 2, cursor: first.next ?? '' }));
  assert.deepEqual(
    second.items.map(({ from }) => from.serial),
    [SECOND + 2],
  );
  assert.equal(second.next, undefined);
});

test('pages go on where a batch changed several types of a name, and older values are far down the log', (t) => {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(file);
  recording.record([PLAN]);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST)]);
  recording.record([service(EAST, 'apps/web', ['10.0.0.1', 'fd00::1'])]);
  for (let i = 1; i <= 100; i++)
    recording.record([slice(EAST, 'apps/web-1', 'web', [{ addresses: [`10.1.0.${i}`], pod: 'web-0' }])]);
  recording.record([service(EAST, 'apps/web', ['10.0.0.2', 'fd00::2'])]);
  recording.database.close();
  const history = openHistory(file, { now: () => NOW });
  assert.ok(history.ok);
  t.after(() => history.value.close());
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = value(history.value.recordHistory({ name: WEB, limit: 1, cursor }));
    seen.push(...page.items.flatMap(({ records }) => records.map(({ data }) => data)));
    cursor = page.next;
  } while (cursor !== undefined);
  const addresses = seen.filter((data) => !data.includes(' '));
  assert.deepEqual(addresses.sort(), ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2']);
});

test('what is logged of a cluster that the plan has dropped damages no history', (t) => {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(file);
  recording.record([planApplied(zoneDefinition(ZONE, [stanza(EAST), stanza(WEST)]))]);
  recording.record([planApplied(zoneDefinition(ZONE, [stanza(EAST)]))]);
  recording.record([namespace(EAST, 'apps'), ...synced(EAST), service(WEST, 'apps/web', ['10.9.0.1'])]);
  for (let i = 1; i <= 100; i++)
    recording.record([slice(EAST, 'apps/web-1', 'web', [{ addresses: [`10.1.0.${i}`], pod: 'web-0' }])]);
  recording.record([service(WEST, 'apps/web', ['10.9.0.2']), service(EAST, 'apps/web', ['10.0.0.1'])]);
  recording.database.close();
  const history = openHistory(file, { now: () => NOW });
  assert.ok(history.ok);
  t.after(() => history.value.close());
  const { items } = value(history.value.recordHistory({ name: WEB, type: 'A' }));
  assert.deepEqual(
    items.map(({ records }) => records.map(({ data }) => data)),
    [['10.0.0.1']],
  );
});

test('a zone is what it was at a time or a serial, and two of them differ by what happened between', (t) => {
  const { history } = recorded(t);
  const lines = (at: string) =>
    [...value(history.zoneAt('cluster.local', at)).records].map((r) => `${r.owner} ${r.type} ${r.data}`);
  assert.ok(lines(String(SECOND + 3)).includes(`${WEB} A 10.0.0.2`));
  assert.deepEqual(lines(new Date(START + 3500).toISOString()), lines(String(SECOND + 3)));
  assert.ok(!lines('now').some((line) => line.startsWith(WEB)));
  const { removed, added, soaFrom } = value(history.diff(ZONE, String(SECOND + 2), String(SECOND + 3)));
  const addresses = (records: typeof removed) =>
    records.filter(({ type, owner }) => type === 'A' && owner === WEB).map(({ data }) => data);
  assert.deepEqual([addresses(removed), addresses(added)], [['10.0.0.1'], ['10.0.0.2']]);
  assert.match(soaFrom.data, new RegExp(` ${SECOND + 2} `));
});

test('why names the stanza, the object and the event, and what denied a name', (t) => {
  const { history } = recorded(t);
  const one = (name: string, at: string, type = 'A') => value(history.why({ name, type, at }))[0];
  const there = one(WEB, String(SECOND + 3));
  assert.equal(there?.outcome, 'answer');
  assert.deepEqual(
    there.records.map(({ data }) => data),
    ['10.0.0.2'],
  );
  assert.match(
    there.summary,
    /answered by zone cluster\.local\.; stanza 1 \(kubernetai, east\): it has apps\/web; ServiceUpserted apps\/web at 2026-11-21T00:00:03\.000Z resourceVersion 57 by helm/,
  );
  assert.equal(one(WEB, String(SECOND + 3), 'AAAA')?.outcome, 'nodata');
  const gone = one(WEB, 'now');
  assert.deepEqual([gone?.outcome, gone?.stanzas[0]?.code], ['nxdomain', 'noService']);
  assert.equal(gone?.stanzas[0]?.events[0]?.event, 'ServiceDeleted');
  const hidden = one(`web.hidden.svc.${ZONE}`, 'now');
  assert.equal(hidden?.stanzas[0]?.code, 'namespaceFiltered');
  assert.equal(one(`web.data.svc.${ZONE}`, 'now')?.stanzas[0]?.code, 'noNamespace');
  const early = one(WEB, new Date(START).toISOString());
  assert.deepEqual([early?.outcome, early?.stanzas[0]?.code], ['servfail', 'neverSynced']);
});

test('who held an address: the objects and the names', (t) => {
  const { history } = recorded(t);
  const { holders, names } = value(history.who('10.1.0.1', String(SECOND + 3)));
  assert.deepEqual(
    holders.map(({ kind, namespace: ns, name, role, service: of, pod }) => [kind, ns, name, role, of, pod]),
    [['EndpointSlice', 'apps', 'web-1', 'endpoint', 'web', 'web-0']],
  );
  assert.deepEqual(
    names.map(({ zone, owner, type, data }) => [zone, owner, type, data]),
    [
      [ZONE, `10-1-0-1.${WEB}`, 'A', '10.1.0.1'],
      ['10.in-addr.arpa.', '1.0.1.10.in-addr.arpa.', 'PTR', `10-1-0-1.${WEB}`],
    ],
  );
  assert.deepEqual(value(history.who('10.1.0.1')).holders, []);
  const { last } = value(history.who('10.1.0.1'));
  assert.deepEqual(
    [last?.kind, last?.name, last?.pod, last?.until.event],
    ['EndpointSlice', 'web-1', 'web-0', 'EndpointSliceDeleted'],
  );
  assert.ok(last && last.until.batch > value(history.who('10.1.0.1', String(SECOND + 3))).at.batch);
  assert.equal(value(history.who('10.9.9.9')).last, undefined);
  // As programs with dual-stack sockets log it.
  assert.deepEqual(
    value(history.who('::ffff:10.1.0.1', String(SECOND + 3))),
    value(history.who('10.1.0.1', String(SECOND + 3))),
  );
});

test('changes follow a cursor, oldest first, and can be picked by name', (t) => {
  const { history, recording } = recorded(t);
  const { cursor, items } = value(history.changes({}));
  assert.deepEqual(items, []);
  recording.record([service(EAST, 'apps/web', ['10.0.0.3'])]);
  const fresh = value(history.changes({ after: cursor }));
  assert.deepEqual(
    fresh.items.map(({ zone, added }) => [zone, added[0]?.type]),
    [
      ['10.in-addr.arpa.', 'PTR'],
      [ZONE, 'A'],
    ],
  );
  const all = value(history.changes({ after: 'start', name: 'web.*', zone: ZONE }));
  assert.deepEqual(
    all.items.map(({ version }) => (version.serial ?? 0) - SECOND),
    [1, 2, 3, 5, 6],
  );
  const rest = value(history.changes({ after: all.items[3]?.cursor, zone: ZONE }));
  assert.deepEqual(
    rest.items.map(({ version }) => (version.serial ?? 0) - SECOND),
    [6],
  );
});

test('the raw log is filtered by cluster, kind, namespace and time', (t) => {
  const { history } = recorded(t);
  const events = (query: Parameters<History['events']>[0]) =>
    value(history.events(query)).items.map(({ event, name }) => `${event} ${name}`);
  assert.deepEqual(events({ kind: 'service', isOldestFirst: true }), [
    'ServiceUpserted web',
    'ServiceUpserted web',
    'ServiceUpserted other',
    'ServiceDeleted web',
  ]);
  assert.deepEqual(events({ namespace: 'hidden' }), ['NamespaceUpserted hidden']);
  assert.deepEqual(events({ cluster: 'west' }), []);
  assert.deepEqual(events({ kind: 'Service', from: String(SECOND + 4), to: String(SECOND + 4) }), [
    'ServiceUpserted other',
  ]);
  const page = value(history.events({ limit: 3, isOldestFirst: true }));
  assert.equal(page.items.length, 3);
  assert.equal(value(history.events({ limit: 1, isOldestFirst: true, cursor: page.next ?? '' })).items[0]?.position, 4);
});

test('overview, timeline and search tell what there is', (t) => {
  const { history } = recorded(t);
  const { log, clusters, zones } = value(history.overview());
  assert.deepEqual([log.batches, log.first.time, log.last.batch], [6, new Date(START).toISOString(), 6]);
  assert.deepEqual(
    clusters.map(({ cluster, kinds }) => [cluster, kinds.map(({ state }) => state)]),
    [['east', ['synced', 'synced', 'synced']]],
  );
  assert.deepEqual(
    zones.map(({ zone, serial }) => [zone, (serial ?? 0) - SECOND]),
    [
      [ZONE, 5],
      ['10.in-addr.arpa.', 5],
    ],
  );
  const versions = value(history.timeline({ zone: ZONE }));
  assert.deepEqual(
    versions.items.map(({ serial }) => serial - SECOND),
    [5, 4, 3, 2, 1],
  );
  const hits = value(history.search('web'));
  assert.deepEqual(
    hits.map(({ what, text, isCurrent }) => [what, text, isCurrent]),
    [
      ['name', WEB, false],
      ['object', 'apps/web-1', false],
    ],
  );
});

test('what can not be answered is a problem of a kind, in one line', (t) => {
  const { history, file } = recorded(t);
  const kindOf = (answered: { ok: boolean; error?: { kind: string; message: string } }) => {
    assert.equal(answered.error?.message.includes('\n'), false);
    return answered.error?.kind;
  };
  assert.equal(kindOf(history.zoneAt(ZONE, '2099-01-01T00:00:00Z')), 'future');
  assert.equal(kindOf(history.zoneAt(ZONE, '2020-01-01T00:00:00Z')), 'beforeLog');
  // Farther back than a Date reaches; and a year that is not 1901.
  assert.equal(kindOf(history.zoneAt(ZONE, '-9999999999w')), 'beforeLog');
  assert.equal(kindOf(history.zoneAt(ZONE, '0001-01-01T00:00:00Z')), 'beforeLog');
  assert.deepEqual(parseTime('0001-01-01T00:00:00Z'), Date.parse('0001-01-01T00:00:00Z'));
  assert.equal(kindOf(history.zoneAt(ZONE, '17')), 'neverPublished');
  assert.equal(kindOf(history.zoneAt(ZONE, new Date(START).toISOString())), 'notComplete');
  assert.equal(kindOf(history.zoneAt('nowhere.example')), 'unknownZone');
  assert.equal(kindOf(history.zoneAt(ZONE, 'yesterday')), 'badInput');
  assert.equal(kindOf(history.recordHistory({ name: 'a..b' })), 'badInput');
  assert.equal(kindOf(history.recordHistory({ name: WEB, type: 'NONE' })), 'badInput');
  assert.equal(kindOf(history.recordHistory({ name: 'example.org' })), 'unknownZone');
  assert.equal(kindOf(history.who('web')), 'badInput');
  assert.equal(kindOf(openHistory(`${file}.not`, { now: () => NOW })), 'noLog');
});

test('the digest of a version is told as it was handed out then, and is no part of a history', (t) => {
  const file = path.join(temporaryFolder(t).path, 'zonelog.db');
  const recording = recordTo(file);
  const zonemd = { hash: 'sha384', most: 100 } as const;
  recording.record([planApplied(zoneDefinition(ZONE, [stanza(EAST)], { zonemd })), namespace(EAST, 'apps')]);
  recording.record([...synced(EAST), service(EAST, 'apps/web', ['10.0.0.1'])]);
  const handedOut = () => {
    const zone = recording.projector.zones()[0] as Zone;
    const record = zonemdRecord(zone);
    return record && recordText(record);
  };
  const first = handedOut();
  recording.record([service(EAST, 'apps/web', ['10.0.0.2'])]);
  const second = handedOut();
  recording.record([planApplied(zoneDefinition(ZONE, [stanza(EAST)]))]);
  assert.ok(first !== undefined && second !== undefined && first !== second);
  const opened = openHistory(file, { now: () => NOW });
  assert.ok(opened.ok);
  const history = opened.value;
  t.after(() => {
    history.close();
    recording.database.close();
  });
  const told = (type: string, second: number) => {
    const why = history.why({ name: ZONE, type, at: new Date(START + second * 1000).toISOString() });
    assert.ok(why.ok);
    return why.value.map(({ outcome, records }) => [
      outcome,
      ...records
        .filter(({ type }) => type === 'ZONEMD')
        .map(({ owner, ttl, type, data }) => [owner, ttl, 'IN', type, data].join('\t')),
    ]);
  };
  assert.deepEqual(told('ZONEMD', 1), [['answer', first]]);
  assert.deepEqual(told('ANY', 1), [['answer', first]]);
  assert.deepEqual(told('ZONEMD', 2), [['answer', second]]);
  assert.deepEqual(told('ZONEMD', 3), [['nodata']]);
  const asked = history.zoneForName(ZONE, name(ZONE), RRType.ZONEMD, new Date(START + 1000).toISOString());
  assert.ok(asked.ok);
  const then = zonemdRecord(asked.value);
  assert.equal(then && recordText(then), first);
  for (const type of ['ZONEMD', 'SOA']) {
    const values = history.recordHistory({ name: ZONE, type });
    assert.ok(!values.ok);
    assert.match(values.error.message, /of each version of a zone/);
  }
});
