import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { applyManifests, parseManifests } from '../../src/demo/manifests.ts';

const keys = (objects: readonly { kind: string; metadata: { name: string } }[]) =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);

test('a fixture: objects, and what is absent', () => {
  const { objects, absent } = parseManifests(
    JSON.stringify({
      absent: ['gateway.networking.k8s.io'],
      objects: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } }],
    }),
  );
  assert.deepEqual(keys(objects), ['Namespace/apps']);
  assert.deepEqual(absent, ['gateway.networking.k8s.io']);
});

test('lists of all kinds and of one', () => {
  const items = [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }];
  assert.deepEqual(keys(parseManifests(JSON.stringify({ apiVersion: 'v1', kind: 'PodList', items })).objects), [
    'Pod/a',
    'Pod/b',
  ]);
  const typed = items.map((item) => ({ apiVersion: 'v1', kind: 'Service', ...item }));
  assert.deepEqual(keys(parseManifests(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: typed })).objects), [
    'Service/a',
    'Service/b',
  ]);
});

test('YAML with several documents', () => {
  const text = `
apiVersion: v1
kind: Namespace
metadata: {name: apps}
---
# nothing here
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: apps
spec:
  clusterIP: None
`;
  assert.deepEqual(keys(parseManifests(text).objects), ['Namespace/apps', 'Service/web']);
});

test('what is no object is refused with a part of its text', () => {
  assert.throws(() => parseManifests('{"kind":"Service"}'), /not a Kubernetes object: \{"kind":"Service"\}/);
});

test('objects are applied, patched and deleted', () => {
  const server = new FixtureApiServer({ absent: ['gateway.networking.k8s.io'] });
  const service = (name: string, rest: object) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'apps' },
    ...rest,
  });
  applyManifests(server, [service('a', { spec: { x: 1, y: 1 } }), service('b', {})]);
  applyManifests(server, [service('a', { $patch: true, spec: { y: null, z: 2 } }), service('b', { $delete: true })]);
  assert.deepEqual(server.get('v1', 'Service', 'apps', 'a')?.spec, { x: 1, z: 2 });
  assert.equal(server.get('v1', 'Service', 'apps', 'b'), undefined);
});
