/** One question to a resolver: over UDP and, where the reply does not fit, over TCP (RFC 1035 §4.2, RFC 7766 §5). */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { Flag, MAX_MESSAGE, MessageEncoder, type Question } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import { Rcode, RRClass, type RRType } from '../dns/rrset.ts';
import { type Message, readMessage } from '../dns/wire.ts';
import { fail, ok, type Result } from '../errors.ts';
import type { Clock } from './clock.ts';

/** Where a resolver listens. */
export interface ServerAddress {
  /** IP address in canonical text. */
  readonly address: string;
  readonly port: number;
}

export interface ExchangeOptions {
  readonly clock: Clock;
  /** 0 ≤ n < 1, which nobody outside can guess (RFC 5452 §4.3). */
  readonly random: () => number;
  /** Milliseconds for each transport. */
  readonly timeout: number;
  /** Ends the exchange. */
  readonly signal: AbortSignal;
}

/** A resolver's reply, or in a few words why there is none. */
export type Exchanged = Result<Message, string>;

/** What is taken over UDP without fragments. */
const UDP_SIZE = 1232;

/** Asks for the records of a name, recursion desired. Never rejects. */
export async function askResolver(
  server: ServerAddress,
  name: DomainName,
  type: RRType,
  options: ExchangeOptions,
): Promise<Exchanged> {
  const id = Math.floor(options.random() * 65_536);
  const question: Question = { name, spelling: name, type, class: RRClass.IN };
  const packet = encodeQuestion(id, question);
  const read = (octets: Buffer) => readReply(octets, id, question);
  const reply = await overUdp(server, packet, read, options);
  return reply.ok && reply.value.isTruncated ? overTcp(server, packet, read, options) : reply;
}

function encodeQuestion(id: number, question: Question): Buffer {
  const encoder = new MessageEncoder();
  const edns = { version: 0, udpSize: UDP_SIZE, isDnssecOk: false, options: [] };
  encoder.begin(id, Flag.RD, Rcode.NOERROR, question, MAX_MESSAGE, edns);
  return encoder.finish().message;
}

/** The message, if it is one and replies to this question. */
function readReply(octets: Buffer, id: number, { name, type }: Question): Message | undefined {
  const message = readMessage(octets);
  if (message?.id !== id || !message.isResponse) return undefined;
  const [asked] = message.questions;
  // Some servers leave the question out of an error.
  const isAsked = asked === undefined ? message.rcode !== Rcode.NOERROR : asked.name === name && asked.type === type;
  return isAsked ? message : undefined;
}

type Read = (octets: Buffer) => Message | undefined;

/** What does not fit the question is somebody else's, and the wait goes on. */
function overUdp(server: ServerAddress, packet: Buffer, read: Read, options: ExchangeOptions): Promise<Exchanged> {
  return once(options, (end) => {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    socket.on('error', (error) => end(fail(wordOf(error))));
    socket.on('message', (octets) => {
      const message = read(octets);
      if (message !== undefined) end(ok(message));
    });
    // Connected, so that nobody else's packets come in, and a closed port is told of at once. A callback of `connect` would
    // be called for a failure too, without route for one.
    socket.on('connect', () => socket.send(packet));
    socket.connect(server.port, server.address);
    return () => socket.close();
  });
}

function overTcp(server: ServerAddress, packet: Buffer, read: Read, options: ExchangeOptions): Promise<Exchanged> {
  return once(options, (end) => {
    const socket = connect({ host: server.address, port: server.port });
    let received: Buffer = Buffer.alloc(0);
    socket.on('error', (error) => end(fail(wordOf(error))));
    socket.on('close', () => end(fail('connection closed')));
    socket.on('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(packet.length);
      socket.write(Buffer.concat([length, packet]));
    });
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return;
      const message = read(received.subarray(2, 2 + received.readUInt16BE()));
      end(message === undefined ? fail('malformed reply') : ok(message));
    });
    return () => socket.destroy();
  });
}

/** The first end counts; then, or when the time is over, what was opened is closed. */
function once(
  { clock, timeout, signal }: ExchangeOptions,
  open: (end: (result: Exchanged) => void) => () => void,
): Promise<Exchanged> {
  return new Promise((resolve) => {
    let isOver = false;
    const end = (result: Exchanged) => {
      if (isOver) return;
      isOver = true;
      cancel();
      signal.removeEventListener('abort', stop);
      close();
      resolve(result);
    };
    const stop = () => end(fail('stopped'));
    const cancel = clock.after(timeout, () => end(fail('no reply')));
    signal.addEventListener('abort', stop);
    const close = open(end);
    if (signal.aborted) stop();
  });
}

function wordOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
