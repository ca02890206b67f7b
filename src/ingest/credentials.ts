/**
 * From what the configuration says of an API server to what a request needs: address, headers, TLS.
 *
 * In-cluster and `endpoint` are a few files. A kubeconfig is read by @kubernetes/client-node, which knows exec plugins and
 * token files; it costs 90 MB and half a second, so it runs in a worker that ends when it has answered.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { fail, ok, type Result } from '../errors.ts';
import type { ConnectionOptions } from './feed.ts';

/** What a request to one API server needs. */
export interface Connection {
  /** Scheme, host, port, and a path where the server has one; no final slash. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: ConnectionTls;
  /** URL of an HTTP(S) or SOCKS5 proxy. */
  readonly proxy?: string;
  /** Milliseconds until it should be asked for again: credentials rotate. Absent: it stays. */
  readonly refreshAfter?: number;
}

/** PEM text, and how the server is checked. */
export interface ConnectionTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  /** False: any certificate is taken (`insecure-skip-tls-verify`). */
  readonly rejectUnauthorized?: boolean;
}

/** Finds a connection; the error is one line for the operator. Asked again when credentials are refused or grow old. */
export type Connector = (options: ConnectionOptions) => Promise<Result<Connection, string>>;

export interface ConnectorOptions {
  /** The process's environment: KUBERNETES_SERVICE_HOST and …_PORT, and what exec plugins see. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds its token and certificate authority. */
  readonly serviceAccountDirectory?: string;
}

/** Kubelet replaces the token's file long before it ends; the API server takes the old one for a while. */
const TOKEN_REFRESH = 60_000;
const KUBECONFIG_REFRESH = 600_000;
/** An exec plugin may ask a cloud; one that hangs must not keep the worker. */
const KUBECONFIG_TIMEOUT = 60_000;

/** Errors come in the words of the peer, so that runbooks for it are right here too. */
export function createConnector(options: ConnectorOptions): Connector {
  const { env, serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount' } = options;
  return async (connection) => {
    try {
      switch (connection.kind) {
        case 'in-cluster':
          return checked(connectInCluster(env, serviceAccountDirectory));
        case 'endpoint':
          return checked(connectEndpoint(connection));
        case 'kubeconfig':
          return checked(await runWorker(connection, env));
      }
    } catch (error) {
      return fail(wordsOf(error));
    }
  };
}

function connectInCluster(env: ConnectorOptions['env'], directory: string): Result<Connection, string> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) {
    return fail(
      'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined',
    );
  }
  const token = readFileSync(`${directory}/token`, 'utf8').trim();
  const ca = readFileSync(`${directory}/ca.crt`, 'utf8');
  return ok({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    headers: { authorization: `Bearer ${token}` },
    tls: { ca },
    refreshAfter: TOKEN_REFRESH,
  });
}

function connectEndpoint({ url, tls }: Extract<ConnectionOptions, { kind: 'endpoint' }>): Result<Connection, string> {
  const text = /^https?:\/\//i.test(url) ? url : `${tls ? 'https' : 'http'}://${url}`;
  if (!URL.canParse(text)) return fail(`invalid endpoint "${url}"`);
  const server = text.replace(/\/+$/, '');
  if (!tls) return ok({ server, headers: {} });
  const read = (file: string) => readFileSync(file, 'utf8');
  return ok({ server, headers: {}, tls: { cert: read(tls.cert), key: read(tls.key), ca: read(tls.ca) } });
}

/** What the worker is given. */
export interface KubeconfigRequest {
  readonly file: string;
  readonly context: string | undefined;
}

function runWorker(
  { file, context }: Extract<ConnectionOptions, { kind: 'kubeconfig' }>,
  env: ConnectorOptions['env'],
): Promise<Result<Connection, string>> {
  // What reads the file would say it in other words.
  readFileSync(file);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const workerData: KubeconfigRequest = { file, context };
  const worker = new Worker(new URL(`credentials-worker.${extension}`, import.meta.url), {
    workerData,
    env: { ...env },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      void worker.terminate();
      resolve(fail(`${file}: no credentials within ${KUBECONFIG_TIMEOUT / 1000} s`));
    }, KUBECONFIG_TIMEOUT);
    worker.once('message', (found: Result<Connection, string>) => {
      clearTimeout(timer);
      resolve(found.ok ? ok({ ...found.value, refreshAfter: KUBECONFIG_REFRESH }) : found);
      void worker.terminate();
    });
    worker.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    worker.once('exit', () => {
      clearTimeout(timer);
      resolve(fail(`${file}: the reader of credentials ended without an answer`));
    });
  });
}

/** Bad certificates and keys are found now, not with each request. */
function checked(found: Result<Connection, string>): Result<Connection, string> {
  if (!found.ok) return found;
  const { ca, cert, key } = found.value.tls ?? {};
  if (ca !== undefined && !ca.includes('-----BEGIN '))
    return fail('unable to load root certificates: no PEM data in it');
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    return fail(`tls: failed to use the certificates: ${wordsOf(error)}`);
  }
  return found;
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && 'path' in error) {
    if (error.code === 'ENOENT') return `open ${error.path}: no such file or directory`;
    if (error.code === 'EACCES') return `open ${error.path}: permission denied`;
    if (error.code === 'EISDIR') return `read ${error.path}: is a directory`;
  }
  // EISDIR comes without the path.
  return error.message;
}
