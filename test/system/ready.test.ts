/** `/ready` of a server that began to serve before its cluster was listed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../src/demo/resources.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { TestServer } from '../kit/server.ts';

const ZONE = 'cluster.local.';
/** So many that the serving thread folds them in hundreds of parts. */
const SERVICES = 10_000;

function service(index: number): KubeObject {
  const clusterIP = `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `svc-${index}`, namespace: 'apps' },
    spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port: 80 }] },
  };
}

test('ready means that the lists have come as far as the threads that answer', async (t) => {
  const api = new FaultyApiServer();
  api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
  for (let i = 0; i < SERVICES; i++) api.apply(service(i));
  api.pause();
  const { url } = await api.start();
  t.after(() => api.stop());
  const server = await TestServer.start({
    corefile: `
.:{{dns}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{ready}}
    kubernetes ${ZONE} {
        endpoint ${url}
        startup_timeout 100ms
    }
}
`,
  });
  t.after(() => server.close());
  assert.equal(await server.dns.data(`svc-0.apps.svc.${ZONE}`, 'A'), 'SERVFAIL');
  assert.equal((await server.http('ready')).status, 503);
  api.resume();
  await server.isReady();
  assert.equal(await server.dns.data(`svc-${SERVICES - 1}.apps.svc.${ZONE}`, 'A'), '10.96.39.15');
});
