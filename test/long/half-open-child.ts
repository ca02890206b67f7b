/**
 * Runs beside the server in a network of its own: begins connections that are never finished, then measures what others
 * get, and prints it as one line of JSON. Arguments: the ports of TCP and TLS, and how many connections to begin with each.
 */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DnsClient } from '../kit/dns-client.ts';
import { question } from '../kit/serving.ts';
import { SteadyLoad } from '../kit/steady-load.ts';
import { askByTls } from '../kit/tls-question.ts';
import { eventually } from '../kit/wait.ts';

export interface Seen {
  /** Connections that the server's system keeps half open. */
  readonly halfOpen: number;
  /** Connections of the flood that got through. */
  readonly finished: number;
  readonly tcp: number;
  readonly tls: number;
  readonly calmP99: number;
  readonly busyP99: number;
  readonly sent: number;
  readonly lost: number;
  /**
   * Questions that reached the server's socket, of those that were sent, without an answer. A flood overflows the queue
   * between network and sockets (net.core.netdev_max_backlog) where the kernel gets no processor in time: what it drops there
   * is lost, but never was the server's.
   */
  readonly unanswered: number;
}

/** Good connections of each kind. */
const GOOD_CONNECTIONS = 50;
const RATE = 500;
const MEASURED_MS = 3_000;
const SYN_RECV = '03';

const [dns = 0, tls = 0, each = 0] = process.argv.slice(2).map(Number);

async function measure() {
  const before = readUdp();
  const load = await SteadyLoad.start(dns, [question('a.test', 'A')], RATE);
  await sleep(MEASURED_MS);
  const result = await load.stop();
  const after = readUdp();
  const grown = (counter: string) => (after.get(counter) ?? Number.NaN) - (before.get(counter) ?? Number.NaN);
  const answered = result.sent - result.lost;
  // Nobody else sends datagrams in this network: what came in are questions and answers, and so is what went out.
  const [questions, answers] = [grown('InDatagrams') - answered, grown('OutDatagrams') - result.sent];
  return { ...result, unanswered: questions - answers + grown('RcvbufErrors') };
}

/** The kernel's counters of this network. */
function readUdp(): ReadonlyMap<string, number> {
  const [names = [], values = []] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'))
    .map((line) => line.split(/\s+/).slice(1));
  return new Map(names.map((name, i) => [name, Number(values[i])]));
}

function countHalfOpen(): number {
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
  return rows.filter((row) => row.trim().split(/\s+/)[3] === SYN_RECV).length;
}

async function countGood(ask: () => Promise<boolean>): Promise<number> {
  let good = 0;
  for (let i = 0; i < GOOD_CONNECTIONS; i++) if (await ask()) good += 1;
  return good;
}

const client = new DnsClient(dns);
const calm = await measure();
const flood: Socket[] = [];
let finished = 0;
for (const port of [dns, tls]) {
  for (let i = 0; i < each; i++) {
    // Addresses that replies do not reach.
    const socket = connect({ host: '127.0.0.1', port, localAddress: `127.9.${1 + (i >> 7)}.${1 + (i & 127)}` });
    socket.on('error', () => {});
    socket.on('connect', () => {
      finished += 1;
    });
    flood.push(socket);
  }
}
const halfOpen = await eventually(countHalfOpen, (count) => count >= Math.min(each, 256), 'connections are half open');
const measured = measure();
const byTcp = await countGood(async () => (await client.ask('a.test', 'A', { tcp: true })).rcode === 'NOERROR');
const byTls = await countGood(() => askByTls(tls));
const busy = await measured;
const seen: Seen = {
  halfOpen,
  finished,
  tcp: byTcp,
  tls: byTls,
  calmP99: calm.percentile(0.99),
  busyP99: busy.percentile(0.99),
  sent: busy.sent,
  lost: busy.lost,
  unanswered: busy.unanswered,
};
console.log(JSON.stringify(seen));
for (const socket of flood) socket.destroy();
