/** Pulls a zone again and again over TCP: `transfer-process.ts PORT ZONE`. Answers 'stop' with what it got, by IPC. */
import { createConnection } from 'node:net';
import { encodeQuestion, endsWithSoa, readMessage } from './message.ts';

export interface Transfers {
  readonly count: number;
  readonly failed: number;
  /** Of the last whole one. */
  readonly records: number;
  readonly bytes: number;
  /** Of each, in the mean. */
  readonly seconds: number;
}

/** Without a single octet. */
const STALLED_MS = 20_000;

const [port = '', zone = ''] = process.argv.slice(2);
let isStopping = false;

/** Records and octets; undefined when the server refuses or ends it early. */
function pull(): Promise<{ records: number; bytes: number } | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(Number(port), '127.0.0.1');
    let buffered: Buffer = Buffer.alloc(0);
    let records = 0;
    let bytes = 0;
    const settle = (result: { records: number; bytes: number } | undefined) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => {
      const question = encodeQuestion(zone, 'AXFR', 1);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(question.length);
      socket.write(Buffer.concat([length, question]));
    });
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const end = 2 + buffered.readUInt16BE(0);
        const message = readMessage(buffered.subarray(2, end));
        buffered = buffered.subarray(end);
        if (message?.rcode !== 0 || message.answers === 0) return settle(undefined);
        records += message.answers;
        if (records > 1 && endsWithSoa(message.body)) return settle({ records, bytes });
      }
    });
    socket.setTimeout(STALLED_MS, () => settle(undefined));
    socket.once('error', () => settle(undefined));
    socket.once('close', () => settle(undefined));
  });
}

async function pullOn(): Promise<Transfers> {
  const started = performance.now();
  let count = 0;
  let failed = 0;
  let last = { records: 0, bytes: 0 };
  while (!isStopping) {
    const pulled = await pull();
    if (isStopping && count > 0) break;
    if (pulled) {
      count++;
      last = pulled;
    } else if (++failed > 10) break;
  }
  return { count, failed, ...last, seconds: (performance.now() - started) / 1000 / Math.max(1, count) };
}

process.once('message', () => {
  isStopping = true;
});
process.on('disconnect', () => process.exit());
process.send?.(await pullOn(), () => process.exit());
