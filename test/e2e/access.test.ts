/** Rights and selectors on a real API server: what a service account may see is what is served; what it may not is no lie. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkHistory, readObjectEvents } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers } from '../kit/zone-check.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { HTTP_PORT, namespace, service } from './objects.ts';
import { may, waitForRights } from './rights.ts';

const binaries = await ensureBinaries();
const ZONE = 'cluster.local.';

describe('access to a real cluster', {
  skip: binaries ? false : 'no Go tool chain to build kube-apiserver with',
}, () => {
  let cluster: Cluster;
  const servers: TestServer[] = [];

  /** @param options lines of the stanza */
  const start = async (...options: string[]) => {
    const server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{ready}}
    kubernetes ${ZONE} {
        startup_timeout 1s
        ${options.join('\n        ')}
    }
    transfer {
        to *
    }
}
`,
    });
    servers.push(server);
    return server;
  };
  const data = (server: TestServer, name: string) => server.dns.data(`${name}.svc.${ZONE}`, 'A');

  before(async () => {
    if (!binaries) return;
    cluster = await startCluster({ name: 'guarded', binaries });
    await cluster.applyObjects([
      namespace('shop', { team: 'blue' }),
      namespace('bank', { team: 'red' }),
      service('shop', 'web', { ports: HTTP_PORT }, { tier: 'front' }),
      service('shop', 'db', { ports: HTTP_PORT }, { tier: 'back' }),
      service('bank', 'web', { ports: HTTP_PORT }, { tier: 'front' }),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'dns', namespace: 'shop' } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nobody', namespace: 'shop' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'dns', namespace: 'shop' },
        rules: [
          { apiGroups: [''], resources: ['services', 'pods'], verbs: ['list', 'watch'] },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        ],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'dns', namespace: 'shop' },
        subjects: [{ kind: 'ServiceAccount', name: 'dns', namespace: 'shop' }],
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'dns' },
      },
    ]);
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await cluster?.stop();
  });

  test('a Role in one namespace is enough for that namespace', async () => {
    const server = await start(
      `kubeconfig ${await cluster.serviceAccountKubeconfig('shop', 'dns')}`,
      'namespaces shop',
      'pods verified',
    );
    await server.isReady();
    assert.match(await data(server, 'web.shop'), /^10\.96\./);
    assert.equal(await data(server, 'web.bank'), 'NXDOMAIN');
    await cluster.applyObjects([service('shop', 'new', { ports: HTTP_PORT })]);
    await eventually(
      () => data(server, 'new.shop'),
      (seen) => seen.startsWith('10.96.'),
      'a new service is seen',
    );
    await checkAnswers(server.dns, ZONE);
    checkHistory(server.database, ZONE);
    const isOther = ({ key }: { key: string }) => key !== 'shop' && !key.startsWith('shop/');
    assert.deepEqual(readObjectEvents(server.database).filter(isOther), []);
  });

  test('the manifest in deploy/ is accepted, and gives its account all that it needs and no more', async () => {
    const manifest = join(import.meta.dirname, '../../deploy/kubernetes/zonelog.yaml');
    await cluster.kubectl(['apply', '--server-side', '-f', manifest]);
    await waitForRights(cluster, 'kube-system:zonelog', ['services', 'endpointslices.discovery.k8s.io']);
    const account = await cluster.serviceAccountKubeconfig('kube-system', 'zonelog');
    const server = await start(`kubeconfig ${account}`, 'pods verified');
    await server.isReady();
    assert.match(await data(server, 'web.bank'), /^10\.96\./);
    await checkAnswers(server.dns, ZONE);
    assert.equal(await may(cluster, 'kube-system:zonelog', 'watch', 'endpointslices.discovery.k8s.io'), 'yes');
    assert.equal(await may(cluster, 'kube-system:zonelog', 'list', 'secrets'), 'no');
    assert.equal(await may(cluster, 'kube-system:zonelog', 'delete', 'services'), 'no');
  });

  test('labels select services, namespace_labels select namespaces', async () => {
    const [byLabel, byNamespace] = await Promise.all([
      start(`kubeconfig ${cluster.kubeconfig}`, 'labels tier=front'),
      start(`kubeconfig ${cluster.kubeconfig}`, 'namespace_labels team in (blue)'),
    ]);
    await Promise.all([byLabel.isReady(), byNamespace.isReady()]);
    assert.match(await data(byLabel, 'web.shop'), /^10\.96\./);
    assert.match(await data(byLabel, 'web.bank'), /^10\.96\./);
    assert.equal(await data(byLabel, 'db.shop'), 'NXDOMAIN');
    assert.match(await data(byNamespace, 'web.shop'), /^10\.96\./);
    assert.equal(await data(byNamespace, 'web.bank'), 'NXDOMAIN');
    assert.equal(await data(byNamespace, 'bank'), 'NXDOMAIN');
    // An object that gets the label, and one that loses it: the watch says added and deleted.
    await cluster.kubectl(['label', 'service', 'db', '--namespace', 'shop', 'tier=front', '--overwrite']);
    await cluster.kubectl(['label', 'namespace', 'bank', 'team=blue', '--overwrite']);
    await eventually(
      async () => [await data(byLabel, 'db.shop'), await data(byNamespace, 'web.bank')],
      (seen) => seen.every((one) => one.startsWith('10.96.')),
      'both are selected now',
    );
    await cluster.kubectl(['label', 'service', 'db', '--namespace', 'shop', 'tier=back', '--overwrite']);
    await cluster.kubectl(['label', 'namespace', 'bank', 'team=red', '--overwrite']);
    await eventually(
      async () => [await data(byLabel, 'db.shop'), await data(byNamespace, 'web.bank')],
      (seen) => seen.every((one) => one === 'NXDOMAIN'),
      'neither is selected any more',
    );
    for (const server of [byLabel, byNamespace]) {
      await checkAnswers(server.dns, ZONE);
      checkHistory(server.database, ZONE);
    }
  });

  test('wrong credentials: a clear line and SERVFAIL; with the right ones all is well by itself', async () => {
    const right = readFileSync(cluster.kubeconfig, 'utf8');
    const wrong = JSON.parse(right);
    wrong.users[0].user = { token: 'of-somebody-else' };
    const file = join(cluster.dir, 'rotating-kubeconfig');
    writeFileSync(file, JSON.stringify(wrong));
    const server = await start(`kubeconfig ${file}`);
    await server.printed(/\[WARNING\] plugin\/kubernetes: .*(401|Unauthorized)/);
    assert.equal(await data(server, 'web.shop'), 'SERVFAIL');
    await assert.rejects(server.dns.axfr(ZONE), /SERVFAIL/);
    const { status, body } = await server.http('ready');
    assert.equal(status, 503);
    assert.match(body, /kubernetes/);
    writeFileSync(file, right);
    await server.isReady();
    assert.match(await data(server, 'web.shop'), /^10\.96\./);
    await checkAnswers(server.dns, ZONE);
  });

  test('an account without rights: a clear line and SERVFAIL, not NXDOMAIN', async () => {
    const server = await start(`kubeconfig ${await cluster.serviceAccountKubeconfig('shop', 'nobody')}`);
    await server.printed(/\[WARNING\] plugin\/kubernetes: .*(403|forbidden)/i);
    assert.equal(await data(server, 'web.shop'), 'SERVFAIL');
    assert.equal(await data(server, 'missing.shop'), 'SERVFAIL');
    assert.equal((await server.http('ready')).status, 503);
  });

  test('a certificate of another authority is not trusted', async () => {
    const config = JSON.parse(readFileSync(cluster.kubeconfig, 'utf8'));
    config.clusters[0].cluster['certificate-authority'] = cluster.credentials.adminCertificate;
    const file = join(cluster.dir, 'untrusting-kubeconfig');
    writeFileSync(file, JSON.stringify(config));
    const server = await start(`kubeconfig ${file}`);
    await server.printed(/\[WARNING\] plugin\/kubernetes: .*(certificate|issuer)/i);
    assert.equal(await data(server, 'web.shop'), 'SERVFAIL');
  });
});
