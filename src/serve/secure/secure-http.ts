/** An HTTPS server for fastify, whose certificate stays up to date with its files. */
import type { Server as HttpServer, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Logger } from '../../logger.ts';
import type { CertificateKeeper } from './certificate.ts';
import { isClientAllowed, serverOptions } from './certificate.ts';
import { keep } from './listening.ts';
import type { WebConfig } from './web-config.ts';

export interface SecureHttp {
  /** To be called once. */
  makeServer(handle: RequestListener): HttpServer;
  /** Can the server go over to this configuration? Whom it asks for a certificate is fixed from the start. */
  fits(config: WebConfig): boolean;
  /** New connections get this configuration, which fits. */
  use(config: WebConfig): void;
  /** Looks at the files of the certificate no more. */
  close(): void;
}

/** @param handshakeMs the time that a handshake may take, milliseconds */
export function createSecureHttp(first: WebConfig, handshakeMs: number, logger: Logger): SecureHttp {
  let config = first;
  let keeper: CertificateKeeper | undefined;
  return {
    makeServer(handle) {
      const options = { ...serverOptions(config.certificate), handshakeTimeout: handshakeMs };
      const server: Server = createServer(options, handle);
      server.on('secureConnection', (socket) => {
        const isTooOld = config.isOnlyTls13 && socket.getProtocol() !== 'TLSv1.3';
        if (isTooOld || !isClientAllowed(socket, config.certificate.options.clientAuth)) socket.destroy();
      });
      keeper = keep(server, config.certificate, logger);
      return server;
    },
    fits: (next) => next.certificate.options.clientAuth === config.certificate.options.clientAuth,
    use(next) {
      config = next;
      keeper?.use(next.certificate);
    },
    close: () => keeper?.close(),
  };
}
