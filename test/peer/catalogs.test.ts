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
    let primary: DnsClient;
    let writeCorefile: (zones: string) => void;

    before(async () => {
      const [peerPort = 0, primaryPort = 0, viewPort = 0] = await freePorts(3);
      const { url } = await churn.api.start();
      server = await TestServer.prepare({ corefile: '' });
      writeFileSync(path.join(server.folder, 'transfer.key'), docFile('transfer.key'));
      writeCorefile = (zones) => {
        const catalog = adapt(docFile('Corefile-catalog'), {
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
          `${catalog}\n.:${viewPort} {\n bind 127.0.0.1\n ${ours}\n}\n.:{{dns}} {\n bind 127.0.0.1\n}\n`,
        );
      };
      writeCorefile('cluster.local 10.in-addr.arpa');
      server.spawn();
      await server.answers();
      view = new DnsClient(viewPort);
      primary = new DnsClient(primaryPort);
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
      const reloads = () => (server.stdout + server.stderr).split('Reloading complete').length;
      const before = reloads();
      writeCorefile(zones);
      server.signal('SIGUSR1');
      await eventually(
        () => {
          assert.doesNotMatch(server.said(), /Restart failed/);
          return reloads();
        },
        (times) => times > before,
        'reloaded',
      );
    };
    /**
     * PowerDNS leaves a catalog's changes out when another of its threads has SQLite locked, and makes up for them with the
     * catalog's next version: it gets one, with a zone more, as long as it says that it did so.
     */
    const isTakenByPowerDns = async (zones: string) => {
      if (kind !== POWERDNS_CATALOG) return;
      let wanted = zones;
      for (let extra = 1; extra <= 10; extra++) {
        const { serial } = await eventually(
          () => primary.axfr('catalog.zonelog.'),
          ({ records }) => isCatalogOf(records, wanted.split(' ')),
          `the catalog has ${wanted}`,
        );
        const said = await eventually(
          () => peer.saidUntil(`'catalog.zonelog', primary: '127.0.0.1', zone committed with serial ${serial}\n`),
          (text) => text !== undefined,
          `PowerDNS has version ${serial} of the catalog`,
          TIMEOUT,
        );
        const outcomes = said?.match(/Catalog-Zone (backend transaction committed|update failed)/g);
        if (outcomes?.at(-1) !== 'Catalog-Zone update failed') return;
        wanted = `${zones} extra${extra}.local`;
        await reload(wanted);
      }
    };

    test('its members are there from the start', async () => {
      await isTakenByPowerDns('cluster.local 10.in-addr.arpa');
      await hasCopy('cluster.local.');
      await hasCopy('10.in-addr.arpa.');
    });

    test('a zone that is added appears', async () => {
      await reload('cluster.local fluster.local 10.in-addr.arpa');
      await isTakenByPowerDns('cluster.local fluster.local 10.in-addr.arpa');
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
      // Nobody else reads its database before it has taken the zone out.
      await isTakenByPowerDns('cluster.local fluster.local');
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

/** Are these the catalog's members, and no others (RFC 9432 section 4.1)? */
function isCatalogOf(records: readonly string[], zones: readonly string[]): boolean {
  const members = records.flatMap((record) => /\.zones\.catalog\.zonelog\.\t.*\tPTR\t(\S+)\.$/.exec(record)?.[1] ?? []);
  return members.sort().join() === zones.toSorted().join();
}
