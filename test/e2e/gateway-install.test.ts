/** What examples/k8s_gateway installs, on a real API server: it is accepted, may see what it serves and nothing else, and serves it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseManifests } from '../../src/demo/manifests.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { TestServer } from '../kit/server.ts';
import { checkAnswers } from '../kit/zone-check.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { installDefinitions } from './definitions.ts';
import { balancer, gateway, gatewayAddresses, ingress, route, setStatus } from './gateway-objects.ts';
import { ensureHelm } from './helm.ts';
import { namespace } from './objects.ts';
import { may, waitForRights } from './rights.ts';

const binaries = await ensureBinaries();
const helm = binaries && (await ensureHelm());
const EXAMPLES = join(import.meta.dirname, '../../examples/k8s_gateway');
const MANIFEST = join(EXAMPLES, 'install-clusterwide.yml');
const README = readFileSync(join(EXAMPLES, 'README.md'), 'utf8');

/** The Corefile of a ConfigMap among these objects. */
function corefileOf(objects: readonly KubeObject[]): string {
  const { data } = objects.find(({ kind }) => kind === 'ConfigMap') as KubeObject & { data: { Corefile: string } };
  return data.Corefile;
}

describe('k8s_gateway as its examples install it', {
  skip: binaries ? false : 'no Go tool chain to build kube-apiserver with',
}, () => {
  let cluster: Cluster;
  const servers: TestServer[] = [];

  /** Starts a server with an installed Corefile, and the rights of its account, once it has them. */
  const start = async (corefile: string, account: string) => {
    await waitForRights(cluster, `kube-system:${account}`, ['services', 'ingresses.networking.k8s.io']);
    const kubeconfig = await cluster.serviceAccountKubeconfig('kube-system', account);
    const changes: readonly [RegExp, string][] = [
      [/^\.:53 \{/, '.:{{dns}} {\n    bind 127.0.0.1'],
      [/^ {4}ready$/m, '    ready 127.0.0.1:{{ready}}'],
      [/^ {4}health \{/m, '    health 127.0.0.1:{{health}} {'],
      [/prometheus :9153/, 'prometheus 127.0.0.1:{{metrics}}'],
      [/^( {8})resources /m, `$1kubeconfig ${kubeconfig}\n$1resources `],
    ];
    let adapted = corefile;
    for (const [pattern, text] of changes) {
      assert.match(adapted, pattern);
      adapted = adapted.replace(pattern, text);
    }
    const server = await TestServer.start({ corefile: adapted });
    servers.push(server);
    await server.isReady();
    return server;
  };

  before(async () => {
    if (!binaries) return;
    cluster = await startCluster({ name: 'install', binaries });
    await installDefinitions(cluster, ['GatewayClass', 'Gateway', 'HTTPRoute', 'TLSRoute', 'GRPCRoute', 'DNSEndpoint']);
    await cluster.applyObjects([
      namespace('shop'),
      ingress('shop', 'web', 'web.example.com', 'web.zone.example.com'),
      gateway('shop', 'east'),
      route('HTTPRoute', 'shop', 'http', ['east'], ['http.example.com']),
    ]);
    await setStatus(cluster, 'shop', 'ingress/web', balancer('192.0.2.1'));
    await setStatus(cluster, 'shop', 'gateway/east', gatewayAddresses('192.0.2.40'));
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await cluster?.stop();
  });

  test('the single manifest: accepted, and its account has all that it needs and no more', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', MANIFEST]);
    await setStatus(cluster, 'kube-system', 'service/exdns-k8s-gateway', balancer('198.51.100.1'));
    const everything = [
      ...['services', 'nodes', 'endpointslices.discovery.k8s.io', 'ingresses.networking.k8s.io'],
      ...['gateways', 'httproutes', 'tlsroutes', 'grpcroutes'].map((name) => `${name}.gateway.networking.k8s.io`),
      'dnsendpoints.externaldns.k8s.io',
    ];
    const account = 'kube-system:exdns-k8s-gateway';
    await waitForRights(cluster, account, everything);
    const objects = parseManifests(readFileSync(MANIFEST, 'utf8')).objects;
    const server = await start(corefileOf(objects), 'exdns-k8s-gateway');
    const { body } = await server.http('ready', '/ready?verbose');
    assert.doesNotMatch(body, /nothing is served/);
    assert.equal(await server.metric('zonelog_cluster_lacking'), 0);
    assert.equal(await server.dns.data('web.example.com', 'A'), '192.0.2.1');
    assert.equal(await server.dns.data('http.example.com', 'A'), '192.0.2.40');
    const own = 'exdns-k8s-gateway.kube-system.example.com.';
    assert.equal(await server.dns.data('example.com', 'NS'), own);
    assert.equal(await server.dns.data(own, 'A'), '198.51.100.1');
    for (const resource of everything) assert.equal(await may(cluster, account, 'watch', resource), 'yes', resource);
    for (const resource of ['secrets', 'pods', 'configmaps'])
      assert.equal(await may(cluster, account, 'list', resource), 'no', resource);
    assert.equal(await may(cluster, account, 'delete', 'services'), 'no');
    assert.equal(await may(cluster, account, 'update', 'ingresses.networking.k8s.io'), 'no');
  });

  describe('with Helm', { skip: helm ? false : 'no helm' }, () => {
    /** What a release is made of. @param args as in the README */
    const render = async (args: readonly string[]) => {
      const { stdout } = await promisify(execFile)(helm as string, ['template', ...args], { cwd: EXAMPLES });
      return parseManifests(stdout).objects;
    };
    const install = async (objects: readonly KubeObject[]) =>
      cluster.kubectl(
        ['apply', '--server-side', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      );
    const commands = [...README.matchAll(/^helm install (.*)$/gm)].map(([, args = '']) => args.split(' '));

    test('values become options', async () => {
      const objects = await render([
        ...['r', 'chart', '--namespace', 'dns', '--set', 'domain=a.example b.example', '--set', 'ttl=30'],
        ...['--set', 'resources={Ingress,Service,Node}', '--set', 'filters.ingressClasses={nginx,internal}'],
        ...[
          '--set',
          'filters.gatewayClasses={edge}',
          '--set-json',
          'filters.serviceLabelSelectors=["app in (a,b)","tier=front"]',
        ],
        ...['--set', 'fallthrough.enabled=true', '--set', 'fallthrough.zones={a.example}', '--set', 'cname=true'],
        ...['--set', 'resolvers={192.0.2.53}', '--set', 'transfer={192.0.2.54,192.0.2.55}', '--set', 'apex=ns1.dns'],
        ...['--set-string', 'extraPlugins=forward . 192.0.2.9\nloop'],
      ]);
      assert.equal(
        corefileOf(objects),
        `.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    k8s_gateway a.example b.example {
        apex ns1.dns
        resources Ingress Service Node
        ttl 30
        ingressClasses nginx internal
        gatewayClasses edge
        serviceLabelSelectors "app in (a,b)" "tier=front"
        cname
        resolver 192.0.2.53
        fallthrough a.example
    }
    transfer {
        to 192.0.2.54 192.0.2.55
    }
    prometheus :9153
    reload
    forward . 192.0.2.9
    loop
}
`,
      );
      const role = objects.find(({ kind }) => kind === 'ClusterRole') as KubeObject & {
        rules: { resources: string[] }[];
      };
      assert.deepEqual(role.rules.flatMap(({ resources }) => resources).sort(), [
        'endpointslices',
        'ingresses',
        'nodes',
        'services',
      ]);
      await assert.rejects(render(['r', 'chart']), /domain: the zone that is to be served/);
    });

    test('one release, as the README has it, is what the single manifest is', async () => {
      const [first = []] = commands;
      const objects = await render(first);
      const single = parseManifests(readFileSync(MANIFEST, 'utf8')).objects;
      assert.equal(
        corefileOf(objects).replace(/ +apex .*\n| +ttl .*\n/g, ''),
        corefileOf(single).replace(/ +apex .*\n| +ttl .*\n/g, ''),
      );
      assert.match(corefileOf(objects), /apex exdns-k8s-gateway\.kube-system$/m);
      const names = (all: readonly KubeObject[]) => all.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
      assert.deepEqual(names(objects), names(single));
      // Its selector is another one, and can't be changed.
      await cluster.kubectl(['delete', 'statefulset', 'exdns-k8s-gateway', '--namespace', 'kube-system']);
      await install(objects);
    });

    test('two releases, each the other’s secondary: the same NS set and the same glue', async () => {
      const [, ...pair] = commands;
      assert.equal(pair.length, 2);
      const releases = await Promise.all(pair.map(render));
      for (const objects of releases) await install(objects);
      await setStatus(cluster, 'kube-system', 'service/exdns-1-k8s-gateway', balancer('198.51.100.1'));
      await setStatus(cluster, 'kube-system', 'service/exdns-2-k8s-gateway', balancer('203.0.113.11'));
      const [one, two] = await Promise.all(
        releases.map((objects, i) => start(corefileOf(objects), `exdns-${i + 1}-k8s-gateway`)),
      );
      assert.ok(one && two);
      for (const { dns } of [one, two]) {
        const [first, second] = [1, 2].map((n) => `exdns-${n}-k8s-gateway.kube-system.zone.example.com.`);
        assert.equal(await dns.data('zone.example.com', 'NS'), `${first}, ${second}`);
        assert.equal(await dns.data(first as string, 'A'), '198.51.100.1');
        assert.equal(await dns.data(second as string, 'A'), '203.0.113.11');
        assert.equal(await dns.data('web.zone.example.com', 'A'), '192.0.2.1');
        assert.deepEqual((await dns.ask('zone.example.com', 'NS')).message.additional.length, 2);
      }
    });
  });

  test('what is installed can be asked for and transferred alike', async () => {
    const server = await TestServer.start({
      corefile: `.:{{dns}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{ready}}
    k8s_gateway example.com {
        resources HTTPRoute Ingress Service
        apex exdns-k8s-gateway.kube-system
        kubeconfig ${await cluster.serviceAccountKubeconfig('kube-system', 'exdns-k8s-gateway')}
    }
    transfer {
        to *
    }
}
`,
    });
    servers.push(server);
    await server.isReady();
    const { records } = await checkAnswers(server.dns, 'example.com.');
    assert.ok(records.length >= 4);
  });
});
