/**
 * `cache`: keeps what the plugins after it answered, for as long as it holds.
 *
 * Answers from zones of ours too, for their TTL, though without this plugin they would be right at any moment: who writes
 * `cache` asks for it (docs/plugins/cache.md). Only that a cluster is not synced yet is never kept.
 */
import type { CacheOptions } from '../../corefile/config.ts';
import type { MessageEncoder } from '../../dns/encode.ts';
import { isSubdomain } from '../../dns/name.ts';
import { Opcode } from '../../dns/query.ts';
import { Rcode, RRType } from '../../dns/rrset.ts';
import {
  type Aging,
  type Handler,
  type MaybePromise,
  mapOutcome,
  type Next,
  type Outcome,
  type Reply,
  type Request,
} from '../chain.ts';
import { serverOf } from '../listen-point.ts';
import type { Timer } from '../timer.ts';
import { type CacheItem, makeItem, replyAsKept, replyOf, ttlOf, withTtl } from './cache/item.ts';
import { isAnswering, kindOf } from './cache/kind.ts';
import { type CacheCounts, cacheFamilies, emptyCounts } from './cache/metrics.ts';
import { Store } from './cache/store.ts';

/** Their SERVFAIL says that a cluster was never listed: it may be by the next question. */
const ZONE_PLUGINS: ReadonlySet<string> = new Set(['kubernetes', 'kubernetai', 'multicluster', 'k8s_gateway']);
/** Their answer depends on who asks. */
const PERSONAL_PLUGINS: ReadonlySet<string> = new Set(['whoami']);

/** RFC 8914 §4.4, §4.20. */
const STALE_ANSWER = { code: 3, text: 'stale answer' };
const STALE_NXDOMAIN = { code: 19, text: 'stale answer' };
/** RFC 8914 §4.14. */
const CACHED_ERROR = { code: 13, text: '' };
/** EDNS Client Subnet (RFC 7871). */
const CLIENT_SUBNET = 8;
/** Questions for fresh answers to stale ones, at one time. */
const MAX_REFRESHES = 1000;

export interface CacheTools {
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly timer: Timer;
  readonly encoder: MessageEncoder;
  /** A refresh in the background broke. */
  readonly onFailure: (error: unknown) => void;
}

/** @param view of the server block, for metrics; empty: none */
export function createCache(options: CacheOptions, view: string, tools: CacheTools): Handler {
  const cache = new Cache(options, view, tools);
  return {
    name: 'cache',
    isPure: true,
    handle: (request, next) => cache.handle(request, next),
    metrics: () => cache.metrics(),
    dropZoneReplies: () => cache.dropZoneReplies(),
  };
}

class Cache {
  readonly #options: CacheOptions;
  readonly #tools: CacheTools;
  readonly #view: string;
  readonly #store: Store;
  readonly #counts = new Map<string, CacheCounts>();
  /** Of the listener whose question is being kept. */
  #storing = emptyCounts();
  #refreshes = 0;

  constructor(options: CacheOptions, view: string, tools: CacheTools) {
    this.#options = options;
    this.#view = view;
    this.#tools = tools;
    this.#store = new Store(options, (type) => {
      this.#storing.evictions[type] += 1;
    });
  }

  handle(request: Request, next: Next): MaybePromise<Outcome> {
    const { name, type } = request.question;
    const isTransfer = type === RRType.AXFR || type === RRType.IXFR;
    const isCached = request.opcode === Opcode.QUERY && !isTransfer;
    if (!isCached || !this.#options.zones.some((zone) => isSubdomain(name, zone))) return next(request);
    const key = keyOf(request);
    const counts = this.#countsOf(request);
    const now = this.#tools.now();
    const item = this.#store.find(key, now);
    counts.requests += 1;
    if (item === undefined) {
      counts.misses += 1;
      return mapOutcome(next(forRefresh(request)), (outcome) => this.#keep(outcome, key, request, counts, next));
    }
    const ttl = ttlOf(item, now);
    if (ttl <= 0) return this.#answerStale(item, request, counts, next);
    this.#countHit(item, now, request, counts, next);
    return this.#tailor(replyOf(item, this.#options.keepTtl ? item.ttl : ttl), request, {
      aging: this.#agingOf(item, request, counts, next),
      ...(item.rcode === Rcode.SERVFAIL && item.ede === undefined && { ede: CACHED_ERROR }),
    });
  }

  dropZoneReplies(): void {
    this.#store.drop(({ isOfZone }) => isOfZone);
  }

  metrics() {
    const labels = { zones: this.#options.zones.join(','), view: this.#view };
    return cacheFamilies(this.#counts, labels, (type) => this.#store.size(type));
  }

  /** Keeps what was answered, if it may be. */
  #keep(outcome: Outcome, key: string, request: Request, counts: CacheCounts, next: Next): Outcome {
    if (outcome.kind !== 'reply') return outcome;
    const kind = kindOf(outcome, request.question, this.#options);
    const { encoder } = this.#tools;
    if (kind.type === undefined) return this.#tailor(withTtl(outcome, kind.ttl), request);
    if (!isKeepable(outcome)) return this.#tailor(withTtl(outcome, kind.ttl), request);
    // What is kept here lives as long as its TTL, whatever happens to the zone that it came from.
    const { source: _, ...reply } = outcome;
    const isOfZone = ZONE_PLUGINS.has(outcome.writer ?? '');
    const place = { key, type: kind.type, ttl: kind.ttl, storedAt: this.#tools.now(), isOfZone };
    const item = makeItem(place, reply, request, encoder);
    if (item === undefined) {
      counts.drops += 1;
      return this.#tailor(withTtl(reply, kind.ttl), request);
    }
    this.#storing = counts;
    this.#store.put(item);
    // A failure is told of once; what is sent from here on has no news.
    if (outcome.failure !== undefined) return this.#tailor(reply, request);
    return this.#tailor(replyAsKept(reply, item), request, { aging: this.#agingOf(item, request, counts, next) });
  }

  /** AD is for who asks for it (RFC 6840 §5.7, §5.8). */
  #tailor(reply: Reply, request: Request, more: Partial<Reply> = {}): Reply {
    const isAsked = request.isAuthenticData || request.edns?.isDnssecOk === true;
    const isAuthenticData = reply.isAuthenticData === true && isAsked;
    return isAuthenticData === (reply.isAuthenticData ?? false) && more.aging === undefined && more.ede === undefined
      ? reply
      : { ...reply, ...more, isAuthenticData };
  }

  #agingOf(item: CacheItem, request: Request, counts: CacheCounts, next: Next): Aging {
    const { keepTtl, prefetch } = this.#options;
    let lastNow = item.storedAt;
    // The packet is not needed again, and would be held as long as the encoded reply is kept.
    const { packet: _, ...asked } = request;
    const held = prefetch.amount > 0 ? asked : undefined;
    return {
      ttlAt: (now) => {
        lastNow = now;
        const ttl = ttlOf(item, now);
        if (!item.isCurrent || ttl <= 0) return undefined;
        return keepTtl ? item.ttl : ttl;
      },
      countHit: () => {
        counts.requests += 1;
        if (held === undefined) counts.hits[item.type] += 1;
        else this.#countHit(item, lastNow, held, counts, next);
      },
    };
  }

  /** One hit more. A popular item that is soon over is asked for again. */
  #countHit(item: CacheItem, now: number, request: Request, counts: CacheCounts, next: Next): void {
    counts.hits[item.type] += 1;
    const { amount, durationMs, percentage } = this.#options.prefetch;
    if (amount <= 0) return;
    item.hits = now - item.lastHit > durationMs / 1000 ? 1 : item.hits + 1;
    item.lastHit = now;
    const isSoonOver = ttlOf(item, now) <= Math.ceil((percentage / 100) * item.ttl);
    if (isSoonOver && item.hits >= amount) void this.#refresh(item, request, counts, next, false);
  }

  async #answerStale(item: CacheItem, request: Request, counts: CacheCounts, next: Next): Promise<Outcome> {
    const { serveStale } = this.#options;
    counts.hits[item.type] += 1;
    const isQuiet = this.#tools.now() < item.quietUntil;
    if (serveStale?.verify === true && !isQuiet) {
      const { verifyTimeoutMs } = serveStale;
      const fresh = this.#verify(item, request, counts, next);
      const outcome = await (verifyTimeoutMs > 0 ? this.#withTimeout(fresh, verifyTimeoutMs) : fresh);
      if (outcome !== undefined) return outcome;
    } else if (!isQuiet) void this.#refresh(item, request, counts, next, true);
    counts.stale += 1;
    const ede = item.rcode === Rcode.NXDOMAIN ? STALE_NXDOMAIN : STALE_ANSWER;
    return this.#tailor(replyOf(item, serveStale?.ttl ?? 0), request, { ede });
  }

  /** A fresh reply that may take the place of a stale one (RFC 8767 §4); undefined: there is none. */
  async #verify(item: CacheItem, request: Request, counts: CacheCounts, next: Next): Promise<Outcome | undefined> {
    try {
      const outcome = await next(forRefresh(request));
      if (isRefresh(outcome)) {
        const fresh = this.#keep(outcome, item.key, request, counts, next);
        return this.#isWorthLess(outcome, item, request) ? undefined : fresh;
      }
    } catch (error) {
      this.#tools.onFailure(error);
    }
    this.#keepQuiet(item);
    return undefined;
  }

  /** A denial, where a stale answer goes before it. */
  #isWorthLess(outcome: Outcome, item: CacheItem, { question }: Request): boolean {
    if (!this.#options.preferPositive || !item.isAnswering) return false;
    return outcome.kind === 'reply' && !isAnswering(outcome, question);
  }

  /** Who could not help is left alone for a while (RFC 8767 §5: the failure recheck timer). */
  #keepQuiet(item: CacheItem): void {
    item.quietUntil = this.#tools.now() + (this.#options.serveStale?.recheckMs ?? 0) / 1000;
  }

  #withTimeout<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#tools.timer(() => resolve(undefined), ms);
      void promise.then((value) => {
        cancel();
        resolve(value);
      });
    });
  }

  /** Asks anew in the background; at most one time for an item, as long as that takes. */
  async #refresh(item: CacheItem, request: Request, counts: CacheCounts, next: Next, isStale: boolean): Promise<void> {
    if (item.isRefreshing || this.#refreshes >= MAX_REFRESHES) return;
    item.isRefreshing = true;
    this.#refreshes += 1;
    counts.prefetches += 1;
    try {
      // Not truncated for a client that takes little.
      const { packet: _, ...asked } = request;
      const outcome = await next(forRefresh({ ...asked, transport: 'tcp' }));
      if (isStale && !isRefresh(outcome)) {
        this.#keepQuiet(item);
        return;
      }
      this.#keep(outcome, item.key, request, counts, next);
      const fresh = this.#store.find(item.key, this.#tools.now());
      if (fresh === undefined || fresh === item) return;
      // It stays as popular as it was.
      fresh.hits = item.hits;
      fresh.lastHit = item.lastHit;
    } catch (error) {
      this.#tools.onFailure(error);
      this.#keepQuiet(item);
    } finally {
      item.isRefreshing = false;
      this.#refreshes -= 1;
    }
  }

  #countsOf(request: Request): CacheCounts {
    const server = serverOf(request);
    let counts = this.#counts.get(server);
    if (counts === undefined) {
      counts = emptyCounts();
      this.#counts.set(server, counts);
    }
    return counts;
  }
}

/** Name, type, class, DO, CD, and the client subnet if there is one: an answer for one network is not for others. */
function keyOf({ question, edns, isCheckingDisabled }: Request): string {
  const flags = (edns?.isDnssecOk ? 1 : 0) | (isCheckingDisabled ? 2 : 0);
  const key = `${flags} ${question.type} ${question.class} ${question.name}`;
  const subnet = edns?.options.find(({ code }) => code === CLIENT_SUBNET);
  return subnet === undefined ? key : `${key} ${Buffer.from(subnet.data).toString('latin1')}`;
}

/** AD set: whether the data is authentic is wanted for all who will get it. */
function forRefresh(request: Request): Request {
  return request.isAuthenticData ? request : { ...request, isAuthenticData: true };
}

function isKeepable({ rcode, isTruncated = false, writer = '', seal }: Reply): boolean {
  const isUnsynced = rcode === Rcode.SERVFAIL && ZONE_PLUGINS.has(writer);
  return !isTruncated && !isUnsynced && seal === undefined && !PERSONAL_PLUGINS.has(writer);
}

function isRefresh(outcome: Outcome): boolean {
  return outcome.kind === 'reply' && (outcome.rcode === Rcode.NOERROR || outcome.rcode === Rcode.NXDOMAIN);
}
