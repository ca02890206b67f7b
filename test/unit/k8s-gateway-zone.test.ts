/** What k8s_gateway does better than the peer with its zone as a whole: name servers, missing names, several stanzas. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recordsOf } from '../../src/dns/rrset.ts';
import { soaRecord, zoneRRsets } from '../../src/projection/zone.ts';
import { upsert } from '../kit/cluster-events.ts';
import { checkGateway as check, runGateway as run } from '../kit/gateway-blocks.ts';
import { balancer, dnsEndpoint, ingress } from '../kit/gateway-objects.ts';
import { zoneLines } from '../kit/given.ts';
import { requestOf, textOf } from '../kit/handlers.ts';
import { simpleDigest } from '../kit/simple-digest.ts';

const NS = balancer('kube-system/dns1', ['192.0.2.53']);

describe('k8s_gateway: name servers', () => {
  const six = balancer('kube-system/dns1', ['192.0.2.53', '2001:db8::53']);

  it('have A and AAAA records, in answers and as glue', async () => {
    const served = run([six]);
    const { additional } = await served.ask('example.com', 'NS');
    assert.deepEqual(additional, [
      'dns1.kube-system.example.com. 60 IN A 192.0.2.53',
      'dns1.kube-system.example.com. 60 IN AAAA 2001:db8::53',
    ]);
    assert.equal(await served.data('dns1.kube-system.example.com', 'AAAA'), '2001:db8::53');
  });

  it('have names of any number of labels, in any letter case', async () => {
    for (const apex of ['ns', 'NS', 'a.b.c.Ns']) {
      await check(
        [ingress('a/a', [apex], ['192.0.2.53'])],
        {
          'example.com NS': `${apex.toLowerCase()}.example.com.`,
          [`${apex}.example.com`]: '192.0.2.53',
          [`${apex}.example.com TXT`]: 'NODATA',
          [`x.${apex}.example.com`]: 'NXDOMAIN',
        },
        { options: `apex ${apex}` },
      );
    }
  });

  it('without any address their names exist all the same', () =>
    check([], { 'dns1.kube-system.example.com': 'NODATA', 'dns1.kube-system.example.com SRV': 'NODATA' }));

  it('may be named as a whole, in the zone or elsewhere', async () => {
    await check(
      [ingress('a/a', ['ns1.example.com', 'www.example.com'], ['192.0.2.53'])],
      { 'example.com NS': 'ns1.example.com.', 'ns1.example.com': '192.0.2.53', 'www.example.com': '192.0.2.53' },
      { options: 'apex ns1.example.com.' },
    );
    const objects = [ingress('a/a', ['www.example.com'], ['192.0.2.1'])];
    const soa = /^ns1\.example\.net\. hostmaster\.ns1\.example\.net\. /;
    const served = run(objects, { options: 'apex ns1.example.net.' });
    assert.equal(await served.data('example.com', 'NS'), 'ns1.example.net.');
    assert.match(await served.data('example.com', 'SOA'), soa);
    assert.equal(await served.data('www.example.com', 'A'), '192.0.2.1');
  });

  it('a name server above the zone hides nothing of it', () =>
    check(
      [ingress('a/a', ['www.sub.example.com'], ['192.0.2.1'])],
      { 'sub.example.com NS': 'example.com.', 'www.sub.example.com': '192.0.2.1', 'no.sub.example.com': 'NXDOMAIN' },
      { zones: 'sub.example.com', options: 'apex example.com.' },
    ));

  it('may have addresses that are written down', async () => {
    const served = run([six], { options: 'apex ns1.example.com. 192.0.2.1 2001:db8::1\nsecondary ns2 192.0.2.2' });
    const { additional } = await served.ask('example.com', 'NS');
    assert.deepEqual(additional, [
      'ns1.example.com. 60 IN A 192.0.2.1',
      'ns1.example.com. 60 IN AAAA 2001:db8::1',
      'ns2.example.com. 60 IN A 192.0.2.2',
    ]);
    assert.equal(await served.data('ns2.example.com', 'A'), '192.0.2.2');
    assert.equal(await served.data('ns1.example.com', 'AAAA'), '2001:db8::1');
  });

  it('the second one is a name like any, with the TTL of `ttl`', async () => {
    const served = run([six, balancer('kube-system/dns2', ['192.0.2.54'])], {
      options: 'secondary dns2.kube-system\nttl 300',
    });
    const { answer } = await served.ask('dns2.kube-system.example.com', 'A');
    assert.deepEqual(answer, ['dns2.kube-system.example.com. 300 IN A 192.0.2.54']);
    const { additional } = await served.ask('example.com', 'NS');
    assert.ok(additional.includes('dns2.kube-system.example.com. 60 IN A 192.0.2.54'));
  });

  it('that are named twice are there once', async () => {
    for (const options of ['secondary DNS1.kube-system', 'secondary dns1.kube-system.example.com.']) {
      const { answer, additional } = await run([NS], { options }).ask('example.com', 'NS');
      assert.deepEqual(answer, ['example.com. 60 IN NS dns1.kube-system.example.com.'], options);
      assert.deepEqual(additional, ['dns1.kube-system.example.com. 60 IN A 192.0.2.53']);
    }
  });

  it('are spelled as they were asked for, and hosts in lower case, that of the zone itself too', async () => {
    const served = run([six, ingress('a/a', ['example.com', 'www'], ['192.0.2.1'])]);
    for (const [asked, type, isLower] of [
      ['EXAMPLE.com', 'NS', false],
      ['EXAMPLE.com', 'SOA', false],
      ['EXAMPLE.com', 'A', true],
      ['WWW.example.com', 'A', true],
      ['DNS1.kube-system.example.com', 'A', false],
    ] as const) {
      const reply = await served.answer(requestOf(asked, type));
      assert.equal(reply.kind === 'reply' && reply.isLowerCase === true, isLower, `${asked} ${type}`);
    }
  });

  it('have the addresses of all kinds together', () =>
    check([six, ingress('a/a', ['dns1.kube-system'], ['192.0.2.54'])], {
      'dns1.kube-system.example.com': '192.0.2.54, 192.0.2.53',
    }));
});

describe('k8s_gateway: zones below', () => {
  const cut = dnsEndpoint('a/a', [
    'sub NS/90 ns1.sub.example.com|ns.example.net',
    'ns1.sub A/80 192.0.2.7',
    'deep.sub NS ns.example.net',
    'old A 192.0.2.8',
    'alias CNAME www.sub.example.com',
    '*.wild NS ns.example.net',
  ]);
  const servers = ['sub.example.com. 90 IN NS ns1.sub.example.com.', 'sub.example.com. 90 IN NS ns.example.net.'];
  const glue = ['ns1.sub.example.com. 80 IN A 192.0.2.7'];

  it('at and below NS records of a DNSEndpoint the answer is whom to ask, with the addresses that are known', async () => {
    const served = run([NS, cut], { options: 'externalDNS\nfallthrough', behind: { rcode: 5 } });
    for (const name of ['sub', 'Sub', 'www.sub', 'ns1.sub', 'a.deep.sub'])
      for (const type of ['A', 'NS', 'SOA', 'MX']) {
        const reply = await served.answer(requestOf(`${name}.example.com`, type));
        assert.ok(reply.kind === 'reply' && !reply.isAuthoritative, `${name} ${type}`);
        const { rcode, answer, authority, additional } = textOf(reply);
        assert.deepEqual([rcode, answer, authority, additional], ['NOERROR', [], servers, glue], `${name} ${type}`);
      }
    assert.equal(await served.data('sub.example.com', 'DS'), 'NODATA');
    assert.equal(await served.data('old.example.com', 'A'), '192.0.2.8');
    assert.equal(await served.data('x.wild.example.com', 'A'), 'REFUSED');
  });

  it('an alias that leads there is answered, and the servers of its target told', async () => {
    const { answer, authority } = await run([NS, cut], { options: 'externalDNS' }).ask('alias.example.com', 'A');
    assert.deepEqual(answer, ['alias.example.com. 60 IN CNAME www.sub.example.com.']);
    assert.deepEqual(authority, servers);
  });

  it('a transfer has the records at and below them all the same (RFC 5936 §3.5)', () => {
    const lines = zoneLines(run([cut], { options: 'externalDNS' }).given.zone('example.com.'));
    assert.deepEqual(
      lines.filter((line) => line.includes('sub.example.com.') && !line.startsWith('alias')),
      [
        'sub.example.com. 90 NS ns1.sub.example.com.',
        'sub.example.com. 90 NS ns.example.net.',
        'deep.sub.example.com. 60 NS ns.example.net.',
        'ns1.sub.example.com. 80 A 192.0.2.7',
      ],
    );
  });

  it('without `externalDNS records` there are none, as the peer has it', () =>
    check([NS, cut], { 'sub.example.com NS': 'NODATA', 'ns1.sub.example.com': '192.0.2.7' }));

  it('a zone of the same stanza below the zone has its hosts, and the zone above its name servers', async () => {
    const hosts = ingress('a/a', ['www.sub.example.com', 'www.example.com', 'y.sub'], ['192.0.2.1']);
    const served = run([NS, hosts], { zones: 'sub.example.com example.com' });
    assert.deepEqual(zoneLines(served.given.zone('example.com.')), [
      'example.com. 60 NS dns1.kube-system.example.com.',
      'dns1.kube-system.example.com. 60 A 192.0.2.53',
      'sub.example.com. 60 NS dns1.kube-system.example.com.',
      'www.example.com. 60 A 192.0.2.1',
    ]);
    assert.ok(zoneLines(served.given.zone('sub.example.com.')).includes('www.sub.example.com. 60 A 192.0.2.1'));
    assert.equal(await served.data('www.sub.example.com', 'A'), '192.0.2.1');
    assert.equal(await served.data('y.sub.example.com', 'A'), 'NXDOMAIN');
    assert.equal(await served.data('sub.example.com', 'NS'), 'dns1.kube-system.sub.example.com.');
  });

  it('a zone that only one of the stanzas has below cuts nothing off', async () => {
    const hosts = ingress('a/a', ['www.sub.example.com'], ['192.0.2.1']);
    const others = 'k8s_gateway example.com {\n resources all\n kubeconfig /k west\n }';
    const served = run([NS, hosts], { zones: 'example.com sub.example.com', options: 'fallthrough', others });
    assert.ok(zoneLines(served.given.zone('example.com.')).includes('www.sub.example.com. 60 A 192.0.2.1'));
  });
});

describe('k8s_gateway: hosts of load balancers that were never resolved', () => {
  const unknown = (name: string) => ingress('a/u', [name], ['lb.example.net']);

  it('make what depends on them SERVFAIL: the names above, and those that a wildcard would hide', async () => {
    await check([NS, unknown('a.b.example.com')], {
      'a.b.example.com': 'SERVFAIL',
      'b.example.com': 'SERVFAIL',
      'c.example.com': 'NXDOMAIN',
    });
    const east = { isOf: (id: string) => id.endsWith('#east'), objects: [NS, unknown('*.example.com')] };
    const west = { isOf: (id: string) => id.endsWith('#west'), objects: [ingress('a/w', ['w'], ['192.0.2.2'])] };
    await check(
      [],
      { 'w.example.com': '192.0.2.2', 'none.example.com': 'SERVFAIL' },
      {
        options: 'kubeconfig /k east\nfallthrough',
        others: 'k8s_gateway example.com {\n resources all\n kubeconfig /k west\n }',
        clusters: [east, west],
      },
    );
  });
});

describe('k8s_gateway: addresses of host names', () => {
  const objects = [
    ingress('a/a', ['www'], ['lb.example.net']),
    ingress('a/b', ['both'], ['lb.example.net', 'slow.example.net', '192.0.2.9']),
    ingress('a/c', ['slow'], ['slow.example.net']),
    ingress('a/d', ['own'], ['localhost']),
  ];

  it('have the TTL that their resolver tells where it is lower, and no others have', async () => {
    const served = run(objects, { options: 'ttl 60\nkubeconfig /k' });
    const cluster = served.planned.plan.zones[0]?.stanzas[0]?.cluster;
    assert.ok(cluster !== undefined);
    served.given.when([
      upsert(cluster, 'ResolvedHost', 'lb.example.net', { addresses: ['192.0.2.1', '2001:db8::1'], ttl: 20 }),
      upsert(cluster, 'ResolvedHost', 'slow.example.net', { addresses: ['192.0.2.2'], ttl: 300 }),
      upsert(cluster, 'ResolvedHost', 'localhost', { addresses: ['127.0.0.1'] }),
    ]);
    const ttls = async (name: string, type = 'A') => {
      const { answer } = await served.ask(`${name}.example.com`, type);
      return answer.map((line) => line.split(' ')[1]).join(' ');
    };
    assert.equal(await ttls('www'), '20');
    assert.equal(await ttls('www', 'AAAA'), '20');
    assert.equal(await ttls('both'), '20 20 20', 'one TTL for a set');
    assert.equal(await ttls('slow'), '60');
    assert.equal(await ttls('own'), '60');
  });
});

describe('k8s_gateway: what is missing', () => {
  it('is put to the next plugin with `fallthrough`, but for SOA and NS of the zone', async () => {
    const given = { options: 'fallthrough', behind: { rcode: 5 } };
    await check(
      [NS, ingress('a/a', ['a.b'], ['192.0.2.1'])],
      {
        'none.example.com': 'REFUSED',
        'none.example.com SOA': 'REFUSED',
        'example.com NS': 'dns1.kube-system.example.com.',
        'example.com': 'REFUSED',
        'example.com TXT': 'REFUSED',
        'b.example.com': 'REFUSED',
        'a.b.example.com TXT': 'NODATA',
        'dns1.kube-system.example.com TXT': 'NODATA',
        'x.dns1.kube-system.example.com': 'NXDOMAIN',
      },
      given,
    );
  });

  it('what follows may not deny a name that exists here', () =>
    check(
      [NS, ingress('a/a', ['a.b'], ['192.0.2.1'])],
      { 'b.example.com': 'NODATA', 'example.com': 'NODATA', 'none.example.com': 'NXDOMAIN' },
      { options: 'fallthrough', behind: { rcode: 3 } },
    ));

  it('before the lists have come a denial by what follows is SERVFAIL, also for the zone itself', () =>
    check(
      [NS],
      { 'none.example.com': 'SERVFAIL', 'example.com': 'SERVFAIL', 'example.com NS': 'dns1.kube-system.example.com.' },
      { options: 'fallthrough', behind: { rcode: 3 }, unlisted: ['Ingress'] },
    ));

  it('before the lists have come what is known is answered', () =>
    check(
      [NS, ingress('a/a', ['a'], ['192.0.2.1'])],
      {
        'a.example.com': '192.0.2.1',
        'none.example.com': 'SERVFAIL',
        'example.com': 'SERVFAIL',
        'example.com MX': 'SERVFAIL',
      },
      { unlisted: ['HTTPRoute'] },
    ));
});

describe('k8s_gateway: several stanzas', () => {
  const east = { isOf: (id: string) => id.endsWith('#east') };
  const west = { isOf: (id: string) => id.endsWith('#west') };
  const clusters = [
    { ...east, objects: [NS, ingress('a/a', ['both', 'east'], ['192.0.2.1'])] },
    { ...west, objects: [ingress('a/a', ['both', 'west', '*.wild'], ['192.0.2.2'])] },
  ];
  const second = (zones = 'example.com') => `k8s_gateway ${zones} {
    resources all
    kubeconfig config west
  }`;

  it('are a chain, each with its own cluster and options', () =>
    check(
      [],
      {
        'both.example.com': '192.0.2.1',
        'east.example.com': '192.0.2.1',
        'west.example.com': '192.0.2.2',
        'x.wild.example.com': '192.0.2.2',
        'none.example.com': 'NXDOMAIN',
      },
      { clusters, options: 'kubeconfig config east\nfallthrough', others: second() },
    ));

  it('without fallthrough the first is the end of it', () =>
    check(
      [],
      { 'east.example.com': '192.0.2.1', 'west.example.com': 'NXDOMAIN' },
      { clusters, options: 'kubeconfig config east', others: second() },
    ));

  it('a name above one that a later stanza has exists, though it is not handed on itself', () =>
    check(
      [],
      { 'wild.example.com': 'NODATA', 'x.wild.example.com': '192.0.2.2', 'west.example.com': 'NXDOMAIN' },
      {
        clusters,
        options: 'kubeconfig config east\nfallthrough x.wild.example.com *.wild.example.com',
        others: second(),
      },
    ));

  it('with zones of their own each serves its own', () =>
    check(
      [],
      { 'east.example.com': '192.0.2.1', 'west.example.net': '192.0.2.2', 'east.example.net': 'NXDOMAIN' },
      { clusters, options: 'kubeconfig config east', others: second('example.net') },
    ));
});

describe('k8s_gateway: a digest of the zone', () => {
  it('is a record of the apex, and leaves what others have there to them', async () => {
    const others = 'transfer {\n to *\n zonemd\n}';
    const behind = { rcode: 0, answer: [] };
    const served = run([NS, ingress('a/a', ['www.example.com'], ['192.0.2.1'])], {
      options: 'fallthrough',
      others,
      behind,
    });
    const zone = served.given.zone('example.com.');
    const records = [soaRecord(zone), ...[...zoneRRsets(zone)].flatMap(recordsOf)];
    const digest = simpleDigest('example.com.', records, 'sha384').toUpperCase();
    assert.equal(await served.data('example.com', 'ZONEMD'), `${zone.serial} 1 1 ${digest}`);
    assert.equal((await served.ask('example.com', 'A')).authority.length, 0, 'the plugin behind was asked');
    assert.equal(await served.data('www.example.com', 'A'), '192.0.2.1');
  });
});
