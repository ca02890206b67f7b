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
}

/** Good connections of each kind. */
const GOOD_CONNECTIONS = 50;
const RATE = 500;
const MEASURED_MS = 3_000;
const SYN_RECV = '03';

const [dns = 0, tls = 0, each = 0] = process.argv.slice(2).map(Number);

async function measure() {
  const load = await SteadyLoad.start(dns, [question('a.test', 'A')], RATE);
  await sleep(MEASURED_MS);
  return load.stop();
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
};
console.log(JSON.stringify(seen));
for (const socket of flood) socket.destroy();
