/**
 * Asks at a fixed rate, whatever comes back, and measures each answer: `prober.ts PORT RATE FILE`, questions as lines
 * 'NAME TYPE'. Answers 'start' with nothing and 'stop' with the latencies, by IPC.
 *
 * A process of its own, because its clock must not wait for anything else the benchmark does. How late it is itself,
 * and how late the system wakes a process, shows in the control: the same measurement against an echo that does nothing.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeQuestion, type QuestionType } from './message.ts';
import { type Latencies, summarize } from './statistics.ts';

export interface ProbeResult extends Latencies {
  /** The slowest, with the second of the run in which they were asked. */
  readonly worst: readonly { readonly second: number; readonly milliseconds: number }[];
}

/** How long answers are waited for at the end. */
const PATIENCE_MS = 2_000;
const IDS = 65_536;
const RECEIVE_BUFFER = 4 * 1024 * 1024;
const WORST = 5;

const [port = '', rate = '', file = ''] = process.argv.slice(2);
const packets = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => line.split(' ') as [string, QuestionType])
  .map(([name, type]) => encodeQuestion(name, type));

const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
const sentAt = new Float64Array(IDS);
const latencies: number[] = [];
const sendTimes: number[] = [];
let started = 0;
let sent = 0;
let overwritten = 0;
let timer: NodeJS.Timeout | undefined;

socket.on('message', (packet) => {
  const now = performance.now();
  const id = packet.readUInt16BE(0);
  const at = sentAt[id] ?? 0;
  if (at === 0) return;
  sentAt[id] = 0;
  latencies.push(now - at);
  sendTimes.push(at - started);
});

function sendDue(): void {
  const due = Math.floor(((performance.now() - started) * Number(rate)) / 1000);
  for (; sent < due; sent++) {
    const packet = packets[sent % packets.length] as Buffer;
    const id = sent % IDS;
    if (sentAt[id] !== 0) overwritten++;
    packet.writeUInt16BE(id, 0);
    sentAt[id] = performance.now();
    socket.send(packet, Number(port), '127.0.0.1');
  }
}

async function finish(): Promise<ProbeResult> {
  clearInterval(timer);
  const deadline = performance.now() + PATIENCE_MS;
  while (latencies.length + overwritten < sent && performance.now() < deadline) await sleep(10);
  const worst = latencies
    .map((milliseconds, at) => ({ milliseconds, second: (sendTimes[at] ?? 0) / 1000 }))
    .sort((left, right) => right.milliseconds - left.milliseconds)
    .slice(0, WORST);
  return { ...summarize(Float64Array.from(latencies), sent - latencies.length), worst };
}

process.on('message', async (message) => {
  if (message === 'start') {
    started = performance.now();
    timer = setInterval(sendDue, 1);
    return;
  }
  const result = await finish();
  process.send?.(result, () => process.exit());
});
process.on('disconnect', () => process.exit());
socket.bind(0, '127.0.0.1', () => {
  // Answers must not get lost here, however late this process is.
  socket.setRecvBufferSize(RECEIVE_BUFFER);
  process.send?.('ready');
});
