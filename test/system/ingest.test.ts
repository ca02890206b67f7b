import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ClusterId } from '../../src/ingest/event.ts';
import {
  CLUSTER,
  Following,
  KINDS,
  linesOf,
  namespace,
  service,
  slice,
  sourceOf,
  startApi,
  until,
} from './ingest-kit.ts';

const cleanups: (() => Promise<void>)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function start(...args: Parameters<typeof startApi>) {
  const api = await startApi(...args);
  cleanups.push(() => api.stop());
  return api;
}

function follow(...args: ConstructorParameters<typeof Following>) {
  const following = new Following(...args);
  cleanups.push(() => following.stop());
  return following;
}

test('a first list gives every object, and the cluster is synced with the last of them', async () => {
  const api = await start();
  const following = follow({ sources: [sourceOf(api)] });
  await until(() => following.isSynced());
  assert.deepEqual(following.known.lines(), linesOf(api));
  for (const kind of KINDS) {
    const batch = following.batches.find(({ events }) =>
      events.some((e) => e.kind === 'ClusterSynced' && e.key === kind),
    );
    const upserts = following.events.filter((e) => e.kind === `${kind}Upserted`);
    assert.ok(batch?.events.includes(upserts.at(-1) as never), `${kind} is synced in the batch of its last object`);
    assert.ok(following.log.watchPosition(CLUSTER, kind, ''), `${kind} can be resumed`);
  }
  assert.ok(following.log.verify().ok);
});

test('an update that changes no fact is no event', async () => {
  const api = await start();
  const following = follow({ sources: [sourceOf(api)] });
  await until(() => following.isSynced());
  await until(() => following.isWatching());
  const before = following.events.length;
  api.patch('v1', 'Service', 'apps', 'web', { metadata: { annotations: { note: 'nothing for DNS' } } });
  api.patch('v1', 'Service', 'apps', 'web', { spec: { externalName: 'not-of-this-type.example.org' } });
  api.apply(service('fresh', '10.1.0.9'));
  await following.converged(api);
  assert.deepEqual(following.story.slice(before), ['ServiceUpserted apps/fresh']);
});

test('a deletion is an event, and the cause of a change is told', async () => {
  const api = await start();
  const following = follow({ sources: [sourceOf(api)] });
  await until(() => following.isSynced());
  await until(() => following.isWatching());
  const before = following.events.length;
  api.apply(service('web', '10.1.0.77'), 'kubectl-edit');
  api.delete('v1', 'Service', 'data', 'db');
  await following.converged(api);
  const [changed, deleted] = following.events.slice(before);
  assert.equal(changed?.kind, 'ServiceUpserted');
  assert.equal(changed.cause.manager, 'kubectl-edit');
  assert.match(changed.cause.resourceVersion ?? '', /^\d+$/);
  assert.equal(deleted?.kind, 'ServiceDeleted');
  assert.equal(deleted.key, 'data/db');
});

test('after a restart the watches go on: nothing is listed again, and what was missed comes, deletions included', async () => {
  const api = await start();
  const first = new Following({ sources: [sourceOf(api)] });
  await until(() => first.isSynced());
  await first.stop();
  api.apply(service('fresh', '10.1.0.9'));
  api.delete('v1', 'Service', 'apps', 'web');
  api.requests.length = 0;
  const second = follow({ sources: [sourceOf(api)], database: first.database });
  await second.converged(api);
  assert.deepEqual(second.newsSince(), ['ServiceUpserted apps/fresh', 'ServiceDeleted apps/web']);
  const lists = api.requests.filter(({ url }) => !url.includes('watch=') && !url.includes('limit=1'));
  assert.deepEqual(lists, []);
});

test('after a restart behind the server’s memory a list gives only what was missed', async () => {
  const api = await start();
  const first = new Following({ sources: [sourceOf(api)] });
  await until(() => first.isSynced());
  await first.stop();
  api.apply(service('fresh', '10.1.0.9'));
  api.delete('v1', 'Service', 'apps', 'web');
  api.compact();
  const second = follow({ sources: [sourceOf(api)], database: first.database });
  await second.converged(api);
  assert.deepEqual(second.newsSince().sort(), ['ServiceDeleted apps/web', 'ServiceUpserted apps/fresh']);
});

test('one cluster that is away delays no other', async () => {
  const [api, dead] = [await start(), await start()];
  await dead.stop();
  const away = sourceOf(dead, {}, 'beta' as ClusterId);
  const following = follow({ sources: [away, sourceOf(api)] });
  await until(() => following.isSynced());
  assert.deepEqual(following.known.lines(), linesOf(api));
  assert.deepEqual(following.known.lines('beta' as ClusterId), []);
  await dead.start();
  await following.converged(dead, 'beta' as ClusterId);
});

test('a lost cluster is told of once, with the reason, and once more when it is back; what is known stays', async () => {
  const api = await start();
  const following = follow({ sources: [sourceOf(api, { kinds: ['Service'] })] });
  await until(() => following.isSynced(CLUSTER, ['Service']));
  await until(() => following.isWatching());
  const known = following.known.lines();
  await api.stop();
  await until(() => following.known.sync(CLUSTER, 'Service') === 'lost');
  assert.deepEqual(following.known.lines(), known);
  await api.start();
  await until(() => following.isSynced(CLUSTER, ['Service']));
  const told = following.events.filter((e) => e.kind === 'ClusterLost' || e.kind === 'ClusterSynced');
  assert.deepEqual(
    told.map((e) => e.kind),
    ['ClusterSynced', 'ClusterLost', 'ClusterSynced'],
  );
  assert.match(told[1]?.kind === 'ClusterLost' ? told[1].reason : '', /ECONNREFUSED|closed|socket/);
});

test('an unknown cluster that never answers is not logged as lost again and again', async () => {
  const api = await start();
  await api.stop();
  const following = follow({ sources: [sourceOf(api, { kinds: ['Service'] })] });
  await until(() => (following.ingest.health().feeds[0]?.reconnects ?? 0) > 5);
  assert.equal(following.log.lastBatch, 0);
  assert.match(following.ingest.health().feeds[0]?.trouble ?? '', /ECONNREFUSED/);
  assert.equal(following.logged.filter((line) => line.includes('ECONNREFUSED')).length, 1);
});

test('with namespaces given only these are asked for', async () => {
  const api = await start();
  const following = follow({ sources: [sourceOf(api, { namespaces: ['apps'] })] });
  await until(() => following.isSynced());
  assert.deepEqual(
    following.known.lines(),
    linesOf(api).filter((line) => !line.includes('data')),
  );
  for (const { url } of api.requests) {
    assert.match(url, /\/namespaces\/apps\/|metadata\.name(=|%3D)apps/);
  }
});

test('where namespaces may not be listed, those that are configured count as there', async () => {
  const api = await start();
  api.failNext(1_000_000, 403, { scope: { path: '/api/v1/namespaces', kind: 'list' } });
  const following = follow({ sources: [sourceOf(api, { kinds: ['Namespace'], namespaces: ['apps'] })] });
  await until(() => following.isSynced(CLUSTER, ['Namespace']));
  assert.deepEqual(following.known.lines(), ['alpha Namespace apps {}']);
  assert.equal(following.log.watchPosition(CLUSTER, 'Namespace', 'apps'), undefined);
});

test('a feed that may not list is told of, and the others go on', async () => {
  const api = await start();
  api.failNext(1_000_000, 403, { scope: { path: '/pods' } });
  const following = follow({ sources: [sourceOf(api)] });
  await until(() => following.isSynced(CLUSTER, ['Service', 'Namespace', 'EndpointSlice']));
  await until(() => following.logged.some((line) => line.includes('pods')));
  await until(() => following.known.sync(CLUSTER, 'Pod') === 'lacking');
  assert.match(following.logged.find((line) => line.includes('pods')) ?? '', /alpha: pods: injected 403/);
});

test('ServiceImports are read in the best version that is served, also when the kind comes later', async () => {
  const api = await start([namespace('apps')], { absent: ['multicluster.x-k8s.io'] });
  const following = follow({ sources: [sourceOf(api, { kinds: ['ServiceImport'] })] });
  await until(() => (following.ingest.health().feeds[0]?.trouble ?? '') !== '');
  await until(() => following.known.sync(CLUSTER, 'ServiceImport') === 'lacking');
  const { defaultCustomResourceDefinitions } = await import('../../src/demo/resources.ts');
  for (const crd of defaultCustomResourceDefinitions(['multicluster.x-k8s.io/v1beta1'])) api.apply(crd);
  api.apply({
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: { name: 'web', namespace: 'apps' },
    spec: { type: 'ClusterSetIP', ips: ['10.3.0.1'], ports: [{ port: 80, protocol: 'TCP' }] },
  });
  await until(() => following.isSynced(CLUSTER, ['ServiceImport']));
  await until(() => following.known.get(CLUSTER, 'ServiceImport', 'apps/web') !== undefined);
  assert.ok(api.requests.some(({ url }) => url.startsWith('/apis/multicluster.x-k8s.io/v1alpha1/serviceimports?')));
});

test('a reload that keeps a cluster lists nothing again, stops what is gone and follows what is new', async () => {
  const [api, other] = [await start(), await start([namespace('solo')])];
  const following = follow({ sources: [sourceOf(api, { kinds: ['Service', 'Pod'] })] });
  await until(() => following.isSynced(CLUSTER, ['Service', 'Pod']));
  await until(() => following.isWatching());
  api.requests.length = 0;
  const beta = 'beta' as ClusterId;
  await following.ingest.reconfigure([
    sourceOf(api, { kinds: ['Service', 'EndpointSlice'] }),
    sourceOf(other, {}, beta),
  ]);
  await until(() => following.isSynced(CLUSTER, ['EndpointSlice']) && following.isSynced(beta));
  assert.ok(api.requests.every(({ url }) => url.includes('endpointslices')));
  const feeds = following.ingest.health().feeds.map(({ cluster, kind }) => `${cluster} ${kind}`);
  assert.deepEqual(feeds.slice(0, 2), ['alpha Service', 'alpha EndpointSlice']);
  await until(() => api.watchCount === 2);
  await following.ingest.reconfigure([]);
  await until(() => api.watchCount === 0);
});

test('limits on requests hold: with one at a time and few a second everything still comes', async () => {
  const api = await start();
  const source = { ...sourceOf(api), limits: { qps: 100, burst: 1, maxInflight: 1 } };
  const following = follow({ sources: [source] });
  await until(() => following.isSynced());
  await until(() => following.isWatching());
  api.apply(slice('more', ['10.2.0.9']));
  await following.converged(api);
});

test('every request says who asks', async () => {
  const api = await start();
  const following = follow({ sources: [sourceOf(api)] });
  await until(() => following.isSynced());
  for (const { headers } of api.requests) assert.equal(headers['user-agent'], 'zonelog/test');
});

test('what ingest counts: requests, facts, contact, and how long a change of endpoints took', async () => {
  const api = await start();
  const source = { ...sourceOf(api), limits: { qps: 1000 } };
  const following = follow({ sources: [source] });
  await until(() => following.isSynced());
  await until(() => following.isWatching());
  const when = { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(Date.now() - 3_000).toISOString() };
  const more = slice('web', ['10.2.0.3']);
  api.apply({ ...more, metadata: { ...more.metadata, annotations: when } });
  api.apply({ ...service('broken', '10.1.0.1'), metadata: { name: 'not a name', namespace: 'apps' } });
  await until(() => following.events.some((e) => 'facts' in e && JSON.stringify(e.facts).includes('10.2.0.3')));
  const sample = (name: string, ...labels: string[]) => {
    const family = following.ingest.metrics().find((one) => one.name === name);
    return family?.samples.find((one) => labels.every((label) => one.labels.includes(label)))?.value;
  };
  const host = new URL(api.url).host;
  assert.equal(sample('coredns_kubernetes_rest_client_requests_total', '200', 'GET', host), 8);
  assert.equal(sample('zonelog_ingest_events_total', 'alpha', 'NamespaceUpserted'), 2);
  assert.equal(sample('zonelog_ingest_watching', 'alpha', 'Pod'), 1);
  assert.ok(Number(sample('zonelog_ingest_last_contact_timestamp_seconds', 'alpha', 'Pod')) > 1_700_000_000);
  const took = sample('coredns_kubernetes_dns_programming_duration_seconds', 'cluster_ip');
  assert.ok(typeof took === 'object' && took.sum >= 3 && took.sum < 30);
  const waited = sample('coredns_kubernetes_rest_client_rate_limiter_duration_seconds', 'GET', host);
  assert.ok(typeof waited === 'object' && waited.counts.reduce((sum, count) => sum + count, 0) === 8);
  await until(() => sample('zonelog_ingest_rejected_total', 'alpha', 'Service', 'bad name') === 1);
});
