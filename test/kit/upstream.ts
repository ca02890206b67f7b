/** A DNS server to forward to, by UDP and TCP on one port, that answers as the test says: with anything. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import packet from 'dns-packet';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';

export interface Asked {
  readonly via: 'udp' | 'tcp';
  readonly octets: Buffer;
  /** Of the sender. */
  readonly port: number;
  readonly query: packet.DecodedPacket;
  /** Sends something back, late. */
  reply(octets: Buffer): void;
}

/** What is sent back, in this order, as it is. */
export type Answerer = (asked: Asked) => Buffer | readonly Buffer[] | undefined;

export interface Upstream {
  readonly port: number;
  /** Questions so far. */
  readonly asked: readonly Asked[];
  /** TCP connections so far. */
  readonly connections: number;
  /** Answers like this from now on. */
  answer: Answerer;
  /** Resolves when so many questions have come in all. */
  received(count: number): Promise<void>;
  /** Closes the connections from this side. */
  hangUp(): void;
  stop(): Promise<void>;
}

/** @param at where it listens; port 0: the system's choice */
export async function startUpstream(answer: Answerer, at = { address: '127.0.0.1', port: 0 }): Promise<Upstream> {
  const server = createServer();
  server.listen(at.port, at.address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createSocket('udp4');
  socket.bind(port, at.address);
  await once(socket, 'listening');

  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const take = (via: Asked['via'], octets: Buffer, from: number, reply: Asked['reply']): readonly Buffer[] => {
    const one: Asked = { via, octets: Buffer.from(octets), port: from, query: packet.decode(octets), reply };
    asked.push(one);
    const replies = upstream.answer(one);
    for (const { count, resolve } of waiting) if (asked.length >= count) resolve();
    waiting = waiting.filter(({ count }) => asked.length < count);
    return replies === undefined ? [] : Buffer.isBuffer(replies) ? [replies] : (replies as readonly Buffer[]);
  };
  socket.on('message', (octets, { port: from, address }) => {
    const send = (reply: Buffer) => socket.send(reply, from, address);
    for (const reply of take('udp', octets, from, send)) send(reply);
  });
  server.on('connection', (client) => {
    connections += 1;
    sockets.add(client);
    client.on('error', () => {});
    client.on('close', () => sockets.delete(client));
    const reader = new FrameReader();
    client.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let message = reader.next(); message; message = reader.next()) {
        const replies = take('tcp', message, client.remotePort ?? 0, (reply) => client.write(frameMessages([reply])));
        if (replies.length > 0) client.write(frameMessages(replies));
      }
    });
  });
  const upstream: Upstream = {
    port,
    asked,
    answer,
    get connections() {
      return connections;
    },
    received: (count) =>
      new Promise((resolve) => {
        if (asked.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    hangUp() {
      for (const client of sockets) client.destroy();
    },
    async stop() {
      this.hangUp();
      await Promise.all([
        new Promise<void>((resolve) => server.close(() => resolve())),
        new Promise<void>((resolve) => socket.close(resolve)),
      ]);
    },
  };
  return upstream;
}

export interface ReplyParts {
  readonly rcode?: number;
  /** Beside QR. */
  readonly flags?: number;
  readonly answers?: packet.Answer[];
  readonly authorities?: packet.Answer[];
  readonly additionals?: packet.Answer[];
}

/** A reply to a question, as a server would make it. */
export function replyTo({ query }: Pick<Asked, 'query'>, parts: ReplyParts = {}): Buffer {
  const { rcode = 0, flags = 0x0180, answers = [], authorities = [], additionals = [] } = parts;
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: flags | rcode,
    questions: query.questions ?? [],
    answers,
    authorities,
    additionals,
  });
}

/** A reply with one address for whatever is asked. */
export function addressReply(asked: Pick<Asked, 'query'>, address = '192.0.2.7', ttl = 300): Buffer {
  const name = asked.query.questions?.[0]?.name ?? '';
  return replyTo(asked, { answers: [{ name, type: 'A', ttl, data: address }] });
}
