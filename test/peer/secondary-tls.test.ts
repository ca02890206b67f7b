/** Zones of BIND over TLS (RFC 9103): it asks for our certificate, we for its. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CA, CERTIFICATE, KEY as CERTIFICATE_KEY, SECOND_CERTIFICATE, SECOND_KEY } from '../kit/certificates.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { hasProgram, Peer, type PeerKind, SECRET } from './peer.ts';
import { BIND_PRIMARY, hasUpdates, KEY, Updates, ZONE } from './primaries.ts';

/** As BIND_PRIMARY, but transfers go over TLS only, to those with a certificate of the authority. */
const overTls = (tlsPort: number): PeerKind => ({
  ...BIND_PRIMARY,
  files(place) {
    const { 'named.conf': plain = '', ...others } = BIND_PRIMARY.files(place);
    const { folder } = place;
    const tls = `tls xot {
    cert-file "${folder}/cert.pem";
    key-file "${folder}/key.pem";
    ca-file "${folder}/ca.pem";
    protocols { TLSv1.3; };
};
`;
    return {
      ...others,
      'named.conf': plain
        .replace('options {', `${tls}options {\n    listen-on port ${tlsPort} tls xot { 127.0.0.1; };`)
        .replace('allow-transfer { 127.0.0.1; };', `allow-transfer port ${tlsPort} transport tls { 127.0.0.1; };`),
      'cert.pem': CERTIFICATE,
      'key.pem': CERTIFICATE_KEY,
      'ca.pem': CA,
    };
  },
});

const isMissing = !hasProgram('named') || !hasUpdates;

describe('BIND as the primary over TLS', { skip: isMissing && 'needs named and nsupdate' }, () => {
  let primary: Peer;
  let server: TestServer;
  let ports: readonly number[];
  const updates = new Updates(9103);

  const writeCorefile = (tls: string) =>
    server.writeCorefile(`
.:{{dns}} {
    bind 127.0.0.1
    tsig {
        secret ${KEY} ${SECRET}
    }
    transfer {
        to *
    }
    secondary ${ZONE} {
        transfer from tls://127.0.0.1%dns.test:${ports[1]} key ${KEY}
        tls ${tls}
        retry 200ms
        refresh 1h
    }
}
`);
  const restart = async (tls: string) => {
    await server.stop();
    writeCorefile(tls);
    server.spawn();
    await server.answers();
  };

  before(async () => {
    ports = await freePorts(2);
    server = await TestServer.prepare({ corefile: '' });
    for (const [name, text] of [
      ['ca.pem', CA],
      ['client.pem', SECOND_CERTIFICATE],
      ['client.key', SECOND_KEY],
    ] as const) {
      writeFileSync(path.join(server.folder, name), text);
    }
    const [port = 0, tlsPort = 0] = ports;
    primary = new Peer(overTls(tlsPort), server.port('dns'), port);
    await primary.start();
  });
  after(async () => {
    await server?.close();
    await primary?.close();
  });

  test('gives nothing without a certificate', async () => {
    await restart('{{folder}}/ca.pem');
    await server.printed(/could not be refreshed: 127.0.0.1:\d+: \S/);
    await assert.rejects(server.dns.axfr(ZONE), /SERVFAIL/);
  });

  test('is not believed with a certificate of somebody else', async () => {
    await restart('{{folder}}/client.pem {{folder}}/client.key {{folder}}/client.pem');
    await server.printed(/could not be refreshed: .*(unable to|self.signed|issuer)/);
    await assert.rejects(server.dns.axfr(ZONE), /SERVFAIL/);
  });

  test('gives all to who shows a certificate, and then what changes', async () => {
    await restart('{{folder}}/client.pem {{folder}}/client.key {{folder}}/ca.pem');
    await server.printed(/Transferred zone "example.org." from .*: full/);
    await updates.send(ports[0] ?? 0, 20);
    const serial = await primary.dns.serial(ZONE);
    await eventually(
      () => server.dns.serial(ZONE),
      (seen) => seen === serial,
      'the last version is here',
    ).catch((error) => {
      throw new Error(`${error}\n${primary.said()}\n${server.said()}`);
    });
    await server.printed(/Transferred zone "example.org." from .*: incremental/);
  });
});
