/**
 * Packets with faults through the real sockets and the whole chain: no exception, and memory below a ceiling.
 * `ZONELOG_TEST_PACKETS`: how many (default 300,000).
 */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { readMessage } from '../../src/dns/wire.ts';
import { CHURN_ZONE, Churn } from '../kit/churn.ts';
import { mutate, randomOf, seedPackets } from '../kit/mutations.ts';
import { TestServer } from '../kit/server.ts';
import { question } from '../kit/serving.ts';
import { TcpMessages } from '../kit/tcp-messages.ts';

const PACKETS = Number(process.env.ZONELOG_TEST_PACKETS ?? 300_000);
/** Sent at once, then a question that must be answered: fewer than the server's socket holds. */
const BURST = 100;
/** One burst in so many goes by TCP. */
const TCP_EVERY = 50;
/** Of the process, whatever is sent, octets. */
const MEMORY_CEILING = 448 * 2 ** 20;
const PATIENCE = 30_000;

const NAMES = [
  `plain-0.apps.svc.${CHURN_ZONE}`,
  `Headless-1.APPS.svc.${CHURN_ZONE}`,
  `none.apps.svc.${CHURN_ZONE}`,
  CHURN_ZONE,
  '1-2-3-4.apps.pod.cluster.local',
  '1.0.96.10.in-addr.arpa',
  'hosts.test',
  'x.template.test',
  'old.test',
  'a.forward.test',
  'version.bind',
  'localhost',
  'example',
  '.',
];

describe(`${PACKETS} packets with faults`, () => {
  const churn = new Churn(17, 20);
  let server: TestServer;

  before(async () => {
    const { url } = await churn.api.start();
    server = await TestServer.start({
      corefile: `
.:{{dns}} {
    bind 127.0.0.1
    errors {
        consolidate 1h .*
    }
    prometheus 127.0.0.1:{{metrics}}
    nsid
    cookie
    bufsize
    local
    any
    chaos
    loadbalance
    dns64 {
        allow_ipv4
    }
    tsig {
        secret key. c2VjcmV0
    }
    rewrite name exact old.test hosts.test
    acl {
        filter type DS
    }
    cache
    minimal
    template IN TXT template.test {
        answer "{{ .Name }} 5 IN TXT {{ .Type }}"
    }
    hosts {
        192.0.2.1 hosts.test
        fallthrough
    }
    kubernetes ${CHURN_ZONE} 10.96.0.0/16 {
        endpoint ${url}
        pods insecure
        fallthrough
    }
    transfer {
        to *
    }
    forward forward.test 127.0.0.1:{{ready}}
    whoami
}
.:{{ready}} {
    bind 127.0.0.1
    whoami
}
`,
    });
  });
  after(async () => {
    await server?.close();
    await churn.api.stop();
  });

  test('no exception, well-formed replies, bounded memory', { timeout: 60 * 60_000 }, async (t) => {
    const random = randomOf(2_026);
    const seeds = seedPackets(NAMES);
    const socket = createSocket('udp4');
    socket.connect(server.port('dns'), '127.0.0.1');
    await once(socket, 'connect');
    const good = question(NAMES[0] as string, 'A');
    const answered = createBarrier(socket, good);
    const began = performance.now();
    let sent = 0;
    let most = 0;
    let replies = 0;
    const broken: string[] = [];
    socket.on('message', (reply) => {
      replies += 1;
      if (!readMessage(reply)?.isResponse) broken.push(reply.toString('hex'));
    });
    for (let burst = 0; sent < PACKETS; burst++) {
      const packets = Array.from({ length: BURST }, () => mutate(seeds[random(seeds.length)] as Buffer, random));
      if (burst % TCP_EVERY === 0) await sendByTcp(server.port('dns'), packets);
      else for (const packet of packets) socket.send(packet, () => {});
      sent += packets.length;
      await answered();
      if (burst % 100 === 0) most = Math.max(most, server.memory());
      assert.ok(most < MEMORY_CEILING, `${Math.round(most / 2 ** 20)} MiB after ${sent} packets`);
    }
    const seconds = (performance.now() - began) / 1000;
    socket.close();
    const seen =
      (await server.metric('coredns_dns_requests_total')) +
      (await server.metric('zonelog_dns_rejected_messages_total'));
    t.diagnostic(
      `${sent} packets in ${seconds.toFixed(0)} s, ${seen} seen by the server, ${replies} replies, at most ${Math.round(most / 2 ** 20)} MiB`,
    );
    assert.deepEqual(broken, []);
    assert.ok(seen > sent * 0.9, `only ${seen} of ${sent} came as far as the server`);
    assert.equal(await server.metric('coredns_panics_total'), 0);
    assert.equal(server.isRunning, true);
    assert.doesNotMatch(server.said(), /\bat .*\.(?:js|ts):\d+/, 'no stack in the log');
  });
});

/** Asks a question and waits for its answer: what was sent before has been read then. */
function createBarrier(socket: Socket, packet: Buffer): () => Promise<void> {
  const id = 0xfeed;
  packet.writeUInt16BE(id, 0);
  let wake: (() => void) | undefined;
  socket.on('message', (reply) => {
    if (reply.length > 12 && reply.readUInt16BE(0) === id) wake?.();
  });
  return () =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server answers no more')), PATIENCE);
      // Where the burst filled the buffer, the question is lost too: it is asked again.
      const again = setInterval(() => socket.send(packet, () => {}), 1_000);
      wake = () => {
        clearTimeout(timer);
        clearInterval(again);
        resolve();
      };
      socket.send(packet, () => {});
    });
}

/** What the server says to it does not matter; it may hang up in between. */
async function sendByTcp(port: number, packets: readonly Buffer[]): Promise<void> {
  const stream = await TcpMessages.open(port, PATIENCE);
  if (stream === undefined) throw new Error('the server takes no connection');
  stream.send(...packets);
  await stream.next(20);
  stream.close();
}
