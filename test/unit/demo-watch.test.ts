import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { fetchList, fetchText, type WatchLine, WatchReader } from '../kit/http-client.ts';

const PATH = '/api/v1/services';

function service(name: string, labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'apps', labels }, spec: {} };
}

function brief(line: WatchLine | undefined): string {
  return line ? `${line.type} ${line.object.metadata.name ?? line.object.metadata.resourceVersion}` : 'end';
}

describe('watch', () => {
  let server: FixtureApiServer;
  const readers: WatchReader[] = [];

  const start = async (options: ConstructorParameters<typeof FixtureApiServer>[0] = {}) => {
    server = new FixtureApiServer({ objects: [service('a'), service('b')], ...options });
    await server.start();
  };
  const watch = async (params: Record<string, string | number>) => {
    const search = new URLSearchParams(
      Object.entries(params).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const reader = await WatchReader.open(`${server.url}${PATH}?watch=true&${search}`);
    readers.push(reader);
    return reader;
  };
  const lines = async (reader: WatchReader, count: number) => {
    const got: string[] = [];
    while (got.length < count) got.push(brief(await reader.next()));
    return got;
  };

  beforeEach(() => start());
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.close();
    await server.stop();
  });

  test('changes as they come', async () => {
    const reader = await watch({ resourceVersion: server.resourceVersion });
    server.apply(service('c'));
    server.apply(service('a', { x: 'y' }));
    server.delete('v1', 'Service', 'apps', 'b');
    assert.deepEqual(await lines(reader, 3), ['ADDED c', 'MODIFIED a', 'DELETED b']);
  });

  test('a deletion carries the last state and the version of the deletion', async () => {
    const reader = await watch({ resourceVersion: server.resourceVersion });
    server.delete('v1', 'Service', 'apps', 'b');
    const line = await reader.next();
    assert.equal(line?.object.metadata.resourceVersion, String(server.resourceVersion));
    assert.equal(line?.object.kind, 'Service');
  });

  test('resumes with what was missed', async () => {
    const { resourceVersion } = (await fetchList(server.url + PATH)).metadata;
    server.apply(service('c'));
    server.delete('v1', 'Service', 'apps', 'c');
    const reader = await watch({ resourceVersion });
    server.apply(service('d'));
    assert.deepEqual(await lines(reader, 3), ['ADDED c', 'DELETED c', 'ADDED d']);
  });

  test('begins with all objects when no version is given', async () => {
    const reader = await watch({});
    assert.deepEqual(await lines(reader, 2), ['ADDED a', 'ADDED b']);
  });

  test('objects enter and leave a selection', async () => {
    const reader = await watch({ resourceVersion: server.resourceVersion, labelSelector: 'x=y' });
    server.apply(service('a', { x: 'y' }));
    server.apply(service('b'));
    server.apply(service('a', { x: 'y', z: '' }));
    server.apply(service('a'));
    assert.deepEqual(await lines(reader, 3), ['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('a version whose events are forgotten is gone', async () => {
    await server.stop();
    await start({ historyLimit: 5 });
    const before = server.resourceVersion;
    for (let count = 0; count < 20; count++) server.apply(service('a', { count: String(count) }));
    const line = await (await watch({ resourceVersion: before })).next();
    assert.deepEqual([line?.type, line?.object.code], ['ERROR', 410]);
    const recent = await watch({ resourceVersion: server.resourceVersion - 5 });
    assert.deepEqual(await lines(recent, 5), Array(5).fill('MODIFIED a'));
  });

  test('WatchList: all objects, the mark, and then the changes', async () => {
    const reader = await watch({
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
    });
    assert.deepEqual(await lines(reader, 2), ['ADDED a', 'ADDED b']);
    const mark = await reader.next();
    assert.equal(mark?.type, 'BOOKMARK');
    assert.deepEqual(mark?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
    assert.equal(mark?.object.metadata.resourceVersion, String(server.resourceVersion));
    server.apply(service('c'));
    assert.deepEqual(await lines(reader, 1), ['ADDED c']);
  });

  test('WatchList is refused without its match, and where the server has no such feature', async () => {
    assert.equal((await watch({ sendInitialEvents: 'true' })).status, 422);
    await server.stop();
    await start({ hasWatchList: false });
    assert.equal((await watch({ sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' })).status, 422);
  });

  test('bookmarks tell the newest version', async () => {
    await server.stop();
    await start({ bookmarkIntervalMs: 20 });
    const before = server.resourceVersion;
    const reader = await watch({ resourceVersion: before, allowWatchBookmarks: '1' });
    server.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } });
    let told = brief(await reader.next());
    // There may have been time for some before the change.
    while (told === `BOOKMARK ${before}`) told = brief(await reader.next());
    assert.equal(told, `BOOKMARK ${server.resourceVersion}`);
    const without = await watch({ resourceVersion: server.resourceVersion });
    assert.ok(await without.isSilentFor(80));
  });

  test('ends after timeoutSeconds', async () => {
    const reader = await watch({ resourceVersion: server.resourceVersion, timeoutSeconds: 1 });
    assert.equal(await reader.next(), undefined);
  });

  test('a version from the future is silent until the server gets there', async () => {
    await server.stop();
    await start({ bookmarkIntervalMs: 20 });
    const reader = await watch({ resourceVersion: server.resourceVersion + 2, allowWatchBookmarks: '1' });
    server.apply(service('c'));
    assert.ok(await reader.isSilentFor(80));
    server.apply(service('d'));
    server.apply(service('e'));
    let line = await reader.next();
    while (line?.type === 'BOOKMARK') line = await reader.next();
    assert.equal(brief(line), 'ADDED e');
  });

  test('stop closes watches; start opens the same port with all objects', async () => {
    const { url } = server;
    const reader = await watch({ resourceVersion: server.resourceVersion });
    await server.stop();
    assert.equal(await reader.next(), undefined);
    await assert.rejects(fetchText(url + PATH));
    server.apply(service('meanwhile'));
    await server.start();
    assert.equal(server.url, url);
    assert.equal((await fetchList(url + PATH)).items.length, 3);
    assert.equal(server.watchCount, 0);
  });

  test('2,000 changes reach a watcher in order', async () => {
    const reader = await watch({ resourceVersion: server.resourceVersion });
    for (let count = 0; count < 2000; count++) server.apply(service(`s${count % 50}`, { count: String(count) }));
    let last = 0;
    for (let count = 0; count < 2000; count++) {
      const version = Number((await reader.next())?.object.metadata.resourceVersion);
      assert.ok(version > last);
      last = version;
    }
    assert.equal(last, server.resourceVersion);
  });
});
