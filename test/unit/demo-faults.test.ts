import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { KubeObject } from '../../src/demo/resources.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { fetchList, fetchText, WatchReader } from '../kit/http-client.ts';

function service(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'apps' }, spec: {} };
}

describe('faults of the fixture API server', () => {
  let server: FaultyApiServer;
  let url: string;
  const readers: WatchReader[] = [];

  const watch = async (resourceVersion = server.resourceVersion) => {
    const reader = await WatchReader.open(`${url}?watch=1&resourceVersion=${resourceVersion}`);
    readers.push(reader);
    return reader;
  };

  beforeEach(async () => {
    server = new FaultyApiServer({ objects: [service('a'), service('b'), service('ü')] });
    url = `${(await server.start()).url}/api/v1/services`;
  });
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.close();
    await server.stop();
  });

  test('dropped connections: watches end, new requests work', async () => {
    const reader = await watch();
    server.dropConnections();
    assert.equal(await reader.next(), undefined);
    assert.equal((await fetchList(url)).items.length, 3);
  });

  test('pause: watches are silent and requests hang, until resume sends all', async () => {
    const reader = await watch();
    server.pause();
    server.apply(service('c'));
    server.apply(service('d'));
    const list = fetchList(url);
    assert.ok(await reader.isSilentFor(60));
    assert.equal(await Promise.race([list, Promise.resolve('hangs')]), 'hangs');
    server.resume();
    assert.equal((await reader.next())?.object.metadata.name, 'c');
    assert.equal((await reader.next())?.object.metadata.name, 'd');
    assert.equal((await list).items.length, 5);
  });

  test('compact: resuming is 410 Gone, listing works', async () => {
    const before = server.resourceVersion;
    server.compact();
    const line = await (await watch(before)).next();
    assert.deepEqual([line?.type, line?.object.code], ['ERROR', 410]);
    assert.ok(Number((await fetchList(url)).metadata.resourceVersion) > before);
  });

  for (const code of [401, 403, 410, 429, 500, 503]) {
    test(`the next requests get ${code}`, async () => {
      server.failNext(2, code, { scope: { kind: 'list' }, ...(code === 429 ? { retryAfterSeconds: 7 } : {}) });
      for (let count = 0; count < 2; count++) {
        const { status, headers, text } = await fetchText(url);
        assert.equal(status, code);
        assert.equal(JSON.parse(text).code, code);
        assert.equal(headers['retry-after'], code === 429 ? '7' : undefined);
      }
      assert.equal((await fetchText(url)).status, 200);
    });
  }

  test('injected failures keep to their scope', async () => {
    server.failNext(1, 500, { scope: { path: 'endpointslices' } });
    server.failNext(1, 410, { scope: { kind: 'watch' } });
    assert.equal((await fetchText(url)).status, 200);
    assert.equal((await watch()).status, 410);
    server.heal();
    assert.equal(
      (await fetchText(url.replace('api/v1/services', 'apis/discovery.k8s.io/v1/endpointslices'))).status,
      200,
    );
  });

  test('a bad line in a watch; the stream goes on', async () => {
    const reader = await watch();
    assert.equal(server.sendBadLine({ path: 'services' }), 1);
    assert.equal(server.sendBadLine({ path: 'pods' }), 0);
    assert.throws(() => JSON.parse('{"type":"MODIFIED","object":{"metadata":{"name":'));
    await assert.rejects(reader.next(), SyntaxError);
    server.apply(service('c'));
    assert.equal((await reader.next())?.object.metadata.name, 'c');
  });

  test('an ERROR event in a watch', async () => {
    const reader = await watch();
    server.sendError(500);
    assert.equal((await reader.next())?.object.code, 500);
  });

  test('slow bodies', async () => {
    const { text: fast } = await fetchText(url);
    server.slowBodies(fast.length * 4);
    const begin = performance.now();
    const { text } = await fetchText(url);
    const elapsed = performance.now() - begin;
    assert.equal(text, fast);
    assert.ok(elapsed > 150, `${elapsed} ms`);
  });

  test('truncated lists: broken, or whole by the look of it', async () => {
    server.truncateBodies(100);
    await assert.rejects(fetchText(url));
    server.truncateBodies(100, { kind: 'list' }, 'clean');
    assert.equal((await fetchText(url)).text.length, 100);
    server.heal();
    assert.equal((await fetchList(url)).items.length, 3);
  });

  test('etcd restored: versions go backwards, and resuming watches learn nothing', async () => {
    const backup = server.backup();
    server.apply(service('lost'));
    server.apply(service('lost-too'));
    const seen = server.resourceVersion;
    const open = await watch();
    server.restore(backup);
    assert.equal(await open.next(), undefined);
    const { metadata, items } = await fetchList(url);
    assert.ok(Number(metadata.resourceVersion) < seen);
    assert.equal(items.length, 3);
    const resumed = await watch(seen);
    server.apply(service('new'));
    assert.ok(await resumed.isSilentFor(60));
  });

  test('lists without items', async () => {
    server.emptyLists(1, { path: 'services' });
    const { items, metadata } = await fetchList(url);
    assert.equal(items.length, 0);
    assert.equal(metadata.resourceVersion, String(server.resourceVersion));
    assert.equal((await fetchList(url)).items.length, 3);
  });

  test('stop while paused', async () => {
    const reader = await watch();
    server.pause();
    await server.stop();
    assert.equal(await reader.next(), undefined);
    await server.start();
    assert.equal((await fetchList(url)).items.length, 3);
  });
});
