/** A TCP socket of the server: who may connect, and how many. */
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { TlsClient } from './chain.ts';
import type { Entry } from './entry.ts';
import type { Pump } from './pump.ts';
import { type ConnectionLimits, TcpConnection } from './tcp-connection.ts';

export interface TcpLimits extends ConnectionLimits {
  /** Connections at one time, in all and of one client address. */
  readonly maxConnections: number;
  readonly maxPerClient: number;
}

export const DEFAULT_TCP_LIMITS: TcpLimits = {
  readMs: 3000,
  writeMs: 5000,
  idleMs: 10_000,
  maxQueries: -1,
  maxInFlight: 128,
  maxConnections: 4096,
  maxPerClient: 1024,
};

/** How often deadlines are looked at, milliseconds. */
const SWEEP_MS = 250;
/** Above this share of the connections allowed, idle ones are given a tenth of their time. */
const CROWDED = 0.8;

export interface TcpOptions {
  readonly address: string;
  readonly port: number;
  readonly isV6: boolean;
  /** Several threads have a socket on this address and port. */
  readonly reusePort: boolean;
  readonly limits: TcpLimits;
  readonly pump: Pump;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly onFailure: (error: unknown) => void;
  /** A server of TLS in place of one of TCP, which clients may go on after the handshake, and what it tells of them. */
  readonly secure?: {
    readonly server: Server;
    isAllowed(socket: TLSSocket): boolean;
    describe(socket: TLSSocket): TlsClient;
  };
}

export interface TcpCounts {
  readonly open: number;
  /** Connections closed at once because there were too many. */
  readonly refused: number;
}

export interface TcpListener {
  readonly port: number;
  /** Questions from now on go to this entry. */
  use(entry: Entry): void;
  setLimits(limits: TcpLimits): void;
  counts(): TcpCounts;
  /** Takes no more connections and questions, and closes when those in work are answered or `graceMs` is over. */
  stop(graceMs: number): Promise<void>;
}

/** @returns once the socket listens. Rejects with the system's error when it can't. */
export async function listenTcp(options: TcpOptions, first: Entry): Promise<TcpListener> {
  const server = options.secure?.server ?? createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { address: host, port, isV6, reusePort } = options;
    server.listen({ host, port, ipv6Only: isV6, reusePort, exclusive: true, backlog: 511 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return run(server, options, first);
}

function run(server: Server, options: TcpOptions, first: Entry): TcpListener {
  const { pump, now, onFailure } = options;
  let { limits } = options;
  let entry = first;
  let refused = 0;
  const connections = new Set<TcpConnection>();
  const perClient = new Map<string, number>();
  let onEmpty: (() => void) | undefined;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  // An error of the listening socket (no file descriptors left) must not end the process.
  server.on('error', onFailure);

  const accept = (socket: Socket, tls?: TlsClient): void => {
    const client = socket.remoteAddress;
    const count = perClient.get(client ?? '') ?? 0;
    if (client === undefined || connections.size >= limits.maxConnections || count >= limits.maxPerClient) {
      refused += 1;
      cutOff(socket);
      return;
    }
    perClient.set(client, count + 1);
    const connection = new TcpConnection(
      socket,
      { address: client, port: socket.remotePort ?? 0, ...(tls && { tls }) },
      limits,
      {
        answer: (packet, remote) => entry.answer(packet, remote),
        onFailure,
        now,
        onClose() {
          connections.delete(connection);
          const left = (perClient.get(client) ?? 1) - 1;
          if (left > 0) perClient.set(client, left);
          else perClient.delete(client);
          if (connections.size === 0) onEmpty?.();
        },
      },
      pump,
    );
    connections.add(connection);
  };
  const { secure } = options;
  if (secure === undefined) server.on('connection', (socket) => accept(socket));
  else {
    server.on('secureConnection', (socket: TLSSocket) => {
      if (secure.isAllowed(socket)) accept(socket, secure.describe(socket));
      else cutOff(socket);
    });
  }

  const sweep = setInterval(() => {
    const isCrowded = connections.size > limits.maxConnections * CROWDED;
    const idleMs = isCrowded ? limits.idleMs / 10 : limits.idleMs;
    const at = now();
    for (const connection of connections) connection.checkDeadlines(at, idleMs);
  }, SWEEP_MS);

  return {
    port: address.port,
    use(next) {
      entry = next;
    },
    setLimits(next) {
      limits = next;
    },
    counts: () => ({ open: connections.size, refused }),
    async stop(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.finish();
      if (connections.size > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, graceMs);
          onEmpty = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      clearInterval(sweep);
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

function cutOff(socket: Socket): void {
  socket.on('error', () => {});
  // Only a bare TCP socket can be reset.
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}
