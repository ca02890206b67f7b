/** A whole server with `multicluster`: how it reaches its clusters, what it asks of them, and what secondaries get. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { applyTransfer } from '../kit/dns-client.ts';
import { kubeconfigOf } from '../kit/kubeconfig.ts';
import { checkHistory } from '../kit/log-reader.ts';
import { exportedSlice, importObject, namespaceObject } from '../kit/mcs-objects.ts';
import { NotifyListener } from '../kit/notify-listener.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { checkAnswers } from '../kit/zone-check.ts';

const ZONE = 'clusterset.local.';
const REVERSE = '10.in-addr.arpa.';
const SQL = ['sql/tcp/5432'];

describe('multicluster over two clusters', () => {
  const objects = (ip: string) => [
    namespaceObject('shop'),
    importObject('shop/web', { ips: [ip], ports: ['http/tcp/80'], version: 'v1alpha1' }),
    importObject('shop/db', { ports: SQL, version: 'v1alpha1' }),
    exportedSlice('shop/db-1', { of: 'db', from: 'east', endpoints: ['10.1.0.1 db-0', '10.1.0.2'], ports: SQL }),
  ];
  const east = new FixtureApiServer({ objects: objects('10.42.0.1'), token: 'east-token' });
  const west = new FixtureApiServer({
    objects: [...objects('10.43.0.1'), importObject('shop/mail', { ips: ['10.43.0.2'], version: 'v1alpha1' })],
  });
  const listener = new NotifyListener();
  let server: TestServer;

  const data = (name: string, type = 'A') => server.dns.data(`${name}.svc.${ZONE}`, type);
  const becomes = (name: string, wanted: string) =>
    eventually(
      () => data(name),
      (seen) => seen === wanted,
      `${name} is ${wanted}`,
    );
  const apply = (...changed: KubeObject[]) => {
    for (const object of changed) east.apply(object);
  };

  before(async () => {
    const [{ url: eastUrl }, { url: westUrl }, port] = await Promise.all([east.start(), west.start(), listener.open()]);
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{ready}}
    multicluster ${ZONE} 10.0.0.0/8 {
        kubeconfig {{folder}}/config
        fallthrough
    }
    multicluster ${ZONE} {
        kubeconfig {{folder}}/config west
        noendpoints
    }
    transfer {
        to 127.0.0.1:${port}
        to *
        notify 50ms 500ms
    }
}
`,
    });
    const config = kubeconfigOf(
      { name: 'east', url: eastUrl, user: { token: 'east-token' } },
      { name: 'west', url: westUrl, user: { username: 'dns', password: 'it is: secret' } },
    );
    writeFileSync(path.join(server.folder, 'config'), config);
    server.spawn();
    await server.answers();
    await server.isReady();
  });
  after(async () => {
    listener.socket.close();
    await server?.close();
    await Promise.all([east.stop(), west.stop()]);
  });

  test('the current context has its token sent, another one its user name and password', () => {
    const sentTo = (api: FixtureApiServer) => new Set(api.requests.map(({ headers }) => headers.authorization));
    assert.deepEqual([...sentTo(east)], ['Bearer east-token']);
    assert.deepEqual([...sentTo(west)], [`Basic ${Buffer.from('dns:it is: secret').toString('base64')}`]);
  });

  test('slices are asked for by their label, and with noendpoints not at all', async () => {
    const slices = (api: FixtureApiServer) => api.requests.filter(({ url }) => url.includes('endpointslices'));
    await eventually(
      () => slices(east).length,
      (count) => count >= 2,
      'a list and a watch',
    );
    for (const { url } of slices(east)) {
      const selector = new URL(url, 'http://api').searchParams.get('labelSelector');
      assert.equal(selector, 'multicluster.kubernetes.io/service-name');
    }
    assert.deepEqual(slices(west), []);
    const isServices = ({ url }: { url: string }) => url.startsWith('/api/v1/services');
    assert.deepEqual([...east.requests, ...west.requests].filter(isServices), []);
  });

  test('the first cluster that has a name owns it', async () => {
    assert.equal(await data('web.shop'), '10.42.0.1');
    assert.equal(await data('mail.shop'), '10.43.0.2');
    assert.equal(await data('db.shop'), '10.1.0.1, 10.1.0.2');
    assert.equal(await data('none.shop'), 'NXDOMAIN');
    assert.equal(await server.dns.data('1.0.1.10.in-addr.arpa.', 'PTR'), `db-0.east.db.shop.svc.${ZONE}`);
  });

  test('what is answered is what is transferred, forward and reverse', async () => {
    const { records } = await checkAnswers(server.dns, ZONE);
    assert.ok(records.some((line) => line.startsWith('db-0.east.db.shop.svc.clusterset.local.\t')));
    assert.ok(records.some((line) => line.startsWith('clusterset.local.\t5\tIN\tNS\tns.dns.clusterset.local.')));
    assert.equal((await checkAnswers(server.dns, REVERSE)).records.filter((line) => line.includes('PTR')).length, 3);
  });

  test('a change is one new serial: NOTIFY, and IXFR that leads there', async () => {
    const [before, reverseBefore] = await Promise.all([server.dns.axfr(ZONE), server.dns.axfr(REVERSE)]);
    apply(
      exportedSlice('shop/db-1', { of: 'db', from: 'east', endpoints: ['!10.1.0.1 db-0', '10.1.0.2'], ports: SQL }),
    );
    await becomes('db.shop', '10.1.0.2');
    assert.equal(await data('db-0.east.db.shop'), 'NXDOMAIN');
    const serial = await server.dns.serial(ZONE);
    assert.ok(serial > before.serial);
    await eventually(
      () => listener.serials,
      (serials) => serials.includes(serial),
      'the secondary is told',
    );
    const transfer = await server.dns.ixfr(ZONE, before.serial);
    assert.equal(transfer.kind, 'incremental');
    assert.ok(transfer.kind === 'incremental' && transfer.steps.length === 1);
    assert.deepEqual(applyTransfer(before, transfer), await server.dns.axfr(ZONE));
    const reverse = await server.dns.ixfr(REVERSE, reverseBefore.serial);
    assert.ok(reverse.kind === 'incremental');
    assert.deepEqual(
      reverse.steps.flatMap(({ removed, added }) => [...removed, ...added]),
      [`1.0.1.10.in-addr.arpa.\t5\tIN\tPTR\tdb-0.east.db.shop.svc.${ZONE}`],
    );
  });

  test('a service that comes and goes, and its namespace', async () => {
    const before = await server.dns.axfr(ZONE);
    apply(namespaceObject('new'), importObject('new/web', { ips: ['10.42.0.9'], ports: SQL, version: 'v1alpha1' }));
    await becomes('web.new', '10.42.0.9');
    east.delete('v1', 'Namespace', undefined, 'new');
    await becomes('web.new', 'NXDOMAIN');
    east.delete('multicluster.x-k8s.io/v1alpha1', 'ServiceImport', 'shop', 'web');
    // The other cluster's import of that name stands in.
    await becomes('web.shop', '10.43.0.1');
    const transfer = await server.dns.ixfr(ZONE, before.serial);
    assert.deepEqual(applyTransfer(before, transfer), await checkAnswers(server.dns, ZONE));
    checkHistory(server.database, ZONE);
  });

  test('after a restart all is as it was, with both clusters away', async () => {
    const before = await server.dns.axfr(ZONE);
    await server.stop();
    await Promise.all([east.stop(), west.stop()]);
    server.spawn();
    await server.answers();
    assert.deepEqual(await server.dns.axfr(ZONE), before);
    assert.equal(await data('web.shop'), '10.43.0.1');
    assert.equal(await data('none.shop'), 'NXDOMAIN');
  });
});

describe('a cluster that can’t be reached as the Corefile says', () => {
  for (const [stanza, wanted] of [
    ['multicluster clusterset.local', /^plugin\/multicluster: unable to load in-cluster configuration/m],
    ['k8s_gateway example.org {\n kubeconfig none\n }', /^plugin\/k8s_gateway: open none: no such file/m],
  ] as const) {
    test(`is told of by the plugin that wants it: ${stanza.split(' ')[0]}`, async () => {
      const server = await TestServer.prepare({ corefile: `.:{{dns}} {\n bind 127.0.0.1\n ${stanza}\n}\n` });
      try {
        server.spawn();
        const { code } = await server.ended;
        assert.equal(code, 1);
        assert.match(server.stderr + server.stdout, wanted);
      } finally {
        await server.close();
      }
    });
  }
});
