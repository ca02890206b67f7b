/** The replies that are kept: two tables with a limit each, and which of the two counts. */
import type { CacheOptions } from '../../../corefile/config.ts';
import { Rcode } from '../../../dns/rrset.ts';
import { type CacheItem, ttlOf } from './item.ts';
import type { CacheType } from './kind.ts';

/** CoreDNS has so many shards with four entries or more each; the capacity is rounded down to them. */
const SHARDS = 256;
const MIN_SHARD = 4;
/** Octets of messages for each entry allowed, on the average. */
const OCTETS_PER_ENTRY = 4096;

export type StoreOptions = Pick<CacheOptions, 'success' | 'denial' | 'preferPositive' | 'serveStale'>;

export class Store {
  readonly #options: StoreOptions;
  readonly #tables: Readonly<Record<CacheType, Table>>;

  /** @param onEvict called for each item that goes for want of room */
  constructor(options: StoreOptions, onEvict: (type: CacheType) => void) {
    this.#options = options;
    this.#tables = {
      success: new Table(options.success.capacity, () => onEvict('success')),
      denial: new Table(options.denial.capacity, () => onEvict('denial')),
    };
  }

  size(type: CacheType): number {
    return this.#tables[type].size;
  }

  /** The item to answer from: one whose time is not over, or not for longer than stale ones are served. */
  find(key: string, now: number): CacheItem | undefined {
    const success = this.#usable('success', key, now);
    const denial = this.#usable('denial', key, now);
    if (success === undefined || denial === undefined) return denial ?? success;
    const { preferPositive, serveStale } = this.#options;
    if (preferPositive && serveStale !== undefined && success.isAnswering) return success;
    // A failure passes; what was known before it holds until its time is over.
    return denial.rcode === Rcode.SERVFAIL ? success : denial;
  }

  /** Keeps an item. What was known of its question before goes, unless that is worth more. */
  put(item: CacheItem): void {
    const { success, denial } = this.#tables;
    const { preferPositive } = this.#options;
    const known = this.#usable('success', item.key, item.storedAt);
    if (item.type === 'denial') {
      if (item.rcode === Rcode.SERVFAIL && known !== undefined) {
        item.isCurrent = false;
        return;
      }
      if (!preferPositive) success.delete(item.key);
      denial.put(item);
      return;
    }
    if (preferPositive && known?.isAnswering === true && !item.isAnswering) {
      item.isCurrent = false;
      return;
    }
    if (!preferPositive || item.isAnswering) denial.delete(item.key);
    success.put(item);
  }

  /** Throws out the items that this is true of. */
  drop(isDropped: (item: CacheItem) => boolean): void {
    for (const table of [this.#tables.success, this.#tables.denial]) table.drop(isDropped);
  }

  #usable(type: CacheType, key: string, now: number): CacheItem | undefined {
    const item = this.#tables[type].get(key);
    if (item === undefined) return undefined;
    const ttl = ttlOf(item, now);
    const { serveStale } = this.#options;
    const isUsable = ttl > 0 || (serveStale !== undefined && -ttl < serveStale.upToMs / 1000);
    return isUsable ? item : undefined;
  }
}

/** Items by key. The one put first goes first. */
class Table {
  readonly #capacity: number;
  readonly #octetLimit: number;
  readonly #onEvict: () => void;
  readonly #items = new Map<string, CacheItem>();
  #octets = 0;

  constructor(capacity: number, onEvict: () => void) {
    this.#capacity = Math.max(MIN_SHARD, Math.floor(capacity / SHARDS)) * SHARDS;
    this.#octetLimit = this.#capacity * OCTETS_PER_ENTRY;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string): CacheItem | undefined {
    return this.#items.get(key);
  }

  put(item: CacheItem): void {
    this.delete(item.key);
    this.#items.set(item.key, item);
    this.#octets += item.message.length;
    while (this.#items.size > this.#capacity || this.#octets > this.#octetLimit) {
      const [oldest] = this.#items.keys();
      if (oldest === undefined) return;
      this.delete(oldest);
      this.#onEvict();
    }
  }

  drop(isDropped: (item: CacheItem) => boolean): void {
    for (const item of [...this.#items.values()]) if (isDropped(item)) this.delete(item.key);
  }

  delete(key: string): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    item.isCurrent = false;
    this.#octets -= item.message.length;
    this.#items.delete(key);
  }
}
