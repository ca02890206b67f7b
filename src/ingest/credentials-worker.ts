/** Reads a kubeconfig with @kubernetes/client-node and answers with plain data: runs once, in a worker of its own. */
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { KubeConfig } from '@kubernetes/client-node';
import { load } from 'js-yaml';
import { fail, ok, type Result } from '../errors.ts';
import type { Connection, KubeconfigRequest } from './credentials.ts';

parentPort?.postMessage(await readKubeconfig(workerData));

async function readKubeconfig({ file, context }: KubeconfigRequest): Promise<Result<Connection, string>> {
  const config = new KubeConfig();
  try {
    config.loadFromString(JSON.stringify(readTokens(load(readFileSync(file, 'utf8')), dirname(resolve(file)))));
    config.makePathsAbsolute(dirname(resolve(file)));
  } catch (error) {
    return fail(`error loading config file "${file}": ${messageOf(error)}`);
  }
  if (context !== undefined) {
    if (!config.getContextObject(context)) return fail(`context "${context}" does not exist`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (!cluster?.server)
    return fail(`invalid configuration: ${file} names no cluster for the context "${config.getCurrentContext()}"`);
  // client-node refuses plain HTTP unless verification is off, which means nothing there; others take it as it is.
  const isPlain = cluster.server.startsWith('http:');
  config.clusters = config.clusters.map((one) => (one === cluster && isPlain ? { ...one, skipTLSVerify: true } : one));
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    return fail(`${file}: ${messageOf(error)}`);
  }
  return ok(connectionOf(cluster.server, cluster.proxyUrl, isPlain, options));
}

/** Puts `token` in the place of `tokenFile`, which client-node does not know. */
function readTokens(config: unknown, directory: string): unknown {
  if (!isRecord(config) || !Array.isArray(config.users)) return config;
  const users = config.users.map((entry: unknown) => {
    const user = isRecord(entry) ? entry.user : undefined;
    if (!isRecord(entry) || !isRecord(user) || typeof user.tokenFile !== 'string') return entry;
    return { ...entry, user: { ...user, token: readFileSync(resolve(directory, user.tokenFile), 'utf8').trim() } };
  });
  return { ...config, users };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function connectionOf(
  server: string,
  proxy: string | undefined,
  isPlain: boolean,
  options: RequestOptions,
): Connection {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (value !== undefined && value !== null) headers[name.toLowerCase()] = String(value);
  }
  if (options.auth) headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const { ca, cert, key, servername, rejectUnauthorized } = options;
  return {
    server: server.replace(/\/+$/, ''),
    headers,
    ...(proxy && { proxy }),
    ...(!isPlain && {
      tls: {
        ...(ca && { ca: pemOf(ca) }),
        ...(cert && { cert: pemOf(cert) }),
        ...(key && { key: pemOf(key) }),
        ...(servername && { servername }),
        ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
      },
    }),
  };
}

function pemOf(value: NonNullable<RequestOptions['ca' | 'key']>): string {
  if (Array.isArray(value)) return value.map((part) => pemOf(part as string | Buffer)).join('\n');
  return value.toString();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
