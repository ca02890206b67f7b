/**
 * The Corefiles of the peers' READMEs, as they stand in examples/: what changes are ports, and the paths of the kubeconfig
 * and of resolv.conf. Those without a kubeconfig run as in a pod, with a service account, against an API server with TLS.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { parseManifests } from '../../src/demo/manifests.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { CA, CERTIFICATE, KEY } from '../kit/certificates.ts';
import { exportedSlice, importObject, namespaceObject } from '../kit/mcs-objects.ts';
import { hasPrivateMounts, TestServer } from '../kit/server.ts';
import { replyTo, startUpstream, type Upstream } from '../kit/upstream.ts';
import { eventually } from '../kit/wait.ts';
import { adapt } from './doc.ts';

const EXAMPLES = path.join(import.meta.dirname, '..', '..', 'examples');
const BOUND = { '.:53 {': '.:{{dns}} {\n    bind 127.0.0.1\n    ready 127.0.0.1:{{ready}}' };
const TOKEN = 'of-the-pod';

function balancer(key: string, ...addresses: string[]): KubeObject {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'LoadBalancer', clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    status: { loadBalancer: { ingress: addresses.map((ip) => ({ ip })) } },
  };
}

const OBJECTS: readonly KubeObject[] = [
  ...['default', 'shop', 'infra', 'kube-system'].map((name) => namespaceObject(name)),
  importObject('shop/web', { ips: ['10.42.0.80'], ports: ['http/tcp/80'] }),
  importObject('shop/db', { ports: ['sql/tcp/5432'] }),
  exportedSlice('shop/db-1', {
    of: 'db',
    from: 'west',
    endpoints: ['10.2.0.1 db-0', '10.2.0.2'],
    ports: ['sql/tcp/5432'],
  }),
  balancer('shop/front', '192.0.2.80'),
  balancer('infra/ns1', '192.0.2.51'),
  balancer('infra/ns2', '192.0.2.52', '2001:db8::52'),
  balancer('kube-system/exdns-1-k8s-gateway', '198.51.100.1'),
  balancer('kube-system/exdns-2-k8s-gateway', '203.0.113.11'),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'inner', namespace: 'shop' },
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.80', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { rules: [{ host: 'www.example.com' }, { host: 'shop.example.com' }] },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }] } },
  },
];

describe('Corefiles of the READMEs', {
  skip: hasPrivateMounts ? false : 'no mounts of its own for a service account',
}, () => {
  const api = new FixtureApiServer({ objects: OBJECTS });
  /** As a pod sees it: with TLS, and only with the token. */
  const guarded = new FixtureApiServer({ objects: OBJECTS, token: TOKEN });
  let front: Server;
  let upstream: Upstream;
  const servers: TestServer[] = [];

  before(async () => {
    upstream = await startUpstream((asked) => {
      const { name = '', type = '' } = asked.query.questions?.[0] ?? {};
      if (type === 'PTR') return replyTo(asked, { answers: [{ name, type, ttl: 300, data: 'elsewhere.example.net' }] });
      return replyTo(asked, { answers: type === 'A' ? [{ name, type, ttl: 300, data: '192.0.2.200' }] : [] });
    });
    const [, { url }] = await Promise.all([api.start(), guarded.start()]);
    front = createServer({ key: KEY, cert: CERTIFICATE }, (socket) => {
      const inner = connect(Number(new URL(url).port), '127.0.0.1');
      socket.on('error', () => inner.destroy()).on('close', () => inner.destroy());
      inner.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });
    await once(front.listen(0, '127.0.0.1'), 'listening');
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all([api.stop(), guarded.stop(), upstream.stop()]);
    front.close();
  });

  /** Starts an example, with these texts replaced; every one of them must be there. */
  const start = async (file: string, changes: Readonly<Record<string, string>>) => {
    const corefile = adapt(readFileSync(path.join(EXAMPLES, file), 'utf8'), changes);
    const { port } = front.address() as AddressInfo;
    const isPod = !corefile.includes('kubeconfig');
    const server = await TestServer.prepare({
      corefile,
      ...(isPod && {
        env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
        serviceAccount: { token: TOKEN, 'ca.crt': CA },
      }),
    });
    servers.push(server);
    const contexts = ['east', 'west'].map((name) => ({ name, context: { cluster: name, user: 'user' } }));
    const config = {
      clusters: [
        { name: 'east', cluster: { server: api.url } },
        { name: 'west', cluster: { server: 'http://127.0.0.1:1' } },
      ],
      users: [{ name: 'user', user: { token: 'any' } }],
      contexts,
      // With `east` named in the Corefile the current one must not count.
      'current-context': corefile.includes('/config east') ? 'west' : 'east',
    };
    writeFileSync(path.join(server.folder, 'config'), JSON.stringify(config));
    server.spawn();
    await server.answers();
    await eventually(
      () => server.http('ready'),
      ({ status }) => status === 200,
      `${file} is ready:\n${server.said()}`,
      60_000,
    );
    return server;
  };
  const upstreamOf = () => ({ '/etc/resolv.conf': `127.0.0.1:${upstream.port}` });
  const IMPORTS = 'shop.svc.clusterset.local';

  test('the plugins are listed', () => {
    const program = path.join(EXAMPLES, '..', 'bin', 'zonelog');
    const listed = execFileSync(program, ['-plugins'], { encoding: 'utf8' }).split('\n');
    for (const name of ['kubernetes', 'kubernetai', 'multicluster', 'k8s_gateway'])
      assert.ok(listed.includes(name), name);
  });

  test('multicluster alone', async () => {
    const { dns } = await start('corefiles/readme/multicluster.Corefile', BOUND);
    assert.equal(await dns.data(`web.${IMPORTS}`, 'A'), '10.42.0.80');
    assert.equal(await dns.data(`web.${IMPORTS}`, 'AAAA'), 'NODATA');
    assert.equal(await dns.data(`_http._tcp.web.${IMPORTS}`, 'SRV'), `0 100 80 web.${IMPORTS}.`);
    assert.equal(await dns.data(`db.${IMPORTS}`, 'A'), '10.2.0.1, 10.2.0.2');
    assert.equal(await dns.data(`db-0.west.db.${IMPORTS}`, 'A'), '10.2.0.1');
    assert.equal(await dns.data('dns-version.clusterset.local', 'TXT'), '"1.1.0"');
    assert.equal(await dns.data(`none.${IMPORTS}`, 'A'), 'NXDOMAIN');
    assert.match(await dns.data('www.example.net', 'A'), /^(REFUSED|SERVFAIL)$/);
    assert.ok(guarded.requests.every(({ headers }) => headers.authorization === `Bearer ${TOKEN}`));
  });

  test('multicluster beside kubernetes, and all that a cluster has', async () => {
    const server = await start('corefiles/readme/multicluster-kubernetes.Corefile', {
      ...BOUND,
      ...upstreamOf(),
      '    health\n': '    health 127.0.0.1:{{health}}\n',
      'prometheus :9153': 'prometheus 127.0.0.1:{{metrics}}',
    });
    const { dns } = server;
    assert.equal(await dns.data(`web.${IMPORTS}`, 'A'), '10.42.0.80');
    assert.equal(await dns.data('inner.shop.svc.cluster.local', 'A'), '10.96.0.80');
    assert.equal(await dns.data('10-1-2-3.shop.pod.cluster.local', 'A'), '10.1.2.3');
    assert.equal(await dns.data('80.0.96.10.in-addr.arpa', 'PTR'), 'inner.shop.svc.cluster.local.');
    assert.equal(await dns.data('9.9.9.10.in-addr.arpa', 'PTR'), 'elsewhere.example.net.');
    assert.equal(await dns.data('none.shop.svc.cluster.local', 'A'), 'NXDOMAIN');
    const { message } = await dns.ask('www.example.net', 'A');
    assert.equal(message.answer[0]?.ttl, 30, 'cache 30 caps 300');
    await eventually(
      async () => (await dns.ask(`db.${IMPORTS}`, 'A')).message.answer[0]?.rdata,
      (first) => first?.type === 'A' && first.address === '10.2.0.2',
      'loadbalance brings the second address to the front',
    );
    assert.equal((await server.http('health')).status, 200);
    assert.ok((await server.metric('coredns_dns_requests_total')) > 5);
  });

  test('multicluster with every option', async () => {
    const requests = api.requests.length;
    const server = await start('corefiles/readme/multicluster-options.Corefile', {
      ...BOUND,
      ...upstreamOf(),
      '/.kube/config': '{{folder}}/config',
    });
    const { dns } = server;
    assert.equal(await dns.data(`web.${IMPORTS}`, 'A'), '10.42.0.80');
    assert.equal(await dns.data(`web.${IMPORTS}`, 'TXT'), 'NODATA', 'only missing names fall through');
    assert.equal(await dns.data(`db-0.west.db.${IMPORTS}`, 'A'), '192.0.2.200');
    assert.ok(api.requests.slice(requests).every(({ url }) => !url.includes('endpointslices')));
    // Without fallthrough they are NXDOMAIN.
    server.writeCorefile(
      `.:{{dns}} {\n bind 127.0.0.1\n multicluster clusterset.local {\n kubeconfig {{folder}}/config east\n noendpoints\n }\n}\n`,
    );
    await server.stop();
    server.spawn();
    await server.becomes(`web.${IMPORTS}`, 'A', '10.42.0.80');
    for (const name of ['db', 'db-0.west.db']) assert.equal(await dns.data(`${name}.${IMPORTS}`, 'A'), 'NXDOMAIN');
  });

  test('k8s_gateway with its zone alone', async () => {
    const { dns } = await start('corefiles/readme/k8s_gateway.Corefile', BOUND);
    assert.equal(await dns.data('www.example.com', 'A'), '192.0.2.1, 192.0.2.2');
    assert.equal(await dns.data('front.shop.example.com', 'A'), '192.0.2.80');
    assert.equal(await dns.data('inner.shop.example.com', 'A'), 'NXDOMAIN', 'not for a ClusterIP');
    assert.equal(await dns.data('www.example.com', 'AAAA'), 'NODATA');
    assert.equal((await dns.ask('www.example.com', 'A')).message.answer[0]?.ttl, 60);
    assert.equal(await dns.data('example.com', 'NS'), 'dns1.kube-system.example.com.');
  });

  test('k8s_gateway with every option', async () => {
    const { dns } = await start('corefiles/readme/k8s_gateway-options.Corefile', {
      ...BOUND,
      ...upstreamOf(),
      '/.kube/config': '{{folder}}/config',
    });
    assert.equal(await dns.data('shop.example.com', 'A'), '192.0.2.1, 192.0.2.2');
    assert.equal((await dns.ask('shop.example.com', 'A')).message.answer[0]?.ttl, 10);
    assert.equal(await dns.data('example.com', 'NS'), 'ns1.infra.example.com., ns2.infra.example.com.');
    const { message } = await dns.ask('example.com', 'NS');
    const glue = message.additional.flatMap(({ owner, rdata }) =>
      'address' in rdata ? [`${owner} ${rdata.address}`] : [],
    );
    assert.deepEqual(glue.sort(), [
      'ns1.infra.example.com. 192.0.2.51',
      'ns2.infra.example.com. 192.0.2.52',
      'ns2.infra.example.com. 2001:db8::52',
    ]);
    assert.equal(await dns.data('none.example.com', 'A'), '192.0.2.200', 'falls through');
    assert.equal(await dns.data('shop.example.com', 'TXT'), 'NODATA', 'does not');
    assert.equal(await dns.serial('example.com'), await dns.serial('example.com', { tcp: true }));
  });

  test('k8s_gateway as one of a pair', async () => {
    const { dns } = await start('corefiles/readme/k8s_gateway-dual.Corefile', {
      ...BOUND,
      '/.kube/config': '{{folder}}/config',
    });
    assert.equal(await dns.data('www.example.com', 'A'), '192.0.2.1, 192.0.2.2');
    assert.equal((await dns.ask('www.example.com', 'A')).message.answer[0]?.ttl, 30);
    assert.equal(await dns.data('front.shop.example.com', 'A'), 'NXDOMAIN', 'resources are Ingresses alone');
    assert.equal(
      await dns.data('example.com', 'NS'),
      'exdns-1-k8s-gateway.kube-system.example.com., exdns-2-k8s-gateway.kube-system.example.com.',
    );
    assert.equal(await dns.data('none.example.com', 'A'), 'NXDOMAIN');
  });

  test('the objects to try it with', async () => {
    const { objects } = parseManifests(readFileSync(path.join(EXAMPLES, 'k8s_gateway/test/test.yml'), 'utf8'));
    for (const object of objects) api.apply(object);
    const { dns } = await start('k8s_gateway/test/Corefile', {
      ':5053 {': ':{{dns}} {\n    ready 127.0.0.1:{{ready}}',
      'kubeconfig kubeconfig.yaml': 'kubeconfig {{folder}}/config',
    });
    for (const host of ['myservicea', 'myserviceb']) assert.equal(await dns.data(`${host}.foo.org`, 'A'), '172.18.0.2');
    assert.equal(await dns.data('test.default.foo.org', 'A'), '192.168.1.241');
  });
});
