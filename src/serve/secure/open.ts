/** Listeners of all schemes: which certificate each one has, and how it is opened. */

import { fail, OperatorError, ok, type Result } from '../../errors.ts';
import { createCounters, type MetricsSnapshot } from '../../metrics.ts';
import type { ServingBlock } from '../blocks.ts';
import type { Entry } from '../entry.ts';
import { addressesOf, describePoint, isFamilyMissing, type ListenPoint, listenError } from '../listen-point.ts';
import { type Listener, type ListenTools, openListener, type SocketPlace } from '../listeners.ts';
import type { TcpLimits, TcpListener } from '../tcp.ts';
import { type Certificate, loadCertificate } from './certificate.ts';
import { listenDoh } from './doh-listener.ts';
import type { SecureParts } from './listening.ts';
import { listenTls } from './tls-listener.ts';

/** Certificates by the description of their listener. */
export type Certificates = ReadonlyMap<string, Certificate>;

const SCHEMES: ReadonlySet<string> = new Set(['dns', 'tls', 'https']);

/**
 * Reads the certificates of all listeners.
 * @returns the line for the operator when a scheme is not served, or a certificate is of no use
 */
export function readCertificates(
  blocks: readonly ServingBlock[],
  pointsOf: (block: ServingBlock) => readonly ListenPoint[],
): Result<Certificates, string> {
  const refused = blocks.flatMap((block) => block.keys).find(({ transport }) => !SCHEMES.has(transport));
  if (refused)
    return fail(`cannot serve ${refused.transport}://${refused.zone}: the scheme is not supported by zonelog`);
  const certificates = new Map<string, Certificate>();
  try {
    for (const block of blocks) {
      const { tls, root = '' } = block.options;
      if (tls === undefined) continue;
      // Also where no listener needs it: what is named is to be had.
      const certificate = loadCertificate(tls, root);
      const points = pointsOf(block).filter(({ transport }) => transport !== 'dns');
      for (const point of points.map(describePoint)) {
        const other = certificates.get(point);
        if (other && !isSame(other, certificate)) return fail(`plugin/tls: two TLS configurations for ${point}`);
        certificates.set(point, certificate);
      }
    }
  } catch (error) {
    if (error instanceof OperatorError) return fail(error.message);
    throw error;
  }
  return ok(certificates);
}

function isSame(a: Certificate, b: Certificate): boolean {
  const keyOf = ({ options, files }: Certificate) => JSON.stringify([options, files]);
  return keyOf(a) === keyOf(b);
}

/** What a listener is known by: one that asks its clients for certificates can't become one that does not. */
export function listenerKey(point: ListenPoint, certificates: Certificates): string {
  const description = describePoint(point);
  const certificate = certificates.get(description);
  return certificate === undefined ? description : `${description} ${certificate.options.clientAuth}`;
}

/**
 * Opens the sockets of a point, whatever its scheme. All or none.
 * @returns why it could not, as the peer words it: `listen tcp :853: bind: permission denied`
 */
export async function openAnyListener(
  point: ListenPoint,
  limits: TcpLimits,
  tools: ListenTools,
  makeEntry: (place: SocketPlace) => Entry,
  certificates: Certificates,
): Promise<Result<Listener, string>> {
  if (point.transport === 'dns') return openListener(point, limits, tools, makeEntry);
  const certificate = certificates.get(describePoint(point));
  const proto = point.transport === 'tls' ? 'tls' : 'https';
  const statuses = createCounters('coredns_dns_https_responses_total', 'HTTP replies to questions over HTTPS.', [
    'server',
    'status',
  ]);
  const countStatus = (status: number) => statuses.add([describePoint(point), String(status)]);
  const opened: { readonly listener: TcpListener & SecureParts; readonly place: SocketPlace }[] = [];
  let { port } = point;
  for (const address of addressesOf(point)) {
    const isV6 = address.includes(':');
    const place = (at: number): SocketPlace => ({ proto, family: isV6 ? '2' : '1', local: { address, port: at } });
    const options = {
      address,
      port,
      isV6,
      reusePort: tools.reusePort,
      limits,
      pump: tools.pump,
      now: () => tools.now() * 1000,
      logger: tools.logger,
      certificate,
      onFailure: (error: unknown) =>
        tools.logger.error(`${proto} on ${address}: ${error instanceof Error ? error.message : String(error)}`),
    };
    try {
      const entry = makeEntry(place(port));
      const listener = await (proto === 'tls' ? listenTls(options, entry) : listenDoh(options, countStatus, entry));
      port = listener.port;
      opened.push({ listener, place: place(port) });
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
      if (isFamilyMissing(point, address, error.code)) continue;
      await Promise.all(opened.map(({ listener }) => listener.stop(0)));
      return fail(listenError('tcp', point, error.code));
    }
  }
  const metrics = () => (proto === 'https' ? [statuses.family()] : []);
  const listener = listenerOf(point, port, opened, metrics);
  // The entries were made before the port was known.
  if (point.port === 0) listener.use(makeEntry);
  return ok(listener);
}

function listenerOf(
  point: ListenPoint,
  port: number,
  opened: readonly { readonly listener: TcpListener & SecureParts; readonly place: SocketPlace }[],
  metrics: () => MetricsSnapshot,
): Listener {
  return {
    point,
    port,
    use(makeEntry) {
      for (const { listener, place } of opened) listener.use(makeEntry(place));
    },
    setLimits(limits) {
      for (const { listener } of opened) listener.setLimits(limits);
    },
    setCertificate(certificate) {
      for (const { listener } of opened) listener.setCertificate(certificate);
    },
    counts() {
      let tcpOpen = 0;
      let tcpRefused = 0;
      for (const { listener } of opened) {
        tcpOpen += listener.counts().open;
        tcpRefused += listener.counts().refused;
      }
      return { udpDropped: 0, udpErrors: 0, tcpOpen, tcpRefused };
    },
    metrics,
    async stop(graceMs) {
      await Promise.all(opened.map(({ listener }) => listener.stop(graceMs)));
    },
  };
}
