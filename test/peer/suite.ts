/**
 * What every secondary has to stand: a cluster that changes all the time, NOTIFY that gets lost, a primary that is
 * killed, stops of its own, a journal that no longer reaches back, a wrong key. After each its copy is our zone, record
 * by record.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { CHURN_ZONE, Churn, seededRandom } from '../kit/churn.ts';
import { DnsClient, type TransferredZone } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { sideOf, waitForChanges, waitForCopy } from './copies.ts';
import { adapt, docFile } from './doc.ts';
import { hasProgram, Peer, type PeerKind, SECRET, WRONG_SECRET } from './peer.ts';
import { Relay } from './relay.ts';

const ZONES = [CHURN_ZONE, '10.in-addr.arpa.'];
/** Changes of the cluster in the longest phase; `ZONELOG_PEER_CHANGES=60` for a quick look. */
const CHANGES = Number(process.env.ZONELOG_PEER_CHANGES ?? 500);
const STEP_EVERY = 20;
/** Longer than all that a NOTIFY is sent again, and than any of them waits after a transfer that failed, milliseconds. */
const CONVERGENCE = 120_000;
const SEED = 1995;

class PeerRun {
  readonly churn = new Churn(SEED, 40);
  readonly peer: Peer;
  readonly relay: Relay;
  readonly server: TestServer;
  /** Our own view, which needs no key. */
  readonly #view: DnsClient;
  /** Transfers of the view since zonelog was started. */
  #looks = 0;
  #ports = { primaryPort: 0, viewPort: 0, url: '' };
  #notes = '';

  private constructor(peer: Peer, relay: Relay, server: TestServer, view: DnsClient) {
    this.peer = peer;
    this.relay = relay;
    this.server = server;
    this.#view = view;
  }

  static async prepare(kind: PeerKind): Promise<PeerRun> {
    const [peerPort = 0, primaryPort = 0, viewPort = 0] = await freePorts(3);
    const relay = await Relay.open(peerPort, seededRandom(SEED));
    const server = await TestServer.prepare({ corefile: '' });
    const run = new PeerRun(new Peer(kind, primaryPort, peerPort), relay, server, new DnsClient(viewPort));
    const { url } = await run.churn.api.start();
    run.#ports = { primaryPort, viewPort, url };
    run.writeCorefile();
    writeFileSync(path.join(server.folder, 'transfer.key'), docFile('transfer.key'));
    return run;
  }

  /** The Corefile of the page, and a block for ourselves. */
  writeCorefile(journal = ''): void {
    const { primaryPort, viewPort, url } = this.#ports;
    const kubernetes = `kubernetes cluster.local 10.in-addr.arpa {\n        endpoint ${url}\n    }`;
    const primary = adapt(docFile('Corefile'), {
      '.:53 {': `.:${primaryPort} {\n    bind 127.0.0.1`,
      'kubeconfig /etc/zonelog/kubeconfig': `endpoint ${url}`,
      '/etc/zonelog/': `${this.server.folder}/`,
      '192.0.2.53 192.0.2.54 192.0.2.55 192.0.2.56': `127.0.0.1:${this.relay.port}`,
      'transfer {': `transfer {\n        ${journal}`,
    });
    this.server.writeCorefile(`${primary}
.:${viewPort} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    ${kubernetes}
    transfer {
        to *
    }
}
.:{{dns}} {
    bind 127.0.0.1
}
`);
  }

  async startServer(): Promise<void> {
    this.#looks = 0;
    this.server.spawn();
    await this.server.answers();
  }

  async change(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.churn.step();
      await new Promise((resolve) => setTimeout(resolve, STEP_EVERY));
    }
  }

  /** Waits until our zone is the cluster. */
  published(): Promise<void> {
    return waitForChanges(this.churn, () => this.#look(CHURN_ZONE));
  }

  /** Waits until the secondary has read what it had before it was started. */
  async hasLoaded(): Promise<void> {
    await eventually(
      () => Promise.all(ZONES.map((zone) => this.peer.dns.serial(zone, { tcp: true }))),
      () => true,
      'it has its zones',
      CONVERGENCE,
    );
  }

  /** Waits until the copies are the zones as they are in the end. @returns milliseconds */
  async converge(): Promise<number> {
    const began = performance.now();
    await this.published();
    for (const zone of ZONES) {
      await waitForCopy({
        zone,
        original: { serial: () => this.#view.serial(zone), zone: () => this.#look(zone) },
        copy: sideOf(this.peer.dns, zone),
        said: () => [this.said()],
        timeout: CONVERGENCE,
      });
    }
    return performance.now() - began;
  }

  /** Incremental transfers since zonelog was started. */
  incremental(): Promise<number> {
    return this.server.metric('zonelog_transfer_requests_total', { outcome: 'incremental' });
  }

  /**
   * Whole zones that the secondary should not have needed, since zonelog was started. NSD 4.6 asks for one where two
   * transfers came while it was loading: it loads both at once, misses the serial of the first, and takes that for a
   * failure. It says so; then only whole zones in the place of differences count.
   */
  wholeUnasked(): Promise<number> {
    if (!this.peer.hasSaid(/update failed, restarting transfer/)) return this.whole();
    return this.server.metric('zonelog_transfer_requests_total', { type: 'IXFR', outcome: 'full' });
  }

  /** Whole zones that the secondary took since zonelog was started. */
  async whole(): Promise<number> {
    return (await this.server.metric('zonelog_transfer_requests_total', { outcome: 'full' })) - this.#looks;
  }

  async #look(zone: string): Promise<TransferredZone> {
    const found = await this.#view.axfr(zone);
    this.#looks += 1;
    return found;
  }

  /** What the secondary and zonelog have said, for messages. */
  said(): string {
    return [`--- ${this.peer.name}:`, this.peer.said(), '--- zonelog:', this.server.said()].join('\n');
  }

  note(text: string): void {
    this.#notes += `  ${text}\n`;
  }

  async close(): Promise<void> {
    if (this.#notes !== '') console.log(this.#notes);
    await this.peer.close();
    await this.server.close();
    this.relay.close();
    await this.churn.api.stop();
  }
}

export function testPeer(kind: PeerKind): void {
  describe(`${kind.name} as a secondary`, { skip: !hasProgram(kind.program) && `needs ${kind.program}` }, () => {
    let run: PeerRun;
    before(async () => {
      run = await PeerRun.prepare(kind);
    });
    after(() => run?.close());

    test('takes the whole zones', async () => {
      await run.startServer();
      await run.peer.start();
      run.note(`first transfer: ${Math.round(await run.converge())} ms`);
    });

    test('follows changes by NOTIFY and IXFR', async () => {
      const began = await run.incremental();
      await run.change(CHANGES);
      const milliseconds = await run.converge();
      const made = (await run.incremental()) - began;
      run.note(
        `${CHANGES} changes: ${made} incremental transfers, the last ${Math.round(milliseconds)} ms after the last change`,
      );
      assert.ok(made >= 2, `${made} incremental transfers`);
      // Both zones were taken whole at the start.
      assert.ok((await run.wholeUnasked()) <= ZONES.length, `only differences were taken:\n${run.said()}`);
      assert.ok((await run.server.metric('zonelog_notify_results_total', { result: 'acknowledged' })) > 0);
    });

    test('follows when half of the NOTIFY messages are lost', async () => {
      run.relay.loss = 0.5;
      await run.change(Math.ceil(CHANGES / 5));
      run.note(`half of NOTIFY lost: ${Math.round(await run.converge())} ms after the last change`);
      run.relay.loss = 0;
    });

    test('follows a primary that is killed and comes back', async () => {
      const changing = run.change(Math.ceil(CHANGES / 5));
      await run.server.stop('SIGKILL');
      await run.startServer();
      await changing;
      await run.converge();
      assert.equal(await run.wholeUnasked(), 0, `only differences were taken:\n${run.said()}`);
    });

    test('goes on from what it had after a stop of its own', async () => {
      await run.peer.stop();
      // BIND takes a zone whole that it is told of before it has read its own copy, which takes it a moment.
      run.relay.isCut = true;
      await run.change(20);
      await run.peer.start();
      await run.hasLoaded();
      run.relay.isCut = false;
      await run.change(5);
      await run.converge();
      assert.equal(await run.wholeUnasked(), 0, `only differences were taken:\n${run.said()}`);
    });

    test('takes the whole zone when the journal no longer reaches back', async () => {
      await run.peer.stop();
      await run.server.stop();
      run.writeCorefile('journal changes 5');
      await run.startServer();
      // On a busy machine all changes may be one version: so many that the journal can't hold them all.
      for (let versions = 0; versions < 10; versions++) {
        await run.change(6);
        await run.published();
      }
      await run.peer.start();
      await run.converge();
      assert.ok((await run.whole()) > 0, 'a whole zone was taken');
    });

    test('gets nothing with a wrong key, and all with the right one', async () => {
      const copies = () => Promise.all(ZONES.map((zone) => run.peer.zone(zone)));
      const before = await eventually(copies, (zones) => !zones.includes(undefined), 'it has its zones', CONVERGENCE);
      // A zone that it has not got at this moment, as it loads or writes, may come; one that has changed does not come back.
      const hasWhatItHad = () =>
        eventually(
          async () => isDeepStrictEqual(await copies(), before),
          (isSame) => isSame,
          'it has what it had',
          CONVERGENCE,
        );
      await run.peer.stop();
      run.peer.setSecret(WRONG_SECRET);
      await run.peer.start();
      await hasWhatItHad();
      // It asks and is refused, or refuses what it is told; while it loaded its zones it may have refused too.
      const wrong = async () => [
        await run.server.metric('zonelog_tsig_requests_total', { result: 'BADSIG' }),
        await run.server.metric('zonelog_notify_results_total', { result: 'refused' }),
      ];
      const began = await wrong();
      await run.change(20);
      await eventually(
        wrong,
        (counts) => counts.some((count, i) => count > (began[i] ?? 0)),
        'a signature was found wrong',
        CONVERGENCE,
      );
      await hasWhatItHad();
      await run.peer.stop();
      run.peer.setSecret(SECRET);
      await run.peer.start();
      await run.converge();
    });
  });
}
