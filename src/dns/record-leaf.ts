/**
 * Some records of a zone, one after the other in canonical order, in one run of octets: a leaf of a RecordStore.
 *
 * A record is: length of the key (2 octets), type (2), TTL (4), length of the data (2), key (dns/record-key.ts), data in
 * uncompressed wire format.
 */

import type { DomainName } from './name.ts';
import { plainNameLength } from './name-wire.ts';
import { readU16, readU32 } from './rdata-wire.ts';
import { type Apex, MAX_KEY, writeKeyOfName, writeKeyOfWire } from './record-key.ts';
import { RRClass } from './rrset.ts';

const HEAD = 10;
/** Octets up to which records are put into one leaf; a record that is larger has one to itself. */
export const LEAF_OCTETS = 4096;

/** A record to look for or to put in. */
export class Wanted {
  readonly key = Buffer.alloc(MAX_KEY);
  keyLength = 0;
  /** -1 stands before all types. */
  type = -1;
  ttl = 0;
  data: Uint8Array = this.key;
  dataAt = 0;
  dataLength = 0;

  /** The place before all records of a name. */
  name(name: DomainName, apex: Apex): this {
    this.keyLength = writeKeyOfName(name, apex, this.key);
    this.type = -1;
    this.dataLength = 0;
    return this;
  }

  /**
   * A record in uncompressed wire format, which must stay as it is for as long as this is used.
   * @returns the offset after it
   * @throws RangeError when there is none
   */
  record(packet: Uint8Array, at: number, apex: Apex): number {
    const owner = plainNameLength(packet, at, packet.length);
    const fixed = at + owner;
    if (owner === 0 || fixed + 10 > packet.length) throw new RangeError(`damaged record at octet ${at}`);
    this.type = readU16(packet, fixed);
    this.ttl = readU32(packet, fixed + 4);
    this.dataLength = readU16(packet, fixed + 8);
    this.dataAt = fixed + 10;
    this.data = packet;
    const end = this.dataAt + this.dataLength;
    if (end > packet.length || readU16(packet, fixed + 2) !== RRClass.IN) {
      throw new RangeError(`damaged record at octet ${at}`);
    }
    this.keyLength = writeKeyOfWire(packet, at, apex, this.key);
    return end;
  }

  /** Octets that it takes in a leaf. */
  get octets(): number {
    return HEAD + this.keyLength + this.dataLength;
  }
}

export class Leaf {
  data: Buffer;
  /** Octets of `data` that are records. */
  used: number;
  count: number;

  constructor(data: Buffer, used: number, count: number) {
    this.data = data;
    this.used = used;
    this.count = count;
  }

  /** One that may be written to. */
  copy(): Leaf {
    const data = Buffer.allocUnsafeSlow(Math.max(this.used, LEAF_OCTETS));
    this.data.copy(data, 0, 0, this.used);
    return new Leaf(data, this.used, this.count);
  }

  /** Gives back what is not used. */
  shrink(): void {
    if (this.used === this.data.length) return;
    const data = Buffer.allocUnsafeSlow(this.used);
    this.data.copy(data, 0, 0, this.used);
    this.data = data;
  }

  /**
   * The offset of the first record that is not before the wanted one.
   * @param hint of a record that may be before it: with that the search begins
   */
  find(wanted: Wanted, hint = 0): number {
    let at = hint > 0 && hint < this.used && this.compare(hint, wanted) < 0 ? hint : 0;
    while (at < this.used && this.compare(at, wanted) < 0) at = this.end(at);
    return at;
  }

  end(at: number): number {
    return at + HEAD + readU16(this.data, at) + readU16(this.data, at + 8);
  }

  type(at: number): number {
    return readU16(this.data, at + 2);
  }

  ttl(at: number): number {
    return readU32(this.data, at + 4);
  }

  keyAt(at: number): number {
    return at + HEAD;
  }

  dataAt(at: number): number {
    return at + HEAD + readU16(this.data, at);
  }

  dataLength(at: number): number {
    return readU16(this.data, at + 8);
  }

  /** Has the record the key of the wanted one, or one that begins with it? */
  keyBegins(at: number, { key, keyLength }: Wanted): 'same' | 'below' | undefined {
    const length = readU16(this.data, at);
    if (length < keyLength) return undefined;
    for (let i = 0; i < keyLength; i++) if (this.data[at + HEAD + i] !== key[i]) return undefined;
    return length === keyLength ? 'same' : 'below';
  }

  /** Negative, zero or positive: by owner, type, data. */
  compare(at: number, wanted: Wanted): number {
    const { data } = this;
    const keyLength = readU16(data, at);
    const keyAt = at + HEAD;
    const { key } = wanted;
    const common = Math.min(keyLength, wanted.keyLength);
    for (let i = 0; i < common; i++) {
      const order = (data[keyAt + i] as number) - (key[i] as number);
      if (order !== 0) return order;
    }
    if (keyLength !== wanted.keyLength) return keyLength - wanted.keyLength;
    const type = readU16(data, at + 2) - wanted.type;
    if (type !== 0) return type;
    const length = readU16(data, at + 8);
    const from = keyAt + keyLength;
    return compareOctets(data, from, length, wanted.data, wanted.dataAt, wanted.dataLength);
  }

  /** Puts the wanted record in at an offset where there is room for it. */
  insert(at: number, wanted: Wanted): void {
    const { keyLength, dataAt, dataLength } = wanted;
    const { octets } = wanted;
    if (this.used + octets > this.data.length) {
      const data = Buffer.allocUnsafeSlow(this.used + octets);
      this.data.copy(data, 0, 0, this.used);
      this.data = data;
    }
    const { data } = this;
    data.copyWithin(at + octets, at, this.used);
    data.writeUInt16BE(keyLength, at);
    data.writeUInt16BE(wanted.type, at + 2);
    data.writeUInt32BE(wanted.ttl, at + 4);
    data.writeUInt16BE(dataLength, at + 8);
    data.set(wanted.key.subarray(0, keyLength), at + HEAD);
    data.set(wanted.data.subarray(dataAt, dataAt + dataLength), at + HEAD + keyLength);
    this.used += octets;
    this.count += 1;
  }

  /** Takes the record at an offset out. */
  remove(at: number): void {
    const end = this.end(at);
    this.data.copyWithin(at, end, this.used);
    this.used -= end - at;
    this.count -= 1;
  }

  /** Cuts off the records from about the middle on. @returns them, or undefined when there is only one record */
  split(): Leaf | undefined {
    let at = 0;
    let before = 0;
    for (let next = this.end(0); next < this.used && (at === 0 || next <= this.used / 2); next = this.end(next)) {
      at = next;
      before += 1;
    }
    if (at === 0) return undefined;
    const right = new Leaf(Buffer.allocUnsafeSlow(LEAF_OCTETS), 0, this.count - before);
    const octets = this.used - at;
    if (octets > LEAF_OCTETS) right.data = Buffer.allocUnsafeSlow(octets);
    this.data.copy(right.data, 0, at, this.used);
    right.used = octets;
    this.used = at;
    this.count = before;
    return right;
  }

  /** Takes all records of the next leaf. */
  append(next: Leaf): void {
    const octets = this.used + next.used;
    if (octets > this.data.length) {
      const data = Buffer.allocUnsafeSlow(octets);
      this.data.copy(data, 0, 0, this.used);
      this.data = data;
    }
    next.data.copy(this.data, this.used, 0, next.used);
    this.used = octets;
    this.count += next.count;
  }
}

/** Order of two runs of octets: from the left, unsigned; a run that ends is before one that goes on. */
export function compareOctets(
  a: Uint8Array,
  aAt: number,
  aLength: number,
  b: Uint8Array,
  bAt: number,
  bLength: number,
): number {
  const common = Math.min(aLength, bLength);
  for (let i = 0; i < common; i++) {
    const order = (a[aAt + i] as number) - (b[bAt + i] as number);
    if (order !== 0) return order;
  }
  return aLength - bLength;
}
