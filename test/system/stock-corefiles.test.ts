/** The Corefiles that clusters ship with, in a pod's surroundings: nothing of them is changed but ports and addresses. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readManifests } from '../../src/demo/clusters-thread.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { type InCluster, startInCluster } from '../kit/in-cluster.ts';
import { importObject } from '../kit/mcs-objects.ts';
import { hasPrivateMounts, TestServer } from '../kit/server.ts';
import { addressReply, startUpstream, type Upstream } from '../kit/upstream.ts';
import { eventually } from '../kit/wait.ts';

const EXAMPLES = path.join(import.meta.dirname, '..', '..', 'examples');

/** Ports and addresses of a cluster, and what takes their place here. Longer ones first. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  [/:53\b/g, ':{{dns}}'],
  [/\bhealth 169\.254\.20\.10:8080/g, 'health 127.0.0.1:{{health}}'],
  [/\bhealth$/gm, 'health 127.0.0.1:{{health}}'],
  [/\bhealth \{/g, 'health 127.0.0.1:{{health}} {'],
  [/\bready$/gm, 'ready 127.0.0.1:{{ready}}'],
  [/:9[12]53\b/g, '127.0.0.1:{{metrics}}'],
  [/lameduck 5s/g, 'lameduck 0s'],
  [/169\.254\.20\.10 10\.96\.0\.10/g, '127.0.0.1 127.0.0.2'],
  [/\/etc\/coredns\//g, '{{folder}}/'],
];

/** Somewhere in 127.0.0.0/8 where port 53 is free. */
async function startResolver(): Promise<Upstream & { readonly address: string }> {
  for (let attempt = 0; ; attempt++) {
    const address = `127.${70 + (process.pid % 100)}.${process.pid % 250}.${10 + attempt}`;
    try {
      return Object.assign(await startUpstream((asked) => addressReply(asked), { address, port: 53 }), { address });
    } catch (error) {
      if (attempt > 50) throw error;
    }
  }
}

const isPossible = hasPrivateMounts && process.getuid?.() === 0;

describe('stock Corefiles', { skip: !isPossible && 'may not mount or listen on port 53' }, () => {
  const api = new FaultyApiServer({ objects: readManifests(path.join(EXAMPLES, 'demo', 'cluster-a')) });
  let pod: InCluster;
  let resolver: Upstream & { readonly address: string };
  let running: TestServer | undefined;

  before(async () => {
    api.apply(importObject('shop/checkout', { ips: ['10.200.0.7'], ports: ['http/tcp/80'] }));
    const { url } = await api.start();
    pod = await startInCluster(Number(new URL(url).port));
    resolver = await startResolver();
  });
  after(async () => {
    await running?.close();
    pod?.stop();
    await api.stop();
    await resolver?.stop();
  });

  /** Starts the server with a file of examples/; the one before ends. */
  const start = async (name: string, prepare?: (server: TestServer) => void): Promise<TestServer> => {
    await running?.close();
    let corefile = readFileSync(path.join(EXAMPLES, 'corefiles', 'stock', name), 'utf8');
    for (const [what, instead] of PLACES) corefile = corefile.replaceAll(what, instead);
    corefile = corefile.replaceAll('10.96.0.11', resolver.address);
    const files = { ...pod.files, '/etc/resolv.conf': `search lan\nnameserver ${resolver.address}\noptions ndots:1\n` };
    running = await TestServer.prepare({ corefile, env: pod.env, files });
    prepare?.(running);
    running.spawn();
    const { dns } = running;
    // Also where it takes longer than the five seconds for which a start waits for its cluster.
    await eventually(
      async () => ({
        // A name that is there is answered before all is listed; one that is not, is not denied before.
        rcode: await dns.data('nobody.default.svc.cluster.local.', 'A', { timeoutMs: 100 }),
        said: running?.said(),
      }),
      ({ rcode }) => rcode !== 'SERVFAIL',
      `${name} answers`,
    );
    return running;
  };

  /** What every cluster's own server has to answer. */
  const assertCluster = async ({ dns }: TestServer, ttl: number) => {
    const { message } = await dns.ask('checkout.shop.svc.cluster.local.', 'A');
    assert.deepEqual(
      message.answer.map(({ ttl, rdata }) => [ttl, rdata]),
      [[ttl, { type: 'A', address: '10.96.12.7' }]],
    );
    assert.equal(await dns.data('checkout.shop.svc.cluster.local.', 'AAAA'), 'fd00:10:96::c07');
    assert.match(await dns.data('_http._tcp.checkout.shop.svc.cluster.local.', 'SRV'), /^0 \d+ 80 checkout\.shop/);
    assert.equal(await dns.data('nope.shop.svc.cluster.local.', 'A'), 'NXDOMAIN');
    assert.equal(await dns.data('10-1-2-3.shop.pod.cluster.local.', 'A'), '10.1.2.3', 'pods insecure');
    assert.equal(await dns.data('7.12.96.10.in-addr.arpa.', 'PTR'), 'checkout.shop.svc.cluster.local.');
  };

  /** `forward . /etc/resolv.conf`, the second time from the cache. */
  const assertForwarded = async ({ dns }: TestServer, name: string) => {
    const count = () => resolver.asked.filter(({ query }) => query.questions?.[0]?.name === name).length;
    for (const _ of [1, 2]) {
      const { message } = await dns.ask(`${name}.`, 'A');
      assert.deepEqual(
        message.answer.map(({ rdata }) => rdata),
        [{ type: 'A', address: '192.0.2.7' }],
      );
      assert.ok((message.answer[0]?.ttl ?? 99) <= 30, 'cache 30');
    }
    assert.equal(count(), 1, 'it was asked for once');
  };

  const assertObserved = async (server: TestServer, hasReady = true) => {
    assert.deepEqual(await server.http('health'), { status: 200, body: 'OK' });
    if (hasReady) {
      await eventually(
        () => server.http('ready'),
        ({ status }) => status === 200,
        'ready',
      );
    }
    assert.ok((await server.metric('coredns_dns_requests_total')) > 0);
    // That a slow machine takes longer than the five seconds is no fault of the Corefile.
    const said = server
      .said()
      .replaceAll(/^.*(?:starting server with unsynced Kubernetes API|no complete list yet)$/gm, '');
    assert.doesNotMatch(said, /WARNING|ERROR|has no effect/);
  };

  for (const name of ['kubeadm', 'kind']) {
    test(name, async () => {
      const server = await start(`${name}.Corefile`);
      await assertCluster(server, 30);
      await assertForwarded(server, `${name}.example.org`);
      await assertObserved(server);
      assert.equal(await server.dns.data('9.9.9.192.in-addr.arpa.', 'A'), '192.0.2.7', 'fallthrough of reverse zones');
      assert.equal(await server.dns.data('checkout.shop.svc.cluster.local.', 'A'), '10.96.12.7', 'once more');
      const kept = await server.metric('coredns_cache_hits_total', { type: 'success' });
      assert.ok(name === 'kubeadm' ? kept === 1 : kept > 1, `kubeadm keeps only what was forwarded, kind all: ${kept}`);
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    });
  }

  test('k3s', async () => {
    const server = await start('k3s.Corefile', (prepared) => {
      const write = (name: string, text: string) => writeFileSync(path.join(prepared.folder, name), text);
      write('NodeHosts', '192.0.2.44 node-1\n');
      mkdirSync(path.join(prepared.folder, 'custom'));
      write('custom/a.override', 'rewrite name exact old.test node-1\n');
      write('custom/b.server', `own.test:${prepared.port('dns')} {\n  whoami\n}\n`);
    });
    await assertCluster(server, 5);
    assert.equal(await server.dns.data('node-1.', 'A'), '192.0.2.44', 'a node');
    assert.equal((await server.dns.ask('node-1.', 'A')).message.answer[0]?.ttl, 30, 'ttl 60, behind cache 30');
    assert.equal(await server.dns.data('old.test.', 'A'), '192.0.2.44', 'custom/*.override');
    assert.equal(await server.dns.data('x.own.test.', 'A'), 'NODATA', 'custom/*.server');
    await assertForwarded(server, 'k3s.example.org');
    await assertObserved(server);
  });

  test('NodeLocal DNSCache', async () => {
    const server = await start('nodelocaldns.Corefile');
    for (const name of ['a.default.svc.cluster.local', '1.2.0.192.in-addr.arpa', '1.ip6.arpa', 'node.example.org'])
      await assertForwarded(server, name);
    const viaTcp = resolver.asked.filter(({ query }) => query.questions?.[0]?.name === 'a.default.svc.cluster.local');
    assert.deepEqual(
      viaTcp.map(({ via }) => via),
      ['tcp'],
      'force_tcp to the cluster',
    );
    await assertObserved(server, false);
  });

  test('multicluster', async () => {
    const server = await start('multicluster.Corefile');
    await assertCluster(server, 5);
    await eventually(
      () => server.dns.data('checkout.shop.svc.clusterset.local.', 'A'),
      (data) => data === '10.200.0.7',
      'a name of the ClusterSet',
    );
    assert.match(await server.dns.data('_http._tcp.checkout.shop.svc.clusterset.local.', 'SRV'), /^0 \d+ 80 /);
    await server.becomes('nope.shop.svc.clusterset.local.', 'A', 'NXDOMAIN');
    await assertForwarded(server, 'set.example.org');
    await assertObserved(server, false);
  });
});
