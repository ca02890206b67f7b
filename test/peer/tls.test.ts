/** Transfers over TLS with a certificate on both sides (RFC 9103 §9.3), with the configurations of docs/secondaries.md. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CA, CERTIFICATE, KEY, SECOND_CERTIFICATE, SECOND_KEY } from '../kit/certificates.ts';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { sideOf, waitForChanges, waitForCopy } from './copies.ts';
import { adapt, docFile } from './doc.ts';
import { BIND_TLS, KNOT_TLS, NSD_TLS } from './kinds.ts';
import { hasProgram, Peer } from './peer.ts';

const ZONES = [CHURN_ZONE, '10.in-addr.arpa.'];
const CHANGES = Number(process.env.ZONELOG_PEER_CHANGES ?? 500) / 5;
/** NSD 4.6 shows its certificate from its second connection on, which is up to a minute after the first. */
const TIMEOUT = 120_000;

for (const kind of [BIND_TLS, NSD_TLS, KNOT_TLS]) {
  describe(`${kind.name} over TLS`, { skip: !hasProgram(kind.program) && `needs ${kind.program}` }, () => {
    const churn = new Churn(9103, 10);
    let server: TestServer;
    let peer: Peer;
    let view: DnsClient;
    let makePeer: () => Peer;

    before(async () => {
      const [peerPort = 0, primaryPort = 0, viewPort = 0] = await freePorts(3);
      const { url } = await churn.api.start();
      server = await TestServer.prepare({ corefile: '' });
      const primary = adapt(docFile('Corefile-tls'), {
        'tls://.:853 {': `tls://.:${primaryPort} {\n    bind 127.0.0.1`,
        'kubeconfig /etc/zonelog/kubeconfig': `endpoint ${url}`,
        '/etc/zonelog/': `${server.folder}/`,
        '192.0.2.53 192.0.2.54 192.0.2.55': `127.0.0.1:${peerPort}`,
        'ns1.example.org': 'dns2.test',
      });
      const kubernetes = `kubernetes cluster.local 10.in-addr.arpa {\n endpoint ${url}\n }`;
      server.writeCorefile(`${primary}
.:${viewPort} {
    bind 127.0.0.1
    ${kubernetes}
    transfer {
        to *
    }
}
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
}
`);
      for (const [name, text] of [
        ['tls.crt', CERTIFICATE],
        ['tls.key', KEY],
        ['clients-ca.crt', CA],
      ] as const) {
        writeFileSync(path.join(server.folder, name), text);
      }
      server.spawn();
      await server.answers();
      view = new DnsClient(viewPort);
      // Before that it would refuse everybody.
      await waitForChanges(churn, () => view.axfr(CHURN_ZONE));
      makePeer = () => new Peer(kind, primaryPort, peerPort);
    });
    after(async () => {
      await peer?.close();
      await server?.close();
      await churn.api.stop();
    });

    const give = (certificate: string, key: string) => {
      peer.write('ca.pem', CA);
      peer.write('cert.pem', certificate);
      peer.write('key.pem', key);
    };
    const converge = async () => {
      await waitForChanges(churn, () => view.axfr(CHURN_ZONE));
      for (const zone of ZONES) {
        await waitForCopy({
          zone,
          original: sideOf(view, zone),
          copy: sideOf(peer.dns, zone),
          said: () => [peer.said(), server.said()],
          timeout: TIMEOUT,
        });
      }
    };

    test('gets nothing with the certificate of somebody else', async () => {
      peer = makePeer();
      give(CERTIFICATE, KEY);
      await peer.start();
      await eventually(
        () => server.metric('zonelog_transfer_requests_total', { outcome: 'refused' }),
        (refused) => refused > 0,
        'it was refused',
        TIMEOUT,
      ).catch((error) => {
        throw new Error(`${error}\n--- secondary:\n${peer.said()}\n--- zonelog:\n${server.said()}`);
      });
      assert.equal(await peer.zone('cluster.local.'), undefined);
      await peer.close();
    });

    test('takes the whole zones with its own', async () => {
      // Another one, that has not been refused: NSD would wait a minute before it asks again.
      peer = makePeer();
      give(SECOND_CERTIFICATE, SECOND_KEY);
      await peer.start();
      await converge();
    });

    test('follows changes', async () => {
      const whole = () => server.metric('zonelog_transfer_requests_total', { outcome: 'incremental' });
      const before = await whole();
      for (let i = 0; i < CHANGES; i++) {
        churn.step();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await converge();
      assert.ok((await whole()) > before, 'by differences');
    });
  });
}
