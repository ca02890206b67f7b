/** Catalog zones (RFC 9432): zones come and go on the secondaries as they do in the Corefile, with no change there. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Churn } from '../kit/churn.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { sideOf, waitForCopy } from './copies.ts';
import { adapt, docFile } from './doc.ts';
import { BIND_CATALOG, KNOT_CATALOG, NSD_CATALOG, POWERDNS_CATALOG } from './kinds.ts';
import { hasProgram, Peer } from './peer.ts';

const TIMEOUT = 120_000;

for (const kind of [BIND_CATALOG, KNOT_CATALOG, NSD_CATALOG, POWERDNS_CATALOG]) {
  describe(`a catalog on ${kind.name}`, { skip: !hasProgram(kind.program) && `needs ${kind.program}` }, () => {
    const churn = new Churn(9432, 10);
    let server: TestServer;
    let peer: Peer;
    let view: DnsClient;
    let writeCorefile: (zones: string) => void;

    before(async () => {
      const [peerPort = 0, primaryPort = 0, viewPort = 0] = await freePorts(3);
      const { url } = await churn.api.start();
      server = await TestServer.prepare({ corefile: '' });
      writeFileSync(path.join(server.folder, 'transfer.key'), docFile('transfer.key'));
      writeCorefile = (zones) => {
        const primary = adapt(docFile('Corefile-catalog'), {
          '.:53 {': `.:${primaryPort} {\n    bind 127.0.0.1`,
          'kubernetes cluster.local 10.in-addr.arpa': `kubernetes ${zones}`,
          'kubeconfig /etc/zonelog/kubeconfig': `endpoint ${url}`,
          '/etc/zonelog/': `${server.folder}/`,
          ...(kind === POWERDNS_CATALOG
            ? { 'to 192.0.2.53 192.0.2.54 key transfer.key\n': '', '192.0.2.56': `127.0.0.1:${peerPort}` }
            : { '192.0.2.53 192.0.2.54': `127.0.0.1:${peerPort}`, 'to 192.0.2.56\n': '' }),
        });
        const ours = `kubernetes ${zones} {\n endpoint ${url}\n }\n transfer {\n to *\n }`;
        server.writeCorefile(
          `${primary}\n.:${viewPort} {\n bind 127.0.0.1\n ${ours}\n}\n.:{{dns}} {\n bind 127.0.0.1\n}\n`,
        );
      };
      writeCorefile('cluster.local 10.in-addr.arpa');
      server.spawn();
      await server.answers();
      view = new DnsClient(viewPort);
      peer = new Peer(kind, primaryPort, peerPort);
      await peer.start();
    });
    after(async () => {
      await peer?.close();
      await server?.close();
      await churn.api.stop();
    });

    const hasCopy = (zone: string) =>
      waitForCopy({
        zone,
        original: sideOf(view, zone),
        copy: sideOf(peer.dns, zone),
        said: () => [peer.said(), server.said()],
        timeout: TIMEOUT,
      });
    const reload = async (zones: string) => {
      writeCorefile(zones);
      server.signal('SIGUSR1');
      await server.printed(/Reloading complete|Restart failed/);
      assert.doesNotMatch(server.said(), /Restart failed/);
    };

    test('its members are there from the start', async () => {
      await hasCopy('cluster.local.');
      await hasCopy('10.in-addr.arpa.');
    });

    test('a zone that is added appears', async () => {
      await reload('cluster.local fluster.local 10.in-addr.arpa');
      await hasCopy('fluster.local.');
    });

    test('members follow changes', async () => {
      const { serial } = await view.axfr('fluster.local.');
      churn.step();
      await eventually(
        () => view.axfr('fluster.local.'),
        (zone) => zone.serial > serial,
        'the zone has changed',
      );
      await hasCopy('fluster.local.');
      await hasCopy('cluster.local.');
    });

    test('a zone that is taken out goes, the others stay', async () => {
      await server.stop();
      writeCorefile('cluster.local fluster.local');
      server.spawn();
      await server.answers();
      // PowerDNS can't take a zone out of SQLite while anything is read there, and does not try again.
      if (kind === POWERDNS_CATALOG) {
        await eventually(
          () => peer.hasSaid(/Catalog-Zone delete zone '10\.in-addr\.arpa'[\s\S]*transaction committed/),
          (isDone) => isDone,
          'PowerDNS says that it has taken the zone away',
          TIMEOUT,
        );
      }
      // What answers by UDP may know of it before what answers by TCP does.
      await eventually(
        async () => [await peer.dns.ask('10.in-addr.arpa.', 'SOA'), await peer.zone('10.in-addr.arpa.')] as const,
        ([{ rcode, answer }, copy]) => (rcode !== 'NOERROR' || answer.length === 0) && copy === undefined,
        '10.in-addr.arpa. is gone from the secondary',
        TIMEOUT,
      ).catch((error) => {
        throw new Error([String(error), peer.said(), server.said()].join('\n---\n'));
      });
      await hasCopy('cluster.local.');
      await hasCopy('fluster.local.');
    });
  });
}
