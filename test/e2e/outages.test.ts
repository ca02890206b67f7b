/** Two real clusters under one server that go away, forget, come back, and are killed: answers go on, and nothing is missed. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkHistory, readEvents, readObjectEvents } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers } from '../kit/zone-check.ts';
import { ZoneObserver } from '../kit/zone-observer.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { clusterIPs, HTTP_PORT, namespace, service } from './objects.ts';

const binaries = await ensureBinaries();
const SHARED = 'shared.local.';
const EAST = 'east.local.';
/** Of a processor, milliseconds. */
const RESTART_LIMIT = 3_000;

describe('two real clusters', { skip: binaries ? false : 'no Go tool chain to build kube-apiserver with' }, () => {
  let east: Cluster;
  let west: Cluster;
  let server: TestServer;
  let observer: ZoneObserver;
  let kubeconfig: string;
  let corefile: string;

  const becomes = (name: string, wanted: string | RegExp) => server.becomes(name, 'A', wanted);
  const addressOf = async (cluster: Cluster, name: string) => (await clusterIPs(cluster, 'shop', name))[0] ?? '';
  const create = (cluster: Cluster, name: string) =>
    cluster.applyObjects([service('shop', name, { ports: HTTP_PORT })]);
  const remove = (cluster: Cluster, name: string) =>
    cluster.kubectl(['delete', 'service', name, '--namespace', 'shop']);

  /** Compares with a server that has no log and lists everything. */
  const isAsFreshlyListed = async () => {
    const fresh = await TestServer.start({ corefile });
    try {
      await fresh.isReady();
      for (const zone of [SHARED, EAST]) {
        const { records } = await eventually(
          () => fresh.dns.axfr(zone),
          () => true,
          `the fresh server has ${zone}`,
        );
        await eventually(
          async () => (await server.dns.axfr(zone)).records,
          (seen) => seen.join('\n') === records.join('\n'),
          `${zone} is as freshly listed`,
        );
      }
    } finally {
      await fresh.close();
    }
  };

  before(async () => {
    if (!binaries) return;
    [east, west] = await Promise.all([
      startCluster({ name: 'east', binaries }),
      startCluster({ name: 'west', binaries, serviceCidrs: '10.97.0.0/16' }),
    ]);
    await Promise.all([east.applyObjects([namespace('shop')]), west.applyObjects([namespace('shop')])]);
    await Promise.all([
      create(east, 'both'),
      create(east, 'only-east'),
      create(west, 'both'),
      create(west, 'only-west'),
    ]);
    kubeconfig = join(east.dir, 'both-kubeconfig');
    writeFileSync(kubeconfig, mergeKubeconfigs([east, west]));
    corefile = `
.:{{dns}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{ready}}
    prometheus 127.0.0.1:{{metrics}}
    kubernetai ${SHARED} {
        kubeconfig ${kubeconfig} east
        fallthrough
    }
    kubernetai ${SHARED} {
        kubeconfig ${kubeconfig} west
    }
    kubernetai part.local {
        kubeconfig ${kubeconfig} east
        fallthrough open.svc.part.local
    }
    kubernetai part.local {
        kubeconfig ${kubeconfig} west
    }
    kubernetai ${EAST} {
        kubeconfig ${kubeconfig} east
    }
    transfer {
        to *
    }
}
`;
    server = await TestServer.start({ corefile });
    await server.isReady();
    observer = new ZoneObserver(server.dns, SHARED);
    await observer.look();
  });
  after(async () => {
    await server?.close();
    await Promise.all([east?.stop(), west?.stop()]);
  });

  test('one zone: each name is of the first cluster that has it', async () => {
    await becomes(`both.shop.svc.${SHARED}`, await addressOf(east, 'both'));
    await becomes(`only-east.shop.svc.${SHARED}`, await addressOf(east, 'only-east'));
    await becomes(`only-west.shop.svc.${SHARED}`, await addressOf(west, 'only-west'));
    await becomes(`neither.shop.svc.${SHARED}`, 'NXDOMAIN');
    await becomes(`only-west.shop.svc.${EAST}`, 'NXDOMAIN');
    const { records } = await checkAnswers(server.dns, SHARED);
    assert.ok(
      records.some((line) => line.startsWith(`only-west.shop.svc.${SHARED}`)),
      'the transfer is of both clusters',
    );
  });

  test('fallthrough for a part of the zone is for that part', async () => {
    await west.applyObjects([namespace('open'), service('open', 'door', { ports: HTTP_PORT })]);
    await becomes('door.open.svc.part.local.', /^10\.97\./);
    await becomes('only-west.shop.svc.part.local.', 'NXDOMAIN');
    await checkAnswers(server.dns, 'part.local.');
  });

  test('a name that the first cluster loses is the second one’s, and comes back', async () => {
    const old = await observer.look();
    await remove(east, 'both');
    await becomes(`both.shop.svc.${SHARED}`, await addressOf(west, 'both'));
    await create(east, 'both');
    await becomes(`both.shop.svc.${SHARED}`, await addressOf(east, 'both'));
    await observer.look();
    await observer.checkIncrements([old]);
  });

  test('while an API server is away, its names are answered and the other cluster is followed', async () => {
    await east.stopApi();
    await create(west, 'meanwhile');
    await becomes(`meanwhile.shop.svc.${SHARED}`, /^10\.97\./);
    await eventually(
      () => readEvents(server.database).filter(({ kind }) => kind === 'ClusterLost'),
      (lost) => lost.length > 0,
      'the log notes that the cluster is lost',
    );
    assert.match(await server.dns.data(`only-east.shop.svc.${SHARED}`, 'A'), /^10\.96\./);
    assert.equal(await server.dns.data(`nothing.shop.svc.${EAST}`, 'A'), 'NXDOMAIN');
    assert.equal((await server.http('ready')).status, 200);
    await east.startApi();
    await create(east, 'again');
    await becomes(`again.shop.svc.${SHARED}`, /^10\.96\./);
  });

  test('what was deleted while nobody looked is found', async () => {
    await create(east, 'short-lived');
    await becomes(`short-lived.shop.svc.${SHARED}`, /^10\.96\./);
    const events = readObjectEvents(server.database).length;
    await server.stop('SIGKILL');
    await remove(east, 'short-lived');
    await create(east, 'new-born');
    server.spawn();
    await server.answers();
    await becomes(`short-lived.shop.svc.${SHARED}`, 'NXDOMAIN');
    await becomes(`new-born.shop.svc.${SHARED}`, /^10\.96\./);
    assert.deepEqual(eventNames(server.database, events), [
      'ServiceDeleted shop/short-lived',
      'ServiceUpserted shop/new-born',
    ]);
    await observer.look();
  });

  test('after a compaction all is listed again, and only what was missed is logged', async () => {
    await create(east, 'compacted');
    await becomes(`compacted.shop.svc.${SHARED}`, /^10\.96\./);
    const events = readObjectEvents(server.database).length;
    const lists = await server.metric('zonelog_ingest_lists_total');
    // The watches are broken off first: what is in their sockets would be read later.
    await east.stopApi();
    server.signal('SIGSTOP');
    await east.startApi();
    await remove(east, 'compacted');
    await create(east, 'after-compaction');
    await east.compactEtcd();
    await east.stopApi();
    await east.startApi();
    server.signal('SIGCONT');
    await becomes(`compacted.shop.svc.${SHARED}`, 'NXDOMAIN');
    await becomes(`after-compaction.shop.svc.${SHARED}`, /^10\.96\./);
    assert.ok((await server.metric('zonelog_ingest_lists_total')) > lists, 'it was listed again');
    assert.deepEqual(eventNames(server.database, events), [
      'ServiceDeleted shop/compacted',
      'ServiceUpserted shop/after-compaction',
    ]);
    await observer.look();
    await isAsFreshlyListed();
  });

  test('a cluster whose data was restored from a backup is what it is now', async () => {
    const backup = await east.backupEtcd();
    await create(east, 'not-in-the-backup');
    await becomes(`not-in-the-backup.shop.svc.${SHARED}`, /^10\.96\./);
    await east.restoreEtcd(backup);
    await becomes(`not-in-the-backup.shop.svc.${SHARED}`, 'NXDOMAIN');
    await create(east, 'after-the-backup');
    await becomes(`after-the-backup.shop.svc.${SHARED}`, /^10\.96\./);
    await observer.look();
    await isAsFreshlyListed();
  });

  test('killed and started with both API servers away: the same answers, at once', async (t) => {
    const names = ['both', 'only-east', 'only-west', 'neither'].map((name) => `${name}.shop.svc.${SHARED}`);
    const before = await Promise.all(names.map((name) => server.dns.data(name, 'A')));
    const zones = await Promise.all([SHARED, EAST].map((zone) => server.dns.axfr(zone)));
    await Promise.all([east.stopApi(), west.stopApi()]);
    const [took, worked]: [number[], number[]] = [[], []];
    for (let i = 0; i < 3; i++) {
      await server.stop('SIGKILL');
      const began = performance.now();
      server.spawn();
      await server.answers();
      assert.equal(await server.dns.data(names[0] ?? '', 'A'), before[0]);
      took.push(performance.now() - began);
      worked.push(server.processorTime());
      assert.doesNotMatch(server.stdout + server.stderr, /waiting for Kubernetes API|unsynced/);
      assert.deepEqual(await Promise.all(names.map((name) => server.dns.data(name, 'A'))), before);
      assert.deepEqual(await Promise.all([SHARED, EAST].map((zone) => server.dns.axfr(zone))), zones);
    }
    const rounded = (numbers: readonly number[]) => numbers.map((ms) => Math.round(ms)).join(', ');
    t.diagnostic(`kill -9 to the first right answer: ${rounded(took)} ms, ${rounded(worked)} ms of it at work`);
    // It waits for nobody: what took longer is what else the machine had to do.
    assert.ok(Math.min(...worked) < RESTART_LIMIT, `${worked} ms`);
  });

  test('both API servers are followed again when they are back', async () => {
    await Promise.all([east.startApi(), west.startApi()]);
    await Promise.all([create(east, 'late-east'), create(west, 'late-west')]);
    await becomes(`late-east.shop.svc.${SHARED}`, /^10\.96\./);
    await becomes(`late-west.shop.svc.${SHARED}`, /^10\.97\./);
    await observer.look();
    await isAsFreshlyListed();
    for (const zone of [SHARED, EAST, 'part.local.']) await checkAnswers(server.dns, zone);
    await observer.checkIncrements();
    for (const zone of [SHARED, EAST, 'part.local.']) checkHistory(server.database, zone);
  });
});

/** Events about objects after the first `skip`, in words. */
function eventNames(database: string, skip: number): string[] {
  return readObjectEvents(database)
    .slice(skip)
    .map(({ kind, key }) => `${kind} ${key}`)
    .sort();
}

/** One file with a context for each cluster. */
function mergeKubeconfigs(clusters: readonly Cluster[]): string {
  const configs = clusters.map(({ kubeconfig }) => JSON.parse(readFileSync(kubeconfig, 'utf8')));
  const all = (member: 'clusters' | 'users' | 'contexts') => configs.flatMap((config) => config[member]);
  return JSON.stringify({
    ...configs[0],
    clusters: all('clusters'),
    users: all('users'),
    contexts: all('contexts'),
  });
}
