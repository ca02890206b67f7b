import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ZonemdOptions } from '../../src/corefile/config.ts';
import { canonicalOrder } from '../../src/dns/canonical.ts';
import type { ResourceRecord } from '../../src/dns/rrset.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { typeText } from '../../src/dns/type-text.ts';
import { parseZoneText, recordText } from '../../src/dns/zonefile.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import { createExternal } from '../../src/serve/plugins/k8s-external.ts';
import {
  EAST,
  HTTP,
  name,
  namespace,
  planApplied,
  service,
  slice,
  stanza,
  synced,
  upsert,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { optionsOf } from '../kit/corefile.ts';
import { given } from '../kit/given.ts';
import { askHandler, nextWith, requestOf } from '../kit/handlers.ts';
import { ask as askEntry, entryOf, question } from '../kit/serving.ts';
import { simpleDigest } from '../kit/simple-digest.ts';

const HTTPS = { name: 'https', port: 443, protocol: 'tcp' };
const EVENTS: ClusterEvent[] = [
  ...synced(EAST),
  namespace(EAST, 'apps'),
  service(EAST, 'apps/front', ['10.0.0.1'], { external: ['203.0.113.7', '2001:db8::7'], ports: [HTTP, HTTPS] }),
  service(EAST, 'apps/lb', ['10.0.0.2'], { external: ['lb.example.net'] }),
  service(EAST, 'apps/web', ['10.0.0.3']),
  service(EAST, 'apps/db', ['None']),
  service(EAST, 'hidden/front', ['10.0.0.4'], { external: ['203.0.113.8'] }),
  slice(EAST, 'apps/db-1', 'db', [{ addresses: ['10.1.0.1'], hostname: 'db-0' }, { addresses: ['10.1.0.2'] }]),
];

function external(options = '', events = EVENTS, served = 'ext.example 203.in-addr.arpa', zonemd?: ZonemdOptions) {
  const zones = [
    zoneDefinition('cluster.local', [stanza(EAST, { ttl: 5 }), stanza(WEST, { fallthrough: [name('.')] })]),
  ];
  const { zone } = given([planApplied(...zones)], events);
  const parsed = optionsOf(`k8s_external ${served} {\nttl 44\n${options}\n}`).k8s_external;
  assert.ok(parsed);
  const handler = createExternal(parsed, {
    views: () => [{ zone: zone('cluster.local.'), at: 0 }],
    zonemdOf: () => zonemd,
    askServer: ({ question }) => ({
      ...emptyReply(0),
      answer: question.type === 1 ? parseZoneText(`${question.name} 9 IN A 192.0.2.99`) : [],
    }),
  });
  const ask = (asked: string, type: string, next?: Parameters<typeof askHandler>[2]) =>
    askHandler(handler, requestOf(asked, type), next);
  const askSpelled = (asked: string, type: string) =>
    askEntry(entryOf({ '.': [handler] }).entry, question(asked, type));
  return Object.assign(ask, { askSpelled, offered: (apex: string) => handler.offeredZone?.(name(apex)) });
}

test('k8s_external: addresses from outside, SRV records and their weights', async () => {
  const ask = external();
  assert.deepEqual((await ask('Front.apps.ext.example', 'A')).answer, ['front.apps.ext.example. 44 IN A 203.0.113.7']);
  assert.deepEqual((await ask('front.apps.ext.example', 'AAAA')).answer, [
    'front.apps.ext.example. 44 IN AAAA 2001:db8::7',
  ]);
  const srv = await ask('front.apps.ext.example', 'SRV');
  assert.deepEqual(srv.answer, [
    'front.apps.ext.example. 5 IN SRV 0 25 80 front.apps.ext.example.',
    'front.apps.ext.example. 5 IN SRV 0 25 443 front.apps.ext.example.',
  ]);
  assert.equal(srv.additional.length, 2);
  assert.deepEqual((await ask('_https._tcp.front.apps.ext.example', 'SRV')).answer, [
    '_https._tcp.front.apps.ext.example. 5 IN SRV 0 50 443 front.apps.ext.example.',
  ]);
});

test('k8s_external: the zone of all names has name servers and SRV targets too', async () => {
  const ask = external('', EVENTS, '.');
  assert.match((await ask('nope.apps', 'A')).authority.join(), /^\. 44 IN SOA ns1\.dns\. hostmaster\.dns\. /);
  assert.deepEqual((await ask('_https._tcp.front.apps', 'SRV')).answer, [
    '_https._tcp.front.apps. 5 IN SRV 0 50 443 front.apps.',
  ]);
  assert.deepEqual((await ask('7.113.0.203.in-addr.arpa', 'PTR')).answer, [
    '7.113.0.203.in-addr.arpa. 44 IN PTR front.apps.',
  ]);
});

test('k8s_external: a host name from outside is an alias, and is looked up', async () => {
  const ask = external();
  assert.deepEqual((await ask('lb.apps.ext.example', 'A')).answer, [
    'lb.apps.ext.example. 5 IN CNAME lb.example.net.',
    'lb.example.net. 9 IN A 192.0.2.99',
  ]);
  const srv = await ask('lb.apps.ext.example', 'SRV');
  assert.deepEqual(
    [srv.answer, srv.additional],
    [['lb.apps.ext.example. 5 IN SRV 0 100 80 lb.example.net.'], ['lb.example.net. 9 IN A 192.0.2.99']],
  );
});

test('k8s_external: what exists without data, and what does not exist', async () => {
  const ask = external();
  for (const [asked, type, rcode] of [
    ['front.apps.ext.example', 'TXT', 'NOERROR'],
    ['apps.ext.example', 'A', 'NOERROR'],
    ['ext.example', 'A', 'NOERROR'],
    ['dns.ext.example', 'A', 'NOERROR'],
    ['web.apps.ext.example', 'A', 'NXDOMAIN'],
    ['db.apps.ext.example', 'A', 'NXDOMAIN'],
    ['none.apps.ext.example', 'A', 'NXDOMAIN'],
    ['front.hidden.ext.example', 'A', 'NXDOMAIN'],
    ['a.b.c.apps.ext.example', 'A', 'NXDOMAIN'],
    ['ns2.dns.ext.example', 'A', 'NXDOMAIN'],
  ] as const) {
    const reply = await ask(asked, type);
    assert.deepEqual([reply.rcode, reply.answer], [rcode, []], asked);
    assert.match(
      reply.authority.join(),
      /^ext\.example\. 44 IN SOA ns1\.dns\.ext\.example\. hostmaster\.dns\.ext\.example\. \d+ 7200 1800 86400 44$/,
    );
  }
});

test('k8s_external: the apex and its name server', async () => {
  const ask = external('apex ns9');
  assert.match((await ask('ext.example', 'SOA')).answer.join(), /SOA ns1\.ns9\.ext\.example\. hostmaster\.ns9/);
  const ns = await ask('ext.example', 'NS');
  assert.deepEqual(
    [ns.answer, ns.additional],
    [['ext.example. 44 IN NS ns1.ns9.ext.example.'], ['ns1.ns9.ext.example. 44 IN A 192.0.2.53']],
  );
  assert.deepEqual((await ask('ns1.ns9.ext.example', 'A')).answer, ['ns1.ns9.ext.example. 44 IN A 192.0.2.53']);
});

test('k8s_external: only the name that was asked is spelled as it was, as the peer has it', () => {
  const { askSpelled } = external('apex ns9\nheadless');
  assert.deepEqual(askSpelled('FRONT.apps.Ext.Example', 'A').answer, ['FRONT.apps.Ext.Example 44 A 203.0.113.7']);
  assert.match(askSpelled('no.Ext.Example', 'A').authority.join(), /^ext\.example 44 SOA .*"ns1\.ns9\.ext\.example"/);
  assert.match(askSpelled('EXT.example', 'SOA').answer.join(), /^ext\.example 44 SOA /);
  assert.deepEqual(askSpelled('EXT.example', 'NS').answer, ['ext.example 44 NS ns1.ns9.ext.example']);
  assert.match(askSpelled('Db.apps.Ext.Example', 'SRV').additional.join(), /^db-0\.db\.apps\.ext\.example /);
});

test('k8s_external: endpoints of headless services, where that is asked for', async () => {
  const ask = external('headless');
  assert.deepEqual((await ask('db.apps.ext.example', 'A')).answer.length, 2);
  assert.deepEqual((await ask('db-0.db.apps.ext.example', 'A')).answer, ['db-0.db.apps.ext.example. 44 IN A 10.1.0.1']);
  assert.deepEqual((await ask('db.apps.ext.example', 'SRV')).answer, [
    'db.apps.ext.example. 5 IN SRV 0 50 80 db-0.db.apps.ext.example.',
    'db.apps.ext.example. 5 IN SRV 0 50 80 10-1-0-2.db.apps.ext.example.',
  ]);
  assert.equal((await ask('x.db.apps.ext.example', 'A')).rcode, 'NXDOMAIN');
});

test('k8s_external: PTR of addresses from outside', async () => {
  const ask = external();
  assert.deepEqual((await ask('7.113.0.203.in-addr.arpa', 'PTR')).answer, [
    '7.113.0.203.in-addr.arpa. 44 IN PTR front.apps.ext.example.',
  ]);
  assert.deepEqual((await ask('7.113.0.203.in-addr.arpa', 'A')).rcode, 'NOERROR');
  assert.equal((await ask('8.113.0.203.in-addr.arpa', 'PTR')).rcode, 'NXDOMAIN');
});

test('k8s_external: fallthrough, other zones, transfers, and a cluster that was never listed', async () => {
  const { next, asked } = nextWith('', { source: { zone: 'z', names: [] } });
  await external('fallthrough')('none.apps.ext.example', 'A', next);
  await external()('www.example.net', 'A', next);
  assert.equal(asked.length, 2);
  assert.equal((await external()('ext.example', 'AXFR')).rcode, 'REFUSED');
  assert.equal(
    (await external('', [upsert(EAST, 'Namespace', 'apps', {})])('none.apps.ext.example', 'A')).rcode,
    'SERVFAIL',
  );
});

/** The other stanza's cluster too: before that the zone has no serial. */
const ALL_SYNCED = [...EVENTS, ...synced(WEST)];

const lineOf = (made: ResourceRecord) => recordText(made).replaceAll('\t', ' ');

for (const [options, apex, count] of [
  ['', 'ext.example.', 10],
  ['headless', 'ext.example.', 20],
  ['headless', '203.in-addr.arpa.', 3],
] as const) {
  test(`k8s_external: a transfer of ${apex} (${options || 'without options'}) is what answers say`, async () => {
    const ask = external(options, ALL_SYNCED);
    const zone = ask.offered(apex);
    assert.ok(zone !== undefined && zone !== 'incomplete');
    assert.match((await ask(apex, 'SOA')).answer.join(), new RegExp(` ${zone.soa.rdata.serial} 7200 `));
    const records = [...zone.records()];
    for (const made of records) {
      const { answer } = await ask(made.owner, made.rdata.type === 'CNAME' ? 'A' : typeText(made.type));
      assert.ok(answer.includes(lineOf(made)), `${lineOf(made)}: ${answer}`);
    }
    assert.equal(records.length, count, records.map(lineOf).join('\n'));
    assert.deepEqual(records, canonicalOrder(records));
  });
}

test('k8s_external: an alias stands alone in a transfer', () => {
  const zone = external('', ALL_SYNCED).offered('ext.example.');
  assert.ok(zone !== undefined && zone !== 'incomplete');
  const lines = [...zone.records()].map(lineOf).filter((line) => line.startsWith('lb.apps.'));
  assert.deepEqual(lines, ['lb.apps.ext.example. 5 IN CNAME lb.example.net.']);
});

test('k8s_external: a zone below, or of a cluster that was never listed, is not offered', () => {
  assert.equal(external('', ALL_SYNCED).offered('apps.ext.example.'), undefined);
  assert.equal(external('', [upsert(EAST, 'Namespace', 'apps', {})]).offered('ext.example.'), 'incomplete');
});

test('with `zonemd` of transfer its zones have the digest of what is handed out, and answer with it', async () => {
  for (const apex of ['ext.example.', '203.in-addr.arpa.']) {
    const ask = external('', [...EVENTS, ...synced(WEST)], undefined, { hash: 'sha384', most: 1000 });
    const zone = ask.offered(apex);
    assert.ok(typeof zone === 'object');
    const records = [zone.soa, ...zone.records()];
    const digest = records.find(({ type }) => type === 63)?.rdata;
    assert.ok(digest?.type === 'UNKNOWN', apex);
    const hex = Buffer.from(digest.data).toString('hex');
    const serial = zone.soa.rdata.serial.toString(16).padStart(8, '0');
    assert.equal(hex, `${serial}0101${simpleDigest(apex, records, 'sha384')}`);
    const answered = await ask(apex, 'ZONEMD');
    assert.deepEqual(
      answered.answer,
      records.filter(({ type }) => type === 63).map((record) => recordText(record).replaceAll('\t', ' ')),
    );
  }
  const few = external('', [...EVENTS, ...synced(WEST)], undefined, { hash: 'sha384', most: 3 }).offered(
    'ext.example.',
  );
  assert.ok(typeof few === 'object');
  assert.ok(
    [...few.records()].every(({ type }) => type !== 63),
    'too many records',
  );
});

test('its serial is the newest of the zones that it is made of', () => {
  const served = (first: number, second: number) => {
    const parsed = optionsOf('k8s_external ext.example').k8s_external;
    assert.ok(parsed);
    const zones = [zoneDefinition('a.test', [stanza(EAST)]), zoneDefinition('b.test', [stanza(EAST)])];
    const { zone } = given([planApplied(...zones)], EVENTS);
    const views = [
      { zone: { ...zone('a.test.'), serial: toSerial(first) }, at: 0 },
      { zone: { ...zone('b.test.'), serial: toSerial(second) }, at: 0 },
    ];
    const offered = createExternal(parsed, { views: () => views, askServer: () => undefined }).offeredZone?.(
      name('ext.example'),
    );
    assert.ok(typeof offered === 'object');
    return offered.soa.rdata.serial;
  };
  assert.equal(served(7, 9), 9);
  assert.equal(served(9, 7), 9);
  assert.equal(served(2 ** 32 - 1, 3), 3);
});
