/**
 * One list and watch of an API server, for ever.
 *
 * Where a complete list was followed to is kept (also over a restart, by whoever commits the signals), and the watch goes
 * on from there. It is listed again where that can't be: the server has forgotten (410), or is behind what it has said
 * before (a restored etcd), or a watch was silent twice, or said something unreadable twice. A list is compared with what
 * is known further down, so listing again costs the server, but no event.
 */
import { Observable } from 'rxjs';
import { fail, ok, type Result } from '../errors.ts';
import type { Answer, ApiClient, Trouble } from './api-client.ts';
import { type Clock, sleep } from './clock.ts';
import type { WatchedKind } from './event.ts';
import type { FeedSignal, FeedSpec } from './feed.ts';
import type { FeedStatus, FeedTuning } from './feed-tuning.ts';
import { LineSplitter, type ListEnvelope, ListReader, parse } from './json-stream.ts';
import {
  API_GROUPS,
  groupVersions,
  isListed,
  isNegotiated,
  pathOf,
  resourceOf,
  resourcesPath,
  selectorsOf,
} from './resource-path.ts';

export interface FeedOptions {
  readonly feed: FeedSpec;
  readonly client: ApiClient;
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** Where a complete list was followed to; undefined: list first. */
  readonly position: string | undefined;
  /** Waited for before more is read: undefined when there is room. */
  readonly room: () => Promise<void> | undefined;
  readonly status: FeedStatus;
  readonly onTrouble?: (trouble: Trouble) => void;
  readonly tuning: FeedTuning;
}

/** A watch that lived for so long (milliseconds) was a good one: the next trouble is a new one. */
const GOOD_WATCH = 5_000;

/** The signals of a feed. Subscribing starts it, unsubscribing cuts it. It neither completes nor fails. */
export function followFeed(options: FeedOptions): Observable<FeedSignal> {
  return new Observable((subscriber) => {
    const abort = new AbortController();
    const loop = new FeedLoop(options, (signal) => subscriber.next(signal), abort.signal);
    loop.run().catch((error: unknown) => subscriber.error(error));
    return () => abort.abort();
  });
}

class FeedLoop {
  readonly #options: FeedOptions;
  readonly #emit: (signal: FeedSignal) => void;
  readonly #signal: AbortSignal;
  #position: string | undefined;
  #version: string | undefined;
  /** Troubles in a row. */
  #failures = 0;
  #silences = 0;
  /** Position at which a line could not be read. */
  #unreadableAt: string | undefined;
  #listedAt: number;
  #cancelFailing: (() => void) | undefined;

  constructor(options: FeedOptions, emit: (signal: FeedSignal) => void, signal: AbortSignal) {
    this.#options = options;
    this.#emit = emit;
    this.#signal = signal;
    this.#position = options.position;
    this.#listedAt = options.clock.now();
  }

  async run(): Promise<void> {
    const { clock, status, onTrouble } = this.#options;
    while (!this.#signal.aborted) {
      const trouble = await this.#attempt();
      if (this.#signal.aborted) break;
      status.state = 'connecting';
      status.reconnects += 1;
      if (!trouble) {
        this.#failures = 0;
        continue;
      }
      this.#failures += 1;
      status.trouble = trouble.reason;
      onTrouble?.(trouble);
      if (trouble.isListNeeded) this.#position = undefined;
      if (this.#isForbiddenNamespace(trouble)) this.#assumeNamespace();
      else {
        if (isOperators(trouble)) this.#emit({ type: 'lacking', reason: trouble.reason });
        this.#noteFailing();
      }
      await sleep(clock, this.#delay(trouble), this.#signal);
    }
    this.#cancelFailing?.();
  }

  /** Lists if it must, and watches. @returns nothing when the watch ended in due time */
  async #attempt(): Promise<Trouble | undefined> {
    const path = await this.#path();
    if (!path.ok) return path.error;
    const trouble = this.#position === undefined ? await this.#list(path.value) : await this.#probe(path.value);
    return trouble ?? (await this.#watch(path.value));
  }

  async #path(): Promise<Result<string, Trouble>> {
    const { feed } = this.#options;
    if (!isNegotiated(feed.kind)) return ok(pathOf(feed));
    if (this.#version === undefined) {
      const version = await this.#findVersion(feed.kind);
      if (!version.ok) return version;
      this.#version = version.value;
    }
    if (this.#version === undefined)
      return fail({ reason: `no known version of ${resourceOf(feed.kind)} is served`, status: 404 });
    return ok(pathOf(feed, this.#version));
  }

  /** The best version in which the kind is served: a version of the group alone does not say so. */
  async #findVersion(kind: WatchedKind): Promise<Result<string | undefined, Trouble>> {
    const groups = await this.#readWhole(API_GROUPS);
    if (!groups.ok) return groups;
    for (const version of groupVersions(kind, groups.value)) {
      const resources = await this.#readWhole(resourcesPath(kind, version));
      if (resources.ok && isListed(kind, resources.value)) return ok(version);
      if (!resources.ok && resources.error.status !== 404) return resources;
    }
    return ok(undefined);
  }

  async #readWhole(path: string): Promise<Result<unknown, Trouble>> {
    const answer = await this.#get(path, {});
    if (!answer.ok) return answer;
    const parts: Buffer[] = [];
    const trouble = await this.#drain(answer.value, (chunk) => {
      parts.push(chunk);
      return undefined;
    });
    return trouble ? fail(trouble) : ok(parse(Buffer.concat(parts).toString('utf8')));
  }

  async #list(path: string): Promise<Trouble | undefined> {
    const { status, clock, tuning } = this.#options;
    status.state = 'listing';
    status.lists += 1;
    this.#emit({ type: 'listBegan' });
    let limit = tuning.pageSize;
    let next = '';
    for (;;) {
      const paging = { ...(limit > 0 && { limit: `${limit}` }), ...(next && { continue: next }) };
      const page = await this.#page(path, paging, (objects) => this.#emit({ type: 'listed', objects }));
      if (page.ok) {
        next = page.value.next;
        if (next !== '') continue;
        this.#position = page.value.resourceVersion;
        break;
      }
      // The snapshot that the pages are of is gone: then all of it at once, which can't grow old.
      if (page.error.status !== 410 || next === '') return this.#isGone(page.error);
      limit = 0;
      next = '';
      this.#emit({ type: 'listBegan' });
    }
    this.#listedAt = clock.now();
    this.#unreadableAt = undefined;
    this.#emit({ type: 'listEnded', resourceVersion: this.#position });
    this.#noteLive();
    return undefined;
  }

  /** One list request; without `take` only what stands around its items is of interest. */
  async #page(
    path: string,
    paging: Readonly<Record<string, string>>,
    take: (objects: readonly unknown[]) => void = () => undefined,
  ): Promise<Result<ListEnvelope, Trouble>> {
    const answer = await this.#get(path, { ...selectorsOf(this.#options.feed), ...paging });
    if (!answer.ok) return answer;
    const reader = new ListReader();
    const trouble = await this.#drain(answer.value, (chunk) => {
      const objects = reader.push(chunk);
      if (!objects.ok) return { reason: `list: ${objects.error}` };
      if (objects.value.length > 0) take(objects.value);
      return undefined;
    });
    if (trouble) return fail(trouble);
    const rest = reader.end();
    if (!rest.ok) return fail({ reason: `list: ${rest.error}` });
    take(rest.value.objects);
    await this.#options.room();
    return ok(rest.value.envelope);
  }

  /**
   * Before a watch is resumed: is the server behind what it has said? Then its data was restored from a backup, and it
   * would be silent until it has caught up, or go on with another history.
   */
  async #probe(path: string): Promise<Trouble | undefined> {
    const position = this.#position ?? '';
    const envelope = await this.#page(path, { limit: '1' });
    if (!envelope.ok) return this.#isGone(envelope.error);
    if (!isOlder(envelope.value.resourceVersion, position)) return undefined;
    return {
      reason: `the server is at resourceVersion ${envelope.value.resourceVersion}, behind ${position} that it gave before`,
      isListNeeded: true,
    };
  }

  async #watch(path: string): Promise<Trouble | undefined> {
    const { clock, random, feed, tuning, status } = this.#options;
    const [least, most] = tuning.watchSeconds;
    const began = clock.now();
    let octets = 0;
    const answer = await this.#get(
      path,
      {
        ...selectorsOf(feed),
        watch: '1',
        allowWatchBookmarks: 'true',
        resourceVersion: this.#position ?? '',
        timeoutSeconds: `${Math.floor(least + random() * (most - least))}`,
      },
      'watch',
    );
    if (!answer.ok) return this.#isGone(answer.error);
    status.state = 'watching';
    this.#noteLive();
    this.#emit({ type: 'live' });
    const splitter = new LineSplitter();
    const trouble = await this.#drain(answer.value, (chunk) => {
      octets += chunk.length;
      const lines = splitter.push(chunk);
      if (!lines.ok) return this.#unreadable(lines.error);
      for (const line of lines.value) {
        const problem = line.trim() === '' ? undefined : this.#takeLine(line);
        if (problem) return problem;
      }
      return undefined;
    });
    const lived = clock.now() - began;
    if (lived >= GOOD_WATCH) this.#failures = 0;
    this.#silences = octets > 0 ? 0 : this.#silences + 1;
    if (trouble) return this.#silences > 1 ? { ...trouble, isListNeeded: true } : trouble;
    if (splitter.pending > 0) return { reason: 'the watch ended inside a line' };
    if (lived < 1_000 && octets === 0) return { reason: 'the watch ended at once' };
    if (tuning.resync > 0 && clock.now() - this.#listedAt >= tuning.resync * (0.9 + 0.2 * random())) {
      this.#position = undefined;
    }
    return undefined;
  }

  #takeLine(line: string): Trouble | undefined {
    const event = parse(line);
    if (!isRecord(event)) return this.#unreadable('a line of the watch is not JSON');
    const { type, object } = event;
    if (type === 'ERROR') return errorOf(object);
    const metadata = isRecord(object) ? object.metadata : undefined;
    const resourceVersion = isRecord(metadata) ? metadata.resourceVersion : undefined;
    if (typeof resourceVersion !== 'string' || resourceVersion === '') {
      return this.#unreadable('an object of the watch has no resourceVersion');
    }
    if (this.#position !== undefined && isOlder(resourceVersion, this.#position)) {
      return { reason: `resourceVersion went back from ${this.#position} to ${resourceVersion}`, isListNeeded: true };
    }
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#emit({ type: 'changed', object, resourceVersion });
        break;
      case 'DELETED':
        this.#emit({ type: 'deleted', object, resourceVersion });
        break;
      case 'BOOKMARK':
        this.#emit({ type: 'bookmark', resourceVersion });
        break;
      default:
        return this.#unreadable('an event of the watch has an unknown type');
    }
    this.#position = resourceVersion;
    return undefined;
  }

  /** What is lost with an unreadable line comes again from the last position; if that doesn't help, all is listed. */
  #unreadable(reason: string): Trouble {
    this.#options.status.badLines += 1;
    const isAgain = this.#unreadableAt === this.#position;
    this.#unreadableAt = this.#position;
    return { reason, isListNeeded: isAgain };
  }

  #get(
    path: string,
    query: Readonly<Record<string, string>>,
    kind: 'list' | 'watch' = 'list',
  ): Promise<Result<Answer, Trouble>> {
    const { client, tuning } = this.#options;
    const idle = kind === 'watch' ? tuning.watchIdle : tuning.listIdle;
    return client.get(path, query, { kind, idle, signal: this.#signal });
  }

  /** Reads a body to its end, or until `take` has trouble with a chunk; as fast as there is room. */
  async #drain(answer: Answer, take: (chunk: Buffer) => Trouble | undefined): Promise<Trouble | undefined> {
    const { clock, room, status } = this.#options;
    for (;;) {
      const next = await answer.chunks.next();
      if (next.done) return next.value;
      status.lastContact = clock.now();
      const trouble = take(next.value);
      if (trouble || this.#signal.aborted) {
        await answer.chunks.return(undefined);
        return trouble ?? { reason: 'stopped' };
      }
      await room();
    }
  }

  #isGone(trouble: Trouble): Trouble {
    // The kind may be served in another version now.
    if (trouble.status === 404) this.#version = undefined;
    return isExpired(trouble.status, trouble.reason) ? { ...trouble, isListNeeded: true } : trouble;
  }

  #delay({ status, retryAfter }: Trouble): number {
    const { tuning, random } = this.#options;
    const [first, most] = tuning.backoff;
    const base = isOperators({ status })
      ? tuning.slowRetry
      : Math.min(most, first * 2 ** Math.min(20, this.#failures - 1));
    // Half of it is chance, so that many clients don't come back at once.
    return Math.max(retryAfter ?? 0, base * (0.5 + random() / 2));
  }

  #noteLive(): void {
    this.#cancelFailing?.();
    this.#cancelFailing = undefined;
    this.#options.status.trouble = undefined;
  }

  #noteFailing(): void {
    const { clock, tuning, status } = this.#options;
    this.#cancelFailing ??= clock.after(tuning.failingAfter, () => {
      this.#emit({ type: 'failing', reason: status.trouble ?? 'no answer' });
    });
  }

  #isForbiddenNamespace({ status }: Trouble): boolean {
    const { kind, scope } = this.#options.feed;
    return kind === 'Namespace' && scope !== '' && status === 403;
  }

  /**
   * A Role in a namespace can't allow to list namespaces. Whoever configured the namespace by name knows that it is there:
   * its services couldn't be listed otherwise.
   */
  #assumeNamespace(): void {
    this.#noteLive();
    this.#emit({ type: 'listBegan' });
    this.#emit({ type: 'listed', objects: [{ metadata: { name: this.#options.feed.scope } }] });
    this.#emit({ type: 'listEnded' });
  }
}

/** Is it a matter that only an operator can change: a missing kind, a missing permission? */
function isOperators({ status }: { readonly status?: number | undefined }): boolean {
  return status === 403 || status === 404;
}

function errorOf(status: unknown): Trouble {
  const { code, message, reason } = isRecord(status) ? status : {};
  const text = typeof message === 'string' && message !== '' ? message.slice(0, 300) : `error ${code} in the watch`;
  const number = typeof code === 'number' ? code : undefined;
  const isListNeeded = reason === 'Expired' || reason === 'Gone' || isExpired(number, text);
  return { reason: text, ...(number !== undefined && { status: number }), ...(isListNeeded && { isListNeeded }) };
}

/** The server has forgotten the version, or has not got that far and gives up waiting for it. */
function isExpired(status: number | undefined, reason: string): boolean {
  return status === 410 || (status === 504 && /too large resource version/i.test(reason));
}

/** Versions are opaque, but where both are decimal numbers their order can be told. */
function isOlder(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
