import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareNames } from '../../src/dns/name.ts';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import type { ClusterEvent, ObjectKind, PortFacts } from '../../src/ingest/event.ts';
import type { StanzaPlan } from '../../src/ingest/plan.ts';
import { type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { type AnswerContext, answer, MAX_ALIASES } from '../../src/serve/answer.ts';
import type { Reply } from '../../src/serve/chain.ts';
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
import { given, recordLine } from '../kit/given.ts';
import { requestFor } from '../kit/handlers.ts';

const CL = 'cluster.local.';
const SOA = 'cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5';

/** No alias leaves the zone in most tests. */
const ALONE: AnswerContext = {
  resolve: () => assert.fail('nothing to resolve'),
  isOwn: () => true,
};

function lines(reply: Reply): { rcode: number; answer: string[]; authority: string[]; additional: string[] } {
  const text = (records: Reply['answer']) =>
    records.map((record) => recordLine(record).replace(/ \d{9,} 7200 /, ' SERIAL 7200 '));
  const { rcode } = reply;
  return { rcode, answer: text(reply.answer), authority: text(reply.authority), additional: text(reply.additional) };
}

function ask(zone: Zone, text: string, type: number, context = ALONE): Reply {
  const reply = answer(zone, requestFor(text, type), context);
  assert.ok(!(reply instanceof Promise) && reply.kind === 'reply', `${text} was not answered at once`);
  return reply;
}

function zoneOf(options: Partial<StanzaPlan>, ...events: ClusterEvent[]): Zone {
  return given(
    [planApplied(zoneDefinition(CL, [stanza(EAST, options)]))],
    [namespace(EAST, 'apps'), ...events, ...synced(EAST)],
  ).zone(CL);
}

function externalName(key: string, target: string): ClusterEvent {
  return service(EAST, key, [], { type: 'ExternalName', ports: [], externalName: target });
}

const NODATA = { rcode: Rcode.NOERROR, answer: [], authority: [SOA], additional: [] };
const NXDOMAIN = { ...NODATA, rcode: Rcode.NXDOMAIN };

describe('answers of a cluster zone', () => {
  const zone = zoneOf({}, service(EAST, 'apps/web', ['10.0.0.1']), externalName('apps/out', 'www.example.net'));

  it('gives the set of the type asked', () => {
    assert.deepEqual(lines(ask(zone, 'web.apps.svc.cluster.local', RRType.A)), {
      rcode: Rcode.NOERROR,
      answer: ['web.apps.svc.cluster.local. 5 A 10.0.0.1'],
      authority: [],
      additional: [],
    });
  });

  it('tells NODATA from NXDOMAIN, each with the SOA of the zone', () => {
    for (const type of [RRType.AAAA, RRType.TXT, RRType.ANY, RRType.SOA, RRType.DS, 65]) {
      assert.deepEqual(lines(ask(zone, 'web.apps.svc.cluster.local', type)), NODATA, `type ${type}`);
      assert.deepEqual(lines(ask(zone, 'nothing.apps.svc.cluster.local', type)), NXDOMAIN, `type ${type}`);
    }
    for (const text of ['cluster.local', 'svc.cluster.local', '_tcp.web.apps.svc.cluster.local', 'dns.cluster.local']) {
      assert.deepEqual(lines(ask(zone, text, RRType.TXT)), NODATA, text);
    }
  });

  it('is authoritative, but for what it refuses', () => {
    assert.equal(ask(zone, 'web.apps.svc.cluster.local', RRType.A).isAuthoritative, true);
    assert.equal(ask(zone, 'nothing.cluster.local', RRType.A).isAuthoritative, true);
    for (const type of [RRType.AXFR, RRType.IXFR]) {
      const reply = ask(zone, 'cluster.local', type);
      assert.deepEqual([reply.rcode, reply.isAuthoritative], [Rcode.REFUSED, false]);
    }
  });

  it('puts the addresses of SRV and NS targets into the additional section', () => {
    assert.deepEqual(lines(ask(zone, '_http._tcp.web.apps.svc.cluster.local', RRType.SRV)), {
      rcode: Rcode.NOERROR,
      answer: ['_http._tcp.web.apps.svc.cluster.local. 5 SRV 0 100 80 web.apps.svc.cluster.local.'],
      authority: [],
      additional: ['web.apps.svc.cluster.local. 5 A 10.0.0.1'],
    });
    assert.deepEqual(lines(ask(zone, 'cluster.local', RRType.NS)), {
      rcode: Rcode.NOERROR,
      answer: ['cluster.local. 5 NS ns.dns.cluster.local.'],
      authority: [],
      additional: ['ns.dns.cluster.local. 5 A 192.0.2.53'],
    });
  });

  it('gives the same additional records whether there are few targets or many', () => {
    const endpoints = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ addresses: [`10.1.0.${i}`, `fd00::${i + 1}`] }));
    for (const count of [7, 8, 40]) {
      const db = zoneOf({}, service(EAST, 'apps/db', ['None']), slice(EAST, 'apps/db-1', 'db', endpoints(count)));
      const reply = ask(db, 'db.apps.svc.cluster.local', RRType.SRV);
      assert.equal(reply.answer.length, 2 * count);
      const targets = reply.answer.map(({ rdata }) => (rdata.type === 'SRV' ? rdata.target : ''));
      assert.deepEqual(new Set(reply.additional.map(({ owner }) => owner)), new Set(targets));
      assert.equal(reply.additional.length, 2 * count);
    }
  });

  it('gives the SOA of the version that it was asked', () => {
    const [soa] = ask(zone, 'cluster.local', RRType.SOA).answer;
    assert.equal(soa?.rdata.type === 'SOA' && soa.rdata.serial, zone.serial);
  });

  it('names the place in the zone that the reply depends on', () => {
    const slot = (text: string, type: number) => ask(zone, text, type).source?.names;
    assert.deepEqual(slot('_http._tcp.web.apps.svc.cluster.local', RRType.A), ['web.apps.svc.cluster.local.']);
    assert.deepEqual(slot('a.b.c.none.apps.svc.cluster.local', RRType.A), ['none.apps.svc.cluster.local.']);
    assert.deepEqual(slot('cluster.local', RRType.NS), ['cluster.local.']);
  });
});

describe('aliases', () => {
  const web = service(EAST, 'apps/web', ['10.0.0.1']);
  const alias = (from: string, to: string) => `${from}.apps.svc.cluster.local. 5 CNAME ${to}.apps.svc.cluster.local.`;
  const inZone = (from: string, to: string) => externalName(`apps/${from}`, `${to}.apps.svc.cluster.local`);

  it('leads to the set of its target, for every type', () => {
    const zone = zoneOf({}, web, inZone('a', 'b'), inZone('b', 'web'));
    const reply = ask(zone, 'a.apps.svc.cluster.local', RRType.SRV);
    assert.deepEqual(lines(reply), {
      rcode: Rcode.NOERROR,
      answer: [
        alias('a', 'b'),
        alias('b', 'web'),
        'web.apps.svc.cluster.local. 5 SRV 0 100 80 web.apps.svc.cluster.local.',
      ],
      authority: [],
      additional: ['web.apps.svc.cluster.local. 5 A 10.0.0.1'],
    });
    assert.deepEqual(
      reply.source?.names,
      ['a', 'b', 'web'].map((label) => `${label}.apps.svc.cluster.local.`),
    );
  });

  it('stays in the answer when its target has no such set, or is missing', () => {
    const zone = zoneOf({}, web, inZone('a', 'web'), inZone('b', 'nothing'));
    assert.deepEqual(lines(ask(zone, 'a.apps.svc.cluster.local', RRType.AAAA)), {
      ...NODATA,
      answer: [alias('a', 'web')],
    });
    assert.deepEqual(lines(ask(zone, 'b.apps.svc.cluster.local', RRType.A)), {
      ...NXDOMAIN,
      answer: [alias('b', 'nothing')],
    });
  });

  it('is all there is when it is asked for itself, or for ANY', () => {
    const zone = zoneOf({}, web, inZone('a', 'web'));
    for (const type of [RRType.CNAME, RRType.ANY]) {
      const { answer: records, authority } = lines(ask(zone, 'a.apps.svc.cluster.local', type));
      assert.deepEqual([records, authority], [[alias('a', 'web')], []]);
    }
    assert.deepEqual(lines(ask(zone, 'web.apps.svc.cluster.local', RRType.CNAME)), NODATA);
  });

  it('in a loop, is answered once each', () => {
    const zone = zoneOf({}, inZone('a', 'b'), inZone('b', 'a'), inZone('c', 'c'));
    const two = lines(ask(zone, 'a.apps.svc.cluster.local', RRType.A));
    assert.deepEqual([two.rcode, two.answer, two.authority], [0, [alias('a', 'b'), alias('b', 'a')], []]);
    assert.deepEqual(lines(ask(zone, 'c.apps.svc.cluster.local', RRType.A)).answer, [alias('c', 'c')]);
  });

  it('is followed a bounded number of times', () => {
    const chain = Array.from({ length: 20 }, (_, i) => inZone(`x${i}`, `x${i + 1}`));
    const reply = ask(zoneOf({}, ...chain), 'x0.apps.svc.cluster.local', RRType.A);
    assert.equal(reply.answer.length, MAX_ALIASES);
  });

  it('leaves the zone through the server, whose answer is appended whatever its rcode', async () => {
    const zone = zoneOf({}, externalName('apps/out', 'www.example.net'));
    const asked: string[] = [];
    const upstream: Reply = {
      kind: 'reply',
      rcode: Rcode.NXDOMAIN,
      isAuthoritative: false,
      isTruncated: true,
      answer: [{ owner: name('www.example.net'), type: 1, ttl: 9, rdata: { type: 'A', address: '192.0.2.1' } }],
      authority: [{ owner: name('net'), type: 2, ttl: 9, rdata: { type: 'NS', target: name('ns.net') } }],
      additional: [],
    };
    const expected = {
      rcode: Rcode.NOERROR,
      answer: ['out.apps.svc.cluster.local. 5 CNAME www.example.net.', 'www.example.net. 9 A 192.0.2.1'],
      authority: [],
      additional: [],
    };
    for (const reply of [upstream, Promise.resolve(upstream)]) {
      const got = await answer(zone, requestFor('out.apps.svc.cluster.local', RRType.A), {
        isOwn: () => true,
        resolve: (target, type) => {
          asked.push(`${target} ${type}`);
          return reply;
        },
      });
      assert.ok(got.kind === 'reply');
      assert.deepEqual(lines(got), expected);
      assert.deepEqual([got.isTruncated, got.isAuthoritative, got.source], [true, true, undefined]);
    }
    assert.deepEqual(asked, ['www.example.net. 1', 'www.example.net. 1']);
    const alone = ask(zone, 'out.apps.svc.cluster.local', RRType.A, { isOwn: () => true, resolve: () => undefined });
    assert.deepEqual(lines(alone).answer, expected.answer.slice(0, 1));
  });

  it('keeps the letters of the external name, which is the same name all the same', () => {
    const zone = zoneOf({}, web, externalName('apps/a', 'WEB.Apps.svc.cluster.LOCAL'));
    const [alias, address] = ask(zone, 'a.apps.svc.cluster.local', RRType.A).answer;
    assert.deepEqual(alias?.rdata, {
      type: 'CNAME',
      target: 'web.apps.svc.cluster.local.',
      spelling: 'WEB.Apps.svc.cluster.LOCAL.',
    });
    assert.equal(address && recordLine(address), 'web.apps.svc.cluster.local. 5 A 10.0.0.1');
  });

  it('into a part of the zone that another zone answers leaves the zone too', () => {
    const zone = zoneOf({}, inZone('a', 'web'));
    const reply = ask(zone, 'a.apps.svc.cluster.local', RRType.A, { isOwn: () => false, resolve: () => undefined });
    assert.deepEqual(lines(reply).answer, [alias('a', 'web')]);
  });

  it('to a name that the zone passes on is asked of the server', () => {
    const zone = zoneOf({ fallthrough: [name('.')] }, inZone('a', 'nothing'));
    const asked: string[] = [];
    ask(zone, 'a.apps.svc.cluster.local', RRType.A, {
      isOwn: () => true,
      resolve: (target) => {
        asked.push(target);
        return undefined;
      },
    });
    assert.deepEqual(asked, ['nothing.apps.svc.cluster.local.']);
  });
});

describe('a cluster that was never synced', () => {
  const unsynced = (...stanzas: StanzaPlan[]) =>
    given(
      [planApplied(zoneDefinition(CL, stanzas))],
      [namespace(EAST, 'apps'), service(EAST, 'apps/web', ['10.0.0.1'])],
      [namespace(WEST, 'apps'), service(WEST, 'apps/far', ['10.0.0.2']), ...synced(WEST)],
    ).zone(CL);

  it('is not made to deny a name: SERVFAIL, with the cluster in the extended error', () => {
    const zone = unsynced(stanza(EAST));
    const reply = ask(zone, 'nothing.apps.svc.cluster.local', RRType.A);
    assert.equal(reply.rcode, Rcode.SERVFAIL);
    assert.deepEqual(reply.ede, { code: 14, text: 'never synced: east' });
    assert.equal(reply.source, undefined);
  });

  it('gives what it knows', () => {
    const zone = unsynced(stanza(EAST));
    assert.equal(ask(zone, 'web.apps.svc.cluster.local', RRType.A).answer.length, 1);
    assert.equal(ask(zone, 'cluster.local', RRType.A).rcode, Rcode.NOERROR);
  });

  it('is passed over for a later one, which may have the name but not deny it', () => {
    const zone = unsynced(stanza(EAST, { fallthrough: [name('.')] }), stanza(WEST));
    assert.equal(ask(zone, 'far.apps.svc.cluster.local', RRType.A).answer.length, 1);
    assert.deepEqual(lines(ask(zone, 'far.apps.svc.cluster.local', RRType.AAAA)).rcode, Rcode.NOERROR);
    const denied = ask(zone, 'nothing.apps.svc.cluster.local', RRType.A);
    assert.deepEqual([denied.rcode, denied.ede?.text], [Rcode.SERVFAIL, 'never synced: east']);
  });

  it('is named when the name is passed on', () => {
    const zone = unsynced(stanza(EAST, { fallthrough: [name('.')] }));
    const passed = answer(zone, requestFor('nothing.apps.svc.cluster.local', RRType.A), ALONE);
    assert.deepEqual(passed, { kind: 'passOn', isPresent: false, isUnsure: true, unsynced: [EAST] });
  });
});

describe('answers of a reverse zone', () => {
  const events = [namespace(EAST, 'apps'), service(EAST, 'apps/web', ['10.0.0.1', 'fd00::1'])];
  const zone = given(
    [planApplied(zoneDefinition('10.in-addr.arpa', [stanza(EAST)]))],
    [...events, ...synced(EAST)],
  ).zone('10.in-addr.arpa.');

  it('gives PTR records, NODATA for what else exists, and NXDOMAIN', () => {
    const outcome = (text: string, type: number) => {
      const { rcode, answer: records } = lines(ask(zone, text, type));
      return [rcode, ...records];
    };
    assert.deepEqual(outcome('1.0.0.10.in-addr.arpa', RRType.PTR), [
      Rcode.NOERROR,
      '1.0.0.10.in-addr.arpa. 5 PTR web.apps.svc.cluster.local.',
    ]);
    assert.deepEqual(outcome('1.0.0.10.in-addr.arpa', RRType.A), [Rcode.NOERROR]);
    assert.deepEqual(outcome('0.0.10.in-addr.arpa', RRType.PTR), [Rcode.NOERROR]);
    assert.deepEqual(outcome('2.0.0.10.in-addr.arpa', RRType.PTR), [Rcode.NXDOMAIN]);
    assert.deepEqual(outcome('web.apps.svc.10.in-addr.arpa', RRType.A), [Rcode.NXDOMAIN]);
  });
});

describe('the zone . of a cluster', () => {
  const events = [namespace(EAST, 'apps'), service(EAST, 'apps/web', ['10.0.0.1', 'fd00::1']), ...synced(EAST)];
  const stanzas = [stanza(EAST, { primary: name('.') })];
  const world = given([planApplied(zoneDefinition('.', stanzas, { kind: 'cluster' }))], events);

  it('has the services and the PTR records, which point into it', () => {
    const at = (text: string, type: number) => {
      const reply = ask(world.zone('.'), text, type);
      return [reply.rcode, ...reply.answer.map(recordLine)];
    };
    assert.deepEqual(at('web.apps.svc', RRType.A), [0, 'web.apps.svc. 5 A 10.0.0.1']);
    assert.deepEqual(at('1.0.0.10.in-addr.arpa', RRType.PTR), [0, '1.0.0.10.in-addr.arpa. 5 PTR web.apps.svc.']);
    assert.deepEqual(at('arpa', RRType.A), [0]);
    assert.deepEqual(at('10.in-addr.arpa', RRType.A), [0]);
    assert.deepEqual(at('11.in-addr.arpa', RRType.A), [Rcode.NXDOMAIN]);
  });

  it('lists them in canonical order, and their changes', () => {
    const owners = [...zoneRRsets(world.zone('.'))].map((set) => set.owner);
    assert.deepEqual(owners, owners.toSorted(compareNames));
    assert.ok(owners.includes(name('1.0.0.10.in-addr.arpa')));
    const [version] = world.when([remove(EAST, 'Service', 'apps/web')]);
    const pointers = version?.changeset?.removed.filter(({ type }) => type === RRType.PTR);
    assert.equal(pointers?.length, 2);
  });
});

describe('names that nobody can list', () => {
  const outcome = (zone: Zone, text: string, type: number): unknown[] => {
    const reply = ask(zone, text, type);
    const data = reply.answer.map((record) => recordLine(record).split(' ').slice(3).join(' '));
    return reply.rcode === Rcode.NXDOMAIN ? ['NXDOMAIN'] : data;
  };

  it('pods insecure: every address in every namespace that exists', () => {
    const zone = zoneOf({ pods: 'insecure' });
    const pod = (label: string, type: number = RRType.A) => outcome(zone, `${label}.apps.pod.cluster.local`, type);
    assert.deepEqual(pod('10-240-0-1'), ['10.240.0.1']);
    assert.deepEqual(pod('10-240-0-1', RRType.AAAA), []);
    assert.deepEqual(pod('10-240-0-1', RRType.SRV), []);
    assert.deepEqual(pod('2001-db8-0-0-0-a-b-c', RRType.AAAA), ['2001:db8::a:b:c']);
    assert.deepEqual(pod('--1', RRType.AAAA), ['::1']);
    for (const label of ['1-2-3', '1-2-3-256', '01-2-3-4', 'web-1', '1--2--3', 'fe80--1%eth0', 'x.10-240-0-1']) {
      assert.deepEqual(pod(label), ['NXDOMAIN'], label);
    }
    assert.deepEqual(outcome(zone, '10-240-0-1.nowhere.pod.cluster.local', RRType.A), ['NXDOMAIN']);
    assert.deepEqual(outcome(zoneOf({}), '10-240-0-1.apps.pod.cluster.local', RRType.A), ['NXDOMAIN']);
  });

  const ring = [
    service(EAST, 'apps/ring', ['None'], { ports: [HTTP] }),
    slice(EAST, 'apps/ring-1', 'ring', [
      { addresses: ['10.1.0.1'], hostname: 'r0', zone: 'zone-a' },
      { addresses: ['10.1.0.2'], hostname: 'r1', zone: 'b.example' },
      { addresses: ['10.1.0.3'], hostname: 'r2', zone: 'b.example' },
    ]),
    slice(EAST, 'apps/web-1', 'web', [{ addresses: ['10.1.0.4'], zone: 'zone-a' }]),
    service(EAST, 'apps/web', ['10.0.0.1']),
    externalName('apps/out', 'www.example.net'),
  ];

  it('zonal names: pin and prefer', () => {
    const zone = zoneOf({ zonal: true }, ...ring);
    const at = (text: string, type: number = RRType.A) => outcome(zone, `${text}.apps.svc.cluster.local`, type);
    assert.deepEqual(at('zone-a.pin._zone.ring'), ['10.1.0.1']);
    assert.deepEqual(at('b.example.pin._zone.ring'), ['10.1.0.2', '10.1.0.3']);
    assert.deepEqual(at('zone-c.pin._zone.ring'), []);
    assert.deepEqual(at('zone-c.pin._zone.ring', RRType.TXT), []);
    assert.deepEqual(at('zone-c.prefer._zone.ring'), ['10.1.0.1', '10.1.0.2', '10.1.0.3']);
    assert.deepEqual(at('zone-a.prefer._zone.ring'), ['10.1.0.1']);
    // The weight follows the endpoints of that topology zone.
    assert.deepEqual(at('b.example.pin._zone.ring', RRType.SRV), [
      '0 50 80 r1.ring.apps.svc.cluster.local.',
      '0 50 80 r2.ring.apps.svc.cluster.local.',
    ]);
    assert.deepEqual(at('pin._zone.ring'), []);
    assert.deepEqual(at('_zone.ring'), []);
    for (const text of [
      'zone-a.other._zone.ring',
      'zone-a.pin._zone.web',
      'zone-a.pin._zone.out',
      'zone-a.pin._zone.no',
    ])
      assert.deepEqual(at(text), ['NXDOMAIN'], text);
    assert.deepEqual(outcome(zoneOf({}, ...ring), 'zone-a.pin._zone.ring.apps.svc.cluster.local', RRType.A), [
      'NXDOMAIN',
    ]);
  });

  it('port names: underscores are optional, an empty part matches every port', () => {
    const ports = [HTTP, { name: 'dns', port: 53, protocol: 'udp' }];
    const zone = zoneOf({}, service(EAST, 'apps/web', ['10.0.0.1'], { ports }));
    const at = (text: string) =>
      outcome(zone, `${text}.web.apps.svc.cluster.local`, RRType.SRV).map((line) => String(line).split(' ')[2] ?? line);
    assert.deepEqual(at('http.tcp'), ['80']);
    assert.deepEqual(at('_dns.udp'), ['53']);
    assert.deepEqual(at('_._tcp'), ['80']);
    assert.deepEqual(at('_._'), ['80', '53']);
    assert.deepEqual(at('http._'), ['80']);
    assert.deepEqual(outcome(zone, '_._udp.web.apps.svc.cluster.local', RRType.A), ['10.0.0.1']);
    for (const text of ['http.udp', 'x.tcp', '_nope._', 'a.http.tcp', '__http._tcp']) {
      assert.deepEqual(outcome(zone, `${text}.web.apps.svc.cluster.local`, RRType.SRV), ['NXDOMAIN'], text);
    }
  });

  it('the step above a port name exists with it, also where no port has a name', () => {
    const at = (text: string, ...ports: PortFacts[]) =>
      outcome(
        zoneOf({}, service(EAST, 'apps/web', ['10.0.0.1'], { ports })),
        `${text}.web.apps.svc.cluster.local`,
        RRType.A,
      );
    const unnamed = { name: '', port: 80, protocol: 'tcp' };
    assert.deepEqual(at('_._', unnamed), ['10.0.0.1']);
    assert.deepEqual(at('_', unnamed), []);
    assert.deepEqual(at('_._tcp', unnamed), ['10.0.0.1']);
    assert.deepEqual(at('_tcp', unnamed), []);
    assert.deepEqual(at('_udp', unnamed), ['NXDOMAIN']);
    assert.deepEqual(at('_._'), ['10.0.0.1']);
    assert.deepEqual(at('_'), []);
  });

  it('come from the first stanza that has them, as far as the chain goes', () => {
    const both = (first: Partial<StanzaPlan>) =>
      given(
        [planApplied(zoneDefinition(CL, [stanza(EAST, first), stanza(WEST, { pods: 'insecure', ttl: 30 })]))],
        [namespace(EAST, 'apps'), ...synced(EAST), namespace(WEST, 'apps'), namespace(WEST, 'far'), ...synced(WEST)],
      ).zone(CL);
    const ttl = (zone: Zone, text: string) => ask(zone, text, RRType.A).answer[0]?.ttl;
    const open = both({ pods: 'insecure', fallthrough: [name('.')] });
    assert.equal(ttl(open, '1-2-3-4.apps.pod.cluster.local'), 5);
    assert.equal(ttl(open, '1-2-3-4.far.pod.cluster.local'), 30);
    assert.equal(ttl(both({}), '1-2-3-4.far.pod.cluster.local'), undefined);
  });

  it('in a ServiceImport zone, two labels without underscore are an endpoint and its cluster', () => {
    const imported = upsert(EAST, 'ServiceImport', 'apps/web', {
      type: 'ClusterSetIP',
      ips: ['10.9.0.1'],
      ports: [HTTP],
    });
    const zone = given(
      [planApplied(zoneDefinition('clusterset.local', [stanza(EAST)], { kind: 'clusterset' }))],
      [namespace(EAST, 'apps'), imported, ...synced(EAST)],
    ).zone('clusterset.local.');
    const at = (text: string) => outcome(zone, `${text}.web.apps.svc.clusterset.local`, RRType.A);
    assert.deepEqual(at('_http.tcp'), ['10.9.0.1']);
    assert.deepEqual(at('http.tcp'), ['NXDOMAIN']);
  });
});

describe('answers from a zone whose cluster is out of reach', () => {
  const lost = (key: string): ClusterEvent => ({
    kind: 'ClusterLost',
    cluster: EAST,
    key: key as ObjectKind,
    reason: 'x',
  });
  const zone = (...more: ClusterEvent[]) =>
    given(
      [planApplied(zoneDefinition(CL, [stanza(EAST)]))],
      [namespace(EAST, 'apps'), service(EAST, 'apps/web', ['10.0.0.1']), ...synced(EAST)],
      more,
    ).zone(CL);
  const told = (of: Zone, name: string) => ask(of, name, RRType.A).ede;

  it('say that they are stale, and of which cluster', () => {
    const text = 'from the log, out of reach: east';
    const stale = zone(lost('Service'));
    assert.deepEqual(told(stale, 'web.apps.svc.cluster.local'), { code: 3, text });
    assert.deepEqual(told(stale, 'apps.svc.cluster.local'), { code: 3, text });
    assert.deepEqual(told(stale, 'none.apps.svc.cluster.local'), { code: 19, text });
  });

  it('say nothing once it is heard of again, nor for what the zone has no need of', () => {
    const name = 'web.apps.svc.cluster.local';
    assert.equal(told(zone(), name), undefined);
    assert.equal(told(zone(lost('Service'), ...synced(EAST)), name), undefined);
    assert.equal(told(zone(lost('Pod')), name), undefined);
  });
});
