/**
 * UDP sockets that several threads read from. The main thread opens them and hands out their descriptors: whoever is
 * free takes the next datagram, so that a thread in a garbage collection delays nobody else's question, as it does where
 * each thread has a socket of its own (`SO_REUSEPORT`) and the kernel deals clients out to them.
 *
 * A descriptor is one number for the whole process, and closing it in one thread would pull it from under the others. So
 * nobody closes them: threads stop reading, and a socket that is not wanted any more is connected to nowhere, which makes
 * the kernel refuse what comes for it, until it is wanted again.
 */
import { createSocket, type Socket } from 'node:dgram';
import { fail, ok, type Result } from '../errors.ts';
import { addressesOf, isFamilyMissing, type ListenPoint, listenError } from './listen-point.ts';

/** Descriptors by `descriptorKey`. */
export type Descriptors = ReadonlyMap<string, number>;

export function descriptorKey(address: string, port: number): string {
  return `${address} ${port}`;
}

export interface SharedUdp {
  /**
   * Opens what is missing. All or none.
   * @returns the descriptors of the points; or, in one line for the operator, why a socket could not be bound
   */
  open(points: readonly ListenPoint[]): Promise<Result<Descriptors, string>>;
  /** Makes the sockets of all other points refuse, once no thread reads from them. */
  keepOnly(points: readonly ListenPoint[]): void;
}

/** What Node keeps of a socket: not public, but the only way to its descriptor and to a socket that does not read. */
export interface SocketHandle {
  readonly fd: number;
  recvStop(): number;
}

/** The handle of a bound socket; undefined when this version of Node keeps it elsewhere. */
export function handleOf(socket: Socket): SocketHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const state: unknown = symbol && Reflect.get(socket, symbol);
  if (typeof state !== 'object' || state === null || !('handle' in state)) return undefined;
  const { handle } = state;
  return isHandle(handle) ? handle : undefined;
}

function isHandle(value: unknown): value is SocketHandle {
  if (typeof value !== 'object' || value === null) return false;
  return 'fd' in value && typeof value.fd === 'number' && 'recvStop' in value && typeof value.recvStop === 'function';
}

/** Where a parked socket is connected to: the discard port of this host, which nobody answers from. */
const NOWHERE = { port: 9, v4: '127.0.0.1', v6: '::1' } as const;

interface Shared {
  readonly socket: Socket;
  readonly fd: number;
  isParked: boolean;
}

export function createSharedUdp(): SharedUdp {
  const sockets = new Map<string, Shared>();
  return {
    async open(points) {
      const wanted = new Map<string, number>();
      for (const point of points) {
        for (const address of addressesOf(point)) {
          const key = descriptorKey(address, point.port);
          const known = sockets.get(key);
          if (known) {
            if (known.isParked) known.socket.disconnect();
            known.isParked = false;
            wanted.set(key, known.fd);
            continue;
          }
          const opened = await openOne(address, point.port);
          if (opened.ok) {
            // Without its handle the threads open sockets of their own.
            if (!opened.value) return ok(new Map());
            sockets.set(key, opened.value);
            wanted.set(key, opened.value.fd);
          } else if (!isFamilyMissing(point, address, opened.error))
            return fail(listenError('udp', point, opened.error));
        }
      }
      return ok(wanted);
    },
    keepOnly(points) {
      const wanted = new Set(points.flatMap((p) => addressesOf(p).map((address) => descriptorKey(address, p.port))));
      for (const [key, shared] of sockets) {
        if (wanted.has(key) || shared.isParked) continue;
        shared.isParked = true;
        const isV6 = key.includes(':');
        shared.socket.connect(NOWHERE.port, isV6 ? NOWHERE.v6 : NOWHERE.v4, () => {});
      }
    },
  };
}

/** @returns undefined when the socket has no handle that we know; the system's error code when it can't be bound */
async function openOne(address: string, port: number): Promise<Result<Shared | undefined, string>> {
  const isV6 = address.includes(':');
  // Threads that get a socket of their own for an overlapping address need not wait for this one to go.
  const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6, reusePort: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port, exclusive: true }, () => {
        handleOf(socket)?.recvStop();
        socket.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    socket.close();
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return fail(error.code);
    throw error;
  }
  socket.on('error', () => {});
  const handle = handleOf(socket);
  if (!handle || handle.fd < 0) {
    socket.close();
    return ok(undefined);
  }
  return ok({ socket, fd: handle.fd, isParked: false });
}
