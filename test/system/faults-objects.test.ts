/** Objects with missing or absurd fields, and API servers that babble: the rest of the zone is unharmed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../src/demo/resources.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { checkHistory } from '../kit/log-reader.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';

const ZONE = 'cluster.local.';
const NAMESPACE = 'apps';
const SILLY = '../..';

describe('objects with absurd fields', () => {
  const api = new FaultyApiServer();
  let server: TestServer;
  let marks = 0;

  const service = (name: string, spec: unknown, more: Partial<KubeObject['metadata']> = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE, ...more },
    spec,
  });
  const slice = (name: string, of: string, fields: Record<string, unknown>): KubeObject => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    ...fields,
  });
  const plain = (clusterIP: string) => ({ clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port: 80 }] });
  const data = (name: string, type = 'A') => server.dns.data(`${name}.${NAMESPACE}.svc.${ZONE}`, type);

  /** A good object after the bad ones: once it answers, those were read too. */
  const allRead = async () => {
    const ip = `10.99.0.${++marks}`;
    for (const apply of [
      service(`mark-${marks}`, plain(ip)),
      slice(`mark-${marks}`, 'mark', { endpoints: [{ addresses: [ip] }] }),
    ]) {
      api.apply(apply);
    }
    await eventually(
      async () => [await data(`mark-${marks}`), (await data('mark')).includes(ip)],
      ([one, two]) => one === ip && two === true,
      'the good object after the bad ones answers',
    );
  };

  before(async () => {
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    api.apply(service('good', plain('10.96.0.1')));
    api.apply(service('mark', { clusterIP: 'None', ports: [] }));
    const { url } = await api.start();
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    kubernetes ${ZONE} {
        endpoint ${url}
        pods verified
    }
    transfer {
        to *
    }
}
`,
    });
    await allRead();
  });
  after(async () => {
    await server?.close();
    await api.stop();
  });

  test('of wrong types count as absent', async () => {
    api.apply(service('no-spec', undefined));
    api.apply(service('null-spec', null));
    api.apply(service('text-spec', 'ClusterIP'));
    api.apply(service('list-spec', [1, 2, 3]));
    api.apply(service('odd-ports', { ...plain('10.96.0.2'), ports: { name: 'http' } }));
    api.apply(
      service('odd-port-numbers', {
        ...plain('10.96.0.3'),
        ports: [
          null,
          7,
          { port: -1 },
          { port: 1e9 },
          { port: 1.5 },
          { port: '80' },
          { name: 5, port: 81 },
          { name: 'x'.repeat(64), port: 82 },
        ],
      }),
    );
    api.apply(
      service('odd-addresses', { clusterIP: 7, clusterIPs: ['10.96.0.4', null, {}, 'ten', '10.96.0.256', '1.2.3'] }),
    );
    api.apply(service('odd-alias', { type: 'ExternalName', externalName: { host: 'a' } }));
    api.apply(service('bad-alias', { type: 'ExternalName', externalName: `${'x'.repeat(64)}.example.net` }));
    api.apply(service('long-alias', { type: 'ExternalName', externalName: 'a.'.repeat(200) }));
    api.apply(service('odd-type', { ...plain('10.96.0.5'), type: 'Quantum' }));
    await allRead();
    assert.equal(await data('odd-ports'), '10.96.0.2');
    assert.equal(await data('odd-port-numbers'), '10.96.0.3');
    assert.equal(await data('odd-addresses'), '10.96.0.4');
    assert.equal(await data('odd-type'), '10.96.0.5');
    const srv = await data('odd-port-numbers', 'SRV');
    for (const part of srv.split(', ')) assert.match(part, /^0 \d+ 8[12] odd-port-numbers\./);
    for (const name of ['no-spec', 'null-spec', 'odd-alias', 'bad-alias', 'long-alias']) {
      assert.match(await data(name), /^(NXDOMAIN|NODATA)$/, name);
    }
  });

  test('in endpoint slices leave the other endpoints', async () => {
    api.apply(service('db', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }));
    api.apply(slice('db-none', 'db', { endpoints: null }));
    api.apply(slice('db-text', 'db', { endpoints: 'all of them' }));
    api.apply(slice('db-no-ports', 'db', { ports: undefined, endpoints: [{ addresses: ['10.1.0.1'] }] }));
    api.apply(
      slice('db-mixed', 'db', {
        endpoints: [
          null,
          [],
          { addresses: null },
          { addresses: ['10.1.0.2', 'nowhere', 5] },
          { addresses: ['10.1.0.3'], conditions: null, hostname: 'not.one.label' },
          { addresses: ['10.1.0.4'], conditions: { ready: 'yes' } },
          { addresses: ['10.1.0.5'], hostname: '-bad-', targetRef: 'pod' },
        ],
      }),
    );
    await allRead();
    assert.equal(await data('db'), '10.1.0.1, 10.1.0.2, 10.1.0.3, 10.1.0.5');
    assert.equal(await data('10-1-0-5.db'), '10.1.0.5');
  });

  test('in names are rejected and counted', async () => {
    const rejected = (reason: string) => server.metric('zonelog_ingest_rejected_total', { reason });
    const before = { name: await rejected('bad name'), namespace: await rejected('bad namespace') };
    api.apply(service(SILLY, plain('10.96.1.1')));
    api.apply(service('x'.repeat(300), plain('10.96.1.2')));
    api.apply(service('a.b', plain('10.96.1.3')));
    api.apply(service('new\nline', plain('10.96.1.4')));
    api.apply(service('__proto__', plain('10.96.1.5')));
    api.apply(service('ok', plain('10.96.1.6'), { namespace: 'Two Words' }));
    await allRead();
    await eventually(
      async () => [(await rejected('bad name')) - before.name, (await rejected('bad namespace')) - before.namespace],
      ([names = 0, namespaces = 0]) => names >= 4 && namespaces >= 1,
      'rejected objects are counted',
    );
  });

  test('of absurd size are rejected, and what was known stays', async () => {
    api.apply(service('big', { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] }));
    api.apply(slice('big-1', 'big', { endpoints: [{ addresses: ['10.2.0.1'] }] }));
    await allRead();
    assert.equal(await data('big'), '10.2.0.1');
    const endpoints = Array.from({ length: 20_000 }, (_, i) => ({ addresses: [`10.3.${i >> 8}.${i & 255}`] }));
    api.apply(slice('big-1', 'big', { endpoints }));
    await allRead();
    assert.equal(await data('big'), '10.2.0.1');
    await server.metricIs('zonelog_ingest_rejected_total', { reason: 'too many items' }, 1);
    api.apply(slice('big-1', 'big', { endpoints: [{ addresses: ['10.2.0.2'] }] }));
    await allRead();
    assert.equal(await data('big'), '10.2.0.2');
  });

  test('in pods leave the other pods', async () => {
    const pod = (name: string, status: unknown): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: NAMESPACE },
      status,
    });
    api.apply(pod('no-status', undefined));
    api.apply(pod('odd-ips', { phase: 'Running', podIP: {}, podIPs: [{ ip: 5 }, null, 'x', { ip: '10.5.0.1' }] }));
    api.apply(pod('odd-phase', { phase: 12, podIP: '10.5.0.2' }));
    const podData = (ip: string) => server.dns.data(`${ip}.${NAMESPACE}.pod.${ZONE}`, 'A');
    await eventually(
      async () => [await podData('10-5-0-1'), await podData('10-5-0-2')],
      ([one, two]) => one === '10.5.0.1' && two === '10.5.0.2',
      'pods with an address have their names',
    );
  });

  test('and lines that are no JSON: the watch goes on where it was', async () => {
    // Each makes the next try wait longer.
    for (const line of ['{"type":"MODIFIED","object":{"meta', '[]', '{"type":"ADDED","object":null}']) {
      assert.ok(api.sendBadLine({ path: 'services' }, line) > 0);
      await allRead();
    }
    await eventually(
      () => server.metric('zonelog_ingest_bad_lines_total'),
      (count) => count >= 1,
      'they are counted',
    );
  });

  test('leave the rest of the zone, the log and the process in order', async () => {
    assert.equal(await data('good'), '10.96.0.1');
    const { records } = await server.dns.axfr(ZONE);
    const isRecord = /^[a-z0-9_.-]+\t\d+\tIN\t(A|AAAA|SRV|CNAME|NS|TXT)\t\S/;
    assert.deepEqual(
      records.filter((line) => !isRecord.test(line)),
      [],
    );
    checkHistory(server.database, ZONE);
    assert.doesNotMatch(server.said(), /at .*\.(js|ts):\d+/, 'no stack in the log');
    assert.equal(await server.metric('zonelog_ingest_bugs_total'), 0);
  });
});
