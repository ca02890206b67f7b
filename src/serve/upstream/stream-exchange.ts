/**
 * Questions to one server over connections, TCP (RFC 7766) or TLS (RFC 7858): several questions on one at a time, replies
 * in any order.
 */
import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { FrameReader, frameMessages } from '../../dns/framing.ts';
import { fail } from '../../errors.ts';
import {
  type Exchange,
  type ExchangeOptions,
  type ExchangeResult,
  type ExchangeTools,
  hostPort,
  reasonOf,
  Waiting,
} from './exchange.ts';

/** Connections to one server. */
const MAX_CONNECTIONS = 32;
/** Questions on one connection before another one is opened, and when there may be no other. */
const SOME_WAITING = 8;
const MAX_WAITING = 64;
/** Messages that nobody asked for: a server that sends so many is broken, or wants to keep us busy. */
const MAX_STRAYS = 16;

export interface Connector {
  readonly proto: 'tcp' | 'tcp-tls';
  /** Begins to connect, and calls back when messages may be exchanged. */
  open(onReady: () => void): Socket;
}

/** Plain TCP. */
export function tcpConnector({ address, port, sourceAddress }: ExchangeOptions): Connector {
  return {
    proto: 'tcp',
    open: (onReady) =>
      connectTcp(
        { host: address, port, noDelay: true, ...(sourceAddress && { localAddress: sourceAddress }) },
        onReady,
      ),
  };
}

/** What is particular about TLS to one server. */
export interface TlsSettings {
  /** Sent as SNI, and what the certificate must be for; undefined: the address. */
  readonly serverName: string | undefined;
  /** PEM. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export function tlsConnector(
  { address, port, sourceAddress }: ExchangeOptions,
  { serverName, ca, cert, key }: TlsSettings,
): Connector {
  let session: Buffer | undefined;
  return {
    proto: 'tcp-tls',
    open(onReady) {
      const options: ConnectionOptions = {
        host: address,
        port,
        minVersion: 'TLSv1.2',
        ALPNProtocols: ['dot'],
        ...(serverName !== undefined && { servername: serverName }),
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(session !== undefined && { session }),
        ...(sourceAddress !== undefined && { localAddress: sourceAddress }),
      };
      const socket = connectTls(options, onReady);
      socket.setNoDelay(true);
      socket.on('session', (next) => {
        session = next;
      });
      // A session that the server no longer wants must not be in the way for ever.
      socket.on('error', () => {
        session = undefined;
      });
      return socket;
    },
  };
}

interface Connection {
  readonly socket: Socket;
  readonly waiting: Waiting;
  readonly openedAt: number;
  isReady: boolean;
  /** No more questions go over it. */
  isSpent: boolean;
  replies: number;
  strays: number;
  cancelIdle: (() => void) | undefined;
}

export class StreamExchange implements Exchange {
  readonly proto: 'tcp' | 'tcp-tls';
  readonly #connector: Connector;
  readonly #options: ExchangeOptions;
  readonly #tools: ExchangeTools;
  readonly #remote: string;
  readonly #connections = new Set<Connection>();
  #isClosed = false;

  constructor(connector: Connector, options: ExchangeOptions, tools: ExchangeTools) {
    this.proto = connector.proto;
    this.#connector = connector;
    this.#options = options;
    this.#tools = tools;
    this.#remote = hostPort(options.address, options.port);
  }

  async ask(query: Buffer, timeoutMs: number): Promise<ExchangeResult> {
    const started = this.#tools.now();
    const connection = this.#take();
    if (connection === undefined) return fail('too many questions are waiting');
    const { replies } = connection;
    const result = await this.#send(connection, query, timeoutMs);
    // The server has closed a connection that was idle just when we used it (RFC 7766 §6.2.4): that says nothing about it.
    const isStale = !result.ok && replies > 0 && connection.replies === replies && connection.socket.destroyed;
    const left = timeoutMs - (this.#tools.now() - started) * 1000;
    return isStale && left > 1 ? this.#send(this.#open(), query, left) : result;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) if (connection.waiting.size === 0) connection.socket.destroy();
  }

  #send(connection: Connection, query: Buffer, timeoutMs: number): Promise<ExchangeResult> {
    connection.cancelIdle?.();
    connection.cancelIdle = undefined;
    const { message, reply } = connection.waiting.add(query, timeoutMs, () => this.#release(connection));
    connection.socket.write(frameMessages([message]));
    return reply;
  }

  /** The connection with the fewest questions, or a new one. */
  #take(): Connection | undefined {
    let best: Connection | undefined;
    for (const connection of this.#connections) {
      if (connection.isSpent || this.#isTooOld(connection)) continue;
      if (best === undefined || connection.waiting.size < best.waiting.size) best = connection;
    }
    const isFull = this.#connections.size >= MAX_CONNECTIONS;
    if (best === undefined || (best.waiting.size >= SOME_WAITING && !isFull)) return isFull ? undefined : this.#open();
    if (best.waiting.size >= MAX_WAITING) return undefined;
    this.#tools.counts.countSocket(this.proto, true);
    return best;
  }

  #open(): Connection {
    this.#tools.counts.countSocket(this.proto, false);
    const socket = this.#connector.open(() => {
      connection.isReady = true;
    });
    const connection: Connection = {
      socket,
      waiting: new Waiting(this.#tools, () => this.#giveUp(connection)),
      openedAt: this.#tools.now(),
      isReady: false,
      isSpent: false,
      replies: 0,
      strays: 0,
      cancelIdle: undefined,
    };
    this.#connections.add(connection);
    const reader = new FrameReader();
    socket.on('data', (chunk) => {
      reader.push(chunk);
      for (let message = reader.next(); message !== undefined; message = reader.next()) {
        // A copy: what is kept of a reply must not hold a whole chunk.
        if (connection.waiting.take(Buffer.from(message))) connection.replies += 1;
        else if (++connection.strays > MAX_STRAYS) socket.destroy();
        if (socket.destroyed) return;
      }
    });
    socket.on('error', (error) => this.#end(connection, reasonOf(error)));
    // Not half: who sends no more answers no more.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#end(connection, 'EOF'));
    return connection;
  }

  #end(connection: Connection, reason: string): void {
    connection.isSpent = true;
    this.#connections.delete(connection);
    connection.cancelIdle?.();
    const where = this.#describe(connection);
    connection.socket.destroy();
    connection.waiting.failAll(`${where}: ${reason}`);
  }

  #giveUp(connection: Connection): string {
    const where = this.#describe(connection);
    connection.isSpent = true;
    if (!connection.isReady) process.nextTick(() => this.#end(connection, 'i/o timeout'));
    return `${where}: i/o timeout`;
  }

  #describe({ socket, isReady }: Connection): string {
    const { localAddress, localPort } = socket;
    if (!isReady || localAddress === undefined) return `dial tcp ${this.#remote}: connect`;
    return `read tcp ${hostPort(localAddress, localPort ?? 0)}->${this.#remote}`;
  }

  #release(connection: Connection): void {
    const { socket, waiting } = connection;
    if (waiting.size > 0 || socket.destroyed) return;
    const { maxIdle, expireMs } = this.#options;
    let idle = 0;
    for (const other of this.#connections) if (other.waiting.size === 0) idle += 1;
    const isTooMany = maxIdle > 0 && idle > maxIdle;
    if (this.#isClosed || connection.isSpent || isTooMany || this.#isTooOld(connection)) {
      connection.isSpent = true;
      socket.destroy();
      return;
    }
    connection.cancelIdle = this.#tools.timer(() => {
      connection.isSpent = true;
      socket.destroy();
    }, expireMs);
  }

  #isTooOld({ openedAt }: Connection): boolean {
    const { maxAgeMs } = this.#options;
    return maxAgeMs !== undefined && (this.#tools.now() - openedAt) * 1000 > maxAgeMs;
  }
}
