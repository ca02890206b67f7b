/**
 * zonelog as the secondary of a real primary, and as the primary of a real secondary behind it: a zone that changes all the
 * time, servers that are killed, stop and come back, a wrong key. After each all three copies are the same, record by record.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePorts } from '../kit/free-ports.ts';
import { TestServer } from '../kit/server.ts';
import { eventually } from '../kit/wait.ts';
import { sideOf, waitForCopy } from './copies.ts';
import { hasProgram, Peer, type PeerKind, SECRET, WRONG_SECRET } from './peer.ts';
import { hasUpdates, KEY, Updates, ZONE } from './primaries.ts';

/** Changes in the longest phase; `ZONELOG_PEER_CHANGES=60` for a quick look. */
const CHANGES = Number(process.env.ZONELOG_PEER_CHANGES ?? 500);
const CONVERGENCE = 120_000;

/** BIND behind zonelog. */
const DOWNSTREAM: PeerKind = {
  name: 'downstream',
  program: 'named',
  files: ({ folder, primary, port }) => ({
    'named.conf': `
options {
    directory "${folder}";
    pid-file none;
    session-keyfile none;
    listen-on port ${port} { 127.0.0.1; };
    listen-on-v6 { none; };
    recursion no;
};
zone "example.org" {
    type secondary;
    file "${folder}/copy.zone";
    masterfile-format text;
    primaries { 127.0.0.1 port ${primary}; };
    min-retry-time 1;
    max-retry-time 1;
    allow-transfer { 127.0.0.1; };
    notify no;
};
`,
  }),
  command: ({ folder }) => ['named', '-g', '-c', `${folder}/named.conf`],
};

class SecondaryRun {
  readonly primary: Peer;
  readonly downstream: Peer | undefined;
  readonly server: TestServer;
  readonly updates: Updates;
  readonly #ports: { readonly primary: number; readonly downstream: number };

  private constructor(kind: PeerKind, server: TestServer, primary: number, downstream: number) {
    this.server = server;
    this.#ports = { primary, downstream };
    this.primary = new Peer(kind, server.port('dns'), primary);
    this.downstream = hasProgram('named') ? new Peer(DOWNSTREAM, server.port('dns'), downstream) : undefined;
    this.updates = new Updates(2136);
  }

  static async prepare(kind: PeerKind): Promise<SecondaryRun> {
    const [primary = 0, downstream = 0] = await freePorts(2);
    const server = await TestServer.prepare({ corefile: '' });
    const run = new SecondaryRun(kind, server, primary, downstream);
    run.writeCorefile(SECRET);
    return run;
  }

  writeCorefile(secret: string): void {
    this.server.writeCorefile(`
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    tsig {
        secret ${KEY} ${secret}
    }
    transfer {
        to * 127.0.0.1:${this.#ports.downstream}
        notify 50ms
    }
    secondary ${ZONE} {
        transfer from 127.0.0.1:${this.#ports.primary} key ${KEY}
        retry 200ms
        refresh 1h
    }
}
`);
  }

  async startServer(): Promise<void> {
    this.server.spawn();
    await this.server.answers();
  }

  /** Starts it and waits until it has loaded its zone. */
  async startPrimary(): Promise<void> {
    await this.primary.start();
    await eventually(
      () => this.primary.dns.serial(ZONE),
      () => true,
      'the primary has its zone',
      CONVERGENCE,
    );
  }

  change(count: number): Promise<void> {
    return this.updates.send(this.#ports.primary, count);
  }

  /** Waits until all copies are what the primary has. */
  async converge(): Promise<void> {
    for (const dns of [this.server.dns, ...(this.downstream ? [this.downstream.dns] : [])]) {
      await waitForCopy({
        zone: ZONE,
        original: sideOf(this.primary.dns, ZONE),
        copy: sideOf(dns, ZONE),
        said: () => [this.primary.said(), this.server.said(), this.downstream?.said() ?? ''],
        timeout: CONVERGENCE,
      });
    }
  }

  /** Transfers in since zonelog was started. */
  transfers(result: 'full' | 'incremental' | 'failed'): Promise<number> {
    return this.server.metric('zonelog_transfer_in_total', { zone: ZONE, result });
  }

  async close(): Promise<void> {
    await this.downstream?.close();
    await this.server.close();
    await this.primary.close();
  }
}

export function testPrimary(kind: PeerKind): void {
  const isMissing = !hasProgram(kind.program) || !hasUpdates;
  describe(`${kind.name} as the primary`, { skip: isMissing && `needs ${kind.program} and nsupdate` }, () => {
    let run: SecondaryRun;
    before(async () => {
      run = await SecondaryRun.prepare(kind);
    });
    after(() => run?.close());

    test('its zone is taken whole, and handed on', async () => {
      await run.startPrimary();
      await run.startServer();
      await run.downstream?.start();
      await run.converge();
      assert.equal(await run.transfers('full'), 1);
      assert.equal(await run.server.dns.data('x.any.example.org.', 'TXT'), '"stands for all"');
    });

    test('changes are followed by NOTIFY and IXFR', async () => {
      const began = await run.transfers('incremental');
      for (let left = CHANGES; left > 0; left -= 20) {
        await run.change(Math.min(left, 20));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await run.converge();
      assert.ok((await run.transfers('incremental')) - began >= 2);
      assert.equal(await run.transfers('full'), 1, `only differences were taken:\n${run.server.said()}`);
      assert.ok((await run.server.metric('zonelog_notify_in_total', { result: 'accepted' })) > 0);
      assert.ok((await run.server.metric('zonelog_tsig_requests_total', { result: 'good' })) > 0);
    });

    test('changes are followed after zonelog was killed, from what it had', async () => {
      await run.change(5);
      await run.server.stop('SIGKILL');
      await run.change(Math.ceil(CHANGES / 10));
      await run.startServer();
      await run.converge();
      assert.equal(await run.transfers('full'), 0, `only differences were taken:\n${run.server.said()}`);
    });

    test('the zone stays while the primary is stopped, also over a restart, and goes on with it', async () => {
      await run.change(5);
      await run.converge();
      const known = await run.server.dns.axfr(ZONE);
      await run.primary.stop();
      await run.server.stop();
      await run.startServer();
      assert.deepEqual(await run.server.dns.axfr(ZONE), known);
      await run.server.printed(/could not be refreshed/);
      await run.startPrimary();
      await run.change(10);
      await run.converge();
    });

    test('with a wrong key nothing is taken, with the right one all', async () => {
      const known = await run.server.dns.axfr(ZONE);
      await run.server.stop();
      run.writeCorefile(WRONG_SECRET);
      await run.startServer();
      await run.change(5);
      await run.server.printed(/could not be refreshed: .*TSIG/);
      await eventually(
        () => run.server.metric('zonelog_tsig_requests_total', { result: 'BADSIG' }),
        (count) => count > 0,
        'its NOTIFY is refused too',
        CONVERGENCE,
      );
      assert.deepEqual(await run.server.dns.axfr(ZONE), known);
      await run.server.stop();
      run.writeCorefile(SECRET);
      await run.startServer();
      await run.converge();
    });
  });
}
