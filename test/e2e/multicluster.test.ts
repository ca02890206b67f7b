/** ServiceImports on real API servers, with the definition that their project publishes, changed by kubectl. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readObjectEvents } from '../kit/log-reader.ts';
import { exportedSlice, importObject } from '../kit/mcs-objects.ts';
import { TestServer } from '../kit/server.ts';
import { checkAnswers, checkChange, checkStartWithout } from '../kit/zone-check.ts';
import { ZoneObserver } from '../kit/zone-observer.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { installDefinitions } from './definitions.ts';
import { HTTP_PORT, namespace, service } from './objects.ts';
import { createAccount } from './rights.ts';

const binaries = await ensureBinaries();
const ZONE = 'clusterset.local.';
const SQL = ['sql/tcp/5432'];

describe('ServiceImports of real clusters', {
  skip: binaries ? false : 'no Go tool chain to build kube-apiserver with',
}, () => {
  let east: Cluster;
  let west: Cluster;
  let server: TestServer;
  let late: TestServer;
  let observer: ZoneObserver;
  /** Milliseconds until the first answer of the server whose cluster has no ServiceImports. */
  let lateStart: Promise<number>;

  const data = (name: string, type = 'A') => server.dns.data(`${name}.svc.${ZONE}`, type);
  const becomes = (name: string, type: string, wanted: string) => server.becomes(`${name}.svc.${ZONE}`, type, wanted);
  const corefile = (...stanzas: string[]) => `
.:{{dns}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{ready}}
    ${stanzas.join('\n    ')}
    transfer {
        to *
    }
}
`;

  before(async () => {
    if (!binaries) return;
    [east, west] = await Promise.all([
      startCluster({ name: 'east', binaries }),
      startCluster({ name: 'west', binaries }),
    ]);
    late = await TestServer.prepare({
      corefile: corefile(`multicluster ${ZONE} {\n kubeconfig ${west.kubeconfig}\n}`),
    });
    late.spawn();
    lateStart = late.answers();
    lateStart.catch(() => undefined);
    await installDefinitions(east, ['ServiceImport']);
    await east.applyObjects([namespace('shop'), service('shop', 'local', { ports: HTTP_PORT })]);
    server = await TestServer.start({
      corefile: corefile(
        `multicluster ${ZONE} 10.0.0.0/8 {\n kubeconfig ${east.kubeconfig}\n}`,
        // Its lists take as long as the machine wants.
        `kubernetes cluster.local 10.0.0.0/8 {\n kubeconfig ${east.kubeconfig}\n startup_timeout 2m\n fallthrough 10.0.0.0/8\n}`,
      ),
    });
    await server.isReady();
    observer = new ZoneObserver(server.dns, ZONE);
    await observer.look();
    observer.watch();
  });
  after(async () => {
    await observer?.stop().catch(() => undefined);
    await Promise.all([server?.close(), late?.close()]);
    await Promise.all([east?.stop(), west?.stop()]);
  });

  test('a cluster without the definition: served after 5 seconds, SERVFAIL, not ready, no transfer', async () => {
    assert.ok((await lateStart) > 4_500, `${await lateStart} ms`);
    await late.printed(/waiting for Kubernetes API/);
    await late.printed(/starting server with unsynced Kubernetes API/);
    assert.doesNotMatch(server.stdout + server.stderr, /unsynced/);
    assert.equal(await late.dns.data(`web.shop.svc.${ZONE}`, 'A'), 'SERVFAIL');
    await assert.rejects(late.dns.axfr(ZONE), /SERVFAIL/);
    const { status, body } = await late.http('ready');
    assert.equal(status, 503);
    assert.match(body, /multicluster/);
    await installDefinitions(west, ['ServiceImport']);
  });

  test('imports and slices made by kubectl are answered, with their addresses’ names', async () => {
    await east.applyObjects([
      importObject('shop/web', { ips: ['10.42.0.80'], ports: ['http/tcp/80'] }),
      importObject('shop/db', { ports: SQL, version: 'v1alpha1' }),
      exportedSlice('shop/db-west', { of: 'db', from: 'west', endpoints: ['10.2.0.1 db-0', '10.2.0.2'], ports: SQL }),
    ]);
    await becomes('web.shop', 'A', '10.42.0.80');
    assert.equal(await data('_http._tcp.web.shop', 'SRV'), `0 100 80 web.shop.svc.${ZONE}`);
    await becomes('db.shop', 'A', '10.2.0.1, 10.2.0.2');
    assert.equal(await data('db-0.west.db.shop'), '10.2.0.1');
    assert.equal(
      await data('_sql._tcp.db.shop', 'SRV'),
      `0 50 5432 10-2-0-2.west.db.shop.svc.${ZONE}, 0 50 5432 db-0.west.db.shop.svc.${ZONE}`,
    );
    assert.equal(await server.dns.data('80.0.42.10.in-addr.arpa.', 'PTR'), `web.shop.svc.${ZONE}`);
    assert.match(await server.dns.data('local.shop.svc.cluster.local.', 'A'), /^10\.96\./);
    assert.equal(await data('local.shop'), 'NXDOMAIN');
    assert.equal(await server.dns.data(`dns-version.${ZONE}`, 'TXT'), '"1.1.0"');
  });

  test('each change is a serial, an increment, and what a secondary makes of it is the zone', async () => {
    const steps: [change: () => Promise<unknown>, name: string, wanted: string][] = [
      [
        () => east.applyObjects([importObject('shop/web', { ips: ['10.42.0.81'], ports: ['http/tcp/80'] })]),
        'web.shop',
        '10.42.0.81',
      ],
      [
        () =>
          east.applyObjects([
            exportedSlice('shop/db-west', {
              of: 'db',
              from: 'west',
              endpoints: ['!10.2.0.1 db-0', '10.2.0.2'],
              ports: SQL,
            }),
          ]),
        'db.shop',
        '10.2.0.2',
      ],
      [
        () =>
          east.applyObjects([
            exportedSlice('shop/db-north', { of: 'db', from: 'north', endpoints: ['10.3.0.1 db-0'], ports: SQL }),
          ]),
        'db.shop',
        '10.2.0.2, 10.3.0.1',
      ],
      [() => east.kubectl(['delete', 'endpointslice', 'db-west', '--namespace', 'shop']), 'db.shop', '10.3.0.1'],
      [() => east.kubectl(['delete', 'serviceimport', 'web', '--namespace', 'shop']), 'web.shop', 'NXDOMAIN'],
    ];
    for (const [change, name, wanted] of steps) {
      await checkChange(server.dns, ZONE, async () => {
        await change();
        await becomes(name, 'A', wanted);
      });
    }
    assert.equal(await data('db-0.north.db.shop'), '10.3.0.1');
    assert.equal(await server.dns.data('81.0.42.10.in-addr.arpa.', 'PTR'), 'NXDOMAIN');
  });

  test('what has no part in DNS is no event', async () => {
    const events = readObjectEvents(server.database).length;
    const status = { status: { clusters: [{ cluster: 'north' }] } };
    const patch = ['--subresource', 'status', '--type', 'merge', '--patch', JSON.stringify(status)];
    await east.kubectl(['patch', 'serviceimport', 'db', '--namespace', 'shop', ...patch]);
    await east.kubectl(['label', 'serviceimport', 'db', '--namespace', 'shop', 'mood=good']);
    await east.applyObjects([importObject('shop/mark', { ips: ['10.42.0.99'] })]);
    await becomes('mark.shop', 'A', '10.42.0.99');
    assert.deepEqual(
      readObjectEvents(server.database)
        .slice(events)
        .map(({ object, key }) => `${object} ${key}`),
      ['ServiceImport shop/mark'],
    );
  });

  test('a version that is no longer served gives way to another one', async () => {
    const version = (name: string, served: boolean) => ({
      op: 'replace',
      path: `/spec/versions/${name}/served`,
      value: served,
    });
    const definition = ['crd', 'serviceimports.multicluster.x-k8s.io'];
    const order = 'jsonpath={.spec.versions[*].name}';
    const names = (await east.kubectl(['get', ...definition, '--output', order])).split(' ');
    const patch = JSON.stringify([version(`${names.indexOf('v1beta1')}`, false)]);
    await east.kubectl(['patch', ...definition, '--type', 'json', '--patch', patch]);
    await east.applyObjects([importObject('shop/alpha', { ips: ['10.42.0.7'], version: 'v1alpha1' })]);
    await becomes('alpha.shop', 'A', '10.42.0.7');
    assert.equal(await data('mark.shop'), '10.42.0.99');
  });

  test('the definition came later: its cluster is served by itself then', async () => {
    await west.applyObjects([
      namespace('shop'),
      importObject('shop/web', { ips: ['10.43.0.80'], ports: ['http/tcp/80'] }),
    ]);
    await late.isReady();
    // It may have been ready before the import was made.
    await late.becomes(`web.shop.svc.${ZONE}`, 'A', '10.43.0.80');
    assert.equal(await late.dns.data(`none.shop.svc.${ZONE}`, 'A'), 'NXDOMAIN');
    await checkAnswers(late.dns, ZONE);
  });

  test('an account that may not see endpoint slices: imports are served, headless ones not denied', async () => {
    await west.applyObjects([
      importObject('shop/db', { ports: SQL }),
      exportedSlice('shop/db-1', { of: 'db', from: 'east', endpoints: ['10.1.0.1'], ports: SQL }),
    ]);
    const rights = ['multicluster.x-k8s.io/serviceimports', 'namespaces'];
    const kubeconfig = await createAccount(west, 'shop', 'dns', rights);
    const [limited, enough] = await Promise.all([
      TestServer.start({ corefile: corefile(`multicluster ${ZONE} {\n kubeconfig ${kubeconfig}\n}`) }),
      TestServer.start({ corefile: corefile(`multicluster ${ZONE} {\n kubeconfig ${kubeconfig}\n noendpoints\n}`) }),
    ]);
    try {
      const asked = (of: TestServer, name: string) => of.dns.data(`${name}.shop.svc.${ZONE}`, 'A');
      await enough.isReady();
      assert.equal(await asked(enough, 'web'), '10.43.0.80');
      assert.equal(await asked(enough, 'db'), 'NXDOMAIN');
      assert.doesNotMatch(enough.said(), /endpointslices/);
      await limited.printed(/\[WARNING\] .*endpointslices.*(403|forbidden)/i);
      // Its imports may come after that.
      await limited.becomes(`web.shop.svc.${ZONE}`, 'A', '10.43.0.80');
      assert.equal(await asked(limited, 'db'), 'SERVFAIL');
      assert.equal(await asked(limited, 'none'), 'SERVFAIL');
      assert.equal((await limited.http('ready')).status, 503);
    } finally {
      await Promise.all([limited.close(), enough.close()]);
    }
  });

  test('the history holds, and a start without any API server answers as before', async () => {
    await observer.stop();
    assert.ok(observer.versions.length > 6, `${observer.versions.length} versions were seen`);
    assert.ok((await observer.checkIncrements()) > 0);
    await checkStartWithout(server, ZONE, () => east.stopApi());
    assert.equal(await data('alpha.shop'), '10.42.0.7');
    assert.equal(await data('web.shop'), 'NXDOMAIN');
  });
});
