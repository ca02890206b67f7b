/** A whole server with zones of hosts: changes, transfers, kinds that the cluster lacks, bad objects, a start without the cluster. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { backends, balancer, dnsEndpoint, gateway, ingress, node, route } from '../kit/gateway-objects.ts';
import { kubeconfigOf } from '../kit/kubeconfig.ts';
import { checkHistory } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers, checkChange, checkStartWithout } from '../kit/zone-check.ts';

const ZONE = 'example.org.';

describe('zones of hosts', () => {
  const api = new FixtureApiServer({
    absent: ['tlsroutes.gateway.networking.k8s.io'],
    objects: [
      ingress('shop/web', ['www.example.org', '*.apps.example.org'], ['192.0.2.1'], { class: 'public' }),
      ingress('shop/bad', ['no name at all'], ['192.0.2.1'], { class: 'public' }),
      balancer('kube-system/dns1', ['127.0.0.1']),
      balancer('shop/db', [], { type: 'ClusterIP', annotations: { 'k8s-gateway.dns/resolve-endpoints': 'true' } }),
      backends('shop/db-1', 'db', ['10.0.0.1', '!10.0.0.2']),
      gateway('infra/gw', ['192.0.2.9']),
      route('HTTPRoute', 'shop/api', ['api.example.org'], ['infra/gw']),
      dnsEndpoint('shop/note', ['note.example.org TXT hello', 'note.example.org A 192.0.2.7']),
      node('n1', ['Hostname=n1', 'InternalIP=10.0.0.9']),
    ],
  });
  let server: TestServer;

  const becomes = (host: string, wanted: string, type = 'A') => server.becomes(`${host}.${ZONE}`, type, wanted);

  before(async () => {
    const { url } = await api.start();
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{ready}}
    prometheus 127.0.0.1:{{metrics}}
    k8s_gateway ${ZONE} {
        resources HTTPRoute TLSRoute Ingress Service DNSEndpoint Node
        ingressClasses public
        kubeconfig {{folder}}/config
    }
    transfer {
        to *
    }
}
`,
    });
    writeFileSync(path.join(server.folder, 'config'), kubeconfigOf({ name: 'c', url }));
    server.spawn();
    await server.answers();
  });
  after(async () => {
    await server?.close();
    await api.stop();
  });

  test('a kind that the cluster has not got costs only that kind, and is named', async () => {
    await becomes('none', 'NXDOMAIN');
    // Answers may be there before the state that is told.
    await eventually(
      () => server.http('ready'),
      ({ status, body }) => status === 200 && body.includes('TLSRoute'),
      'the kind is named',
    );
    await server.metricIs('zonelog_cluster_lacking', { kind: 'TLSRoute' }, 1);
  });

  test('what every kind names is answered, and transferred as it is answered', async () => {
    for (const [host, wanted] of Object.entries({
      www: '192.0.2.1',
      'x.apps': '192.0.2.1',
      'db.shop': '10.0.0.1',
      api: '192.0.2.9',
      note: '192.0.2.7',
      n1: '10.0.0.9',
      'dns1.kube-system': '127.0.0.1',
    }))
      await becomes(host, wanted);
    await checkAnswers(server.dns, ZONE);
  });

  test('a bad object is named in the log once, and counted', async () => {
    await server.printed(/ingresses shop\/bad: bad host/);
    api.apply(ingress('shop/bad', ['no name at all', 'good.example.org'], ['192.0.2.1'], { class: 'public' }));
    await becomes('good', '192.0.2.1');
    assert.equal(server.stdout.match(/shop\/bad: bad host/g)?.length, 1);
  });

  test('changes are serials and increments: a Gateway, a class, endpoints, a deletion', async () => {
    const steps: [() => unknown, host: string, wanted: string][] = [
      [() => api.apply(gateway('infra/gw', ['192.0.2.10'])), 'api', '192.0.2.10'],
      [() => api.apply(backends('shop/db-1', 'db', ['10.0.0.1', '10.0.0.2'])), 'db.shop', '10.0.0.1, 10.0.0.2'],
      [
        () => api.apply(ingress('shop/bad', ['good.example.org'], ['192.0.2.1'], { class: 'inner' })),
        'good',
        'NXDOMAIN',
      ],
      [() => api.apply(balancer('kube-system/dns1', ['127.0.0.2'])), 'dns1.kube-system', '127.0.0.2'],
      [() => api.delete('networking.k8s.io/v1', 'Ingress', 'shop', 'web'), 'x.apps', 'NXDOMAIN'],
    ];
    for (const [change, host, wanted] of steps) {
      await checkChange(server.dns, ZONE, async () => {
        change();
        await becomes(host, wanted);
      });
    }
  });

  test('a start without the cluster answers what was known, from the snapshot', async () => {
    await checkStartWithout(server, ZONE, async () => {
      assert.doesNotMatch(server.stdout, /snapshot: /, 'the snapshot was written');
      await api.stop();
    });
    await becomes('note', '"hello"', 'TXT');
    await becomes('none', 'NXDOMAIN');
    checkHistory(server.database, ZONE);
  });
});
