import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RRType } from '../../src/dns/rrset.ts';
import { countConflicts } from '../../src/projection/conflicts.ts';
import { findName, hasConflict } from '../../src/projection/zone.ts';
import {
  EAST,
  HTTP,
  name,
  namespace,
  planApplied,
  remove,
  service,
  slice,
  stanza,
  synced,
  upsert,
  WEST,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { given, recordLine, START, zoneLines } from '../kit/given.ts';

const CL = 'cluster.local.';

function oneCluster(...events: Parameters<ReturnType<typeof given>['when']>[0][number][]) {
  return given(
    [planApplied(zoneDefinition(CL, [stanza(EAST)]))],
    [namespace(EAST, 'apps'), ...events, ...synced(EAST)],
  );
}

describe('records of a cluster zone', () => {
  it('lists a ClusterIP service with its ports and its endpoints', () => {
    const { zone } = oneCluster(
      service(EAST, 'apps/web', ['10.0.0.1', 'fd00::1']),
      slice(EAST, 'apps/web-1', 'web', [{ addresses: ['10.1.0.1'], hostname: 'w0' }]),
    );
    assert.deepEqual(zoneLines(zone(CL)), [
      'cluster.local. 5 NS ns.dns.cluster.local.',
      'ns.dns.cluster.local. 5 A 192.0.2.53',
      'dns-version.cluster.local. 28800 TXT 1.1.0',
      'web.apps.svc.cluster.local. 5 A 10.0.0.1',
      'web.apps.svc.cluster.local. 5 AAAA fd00::1',
      'web.apps.svc.cluster.local. 5 SRV 0 50 80 web.apps.svc.cluster.local.',
      '_http._tcp.web.apps.svc.cluster.local. 5 A 10.0.0.1',
      '_http._tcp.web.apps.svc.cluster.local. 5 AAAA fd00::1',
      '_http._tcp.web.apps.svc.cluster.local. 5 SRV 0 50 80 web.apps.svc.cluster.local.',
      'w0.web.apps.svc.cluster.local. 5 A 10.1.0.1',
      'w0.web.apps.svc.cluster.local. 5 SRV 0 100 80 w0.web.apps.svc.cluster.local.',
    ]);
  });

  it('gives a headless service the addresses of its endpoints, once each, with weights over all of them', () => {
    const { zone } = oneCluster(
      service(EAST, 'apps/db', ['None']),
      slice(EAST, 'apps/db-1', 'db', [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.2'], hostname: 'b' }]),
      slice(EAST, 'apps/db-2', 'db', [{ addresses: ['10.1.0.2'], hostname: 'b' }]),
    );
    const found = findName(zone(CL), name('db.apps.svc.cluster.local'));
    assert.equal(found.status, 'exists');
    assert.deepEqual(
      found.status === 'exists' && found.rrset(RRType.A)?.rdatas.map((r) => r.type === 'A' && r.address),
      ['10.1.0.1', '10.1.0.2'],
    );
    assert.deepEqual(
      zoneLines(zone(CL)).filter((line) => line.startsWith('_http._tcp.db.') && line.includes('SRV')),
      [
        '_http._tcp.db.apps.svc.cluster.local. 5 SRV 0 33 80 10-1-0-1.db.apps.svc.cluster.local.',
        '_http._tcp.db.apps.svc.cluster.local. 5 SRV 0 33 80 b.db.apps.svc.cluster.local.',
      ],
    );
  });

  it('tells names that exist without records from those that do not exist', () => {
    const { zone } = oneCluster(service(EAST, 'apps/web', ['10.0.0.1']));
    const status = (text: string) => findName(zone(CL), name(text)).status;
    assert.equal(status('svc.cluster.local'), 'exists');
    assert.equal(status('apps.svc.cluster.local'), 'exists');
    assert.equal(status('other.svc.cluster.local'), 'absent');
    assert.equal(status('dns.cluster.local'), 'emptyNonTerminal');
    assert.equal(status('_tcp.web.apps.svc.cluster.local'), 'emptyNonTerminal');
    assert.equal(status('_udp.web.apps.svc.cluster.local'), 'absent');
    assert.equal(status('a.b.c.web.apps.svc.cluster.local'), 'absent');
  });

  it('hides a namespace with its deletion', () => {
    const { zone, when } = oneCluster(service(EAST, 'apps/web', ['10.0.0.1']));
    const [version] = when([remove(EAST, 'Namespace', 'apps')]);
    assert.equal(findName(zone(CL), name('web.apps.svc.cluster.local')).status, 'absent');
    assert.deepEqual(
      version?.changeset?.removed.map(recordLine).filter((line) => line.startsWith('web.')),
      [
        'web.apps.svc.cluster.local. 5 A 10.0.0.1',
        'web.apps.svc.cluster.local. 5 SRV 0 100 80 web.apps.svc.cluster.local.',
      ],
    );
  });

  it('names the services that hold its own address as name servers', () => {
    const { zone } = oneCluster(
      service(EAST, 'apps/dns', ['10.0.0.10']),
      slice(EAST, 'apps/dns-1', 'dns', [{ addresses: ['192.0.2.53'] }]),
    );
    assert.deepEqual(zone(CL).nameservers, [{ name: 'dns.apps.svc.cluster.local.', addresses: ['10.0.0.10'] }]);
  });
});

describe('merged stanzas of one zone', () => {
  const definition = zoneDefinition(CL, [stanza(EAST, { fallthrough: [name('.')] }), stanza(WEST)]);
  const both = (...events: Parameters<ReturnType<typeof given>['when']>[0][number][]) =>
    given([planApplied(definition)], [namespace(EAST, 'apps'), namespace(WEST, 'apps'), ...events]);

  it('gives each name to the first stanza that has it', () => {
    const { zone, when } = both(
      service(EAST, 'apps/a', ['10.0.0.1']),
      service(WEST, 'apps/a', ['10.9.0.1']),
      service(WEST, 'apps/b', ['10.9.0.2']),
    );
    when([...synced(EAST), ...synced(WEST)]);
    const lines = zoneLines(zone(CL)).filter((line) => /^[ab]\..* A /.test(line));
    assert.deepEqual(lines, ['a.apps.svc.cluster.local. 5 A 10.0.0.1', 'b.apps.svc.cluster.local. 5 A 10.9.0.2']);
  });

  it('is unsure of a missing name while one stanza was never synced, and is not published', () => {
    const { zone, when, published } = both(service(WEST, 'apps/b', ['10.9.0.2']));
    when(synced(WEST));
    const found = findName(zone(CL), name('nope.apps.svc.cluster.local'));
    assert.deepEqual(found, { status: 'absent', isUnsure: true, isPassedOn: false });
    assert.equal(findName(zone(CL), name('b.apps.svc.cluster.local')).status, 'exists');
    assert.deepEqual(published.flat(), []);
    when(synced(EAST));
    assert.equal(published.flat().length, 1);
  });
});

describe('reverse zones', () => {
  const definitions = [
    zoneDefinition(CL, [stanza(EAST)]),
    zoneDefinition('in-addr.arpa', [stanza(EAST)]),
    zoneDefinition('0.0.0.0.d.f.ip6.arpa', [stanza(EAST)]),
  ];
  const zones = given(
    [planApplied(...definitions)],
    [
      namespace(EAST, 'apps'),
      service(EAST, 'apps/web', ['10.0.0.1', 'fd00:0:1::1']),
      service(EAST, 'apps/db', ['None']),
      slice(EAST, 'apps/db-1', 'db', [{ addresses: ['10.1.0.1'], hostname: 'd0' }]),
      service(EAST, 'hidden/web', ['10.0.0.2']),
      ...synced(EAST),
    ],
  );

  it('holds PTR records of cluster IPs and endpoints, none of hidden ones', () => {
    assert.deepEqual(
      zoneLines(zones.zone('in-addr.arpa.')).filter((line) => line.includes('PTR')),
      [
        '1.0.0.10.in-addr.arpa. 5 PTR web.apps.svc.cluster.local.',
        '1.0.1.10.in-addr.arpa. 5 PTR d0.db.apps.svc.cluster.local.',
      ],
    );
    assert.equal(zoneLines(zones.zone('0.0.0.0.d.f.ip6.arpa.')).filter((line) => line.includes('PTR')).length, 1);
  });

  it('knows the empty non-terminals above an address', () => {
    const zone = zones.zone('in-addr.arpa.');
    assert.equal(findName(zone, name('0.10.in-addr.arpa')).status, 'emptyNonTerminal');
    assert.equal(findName(zone, name('9.10.in-addr.arpa')).status, 'absent');
    assert.equal(findName(zone, name('2.0.0.10.in-addr.arpa')).status, 'absent');
    const v6 = zones.zone('0.0.0.0.d.f.ip6.arpa.');
    assert.equal(findName(v6, name('0.0.0.0.0.0.d.f.ip6.arpa')).status, 'emptyNonTerminal');
    assert.equal(findName(v6, name('1.0.0.0.0.0.d.f.ip6.arpa')).status, 'absent');
  });
});

describe('serials', () => {
  it('rise once for each change of content, never without one', () => {
    const { when, zone } = oneCluster(service(EAST, 'apps/web', ['10.0.0.1']));
    const first = zone(CL).serial;
    assert.equal(first, Math.floor(START / 1000) + 1);
    assert.deepEqual(when([service(EAST, 'apps/web', ['10.0.0.1'], { external: ['192.0.2.1'] })]), []);
    assert.equal(zone(CL).serial, first);
    when([service(EAST, 'apps/web', ['10.0.0.2'])], START);
    assert.equal(zone(CL).serial, (first ?? 0) + 1, 'the clock went back, the serial did not');
    when([service(EAST, 'apps/web', ['10.0.0.3'])], START + 60_000);
    assert.equal(zone(CL).serial, Math.floor(START / 1000) + 60);
  });

  it('go on when a new plan changes the TTL, with a changeset', () => {
    const { when, changesets } = oneCluster(service(EAST, 'apps/web', ['10.0.0.1']));
    when([planApplied(zoneDefinition(CL, [stanza(EAST, { ttl: 30 })]))]);
    const [changeset] = changesets(CL);
    assert.equal(changeset?.soaFrom.ttl, 5);
    assert.equal(changeset?.soaTo.ttl, 30);
    assert.ok(changeset?.added.some((record) => recordLine(record) === 'web.apps.svc.cluster.local. 30 A 10.0.0.1'));
  });
});

describe('clusterset zones', () => {
  it('name endpoints with their cluster', () => {
    const definition = zoneDefinition('clusterset.local', [stanza(EAST, { plugin: 'multicluster' })], {
      kind: 'clusterset',
    });
    const { zone } = given(
      [planApplied(definition)],
      [
        namespace(EAST, 'apps'),
        upsert(EAST, 'ServiceImport', 'apps/db', { type: 'Headless', ips: [], ports: [HTTP] }),
        upsert(EAST, 'EndpointSlice', 'apps/db-x', {
          imported: { service: 'db', cluster: 'paris' },
          ports: [HTTP],
          endpoints: [{ addresses: ['10.1.0.1'], hostname: 'd0' }],
        }),
        ...synced(EAST),
      ],
    );
    assert.deepEqual(
      zoneLines(zone('clusterset.local.')).filter((line) => line.includes('db.apps')),
      [
        'db.apps.svc.clusterset.local. 5 A 10.1.0.1',
        'db.apps.svc.clusterset.local. 5 SRV 0 100 80 d0.paris.db.apps.svc.clusterset.local.',
        '_http._tcp.db.apps.svc.clusterset.local. 5 A 10.1.0.1',
        '_http._tcp.db.apps.svc.clusterset.local. 5 SRV 0 100 80 d0.paris.db.apps.svc.clusterset.local.',
        'd0.paris.db.apps.svc.clusterset.local. 5 A 10.1.0.1',
        'd0.paris.db.apps.svc.clusterset.local. 5 SRV 0 100 80 d0.paris.db.apps.svc.clusterset.local.',
      ],
    );
    assert.equal(
      findName(zone('clusterset.local.'), name('paris.db.apps.svc.clusterset.local')).status,
      'emptyNonTerminal',
    );
  });
});

describe('merged stanzas with `merge`', () => {
  const merged = { isMerged: true };
  const definition = zoneDefinition(CL, [stanza(EAST, merged), stanza(WEST, merged)]);
  const both = (...events: Parameters<ReturnType<typeof given>['when']>[0][number][]) =>
    given(
      [planApplied(definition)],
      [namespace(EAST, 'apps'), namespace(WEST, 'apps'), ...events, ...synced(EAST), ...synced(WEST)],
    );

  it('give a headless service the endpoints of all clusters, with weights over all', () => {
    const { zone } = both(
      service(EAST, 'apps/db', ['None']),
      slice(EAST, 'apps/db-1', 'db', [{ addresses: ['10.1.0.1'], hostname: 'e' }]),
      service(WEST, 'apps/db', ['None']),
      slice(WEST, 'apps/db-1', 'db', [{ addresses: ['10.2.0.1'], hostname: 'w' }]),
    );
    assert.deepEqual(
      zoneLines(zone(CL)).filter((line) => line.startsWith('db.apps') || line.startsWith('w.db')),
      [
        'db.apps.svc.cluster.local. 5 A 10.1.0.1',
        'db.apps.svc.cluster.local. 5 A 10.2.0.1',
        'db.apps.svc.cluster.local. 5 SRV 0 50 80 e.db.apps.svc.cluster.local.',
        'db.apps.svc.cluster.local. 5 SRV 0 50 80 w.db.apps.svc.cluster.local.',
        'w.db.apps.svc.cluster.local. 5 A 10.2.0.1',
        'w.db.apps.svc.cluster.local. 5 SRV 0 100 80 w.db.apps.svc.cluster.local.',
      ],
    );
  });

  it('follow the order of the stanzas where services don’t fit together, and need no fallthrough', () => {
    const { zone } = both(
      service(EAST, 'apps/a', [], { type: 'ExternalName', externalName: 'example.org', ports: [] }),
      service(WEST, 'apps/a', ['None']),
      slice(WEST, 'apps/a-1', 'a', [{ addresses: ['10.2.0.1'] }]),
      service(WEST, 'apps/b', ['10.9.0.2']),
    );
    const lines = zoneLines(zone(CL)).filter((line) => /^[ab]\./.test(line) && !line.includes('SRV'));
    assert.deepEqual(lines, [
      'a.apps.svc.cluster.local. 5 CNAME example.org.',
      'b.apps.svc.cluster.local. 5 A 10.9.0.2',
    ]);
    assert.equal(hasConflict(zone(CL), 'apps', 'a'), true);
    assert.equal(hasConflict(zone(CL), 'apps', 'b'), false);
    assert.equal(countConflicts(zone(CL)), 1);
  });
});
