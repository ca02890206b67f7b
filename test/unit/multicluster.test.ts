/** What multicluster does better than the peer, each by name; the plain examples are in multicluster-examples.test.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import type { ObjectKind } from '../../src/ingest/event.ts';
import type { HandlerFactory } from '../../src/serve/blocks.ts';
import { emptyReply, type Reply } from '../../src/serve/chain.ts';
import { name } from '../kit/cluster-events.ts';
import { configOf } from '../kit/corefile.ts';
import { type ClusterObjects, type CorefileBlocks, runBlocks } from '../kit/corefile-blocks.ts';
import { recordLine, zoneLines } from '../kit/given.ts';
import { exportedSlice, importObject, namespaceObject } from '../kit/mcs-objects.ts';

const CS = 'clusterset.local.';
const HTTP = ['http/tcp/80'];

interface RunOptions {
  /** `ZONES… { … }` of the stanza of `multicluster`. */
  readonly stanza?: string;
  /** Other directives of the block. */
  readonly others?: string;
  readonly unlisted?: readonly ObjectKind[];
  readonly clusters?: readonly ClusterObjects[];
  /** What the last plugin, `whoami`, replies. */
  readonly behind?: Partial<Reply>;
}

function run(objects: readonly { readonly kind: string }[], options: RunOptions = {}): CorefileBlocks {
  const { stanza = CS, others = '', unlisted = [], clusters, behind = { rcode: 3 } } = options;
  const text = `. {
    multicluster ${stanza}
    ${others}
    whoami
  }`;
  const config = configOf(text, { warn: (warning) => assert.fail(warning) });
  const whoami: HandlerFactory = () => ({ name: 'whoami', handle: () => ({ ...emptyReply(0), ...behind }) });
  const known = clusters ?? [{ objects: [namespaceObject('apps'), ...objects], unlisted }];
  return runBlocks(config, known, new Map([['whoami', whoami]]));
}

const web = (ips: readonly string[], ports = HTTP) => importObject('apps/web', { ips, ports });
const db = importObject('apps/db', { ports: ['sql/tcp/5432'] });
const exported = (of: string, from: string, ...endpoints: string[]) =>
  exportedSlice(`apps/${of}-${from}`, { of, from, endpoints, ports: of === 'db' ? ['sql/tcp/5432'] : HTTP });

describe('multicluster: several clusters', () => {
  const east = { isOf: (id: string) => id.endsWith('#east') };
  const west = { isOf: (id: string) => id.endsWith('#west') };
  const clusters = [
    { ...east, objects: [namespaceObject('apps'), web(['10.1.0.1']), db, exported('db', 'east', '10.1.1.1')] },
    {
      ...west,
      objects: [namespaceObject('apps'), web(['10.2.0.1']), importObject('apps/mail', { ips: ['10.2.0.2'] })],
    },
  ];
  const two = (first: string) => ({
    clusters,
    stanza: `${CS} {
      kubeconfig config east
      ${first}
    }
    multicluster ${CS} {
      kubeconfig config west
    }`,
  });

  it('several stanzas of a block are a chain: the first that has a name owns it', async () => {
    const { data } = run([], two('fallthrough'));
    assert.equal(await data(`web.apps.svc.${CS}`, 'A'), '10.1.0.1');
    assert.equal(await data(`db.apps.svc.${CS}`, 'A'), '10.1.1.1');
    assert.equal(await data(`mail.apps.svc.${CS}`, 'A'), '10.2.0.2');
    assert.equal(await data(`none.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
  });

  it('a stanza without fallthrough is the end of the chain', async () => {
    const { data } = run([], two(''));
    assert.equal(await data(`web.apps.svc.${CS}`, 'A'), '10.1.0.1');
    assert.equal(await data(`mail.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
  });

  it('stanzas with zones of their own each have their cluster', async () => {
    const { data } = run([], {
      clusters,
      stanza: `east.example {
        kubeconfig config east
      }
      multicluster west.example {
        kubeconfig config west
      }`,
    });
    assert.equal(await data('web.apps.svc.east.example.', 'A'), '10.1.0.1');
    assert.equal(await data('web.apps.svc.west.example.', 'A'), '10.2.0.1');
    assert.equal(await data('mail.apps.svc.east.example.', 'A'), 'NXDOMAIN');
  });

  it('the zone of all stanzas is one zone, which holds what the chain answers', () => {
    const { given } = run([], two('fallthrough'));
    const addresses = zoneLines(given.zone(CS)).filter((line) => / A /.test(line) && !line.startsWith('_'));
    assert.deepEqual(addresses, [
      'ns.dns.clusterset.local. 5 A 192.0.2.53',
      'db.apps.svc.clusterset.local. 5 A 10.1.1.1',
      '10-1-1-1.east.db.apps.svc.clusterset.local. 5 A 10.1.1.1',
      'mail.apps.svc.clusterset.local. 5 A 10.2.0.2',
      'web.apps.svc.clusterset.local. 5 A 10.1.0.1',
    ]);
  });
});

describe('multicluster: names', () => {
  it('names of services do not exist below `pod`', async () => {
    const { data } = run([web(['10.0.0.1'])]);
    assert.equal(await data(`web.apps.pod.${CS}`, 'A'), 'NXDOMAIN');
    assert.equal(await data(`pod.${CS}`, 'A'), 'NODATA');
  });

  it('no label ends in a dash: fd00:: is fd00--0', async () => {
    const { data, ask } = run([db, exported('db', 'east', 'fd00::')]);
    assert.equal(await data(`fd00--0.east.db.apps.svc.${CS}`, 'AAAA'), 'fd00::');
    assert.equal(await data(`fd00--.east.db.apps.svc.${CS}`, 'AAAA'), 'NXDOMAIN');
    const { answer } = await ask(`_sql._tcp.db.apps.svc.${CS}`, 'SRV');
    assert.match(answer.join(), /5432 fd00--0\.east\.db/);
  });

  it('SOA of a name that is missing is NXDOMAIN', async () => {
    const { ask } = run([]);
    const { rcode, authority } = await ask(`none.apps.svc.${CS}`, 'SOA');
    assert.deepEqual([rcode, authority.length], ['NXDOMAIN', 1]);
  });

  it('TXT of a name that exists without records, and of an empty non-terminal, is NODATA', async () => {
    const { data } = run([db, exported('db', 'east', '10.0.0.1')]);
    for (const owner of [CS, `svc.${CS}`, `apps.svc.${CS}`, `east.db.apps.svc.${CS}`, `_tcp.db.apps.svc.${CS}`]) {
      assert.equal(await data(owner, 'TXT'), 'NODATA', owner);
      assert.equal(await data(owner, 'A'), 'NODATA', owner);
    }
  });

  it('dns-version exists for all types', async () => {
    const { data } = run([]);
    assert.equal(await data(`dns-version.${CS}`, 'TXT'), '"1.1.0"');
    assert.equal(await data(`dns-version.${CS}`, 'A'), 'NODATA');
  });

  it('a source cluster without endpoints is no name', async () => {
    const { data } = run([db, exported('db', 'east', '10.0.0.1'), exported('db', 'west', '!10.0.0.2')]);
    assert.equal(await data(`west.db.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
    assert.equal(await data(`10-0-0-2.west.db.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
  });

  it('an import without ports has addresses, and no SRV', async () => {
    const { data } = run([web(['10.0.0.1'], [])]);
    assert.equal(await data(`web.apps.svc.${CS}`, 'A'), '10.0.0.1');
    for (const type of ['AAAA', 'SRV', 'TXT', 'MX']) assert.equal(await data(`web.apps.svc.${CS}`, type), 'NODATA');
  });

  it('an import without an address yet exists, and so do its ports', async () => {
    const { data, given } = run([web([])]);
    for (const type of ['A', 'SRV', 'TXT']) {
      assert.equal(await data(`web.apps.svc.${CS}`, type), 'NODATA');
      assert.equal(await data(`_http._tcp.web.apps.svc.${CS}`, type), 'NODATA');
    }
    assert.equal(await data(`http._tcp.web.apps.svc.${CS}`, 'A'), 'NODATA');
    assert.equal(await data(`_tcp.web.apps.svc.${CS}`, 'A'), 'NODATA');
    assert.equal(await data(`_http._udp.web.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
    assert.deepEqual(
      zoneLines(given.zone(CS)).filter((line) => line.includes('web')),
      [],
    );
  });

  it('a slice without source cluster gives addresses to the service, and no name with an empty label', async () => {
    const { data, given } = run([db, exportedSlice('apps/db-1', { of: 'db', endpoints: ['10.0.0.1 db-0'] })]);
    assert.equal(await data(`db.apps.svc.${CS}`, 'A'), '10.0.0.1');
    assert.equal(await data(`db.apps.svc.${CS}`, 'SRV'), 'NODATA');
    assert.equal(await data(`db-0.db.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
    assert.ok(zoneLines(given.zone(CS)).every((line) => !line.includes('..')));
  });

  it('a ClusterSetIP import names the endpoints of each cluster; not when it is strict', async () => {
    const objects = [
      web(['10.0.0.1']),
      exported('web', 'east', '10.1.0.1 w-0'),
      db,
      exported('db', 'east', '10.1.0.2'),
    ];
    const { data } = run(objects);
    assert.equal(await data(`w-0.east.web.apps.svc.${CS}`, 'A'), '10.1.0.1');
    for (const strict of [
      run(objects, { stanza: `${CS} {\n strict\n}` }),
      run(objects, {
        stanza: 'other.',
        others: `kubernetes cluster.local ${CS} {\n multicluster ${CS}\n multicluster_strict\n}`,
      }),
    ]) {
      assert.equal(await strict.data(`web.apps.svc.${CS}`, 'A'), '10.0.0.1');
      assert.equal(await strict.data(`_http._tcp.web.apps.svc.${CS}`, 'SRV'), `0 100 80 web.apps.svc.${CS}`);
      for (const label of ['w-0.east', 'east'])
        assert.equal(await strict.data(`${label}.web.apps.svc.${CS}`, 'A'), 'NXDOMAIN', label);
      assert.equal(await strict.data(`10-1-0-2.east.db.apps.svc.${CS}`, 'A'), '10.1.0.2');
    }
  });

  it('noendpoints: headless services and endpoints are NXDOMAIN, and no slice is asked for', async () => {
    const objects = [
      web(['10.0.0.1']),
      exported('web', 'east', '10.1.0.1 w-0'),
      db,
      exported('db', 'east', '10.1.0.2'),
    ];
    const { data, planned } = run(objects, { stanza: `${CS} {\n noendpoints\n}` });
    assert.equal(await data(`web.apps.svc.${CS}`, 'A'), '10.0.0.1');
    for (const label of ['db', 'w-0.east.web', '10-1-0-2.east.db', '_sql._tcp.db', 'east.db']) {
      for (const type of ['A', 'SRV', 'TXT']) assert.equal(await data(`${label}.apps.svc.${CS}`, type), 'NXDOMAIN');
    }
    assert.deepEqual(
      planned.clusters.map(({ kinds }) => kinds),
      [['Namespace', 'ServiceImport']],
    );
  });
});

describe('multicluster: name servers', () => {
  it('the apex has NS in any letter case, with fallthrough too, and the server has its addresses', async () => {
    for (const stanza of [CS, `${CS} {\n fallthrough\n}`]) {
      const { ask, data } = run([], { stanza });
      for (const apex of [CS, 'ClusterSet.LOCAL.']) {
        const { rcode, answer, additional } = await ask(apex, 'NS');
        assert.deepEqual(
          [rcode, answer, additional],
          [
            'NOERROR',
            ['clusterset.local. 5 IN NS ns.dns.clusterset.local.'],
            ['ns.dns.clusterset.local. 5 IN A 192.0.2.53'],
          ],
        );
      }
      assert.equal(await data(`ns.dns.${CS}`, 'A'), '192.0.2.53');
    }
    assert.equal(await run([]).data(`ns.dns.${CS}`, 'MX'), 'NODATA');
    assert.equal(await run([]).data(`dns.${CS}`, 'A'), 'NODATA');
  });

  it('the name server has the addresses of the service that this server is an endpoint of', async () => {
    const own = [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'apps', name: 'dns' },
        spec: { clusterIP: '10.96.0.10' },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { namespace: 'apps', name: 'dns-1', labels: { 'kubernetes.io/service-name': 'dns' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['192.0.2.53'] }],
      },
    ];
    const { data, given, planned } = run(own, { others: 'kubernetes cluster.local' });
    assert.equal(await data(CS, 'NS'), `ns.dns.${CS}`);
    assert.equal(await data(`ns.dns.${CS}`, 'A'), '10.96.0.10');
    assert.ok(zoneLines(given.zone(CS)).includes('ns.dns.clusterset.local. 5 A 10.96.0.10'));
    const [cluster] = planned.clusters;
    assert.ok(cluster);
    const cause = {};
    const versions = given.when([
      { kind: 'ServiceDeleted', object: 'Service', cluster: cluster.id, key: 'apps/dns', cause },
    ]);
    const changeset = versions.find(({ zone }) => zone === CS)?.changeset;
    assert.deepEqual(
      [changeset?.removed.map(recordLine), changeset?.added.map(recordLine)],
      [['ns.dns.clusterset.local. 5 A 10.96.0.10'], ['ns.dns.clusterset.local. 5 A 192.0.2.53']],
    );
  });
});

describe('multicluster: reverse zones', () => {
  const objects = [
    web(['10.0.0.1', 'fd00::1']),
    exported('web', 'east', '10.1.0.1 w-0'),
    db,
    exported('db', 'east', '10.1.0.2', '10.1.0.3'),
    exported('db', 'west', '10.1.0.3'),
    importObject('hidden/web', { ips: ['10.0.0.9'] }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'apps', name: 'own' },
      spec: { clusterIP: '10.0.0.7' },
    },
    importObject('apps/own', { ips: ['10.0.0.7'] }),
    importObject('apps/late', { ips: ['10.0.0.8'] }),
  ];
  const reverse = 'in-addr.arpa ip6.arpa';
  const pointer = (blocks: CorefileBlocks, address: string) =>
    blocks.data(`${address.split('.').toReversed().join('.')}.in-addr.arpa.`, 'PTR');

  it('addresses of imports and of their endpoints have PTR records', async () => {
    const blocks = run(objects, { stanza: `${CS} ${reverse}` });
    assert.equal(await pointer(blocks, '10.0.0.1'), `web.apps.svc.${CS}`);
    assert.equal(await blocks.data(`1.${'0.'.repeat(27)}0.0.d.f.ip6.arpa.`, 'PTR'), `web.apps.svc.${CS}`);
    assert.equal(await pointer(blocks, '10.1.0.1'), `w-0.east.web.apps.svc.${CS}`);
    assert.equal(await pointer(blocks, '10.1.0.2'), `10-1-0-2.east.db.apps.svc.${CS}`);
    assert.equal(await pointer(blocks, '10.1.0.3'), `10-1-0-3.east.db.apps.svc.${CS}, 10-1-0-3.west.db.apps.svc.${CS}`);
    for (const address of ['10.0.0.9', '10.9.9.9']) assert.equal(await pointer(blocks, address), 'NXDOMAIN');
    assert.equal(await blocks.data('10.in-addr.arpa.', 'PTR'), 'NODATA');
    assert.deepEqual(blocks.planned.clusters[0]?.kinds, ['Namespace', 'ServiceImport', 'EndpointSlice']);
  });

  it('strict: no PTR to a name that is not there', async () => {
    const blocks = run(objects, { stanza: `${CS} ${reverse} {\n strict\n}` });
    assert.equal(await pointer(blocks, '10.1.0.1'), 'NXDOMAIN');
    assert.equal(await pointer(blocks, '10.1.0.2'), `10-1-0-2.east.db.apps.svc.${CS}`);
  });

  it('the PTR of the cluster itself goes before, and `fallthrough` says whether imports have any', async () => {
    const kubernetes = (option: string) => `kubernetes cluster.local ${reverse} {\n ${option}\n}`;
    const both = run(objects, { stanza: `${CS} ${reverse}`, others: kubernetes('fallthrough in-addr.arpa') });
    assert.equal(await pointer(both, '10.0.0.7'), 'own.apps.svc.cluster.local.');
    assert.equal(await pointer(both, '10.0.0.1'), `web.apps.svc.${CS}`);
    const alone = run(objects, { stanza: `${CS} ${reverse}`, others: kubernetes('') });
    assert.equal(await pointer(alone, '10.0.0.7'), 'own.apps.svc.cluster.local.');
    assert.equal(await pointer(alone, '10.0.0.1'), 'NXDOMAIN');
  });

  it('the option of `kubernetes` has the same PTR records', async () => {
    const others = `kubernetes cluster.local ${CS} ${reverse} {\n multicluster ${CS}\n}`;
    const blocks = run(objects, { stanza: 'other.', others });
    assert.equal(await pointer(blocks, '10.0.0.7'), 'own.apps.svc.cluster.local.');
    assert.equal(await pointer(blocks, '10.0.0.1'), `web.apps.svc.${CS}`);
    assert.equal(await pointer(blocks, '10.1.0.2'), `10-1-0-2.east.db.apps.svc.${CS}`);
  });
});

describe('multicluster: before the first lists', () => {
  it('endpoint slices count: a headless name is not denied before they have come', async () => {
    const { data } = run([db], { unlisted: ['EndpointSlice'] });
    assert.equal(await data(`db.apps.svc.${CS}`, 'A'), 'SERVFAIL');
    const without = run([db], { unlisted: ['EndpointSlice'], stanza: `${CS} {\n noendpoints\n}` });
    assert.equal(await without.data(`db.apps.svc.${CS}`, 'A'), 'NXDOMAIN');
  });

  it('fallthrough: what follows is asked, but its NXDOMAIN would be a guess', async () => {
    const options = { unlisted: ['ServiceImport'], stanza: `${CS} {\n fallthrough\n}` } as const;
    const question = `web.apps.svc.${CS}`;
    assert.equal(await run([], options).data(question, 'A'), 'SERVFAIL');
    const answer = parseZoneText(`${question} 60 IN A 192.0.2.1`);
    assert.equal(await run([], { ...options, behind: { answer } }).data(question, 'A'), '192.0.2.1');
    assert.equal(await run([], { ...options, behind: {} }).data(question, 'A'), 'NODATA');
  });

  it('a zone is not handed to secondaries before', () => {
    const { given } = run([web(['10.0.0.1'])], { unlisted: ['EndpointSlice'] });
    assert.equal(given.zone(CS).serial, undefined);
  });

  it('the start waits 5 seconds at most', () => {
    assert.equal(run([]).planned.startupTimeoutMs, 5000);
    const others = 'kubernetes cluster.local {\n startup_timeout 1s\n}';
    assert.equal(run([], { others }).planned.startupTimeoutMs, 5000);
  });
});

describe('multicluster: transfers', () => {
  it('a transfer has the names of endpoints as they are answered, with their cluster', async () => {
    const { given, data } = run([db, exported('db', 'east', '10.1.0.2 db-0')]);
    const lines = zoneLines(given.zone(CS)).filter((line) => line.includes('db.'));
    assert.deepEqual(lines, [
      'db.apps.svc.clusterset.local. 5 A 10.1.0.2',
      'db.apps.svc.clusterset.local. 5 SRV 0 100 5432 db-0.east.db.apps.svc.clusterset.local.',
      '_sql._tcp.db.apps.svc.clusterset.local. 5 A 10.1.0.2',
      '_sql._tcp.db.apps.svc.clusterset.local. 5 SRV 0 100 5432 db-0.east.db.apps.svc.clusterset.local.',
      'db-0.east.db.apps.svc.clusterset.local. 5 A 10.1.0.2',
      'db-0.east.db.apps.svc.clusterset.local. 5 SRV 0 100 5432 db-0.east.db.apps.svc.clusterset.local.',
    ]);
    assert.equal(await data(name(`db-0.east.db.apps.svc.${CS}`), 'A'), '10.1.0.2');
  });
});
