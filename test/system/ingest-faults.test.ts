/** What API servers, networks and disks do to those who follow them. Each time: what was learnt is a fresh list's. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CLUSTER, Following, linesOf, service, slice, sourceOf, startApi, until } from './ingest-kit.ts';

const cleanups: (() => Promise<void>)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

const SERVICES = { kinds: ['Service'] } as const;

/** A cluster that is followed and watched. */
async function watched(options: ConstructorParameters<typeof Following>[0] = {}, apiOptions: object = {}) {
  const api = await startApi(undefined, apiOptions);
  cleanups.push(() => api.stop());
  const following = new Following({ sources: [sourceOf(api, SERVICES)], ...options });
  cleanups.push(() => following.stop());
  await until(() => following.isSynced(CLUSTER, ['Service']));
  await until(() => following.isWatching());
  return { api, following, before: following.events.length };
}

/** What was learnt of services is what the API server has. */
async function converged(following: Following, api: Awaited<ReturnType<typeof startApi>>) {
  const wanted = () => linesOf(api).filter((line) => line.includes(' Service '));
  await until(
    () => following.known.lines().join('\n') === wanted().join('\n'),
    () => assert.deepEqual(following.known.lines(), wanted()),
  );
}

test('a cut connection loses nothing and repeats nothing', async () => {
  const { api, following, before } = await watched();
  api.dropConnections();
  api.apply(service('a', '10.1.1.1'));
  await converged(following, api);
  assert.deepEqual(following.newsSince(before), ['ServiceUpserted apps/a']);
});

test('410 while away: a list gives only what was missed, deletions included', async () => {
  const { api, following, before } = await watched();
  api.dropConnections();
  api.apply(service('a', '10.1.1.1'));
  api.delete('v1', 'Service', 'apps', 'web');
  api.compact();
  await converged(following, api);
  assert.deepEqual(following.newsSince(before).sort(), ['ServiceDeleted apps/web', 'ServiceUpserted apps/a']);
});

test('410 inside the watch', async () => {
  const { api, following } = await watched();
  const lists = following.ingest.health().feeds[0]?.lists ?? 0;
  assert.equal(api.sendError(410), 1);
  api.apply(service('a', '10.1.1.1'));
  await converged(following, api);
  await until(() => (following.ingest.health().feeds[0]?.lists ?? 0) > lists);
});

test('an error inside the watch that is no 410 is followed by a new watch, not a list', async () => {
  const { api, following } = await watched();
  api.sendError(500);
  await until(() => (following.ingest.health().feeds[0]?.reconnects ?? 0) > 0);
  api.apply(service('a', '10.1.1.1'));
  await converged(following, api);
  assert.equal(following.ingest.health().feeds[0]?.lists, 1);
});

test('an unreadable line is counted, and nothing is lost with it', async () => {
  const { api, following } = await watched();
  api.sendBadLine();
  api.apply(service('a', '10.1.1.1'));
  await converged(following, api);
  await until(() => following.ingest.health().feeds[0]?.badLines === 1);
  assert.ok(following.logged.some((line) => line.includes('not JSON')));
});

test('a server with older data than it has shown is listed again, and what it has forgotten is gone', async () => {
  const { api, following } = await watched();
  const backup = api.backup();
  for (let i = 0; i < 20; i++) api.apply(service(`later-${i}`, `10.1.2.${i}`));
  await converged(following, api);
  api.restore(backup);
  await converged(following, api);
  api.apply(service('after', '10.1.3.1'));
  await converged(following, api);
});

test('a watch that says nothing for too long is given up, and all that was held back comes', async () => {
  const { api, following } = await watched({ tuning: { watchIdle: 150, listIdle: 150 } });
  api.pause();
  api.apply(service('a', '10.1.1.1'));
  await until(() => following.logged.some((line) => line.includes('nothing came for')));
  api.resume();
  await converged(following, api);
});

test('bookmarks keep a quiet watch alive', async () => {
  const { following } = await watched({ tuning: { watchIdle: 1500 } }, { bookmarkIntervalMs: 50 });
  const { reconnects = 0, lastContact = 0 } = following.ingest.health().feeds[0] ?? {};
  await until(() => (following.ingest.health().feeds[0]?.lastContact ?? 0) > lastContact + 2500);
  assert.equal(following.ingest.health().feeds[0]?.reconnects, reconnects);
});

for (const ending of ['broken', 'clean'] as const) {
  test(`a list that ends too early (${ending}) deletes nothing`, async () => {
    const { api, following, before } = await watched();
    api.truncateBodies(600, { kind: 'list' }, ending);
    api.sendError(410);
    await until(() => (following.ingest.health().feeds[0]?.lists ?? 0) > 2);
    assert.deepEqual(following.newsSince(before), []);
    api.heal();
    api.delete('v1', 'Service', 'apps', 'web');
    await converged(following, api);
    assert.ok(following.logged.some((line) => /ends before its end|closed|aborted|terminated/.test(line)));
  });
}

test('the pages of a list that grew old are asked for again', async () => {
  const objects = Array.from({ length: 40 }, (_, i) => service(`s-${i}`, `10.1.4.${i}`));
  const api = await startApi(objects);
  cleanups.push(() => api.stop());
  let pages = 0;
  const following = new Following({
    sources: [sourceOf(api, SERVICES)],
    tuning: { pageSize: 10 },
    // Between two pages the server forgets.
    connect: async () => {
      return { ok: true, value: { server: api.url, headers: {}, refreshAfter: 0 } };
    },
    clock: () => {
      if (api.requests.some(({ url }) => url.includes('continue=')) && pages++ === 0) api.compact();
      return Date.now();
    },
  });
  cleanups.push(() => following.stop());
  await until(() => following.isSynced(CLUSTER, ['Service']));
  assert.ok(pages > 0);
  assert.deepEqual(
    following.known.lines(),
    linesOf(api).filter((line) => line.includes(' Service ')),
  );
});

test('a list that lacks most of what is known may be held, and let go', async () => {
  const asked: number[] = [];
  const { api, following, before } = await watched({
    admitDeletions: ({ known, missing }) => {
      asked.push(missing.length);
      return missing.length * 2 <= known ? undefined : { percent: 50, until: 9e12 };
    },
  });
  const known = following.known.lines();
  api.emptyLists(1, { kind: 'list', path: 'services' });
  api.sendError(410);
  await until(() => following.ingest.health().feeds[0]?.held === 2);
  await until(() => following.isWatching());
  assert.deepEqual(asked, [2]);
  assert.deepEqual(following.known.lines(), known);
  api.apply(service('web', '10.1.0.1', 'apps'));
  await until(() => following.ingest.health().feeds[0]?.held === 1);
  following.ingest.release(CLUSTER, 'operator');
  await until(() => following.story.includes('ServiceDeleted data/db'));
  assert.deepEqual(following.newsSince(before), [
    'DeletionsHeld Service',
    'DeletionsReleased Service',
    'DeletionsReleased Service',
    'ServiceDeleted data/db',
  ]);
});

test('held deletions are found again after a restart', async () => {
  const { api, following } = await watched({ admitDeletions: () => ({ percent: 50, until: 9e12 }) });
  api.delete('v1', 'Service', 'data', 'db');
  await until(() => following.known.get(CLUSTER, 'Service', 'data/db') === undefined);
  api.emptyLists(1, { kind: 'list', path: 'services' });
  api.sendError(410);
  await until(() => following.ingest.health().feeds[0]?.held === 1);
  await following.stop();
  api.delete('v1', 'Service', 'apps', 'web');
  api.compact();
  const second = new Following({ sources: [sourceOf(api, SERVICES)], database: following.database });
  cleanups.push(() => second.stop());
  await until(() => second.known.lines().length === 0);
  assert.deepEqual(second.newsSince(), ['DeletionsReleased Service', 'ServiceDeleted apps/web']);
});

test('401: credentials are asked for again', async () => {
  const api = await startApi(undefined, { token: 'good' });
  cleanups.push(() => api.stop());
  const tokens = ['old', 'old', 'good'];
  const following = new Following({
    sources: [sourceOf(api, SERVICES)],
    connect: async () => {
      const headers = { authorization: `Bearer ${tokens.length > 1 ? tokens.shift() : tokens[0]}` };
      return { ok: true, value: { server: api.url, headers } };
    },
  });
  cleanups.push(() => following.stop());
  await until(() => following.isSynced(CLUSTER, ['Service']));
  assert.deepEqual(tokens, ['good']);
});

test('too many requests: the server’s wish to wait is granted', async () => {
  const api = await startApi();
  cleanups.push(() => api.stop());
  api.failNext(1, 429, { retryAfterSeconds: 1 });
  const began = performance.now();
  const following = new Following({ sources: [sourceOf(api, SERVICES)] });
  cleanups.push(() => following.stop());
  await until(() => following.isSynced(CLUSTER, ['Service']));
  assert.ok(performance.now() - began >= 900);
});

test('a full disk: what was learnt is kept, feeds pause, and all is committed when there is room', async () => {
  const { api, following, before } = await watched({ commitTuning: { room: 5 } });
  const { db } = following.database;
  const pages = db.pragma('page_count', { simple: true });
  db.pragma(`max_page_count = ${pages}`);
  for (let i = 0; i < 400; i++) api.apply(service(`s-${i}`, `10.1.${i >> 8}.${i & 255}`));
  await until(() => following.ingest.logHealth$.value.status === 'failing');
  assert.match(following.ingest.health().logFailure ?? '', /SQLITE_FULL/);
  api.delete('v1', 'Service', 'apps', 's-7');
  db.pragma('max_page_count = 100000');
  await converged(following, api);
  assert.equal(following.ingest.logHealth$.value.status, 'ok');
  const numbers = following.batches.map(({ batch }) => batch);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i + 1),
  );
  assert.equal(following.story.slice(before).filter((line) => line.endsWith('/s-7')).length, 2);
  assert.ok(following.log.verify().ok);
});

test('stopping with a full disk ends, and what was not committed comes again', async () => {
  const { api, following } = await watched();
  const { db } = following.database;
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true })}`);
  for (let i = 0; i < 400; i++) api.apply(service(`s-${i}`, `10.1.${i >> 8}.${i & 255}`));
  await until(() => following.ingest.logHealth$.value.status === 'failing');
  await following.stop();
  db.pragma('max_page_count = 100000');
  const second = new Following({ sources: [sourceOf(api, SERVICES)], database: following.database });
  cleanups.push(() => second.stop());
  await converged(second, api);
  assert.ok(second.log.verify().ok);
});

test('a stream of faults under churn: in the end, what a fresh list has', async () => {
  const api = await startApi();
  cleanups.push(() => api.stop());
  const following = new Following({
    sources: [sourceOf(api)],
    tuning: { watchIdle: 1_000, listIdle: 1_000, pageSize: 7 },
  });
  cleanups.push(() => following.stop());
  let seed = 12345;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((seed / 0x80000000) * below);
  };
  const faults = [
    () => api.dropConnections(),
    () => api.compact(),
    () => api.sendError(410),
    () => api.sendError(500),
    () => api.sendBadLine(),
    () => api.failNext(3, 503),
    () => api.failNext(2, 429),
    () => api.truncateBodies(500 + random(3000), { kind: 'list' }, random(2) === 0 ? 'clean' : 'broken'),
    () => api.heal(),
    () => api.restore(backup),
  ];
  let backup = api.backup();
  for (let round = 0; round < 300; round++) {
    for (let change = random(6); change > 0; change--) {
      const name = `s-${random(30)}`;
      if (random(3) === 0) api.delete('v1', 'Service', 'apps', name);
      else if (random(2) === 0) api.apply(service(name, `10.1.9.${random(250)}`));
      else
        api.apply(
          slice(
            name,
            Array.from({ length: random(12) }, () => `10.2.9.${random(250)}`),
          ),
        );
    }
    if (random(20) === 0) backup = api.backup();
    if (random(4) === 0) faults[random(faults.length)]?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  api.heal();
  api.sendError(410);
  await following.converged(api);
  assert.ok(following.log.verify().ok);
});

test('watches that say nothing, not even a bookmark, twice: everything is listed again, without an event', async () => {
  const { following, before } = await watched({ tuning: { watchIdle: 100 } });
  await until(() => (following.ingest.health().feeds[0]?.lists ?? 0) > 1);
  assert.deepEqual(following.newsSince(before), []);
  assert.ok((following.ingest.health().feeds[0]?.reconnects ?? 0) >= 2);
});

test('now and then everything is listed again, to find what a server left out', async () => {
  const { following, before } = await watched({ tuning: { resync: 1, watchSeconds: [1, 1] } });
  await until(() => (following.ingest.health().feeds[0]?.lists ?? 0) > 1);
  assert.deepEqual(following.story.slice(before), []);
  assert.equal(following.ingest.health().feeds[0]?.trouble, undefined);
});

test('slow bodies only take longer', async () => {
  const api = await startApi();
  cleanups.push(() => api.stop());
  api.slowBodies(20_000);
  const following = new Following({ sources: [sourceOf(api, SERVICES)] });
  cleanups.push(() => following.stop());
  await converged(following, api);
  api.apply(service('a', '10.1.1.1'));
  await converged(following, api);
});
