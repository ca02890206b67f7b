/**
 * The records of a zone, kept as octets: about 25 of them for an address record, where an object takes ten times as many.
 * Immutable; a changed store shares all leaves that were not touched, so that a version can be held for as long as it
 * is transferred, and two versions be compared in the time of what differs.
 */
import { packRecord } from './canonical.ts';
import type { DomainName } from './name.ts';
import { readRdata, readU16 } from './rdata-wire.ts';
import { type Apex, apexOf, nameOfKey, writeWireOfKey } from './record-key.ts';
import { compareOctets, LEAF_OCTETS, Leaf, Wanted } from './record-leaf.ts';
import { type Rdata, type ResourceRecord, RRClass, RRType, type SoaRdata } from './rrset.ts';

/** A leaf with less is put together with the one after it, if both fit in half a leaf. */
const SPARSE = LEAF_OCTETS / 4;

const WANTED = new Wanted();

/** Records in a row. */
export interface RecordRun {
  /** The owner of the first. */
  readonly first: DomainName;
  /** Of two versions of a zone, runs with the same facts, each compared by `===`, are the same. */
  readonly facts: readonly object[];
  records(): Generator<ResourceRecord>;
}

export class RecordStore {
  readonly apex: DomainName;
  /** Records. */
  readonly size: number;
  /** What they take in memory, about. */
  readonly octets: number;
  readonly #apex: Apex;
  readonly #leaves: readonly Leaf[];

  private constructor(apex: Apex, leaves: readonly Leaf[], size: number, octets: number) {
    this.apex = apex.name;
    this.#apex = apex;
    this.#leaves = leaves;
    this.size = size;
    this.octets = octets;
  }

  static empty(apex: DomainName): RecordStore {
    return new RecordStore(apexOf(apex), [], 0, 0);
  }

  /** A store to be, with these records to begin with. */
  edit(): RecordEditor {
    const { size, octets } = this;
    return new RecordEditor(this.#apex, this.#leaves, { size, octets }, (leaves, totals) =>
      leaves === this.#leaves ? this : new RecordStore(this.#apex, leaves, totals.size, totals.octets),
    );
  }

  /**
   * What a name at or below the apex owns, by type and in canonical order.
   * @returns empty for a name that only has names below it; undefined for one that is not there
   */
  get(name: DomainName): Map<RRType, ResourceRecord[]> | undefined {
    WANTED.name(name, this.#apex);
    let [leafAt, at] = this.#find();
    let sets: Map<RRType, ResourceRecord[]> | undefined;
    for (;;) {
      const leaf = this.#leaves[leafAt];
      if (leaf === undefined) return sets;
      if (at >= leaf.used) {
        leafAt += 1;
        at = 0;
        continue;
      }
      const relation = leaf.keyBegins(at, WANTED);
      if (relation === undefined) return sets;
      sets ??= new Map();
      if (relation === 'below') return sets;
      const record = recordAt(leaf, at, name);
      const set = sets.get(record.type);
      if (set === undefined) sets.set(record.type, [record]);
      else set.push(record);
      at = leaf.end(at);
    }
  }

  /** The SOA record of the apex. */
  soa(): (ResourceRecord & { readonly rdata: SoaRdata }) | undefined {
    const [record] = this.get(this.apex)?.get(RRType.SOA) ?? [];
    return record?.rdata.type === 'SOA' ? { ...record, rdata: record.rdata } : undefined;
  }

  /** All records in canonical order. */
  records(): Generator<ResourceRecord> {
    return recordsIn(this.#leaves, this.#apex);
  }

  /** The same in runs of some kilobytes, each with all records of its owners. */
  *runs(): Generator<RecordRun> {
    const leaves = this.#leaves;
    for (let start = 0, end = 0; start < leaves.length; start = end) {
      end = start + 1;
      while (end < leaves.length && isContinued(leaves[end - 1] as Leaf, leaves[end] as Leaf)) end += 1;
      const run = leaves.slice(start, end);
      const leaf = run[0] as Leaf;
      const first = nameOfKey(leaf.data, leaf.keyAt(0), leaf.dataAt(0), this.#apex);
      yield { first, facts: run, records: () => recordsIn(run, this.#apex) };
    }
  }

  /**
   * All records in canonical order in uncompressed wire format, some at a time. What was made for one version is kept for the
   * next, where that has the same records.
   */
  *octetsInOrder(): Generator<Uint8Array> {
    for (const leaf of this.#leaves) yield octetsOf(leaf, this.#apex);
  }

  /** Place of the first record that is not before WANTED. */
  #find(): [leaf: number, at: number] {
    const leafAt = lastLeafBefore(this.#leaves, WANTED);
    const leaf = this.#leaves[leafAt];
    return leaf === undefined ? [0, 0] : [leafAt, leaf.find(WANTED)];
  }

  /**
   * The records in which another version of the zone differs, a step for each leaf that one of them has alone, so that
   * other work can go on in between.
   * @param take is given a record in uncompressed wire format: a view, to be copied at once. In canonical order; of a
   *   record whose TTL has changed the old one comes first
   */
  *differences(
    after: RecordStore,
    take: (kind: 'removed' | 'added', record: Uint8Array) => void,
  ): Generator<undefined> {
    const [a, b] = [this.#leaves, after.#leaves];
    let [i, at, j, to] = [0, 0, 0, 0];
    for (;;) {
      const [x, y] = [a[i], b[j]];
      if (x !== undefined && at >= x.used) {
        [i, at] = [i + 1, 0];
        yield;
      } else if (y !== undefined && to >= y.used) {
        [j, to] = [j + 1, 0];
        yield;
      } else if (x === undefined && y === undefined) {
        return;
      } else if (x === y && at === 0 && to === 0) {
        [i, j] = [i + 1, j + 1];
      } else {
        const order = x === undefined ? 1 : y === undefined ? -1 : compareAt(x, at, y, to);
        const isSame = order === 0 && (x as Leaf).ttl(at) === (y as Leaf).ttl(to);
        if (order <= 0) {
          if (!isSame) take('removed', wireAt(x as Leaf, at, this.#apex));
          at = (x as Leaf).end(at);
        }
        if (order >= 0) {
          if (!isSame) take('added', wireAt(y as Leaf, to, this.#apex));
          to = (y as Leaf).end(to);
        }
      }
    }
  }
}

/** Changes to a store, which itself stays as it is. Records are the same when owner, type and data are; TTLs don't count. */
export class RecordEditor {
  readonly #apex: Apex;
  readonly #finish: (leaves: readonly Leaf[], totals: { size: number; octets: number }) => RecordStore;
  /** Copied at the first change. */
  #leaves: readonly Leaf[];
  #own: Leaf[] | undefined;
  /** Leaves that nobody else has. */
  readonly #ownLeaves = new Set<Leaf>();
  size: number;
  octets: number;
  /** Where the last change was: most come in order. */
  #last = 0;
  #lastAt = 0;

  constructor(
    apex: Apex,
    leaves: readonly Leaf[],
    { size, octets }: { readonly size: number; readonly octets: number },
    finish: (leaves: readonly Leaf[], totals: { size: number; octets: number }) => RecordStore,
  ) {
    this.#apex = apex;
    this.#leaves = leaves;
    this.size = size;
    this.octets = octets;
    this.#finish = finish;
  }

  /** @returns false when it is there already, with whatever TTL */
  add(record: ResourceRecord): boolean {
    WANTED.record(packRecord(record), 0, this.#apex);
    return this.#add();
  }

  /** @returns false when it is not there */
  remove(record: ResourceRecord): boolean {
    WANTED.record(packRecord(record), 0, this.#apex);
    return this.#remove();
  }

  /**
   * Adds records in uncompressed wire format, one after the other.
   * @throws RangeError when one is damaged, or there already: they are the wrong changes
   */
  addAll(packed: Uint8Array): void {
    for (let at = 0; at < packed.length; ) {
      const next = WANTED.record(packed, at, this.#apex);
      if (!this.#add()) throw new RangeError(`the record at octet ${at} is there already`);
      at = next;
    }
  }

  /** Takes such records out. @throws RangeError when one is damaged, or not there */
  removeAll(packed: Uint8Array): void {
    for (let at = 0; at < packed.length; ) {
      const next = WANTED.record(packed, at, this.#apex);
      if (!this.#remove()) throw new RangeError(`the record at octet ${at} is not there`);
      at = next;
    }
  }

  /** The store as changed. Not to be used after that. */
  finish(): RecordStore {
    for (const leaf of this.#ownLeaves) leaf.shrink();
    return this.#finish(this.#leaves, { size: this.size, octets: this.octets });
  }

  #add(): boolean {
    let leafAt = this.#locate();
    const found = this.#leaves[leafAt];
    let at = found?.find(WANTED, leafAt === this.#last ? this.#lastAt : 0) ?? 0;
    if (found !== undefined && at < found.used && found.compare(at, WANTED) === 0) return false;
    const { octets } = WANTED;
    const leaves = this.#mutable();
    for (;;) {
      const leaf = leaves[leafAt];
      if (leaf === undefined || (at === leaf.used && leaf.used + octets > LEAF_OCTETS)) {
        const own = this.#ownLeaf(new Leaf(Buffer.allocUnsafeSlow(Math.max(octets, LEAF_OCTETS)), 0, 0));
        leafAt = leaf === undefined ? leafAt : leafAt + 1;
        leaves.splice(leafAt, 0, own);
        own.insert(0, WANTED);
        at = 0;
        break;
      }
      const own = this.#forChange(leafAt);
      const right = own.used + octets > LEAF_OCTETS ? own.split() : undefined;
      if (right === undefined) {
        own.insert(at, WANTED);
        break;
      }
      leaves.splice(leafAt + 1, 0, this.#ownLeaf(right));
      if (at > own.used) {
        at -= own.used;
        leafAt += 1;
      }
    }
    this.#last = leafAt;
    this.#lastAt = at;
    this.size += 1;
    this.octets += octets;
    return true;
  }

  #remove(): boolean {
    const leafAt = this.#locate();
    const found = this.#leaves[leafAt];
    const at = found?.find(WANTED, leafAt === this.#last ? this.#lastAt : 0) ?? 0;
    if (found === undefined || at >= found.used || found.compare(at, WANTED) !== 0) return false;
    const leaves = this.#mutable();
    const leaf = this.#forChange(leafAt);
    leaf.remove(at);
    const next = leaves[leafAt + 1];
    if (leaf.used === 0) {
      this.#ownLeaves.delete(leaf);
      leaves.splice(leafAt, 1);
    } else if (leaf.used < SPARSE && next !== undefined && leaf.used + next.used <= LEAF_OCTETS / 2) {
      leaf.append(next);
      this.#ownLeaves.delete(next);
      leaves.splice(leafAt + 1, 1);
    }
    this.#last = Math.max(0, Math.min(leafAt, leaves.length - 1));
    this.#lastAt = leaves[this.#last] === leaf ? at : 0;
    this.size -= 1;
    this.octets -= WANTED.octets;
    return true;
  }

  /** The leaf that WANTED is in or belongs into. */
  #locate(): number {
    const [leaf, next] = [this.#leaves[this.#last], this.#leaves[this.#last + 1]];
    if (leaf !== undefined && leaf.compare(0, WANTED) <= 0 && (next === undefined || next.compare(0, WANTED) > 0)) {
      return this.#last;
    }
    return lastLeafBefore(this.#leaves, WANTED);
  }

  #mutable(): Leaf[] {
    if (this.#own === undefined) {
      this.#own = [...this.#leaves];
      this.#leaves = this.#own;
    }
    return this.#own;
  }

  #forChange(leafAt: number): Leaf {
    const leaf = this.#leaves[leafAt] as Leaf;
    if (this.#ownLeaves.has(leaf)) return leaf;
    const copy = this.#ownLeaf(leaf.copy());
    this.#mutable()[leafAt] = copy;
    return copy;
  }

  #ownLeaf(leaf: Leaf): Leaf {
    this.#ownLeaves.add(leaf);
    return leaf;
  }
}

/** The last leaf that begins at or before a record; the first one when none does. */
function lastLeafBefore(leaves: readonly Leaf[], wanted: Wanted): number {
  let [low, high] = [0, leaves.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((leaves[middle] as Leaf).compare(0, wanted) <= 0) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

function* recordsIn(leaves: readonly Leaf[], apex: Apex): Generator<ResourceRecord> {
  let owner = apex.name;
  let [ownerLeaf, ownerAt]: [Leaf | undefined, number] = [undefined, 0];
  for (const leaf of leaves) {
    for (let at = 0; at < leaf.used; at = leaf.end(at)) {
      if (ownerLeaf === undefined || !hasSameKey(ownerLeaf, ownerAt, leaf, at)) {
        owner = nameOfKey(leaf.data, leaf.keyAt(at), leaf.dataAt(at), apex);
        [ownerLeaf, ownerAt] = [leaf, at];
      }
      yield recordAt(leaf, at, owner);
    }
  }
}

/** Does a leaf begin with the owner that the one before it ends with? */
function isContinued(before: Leaf, leaf: Leaf): boolean {
  let last = 0;
  for (let at = 0; at < before.used; at = before.end(at)) last = at;
  return hasSameKey(before, last, leaf, 0);
}

function recordAt(leaf: Leaf, at: number, owner: DomainName): ResourceRecord {
  const type = leaf.type(at);
  // It was read once before it was put in.
  const rdata = readRdata(type, leaf.data, leaf.dataAt(at), leaf.dataLength(at)) as Rdata;
  return { owner, type, ttl: leaf.ttl(at), rdata };
}

function hasSameKey(x: Leaf, at: number, y: Leaf, to: number): boolean {
  const [a, b] = [x.keyAt(at), y.keyAt(to)];
  return compareOctets(x.data, a, x.dataAt(at) - a, y.data, b, y.dataAt(to) - b) === 0;
}

function compareAt(x: Leaf, at: number, y: Leaf, to: number): number {
  const [a, b] = [x.keyAt(at), y.keyAt(to)];
  return (
    compareOctets(x.data, a, x.dataAt(at) - a, y.data, b, y.dataAt(to) - b) ||
    x.type(at) - y.type(to) ||
    compareOctets(x.data, x.dataAt(at), x.dataLength(at), y.data, y.dataAt(to), y.dataLength(to))
  );
}

const octetsOfLeaf = new WeakMap<Leaf, Buffer>();

/** @param leaf of a finished store, so that it changes no more */
function octetsOf(leaf: Leaf, apex: Apex): Buffer {
  const known = octetsOfLeaf.get(leaf);
  if (known !== undefined) return known;
  const records: Buffer[] = [];
  for (let at = 0; at < leaf.used; at = leaf.end(at)) records.push(Buffer.from(wireAt(leaf, at, apex)));
  const octets = Buffer.concat(records);
  octetsOfLeaf.set(leaf, octets);
  return octets;
}

/** The longest record: name, fixed fields, data. */
const WIRE = Buffer.alloc(255 + 10 + 65_535);

function wireAt(leaf: Leaf, at: number, apex: Apex): Uint8Array {
  const { data } = leaf;
  const to = writeWireOfKey(data, leaf.keyAt(at), leaf.dataAt(at), apex, WIRE, 0);
  WIRE.writeUInt16BE(leaf.type(at), to);
  WIRE.writeUInt16BE(RRClass.IN, to + 2);
  WIRE.writeUInt32BE(leaf.ttl(at), to + 4);
  WIRE.writeUInt16BE(leaf.dataLength(at), to + 8);
  const dataAt = leaf.dataAt(at);
  WIRE.set(data.subarray(dataAt, dataAt + leaf.dataLength(at)), to + 10);
  return WIRE.subarray(0, to + 10 + readU16(data, at + 8));
}
