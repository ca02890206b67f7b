/** Ingresses, load balancers, routes, DNSEndpoints and Nodes of real API servers, with the definitions that their projects publish. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { applyTransfer } from '../kit/dns-client.ts';
import { checkHistory, readObjectEvents } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { type Asked, addressReply, replyTo, startUpstream } from '../kit/upstream.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers, checkChange, checkStartWithout } from '../kit/zone-check.ts';
import { ZoneObserver } from '../kit/zone-observer.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { installDefinitions } from './definitions.ts';
import {
  balancer,
  dnsEndpoint,
  gateway,
  gatewayAddresses,
  ingress,
  loadBalancerService,
  route,
  setStatus,
} from './gateway-objects.ts';
import { HTTP_PORT, namespace, service } from './objects.ts';
import { clusterRole, createAccount } from './rights.ts';

const binaries = await ensureBinaries();
const ZONE = 'example.com.';
/** What may be asked for again every half a minute only, and on a busy machine. */
const LONG = 120_000;

const corefile = (stanza: string) => `
.:{{dns}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{ready}}
    prometheus 127.0.0.1:{{metrics}}
    k8s_gateway ${ZONE} {
        ${stanza.trim().replaceAll('\n', '\n        ')}
    }
    transfer {
        to *
    }
}
`;

const data = (of: TestServer, name: string, type = 'A') => of.dns.data(name === '' ? ZONE : `${name}.${ZONE}`, type);

const becomes = (of: TestServer, name: string, type: string, wanted: string) =>
  of.becomes(name === '' ? ZONE : `${name}.${ZONE}`, type, wanted);

describe('gateway zones of a real cluster with all kinds', {
  skip: binaries ? false : 'no Go tool chain to build kube-apiserver with',
}, () => {
  let cluster: Cluster;
  let server: TestServer;
  let observer: ZoneObserver;

  const remove = (kind: string, name: string) => cluster.kubectl(['delete', kind, name, '--namespace', 'shop']);
  const status = (name: string, value: object) => setStatus(cluster, 'shop', name, value);

  before(async () => {
    if (!binaries) return;
    cluster = await startCluster({ name: 'gateway', binaries });
    await installDefinitions(cluster, ['GatewayClass', 'Gateway', 'HTTPRoute', 'TLSRoute', 'GRPCRoute', 'DNSEndpoint']);
    await cluster.applyObjects([
      namespace('shop'),
      loadBalancerService('shop', 'zonelog'),
      ingress('shop', 'first', 'first'),
    ]);
    await status('service/zonelog', balancer('192.0.2.53'));
    server = await TestServer.start({
      corefile: corefile(`kubeconfig ${cluster.kubeconfig}
resources HTTPRoute TLSRoute GRPCRoute Ingress Service DNSEndpoint Node
apex zonelog.shop
resolver 127.0.0.1:1`),
    });
    await server.isReady();
    observer = new ZoneObserver(server.dns, ZONE);
    await observer.look();
    observer.watch();
  });
  after(async () => {
    await observer?.stop().catch(() => undefined);
    await server?.close();
    await cluster?.stop();
  });

  test('objects of every kind, made by kubectl, are answered', async () => {
    await cluster.applyObjects([
      ingress('shop', 'web', 'web.example.com', '*.apps.example.com'),
      loadBalancerService('shop', 'mail'),
      loadBalancerService('shop', 'named', { 'coredns.io/hostname': 'a.example.com, b' }),
      service('shop', 'inner', { ports: HTTP_PORT }),
      gateway('shop', 'east'),
      gateway('shop', 'west'),
      route('HTTPRoute', 'shop', 'http', ['east', 'west'], ['http.example.com']),
      route('GRPCRoute', 'shop', 'grpc', ['east'], ['grpc.example.com']),
      route('TLSRoute', 'shop', 'tls', ['west'], ['tls.example.com']),
      dnsEndpoint(
        'shop',
        'static',
        'static.example.com A 192.0.2.70',
        'static.example.com TXT hello',
        'six.example.com AAAA 2001:db8::70',
      ),
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
    ]);
    await status('ingress/web', balancer('192.0.2.1', '2001:db8::1'));
    await status('service/mail', balancer('192.0.2.25'));
    await status('service/named', balancer('192.0.2.26'));
    await status('gateway/east', gatewayAddresses('192.0.2.40'));
    await status('gateway/west', gatewayAddresses('192.0.2.41'));
    const addresses = [
      { type: 'Hostname', address: 'node-1' },
      { type: 'InternalIP', address: '10.0.0.1' },
      { type: 'ExternalIP', address: '192.0.2.101' },
    ];
    await status('node/node-1', { addresses });
    for (const [name, type, wanted] of [
      ['web', 'A', '192.0.2.1'],
      ['web', 'AAAA', '2001:db8::1'],
      ['any.apps', 'A', '192.0.2.1'],
      ['mail.shop', 'A', '192.0.2.25'],
      ['a', 'A', '192.0.2.26'],
      ['b', 'A', '192.0.2.26'],
      ['http', 'A', '192.0.2.40, 192.0.2.41'],
      ['grpc', 'A', '192.0.2.40'],
      ['tls', 'A', '192.0.2.41'],
      ['static', 'A', '192.0.2.70'],
      ['static', 'TXT', '"hello"'],
      ['six', 'AAAA', '2001:db8::70'],
      ['node-1', 'A', '10.0.0.1'],
      ['inner.shop', 'A', 'NXDOMAIN'],
      ['named.shop', 'A', 'NXDOMAIN'],
      ['first', 'A', 'NXDOMAIN'],
      ['', 'NS', `zonelog.shop.${ZONE}`],
      ['zonelog.shop', 'A', '192.0.2.53'],
    ] as const) {
      await becomes(server, name, type, wanted);
    }
    const { records } = await checkAnswers(server.dns, ZONE);
    assert.equal(records.length, 17, records.join('\n'));
  });

  test('each change is a serial, an increment, and what a secondary makes of it is the zone', async () => {
    const apply =
      (...objects: object[]) =>
      () =>
        cluster.applyObjects(objects);
    const ignored = { metadata: { labels: { 'k8s-gateway.dns/ignore': 'true' } } };
    const ignore = [
      'patch',
      'ingress',
      'web',
      '--namespace',
      'shop',
      '--type',
      'merge',
      '--patch',
      JSON.stringify(ignored),
    ];
    const steps: [change: () => Promise<unknown>, name: string, type: string, wanted: string][] = [
      [() => status('ingress/web', balancer('192.0.2.2')), 'web', 'A', '192.0.2.2'],
      [apply(ingress('shop', 'web', 'www.example.com')), 'www', 'A', '192.0.2.2'],
      [() => cluster.kubectl(ignore), 'www', 'A', 'NXDOMAIN'],
      [() => status('service/mail', balancer('192.0.2.25', '2001:db8::25')), 'mail.shop', 'AAAA', '2001:db8::25'],
      [apply(loadBalancerService('shop', 'named', { 'coredns.io/hostname': 'c' })), 'c', 'A', '192.0.2.26'],
      [() => status('gateway/east', gatewayAddresses('192.0.2.42')), 'http', 'A', '192.0.2.41, 192.0.2.42'],
      [apply(route('TLSRoute', 'shop', 'tls', ['east'], ['tls.example.com'])), 'tls', 'A', '192.0.2.42'],
      [() => remove('gateway', 'west'), 'http', 'A', '192.0.2.42'],
      [() => remove('grpcroute', 'grpc'), 'grpc', 'A', 'NXDOMAIN'],
      [apply(dnsEndpoint('shop', 'static', 'static.example.com A 192.0.2.71')), 'static', 'A', '192.0.2.71'],
      [() => remove('dnsendpoint', 'static'), 'static', 'TXT', 'NXDOMAIN'],
      [() => cluster.kubectl(['delete', 'node', 'node-1']), 'node-1', 'A', 'NXDOMAIN'],
      [() => status('service/zonelog', balancer('192.0.2.54')), 'zonelog.shop', 'A', '192.0.2.54'],
      [() => cluster.kubectl(['delete', 'service', 'named', '--namespace', 'shop']), 'c', 'A', 'NXDOMAIN'],
    ];
    for (const [change, name, type, wanted] of steps) {
      await checkChange(server.dns, ZONE, async () => {
        await change();
        await becomes(server, name, type, wanted);
      });
    }
  });

  test('a load balancer with a host name follows its TTL, stays when the resolver fails, and goes when that denies it', async () => {
    let reply: (asked: Asked) => Buffer = (asked) => addressReply(asked, '192.0.2.77', 1);
    const resolver = await startUpstream((asked) =>
      asked.query.questions?.[0]?.type === 'A' ? reply(asked) : replyTo(asked, {}),
    );
    await cluster.applyObjects([ingress('shop', 'named', 'cloud.example.com')]);
    await status('ingress/named', balancer('lb.cloud.test'));
    const own = await TestServer.start({
      corefile: corefile(`kubeconfig ${cluster.kubeconfig}
resources Ingress
resolver 127.0.0.1:${resolver.port}`),
    });
    try {
      await becomes(own, 'cloud', 'A', '192.0.2.77');
      await checkChange(own.dns, ZONE, async () => {
        reply = (asked) => addressReply(asked, '192.0.2.78', 1);
        await becomes(own, 'cloud', 'A', '192.0.2.78');
      });
      reply = (asked) => replyTo(asked, { rcode: 2 });
      await eventually(
        () => own.metric('zonelog_host_names_failing'),
        (count) => count === 1,
        'the lookup fails',
        LONG,
      );
      assert.equal(await data(own, 'cloud'), '192.0.2.78');
      reply = (asked) => replyTo(asked, { rcode: 3 });
      await becomes(own, 'cloud', 'A', 'NXDOMAIN');
      checkHistory(own.database, ZONE);
      await remove('ingress', 'named');
      // The other server has to have seen it too: the next test counts its events.
      await eventually(
        () => readObjectEvents(server.database).at(-1),
        (last) => last?.kind === 'IngressDeleted' && last.key === 'shop/named',
        'the log has the deletion',
        LONG,
      );
    } finally {
      await own.close();
      await resolver.stop();
    }
  });

  test('what has no part in DNS is no event', async () => {
    const events = readObjectEvents(server.database).length;
    const conditions = [
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
    ];
    await status('gateway/east', { conditions });
    await cluster.kubectl(['label', 'httproute', 'http', '--namespace', 'shop', 'mood=good']);
    await cluster.kubectl(['annotate', 'service', 'mail', '--namespace', 'shop', 'mood=good']);
    await cluster.applyObjects([dnsEndpoint('shop', 'mark', 'mark.example.com A 192.0.2.99')]);
    await becomes(server, 'mark', 'A', '192.0.2.99');
    assert.deepEqual(
      readObjectEvents(server.database)
        .slice(events)
        .map(({ object, key }) => `${object} ${key}`),
      ['DNSEndpoint shop/mark'],
    );
  });

  test('the history holds, and a start without the API server answers as before', async () => {
    await observer.stop();
    assert.ok(observer.versions.length > 14, `${observer.versions.length} versions were seen`);
    assert.ok((await observer.checkIncrements()) > 0);
    await checkStartWithout(server, ZONE, () => cluster.stopApi());
    assert.equal(await data(server, 'http'), '192.0.2.42');
    assert.equal(await data(server, 'www'), 'NXDOMAIN');
  });
});

describe('gateway zones of a real cluster that lacks something', {
  skip: binaries ? false : 'no Go tool chain to build kube-apiserver with',
}, () => {
  let cluster: Cluster;
  const servers: TestServer[] = [];

  const start = async (stanza: string) => {
    const server = await TestServer.start({ corefile: corefile(stanza) });
    servers.push(server);
    return server;
  };
  const verbose = (of: TestServer) => of.http('ready', '/ready?verbose').then(({ body }) => body);
  const lacking = (of: TestServer, kind: string) => of.metric('zonelog_cluster_lacking', { kind });
  /** Answers may be there before the state that is told. */
  const hasAll = (of: TestServer) =>
    eventually(
      async () => ({ body: await verbose(of), count: await of.metric('zonelog_cluster_lacking') }),
      ({ body, count }) => body !== '' && !/nothing is served/.test(body) && count === 0,
      'nothing is missing',
      LONG,
    );

  before(async () => {
    if (!binaries) return;
    cluster = await startCluster({ name: 'bare', binaries });
    await cluster.applyObjects([
      namespace('shop'),
      ingress('shop', 'web', 'web.example.com'),
      loadBalancerService('shop', 'mail'),
      { ...loadBalancerService('shop', 'pods', { 'k8s-gateway.dns/resolve-endpoints': 'true' }) },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'pods-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'pods' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.1.0.1'] }],
      },
    ]);
    await setStatus(cluster, 'shop', 'ingress/web', balancer('192.0.2.1'));
    await setStatus(cluster, 'shop', 'service/mail', balancer('192.0.2.25'));
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await cluster?.stop();
  });

  test('without definitions the rest is served, and says what is missing; installed later, they are served too', async () => {
    const server = await start(`kubeconfig ${cluster.kubeconfig}
resources HTTPRoute Ingress Service DNSEndpoint`);
    await server.isReady();
    assert.equal(await data(server, 'web'), '192.0.2.1');
    assert.equal(await data(server, 'mail.shop'), '192.0.2.25');
    assert.equal(await data(server, 'pods.shop'), '10.1.0.1');
    assert.equal(await data(server, 'none'), 'NXDOMAIN');
    for (const kind of ['HTTPRoute', 'Gateway', 'DNSEndpoint']) {
      assert.match(await verbose(server), new RegExp(`nothing is served of ${kind}`));
      assert.equal(await lacking(server, kind), 1, kind);
    }
    assert.equal(await lacking(server, 'Ingress'), 0);
    const old = await checkAnswers(server.dns, ZONE);

    await installDefinitions(cluster, ['GatewayClass', 'Gateway', 'HTTPRoute', 'DNSEndpoint']);
    await cluster.applyObjects([
      gateway('shop', 'east'),
      route('HTTPRoute', 'shop', 'web', ['east'], ['web.example.com', 'http.example.com']),
      dnsEndpoint('shop', 'static', 'static.example.com A 192.0.2.70'),
    ]);
    await setStatus(cluster, 'shop', 'gateway/east', gatewayAddresses('192.0.2.40'));
    await becomes(server, 'http', 'A', '192.0.2.40');
    await becomes(server, 'static', 'A', '192.0.2.70');
    assert.equal(await data(server, 'web'), '192.0.2.40', 'the first of `resources` has its way');
    await hasAll(server);
    assert.equal(await lacking(server, 'HTTPRoute'), 0);
    assert.deepEqual(applyTransfer(old, await server.dns.ixfr(ZONE, old.serial)), await checkAnswers(server.dns, ZONE));
    checkHistory(server.database, ZONE);
  });

  test('an account that may not see endpoint slices: only what is made of them is missing', async () => {
    const rights = ['services', 'networking.k8s.io/ingresses'];
    const server = await start(`kubeconfig ${await createAccount(cluster, 'shop', 'no-slices', rights)}
resources Ingress Service`);
    await server.printed(/\[WARNING\] .*endpointslices.*(403|forbidden)/i);
    await server.isReady();
    assert.equal(await data(server, 'web'), '192.0.2.1');
    assert.equal(await data(server, 'mail.shop'), '192.0.2.25');
    assert.notEqual(await data(server, 'pods.shop'), '10.1.0.1');
    assert.match(await verbose(server), /nothing is served of EndpointSlice: .*forbidden/i);
    assert.equal(await lacking(server, 'EndpointSlice'), 1);
    await checkAnswers(server.dns, ZONE);
    // The right is given later.
    await cluster.applyObjects([clusterRole('no-slices', [...rights, 'discovery.k8s.io/endpointslices'])]);
    await becomes(server, 'pods.shop', 'A', '10.1.0.1');
    await hasAll(server);
    assert.equal(await lacking(server, 'EndpointSlice'), 0);
  });

  test('a missing right for one kind costs that kind alone', async () => {
    const rights = ['networking.k8s.io/ingresses', 'discovery.k8s.io/endpointslices'];
    const server = await start(`kubeconfig ${await createAccount(cluster, 'shop', 'no-services', rights)}
resources Ingress Service Node`);
    await server.isReady();
    assert.equal(await data(server, 'web'), '192.0.2.1');
    assert.notEqual(await data(server, 'mail.shop'), '192.0.2.25');
    assert.equal(await lacking(server, 'Service'), 1);
    assert.equal(await lacking(server, 'Node'), 1);
    assert.equal(await lacking(server, 'Ingress'), 0);
    await setStatus(cluster, 'shop', 'ingress/web', balancer('192.0.2.2'));
    await becomes(server, 'web', 'A', '192.0.2.2');
  });
});
