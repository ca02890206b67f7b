/**
 * TCP and TLS clients that say nothing, or an octet a second, by the thousand: UDP is answered as before, others get their
 * connections, and those are cut off. `ZONELOG_TEST_CLIENTS`: how many of each kind (default 1,000).
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { frameMessages } from '../../src/dns/framing.ts';
import { CERTIFICATE, KEY } from '../kit/certificates.ts';
import { TestServer } from '../kit/server.ts';
import { question } from '../kit/serving.ts';
import { SteadyLoad } from '../kit/steady-load.ts';
import { askByTls } from '../kit/tls-question.ts';
import { eventually } from '../kit/wait.ts';

const EACH = Number(process.env.ZONELOG_TEST_CLIENTS ?? 1_000);
/** From one address; a client may have 1,024. */
const PER_ADDRESS = 250;
/**
 * Begun at a time, then the server must have taken them: fewer than may wait to be accepted (511). What is beyond, the
 * kernel finishes with a cookie and drops: a client that says nothing would never learn that it has no connection.
 */
const AT_ONCE = 200;
const RATE = 500;
const CALM_MS = 3_000;
const STRAIN_MS = 12_000;
const DEADLINE = 150_000;

const GOOD = question('a.test', 'A');
/** A ClientHello begins so; the rest never comes. */
const HELLO = Buffer.from('16030102000100', 'hex');

describe(`${EACH} slow and silent clients of each kind`, () => {
  let server: TestServer;

  before(async () => {
    server = await TestServer.prepare({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{metrics}}
    whoami
}
tls://.:{{ready}} {
    bind 127.0.0.1
    tls {{folder}}/cert.pem {{folder}}/key.pem
    whoami
}
`,
    });
    writeFileSync(path.join(server.folder, 'cert.pem'), CERTIFICATE);
    writeFileSync(path.join(server.folder, 'key.pem'), KEY);
    server.spawn();
    await server.answers();
  });
  after(() => server?.close());

  const measure = async (milliseconds: number) => {
    const load = await SteadyLoad.start(server.port('dns'), [GOOD], RATE);
    await sleep(milliseconds);
    return load.stop();
  };

  test('UDP stays fast, and so do good clients', { timeout: 5 * 60_000 }, async (t) => {
    const calm = await measure(CALM_MS);
    const crowd = new Crowd();
    const byTcp = async () => (await server.dns.ask('a.test', 'A', { tcp: true })).rcode === 'NOERROR';
    const byTls = () => askByTls(server.port('ready'));
    const kinds = [
      [server.port('dns'), undefined, byTcp],
      [server.port('dns'), frameMessages([GOOD]), byTcp],
      [server.port('ready'), undefined, byTls],
      [server.port('ready'), HELLO, byTls],
    ] as const;
    try {
      const strained = measure(STRAIN_MS);
      let host = 0;
      let added = 0;
      for (const [port, octets, isGoodAnswered] of kinds) {
        for (let i = 0; i < EACH; i++) {
          if (i % PER_ADDRESS === 0) host += 1;
          crowd.add(port, `127.0.1.${host}`, octets);
          added += 1;
          if (added % AT_ONCE !== 0 && i + 1 < EACH) continue;
          await eventually(
            () => crowd.opened,
            (opened) => opened >= added,
            'all have connected',
            DEADLINE,
          );
          // Whoever comes after them is accepted after them.
          assert.equal(await isGoodAnswered(), true, `a good client after ${added} others`);
        }
      }
      const busy = await strained;
      const ms = (n: number) => n.toFixed(1);
      t.diagnostic(
        `UDP p50 and p99: ${ms(calm.percentile(0.5))} and ${ms(calm.percentile(0.99))} ms before, ` +
          `${ms(busy.percentile(0.5))} and ${ms(busy.percentile(0.99))} ms with ${crowd.opened} connections in all; ${busy.lost} of ${busy.sent} lost`,
      );
      assert.ok(busy.lost <= busy.sent / 1_000, `${busy.lost} of ${busy.sent} questions lost`);
      // This process keeps the crowd and measures, both: what it waits for itself is in the numbers.
      assert.ok(busy.percentile(0.5) < calm.percentile(0.5) * 10 + 100, 'half of the questions');
      assert.ok(busy.percentile(0.99) < calm.percentile(0.99) * 10 + 1_000, 'nearly all questions');
      await eventually(
        () => crowd.closed,
        (closed) => closed >= 4 * EACH,
        'the server has cut off all',
        DEADLINE,
      );
      // Theirs are closed a moment before ours.
      await eventually(
        () => server.metric('zonelog_tcp_connections'),
        (connections) => connections === 0,
        'no connection is left',
      );
      assert.equal(await server.metric('coredns_panics_total'), 0);
    } finally {
      crowd.end();
    }
  });
});

/** Connections that send nothing, or an octet a second, until somebody closes them. */
class Crowd {
  opened = 0;
  closed = 0;
  readonly #sockets = new Set<Socket>();
  readonly #slow = new Map<Socket, { readonly octets: Buffer; at: number }>();
  readonly #timer = setInterval(() => {
    for (const [socket, slow] of this.#slow) {
      // The last octet never comes.
      if (slow.at < slow.octets.length - 1) socket.write(slow.octets.subarray(slow.at, ++slow.at));
    }
  }, 1_000);

  add(port: number, from: string, octets: Buffer | undefined): void {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from });
    this.#sockets.add(socket);
    if (octets) this.#slow.set(socket, { octets, at: 0 });
    socket.on('error', () => {});
    socket.on('connect', () => {
      this.opened += 1;
    });
    socket.on('data', () => {});
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.closed += 1;
      this.#slow.delete(socket);
      this.#sockets.delete(socket);
    });
  }

  end(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}
