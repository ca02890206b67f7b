/** One real cluster, changed by kubectl and its controllers: names, serials, increments, and the log of it all. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { checkCommands } from '../kit/history-check.ts';
import { checkHistory, readObjectEvents } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers } from '../kit/zone-check.ts';
import { ZoneObserver } from '../kit/zone-observer.ts';
import { ensureBinaries } from './binaries.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { checkBackup, checkCompaction, checkEvents, checkPlan, checkSlice, checkTail } from './log-commands.ts';
import { clusterIPs, deletePod, HTTP_PORT, NODE, namespace, runPod, service, setReady } from './objects.ts';

const binaries = await ensureBinaries();
const ZONE = 'cluster.local.';
const REVERSE = ['96.10.in-addr.arpa.', '244.10.in-addr.arpa.'];

describe('a real cluster', { skip: binaries ? false : 'no Go tool chain to build kube-apiserver with' }, () => {
  let cluster: Cluster;
  let server: TestServer;
  let observer: ZoneObserver;

  const data = (name: string, type = 'A') => server.dns.data(`${name}.svc.${ZONE}`, type);
  const becomes = (name: string, type: string, wanted: string | RegExp) =>
    server.becomes(`${name}.svc.${ZONE}`, type, wanted);

  before(async () => {
    if (!binaries) return;
    cluster = await startCluster({ name: 'one', binaries, hasControllers: true });
    await cluster.applyObjects([NODE, namespace('shop'), namespace('doomed')]);
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{{ready}}
    prometheus 127.0.0.1:{{metrics}}
    kubernetes ${ZONE} 10.96.0.0/16 10.244.0.0/16 {
        kubeconfig ${cluster.kubeconfig} one
        pods verified
    }
    transfer {
        to *
    }
}
`,
    });
    await server.isReady();
    observer = new ZoneObserver(server.dns, ZONE);
    await observer.look();
    observer.watch();
  });
  after(async () => {
    await observer?.stop().catch(() => undefined);
    await server?.close();
    await cluster?.stop();
  });

  test('services of every type have the names that the DNS specification gives them', async () => {
    await cluster.applyObjects([
      service('shop', 'web', {
        selector: { app: 'web' },
        ports: [
          { name: 'http', port: 80, protocol: 'TCP' },
          { name: 'quic', port: 443, protocol: 'UDP' },
        ],
      }),
      service('shop', 'unnamed', { ports: [{ port: 8080 }] }),
      service('shop', 'db', { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'sql', port: 5432 }] }),
      service('shop', 'none', { clusterIP: 'None', selector: { app: 'none' }, ports: HTTP_PORT }),
      service('shop', 'out', { type: 'ExternalName', externalName: 'www.example.net' }),
      service('shop', 'alias', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' }),
      service('shop', 'node', { type: 'NodePort', ports: HTTP_PORT }),
      service('shop', 'balanced', { type: 'LoadBalancer', ports: HTTP_PORT }),
      service('shop', 'dual', { ipFamilyPolicy: 'RequireDualStack', ports: HTTP_PORT }),
    ]);
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.80' }] } };
    const patch = ['--subresource', 'status', '--type', 'merge', '--patch', JSON.stringify({ status })];
    await cluster.kubectl(['patch', 'service', 'balanced', '--namespace', 'shop', ...patch]);

    for (const name of ['web', 'unnamed', 'node', 'balanced']) {
      const [ip = ''] = await clusterIPs(cluster, 'shop', name);
      await becomes(`${name}.shop`, 'A', ip);
      assert.equal(await data(`${name}.shop`, 'AAAA'), 'NODATA');
    }
    const [first = '', second = ''] = await clusterIPs(cluster, 'shop', 'dual');
    await becomes('dual.shop', 'A', first);
    assert.equal(await data('dual.shop', 'AAAA'), second);
    assert.equal(await data('_http._tcp.web.shop', 'SRV'), '0 100 80 web.shop.svc.cluster.local.');
    assert.equal(await data('_quic._udp.web.shop', 'SRV'), '0 100 443 web.shop.svc.cluster.local.');
    assert.equal(await data('_http._udp.web.shop', 'SRV'), 'NXDOMAIN');
    assert.equal(await data('out.shop', 'CNAME'), 'www.example.net.');
    const alias = await server.dns.ask(`alias.shop.svc.${ZONE}`, 'A');
    const [web] = await clusterIPs(cluster, 'shop', 'web');
    assert.deepEqual(alias.answer, [
      'alias.shop.svc.cluster.local. CNAME web.shop.svc.cluster.local.',
      `web.shop.svc.cluster.local. A ${web}`,
    ]);
    assert.equal(await data('none.shop'), 'NXDOMAIN');
    assert.equal(await data('missing.shop'), 'NXDOMAIN');
    assert.equal(await data('shop'), 'NODATA');
    assert.equal(await data('kubernetes.default'), '10.96.0.1');
  });

  test('endpoints of a StatefulSet have the names of their pods', async () => {
    for (const i of [0, 1]) {
      const ips = [`10.244.1.${i + 10}`];
      await runPod(cluster, { name: `db-${i}`, namespace: 'shop', app: 'db', ips, subdomain: 'db' });
    }
    await becomes('db.shop', 'A', '10.244.1.10, 10.244.1.11');
    assert.equal(await data('db-0.db.shop'), '10.244.1.10');
    assert.equal(
      await data('_sql._tcp.db.shop', 'SRV'),
      '0 50 5432 db-0.db.shop.svc.cluster.local., 0 50 5432 db-1.db.shop.svc.cluster.local.',
    );
  });

  test('a pod that is not ready has no name, and each flip is one new serial', async () => {
    for (const [isReady, wanted] of [
      [false, '10.244.1.10'],
      [true, '10.244.1.10, 10.244.1.11'],
    ] as const) {
      const old = await server.dns.axfr(ZONE);
      await setReady(cluster, 'shop', 'db-1', isReady);
      await becomes('db.shop', 'A', wanted);
      assert.equal(await data('db-1.db.shop'), isReady ? '10.244.1.11' : 'NXDOMAIN');
      const { serial } = await server.dns.axfr(ZONE);
      assert.ok(serial > old.serial);
      const transfer = await server.dns.ixfr(ZONE, old.serial);
      assert.equal(transfer.kind, 'incremental');
      await observer.checkIncrements([old]);
    }
  });

  test('pods have names while they are there', async () => {
    const pod = (ip: string) => server.dns.data(`${ip}.shop.pod.${ZONE}`, 'A');
    // Its slice may have been seen before the pod itself.
    await eventually(
      () => pod('10-244-1-10'),
      (seen) => seen === '10.244.1.10',
      'the pod is there',
    );
    assert.equal(await pod('10-244-9-9'), 'NXDOMAIN');
    await deletePod(cluster, 'shop', 'db-1');
    await eventually(
      () => pod('10-244-1-11'),
      (seen) => seen === 'NXDOMAIN',
      'the pod is gone',
    );
    await becomes('db.shop', 'A', '10.244.1.10');
  });

  test('addresses have the names of their services and endpoints', async () => {
    const pointer = (ip: string) => server.dns.data(`${ip.split('.').reverse().join('.')}.in-addr.arpa.`, 'PTR');
    const [web = ''] = await clusterIPs(cluster, 'shop', 'web');
    assert.equal(await pointer(web), 'web.shop.svc.cluster.local.');
    assert.equal(await pointer('10.244.1.10'), 'db-0.db.shop.svc.cluster.local.');
    assert.equal(await pointer('10.244.1.11'), 'NXDOMAIN');
  });

  test('what has no part in DNS makes no event and no serial', async () => {
    const before = await server.dns.serial(ZONE);
    const events = readObjectEvents(server.database).length;
    await cluster.kubectl(['annotate', 'service', 'web', '--namespace', 'shop', 'example.net/owner=nobody']);
    await cluster.kubectl(['label', 'namespace', 'shop', 'mood=good']);
    await cluster.kubectl(['annotate', 'pod', 'db-0', '--namespace', 'shop', 'example.net/owner=nobody']);
    // Watches of different kinds are not in step: one mark for each.
    await cluster.applyObjects([service('shop', 'mark', { ports: HTTP_PORT }), namespace('mark')]);
    await runPod(cluster, { name: 'mark', namespace: 'shop', app: 'mark', ips: ['10.244.8.8'] });
    await becomes('mark.shop', 'A', /^10\.96/);
    await becomes('mark', 'A', 'NODATA');
    await eventually(
      () => server.dns.data(`10-244-8-8.shop.pod.${ZONE}`, 'A'),
      (seen) => seen === '10.244.8.8',
      'the marked pod is there',
    );
    const keys = readObjectEvents(server.database)
      .slice(events)
      .filter(({ object, key }) => !(object === 'EndpointSlice' || key === 'mark' || key === 'shop/mark'));
    assert.deepEqual(keys, []);
    assert.ok((await server.dns.serial(ZONE)) > before);
  });

  test('a namespace that is deleted takes its names with it', async () => {
    await cluster.applyObjects([service('doomed', 'web', { ports: HTTP_PORT })]);
    await becomes('web.doomed', 'A', /^10\.96/);
    await cluster.kubectl(['delete', 'namespace', 'doomed', '--wait=false']);
    await becomes('web.doomed', 'A', 'NXDOMAIN');
    await becomes('doomed', 'A', 'NXDOMAIN');
  });

  test('a service that changes its type, and one that is deleted', async () => {
    await cluster.kubectl(['delete', 'service', 'node', 'web', '--namespace', 'shop']);
    await becomes('node.shop', 'A', 'NXDOMAIN');
    await becomes('web.shop', 'A', 'NXDOMAIN');
    assert.equal(await data('alias.shop'), 'NXDOMAIN');
    // Its slices go after it, when the garbage collector comes.
    await eventually(
      () => readObjectEvents(server.database).map(({ kind }) => kind),
      (kinds) => kinds.includes('EndpointSliceDeleted'),
      'the slices of the service are gone',
      120_000,
    );
    const patch = {
      spec: { type: 'ExternalName', externalName: 'elsewhere.example.net', clusterIP: null, clusterIPs: null },
    };
    await cluster.kubectl(['patch', 'service', 'unnamed', '--namespace', 'shop', '--patch', JSON.stringify(patch)]);
    await becomes('unnamed.shop', 'CNAME', 'elsewhere.example.net.');
  });

  test('a plan tells what kubectl apply then does', async () => {
    await checkPlan(
      server,
      cluster,
      [ZONE, '96.10.in-addr.arpa.'],
      [
        namespace('planned'),
        service('planned', 'web', { clusterIP: '10.96.77.7', ports: HTTP_PORT }),
        service('shop', 'out', { type: 'ExternalName', externalName: 'www.example.org' }),
        service('shop', 'balanced', { type: 'LoadBalancer', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] }),
      ],
    );
  });

  test('tail tells of a change as it happens', () => checkTail(server, cluster, ZONE));

  test('every answer is in the transfer and the other way round, in every zone', async () => {
    // The observer has compared each version that it saw with all before.
    await observer.stop();
    assert.ok(observer.versions.length > 8, `${observer.versions.length} versions were seen`);
    await checkAnswers(server.dns, ZONE);
    for (const zone of REVERSE) await checkAnswers(server.dns, zone);
    assert.ok((await observer.checkIncrements()) > 0);
  });

  test('the log tells of each event where it came from and who made it', async () => {
    checkHistory(server.database, ZONE);
    const events = readObjectEvents(server.database);
    assert.ok(events.length > 30, `${events.length} events`);
    const kinds = new Set(events.map(({ kind }) => kind));
    for (const kind of ['Service', 'Namespace', 'EndpointSlice', 'Pod']) {
      assert.ok(kinds.has(`${kind}Upserted` as never) && kinds.has(`${kind}Deleted` as never), [...kinds].join());
    }
    for (const { cluster: id, kind, key, cause } of events) {
      assert.ok(id.includes(cluster.kubeconfig), id);
      assert.match(key, /^[a-z0-9.-]+(\/[a-z0-9.-]+)?$/);
      assert.match(cause.resourceVersion ?? '', /^\d+$/, `${kind} ${key}`);
      assert.ok(cause.manager, `${kind} ${key} has no manager`);
    }
    const web = events.find(({ key, kind }) => key === 'shop/web' && kind === 'ServiceUpserted');
    assert.match(web?.cause.manager ?? '', /^kubectl/);
    const slice = events.find(({ key, kind }) => key.startsWith('shop/db-') && kind === 'EndpointSliceUpserted');
    assert.equal(slice?.cause.manager, 'kube-controller-manager');
  });

  test('the commands tell of each version what was transferred then', async () => {
    await checkCommands(server.database, ZONE, observer.versions);
    await checkEvents(server.database);
  });

  test('a copy of the log, a slice of it elsewhere, and what a compaction leaves, tell the same', async () => {
    const copy = await checkBackup(server, ZONE, observer.versions);
    await checkSlice(copy, ZONE, observer.versions);
    await checkCompaction(copy, ZONE, observer.versions);
    // The same beside a server that goes on answering.
    await checkCompaction(server.database, ZONE, observer.versions);
    assert.equal(await data('kubernetes.default'), '10.96.0.1');
  });

  test('after a clean stop and a start, all is as it was', async () => {
    const before = await server.dns.axfr(ZONE);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    server.spawn();
    await server.answers();
    assert.deepEqual(await server.dns.axfr(ZONE), before);
  });
});
