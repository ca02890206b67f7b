/** Requests to one API server: connections, credentials, limits. Everything that can go wrong outside is a `Trouble`. */
import { type Dispatcher, Pool, ProxyAgent, Socks5ProxyAgent } from 'undici';
import { fail, ok, type Result } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { Connection } from './credentials.ts';
import type { ClusterLimits } from './feed.ts';
import type { IngestCounters } from './ingest-metrics.ts';
import { parse } from './json-stream.ts';
import { Semaphore, TokenBucket } from './throttle.ts';

/** Why a request, or what came of it, is of no use. */
export interface Trouble {
  /** One line for the operator. */
  readonly reason: string;
  /** HTTP status, where the server gave one. */
  readonly status?: number;
  /** Milliseconds that the server asked to wait (Retry-After). */
  readonly retryAfter?: number;
  /** Where the watch was can't be gone on from: everything must be listed. */
  readonly isListNeeded?: boolean;
}

/** A body that arrives. */
export interface Answer {
  /** Chunks; ends early with a Trouble in `trouble` when the connection breaks or nothing comes for too long. */
  readonly chunks: AsyncGenerator<Buffer, Trouble | undefined, undefined>;
}

export interface ApiClientOptions {
  readonly connect: () => Promise<Result<Connection, string>>;
  readonly limits: ClusterLimits;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly counters?: Pick<IngestCounters, 'requests' | 'durations' | 'waits'>;
}

/** Milliseconds until headers must be there; a watch gets them at once, a list when it begins. */
const HEADERS_TIMEOUT = 30_000;
const CONNECT_TIMEOUT = 10_000;
/** Octets of an error's body that are read. */
const MAX_ERROR = 64 * 1024;

interface Link {
  readonly connection: Connection;
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  readonly basePath: string;
  readonly since: number;
}

export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #bucket: TokenBucket | undefined;
  readonly #semaphore: Semaphore | undefined;
  #link: Link | undefined;
  #connecting: Promise<Result<Link, Trouble>> | undefined;
  #isStale = false;
  #isClosed = false;

  constructor(options: ApiClientOptions) {
    this.#options = options;
    const { qps = 0, burst, maxInflight = 0 } = options.limits;
    // Burst 0 is the client library's way to say "the default".
    if (qps > 0) this.#bucket = new TokenBucket(options.clock, qps, burst || 10);
    if (maxInflight > 0) this.#semaphore = new Semaphore(maxInflight);
  }

  /**
   * Sends a GET.
   * @param kind A watch gives its place among `maxInflight` back when its answer begins, anything else when it ends.
   * @param idle Milliseconds without an octet after which the body counts as dead.
   */
  async get(
    path: string,
    query: Readonly<Record<string, string>>,
    request: { readonly kind: 'list' | 'watch'; readonly idle: number; readonly signal: AbortSignal },
  ): Promise<Result<Answer, Trouble>> {
    const { signal } = request;
    const asked = this.#options.clock.now();
    await this.#bucket?.take(signal);
    const release = (await this.#semaphore?.acquire()) ?? (() => undefined);
    const admitted = this.#options.clock.now();
    const link = await this.#connected();
    if (!link.ok) {
      release();
      return link;
    }
    if (signal.aborted) {
      release();
      return fail({ reason: 'stopped' });
    }
    const { dispatcher, origin, basePath, connection } = link.value;
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    signal.addEventListener('abort', onAbort);
    const done = () => {
      signal.removeEventListener('abort', onAbort);
      release();
    };
    try {
      const response = await dispatcher.request({
        origin,
        method: 'GET',
        path: `${basePath}${path}`,
        query,
        headers: { accept: 'application/json', 'user-agent': this.#options.userAgent, ...connection.headers },
        signal: abort.signal,
        headersTimeout: HEADERS_TIMEOUT,
        bodyTimeout: 0,
      });
      this.#count(origin, String(response.statusCode), asked, admitted);
      if (response.statusCode === 401) this.#isStale = true;
      const chunks = this.#read(response.body, request.idle, abort, done);
      if (response.statusCode !== 200) return fail(await readError(response, chunks));
      if (request.kind === 'watch') release();
      return ok({ chunks });
    } catch (error) {
      done();
      this.#count(origin, '<error>', asked, admitted);
      return fail({ reason: reasonOf(error) });
    }
  }

  /** Cuts what is open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#link?.dispatcher.destroy();
  }

  async *#read(
    body: Dispatcher.ResponseData['body'],
    idle: number,
    abort: AbortController,
    done: () => void,
  ): AsyncGenerator<Buffer, Trouble | undefined, undefined> {
    let isSilent = false;
    const chunks = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        // Counts only while we wait for the network, not while somebody makes us wait.
        const cancel = this.#options.clock.after(idle, () => {
          isSilent = true;
          abort.abort();
        });
        try {
          const next = await chunks.next();
          if (next.done) return undefined;
          cancel();
          yield next.value;
        } finally {
          cancel();
        }
      }
    } catch (error) {
      return { reason: isSilent ? `nothing came for ${idle / 1000} s` : reasonOf(error) };
    } finally {
      // Whoever stops reading before the end gives up the connection.
      abort.abort();
      done();
    }
  }

  async #connected(): Promise<Result<Link, Trouble>> {
    const link = this.#link;
    if (this.#isClosed) return fail({ reason: 'stopped' });
    const { refreshAfter = Infinity } = link?.connection ?? {};
    const isOld = link !== undefined && Math.abs(this.#options.clock.now() - link.since) >= refreshAfter;
    if (link && !isOld && !this.#isStale) return ok(link);
    this.#connecting ??= this.#connect(link).finally(() => {
      this.#connecting = undefined;
    });
    const found = await this.#connecting;
    // Credentials that can't be renewed may still do.
    return found.ok || !link || this.#isStale ? found : ok(link);
  }

  async #connect(before: Link | undefined): Promise<Result<Link, Trouble>> {
    const found = await this.#options.connect();
    if (!found.ok) return fail({ reason: found.error });
    if (this.#isClosed) return fail({ reason: 'stopped' });
    const connection = found.value;
    const since = this.#options.clock.now();
    this.#isStale = false;
    const isSame =
      before?.connection.server === connection.server &&
      before.connection.proxy === connection.proxy &&
      JSON.stringify(before.connection.tls) === JSON.stringify(connection.tls);
    if (isSame) this.#link = { ...before, connection, since };
    else {
      const url = new URL(connection.server);
      const basePath = url.pathname.replace(/\/+$/, '');
      this.#link = {
        connection,
        origin: url.origin,
        basePath,
        since,
        dispatcher: dispatcherOf(url.origin, connection),
      };
      // Ends when its last watch does.
      before?.dispatcher.close().catch(() => undefined);
    }
    return ok(this.#link);
  }

  #count(origin: string, code: string, asked: number, admitted: number): void {
    const { counters, clock } = this.#options;
    const host = new URL(origin).host;
    counters?.requests.add([code, 'GET', host]);
    counters?.durations.observe(['GET', host], Math.max(0, clock.now() - admitted) / 1000);
    if (this.#bucket || this.#semaphore) counters?.waits.observe(['GET', host], Math.max(0, admitted - asked) / 1000);
  }
}

function dispatcherOf(origin: string, { tls = {}, proxy }: Connection): Dispatcher {
  const connect = { ...tls, timeout: CONNECT_TIMEOUT };
  if (proxy === undefined) return new Pool(origin, { connect, pipelining: 1 });
  if (proxy.startsWith('socks')) return new Socks5ProxyAgent(proxy, { requestTls: tls });
  return new ProxyAgent({ uri: proxy, requestTls: tls });
}

/** The words of a Kubernetes Status, or of whatever else came. */
async function readError(
  response: Dispatcher.ResponseData,
  chunks: AsyncGenerator<Buffer, Trouble | undefined, undefined>,
): Promise<Trouble> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length > MAX_ERROR) break;
  }
  const status = response.statusCode;
  const text = Buffer.concat(parts).toString('utf8');
  const seconds = Number(response.headers['retry-after']);
  return {
    reason: messageOf(parse(text)) ?? `HTTP status ${status}`,
    status,
    ...(Number.isFinite(seconds) && seconds > 0 && { retryAfter: seconds * 1000 }),
  };
}

function messageOf(status: unknown): string | undefined {
  if (typeof status !== 'object' || status === null || !('message' in status)) return undefined;
  const { message } = status;
  return typeof message === 'string' && message !== '' ? message.slice(0, 300) : undefined;
}

function reasonOf(error: unknown): string {
  // One error for each address that was tried.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return reasonOf(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
