/**
 * Answers kept encoded, by the question's bytes, until something they were made from changes.
 *
 * A lookup takes one string and one Map access. What is kept is bounded in number and octets; the hand of a clock picks
 * what goes, so that a flood of questions asked once does not push out those asked often. A negative answer survives a
 * new serial: the places of the zone's SOA serial are written again when the serial is another.
 */
import { type DomainName, parentOf } from '../dns/name.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Aging } from './chain.ts';
import { hasTtls, layoutOf, writeTtls } from './encoded-sections.ts';
import type { Slot } from './tally.ts';

/** What is true of each zone at the moment, in cells that kept answers point to. */
export interface SerialCell {
  serial: Serial | undefined;
  /** A cluster of the zone is out of reach. */
  isStale?: boolean;
}

/** Rotations of an answer whose order is free; more addresses than this get this many, evenly spaced. */
export const MAX_ROTATIONS = 16;
/** A larger message is not kept, octets. */
const MAX_MESSAGE = 16_384;
/** An answer that depends on more names is not kept. */
const MAX_NAMES = 512;
/** What an entry costs beside its bytes and names, octets, about. */
const ENTRY_COST = 400;
const NAME_COST = 120;
/** Entries asked again lately that the hand passes over before it takes one anyway. */
const MAX_PASSES = 8;

/** What is needed to keep an answer. */
export interface Keepable {
  /** The request's bytes after the id, as latin1 text. */
  readonly key: string;
  /** Its first two octets are overwritten at each sending. */
  readonly message: Buffer;
  /** Where in `message` the serial of the zone's SOA stands. */
  readonly serialOffsets: readonly number[];
  /** Of which zone the answer is made; undefined: of none. */
  readonly zone: ZoneId | undefined;
  readonly names: readonly DomainName[];
  /** Until when it is right; undefined: until a name is touched. */
  readonly aging?: Aging | undefined;
  /** It has an OPT record, which says so when the zone is stale. */
  readonly hasOpt?: boolean;
  readonly slot: Slot;
  /** Somebody wants to see the request with each reply (`log`): no short cut. */
  readonly isObserved: boolean;
  /** More orders of the same records: how many in all (2 or more), and how to make the nth one. */
  readonly rotations?: { readonly count: number; encode(index: number): Buffer };
}

/** A kept answer. The fields are the answer path's: it reads them without calls. */
export interface KeptAnswer {
  readonly key: string;
  message: Buffer;
  readonly serialOffsets: readonly number[];
  readonly cell: SerialCell;
  writtenSerial: Serial | undefined;
  readonly zone: ZoneId | undefined;
  readonly names: readonly DomainName[];
  readonly aging: Aging | undefined;
  /** Whether it says that the zone is stale; undefined: it can't say so. */
  readonly isStale: boolean | undefined;
  /** The TTL to be sent, of an aging answer: as `find` saw it. */
  ttl: number;
  /** Where the TTLs are in each message that the entry has, and what is written there. */
  readonly ttls: Map<Buffer, { readonly offsets: readonly number[]; written: number }> | undefined;
  readonly slot: Slot;
  readonly requestSize: number;
  readonly isObserved: boolean;
  /** Other orders, made one by one as they are asked for; undefined: there is one order. */
  orders:
    | { messages: Buffer[]; turn: number; encode: ((index: number) => Buffer) | undefined; count: number }
    | undefined;
  /** Asked again since the hand was here. */
  isUsed: boolean;
  /** Place in the ring. */
  place: number;
  octets: number;
}

export interface AnswerCacheLimits {
  readonly entries: number;
  readonly octets: number;
}

/** Of answers that are of no zone. */
const NO_CELL: SerialCell = { serial: undefined, isStale: false };

export class AnswerCache {
  readonly #limits: AnswerCacheLimits;
  readonly #cellOf: (zone: ZoneId) => SerialCell;
  readonly #now: () => number;
  readonly #byKey = new Map<string, KeptAnswer>();
  readonly #ring: KeptAnswer[] = [];
  readonly #dependents = new Map<ZoneId, Map<DomainName, KeptAnswer | Set<KeptAnswer>>>();
  #hand = 0;
  #octets = 0;
  #generation = 0;
  #evictions = 0;

  /**
   * @param cellOf the cell of a zone's serial, the same object each time
   * @param now seconds, monotonic: for answers that grow old
   */
  constructor(limits: AnswerCacheLimits, cellOf: (zone: ZoneId) => SerialCell, now = () => 0) {
    this.#limits = limits;
    this.#cellOf = cellOf;
    this.#now = now;
  }

  /** Entries, octets (about), and entries that went for want of room. */
  get size(): { readonly entries: number; readonly octets: number; readonly evictions: number } {
    return { entries: this.#ring.length, octets: this.#octets, evictions: this.#evictions };
  }

  /** Changes with every invalidation: an answer computed under an older one is not to be kept. */
  get generation(): number {
    return this.#generation;
  }

  find(key: string): KeptAnswer | undefined {
    const kept = this.#byKey.get(key);
    if (kept === undefined) return undefined;
    if (kept.isStale !== undefined && kept.isStale !== (kept.cell.isStale ?? false)) {
      this.#remove(kept);
      return undefined;
    }
    return kept.aging === undefined || this.#isRight(kept, kept.aging) ? kept : undefined;
  }

  /** Notes the TTL of an aging answer; drops it when its time is over. */
  #isRight(kept: KeptAnswer, aging: Aging): boolean {
    const ttl = aging.ttlAt(this.#now());
    if (ttl === undefined) {
      this.#remove(kept);
      return false;
    }
    kept.ttl = ttl;
    return true;
  }

  /**
   * The bytes to send for an answer that `find` gave, with the zone's current serial or the TTL of the moment and, where the
   * order is free, in the next order.
   * The buffer belongs to the cache: the id is written into it, and it is sent at once or copied.
   */
  take(kept: KeptAnswer): Buffer {
    kept.isUsed = true;
    if (kept.aging !== undefined) {
      kept.aging.countHit();
      const message = kept.orders === undefined ? kept.message : this.#nextOrder(kept, kept.orders);
      writeAge(kept, message);
      return message;
    }
    if (kept.orders !== undefined) return this.#nextOrder(kept, kept.orders);
    if (kept.serialOffsets.length > 0) writeSerial(kept);
    return kept.message;
  }

  #nextOrder(kept: KeptAnswer, orders: NonNullable<KeptAnswer['orders']>): Buffer {
    if (orders.encode) {
      const message = orders.encode(orders.messages.length);
      orders.messages.push(message);
      kept.octets += message.length;
      this.#octets += message.length;
      if (orders.messages.length === orders.count) orders.encode = undefined;
      this.#shrink(kept);
      return message;
    }
    const message = orders.messages[orders.turn % orders.count] as Buffer;
    orders.turn += 1;
    return message;
  }

  /** Keeps an answer, in place of an older one of the same key. Too large ones are not kept. */
  put(answer: Keepable): void {
    if (answer.message.length > MAX_MESSAGE || answer.names.length > MAX_NAMES) return;
    const { aging } = answer;
    const ttl = aging?.ttlAt(this.#now());
    const offsets = aging && layoutOf(answer.message)?.ttlOffsets;
    // Its TTLs can be counted down only where they are what they should be: a plugin may have changed them.
    if (aging && (ttl === undefined || offsets === undefined || !hasTtls(answer.message, offsets, ttl))) return;
    const older = this.#byKey.get(answer.key);
    if (older) this.#remove(older);
    if (this.#ring.length >= this.#limits.entries) this.#evictOne();
    const { rotations } = answer;
    const cell = answer.zone === undefined ? NO_CELL : this.#cellOf(answer.zone);
    const kept: KeptAnswer = {
      key: answer.key,
      message: answer.message,
      serialOffsets: answer.serialOffsets,
      cell,
      writtenSerial: undefined,
      zone: answer.zone,
      names: answer.names,
      aging,
      isStale: answer.hasOpt ? (cell.isStale ?? false) : undefined,
      ttl: ttl ?? 0,
      ttls: offsets && new Map([[answer.message, { offsets, written: ttl ?? 0 }]]),
      slot: answer.slot,
      requestSize: answer.key.length + 2,
      isObserved: answer.isObserved,
      orders: rotations && {
        messages: [answer.message],
        turn: 0,
        encode: (index) => rotations.encode(index),
        count: rotations.count,
      },
      isUsed: false,
      place: this.#ring.length,
      octets: ENTRY_COST + answer.key.length + answer.message.length + NAME_COST * answer.names.length,
    };
    this.#ring.push(kept);
    this.#byKey.set(kept.key, kept);
    this.#octets += kept.octets;
    for (const name of kept.names) this.#addDependent(name, kept);
    this.#shrink(kept);
  }

  /**
   * Drops the answers that depend on these names of a zone, or on one above: a name that comes or goes can make or unmake
   * empty non-terminals on the way up (RFC 8020).
   */
  invalidate(zone: ZoneId, names: Iterable<DomainName> | 'all'): void {
    this.#generation += 1;
    const dependents = this.#dependents.get(zone);
    if (!dependents) return;
    if (names === 'all') {
      for (let i = this.#ring.length - 1; i >= 0; i--) {
        const kept = this.#ring[i] as KeptAnswer;
        if (kept.zone === zone) this.#remove(kept);
      }
      return;
    }
    const seen = new Set<DomainName>();
    for (const name of names) {
      for (let at: DomainName | undefined = name; at !== undefined && !seen.has(at); at = parentOf(at)) {
        seen.add(at);
        const found = dependents.get(at);
        if (found === undefined) continue;
        if (found instanceof Set) for (const kept of [...found]) this.#remove(kept);
        else this.#remove(found);
      }
    }
  }

  clear(): void {
    this.#generation += 1;
    this.#byKey.clear();
    this.#ring.length = 0;
    this.#dependents.clear();
    this.#hand = 0;
    this.#octets = 0;
  }

  #shrink(keep: KeptAnswer): void {
    while (this.#octets > this.#limits.octets && this.#ring.length > 1) this.#evictOne();
    // The last one alone may be over the limit only if the limit is smaller than one message.
    if (this.#octets > this.#limits.octets) this.#remove(keep);
  }

  #evictOne(): void {
    for (let passes = 0; ; passes++) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const kept = this.#ring[this.#hand];
      if (!kept) return;
      if (kept.isUsed && passes < MAX_PASSES) {
        kept.isUsed = false;
        this.#hand += 1;
        continue;
      }
      this.#evictions += 1;
      this.#remove(kept);
      return;
    }
  }

  #remove(kept: KeptAnswer): void {
    if (this.#byKey.get(kept.key) !== kept) return;
    this.#byKey.delete(kept.key);
    // The last one takes its place, so that the ring has no holes for the hand to walk over.
    const last = this.#ring.pop() as KeptAnswer;
    if (last !== kept) {
      this.#ring[kept.place] = last;
      last.place = kept.place;
    }
    this.#octets -= kept.octets;
    for (const name of kept.names) this.#dropDependent(name, kept);
  }

  #addDependent(name: DomainName, kept: KeptAnswer): void {
    if (kept.zone === undefined) return;
    let names = this.#dependents.get(kept.zone);
    if (!names) {
      names = new Map();
      this.#dependents.set(kept.zone, names);
    }
    const found = names.get(name);
    if (found === undefined) names.set(name, kept);
    else if (found instanceof Set) found.add(kept);
    else if (found !== kept) names.set(name, new Set([found, kept]));
  }

  #dropDependent(name: DomainName, kept: KeptAnswer): void {
    const names = kept.zone === undefined ? undefined : this.#dependents.get(kept.zone);
    const found = names?.get(name);
    if (kept.zone === undefined || !names || found === undefined) return;
    if (found instanceof Set) found.delete(kept);
    if (found === kept || (found instanceof Set && found.size === 0)) names.delete(name);
    if (names.size === 0) this.#dependents.delete(kept.zone);
  }
}

function writeSerial(kept: KeptAnswer): void {
  const { serial } = kept.cell;
  if (serial === undefined || serial === kept.writtenSerial) return;
  for (const offset of kept.serialOffsets) kept.message.writeUInt32BE(serial, offset);
  kept.writtenSerial = serial;
}

/** Writes the TTL of the moment. */
function writeAge(kept: KeptAnswer, message: Buffer): void {
  let place = kept.ttls?.get(message);
  if (place === undefined) {
    // An order of the records that was made just now, with the TTLs of the first one.
    place = { offsets: layoutOf(message)?.ttlOffsets ?? [], written: -1 };
    kept.ttls?.set(message, place);
  }
  if (place.written === kept.ttl) return;
  writeTtls(message, place.offsets, kept.ttl);
  place.written = kept.ttl;
}
