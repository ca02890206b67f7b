/** The driver itself: two real clusters, changed by kubectl, read as zonelog reads them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { defaultCustomResourceDefinitions } from '../../src/demo/resources.ts';
import { eventually } from '../kit/wait.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { waitForRights } from './rights.ts';

const binaries = await ensureBinaries();

/** More than an API server writes by itself in the time of this test. */
const LOST_WRITES = 100;

const WEB = `
apiVersion: v1
kind: Node
metadata: {name: worker, labels: {topology.kubernetes.io/zone: a}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, labels: {app: web}}
spec:
  nodeName: worker
  containers: [{name: web, image: none}]
`;

describe('real clusters', { skip: binaries ? false : 'no Go tool chain to build kube-apiserver with' }, () => {
  let first: Cluster;
  let second: Cluster;

  const services = async (cluster: Cluster) => {
    const { status, text } = await cluster.get('/api/v1/services');
    assert.equal(status, 200, text);
    const list: { metadata: { resourceVersion: string }; items: { metadata: { name: string } }[] } = JSON.parse(text);
    return { version: Number(list.metadata.resourceVersion), names: list.items.map(({ metadata }) => metadata.name) };
  };

  before(async () => {
    if (!binaries) return;
    [first, second] = await Promise.all([
      startCluster({ name: 'first', binaries, hasControllers: true }),
      startCluster({ name: 'second', binaries }),
    ]);
  });
  after(() => Promise.all([first?.stop(), second?.stop()]));

  test('are apart from each other', async () => {
    await first.applyYaml(WEB);
    await second.kubectl(['create', 'service', 'clusterip', 'db', '--tcp=5432']);
    assert.deepEqual((await services(first)).names, ['kubernetes', 'web']);
    assert.deepEqual((await services(second)).names, ['db', 'kubernetes']);
  });

  test('a ready pod gets into the EndpointSlice of its service', async () => {
    await first.patchPodStatus('default', 'web-0', {
      phase: 'Running',
      podIP: '10.244.0.7',
      podIPs: [{ ip: '10.244.0.7' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    });
    const path =
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=web';
    await eventually(
      () => first.get(path),
      ({ text }) => text.includes('"10.244.0.7"'),
      'the address is in a slice',
    );
  });

  test('a service account has the rights it was given', async () => {
    await first.kubectl(['create', 'serviceaccount', 'reader']);
    await first.kubectl(['create', 'clusterrole', 'reader', '--verb=list', '--resource=services']);
    await first.kubectl([
      'create',
      'clusterrolebinding',
      'reader',
      '--clusterrole=reader',
      '--serviceaccount=default:reader',
    ]);
    const kubeconfig = await first.serviceAccountKubeconfig('default', 'reader');
    await waitForRights(first, 'default:reader', ['services']);
    assert.match(await first.kubectl(['--kubeconfig', kubeconfig, 'get', 'services']), /web/);
    await assert.rejects(first.kubectl(['--kubeconfig', kubeconfig, 'get', 'pods']), /forbidden/);
  });

  test('the stand-in definitions of custom kinds are accepted', async () => {
    const crds = defaultCustomResourceDefinitions().map(({ status: _status, ...definition }) => definition);
    await second.applyObjects(crds);
    await second.kubectl([
      'wait',
      '--for=condition=Established',
      '--all',
      'customresourcedefinitions',
      '--timeout=60s',
    ]);
    const gateway = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'gate', namespace: 'default' },
      spec: { gatewayClassName: 'none', listeners: [] },
    };
    // Established, a kind may still not be found for a moment.
    await eventually(
      () => second.applyObjects([gateway]),
      () => true,
      'the kind can be made',
    );
    assert.match((await second.get('/apis/gateway.networking.k8s.io/v1/gateways')).text, /"gate"/);
  });

  test('after a compaction and a restart, an old version is gone and the objects are not', async () => {
    const { version } = await services(second);
    await second.kubectl(['create', 'service', 'clusterip', 'cache', '--tcp=6379']);
    await second.compactEtcd();
    await second.stopApi();
    await assert.rejects(second.get('/version'));
    await second.startApi();
    const { text } = await second.get(`/api/v1/services?watch=1&timeoutSeconds=1&resourceVersion=${version}`);
    assert.match(text, /"code":410/);
    assert.deepEqual((await services(second)).names, ['cache', 'db', 'kubernetes']);
  });

  test('a paused API server is silent', async () => {
    await second.pauseApi();
    let first: unknown;
    let answer: Promise<string> | undefined;
    try {
      answer = second.get('/version').then(() => 'answered');
      const waited = new Promise((resolve) => setTimeout(resolve, 500)).then(() => 'silent');
      first = await Promise.race([answer, waited]);
    } finally {
      second.resumeApi();
    }
    assert.equal(first, 'silent');
    assert.equal(await answer, 'answered');
  });

  test('a restored etcd has older objects and versions', async () => {
    const before = await services(second);
    const backup = await second.backupEtcd();
    await second.kubectl(['create', 'service', 'clusterip', 'lost', '--tcp=1']);
    // An API server that starts writes too: versions have to go back by more than that.
    const config = (i: number) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `lost-${i}` } });
    await second.applyObjects(Array.from({ length: LOST_WRITES }, (_, i) => config(i)));
    const seen = await services(second);
    await second.restoreEtcd(backup);
    const restored = await services(second);
    assert.ok(seen.names.includes('lost'));
    assert.deepEqual(restored.names, before.names);
    assert.ok(restored.version < seen.version);
  });
});
