/** The certificate of a listener, as the `tls` directive names it, read again when its files change. */
import { createHash, type X509Certificate } from 'node:crypto';
import { appendFile } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type Server, type TlsOptions as ServerOptions, type TLSSocket } from 'node:tls';
import type { TlsOptions } from '../../corefile/config.ts';
import { OperatorError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { TlsClient } from '../chain.ts';
import type { Timer } from '../timer.ts';
import { type FileText, readFileNow, watchFile } from '../watched-file.ts';

/** Between two looks at the files, milliseconds. Certificates that are renewed overlap by days. */
const LOOK_EVERY_MS = 10_000;

/** Options of a `tls` directive with the texts of its files. */
export interface Certificate {
  readonly options: TlsOptions;
  /** Absolute. */
  readonly files: readonly string[];
  readonly texts: readonly FileText[];
}

/**
 * @param plugin whose files they are, for messages
 * @throws OperatorError when a file can't be read, or they don't fit together
 */
export function loadCertificate(options: TlsOptions, root: string, plugin = 'tls'): Certificate {
  const files = [options.cert, options.key, ...(options.ca === undefined ? [] : [options.ca])];
  const absolute = files.map((file) => path.resolve(root, file));
  const texts = absolute.map((file) => {
    const read = readFileNow(file);
    if (!read.ok) throw new OperatorError(`plugin/${plugin}: ${read.error}`);
    return read.value;
  });
  const certificate = { options, files: absolute, texts };
  const why = faultOf(certificate);
  if (why !== undefined) throw new OperatorError(`plugin/${plugin}: could not load TLS cert: ${why}`);
  return certificate;
}

/** What is wrong with key and certificate. */
function faultOf(certificate: Certificate): string | undefined {
  try {
    createSecureContext(materialOf(certificate));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function materialOf({ texts: [cert, key, ca] }: Certificate): { cert?: string; key?: string; ca?: string } {
  return { ...(cert && { cert: cert.text }), ...(key && { key: key.text }), ...(ca && { ca: ca.text }) };
}

/** Options of a TLS server with this certificate. */
export function serverOptions(certificate: Certificate): ServerOptions {
  const { clientAuth } = certificate.options;
  return {
    ...materialOf(certificate),
    minVersion: 'TLSv1.2',
    requestCert: clientAuth !== 'nocert',
    rejectUnauthorized: clientAuth === 'require_and_verify',
  };
}

/** May this client go on? What TLS itself does not decide: certificates that are asked for, but need not be sound. */
export function isClientAllowed(socket: TLSSocket, clientAuth: TlsOptions['clientAuth']): boolean {
  if (clientAuth !== 'require' && clientAuth !== 'verify_if_given') return true;
  const hasCertificate = socket.getPeerX509Certificate() !== undefined;
  return clientAuth === 'require' ? hasCertificate : !hasCertificate || socket.authorized;
}

/** What the handshake has told of a client. */
export function describeClient(socket: TLSSocket): TlsClient {
  const shown = socket.getPeerX509Certificate();
  return {
    version: socket.getProtocol() ?? '',
    ...(typeof socket.alpnProtocol === 'string' && { protocol: socket.alpnProtocol }),
    ...(shown && { certificate: describeCertificate(shown, socket.authorized) }),
  };
}

function describeCertificate(shown: X509Certificate, isTrusted: boolean): NonNullable<TlsClient['certificate']> {
  return {
    isTrusted,
    // An operator names one host: a wildcard in a certificate is for many.
    isFor: (name) => shown.checkHost(name, { wildcards: false }) !== undefined,
    get pin() {
      return createHash('sha256')
        .update(shown.publicKey.export({ type: 'spki', format: 'der' }))
        .digest('base64');
    },
  };
}

/** Keeps a server's certificate up to date with its files. */
export class CertificateKeeper {
  readonly #server: Server;
  readonly #timer: Timer;
  readonly #logger: Logger;
  #certificate: Certificate;
  #cancels: (() => void)[] = [];

  constructor(server: Server, certificate: Certificate, timer: Timer, logger: Logger) {
    this.#server = server;
    this.#timer = timer;
    this.#logger = logger;
    this.#certificate = certificate;
    this.#watch();
    server.on('keylog', (line) => {
      const { keylog } = this.#certificate.options;
      if (keylog !== undefined) appendFile(keylog, line, () => {});
    });
  }

  get clientAuth(): TlsOptions['clientAuth'] {
    return this.#certificate.options.clientAuth;
  }

  /** New connections get this certificate. */
  use(certificate: Certificate): void {
    this.close();
    this.#certificate = certificate;
    this.#server.setSecureContext(materialOf(certificate));
    this.#watch();
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }

  #watch(): void {
    const { files, texts } = this.#certificate;
    this.#cancels = files.map((file, at) =>
      watchFile(file, LOOK_EVERY_MS, this.#timer, texts[at], () => this.#reload()),
    );
  }

  /** All files, as one of them has changed: certificate and key only go together. */
  #reload(): void {
    const { options, files } = this.#certificate;
    const reads = files.map(readFileNow);
    const texts = reads.flatMap((read) => (read.ok ? [read.value] : []));
    const unread = reads.find((read) => !read.ok);
    const next = { options, files, texts };
    // In the middle of a renewal they don't fit: the last file's change is another look.
    const why = unread && !unread.ok ? unread.error : faultOf(next);
    if (why !== undefined) {
      this.#logger.warning(`${options.cert} is not taken up: ${why}`);
      return;
    }
    this.#certificate = next;
    this.#server.setSecureContext(materialOf(next));
    this.#logger.info(`${options.cert} has changed and is in use`);
  }
}
