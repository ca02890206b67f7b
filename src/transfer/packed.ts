/**
 * Whole zones as they were packed last. Of many secondaries that take one version only the first has to wait until its
 * records are made; and of the next version only the messages whose records have changed are made anew. What is kept is
 * bounded.
 *
 * Messages are kept in chunks of some parts of a zone each, and found by the first part. A chunk is sent again when it
 * stands for the same parts with the same facts, whatever version they are of now.
 */
import type { DomainName } from '../dns/name.ts';
import type { ZonePart } from '../projection/zone.ts';
import { type Findings, NOTHING_FOUND, PartInspection } from './inspect.ts';
import type { MessageFiller } from './pack.ts';

/** Octets of messages that are kept in one thread. */
export const MAX_PACKED = 48 * 1024 * 1024;
/** Octets that are kept anew of one transfer: no transfer makes a thread grow by much, and the next one keeps the next part. */
const MAX_ADDED = 16 * 1024 * 1024;
/** Octets that each part of a chunk takes besides messages, about. */
const PART_OCTETS = 100;

export interface ChunkSizes {
  /** Octets of a message after which no part is begun in it: what it has room for then is for parts that grow. */
  readonly enough: number;
  /** A chunk with fewer octets is put together with what is packed before or behind it. */
  readonly small: number;
  /** Octets that one transfer may add to what is kept. */
  readonly added: number;
}

const DEFAULT_SIZES: ChunkSizes = { enough: 14 * 1024, small: 4 * 1024, added: MAX_ADDED };

interface Chunk {
  /** Of each of its parts. */
  readonly facts: readonly ZonePart['facts'][];
  readonly messages: readonly Buffer[];
  readonly findings: Findings;
  readonly octets: number;
}

interface KeptZone {
  /** By the key of the first part. */
  readonly chunks: Map<string, Chunk>;
  /** All chunks of a version, in order. A version that nobody else holds is not held here. */
  whole?: { readonly version: WeakRef<object>; readonly chunks: readonly Chunk[] } | undefined;
}

/** A zone to be packed. */
export interface Packing {
  readonly apex: DomainName;
  /** What the messages depend on besides the parts; undefined: they are not kept. */
  readonly key: string | undefined;
  readonly parts: Iterable<ZonePart>;
  /** The same for the same parts and records, and for no others; absent: it can't be told. */
  readonly version?: object | undefined;
  /** To make messages with. */
  readonly filler: MessageFiller;
  /** Nobody asked for it: it is packed as far as it can be kept beside all else, and no further. */
  readonly isAhead?: boolean;
  /** Called when all messages were taken, with what there is to say of the parts. */
  readonly onWhole?: (findings: readonly Findings[]) => void;
}

export class PackedZones {
  readonly #most: number;
  readonly #sizes: ChunkSizes;
  /** The one that was used last at the end. */
  readonly #zones = new Map<string, KeptZone>();
  #octets = 0;

  constructor(most = MAX_PACKED, sizes = DEFAULT_SIZES) {
    this.#most = most;
    this.#sizes = sizes;
  }

  /** Octets that are kept. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * The messages of a zone, each made or found when it is taken. Of their octets only those that depend on who asks may be
   * changed.
   * @returns whether these were all
   */
  *messages(packing: Packing): Generator<Buffer, boolean> {
    const { key, version, parts, isAhead = false, onWhole } = packing;
    const zone: KeptZone = (key === undefined ? undefined : this.#use(key, isAhead)) ?? { chunks: new Map() };
    const { whole } = zone;
    if (version !== undefined && whole?.version.deref() === version) {
      for (const { messages } of whole.chunks) yield* messages;
      onWhole?.(whole.chunks.map(({ findings }) => findings));
      return true;
    }
    const queue = new PartQueue(parts);
    const chunks: Chunk[] = [];
    const findings: Findings[] = [];
    const visited = new Map<string, Chunk | undefined>();
    let room = key === undefined ? 0 : Math.min(this.#most, this.#sizes.added);
    let isKept = true;
    try {
      for (let first = queue.peek(0); first !== undefined; first = queue.peek(0)) {
        const { key: at } = first;
        let chunk = findKept(zone, queue, this.#sizes);
        let found = chunk?.findings;
        if (chunk !== undefined) {
          queue.drop(chunk.facts.length);
          yield* chunk.messages;
        } else {
          const packed = yield* pack(zone, queue, packing, room, this.#sizes);
          room = packed.chunk === undefined ? 0 : room - packed.chunk.octets;
          found = packed.found;
          // What is not kept is let go at once: held until the end, it would be old by then, and dear to collect.
          if (packed.chunk !== undefined && this.#keep(packing, zone, at, packed.chunk)) chunk = packed.chunk;
          if (isAhead && chunk === undefined) return false;
        }
        isKept &&= chunk !== undefined && !visited.has(at);
        visited.set(at, chunk);
        if (chunk !== undefined) chunks.push(chunk);
        if (found !== undefined && found !== NOTHING_FOUND) findings.push(found);
      }
    } finally {
      queue.close();
    }
    for (const [at, chunk] of zone.chunks) if (!visited.has(at)) this.#drop(zone, at, chunk);
    isKept &&= [...visited].every(([at, chunk]) => zone.chunks.get(at) === chunk);
    if (version !== undefined && isKept) zone.whole = { version: new WeakRef(version), chunks };
    onWhole?.(findings);
    return true;
  }

  #use(key: string, isAhead: boolean): KeptZone {
    const known = this.#zones.get(key);
    if (known !== undefined && isAhead) return known;
    const zone = known ?? { chunks: new Map() };
    this.#zones.delete(key);
    this.#zones.set(key, zone);
    return zone;
  }

  /** @returns whether there was room for it */
  #keep({ key, isAhead }: Packing, zone: KeptZone, at: string, chunk: Chunk): boolean {
    const before = zone.chunks.get(at);
    if (before !== undefined) this.#drop(zone, at, before);
    // Given way to something else meanwhile: what a slow client still takes of it is not kept.
    if (key === undefined || this.#zones.get(key) !== zone) return false;
    for (const [other, old] of this.#zones) {
      if (isAhead || this.#octets + chunk.octets <= this.#most) break;
      if (old === zone) continue;
      for (const [place, one] of old.chunks) this.#drop(old, place, one);
      this.#zones.delete(other);
    }
    if (this.#octets + chunk.octets > this.#most) return false;
    zone.chunks.set(at, chunk);
    this.#octets += chunk.octets;
    return true;
  }

  #drop(zone: KeptZone, at: string, chunk: Chunk): void {
    zone.chunks.delete(at);
    zone.whole = undefined;
    this.#octets -= chunk.octets;
  }
}

/**
 * Packs the next parts: until a message has enough, or what follows is kept.
 * @param most octets that may be kept of them; with more there is no chunk, and nothing is held longer than it takes
 */
function* pack(
  zone: KeptZone,
  queue: PartQueue,
  { filler, apex, isAhead }: Packing,
  most: number,
  { enough, small }: ChunkSizes,
): Generator<Buffer, { readonly chunk: Chunk | undefined; readonly found: Findings }> {
  const facts: ZonePart['facts'][] = [];
  const messages: Buffer[] = [];
  const inspection = new PartInspection(apex);
  let octets = 0;
  let isKept = most > 0;
  const count = (more: number) => {
    octets += more;
    isKept &&= octets <= most;
  };
  const finish = () => {
    const message = filler.finish();
    count(message.length);
    if (isKept) messages.push(message);
    return message;
  };
  do {
    const part = queue.take();
    count(PART_OCTETS);
    if (isKept) facts.push(part.facts);
    for (const set of part.sets()) {
      const { owner, type, ttl, rdatas } = set;
      inspection.look(set);
      for (const rdata of rdatas) {
        if (filler.add(owner, type, ttl, rdata)) continue;
        yield finish();
        if (isAhead && !isKept) return { chunk: undefined, found: NOTHING_FOUND };
        filler.add(owner, type, ttl, rdata);
      }
    }
  } while (filler.length < enough && queue.peek(0) !== undefined && (keptAt(zone, queue, 0)?.octets ?? 0) < small);
  if (filler.isOpen) yield finish();
  const found = inspection.end();
  return { chunk: isKept ? { facts, messages, findings: found, octets } : undefined, found };
}

/** The chunk of the next parts; a small one only where what follows it is kept too. */
function findKept(zone: KeptZone, queue: PartQueue, { small }: ChunkSizes): Chunk | undefined {
  const chunk = keptAt(zone, queue, 0);
  if (chunk === undefined || chunk.octets >= small) return chunk;
  const { length } = chunk.facts;
  return queue.peek(length) === undefined || keptAt(zone, queue, length) !== undefined ? chunk : undefined;
}

/** The chunk that is made of just the parts from there on. */
function keptAt(zone: KeptZone, queue: PartQueue, from: number): Chunk | undefined {
  const first = queue.peek(from);
  const chunk = first === undefined ? undefined : zone.chunks.get(first.key);
  if (chunk === undefined) return undefined;
  for (let i = 0; i < chunk.facts.length; i++) {
    if (!isSame(chunk.facts[i] as ZonePart['facts'], queue.peek(from + i)?.facts)) return undefined;
  }
  return chunk;
}

function isSame(a: ZonePart['facts'], b: ZonePart['facts'] | undefined): boolean {
  if (b === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Parts that can be looked at before they are taken. */
class PartQueue {
  readonly #parts: Iterator<ZonePart>;
  #ahead: ZonePart[] = [];
  #at = 0;

  constructor(parts: Iterable<ZonePart>) {
    this.#parts = parts[Symbol.iterator]();
  }

  /** The part that so many others come before; undefined: there is none. */
  peek(n: number): ZonePart | undefined {
    while (this.#ahead.length - this.#at <= n) {
      const next = this.#parts.next();
      if (next.done) return undefined;
      this.#ahead.push(next.value);
    }
    return this.#ahead[this.#at + n];
  }

  /** The next part, which is there. */
  take(): ZonePart {
    const part = this.#ahead[this.#at] as ZonePart;
    this.drop(1);
    return part;
  }

  /** @param n no more than were looked at */
  drop(n: number): void {
    this.#at += n;
    if (this.#at < this.#ahead.length) return;
    this.#ahead = [];
    this.#at = 0;
  }

  /** The client went away: whatever the parts are made from is let go. */
  close(): void {
    this.#parts.return?.();
  }
}
