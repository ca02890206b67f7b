/**
 * Who may connect to a server whose connections begin with a handshake: the limits have to count before it, or a client
 * that begins thousands of handshakes and ends none would keep the others out.
 */
import type { Server, Socket } from 'node:net';

export interface GuardLimits {
  /** Connections at one time, in all and of one client address. */
  readonly maxConnections: number;
  readonly maxPerClient: number;
}

export interface Guard {
  setLimits(limits: GuardLimits): void;
  readonly open: number;
  /** Connections closed at once because there were too many. */
  readonly refused: number;
  /** Cuts all connections off. */
  destroyAll(): void;
}

/** Puts itself before the server's own way of taking a connection. */
export function guardConnections(server: Server, first: GuardLimits): Guard {
  let limits = first;
  let refused = 0;
  const sockets = new Set<Socket>();
  const perClient = new Map<string, number>();
  const takers = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const client = socket.remoteAddress ?? '';
    const count = perClient.get(client) ?? 0;
    if (client === '' || sockets.size >= limits.maxConnections || count >= limits.maxPerClient) {
      refused += 1;
      socket.on('error', () => {});
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    perClient.set(client, count + 1);
    socket.once('close', () => {
      sockets.delete(socket);
      const left = (perClient.get(client) ?? 1) - 1;
      if (left > 0) perClient.set(client, left);
      else perClient.delete(client);
    });
    for (const take of takers) take.call(server, socket);
  });
  return {
    setLimits(next) {
      limits = next;
    },
    get open() {
      return sockets.size;
    },
    get refused() {
      return refused;
    },
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
