/**
 * Digests (RFC 8976) as others verify them: Knot DNS takes each version, whole or as differences, only with the right digest,
 * so do Unbound and ldns; and none of them takes a zone with a record changed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import type { TransferredZone } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { waitForChanges } from './copies.ts';
import { adapt, docFile } from './doc.ts';
import { KNOT } from './kinds.ts';
import { hasProgram, Peer, type PeerKind } from './peer.ts';

const ZONES = [CHURN_ZONE, '10.in-addr.arpa.'];
const CHANGES = Number(process.env.ZONELOG_PEER_CHANGES ?? 150);
const STEP_EVERY = 20;
const CONVERGENCE = 45_000;

const KNOT_VERIFYING: PeerKind = {
  ...KNOT,
  files: (place) => ({
    'knot.conf': adapt(KNOT.files(place)['knot.conf'] ?? '', {
      [docFile('knot.conf')
        .match(/template:\n(?: .*\n)+/)?.[0]
        .replaceAll('/var/lib/knot', place.folder) ?? '']: docFile('knot-zonemd.conf').replaceAll(
        '/var/lib/knot',
        place.folder,
      ),
    }),
  }),
};

const UNBOUND: PeerKind = {
  name: 'unbound',
  program: 'unbound',
  files: ({ folder, primary, port }) => ({
    'unbound.conf': `server:
    interface: 127.0.0.1@${port}
    port: ${port}
    directory: "${folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    verbosity: 1
    do-daemonize: no
    module-config: "iterator"
    local-zone: "10.in-addr.arpa." nodefault
remote-control:
    control-enable: no
${adapt(docFile('unbound-zonemd.conf'), { '192.0.2.1@53': `127.0.0.1@${primary}` })}`,
  }),
  command: ({ folder }) => ['unbound', '-d', '-c', path.join(folder, 'unbound.conf')],
};

/** The zone as a master file. */
function masterFile({ soa, records }: TransferredZone): string {
  return `${[soa, ...records].join('\n')}\n`;
}

/** With another address in one record. */
function tampered(zone: TransferredZone): TransferredZone {
  const at = zone.records.findIndex((line) => /\tA\t10\./.test(line));
  assert.ok(at >= 0);
  const records = zone.records.map((line, i) => (i === at ? line.replace(/\t10\..*$/, '\t10.255.255.1') : line));
  return { ...zone, records };
}

describe('digests are right for', { skip: !hasProgram('knotd') && 'needs knotd' }, () => {
  const churn = new Churn(8976, 40);
  let server: TestServer;
  let primaryPort = 0;
  let filePort = 0;
  let hidden: TestServer;
  let knot: Peer;

  before(async () => {
    const [first = 0, second = 0, knotPort = 0] = await freePorts(3);
    [primaryPort, filePort] = [first, second];
    const { url } = await churn.api.start();
    server = await TestServer.start({
      corefile: `.:${primaryPort} .:{{dns}} {
    bind 127.0.0.1
    multisocket 2
    prometheus 127.0.0.1:{{metrics}}
    kubernetes cluster.local 10.in-addr.arpa {
        endpoint ${url}
    }
    tsig {
        secret transfer.key WrJnxKp2lZ3p9bWQqX1yOeUvR0sT4nC7aHdMfGk5jLo=
    }
    transfer {
        to 127.0.0.1:${knotPort} key transfer.key
        to 127.0.0.1
        notify 50ms
        zonemd
    }
}
`,
    });
    knot = new Peer(KNOT_VERIFYING, primaryPort, knotPort);
    hidden = await TestServer.prepare({ corefile: '' });
  });
  after(async () => {
    await knot?.close();
    await server?.close();
    await hidden?.close();
    await churn.api.stop();
  });

  const count = (outcome: string) => server.metric('zonelog_transfer_requests_total', { type: 'IXFR', outcome });

  async function change(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      churn.step();
      await new Promise((resolve) => setTimeout(resolve, STEP_EVERY));
    }
  }

  /** Until Knot's copies are our zones, ZONEMD records among them. */
  async function converge(): Promise<void> {
    await waitForChanges(churn, () => server.dns.axfr(CHURN_ZONE));
    for (const zone of ZONES) {
      try {
        await eventually(
          async () => [await server.dns.axfr(zone), await knot.zone(zone)] as const,
          ([ours, theirs]) =>
            JSON.stringify(ours) === JSON.stringify(theirs) && ours.records.some((line) => /\tZONEMD\t/.test(line)),
          `Knot's copy of ${zone} is ours`,
          CONVERGENCE,
        );
      } catch (error) {
        throw new Error(`${error}\n--- knot:\n${knot.said()}\n--- zonelog:\n${server.said()}`);
      }
    }
  }

  test('Knot DNS, the whole zones', async () => {
    await knot.start();
    await converge();
    assert.ok(knot.hasSaid(/ZONEMD/i), knot.said());
  });

  test('Knot DNS, each difference', async () => {
    const [made, whole] = [await count('incremental'), await count('full')];
    await change(CHANGES);
    await converge();
    const taken = (await count('incremental')) - made;
    assert.ok(taken >= 2, `${taken} incremental transfers`);
    assert.equal(await count('full'), whole, `only differences were taken:\n${knot.said()}`);
    console.log(`  ${CHANGES} changes, ${taken} incremental transfers, each verified`);
  });

  test('Knot DNS, after zonelog was killed and came back', async () => {
    const before = await server.dns.axfr(CHURN_ZONE);
    await server.stop('SIGKILL');
    server.spawn();
    await server.answers();
    const now = await server.dns.axfr(CHURN_ZONE);
    if (now.serial === before.serial) assert.deepEqual(now, before);
    await change(20);
    await converge();
    assert.equal(await count('full'), 0);
  });

  test('whoever asks: answers and transfers of all threads say the same', async () => {
    for (let i = 0; i < 10; i++) {
      const { records } = await server.dns.axfr(CHURN_ZONE);
      const listed = records.filter((line) => /\tZONEMD\t/.test(line));
      assert.equal(listed.length, 1);
      for (const tcp of [false, true])
        assert.equal(listed[0]?.split('\t').at(-1), await server.dns.data(CHURN_ZONE, 'ZONEMD', { tcp }));
    }
  });

  describe('ldns', { skip: !hasProgram('ldns-verify-zone') && 'needs ldns-verify-zone' }, () => {
    const verify = (zone: TransferredZone) => {
      const file = path.join(server.folder, 'zone.txt');
      writeFileSync(file, masterFile(zone));
      return spawnSync('ldns-verify-zone', ['-Z', file], { encoding: 'utf8' });
    };

    test('the zone in a file, and not with a record changed', async () => {
      for (const zone of ZONES) {
        const done = verify(await server.dns.axfr(zone));
        assert.equal(done.status, 0, done.stderr + done.stdout);
      }
      assert.notEqual(verify(tampered(await server.dns.axfr(CHURN_ZONE))).status, 0);
    });
  });

  /** A primary that has a copy of the zone in a file, as it is: it makes no digests. */
  async function servedFromFile(zone: TransferredZone): Promise<void> {
    if (hidden.isRunning) await hidden.stop();
    writeFileSync(path.join(hidden.folder, 'zone.txt'), masterFile(zone));
    hidden.writeCorefile(`.:${filePort} .:{{dns}} {
    bind 127.0.0.1
    file {{folder}}/zone.txt cluster.local
    tsig {
        secret transfer.key WrJnxKp2lZ3p9bWQqX1yOeUvR0sT4nC7aHdMfGk5jLo=
    }
    transfer {
        to *
    }
}
`);
    hidden.spawn();
    await hidden.answers();
  }

  for (const kind of [KNOT_VERIFYING, UNBOUND]) {
    describe(kind.name, { skip: !hasProgram(kind.program) && `needs ${kind.program}` }, () => {
      const hasZone = async (peer: Peer) =>
        (await peer.dns.ask(CHURN_ZONE, 'SOA').catch(() => undefined))?.rcode === 'NOERROR';

      test('a copy is taken, one with a record changed is not', async () => {
        const zone = await server.dns.axfr(CHURN_ZONE);
        await servedFromFile(zone);
        const [good = 0, bad = 0] = await freePorts(2);
        const first = new Peer(kind, filePort, good);
        const second = new Peer(kind, filePort, bad);
        try {
          await first.start();
          await eventually(
            () => hasZone(first),
            (isThere) => isThere,
            `taken: ${first.said()}`,
            CONVERGENCE,
          );
          await servedFromFile(tampered(zone));
          await second.start();
          await eventually(
            () => second.hasSaid(/zonemd|digest/i),
            (isSaid) => isSaid,
            'it was looked at',
            CONVERGENCE,
          );
          assert.equal(await hasZone(second), false, second.said());
        } finally {
          await first.close();
          await second.close();
        }
      });
    });
  }
});
