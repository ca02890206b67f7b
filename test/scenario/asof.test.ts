/** The past in DNS, end to end: a client that may ask gets what was answered then; the answer path does not wait for it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { freePorts } from '../kit/free-ports.ts';
import { checkCommands } from '../kit/history-check.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';

const DEADLINE = 60_000;
const WEB = 'web.apps.svc';

describe('asof', () => {
  const api = new FaultyApiServer();
  let server: TestServer;

  const put = (address: string) => {
    const spec = { clusterIP: address, clusterIPs: [address], ports: [{ name: 'http', port: 80 }] };
    api.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'apps' }, spec });
  };
  const data = (name: string, type = 'A') => server.dns.data(`${name}.`, type);
  /** Asks for another address, and waits until it is answered. @returns the serial of that version */
  const become = async (address: string) => {
    put(address);
    await eventually(
      () => data(`${WEB}.cluster.local`),
      (seen) => seen === address,
      address,
      DEADLINE,
    );
    return server.dns.serial('cluster.local.');
  };

  before(async () => {
    api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
    const { url } = await api.start();
    const [http] = await freePorts(1);
    server = await TestServer.start({
      corefile: `.:{{dns}} {
    bind 127.0.0.1
    history 127.0.0.1:${http}
    asof 127.0.0.1
    kubernetes cluster.local {
        endpoint ${url}
    }
    transfer cluster.local {
        to *
    }
}
other.local:{{dns}} {
    bind 127.0.0.1
    asof 192.0.2.1
    kubernetes other.local {
        endpoint ${url}
    }
}
`,
    });
    for (const zone of ['cluster.local.', 'other.local.']) await server.hasZone(zone);
  });
  after(async () => {
    await server.stop();
    await api.stop();
  });

  test('answers as of a serial, names lead on, and why says who', async () => {
    const first = await become('10.96.0.1');
    const second = await become('10.96.0.2');
    // The history thread listens after the first answers are given.
    await eventually(
      () => data(`${WEB}.at-${first}.cluster.local`),
      (seen) => seen === '10.96.0.1',
      'the first address, as of its serial',
      DEADLINE,
    );
    assert.equal(await data(`${WEB}.at-${second}.cluster.local`), '10.96.0.2');
    const { message } = await server.dns.ask(`_http._tcp.${WEB}.at-${first}.cluster.local.`, 'SRV');
    assert.deepEqual(
      message.answer.map(({ owner, rdata }) => [owner, 'target' in rdata && rdata.target]),
      [[`_http._tcp.${WEB}.at-${first}.cluster.local.`, `${WEB}.at-${first}.cluster.local.`]],
    );
    assert.equal(await data(`none.apps.svc.at-${first}.cluster.local`), 'NXDOMAIN');
    assert.match(
      await data(`why.${WEB}.at-${first}.cluster.local`, 'TXT'),
      /answered by zone .*ServiceUpserted apps\/web/,
    );
    assert.match(await data(`why-aaaa.${WEB}.cluster.local`, 'TXT'), /AAAA: no data .*records of other types only: A/);
    assert.match(
      await data('why.none.apps.svc.cluster.local', 'TXT'),
      /no such name .*there was no service apps\/none/,
    );
    assert.equal(await data(`${WEB}.at-99991231T000000Z.cluster.local`), 'REFUSED');
    assert.equal(await data(`${WEB}.at-7.cluster.local`), 'REFUSED');
  });

  test('the commands tell of each version what was transferred then', async () => {
    const versions = [await server.dns.axfr('cluster.local.')];
    for (const address of ['10.96.0.3', '10.96.0.4']) {
      await become(address);
      versions.push(await server.dns.axfr('cluster.local.'));
    }
    await checkCommands(server.database, 'cluster.local.', versions);
  });

  test('is not transferred, and is nothing to clients that may not ask', async () => {
    const { records } = await server.dns.axfr('cluster.local.');
    assert.ok(records.length > 0 && records.every((line) => !/(^|\.)(at-|why\.)/.test(line)));
    const serial = await server.dns.serial('other.local.');
    for (let i = 0; i < 2; i++) assert.equal(await data(`${WEB}.at-${serial}.other.local`), 'NXDOMAIN');
    assert.equal(await data(`why.${WEB}.other.local`, 'TXT'), 'NXDOMAIN');
  });
});
