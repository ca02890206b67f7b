/** The examples of the plugin's behaviour: a fixture, and for each question the right answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSelected, parseSelector } from '../../src/corefile/selectors.ts';
import type { CorefileBlocks } from '../kit/corefile-blocks.ts';
import { checkGateway as checkData, runGateway as run } from '../kit/gateway-blocks.ts';
import {
  backends,
  balancer,
  dnsEndpoint,
  gateway,
  IGNORED,
  ingress,
  node,
  route,
  virtualServer,
} from '../kit/gateway-objects.ts';

const LONG = 'x'.repeat(445);

/** Fixture 1, with what rows of routes and of VirtualServers add to it. */
const F1 = [
  ingress('ns1/domain', ['domain.example.com'], ['192.0.0.1']),
  ingress('ns1/svc2', ['svc2.ns1.example.com'], ['192.0.0.2']),
  ingress('ns1/apex', ['example.com'], ['192.0.0.3']),
  ingress('ns1/shadow', ['shadow.example.com'], ['192.0.0.4']),
  ingress('ns1/shadow-vs', ['shadow-vs.example.com'], ['192.0.0.5']),
  ingress('ns1/wild', ['*.wildcard.example.com'], ['192.0.0.6']),
  ingress('ns1/special', ['specific-subdomain.wildcard.example.com'], ['192.0.0.7']),
  balancer('ns1/svc1', ['192.0.1.1', 'fd12:3456:789a:1::']),
  balancer('ns1/svc2', ['192.0.1.2']),
  balancer('ns1/svc3', []),
  balancer('ns1/svc4', ['fd12:3456:789a:2::']),
  balancer('kube-system/dns1', ['192.0.1.53']),
  dnsEndpoint('ns1/endpoint', ['endpoint.example.com A 192.0.4.4', `endpoint.example.com TXT ${LONG}`]),
  dnsEndpoint('ns1/domain', ['domain.endpoint.example.com A 192.0.4.1']),
];
const F1G = [
  ...F1,
  gateway('ns1/gw-1', ['192.0.2.1']),
  gateway('ns1/gw-4', ['192.0.2.4']),
  route('HTTPRoute', 'ns1/domain', ['domain.gw.example.com'], ['gw-1']),
  route('HTTPRoute', 'ns1/shadow', ['shadow.example.com'], ['gw-4']),
];
const F1V = [
  ...F1G,
  virtualServer('ns1/vs1', 'vs1.example.com', ['192.0.3.1']),
  virtualServer('ns1/shadow', 'shadow.example.com', ['192.0.3.4']),
  virtualServer('ns1/shadow-vs', 'shadow-vs.example.com', ['192.0.3.5']),
];
const F2 = [balancer('kube-system/dns1', ['127.0.0.1'])];
const DUAL = [...F2, balancer('kube-system/dns2', ['127.0.0.2'])];

const S = 'dns1.kube-system.example.com.';
const SOA = `example.com. 60 IN SOA ${S} hostmaster.${S} SERIAL 7200 1800 86400 60`;

type Example = readonly [number: number, question: string, expected: string];

/** `answer ‖ additional`; `NODATA` and `NXDOMAIN` come with the zone's SOA, `next` is the next plugin's. */
const FIRST: readonly Example[] = [
  [1, 'svc1.ns1.example.com A', 'A 192.0.1.1'],
  [2, 'domain.example.com A', 'A 192.0.0.1'],
  [3, 'svc2.ns1.example.com A', 'A 192.0.0.2'],
  [4, 'svcX.ns1.example.com A', 'NXDOMAIN'],
  [5, 'd0main.example.com A', 'NXDOMAIN'],
  [6, 'domain.example.com SOA', 'NODATA'],
  [7, 'svc3.ns1.example.com A', 'NXDOMAIN'],
  [9, 'example.com A', 'A 192.0.0.3'],
  [10, 'dOmAiN.eXamPLe.cOm A', 'A 192.0.0.1'],
  [11, 'svC1.Ns1.exAmplE.Com A', 'A 192.0.1.1'],
  [12, 'svc2.ns1.example.com AAAA', 'NODATA'],
  [13, 'svc4.ns1.example.com AAAA', 'AAAA fd12:3456:789a:2::'],
  [14, 'svc4.ns1.example.com A', 'NODATA'],
  [15, 'svc1.ns1.example.com AAAA', 'AAAA fd12:3456:789a:1::'],
  [16, 'example.com NS', `NS ${S} ‖ ${S} A 192.0.1.53`],
  [17, 'not-explicitly-defined-label.wildcard.example.com A', 'A 192.0.0.6'],
  [18, 'specific-subdomain.wildcard.example.com A', 'A 192.0.0.7'],
  [19, 'endpoint.example.com TXT', `TXT "${'x'.repeat(255)}" "${'x'.repeat(190)}"`],
  [20, 'endpointX.ns1.example.com TXT', 'NXDOMAIN'],
  [42, 'svc1.ns1.example.com TXT', 'NODATA'],
  [43, 'nope.example.com MX', 'NXDOMAIN'],
  [44, 'a.b.wildcard.example.com A', 'NXDOMAIN'],
  [45, 'ns1.example.com A', 'NODATA'],
  [45, 'ns1.example.com TXT', 'NODATA'],
  [45, 'kube-system.example.com A', 'NODATA'],
  [45, 'wildcard.example.com A', 'NODATA'],
  [49, 'other.org A', 'next'],
];

const ROUTES: readonly Example[] = [
  [21, 'domain.gw.example.com A', 'A 192.0.2.1'],
  [22, 'shadow.example.com A', 'A 192.0.2.4'],
];

const VIRTUAL: readonly Example[] = [
  [22, 'shadow.example.com A', 'A 192.0.2.4'],
  [23, 'vs1.example.com A', 'A 192.0.3.1'],
  [24, 'shadow-vs.example.com A', 'A 192.0.3.5'],
];

const EVERYWHERE: readonly Example[] = [
  [25, 'example.com A', 'A 192.0.0.3'],
  [26, 'non-existent.example.com A', 'next'],
  [29, `${S} A`, 'A 192.0.1.53'],
  [29, `${S} TXT`, 'NODATA'],
  [29, `x.${S} A`, 'NXDOMAIN'],
];

const ELSEWHERE: readonly Example[] = [
  [27, 'example.com A', 'A 192.0.0.3'],
  [28, 'non-existent.example.com A', 'NXDOMAIN'],
];

/** Those that are the same with a second name server. */
const OWN: readonly Example[] = [
  [33, 'example.com SRV', 'NODATA'],
  [34, 'example.com A', 'NODATA'],
  [35, `${S} SRV`, 'NODATA'],
  [36, `${S} NS`, 'NODATA'],
  [37, `${S} SOA`, 'NODATA'],
  [38, `${S} A`, 'A 127.0.0.1'],
  [39, `${S} AAAA`, 'NODATA'],
  [40, `foo.${S} A`, 'NXDOMAIN'],
];

const SECOND: readonly Example[] = [
  [30, 'example.com SOA', `SOA ${S} hostmaster.${S} SERIAL 7200 1800 86400 60`],
  [31, 'example.com NS', `NS ${S} ‖ ${S} A 127.0.0.1`],
  ...OWN,
];

const D2 = 'dns2.kube-system.example.com.';
const BOTH: readonly Example[] = [
  [32, 'example.com NS', `NS ${S}, NS ${D2} ‖ ${S} A 127.0.0.1, ${D2} A 127.0.0.2`],
  ...OWN.map(([, question, expected]): Example => [41, question, expected]),
];

/** What goes through the loops over every type: no type may deny a name that another one shows. */
const TYPES = ['CNAME', 'SRV', 'MX', 'PTR', 'HTTPS', 'SVCB', 'CAA', 'ANY', 'NS', 'SOA', 'TXT', 'AAAA'];

/** Records as the examples write them: TTL 60 and the question's name go without saying. */
function written(records: readonly string[], owner?: string): string {
  const lines = records.map((record) => {
    const [name = '', ttl, , ...data] = record.replace(/ \d{9,} 7200 /, ' SERIAL 7200 ').split(' ');
    const isOwner = name === owner?.toLowerCase().replace(/\.?$/, '.');
    return [...(isOwner ? [] : [name]), ...(ttl === '60' ? [] : [ttl]), ...data].join(' ');
  });
  return lines.sort().join(', ');
}

function check(served: CorefileBlocks, examples: readonly Example[]): void {
  for (const [number, question, wanted] of examples) {
    it(`${number}: ${question}`, async () => {
      const [name = '', type = ''] = question.split(' ');
      const { rcode, aa, answer, authority, additional } = await served.ask(name, type);
      if (wanted === 'next') {
        assert.equal(rcode, 'REFUSED');
        return;
      }
      assert.equal(aa, true);
      const isDenial = wanted === 'NODATA' || wanted === 'NXDOMAIN';
      assert.equal(rcode, wanted === 'NXDOMAIN' ? 'NXDOMAIN' : 'NOERROR');
      assert.deepEqual(written(authority), isDenial ? written([SOA]) : '');
      const sections = [written(answer, name), written(additional)].filter((section) => section !== '');
      assert.equal(sections.join(' ‖ '), isDenial ? '' : wanted);
    });
  }
}

describe('examples of k8s_gateway: all kinds', () => {
  const served = run(F1);
  check(served, FIRST);

  for (const type of TYPES) {
    it(`8: svc3.ns1.example.com ${type} is denied as its other types are`, async () => {
      assert.equal((await served.ask('svc3.ns1.example.com', type)).rcode, 'NXDOMAIN');
    });
    it(`42: domain.example.com ${type} is NODATA`, async () => {
      const { rcode, authority } = await served.ask('domain.example.com', type);
      assert.deepEqual([rcode, written(authority)], ['NOERROR', written([SOA])]);
    });
  }
});

describe('examples of k8s_gateway: routes', () => check(run(F1G), ROUTES));
describe('examples of k8s_gateway: VirtualServers', () => check(run(F1V), VIRTUAL));
describe('examples of k8s_gateway: fallthrough', () => check(run(F1, { options: 'fallthrough' }), EVERYWHERE));
describe('examples of k8s_gateway: fallthrough for other names', () =>
  check(run(F1, { options: 'fallthrough not-example.com.' }), ELSEWHERE));
describe('examples of k8s_gateway: nothing but the name server', () => check(run(F2), SECOND));
describe('examples of k8s_gateway: two name servers', () =>
  check(run(DUAL, { options: 'secondary dns2.kube-system' }), BOTH));
describe('examples of k8s_gateway: a wildcard and its parent', () =>
  check(run([...F2, ingress('ns1/all', ['*.example.com'], ['192.0.0.9'])]), [
    [46, 'example.com A', 'NODATA'],
    [46, 'any.example.com A', 'A 192.0.0.9'],
  ]));
describe('examples of k8s_gateway: the zone itself, with fallthrough', () =>
  check(run(F2, { options: 'fallthrough' }), [
    [47, 'example.com NS', `NS ${S} ‖ ${S} A 127.0.0.1`],
    [47, 'example.com SOA', `SOA ${S} hostmaster.${S} SERIAL 7200 1800 86400 60`],
  ]));

describe('examples of k8s_gateway: before the lists have come', () => {
  for (const options of ['', 'fallthrough']) {
    it(`48: a name that is not known is SERVFAIL${options && `, with ${options}`}`, async () => {
      const { rcode, answer } = await run(F1, { options, unlisted: ['Ingress'] }).ask('d0main.example.com', 'A');
      assert.deepEqual([rcode, answer], [options === '' ? 'SERVFAIL' : 'REFUSED', []]);
    });
  }
});

describe('examples of k8s_gateway: what objects name', () => {
  const named = (value: string, annotation = 'coredns.io/hostname') =>
    balancer('ns1/named', ['192.0.2.7'], { annotations: { [annotation]: value } });

  it('50, 51: a host of an Ingress is a name, also that of the zone', () =>
    checkData([ingress('ns1/a', ['a.example.com'], ['192.0.0.1']), ingress('ns1/b', ['example.com'], ['192.0.0.2'])], {
      'a.example.com': '192.0.0.1',
      'example.com': '192.0.0.2',
    }));

  it('52: an object with the label `k8s-gateway.dns/ignore` names nothing', () =>
    checkData(
      [
        gateway('ns1/gw', ['192.0.2.1'], IGNORED),
        ingress('ns1/a', ['ingress.example.com'], ['192.0.0.1'], IGNORED),
        balancer('ns1/svc', ['192.0.0.2'], IGNORED),
        route('HTTPRoute', 'ns1/a', ['http.example.com'], ['gw'], IGNORED),
        route('TLSRoute', 'ns1/a', ['tls.example.com'], ['gw'], IGNORED),
        route('GRPCRoute', 'ns1/a', ['grpc.example.com'], ['gw'], IGNORED),
        dnsEndpoint('ns1/a', ['endpoint.example.com A 192.0.0.3'], IGNORED),
        node('node1', ['Hostname=node1', 'InternalIP=10.0.0.1'], IGNORED),
        virtualServer('ns1/a', 'virtual.example.com', ['192.0.0.4'], IGNORED),
        ingress('ns1/b', ['shown.example.com'], ['192.0.0.5'], { labels: { 'k8s-gateway.dns/ignore': 'yes' } }),
        route('HTTPRoute', 'ns1/b', ['of-ignored-gateway.example.com'], ['gw']),
      ],
      {
        ...Object.fromEntries(
          ['ingress', 'svc.ns1', 'http', 'tls', 'grpc', 'endpoint', 'node1', 'virtual'].map((host) => [
            `${host}.example.com`,
            'NXDOMAIN',
          ]),
        ),
        'shown.example.com': '192.0.0.5',
        'of-ignored-gateway.example.com': '192.0.2.1',
      },
    ));

  it('53: a load balancer has its name and namespace', () =>
    checkData([balancer('ns1/svc1', ['192.0.0.1']), balancer('ns2/svc2', ['192.0.0.2'])], {
      'svc1.ns1.example.com': '192.0.0.1',
      'svc2.ns2.example.com': '192.0.0.2',
    }));

  it('54, 57: or what its annotation names, and then not its own', async () => {
    for (const annotation of ['coredns.io/hostname', 'external-dns.alpha.kubernetes.io/hostname']) {
      await checkData([named('annotation', annotation)], {
        'annotation.example.com': '192.0.2.7',
        'named.ns1.example.com': 'NXDOMAIN',
      });
    }
  });

  it('54: coredns.io/hostname counts before that of external-dns', () =>
    checkData(
      [
        balancer('ns1/named', ['192.0.2.7'], {
          annotations: { 'coredns.io/hostname': 'a', 'external-dns.alpha.kubernetes.io/hostname': 'b' },
        }),
      ],
      { 'a.example.com': '192.0.2.7', 'b.example.com': 'NXDOMAIN' },
    ));

  it('55: an annotation may name a wildcard', () =>
    checkData([named('*.annotation-wildcard')], {
      'x.annotation-wildcard.example.com': '192.0.2.7',
      'annotation-wildcard.example.com': 'NODATA',
    }));

  it('56, 58: or several names', async () => {
    for (const annotation of ['coredns.io/hostname', 'external-dns.alpha.kubernetes.io/hostname']) {
      await checkData([named('Annotation-List1, annotation-list2.example.com.', annotation)], {
        'annotation-list1.example.com': '192.0.2.7',
        'annotation-list2.example.com': '192.0.2.7',
      });
    }
  });

  it('59: a Service that is no load balancer names nothing', () =>
    checkData([balancer('ns2/svc1', ['192.0.0.1'], { type: 'ClusterIP' })], { 'svc1.ns2.example.com': 'NXDOMAIN' }));

  it('60, 61: an annotation without a single good name leaves a Service without any', async () => {
    for (const value of ['*my.host', '**my.host', 'my.*.host', 'foo_bar', `${'a'.repeat(65)}.x`, '', '-a.b']) {
      await checkData([named(value)], {
        'my.host.example.com': 'NXDOMAIN',
        'x.host.example.com': 'NXDOMAIN',
        'foo_bar.example.com': 'NXDOMAIN',
        'named.ns1.example.com': 'NXDOMAIN',
      });
    }
    await checkData([named('foo_bar,good.ok')], { 'good.ok.example.com': '192.0.2.7' });
  });

  const nodes = [
    node('a', ['Hostname=node1', 'InternalIP=10.0.0.1', 'ExternalIP=203.0.113.1']),
    node('b', ['Hostname=node2', 'InternalIP=10.0.0.2', 'InternalIP=fd00::2']),
    node('c', ['ExternalIP=203.0.113.3']),
  ];

  it('62, 63, 64: the host names of a Node stand for its addresses of one type', async () => {
    await checkData(nodes, {
      'node1.example.com': '10.0.0.1',
      'node2.example.com': '10.0.0.2',
      'node2.example.com AAAA': 'fd00::2',
      'c.example.com': 'NXDOMAIN',
    });
    await checkData(
      nodes,
      { 'node1.example.com': '203.0.113.1', 'node2.example.com': 'NXDOMAIN', 'c.example.com': 'NXDOMAIN' },
      { options: 'nodeAddressType ExternalIP' },
    );
  });

  it('65: a label selector chooses Services', () => {
    const labels: Record<string, Record<string, string>> = {
      service1: { app: 'service1', tier: 'frontend' },
      service2: { app: 'service2', tier: 'backend' },
      service3: {},
    };
    const chosen = (text: string) => {
      const selector = parseSelector(text);
      assert.ok(selector.ok);
      return Object.keys(labels).filter((name) => isSelected(selector.value, labels[name] ?? {}));
    };
    assert.deepEqual(chosen(''), ['service1', 'service2', 'service3']);
    assert.deepEqual(chosen('app=service1'), ['service1']);
    assert.deepEqual(chosen('app in (service1,service2)'), ['service1', 'service2']);
    assert.deepEqual(chosen('app=service4'), []);
    assert.deepEqual(chosen('app=service1,tier=frontend'), ['service1']);
    assert.deepEqual(chosen('app!=service2'), ['service1', 'service3']);
  });

  it('67: only the annotation `true` opts a Service in to its endpoints', async () => {
    const asked = (value: string | undefined) =>
      balancer('default/backend', [], {
        type: 'ClusterIP',
        ...(value !== undefined && { annotations: { 'k8s-gateway.dns/resolve-endpoints': value } }),
      });
    const slices = [backends('default/backend-1', 'backend', ['10.1.0.1'])];
    await checkData([asked('true'), ...slices], { 'backend.default.example.com': '10.1.0.1' });
    for (const value of ['false', 'yes', undefined])
      await checkData([asked(value), ...slices], { 'backend.default.example.com': 'NXDOMAIN' });
  });

  const optedIn = { annotations: { 'k8s-gateway.dns/resolve-endpoints': 'true' } };

  it('68: the endpoints that are ready, of all slices, once each', () =>
    checkData(
      [
        balancer('default/backend', ['203.0.113.9'], optedIn),
        backends('default/backend-1', 'backend', ['10.1.0.1', '!10.1.0.2', '?10.1.0.3', 'fd00::1', 'not-an-ip']),
        backends('default/backend-2', 'backend', ['10.1.0.1', '10.1.0.4']),
      ],
      {
        'backend.default.example.com': '10.1.0.1, 10.1.0.3, 10.1.0.4',
        'backend.default.example.com AAAA': 'fd00::1',
      },
    ));

  it('69, 70: a headless Service that has opted in; a slice that belongs to no Service counts for none', () =>
    checkData(
      [
        balancer('default/backend', [], { type: 'ClusterIP', ...optedIn }),
        backends('default/backend-1', 'backend', ['10.2.0.1', '10.2.0.2']),
        backends('default/backend', undefined, ['10.2.0.3']),
      ],
      { 'backend.default.example.com': '10.2.0.1, 10.2.0.2' },
    ));

  it('71, 72: the records of a DNSEndpoint', () =>
    checkData(
      [
        dnsEndpoint('ns1/dual', ['dual.example.com A 192.0.2.200', 'dual.example.com AAAA 2001:db8::1']),
        dnsEndpoint('ns1/svc', [
          'svc.example.com A 192.0.2.1',
          'svc.example.com AAAA 2001:db8::1',
          'svc.example.com TXT heritage=external-dns',
        ]),
      ],
      {
        'dual.example.com': '192.0.2.200',
        'dual.example.com AAAA': '2001:db8::1',
        'svc.example.com': '192.0.2.1',
        'svc.example.com AAAA': '2001:db8::1',
        'svc.example.com TXT': '"heritage=external-dns"',
      },
    ));

  it('73, 74: a target that is no address is left out, and a name that has only CNAMEs has no address', () =>
    checkData(
      [
        dnsEndpoint('ns1/a', ['a.example.com A not-an-ip|192.0.2.5']),
        dnsEndpoint('ns1/b', ['b.example.com CNAME a.example.com']),
      ],
      { 'a.example.com': '192.0.2.5', 'b.example.com': 'NXDOMAIN', 'none.example.com': 'NXDOMAIN' },
    ));

  it('75: an address of a Gateway that has no type is an IP address', () =>
    checkData([gateway('ns1/gw-1', ['=192.0.2.1']), route('HTTPRoute', 'ns1/a', ['a.example.com'], ['gw-1'])], {
      'a.example.com': '192.0.2.1',
    }));

  it('76, 77: a route has the addresses of all its Gateways', () =>
    checkData(
      [
        gateway('ns1/gateway-one', ['198.51.100.4']),
        gateway('ns1/gateway-two', ['198.51.100.5']),
        route('HTTPRoute', 'ns1/both', ['both.example.com'], ['gateway-one', 'gateway-two']),
        route('HTTPRoute', 'ns1/none', ['none.example.com'], ['gateway-wrong']),
      ],
      { 'both.example.com': '198.51.100.4, 198.51.100.5', 'none.example.com': 'NXDOMAIN' },
    ));

  it('78, 79: kinds that are not known are left out', async () => {
    const objects = [ingress('ns1/a', ['a.example.com'], ['192.0.0.1']), balancer('ns1/svc', ['192.0.0.2'])];
    await checkData(
      objects,
      { 'a.example.com': '192.0.0.1', 'svc.ns1.example.com': 'NXDOMAIN' },
      { resources: 'Ingress UnknownThing' },
    );
    for (const resources of ['Pod', 'Gateway', 'ingress']) {
      const { planned } = run(objects, { resources });
      assert.deepEqual(
        planned.clusters.map(({ kinds }) => kinds),
        [[]],
      );
      await checkData(
        objects,
        {
          'a.example.com': 'NXDOMAIN',
          'example.com SOA': await run(objects, { resources }).data('example.com', 'SOA'),
        },
        { resources },
      );
    }
  });
});
