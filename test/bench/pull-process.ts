/**
 * Takes zones over TCP as fast as they come, for the benchmark of transfers: `pull-process.ts`. Each IPC message asks
 * for one transfer, and is answered with what came. A process of its own, which reads no more of a message than it must.
 */
import { createConnection } from 'node:net';
import { encodeIxfr, encodeQuestion, readSoaTail } from './message.ts';

export interface PullRequest {
  readonly port: number;
  readonly zone: string;
  /** Absent: AXFR. */
  readonly serial?: number;
}

export interface Pulled {
  readonly records: number;
  readonly octets: number;
  readonly messages: number;
  /** From the connection attempt to the last message. */
  readonly milliseconds: number;
  /** The rcode of a refusal, or what broke. */
  readonly failure?: string;
}

/** Without a single octet. */
const STALLED_MS = 60_000;
/** Data of a SOA record after its two names; nothing follows it in the last message of a transfer. */
const SOA_NUMBERS = 20;

function pull({ port, zone, serial }: PullRequest): Promise<Pulled> {
  const question = serial === undefined ? encodeQuestion(zone, 'AXFR', 1) : encodeIxfr(zone, serial, 1);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(question.length);
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = createConnection(port, '127.0.0.1');
    let [records, octets, messages] = [0, 0, 0];
    let rest: Buffer | undefined;
    let tail: Buffer | undefined;
    const settle = (failure?: string) => {
      const milliseconds = performance.now() - began;
      socket.destroy();
      resolve({ records, octets, messages, milliseconds, ...(failure !== undefined && { failure }) });
    };
    socket.setNoDelay();
    socket.write(Buffer.concat([length, question]));
    const take = (message: Buffer): boolean => {
      const rcode = (message[3] ?? 0) & 15;
      if (rcode !== 0) {
        settle(`rcode ${rcode}`);
        return true;
      }
      messages += 1;
      records += message.readUInt16BE(6);
      tail ??= Buffer.from(readSoaTail(message));
      // Of an answer that is one message the SOA record may be all.
      const isEnd = message.subarray(-SOA_NUMBERS).equals(tail);
      if (isEnd) settle();
      return isEnd;
    };
    socket.on('data', (chunk: Buffer) => {
      octets += chunk.length;
      let buffered: Buffer = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const end = 2 + buffered.readUInt16BE(0);
        if (take(buffered.subarray(2, end))) return;
        buffered = buffered.subarray(end);
      }
      rest = buffered.length > 0 ? buffered : undefined;
    });
    socket.setTimeout(STALLED_MS, () => settle('stalled'));
    socket.once('error', (error) => settle(error.message));
    socket.once('close', () => settle('closed'));
  });
}

process.on('message', async (request: PullRequest) => {
  process.send?.(await pull(request));
});
process.on('disconnect', () => process.exit());
