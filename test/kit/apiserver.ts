/** The fixture API server with everything that goes wrong with real ones, each fault switched by a method. */
import { FixtureApiServer, type FixtureApiServerOptions } from '../../src/demo/apiserver.ts';
import type { Body } from '../../src/demo/body.ts';
import { type Exchange, reply } from '../../src/demo/exchange.ts';
import { type Failure, statusObject } from '../../src/demo/status.ts';
import type { StoredObject } from '../../src/demo/store.ts';
import { HeldBody, Latch, SlowBody, TruncatedBody } from './faulty-bodies.ts';

/** Which requests a fault is for: all, or those of a kind and path. */
export interface FaultScope {
  readonly kind?: 'list' | 'watch';
  /** Part of the path: 'endpointslices'. */
  readonly path?: string;
}

interface Injected {
  remaining: number;
  readonly scope: FaultScope;
  readonly failure: Failure;
}

interface Scoped<T> {
  readonly scope: FaultScope;
  readonly value: T;
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/**
 * Start, stop (and start on the same port), `dropConnections`, `compact` and `restore` are the fixture server's own; the
 * other faults are here. They stay until `heal`, unless they count down.
 */
export class FaultyApiServer extends FixtureApiServer {
  readonly #faults: Faults;

  constructor(options: Omit<FixtureApiServerOptions, 'hooks'> = {}) {
    const faults = new Faults();
    super({ ...options, hooks: faults });
    this.#faults = faults;
  }

  /** Accepts connections and requests, and sends nothing any more: silent watches, lists that hang. */
  pause(): void {
    this.#faults.latch.close();
  }

  /** Sends all that was held back. */
  resume(): void {
    this.#faults.latch.open();
  }

  /** The next requests get this HTTP status. */
  failNext(count: number, code: number, options: { scope?: FaultScope; retryAfterSeconds?: number } = {}): void {
    const { scope = {}, retryAfterSeconds } = options;
    const failure = { code, reason: REASONS[code] ?? 'Unknown', message: `injected ${code}` };
    this.#faults.injected.push({
      remaining: count,
      scope,
      failure: retryAfterSeconds === undefined ? failure : { ...failure, retryAfterSeconds },
    });
  }

  /** Sends each open watch in the scope a line that is no JSON; the stream goes on after it. */
  sendBadLine(scope: FaultScope = {}, line = '{"type":"MODIFIED","object":{"metadata":{"name":'): number {
    return this.#faults.sendToWatches(scope, `${line}\n`);
  }

  /** Sends each open watch in the scope an ERROR event. */
  sendError(code: number, scope: FaultScope = {}): number {
    const status = statusObject({ code, reason: REASONS[code] ?? 'Unknown', message: `injected ${code}` });
    return this.#faults.sendToWatches(scope, `${JSON.stringify({ type: 'ERROR', object: status })}\n`);
  }

  /** New lists and watches come this slowly. */
  slowBodies(bytesPerSecond: number, scope: FaultScope = {}): void {
    this.#faults.slow = { scope, value: bytesPerSecond };
  }

  /** New lists (or watches) are cut after so many bytes: the connection breaks, or the body ends as if it were whole. */
  truncateBodies(bytes: number, scope: FaultScope = { kind: 'list' }, ending: 'broken' | 'clean' = 'broken'): void {
    this.#faults.truncated = { scope, value: { bytes, isClean: ending === 'clean' } };
  }

  /** The next lists show no items, with the current resourceVersion. */
  emptyLists(count: number, scope: FaultScope = {}): void {
    this.#faults.empty = { scope, value: { remaining: count } };
  }

  /** Ends all faults but those that happened. */
  heal(): void {
    this.#faults.heal();
  }

  override async stop(): Promise<void> {
    this.#faults.latch.open();
    await super.stop();
  }
}

class Faults {
  readonly latch = new Latch();
  injected: Injected[] = [];
  slow: Scoped<number> | undefined;
  truncated: Scoped<{ bytes: number; isClean: boolean }> | undefined;
  empty: Scoped<{ remaining: number }> | undefined;
  readonly #watches = new Map<Exchange, Body>();

  heal(): void {
    this.injected = [];
    this.slow = undefined;
    this.truncated = undefined;
    this.empty = undefined;
    this.latch.open();
  }

  async intercept(exchange: Exchange): Promise<boolean> {
    await this.latch.passed();
    const injected = this.injected.find(({ remaining, scope }) => remaining > 0 && isIn(exchange, scope));
    if (!injected) return exchange.response.destroyed;
    injected.remaining--;
    const { failure } = injected;
    reply(exchange.response, failure.code, statusObject(failure), failure.retryAfterSeconds);
    return true;
  }

  wrapBody(exchange: Exchange, direct: Body): Body {
    let body = direct;
    const { slow, truncated } = this;
    if (truncated && isIn(exchange, truncated.scope)) body = new TruncatedBody(body, truncated.value);
    if (slow && isIn(exchange, slow.scope)) body = new SlowBody(body, slow.value);
    body = new HeldBody(body, this.latch);
    if (exchange.route.kind === 'watch') {
      this.#watches.set(exchange, body);
      exchange.response.once('close', () => this.#watches.delete(exchange));
    }
    return body;
  }

  chooseItems(exchange: Exchange, items: readonly StoredObject[]): readonly StoredObject[] {
    const { empty } = this;
    if (!empty || empty.value.remaining === 0 || !isIn(exchange, empty.scope)) return items;
    empty.value.remaining--;
    return [];
  }

  sendToWatches(scope: FaultScope, text: string): number {
    const bodies = [...this.#watches].filter(([exchange]) => isIn(exchange, scope));
    for (const [, body] of bodies) body.write(text);
    return bodies.length;
  }
}

function isIn({ route, request }: Exchange, scope: FaultScope): boolean {
  if (scope.kind !== undefined && route.kind !== scope.kind) return false;
  const path = request.url?.split('?')[0] ?? '';
  return scope.path === undefined || path.includes(scope.path);
}
