/**
 * A UDP socket of the server. A question whose answer is kept is answered right here; all others go to the entry.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Logger } from '../logger.ts';
import { type Entry, keyOf, MAX_KEPT_QUERY, type Outgoing } from './entry.ts';
import { handleOf } from './shared-udp.ts';
import { bucketOf, bump, DURATION_BOUNDS, SIZE_BOUNDS, type Slot } from './tally.ts';

/** Octets that the kernel keeps for us while we are busy, where it lets us. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;
const SEND_BUFFER = 1024 * 1024;
/** Datagrams that wait in this process because the kernel takes no more; those after them are dropped. */
const MAX_SEND_QUEUE = 1024;
/** Questions that wait for somebody else's answer. */
const MAX_PENDING = 10_000;

export interface UdpOptions {
  readonly address: string;
  readonly port: number;
  readonly isV6: boolean;
  /** Several threads have a socket on this address and port. */
  readonly reusePort: boolean;
  /** A bound socket of this process that other threads read from too: then address and port are only informative. */
  readonly fd: number | undefined;
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly logger: Logger;
}

export interface UdpCounts {
  /** Datagrams that were not answered: the send queue was full, or too many questions were waiting. */
  readonly dropped: number;
  readonly sendErrors: number;
}

export interface UdpListener {
  readonly port: number;
  /** Questions from now on go to this entry. */
  use(entry: Entry): void;
  counts(): UdpCounts;
  /** Takes no more questions, and closes when those waiting are answered or `graceMs` is over. */
  stop(graceMs: number): Promise<void>;
}

/** Of so many kept answers one is timed; the others count as long as the last one that was. A clock costs too much for all. */
const TIMED_EVERY = 64;

const nothing = (): void => {};

/** @returns once the socket is bound. Rejects with the system's error when it can't be. */
export async function listenUdp(options: UdpOptions, first: Entry): Promise<UdpListener> {
  const socket = createSocket({
    type: options.isV6 ? 'udp6' : 'udp4',
    ipv6Only: options.isV6,
    reusePort: options.reusePort,
    // Addresses of clients are numbers already: no look-up, and none that answers later.
    lookup: (address, _options, callback) => callback(null, address, options.isV6 ? 6 : 4),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    const { fd, address, port } = options;
    socket.bind(fd === undefined ? { address, port, exclusive: true } : { fd, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  growBuffers(socket);
  return run(socket, options, first);
}

function growBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER);
    socket.setSendBufferSize(SEND_BUFFER);
  } catch {
    // The system's own sizes will do.
  }
}

function run(socket: Socket, { logger, fd, now }: UdpOptions, first: Entry): UdpListener {
  let entry = first;
  let untilTimed = 0;
  const took: KeptTime = { seconds: 0, bucket: 0 };
  let pending = 0;
  let dropped = 0;
  let sendErrors = 0;
  let onIdle: (() => void) | undefined;
  let isClosed = false;
  socket.on('error', (error) => {
    if (sendErrors === 0) logger.warning(`UDP: ${error.message}`);
    sendErrors += 1;
  });

  const send = (outgoing: Outgoing, remote: RemoteInfo): void => {
    if (outgoing === undefined) return;
    if (!Buffer.isBuffer(outgoing)) throw new Error('a stream of messages over UDP');
    // An answer may come when the time to wait for it is over.
    if (isClosed || remote.port === 0 || socket.getSendQueueCount() > MAX_SEND_QUEUE) {
      dropped += 1;
      return;
    }
    socket.send(outgoing, 0, outgoing.length, remote.port, remote.address, nothing);
  };
  const settle = (): void => {
    pending -= 1;
    if (pending === 0) onIdle?.();
  };

  socket.on('message', (packet: Buffer, remote: RemoteInfo) => {
    const { cache, refresh } = entry;
    const started = untilTimed === 0 ? now() : 0;
    refresh?.();
    const kept = packet.length <= MAX_KEPT_QUERY ? cache.find(keyOf(packet)) : undefined;
    if (kept !== undefined && !kept.isObserved && remote.port !== 0) {
      let message = cache.take(kept);
      // The kernel took no more: what waits may be this very buffer, with the id of another question.
      if (socket.getSendQueueCount() > 0) message = Buffer.from(message);
      message[0] = packet[0] as number;
      message[1] = packet[1] as number;
      socket.send(message, 0, message.length, remote.port, remote.address);
      if (untilTimed === 0) {
        untilTimed = TIMED_EVERY;
        took.seconds = now() - started;
        took.bucket = bucketOf(DURATION_BOUNDS, took.seconds);
      }
      untilTimed -= 1;
      countKept(kept.slot, packet.length, message.length, took);
      return;
    }
    if (pending >= MAX_PENDING) {
      dropped += 1;
      return;
    }
    const outgoing = entry.answer(packet, remote);
    if (!(outgoing instanceof Promise)) {
      send(outgoing, remote);
      return;
    }
    pending += 1;
    outgoing.then((late) => send(late, remote)).finally(settle);
  });

  return {
    port: socket.address().port,
    use(next) {
      entry = next;
    },
    counts: () => ({ dropped, sendErrors }),
    async stop(graceMs) {
      if (fd !== undefined) handleOf(socket)?.recvStop();
      socket.removeAllListeners('message');
      if (pending > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, graceMs);
          onIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isClosed = true;
      if (fd === undefined) {
        await new Promise<void>((resolve) => socket.close(resolve));
        return;
      }
      // To close it would close it for the other threads: see shared-udp.ts.
      socket.unref();
    },
  };
}

interface KeptTime {
  seconds: number;
  /** Its place in the histogram. */
  bucket: number;
}

function countKept(slot: Slot, requestSize: number, responseSize: number, took: KeptTime): void {
  slot.count += 1;
  slot.requestBytes += requestSize;
  slot.responseBytes += responseSize;
  bump(slot.requestSizes, bucketOf(SIZE_BOUNDS, requestSize));
  bump(slot.responseSizes, bucketOf(SIZE_BOUNDS, responseSize));
  slot.seconds += took.seconds;
  bump(slot.durations, took.bucket);
}
