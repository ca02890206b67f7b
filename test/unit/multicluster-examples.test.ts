/** The examples of the plugin's behaviour: a fixture, and for each question the right answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectKind } from '../../src/ingest/event.ts';
import type { HandlerFactory } from '../../src/serve/blocks.ts';
import { emptyReply } from '../../src/serve/chain.ts';
import { configOf } from '../kit/corefile.ts';
import { type CorefileBlocks, runBlocks } from '../kit/corefile-blocks.ts';
import { exportedSlice, importObject, namespaceObject } from '../kit/mcs-objects.ts';

const HTTP = ['http/tcp/80'];
const SLICE = { from: 'clusterid', ports: HTTP };

const OBJECTS = [
  ...['default', 'kube-system', 'testns'].map(namespaceObject),
  importObject('kube-system/kubedns', { ips: ['10.0.0.10'], ports: ['dns/udp/53'] }),
  importObject('testns/svc1', { ips: ['10.0.0.1'], ports: HTTP }),
  importObject('testns/svcempty', { ips: ['10.0.0.1'], ports: HTTP }),
  importObject('testns/svc6', { ips: ['1234:abcd::1'], ports: HTTP }),
  importObject('testns/svc-dual-stack', { ips: ['10.0.0.3', '10::3'], ports: HTTP }),
  importObject('testns/hdls1', {}),
  importObject('testns/hdlsprtls', {}),
  importObject('nsnoexist/svc1', { ips: ['10.0.0.9'], ports: HTTP }),
  exportedSlice('testns/svc1-1', { ...SLICE, of: 'svc1', endpoints: ['172.0.0.1 ep1a'] }),
  exportedSlice('testns/svcempty-1', { ...SLICE, of: 'svcempty', endpoints: [] }),
  exportedSlice('testns/hdls1-1', {
    ...SLICE,
    of: 'hdls1',
    endpoints: ['172.0.0.2', '172.0.0.3', '172.0.0.4 dup-name', '172.0.0.5 dup-name'],
  }),
  exportedSlice('testns/hdls1-2', { ...SLICE, of: 'hdls1', endpoints: ['5678:abcd::1', '5678:abcd::2'] }),
  exportedSlice('testns/hdlsprtls-1', { of: 'hdlsprtls', from: 'clusterid', endpoints: ['172.0.0.20'] }),
];

/** What stands behind `multicluster` in the chain. */
const BEHIND: HandlerFactory = () => ({
  name: 'whoami',
  handle: () => ({ ...emptyReply(3), failure: 'the next plugin was asked' }),
});

function blocks(options = '', unlisted: readonly ObjectKind[] = []): CorefileBlocks {
  const text = `cluster.local {
    multicluster {
      kubeconfig config fleet
      ${options}
    }
    whoami
  }`;
  const config = configOf(text, { warn: (warning) => assert.fail(warning) });
  return runBlocks(config, [{ objects: OBJECTS, unlisted }], new Map([['whoami', BEHIND]]));
}

const S = '.testns.svc.cluster.local.';
const SOA = 'cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5';

/** `answer ‖ additional`, where `NODATA` and `NXDOMAIN` come with the zone's SOA; `S` ends names of the namespace. */
const EXAMPLES: readonly (readonly [number: number, question: string, expected: string])[] = [
  [1, 'svc1S A', 'A 10.0.0.1'],
  [2, 'svcemptyS A', 'A 10.0.0.1'],
  [3, 'svc1S SRV', 'SRV 0 100 80 svc1S ‖ svc1S A 10.0.0.1'],
  [4, 'svcemptyS SRV', 'SRV 0 100 80 svcemptyS ‖ svcemptyS A 10.0.0.1'],
  [5, 'svc6S SRV', 'SRV 0 100 80 svc6S ‖ svc6S AAAA 1234:abcd::1'],
  [6, '_http._tcp.svc1S SRV', 'SRV 0 100 80 svc1S ‖ svc1S A 10.0.0.1'],
  [7, '_http._tcp.svcemptyS SRV', 'SRV 0 100 80 svcemptyS ‖ svcemptyS A 10.0.0.1'],
  [8, 'hdls1S A', 'A 172.0.0.2, A 172.0.0.3, A 172.0.0.4, A 172.0.0.5'],
  [9, 'hdls1S AAAA', 'AAAA 5678:abcd::1, AAAA 5678:abcd::2'],
  [10, 'hdlsprtlsS A', 'A 172.0.0.20'],
  [11, '172-0-0-20.clusterid.hdlsprtlsS A', 'A 172.0.0.20'],
  [12, '172-0-0-2.clusterid.hdls1S A', 'A 172.0.0.2'],
  [13, '172-0-0-3.clusterid.hdls1S A', 'A 172.0.0.3'],
  [14, 'dup-name.clusterid.hdls1S A', 'A 172.0.0.4, A 172.0.0.5'],
  [15, 'clusterid.hdls1S A', 'NODATA'],
  [
    16,
    '_http._tcp.hdls1S SRV',
    'SRV 0 16 80 172-0-0-2.clusterid.hdls1S, SRV 0 16 80 172-0-0-3.clusterid.hdls1S, ' +
      'SRV 0 16 80 5678-abcd--1.clusterid.hdls1S, SRV 0 16 80 5678-abcd--2.clusterid.hdls1S, ' +
      'SRV 0 16 80 dup-name.clusterid.hdls1S ‖ ' +
      '172-0-0-2.clusterid.hdls1S A 172.0.0.2, 172-0-0-3.clusterid.hdls1S A 172.0.0.3, ' +
      '5678-abcd--1.clusterid.hdls1S AAAA 5678:abcd::1, 5678-abcd--2.clusterid.hdls1S AAAA 5678:abcd::2, ' +
      'dup-name.clusterid.hdls1S A 172.0.0.4, dup-name.clusterid.hdls1S A 172.0.0.5',
  ],
  [17, '5678-abcd--2.clusterid.hdls1.testns.svc.cluster.local AAAA', 'AAAA 5678:abcd::2'],
  [18, '5678-abcd--1.clusterid.hdls1S AAAA', 'AAAA 5678:abcd::1'],
  [19, 'svc1S AAAA', 'NODATA'],
  [20, 'svc0S AAAA', 'NXDOMAIN'],
  [21, 'svc0S A', 'NXDOMAIN'],
  [22, 'svc0.svc-nons.svc.cluster.local. A', 'NXDOMAIN'],
  [23, 'dns-version.cluster.local. TXT', '28800 TXT "1.1.0"'],
  [24, 'svc1S TXT', 'NODATA'],
  [25, 'svc0.svc-nons.svc.cluster.local. TXT', 'NXDOMAIN'],
  [26, 'bogusendpoint.clusterid.hdls1S A', 'NXDOMAIN'],
  [27, 'bogusendpoint.clusterid.svc0S A', 'NXDOMAIN'],
  [28, 'svc6S AAAA', 'AAAA 1234:abcd::1'],
  [29, '_http._tcp.svc6S SRV', 'SRV 0 100 80 svc6S ‖ svc6S AAAA 1234:abcd::1'],
  [30, 'svc.cluster.local. A', 'NODATA'],
  [31, 'pod.cluster.local. A', 'NODATA'],
  [32, 'testns.svc.cluster.local. A', 'NODATA'],
  [33, 'svc-dual-stackS A', 'A 10.0.0.3'],
  [34, 'svc-dual-stackS AAAA', 'AAAA 10::3'],
  [35, 'svc-dual-stackS SRV', 'SRV 0 50 80 svc-dual-stackS ‖ svc-dual-stackS A 10.0.0.3, svc-dual-stackS AAAA 10::3'],
  [36, 'svc1S SOA', 'NODATA'],
  [37, 'svc1.nsnoexist.svc.cluster.local. A', 'NXDOMAIN'],
  [40, 'ep1a.clusterid.svc1S A', 'A 172.0.0.1'],
  [41, 'ep1a.otherid.svc1S A', 'NXDOMAIN'],
  [42, '5678-abcd--1.hdls1S AAAA', 'NXDOMAIN'],
  [43, 'cluster.local. A', 'NODATA'],
  [43, 'cluster.local. AAAA', 'NODATA'],
  [43, 'cluster.local. SRV', 'NODATA'],
  [43, 'cluster.local. MX', 'NODATA'],
  [44, 'cluster.local. SOA', 'SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5'],
  [45, 'cluster.local. NS', 'NS ns.dns.cluster.local. ‖ ns.dns.cluster.local. A 192.0.2.53'],
  [46, 'cluster.local. TXT', 'NODATA'],
  [47, 'svc1S MX', 'NODATA'],
  [47, 'svc1S CNAME', 'NODATA'],
  [47, 'svc1S NS', 'NODATA'],
  [48, 'nope.nope.svc0S MX', 'NXDOMAIN'],
  [49, 'hdlsprtlsS SRV', 'NODATA'],
  [
    50,
    '_dns._udp.kubedns.kube-system.svc.cluster.local. SRV',
    'SRV 0 100 53 kubedns.kube-system.svc.cluster.local. ‖ kubedns.kube-system.svc.cluster.local. A 10.0.0.10',
  ],
  [51, '_http._udp.svc1S SRV', 'NXDOMAIN'],
  [52, 'SVC1.TestNS.svc.Cluster.Local. A', 'A 10.0.0.1'],
  [53, 'x.y.z.svc1S A', 'NXDOMAIN'],
  [54, 'webs.mynamespace.pood.cluster.local. A', 'NXDOMAIN'],
  [55, 'svc1.testns.pod.cluster.local. A', 'NXDOMAIN'],
  // Forms of names that a parser may trip over.
  [58, '_http._tcp.webs.mynamespace.svc.cluster.local. SRV', 'NXDOMAIN'],
  [59, '1-2-3-4.cluster.webs.mynamespace.svc.cluster.local. A', 'NXDOMAIN'],
];

/** Records as the examples write them: TTL 5 and the question's name go without saying. */
function written(records: readonly string[], owner?: string): string {
  const lines = records.map((record) => {
    const [name = '', ttl, , ...data] = record.replace(/ \d{9,} 7200 /, ' SERIAL 7200 ').split(' ');
    const isOwner = name === owner?.toLowerCase().replace(/\.?$/, '.');
    return [...(isOwner ? [] : [name]), ...(ttl === '5' ? [] : [ttl]), ...data].join(' ');
  });
  return lines.sort().join(', ');
}

describe('examples of multicluster', () => {
  const served = blocks();

  for (const [number, question, wanted] of EXAMPLES) {
    it(`${number}: ${question}`, async () => {
      const [name = '', type = ''] = question.replace('S ', `${S} `).split(' ');
      const { rcode, aa, answer, authority, additional } = await served.ask(name, type);
      assert.equal(aa, true);
      const isDenial = wanted === 'NODATA' || wanted === 'NXDOMAIN';
      assert.equal(rcode, wanted === 'NXDOMAIN' ? 'NXDOMAIN' : 'NOERROR');
      assert.deepEqual(written(authority), isDenial ? written([SOA]) : '');
      const sections = [written(answer, name), written(additional)].filter((section) => section !== '');
      const expected = wanted.replaceAll(/(?<=[a-z0-9])S(?=,| |$)/g, S);
      assert.equal(sections.join(' ‖ '), isDenial ? '' : expected);
    });
  }

  it('38: a name that is not known, before the lists have come, is SERVFAIL', async () => {
    const unsynced = blocks('', ['ServiceImport']);
    const { rcode, aa, answer } = await unsynced.ask(`svc0${S}`, 'A');
    assert.deepEqual([rcode, aa, answer], ['SERVFAIL', true, []]);
  });

  it('39: a name that is known is answered before the lists have come', async () => {
    assert.equal(await blocks('', ['ServiceImport', 'EndpointSlice']).data(`svc1${S}`, 'A'), '10.0.0.1');
  });

  it('56: with fallthrough, a name that is missing is put to the next plugin', async () => {
    const outcome = await blocks('fallthrough').ask(`svc0${S}`, 'A');
    assert.deepEqual([outcome.rcode, outcome.authority], ['NXDOMAIN', []]);
  });

  it('57: with fallthrough, a type that is missing is not', async () => {
    const { rcode, authority } = await blocks('fallthrough').ask(`svc1${S}`, 'AAAA');
    assert.deepEqual([rcode, authority.length], ['NOERROR', 1]);
  });
});
