import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { fetchList, fetchText, WatchReader } from '../kit/http-client.ts';

const SERVICES = '/api/v1/services';

function service(name: string, namespace = 'apps', labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels }, spec: { clusterIP: '10.96.0.1' } };
}

function pod(name: string, phase: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'apps' }, status: { phase } };
}

const query = (params: Record<string, string>) => `?${new URLSearchParams(params)}`;

async function namesAt(url: string): Promise<string> {
  return (await fetchList(url)).items.map((item) => item.metadata.name).join(' ');
}

describe('lists', () => {
  const server = new FixtureApiServer({
    now: () => Date.UTC(2025, 0, 2, 3, 4, 5, 678),
    objects: [
      service('web', 'apps', { tier: 'front', team: 'a' }),
      service('db', 'apps', { tier: 'back' }),
      service('web', 'other', { tier: 'front' }),
      service('bare', 'other'),
      pod('one', 'Running'),
      pod('two', 'Failed'),
      pod('three', 'Succeeded'),
    ],
  });
  before(() => server.start());
  after(() => server.stop());

  test('objects come in the order of namespace and name, with the metadata that a server adds', async () => {
    const { items, metadata } = await fetchList(server.url + SERVICES);
    assert.deepEqual(
      items.map((item) => `${item.metadata.namespace}/${item.metadata.name}`),
      ['apps/db', 'apps/web', 'other/bare', 'other/web'],
    );
    assert.equal(metadata.resourceVersion, String(server.resourceVersion));
    const one = server.get('v1', 'Service', 'apps', 'db');
    assert.equal(one?.metadata.creationTimestamp, '2025-01-02T03:04:05Z');
    assert.match(one?.metadata.uid ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('items of built-in kinds have no kind, those of custom kinds have it', async () => {
    assert.equal((await fetchList(server.url + SERVICES)).items[0]?.kind, undefined);
    const crds = await fetchList(`${server.url}/apis/apiextensions.k8s.io/v1/customresourcedefinitions`);
    assert.equal(crds.items[0]?.kind, undefined);
  });

  for (const [selector, expected] of [
    ['tier=front', 'web web'],
    ['tier==front,team', 'web'],
    ['tier!=front', 'db bare'],
    ['tier in (front, back)', 'db web web'],
    ['tier notin (front)', 'db bare'],
    ['!tier', 'bare'],
    ['tier,!team', 'db web'],
    ['', 'db web bare web'],
  ] as const) {
    test(`labelSelector ${selector}`, async () => {
      assert.equal(await namesAt(server.url + SERVICES + query({ labelSelector: selector })), expected);
    });
  }

  for (const [selector, expected] of [
    ['status.phase=Running', 'one'],
    ['status.phase!=Failed,status.phase!=Succeeded', 'one'],
    ['metadata.name==two', 'two'],
    ['metadata.namespace=nowhere', ''],
  ] as const) {
    test(`fieldSelector ${selector}`, async () => {
      assert.equal(await namesAt(`${server.url}/api/v1/pods${query({ fieldSelector: selector })}`), expected);
    });
  }

  test('selectors that are wrong, or ask for other fields, are refused', async () => {
    for (const params of [{ labelSelector: 'a in b' }, { fieldSelector: 'spec.weather=fine' }]) {
      assert.equal((await fetchText(server.url + SERVICES + query(params))).status, 400);
    }
  });

  test('one namespace', async () => {
    assert.equal(await namesAt(`${server.url}/api/v1/namespaces/other/services`), 'bare web');
    assert.equal((await fetchText(`${server.url}/api/v1/namespaces/other/nodes`)).status, 404);
  });

  test('one object', async () => {
    const { status, text } = await fetchText(`${server.url}/api/v1/namespaces/apps/services/web`);
    assert.equal(status, 200);
    assert.equal(JSON.parse(text).kind, 'Service');
    assert.equal((await fetchText(`${server.url}/api/v1/namespaces/apps/services/none`)).status, 404);
  });

  test('a list not older than the future is refused with a hint to try again', async () => {
    const { status, headers } = await fetchText(server.url + SERVICES + query({ resourceVersion: '999999' }));
    assert.equal(status, 504);
    assert.equal(headers['retry-after'], '1');
  });

  test('requests are recorded', async () => {
    await fetchText(`${server.url}/version`, { headers: { 'user-agent': 'zonelog-test' } });
    const last = server.requests.at(-1);
    assert.equal(last?.url, '/version');
    assert.equal(last?.headers['user-agent'], 'zonelog-test');
  });
});

describe('pages', () => {
  test('all pages of a list show the moment of its first one', async (t) => {
    const names = Array.from({ length: 25 }, (_, index) => `s${String(index).padStart(2, '0')}`);
    const server = new FixtureApiServer({ objects: names.map((name) => service(name)) });
    await server.start();
    t.after(() => server.stop());
    const seen: string[] = [];
    let page = await fetchList(server.url + SERVICES + query({ limit: '10' }));
    const { resourceVersion } = page.metadata;
    assert.equal(page.metadata.remainingItemCount, 15);
    server.delete('v1', 'Service', 'apps', 's15');
    server.apply(service('s15x'));
    for (;;) {
      seen.push(...page.items.map((item) => item.metadata.name));
      assert.equal(page.metadata.resourceVersion, resourceVersion);
      const token = page.metadata.continue;
      if (token === undefined) break;
      page = await fetchList(server.url + SERVICES + query({ limit: '10', continue: token }));
    }
    assert.deepEqual(seen, names);
    const fresh = await namesAt(server.url + SERVICES);
    assert.ok(fresh.includes('s15x') && !fresh.includes('s15 '));
  });

  test('a token from before a compaction is too old', async (t) => {
    const server = new FixtureApiServer({ objects: [service('a'), service('b')] });
    await server.start();
    t.after(() => server.stop());
    const first = await fetchList(server.url + SERVICES + query({ limit: '1' }));
    server.compact();
    const params = { limit: '1', continue: first.metadata.continue ?? '' };
    assert.equal((await fetchText(server.url + SERVICES + query(params))).status, 410);
  });
});

describe('discovery', () => {
  test('groups, versions and resources', async (t) => {
    const server = new FixtureApiServer({ absent: ['externaldns.k8s.io', 'multicluster.x-k8s.io/v1beta1'] });
    await server.start();
    t.after(() => server.stop());
    const json = async (path: string) => JSON.parse((await fetchText(server.url + path)).text);
    assert.deepEqual((await json('/api')).versions, ['v1']);
    const groups: { name: string; preferredVersion: { version: string } }[] = (await json('/apis')).groups;
    const preferred = new Map(groups.map((group) => [group.name, group.preferredVersion.version]));
    assert.equal(preferred.get('gateway.networking.k8s.io'), 'v1');
    assert.equal(preferred.get('multicluster.x-k8s.io'), 'v1alpha1');
    assert.equal(preferred.has('externaldns.k8s.io'), false);
    const resources: { name: string }[] = (await json('/apis/gateway.networking.k8s.io/v1')).resources;
    assert.ok(resources.some((resource) => resource.name === 'tlsroutes'));
    for (const path of [
      '/apis/externaldns.k8s.io/v1alpha1',
      '/apis/externaldns.k8s.io/v1alpha1/dnsendpoints',
      '/x/y',
    ]) {
      assert.equal((await fetchText(server.url + path)).status, 404, path);
    }
  });

  test('a kind comes and goes with its CustomResourceDefinition', async (t) => {
    const server = new FixtureApiServer();
    await server.start();
    t.after(() => server.stop());
    const path = '/apis/gateway.networking.k8s.io/v1/gateways';
    const crd = server.get(
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      '',
      'gateways.gateway.networking.k8s.io',
    );
    assert.ok(crd);
    const gateway = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'g' } };
    server.apply(gateway);
    const watch = await WatchReader.open(`${server.url + path}?watch=1&resourceVersion=${server.resourceVersion}`);
    server.delete('apiextensions.k8s.io/v1', 'CustomResourceDefinition', '', crd.metadata.name);
    assert.equal((await watch.next())?.type, 'DELETED');
    assert.equal(await watch.next(), undefined);
    assert.equal((await fetchText(server.url + path)).status, 404);
    server.apply(crd);
    assert.equal(await namesAt(server.url + path), '');
    server.apply(gateway);
    assert.equal(await namesAt(server.url + path), 'g');
  });
});

describe('managed fields', () => {
  test('are kept when given, and otherwise name the manager', () => {
    const server = new FixtureApiServer({ manager: 'kubectl-edit', now: () => 0 });
    server.apply(service('web'));
    const entries = server.apply(service('web'), 'helm').metadata.managedFields ?? [];
    assert.deepEqual(
      entries.map(({ manager, time }) => [manager, time]),
      [
        ['kubectl-edit', '1970-01-01T00:00:00Z'],
        ['helm', '1970-01-01T00:00:00Z'],
      ],
    );
    const own = service('web');
    own.metadata.managedFields = [{ manager: 'argocd' }];
    assert.deepEqual(server.apply(own).metadata.managedFields, [{ manager: 'argocd' }]);
  });
});

describe('access', () => {
  test('a token, where one is asked for', async (t) => {
    const server = new FixtureApiServer({ token: 'secret' });
    await server.start();
    t.after(() => server.stop());
    assert.equal((await fetchText(server.url + SERVICES)).status, 401);
    const headers = { authorization: 'Bearer secret' };
    assert.equal((await fetchText(server.url + SERVICES, { headers })).status, 200);
  });
});

describe('writes over HTTP', () => {
  test('create, replace, patch and delete', async (t) => {
    const server = new FixtureApiServer();
    await server.start();
    t.after(() => server.stop());
    const path = `${server.url}/api/v1/namespaces/apps/services`;
    const send = async (method: string, url: string, body?: unknown) => (await fetchText(url, { method, body })).status;
    assert.equal(await send('POST', path, { metadata: { name: 'web' } }), 201);
    assert.equal(await send('POST', path, { metadata: { name: 'web' } }), 409);
    assert.equal(await send('PATCH', `${path}/web`, { metadata: { labels: { a: 'b' } }, spec: { type: 'x' } }), 200);
    assert.deepEqual(server.get('v1', 'Service', 'apps', 'web')?.metadata.labels, { a: 'b' });
    assert.equal(await send('PUT', `${path}/web`, { metadata: { name: 'web', resourceVersion: '1' } }), 409);
    assert.equal(await send('PUT', `${path}/web`, { metadata: { name: 'web' }, spec: {} }), 200);
    assert.deepEqual(server.get('v1', 'Service', 'apps', 'web')?.spec, {});
    assert.equal(await send('DELETE', `${path}/web`), 200);
    assert.equal(await send('DELETE', `${path}/web`), 404);
  });
});
