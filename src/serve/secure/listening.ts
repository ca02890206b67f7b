/** What listeners with a handshake have in common: a certificate, a port, and an end. */
import type { Server } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { Logger } from '../../logger.ts';
import type { TcpOptions } from '../tcp.ts';
import { systemTimer } from '../timer.ts';
import { type Certificate, CertificateKeeper } from './certificate.ts';

export interface SecureOptions extends TcpOptions {
  /** Undefined: no TLS. */
  readonly certificate: Certificate | undefined;
  readonly logger: Logger;
}

export interface SecureParts {
  /** New connections get this certificate. */
  setCertificate(certificate: Certificate): void;
}

export interface Listening {
  readonly port: number;
  readonly keeper: CertificateKeeper | undefined;
  /** Takes no more connections, and cuts those that are left off when `graceMs` is over. */
  stop(graceMs: number, destroyAll: () => void): Promise<void>;
}

/** @returns once the socket listens. Rejects with the system's error when it can't. */
export async function listen(server: Server, options: SecureOptions): Promise<Listening> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    const { address: host, port, isV6, reusePort } = options;
    server.listen({ host, port, ipv6Only: isV6, reusePort, exclusive: true, backlog: 511 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', options.onFailure);
  const { certificate, logger } = options;
  const keeper = certificate && keep(server as TlsServer, certificate, logger);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return {
    port: address.port,
    keeper,
    async stop(graceMs, destroyAll) {
      keeper?.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(destroyAll, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** Watches the files of a server's certificate, and ends handshakes that fail or take too long: Node only tells of these. */
export function keep(server: TlsServer, certificate: Certificate, logger: Logger): CertificateKeeper {
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return new CertificateKeeper(server, certificate, systemTimer, logger.forPlugin('tls'));
}
