/** What k8s_gateway does better than the peer, and what it keeps of it, each by name; the plain examples are in k8s-gateway-examples.test.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkGateway as check, runGateway as run } from '../kit/gateway-blocks.ts';
import { backends, balancer, dnsEndpoint, gateway, ingress, node, route } from '../kit/gateway-objects.ts';
import { zoneLines } from '../kit/given.ts';

const NS = balancer('kube-system/dns1', ['192.0.2.53']);

describe('k8s_gateway: names', () => {
  it('letter case and a final dot do not matter, wherever a host is written', () =>
    check(
      [
        dnsEndpoint('a/a', ['Foo.Example.com. A 192.0.2.1']),
        ingress('a/a', ['Bar.example.COM'], ['192.0.2.2']),
        gateway('a/gw', ['192.0.2.3']),
        route('HTTPRoute', 'a/a', ['BAZ.example.com'], ['gw']),
        node('n', ['Hostname=Node-1', 'InternalIP=10.0.0.1']),
      ],
      {
        'foo.example.com': '192.0.2.1',
        'bar.example.com': '192.0.2.2',
        'baz.example.com': '192.0.2.3',
        'NODE-1.example.com': '10.0.0.1',
      },
    ));

  it('a name relative to the zone is one in every zone; a whole one is so in its own only', () =>
    check(
      [ingress('a/a', ['foo', 'bar.example.com'], ['192.0.2.1'])],
      {
        'foo.example.com': '192.0.2.1',
        'foo.example.net': '192.0.2.1',
        'bar.example.com': '192.0.2.1',
        'bar.example.net': 'NXDOMAIN',
        'bar.example.com.example.net': 'NXDOMAIN',
      },
      { zones: 'example.com example.net' },
    ));

  it('an Ingress whose rules name no host, or an empty one, names nothing', () =>
    check([NS, ingress('a/a', ['', 'b.example.com'], ['192.0.2.1'])], {
      'b.example.com': '192.0.2.1',
      'example.com': 'NODATA',
      'example.com NS': 'dns1.kube-system.example.com.',
    }));

  it('the names above a host exist, above a wildcard and the name server too', () =>
    check([NS, ingress('a/a', ['a.b.c.example.com', '*.w.example.com'], ['192.0.2.1'])], {
      'b.c.example.com': 'NODATA',
      'c.example.com MX': 'NODATA',
      'w.example.com': 'NODATA',
      'kube-system.example.com TXT': 'NODATA',
      'x.c.example.com': 'NXDOMAIN',
    }));

  it('in the root zone too', () =>
    check(
      [NS, ingress('a/a', ['www.example.org'], ['192.0.2.1'])],
      {
        'www.example.org': '192.0.2.1',
        'example.org': 'NODATA',
        'org AAAA': 'NODATA',
        '. NS': 'dns1.kube-system.',
        'dns1.kube-system': '192.0.2.53',
        'x.dns1.kube-system': 'NXDOMAIN',
        net: 'NXDOMAIN',
      },
      { zones: '.' },
    ));
});

describe('k8s_gateway: wildcards', () => {
  const wild = (hosts: readonly string[], address = '192.0.2.9') => ingress(`w/${hosts[0]?.length}`, hosts, [address]);

  it('stand for one level, and not for their parent', () =>
    check([wild(['*.example.com'])], {
      'a.example.com': '192.0.2.9',
      'a.b.example.com': 'NXDOMAIN',
      'example.com': 'NODATA',
      '*.example.com': '192.0.2.9',
    }));

  it('an exact name of a later kind counts before a wildcard of an earlier one', () =>
    check([wild(['*.example.com']), node('n', ['Hostname=a', 'InternalIP=10.0.0.1'])], {
      'a.example.com': '10.0.0.1',
    }));

  it('stand for names that exist without any data', () =>
    check([wild(['*.example.com', 'x.sub.example.com']), ingress('a/b', ['pending.example.com'], [])], {
      'sub.example.com': '192.0.2.9',
      'pending.example.com': '192.0.2.9',
    }));

  it('not for a name that has data of another type', () =>
    check([wild(['*.example.com']), ingress('a/six', ['six.example.com'], ['2001:db8::1'])], {
      'six.example.com': 'NODATA',
      'six.example.com AAAA': '2001:db8::1',
    }));

  it('not for what lies at or below the name server', () =>
    check([NS, wild(['*.kube-system.example.com', '*.dns1.kube-system.example.com'])], {
      'dns1.kube-system.example.com': '192.0.2.53',
      'x.dns1.kube-system.example.com': 'NXDOMAIN',
      'x.kube-system.example.com': '192.0.2.9',
    }));

  it('are transferred as they are', () => {
    const { given } = run([wild(['*.example.com'])]);
    assert.deepEqual(zoneLines(given.zone('example.com.')), [
      'example.com. 60 NS dns1.kube-system.example.com.',
      '*.example.com. 60 A 192.0.2.9',
    ]);
  });
});

describe('k8s_gateway: addresses', () => {
  it('externalIPs that are none are left out, and other Services of the name count', () =>
    check(
      [
        balancer('a/one', ['203.0.113.1'], {
          externalIPs: ['bogus', '198.51.100.1'],
          annotations: { 'coredns.io/hostname': 'web' },
        }),
        balancer('a/two', ['203.0.113.2'], { annotations: { 'coredns.io/hostname': 'web' } }),
        balancer('a/three', ['203.0.113.3'], { externalIPs: ['bogus'] }),
      ],
      { 'web.example.com': '198.51.100.1, 203.0.113.2', 'three.a.example.com': '203.0.113.3' },
    ));

  it('addresses that do not parse are left out', () =>
    check([ingress('a/a', ['a.example.com'], ['ip=300.0.0.1', '192.0.2.1', 'ip=fe80::1%eth0', 'ip='])], {
      'a.example.com': '192.0.2.1',
      'a.example.com AAAA': 'NODATA',
    }));

  it('each parent of a route is taken by itself: its namespace is the route’s unless it names one', () =>
    check(
      [
        gateway('a/gw', ['192.0.2.1']),
        gateway('b/gw', ['192.0.2.2']),
        route('HTTPRoute', 'a/r', ['r.example.com'], ['b/gw', 'gw']),
      ],
      { 'r.example.com': '192.0.2.2, 192.0.2.1' },
    ));

  it('a parent that is no Gateway is passed over', () =>
    check(
      [
        gateway('a/gw', ['192.0.2.1']),
        route('HTTPRoute', 'a/r', ['r.example.com'], [{ group: '', kind: 'Service', name: 'gw' }]),
        route('GRPCRoute', 'a/s', ['s.example.com'], [{ group: 'other.example', kind: 'Gateway', name: 'gw' }]),
      ],
      { 'r.example.com': 'NXDOMAIN', 's.example.com': 'NXDOMAIN' },
    ));

  it('addresses of a Gateway of a type that is not known are passed over', () =>
    check(
      [gateway('a/gw', ['NamedAddress=x', '=192.0.2.1', 'IPAddress=bogus']), route('TLSRoute', 'a/r', ['r'], ['gw'])],
      {
        'r.example.com': '192.0.2.1',
      },
    ));

  it('addresses of both families are A and AAAA, those in IPv4 notation of IPv6 are A', () =>
    check([ingress('a/a', ['a'], ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.2'])], {
      'a.example.com': '192.0.2.1, 192.0.2.2',
      'a.example.com AAAA': '2001:db8::1',
    }));

  it('an address that several objects have is there once', () =>
    check([ingress('a/a', ['a'], ['192.0.2.1']), ingress('b/b', ['a'], ['192.0.2.1', '192.0.2.2'])], {
      'a.example.com': '192.0.2.1, 192.0.2.2',
    }));

  it('endpoints of a Service that has opted in follow its slices', () => {
    const service = balancer('a/s', ['203.0.113.1'], { annotations: { 'k8s-gateway.dns/resolve-endpoints': 'true' } });
    return check([service, backends('a/s-1', 's', ['10.0.0.1', '!10.0.0.2'])], { 's.a.example.com': '10.0.0.1' });
  });

  it('a load balancer that goes by its own host name is not asked for itself', () =>
    check([ingress('a/a', ['a.example.com'], ['a.example.com', '192.0.2.1'])], { 'a.example.com': '192.0.2.1' }));
});

describe('k8s_gateway: classes', () => {
  const objects = [
    ingress('a/of-class', ['of-class'], ['192.0.2.1'], { class: 'public' }),
    ingress('a/legacy', ['legacy'], ['192.0.2.2'], { annotations: { 'kubernetes.io/ingress.class': 'public' } }),
    ingress('a/without', ['without'], ['192.0.2.3']),
    ingress('a/other', ['other'], ['192.0.2.4'], { class: 'Public' }),
    gateway('a/edge', ['192.0.2.5'], { class: 'edge' }),
    gateway('a/inner', ['192.0.2.6'], { class: 'inner' }),
    route('HTTPRoute', 'a/both', ['both'], ['edge', 'inner']),
  ];

  it('an Ingress without class is of none; the annotation of old is one', () =>
    check(
      objects,
      {
        'of-class.example.com': '192.0.2.1',
        'legacy.example.com': '192.0.2.2',
        'without.example.com': 'NXDOMAIN',
        'other.example.com': 'NXDOMAIN',
        'both.example.com': '192.0.2.5, 192.0.2.6',
      },
      { options: 'ingressClasses public more' },
    ));

  it('a route has the addresses of its Gateways of the classes that are named', () =>
    check(
      objects,
      { 'both.example.com': '192.0.2.6', 'without.example.com': '192.0.2.3' },
      { options: 'gatewayClasses inner' },
    ));
});

describe('k8s_gateway: order of kinds', () => {
  const objects = [
    ingress('a/a', ['x', 'six'], ['192.0.2.1']),
    node('n', ['Hostname=x', 'InternalIP=10.0.0.1']),
    dnsEndpoint('a/a', ['x.example.com A 192.0.2.2', 'x.example.com TXT hello', 'six.example.com AAAA 2001:db8::1']),
  ];

  it('the first kind that has anything for a name has all of it', async () => {
    await check(objects, {
      'x.example.com': '192.0.2.1',
      'x.example.com TXT': 'NODATA',
      'six.example.com AAAA': 'NODATA',
    });
    const given = { resources: 'Node DNSEndpoint Ingress' };
    await check(objects, { 'x.example.com': '10.0.0.1', 'six.example.com AAAA': '2001:db8::1' }, given);
    await check(
      objects,
      { 'x.example.com': '192.0.2.2', 'x.example.com TXT': '"hello"' },
      { resources: 'DNSEndpoint Node' },
    );
  });

  it('the last line of `resources` counts', () =>
    check(objects, { 'x.example.com': '10.0.0.1' }, { resources: 'Ingress', options: 'resources Node' }));

  it('a Gateway without an address leaves the name to the next kind', () =>
    check([gateway('a/gw', []), route('HTTPRoute', 'a/r', ['x'], ['gw']), ...objects], {
      'x.example.com': '192.0.2.1',
    }));
});

describe('k8s_gateway: DNSEndpoint', () => {
  it('a name has its own targets, not those of other names of the object', () =>
    check([dnsEndpoint('a/a', ['one A 192.0.2.1', 'two AAAA 2001:db8::2', 'three TXT hello'])], {
      'one.example.com': '192.0.2.1',
      'one.example.com AAAA': 'NODATA',
      'two.example.com': 'NODATA',
      'two.example.com AAAA': '2001:db8::2',
      'two.example.com TXT': 'NODATA',
      'three.example.com': 'NODATA',
      'three.example.com TXT': '"hello"',
    }));

  it('texts of 255 octets and a multiple have no empty one behind them', async () => {
    for (const length of [254, 255, 256, 510, 511]) {
      const served = run([dnsEndpoint('a/a', [`t TXT ${'x'.repeat(length)}`])]);
      const { answer } = await served.ask('t.example.com', 'TXT');
      const texts = (answer[0]?.split(' TXT ')[1] ?? '').split(' ').map((text) => text.length - 2);
      assert.equal(texts.length, Math.ceil(length / 255));
      assert.equal(
        texts.reduce((sum, n) => sum + n),
        length,
      );
    }
  });

  const records = dnsEndpoint('a/a', [
    'alias CNAME/30 www.example.com',
    'www A/120 192.0.2.1',
    'out CNAME www.example.net.',
    'mail MX 10 www.example.com|20 mx.example.net',
    '_sip._udp SRV 5 1 5060 www.example.com',
    'ptr PTR host.example.net',
    'bad MX nonsense|10 ok.example.com',
    'many CNAME a.example.com|b.example.com',
  ]);

  it('other types of records, and TTLs, count with `externalDNS`', () =>
    check(
      [records],
      {
        'alias.example.com CNAME': 'www.example.com.',
        'alias.example.com': 'www.example.com., 192.0.2.1',
        'alias.example.com MX': 'www.example.com.',
        'mail.example.com MX': '10 www.example.com., 20 mx.example.net.',
        '_sip._udp.example.com SRV': '5 1 5060 www.example.com.',
        'ptr.example.com PTR': 'host.example.net.',
        'bad.example.com MX': '10 ok.example.com.',
        'many.example.com CNAME': 'a.example.com.',
        'mail.example.com': 'NODATA',
      },
      { options: 'externalDNS' },
    ));

  it('without it they do not, as the peer has it', () =>
    check([records], {
      'alias.example.com CNAME': 'NXDOMAIN',
      'mail.example.com MX': 'NXDOMAIN',
      'www.example.com': '192.0.2.1',
    }));

  it('TTLs of records and annotations, the lowest of those of a set; else `ttl`', async () => {
    const noted = { annotations: { 'external-dns.alpha.kubernetes.io/ttl': '1m' } };
    const served = run(
      [
        records,
        ingress('a/a', ['noted'], ['192.0.2.1'], noted),
        ingress('a/b', ['noted', 'plain'], ['192.0.2.2']),
        balancer('a/s', ['192.0.2.3'], { annotations: { 'external-dns.alpha.kubernetes.io/ttl': '45' } }),
      ],
      { options: 'externalDNS ttl records\nttl 300' },
    );
    const ttlOf = async (name: string, type = 'A') =>
      (await served.ask(name, type)).answer.map((line) => line.split(' ')[1]);
    assert.deepEqual(await ttlOf('alias.example.com'), ['30', '120']);
    assert.deepEqual(await ttlOf('noted.example.com'), ['60', '60']);
    assert.deepEqual(await ttlOf('plain.example.com'), ['300']);
    assert.deepEqual(await ttlOf('s.a.example.com'), ['45']);
    assert.deepEqual(await ttlOf('mail.example.com', 'MX'), ['300', '300']);
  });

  it('the annotation `target` counts with `externalDNS target`, on whatever has addresses', async () => {
    const noted = (targets: string) => ({ annotations: { 'external-dns.alpha.kubernetes.io/target': targets } });
    const objects = [
      ingress('a/a', ['a'], ['192.0.2.1'], noted('198.51.100.1, 2001:db8::9')),
      balancer('a/s', ['192.0.2.2'], noted('198.51.100.2')),
      gateway('a/gw', ['192.0.2.3'], noted('198.51.100.3')),
      route('HTTPRoute', 'a/r', ['r'], ['gw']),
      route('HTTPRoute', 'a/own', ['own'], ['gw'], noted('198.51.100.4')),
    ];
    await check(
      objects,
      {
        'a.example.com': '198.51.100.1',
        'a.example.com AAAA': '2001:db8::9',
        's.a.example.com': '198.51.100.2',
        'r.example.com': '198.51.100.3',
        'own.example.com': '198.51.100.4',
      },
      { options: 'externalDNS target' },
    );
    await check(objects, {
      'a.example.com': '192.0.2.1',
      's.a.example.com': '192.0.2.2',
      'own.example.com': '192.0.2.3',
    });
  });
});

describe('k8s_gateway: listener host names', () => {
  const objects = [
    gateway('a/gw', ['192.0.2.1'], { listeners: ['web=web.example.com', 'all=*.apps.example.com'] }),
    gateway('a/other', ['192.0.2.2'], { listeners: ['x=other.example.com'] }),
    route('HTTPRoute', 'a/any', [], ['gw']),
    route('HTTPRoute', 'a/one', [], [{ name: 'other', sectionName: 'y' }]),
  ];

  it('are those of routes without hosts, with `listenerHostnames`', () =>
    check(
      objects,
      { 'web.example.com': '192.0.2.1', 'x.apps.example.com': '192.0.2.1', 'other.example.com': 'NXDOMAIN' },
      { options: 'listenerHostnames' },
    ));

  it('without it such routes have no name', () => check(objects, { 'web.example.com': 'NXDOMAIN' }));
});

describe('k8s_gateway: objects beyond measure', () => {
  const many = Array.from({ length: 1_500 }, (_, i) =>
    ingress(`a/i${String(i).padStart(5, '0')}`, ['crowd'], [`10.1.${i >> 8}.${i & 255}`]),
  );

  it('the first thousand objects of one host count, and nothing else suffers', async () => {
    const served = run([...many, ingress('a/other', ['other'], ['192.0.2.1'])]);
    const addresses = (await served.data('crowd.example.com', 'A')).split(', ');
    assert.equal(addresses.length, 1_000);
    assert.ok(addresses.includes('10.1.0.0') && !addresses.includes('10.1.5.219'));
    assert.equal(await served.data('other.example.com', 'A'), '192.0.2.1');
  });
});
