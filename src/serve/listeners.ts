/** The sockets of one address and port: UDP and TCP, for each family that the address stands for. */
import { fail, ok, type Result } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { Entry, Remote } from './entry.ts';
import { addressesOf, isFamilyMissing, type ListenPoint, listenError } from './listen-point.ts';
import type { Pump } from './pump.ts';
import type { Certificate } from './secure/certificate.ts';
import { type Descriptors, descriptorKey } from './shared-udp.ts';
import type { Family, Proto } from './tally.ts';
import { listenTcp, type TcpLimits, type TcpListener } from './tcp.ts';
import { listenUdp, type UdpListener } from './udp.ts';

/** What an entry has to know of its socket. */
export interface SocketPlace {
  readonly proto: Proto;
  readonly family: Family;
  readonly local: Remote;
}

export interface ListenTools {
  readonly reusePort: boolean;
  /** UDP sockets that are open already and shared with other threads. */
  readonly descriptors: Descriptors;
  readonly pump: Pump;
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly logger: Logger;
}

interface SocketPair {
  readonly place: (proto: Proto) => SocketPlace;
  readonly udp: UdpListener;
  readonly tcp: TcpListener;
}

export interface Listener {
  readonly point: ListenPoint;
  /** The real one, where the point's is 0. */
  readonly port: number;
  /** Sends the questions of each socket to an entry made for it. */
  use(makeEntry: (place: SocketPlace) => Entry): void;
  setLimits(limits: TcpLimits): void;
  /** New connections get this certificate, where connections have one. */
  setCertificate?(certificate: Certificate): void;
  /** What only this kind of listener counts. */
  metrics?(): MetricsSnapshot;
  counts(): {
    readonly udpDropped: number;
    readonly udpErrors: number;
    readonly tcpOpen: number;
    readonly tcpRefused: number;
  };
  stop(graceMs: number): Promise<void>;
}

/**
 * Opens the sockets of a point. All or none.
 * @returns why it could not, as the peer words it: `listen udp :53: bind: permission denied`
 */
export async function openListener(
  point: ListenPoint,
  limits: TcpLimits,
  tools: ListenTools,
  makeEntry: (place: SocketPlace) => Entry,
): Promise<Result<Listener, string>> {
  const pairs: SocketPair[] = [];
  let { port } = point;
  for (const address of addressesOf(point)) {
    const pair = await openPair(address, port, limits, tools, makeEntry);
    if (pair.ok) {
      pairs.push(pair.value);
      port = pair.value.udp.port;
    } else if (!isFamilyMissing(point, address, pair.error.code)) {
      await Promise.all(pairs.map(({ udp, tcp }) => Promise.all([udp.stop(0), tcp.stop(0)])));
      return fail(listenError(pair.error.proto, point, pair.error.code));
    }
  }
  const listener = listenerOf(point, port, pairs);
  // The entries were made before the port was known.
  if (point.port === 0) listener.use(makeEntry);
  return ok(listener);
}

function listenerOf(point: ListenPoint, port: number, pairs: readonly SocketPair[]): Listener {
  return {
    point,
    port,
    use(makeEntry) {
      for (const { udp, tcp, place } of pairs) {
        udp.use(makeEntry(place('udp')));
        tcp.use(makeEntry(place('tcp')));
      }
    },
    setLimits(limits) {
      for (const { tcp } of pairs) tcp.setLimits(limits);
    },
    counts() {
      const all = { udpDropped: 0, udpErrors: 0, tcpOpen: 0, tcpRefused: 0 };
      for (const { udp, tcp } of pairs) {
        all.udpDropped += udp.counts().dropped;
        all.udpErrors += udp.counts().sendErrors;
        all.tcpOpen += tcp.counts().open;
        all.tcpRefused += tcp.counts().refused;
      }
      return all;
    },
    async stop(graceMs) {
      await Promise.all(pairs.map(({ udp, tcp }) => Promise.all([udp.stop(graceMs), tcp.stop(graceMs)])));
    },
  };
}

interface OpenFailure {
  readonly proto: 'udp' | 'tcp';
  readonly code: string;
}

async function openPair(
  address: string,
  wanted: number,
  limits: TcpLimits,
  tools: ListenTools,
  makeEntry: (place: SocketPlace) => Entry,
  attempts = 20,
): Promise<Result<SocketPair, OpenFailure>> {
  const { reusePort, pump, now, logger, descriptors } = tools;
  const isV6 = address.includes(':');
  const place = (port: number) => (proto: Proto) => ({
    proto,
    family: isV6 ? ('2' as const) : ('1' as const),
    local: { address, port },
  });
  const entryFor = (proto: Proto) => makeEntry(place(wanted)(proto));
  const fd = descriptors.get(descriptorKey(address, wanted));
  const udpOptions = { address, port: wanted, isV6, reusePort, logger, fd, now };
  const udp = await attempt('udp', () => listenUdp(udpOptions, entryFor('udp')));
  if (!udp.ok) return udp;
  const { port } = udp.value;
  const tcp = await attempt('tcp', () =>
    listenTcp(
      {
        address,
        port,
        isV6,
        reusePort,
        limits,
        pump,
        now: () => now() * 1000,
        onFailure: (error) =>
          logger.error(`TCP on ${address}: ${error instanceof Error ? error.message : String(error)}`),
      },
      entryFor('tcp'),
    ),
  );
  if (!tcp.ok) {
    await udp.value.stop(0);
    // Any port was wanted, and the one that was free for UDP is not free for TCP.
    const isWorthATry = wanted === 0 && tcp.error.code === 'EADDRINUSE' && attempts > 1;
    return isWorthATry ? openPair(address, wanted, limits, tools, makeEntry, attempts - 1) : tcp;
  }
  return ok({ place: place(port), udp: udp.value, tcp: tcp.value });
}

async function attempt<T>(proto: 'udp' | 'tcp', open: () => Promise<T>): Promise<Result<T, OpenFailure>> {
  try {
    return ok(await open());
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string')
      return fail({ proto, code: error.code });
    throw error;
  }
}
