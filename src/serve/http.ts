/** The HTTP side: `/health`, `/ready`, `/metrics`, each on the address that its directive names. */
import type { FastifyInstance } from 'fastify';
import { splitHostPort } from '../corefile/config.ts';
import { fail, ok, type Result } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type HistogramValue, type MetricsSnapshot, renderMetrics } from '../metrics.ts';
import type { SecureHttp } from './secure/secure-http.ts';
import type { WebConfig } from './secure/web-config.ts';

export type EndpointKind = 'health' | 'ready' | 'metrics';

/** One directive's wish. `address` is `HOST:PORT`; an empty host: all addresses. */
export interface HttpEndpoint {
  readonly kind: EndpointKind;
  readonly address: string;
  /** Absent: plain HTTP. */
  readonly secure?: WebConfig;
}

/** Who is ready. */
export interface Readiness {
  /** Names of plugins that are not; empty: all are. */
  readonly unready: readonly string[];
  /** What else an operator may want to know: age of the data, clusters that are away. One line each. */
  readonly details: readonly string[];
}

export interface HttpSources {
  readiness(): Readiness;
  metrics(): Promise<MetricsSnapshot>;
  /** Seconds, monotonic. */
  now(): number;
  readonly logger: Logger;
}

export interface HttpServers {
  /**
   * Goes over to these endpoints; servers whose address stays are not touched. When it fails all is as before, but for a server that
   * was to go from HTTP to HTTPS or back.
   */
  configure(endpoints: readonly HttpEndpoint[]): Promise<Result<true, string>>;
  /** `/ready` is refused from now on: before the lameduck time begins. */
  closeReady(): Promise<void>;
  /** Asks `/health` of itself, for the metrics; to be called every second. */
  probe(): Promise<void>;
  snapshot(): MetricsSnapshot;
  /** The port of an address, for addresses with port 0. */
  portOf(address: string): number | undefined;
  stop(): Promise<void>;
}

/** Connections to one server; more are dropped. */
const MAX_CONNECTIONS = 256;
/** For a whole request, milliseconds. */
const TIMEOUT_MS = 10_000;
/** Seconds. */
const PROBE_BOUNDS = [0.00025, 0.0025, 0.025, 0.25, 2.5];

interface HttpServer {
  readonly app: FastifyInstance;
  readonly kinds: Set<EndpointKind>;
  readonly port: number;
  /** Of HTTPS. */
  readonly secure: SecureHttp | undefined;
}

export function createHttp(sources: HttpSources): HttpServers {
  let servers = new Map<string, HttpServer>();
  const durations: HistogramValue & { counts: number[]; sum: number } = {
    bounds: PROBE_BOUNDS,
    counts: PROBE_BOUNDS.map(() => 0).concat(0),
    sum: 0,
  };
  let failures = 0;

  async function configure(endpoints: readonly HttpEndpoint[]): Promise<Result<true, string>> {
    const wanted = Map.groupBy(endpoints, ({ address }) => address);
    for (const [address, here] of wanted) {
      const isMixed =
        here.some(({ secure }) => secure !== undefined) && here.some(({ secure }) => secure === undefined);
      if (isMixed) return fail(`${address} is wanted both with TLS and without`);
    }
    const next = new Map<string, HttpServer>();
    for (const [address, here] of wanted) {
      const kept = servers.get(address);
      const config = here[0]?.secure;
      if (kept && (config ? kept.secure?.fits(config) : kept.secure === undefined)) {
        next.set(address, kept);
        continue;
      }
      // From HTTP to HTTPS, or back, or other clients are let in: the port is needed again.
      if (kept) await kept.app.close();
      const opened = await openServer(address, new Set(here.map(({ kind }) => kind)), sources, config);
      if (!opened.ok) {
        if (kept) servers.delete(address);
        await Promise.all([...next].map(([a, server]) => (servers.has(a) ? undefined : server.app.close())));
        return opened;
      }
      if (kept) servers.set(address, opened.value);
      next.set(address, opened.value);
    }
    for (const [address, { secure }] of next) {
      const config = wanted.get(address)?.[0]?.secure;
      if (config) secure?.use(config);
    }
    for (const [address, { kinds }] of next) {
      kinds.clear();
      for (const { kind } of wanted.get(address) ?? []) kinds.add(kind);
    }
    const gone = [...servers].filter(([address]) => !wanted.has(address));
    servers = next;
    await Promise.all(gone.map(([, { app }]) => app.close()));
    return ok(true);
  }

  async function drop(kind: EndpointKind): Promise<void> {
    for (const [address, { app, kinds }] of [...servers]) {
      kinds.delete(kind);
      if (kinds.size > 0) continue;
      servers.delete(address);
      await app.close();
    }
  }

  return {
    configure,
    closeReady: () => drop('ready'),
    async probe() {
      for (const [address, { kinds, port }] of servers) {
        if (!kinds.has('health')) continue;
        const started = sources.now();
        try {
          const { status } = await fetch(`http://${probeHost(address)}:${port}/health`, {
            signal: AbortSignal.timeout(TIMEOUT_MS),
          });
          if (status !== 200) failures += 1;
        } catch {
          failures += 1;
        }
        const seconds = sources.now() - started;
        const found = PROBE_BOUNDS.findIndex((bound) => seconds <= bound);
        const at = found < 0 ? PROBE_BOUNDS.length : found;
        durations.counts[at] = (durations.counts[at] as number) + 1;
        durations.sum += seconds;
      }
    },
    snapshot: () => [
      {
        name: 'coredns_health_request_duration_seconds',
        help: 'Time of the /health requests that the server makes to itself.',
        type: 'histogram',
        labelNames: [],
        merge: 'sum',
        samples: [{ labels: [], value: { ...durations, counts: [...durations.counts] } }],
      },
      {
        name: 'coredns_health_request_failures_total',
        help: 'Failed /health requests of the server to itself.',
        type: 'counter',
        labelNames: [],
        merge: 'sum',
        samples: [{ labels: [], value: failures }],
      },
    ],
    portOf: (address) => servers.get(address)?.port,
    async stop() {
      const all = [...servers.values()];
      servers = new Map();
      await Promise.all(all.map(({ app }) => app.close()));
    },
  };
}

function probeHost(address: string): string {
  const split = splitHostPort(address);
  const host = typeof split === 'string' ? '' : split.host;
  if (host === '' || host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function openServer(
  address: string,
  kinds: Set<EndpointKind>,
  sources: HttpSources,
  config: WebConfig | undefined,
): Promise<Result<HttpServer, string>> {
  const split = splitHostPort(address);
  if (typeof split === 'string') return fail(split);
  // Only who has such a directive pays for loading it.
  const { fastify } = await import('fastify');
  const secure =
    config && (await import('./secure/secure-http.ts')).createSecureHttp(config, TIMEOUT_MS, sources.logger);
  const app = fastify({
    bodyLimit: 1024,
    connectionTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
    forceCloseConnections: true,
    ...(secure && { serverFactory: secure.makeServer }),
  });
  if (secure) app.addHook('onClose', async () => secure.close());
  app.server.maxConnections = MAX_CONNECTIONS;
  addRoutes(app, kinds, sources);
  try {
    await listen(app, split.host, split.port);
  } catch (error) {
    await app.close();
    const code = codeOf(error);
    if (code === undefined) throw error;
    return fail(`listen tcp ${address}: bind: ${code === 'EADDRINUSE' ? 'address already in use' : code}`);
  }
  return ok({ app, kinds, port: portOf(app) ?? split.port, secure });
}

/** All addresses: those of both families, or of IPv4 where the host has no other. */
async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  if (host !== '') {
    await app.listen({ host, port });
    return;
  }
  try {
    await app.listen({ host: '::', port });
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw error;
    await app.listen({ host: '0.0.0.0', port });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const NOT_FOUND = '404 page not found\n';

function addRoutes(app: FastifyInstance, kinds: ReadonlySet<EndpointKind>, sources: HttpSources): void {
  app.setNotFoundHandler((_, reply) => reply.code(404).type('text/plain; charset=utf-8').send(NOT_FOUND));
  app.get('/health', (_, reply) => {
    if (!kinds.has('health')) return reply.callNotFound();
    return reply.type('text/plain; charset=utf-8').send('OK');
  });
  app.get<{ Querystring: Readonly<Record<string, unknown>> }>('/ready', (request, reply) => {
    if (!kinds.has('ready')) return reply.callNotFound();
    const { unready, details } = sources.readiness();
    const head = unready.length === 0 ? 'OK' : unready.join(',');
    // Who can answer is ready, even from old facts: but it says what is wrong.
    const isTold = 'verbose' in request.query || (unready.length === 0 && details.length > 0);
    const lines = isTold ? [head, ...details, ''].join('\n') : head;
    return reply
      .code(unready.length === 0 ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(lines);
  });
  app.get('/metrics', async (_, reply) => {
    if (!kinds.has('metrics')) return reply.callNotFound();
    const text = await renderMetrics(await sources.metrics());
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
}

function portOf(app: FastifyInstance): number | undefined {
  const address = app.server.address();
  return address !== null && typeof address === 'object' ? address.port : undefined;
}
