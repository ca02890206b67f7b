/**
 * A small Kubernetes API server for demo clusters and tests: discovery, lists, watches and simple writes, plain HTTP on
 * loopback, objects in memory. It is for clients that read: no validation, no controllers, no admission.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Body, ResponseBody } from './body.ts';
import type { Collection } from './collection.ts';
import { CORE_VERSIONS, groupInfo, groupList, resourceList, SERVER_VERSION } from './discovery.ts';
import { type Exchange, type ExchangeHooks, reply, replyText } from './exchange.ts';
import { Lists, writeList } from './list.ts';
import { defaultCustomResourceDefinitions, type KubeObject } from './resources.ts';
import { type ListRoute, parseRoute, type ResourceRoute, type WatchRoute } from './route.ts';
import { type Failure, isFailure, noSuchPath, notFound, statusObject } from './status.ts';
import { type Backup, decode, ObjectStore, type StoredEvent, textOf } from './store.ts';
import { parseWatch, Watch } from './watch.ts';
import { keyOf, mergePatch, write } from './writes.ts';

export interface FixtureApiServerOptions {
  readonly objects?: readonly KubeObject[];
  /** What this cluster doesn't have: see `defaultCustomResourceDefinitions`. */
  readonly absent?: readonly string[];
  /** Default: a free one, which stays the same over stop and start. */
  readonly port?: number;
  readonly now?: () => number;
  readonly log?: (message: string) => void;
  /** Requests must carry this bearer token. */
  readonly token?: string;
  readonly bookmarkIntervalMs?: number;
  /** Whether watches may ask for sendInitialEvents (true). */
  readonly hasWatchList?: boolean;
  /** Events kept per resource for watches that resume (50,000). */
  readonly historyLimit?: number;
  /** Where the resourceVersion counter starts (1000). */
  readonly resourceVersion?: number;
  /** Written into managedFields of objects that have none. */
  readonly manager?: string;
  readonly hooks?: ExchangeHooks;
}

export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

const REQUESTS_KEPT = 1000;

export class FixtureApiServer {
  /** The most recent requests, oldest first. */
  readonly requests: RecordedRequest[] = [];
  readonly #options: FixtureApiServerOptions;
  readonly #store: ObjectStore;
  readonly #lists = new Lists();
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port: number;

  constructor(options: FixtureApiServerOptions = {}) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#store = new ObjectStore({
      now: options.now ?? Date.now,
      resourceVersion: options.resourceVersion ?? 1000,
      historyLimit: options.historyLimit ?? 50_000,
      manager: options.manager,
    });
    this.#store.onChange(
      (collection, event) => this.#broadcast(collection, event),
      (collection) => this.#endWatches(collection),
    );
    for (const crd of defaultCustomResourceDefinitions(options.absent)) this.apply(crd);
    for (const object of options.objects ?? []) this.apply(object);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What the next change will exceed. */
  get resourceVersion(): number {
    return this.#store.resourceVersion;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  async start(): Promise<{ url: string }> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
    return { url: this.url };
  }

  /** Closes the port and all connections. `start` opens the same port again; objects and history stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.dropConnections();
    await closed;
  }

  /** Cuts all connections; the port stays open. */
  dropConnections(): void {
    for (const watch of this.#watches) watch.stop();
    this.#watches.clear();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Creates or replaces an object; the store's copy is returned. */
  apply(object: KubeObject, manager?: string): KubeObject {
    return decode(this.#store.put(this.#collectionOf(object.apiVersion, object.kind), object, manager));
  }

  /** False when there is no such object. Deleting a CustomResourceDefinition takes its kind away. */
  delete(apiVersion: string, kind: string, namespace: string | undefined, name: string): boolean {
    const collection = this.#collectionOf(apiVersion, kind);
    return this.#store.remove(collection, keyOf(collection.type, namespace, name)) !== undefined;
  }

  /** Merges a patch (RFC 7396: null deletes, lists are replaced) into an object. */
  patch(apiVersion: string, kind: string, namespace: string | undefined, name: string, patch: object): KubeObject {
    const existing = this.get(apiVersion, kind, namespace, name);
    if (!existing) throw new Error(`no ${kind} ${namespace ?? ''}/${name} to patch`);
    const merged = mergePatch(existing, patch) as KubeObject;
    return this.apply(merged);
  }

  get(apiVersion: string, kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    const collection = this.#collectionOf(apiVersion, kind);
    const stored = collection.get(keyOf(collection.type, namespace, name));
    return stored && decode(stored);
  }

  /** All objects, CustomResourceDefinitions included. */
  objects(): KubeObject[] {
    return this.#store.backup().objects.map((object) => decode(object));
  }

  /** Forgets the history: resuming watches and half-fetched lists get 410 Gone. */
  compact(): void {
    this.#store.compact();
    this.#lists.forget();
  }

  backup(): Backup {
    return this.#store.backup();
  }

  /** As if etcd was restored: older objects, older resourceVersions, no history, all connections cut. */
  restore(backup: Backup): void {
    this.#store.restore(backup);
    this.#lists.forget();
    this.dropConnections();
  }

  #collectionOf(apiVersion: string, kind: string): Collection {
    const collection = this.#store.collectionOfKind(apiVersion, kind);
    if (!collection) throw new Error(`unknown kind ${kind} of ${apiVersion}`);
    return collection;
  }

  #broadcast(collection: Collection, event: StoredEvent): void {
    for (const watch of this.#watches) {
      if (watch.collection === collection) watch.deliver(event);
    }
  }

  #endWatches(collection: Collection): void {
    for (const watch of this.#watches) {
      if (watch.collection === collection) watch.end();
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    this.requests.push({ method, url, headers });
    if (this.requests.length > REQUESTS_KEPT) this.requests.shift();
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const exchange = { route: parseRoute(method, pathname, searchParams), request, response };
    try {
      if (await this.#options.hooks?.intercept?.(exchange)) return;
      const failure = await this.#answer(exchange, searchParams);
      if (failure) reply(response, failure.code, statusObject(failure), failure.retryAfterSeconds);
    } catch (error) {
      this.#options.log?.(`${method} ${url}: ${error}`);
      response.destroy();
    }
  }

  async #answer(exchange: Exchange, params: URLSearchParams): Promise<Failure | undefined> {
    const { route, request, response } = exchange;
    const { token } = this.#options;
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return { code: 401, reason: 'Unauthorized', message: 'Unauthorized' };
    }
    const types = this.#store.types();
    switch (route.kind) {
      case 'health':
        response.end('ok');
        return undefined;
      case 'version':
        return reply(response, 200, SERVER_VERSION);
      case 'coreVersions':
        return reply(response, 200, CORE_VERSIONS);
      case 'groups':
        return reply(response, 200, groupList(types));
      case 'group': {
        const { group, version } = route;
        const found = version === undefined ? groupInfo(types, group) : resourceList(types, group, version);
        return found ? reply(response, 200, found) : noSuchPath();
      }
      case 'unknown':
        return noSuchPath();
      default:
        return this.#answerResource(exchange, route, params);
    }
  }

  async #answerResource(
    exchange: Exchange,
    route: ResourceRoute,
    params: URLSearchParams,
  ): Promise<Failure | undefined> {
    const { request, response } = exchange;
    const collection = this.#store.collection(route.group, route.plural);
    if (!collection?.type.versions.includes(route.version)) return noSuchPath();
    if (route.namespace !== undefined && !collection.type.isNamespaced) return noSuchPath();
    switch (route.kind) {
      case 'list':
        return this.#list(exchange, collection, route, params);
      case 'watch':
        return this.#watch(exchange, collection, route, params);
      case 'get': {
        const stored = collection.get(keyOf(collection.type, route.namespace, route.name));
        return stored ? replyText(response, 200, textOf(stored, route.version)) : notFound(route.plural, route.name);
      }
      default: {
        const written = await write(this.#store, route, request, params);
        if (isFailure(written)) return written;
        return replyText(response, written.code, textOf(written.object, route.version));
      }
    }
  }

  async #list(
    exchange: Exchange,
    collection: Collection,
    route: ListRoute,
    params: URLSearchParams,
  ): Promise<Failure | undefined> {
    const page = this.#lists.page(collection, this.#store.resourceVersion, route.namespace, params);
    if (isFailure(page)) return page;
    const items = this.#options.hooks?.chooseItems?.(exchange, page.items) ?? page.items;
    await writeList(this.#openBody(exchange), collection, route.version, { ...page, items });
    return undefined;
  }

  async #watch(
    exchange: Exchange,
    collection: Collection,
    route: WatchRoute,
    params: URLSearchParams,
  ): Promise<Failure | undefined> {
    const request = parseWatch(collection, route.namespace, route.version, params, {
      resourceVersion: this.#store.resourceVersion,
      hasWatchList: this.#options.hasWatchList ?? true,
    });
    if (isFailure(request)) return request;
    const watch = new Watch(collection, request, this.#openBody(exchange));
    this.#watches.add(watch);
    exchange.response.once('close', () => {
      watch.stop();
      this.#watches.delete(watch);
    });
    const interval = this.#options.bookmarkIntervalMs ?? 30_000;
    await watch.start(this.#store.resourceVersion, interval, () => this.#store.resourceVersion);
    return undefined;
  }

  #openBody(exchange: Exchange): Body {
    const { response } = exchange;
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    const body = new ResponseBody(response);
    return this.#options.hooks?.wrapBody?.(exchange, body) ?? body;
  }
}
