/** Secondaries that a cluster tells: each pod of a DaemonSet is told of changes, and may transfer, while it is there. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { DnsClient, TransferRefused } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { ZonesListener } from '../kit/zones-listener.ts';

const ZONE = 'cluster.local.';
const PODS = ['127.0.0.11', '127.0.0.12'];
const ENDPOINTS = ['127.0.0.21', '127.0.0.22'];

describe('secondaries in a cluster', () => {
  const api = new FaultyApiServer({ manager: 'test' });
  const listeners = new Map<string, ZonesListener>();
  let server: TestServer;
  let services = 0;

  const pod = (name: string, address: string, labels: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'dns', labels },
    status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
  });
  const slice = (name: string, service: string, addresses: readonly string[]) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'dns', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [],
  });
  /** Makes a change of the zone, and gives its serial. */
  const change = async (): Promise<number> => {
    const before = await server.dns.serial(ZONE);
    const name = `made-${services}`;
    services += 1;
    const spec = { clusterIP: `10.96.0.${services}`, clusterIPs: [`10.96.0.${services}`], ports: [] };
    api.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'apps' }, spec });
    return eventually(
      () => server.dns.serial(ZONE),
      (serial) => serial > before,
      'the zone has changed',
    );
  };
  const listener = (address: string) => listeners.get(address) as ZonesListener;
  const isTold = (address: string, serial: number) =>
    eventually(
      () => listener(address).last(ZONE),
      (last) => last === serial,
      `${address} is told of ${serial}`,
    );
  const transferFrom = (address: string) => new DnsClient(server.dns.port, () => '', address).axfr(ZONE);
  const isRefused = (error: unknown) => error instanceof TransferRefused && error.rcode === 'REFUSED';

  before(async () => {
    const [port = 0] = await freePorts(1);
    for (const address of [...PODS, ...ENDPOINTS]) listeners.set(address, await ZonesListener.open(address, port));
    for (const name of ['dns', 'apps']) api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    api.apply(pod('knot-a', '127.0.0.11', { app: 'knot' }));
    api.apply(pod('other', '127.0.0.13', { app: 'other' }));
    api.apply(slice('nsd-1', 'nsd', ENDPOINTS));
    api.apply(slice('other-1', 'other', ['127.0.0.23']));
    const { url } = await api.start();
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    kubernetes ${ZONE} {
        endpoint ${url}
    }
    transfer {
        to pods dns app=knot ${port}
        to service dns nsd ${port}
        notify 10ms
    }
}
`,
    });
    await server.hasZone(ZONE);
  });
  after(async () => {
    for (const one of listeners.values()) one.close();
    await server?.close();
    await api.stop();
  });

  test('pods that the selector chooses, and endpoints of the service, are told and may transfer', async () => {
    const serial = await change();
    for (const address of ['127.0.0.11', ...ENDPOINTS]) {
      await isTold(address, serial);
      assert.equal((await transferFrom(address)).serial, serial);
    }
    for (const address of ['127.0.0.1', '127.0.0.12', '127.0.0.13', '127.0.0.23']) {
      await assert.rejects(transferFrom(address), isRefused, address);
    }
  });

  test('a pod that comes is told of the version that is there', async () => {
    const serial = await server.dns.serial(ZONE);
    api.apply(pod('knot-b', '127.0.0.12', { app: 'knot' }));
    await isTold('127.0.0.12', serial);
    assert.equal((await transferFrom('127.0.0.12')).serial, serial);
  });

  test('what is gone is told no more, and may transfer no more', async () => {
    api.delete('v1', 'Pod', 'dns', 'knot-a');
    api.apply(slice('nsd-1', 'nsd', ENDPOINTS.slice(1)));
    for (const address of ['127.0.0.11', '127.0.0.21']) {
      await eventually(() => transferFrom(address).catch((error) => error), isRefused, `${address} is refused`);
    }
    const serial = await change();
    for (const address of ['127.0.0.12', '127.0.0.22']) await isTold(address, serial);
    for (const address of ['127.0.0.11', '127.0.0.21'])
      assert.ok(!listener(address).told.get(ZONE)?.includes(serial), `${address} is not told of ${serial}`);
  });

  test('they are known after a restart though the API is away', async () => {
    await server.stop('SIGKILL');
    await api.stop();
    server.spawn();
    await server.answers();
    assert.equal((await transferFrom('127.0.0.12')).serial, await server.dns.serial(ZONE));
    await assert.rejects(transferFrom('127.0.0.11'), isRefused);
  });
});
