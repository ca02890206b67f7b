/** Questions over TLS (RFC 7858): what a TCP listener does, after a handshake. */
import { createServer, type TLSSocket } from 'node:tls';
import type { Entry } from '../entry.ts';
import { listenTcp, type TcpListener } from '../tcp.ts';
import { describeClient, isClientAllowed, serverOptions } from './certificate.ts';
import { guardConnections } from './connection-guard.ts';
import { keep, type SecureOptions, type SecureParts } from './listening.ts';

export interface TlsListener extends TcpListener, SecureParts {}

/** @returns once the socket listens. Rejects with the system's error when it can't. Without a certificate it is plain TCP. */
export async function listenTls(options: SecureOptions, first: Entry): Promise<TlsListener> {
  const { certificate, limits, logger } = options;
  if (certificate === undefined) return { ...(await listenTcp(options, first)), setCertificate() {} };
  const server = createServer({
    ...serverOptions(certificate),
    ALPNProtocols: ['dot'],
    allowHalfOpen: true,
    handshakeTimeout: limits.readMs,
  });
  const guard = guardConnections(server, limits);
  const keeper = keep(server, certificate, logger);
  const isAllowed = (socket: TLSSocket) => isClientAllowed(socket, keeper.clientAuth);
  try {
    const inner = await listenTcp({ ...options, secure: { server, isAllowed, describe: describeClient } }, first);
    return {
      ...inner,
      setLimits(next) {
        inner.setLimits(next);
        guard.setLimits(next);
      },
      setCertificate: (next) => keeper.use(next),
      counts: () => ({ open: guard.open, refused: guard.refused }),
      async stop(graceMs) {
        keeper.close();
        const timer = setTimeout(() => guard.destroyAll(), graceMs);
        await inner.stop(graceMs);
        clearTimeout(timer);
      },
    };
  } catch (error) {
    keeper.close();
    throw error;
  }
}
