/**
 * Records off the wire, one after the other, at any place of a message.
 */
import type { Edns, EdnsOption } from './encode.ts';
import type { DomainName } from './name.ts';
import { readName } from './name-wire.ts';
import { readRdata, readU16, readU32 } from './rdata-wire.ts';
import { type ResourceRecord, RRClass, type RRType } from './rrset.ts';

/** A record as found in a message; `class` is absent for IN. */
export interface WireRecord extends ResourceRecord {
  readonly class?: RRClass;
}

/** Options kept of one OPT record; what else it holds is only measured. */
const MAX_OPTIONS = 32;

/** Walks over the records of a packet. Once something is broken it stays so. */
export class RecordReader {
  readonly packet: Uint8Array;
  /** After `next`: offset after the record. */
  at: number;
  isBroken = false;
  owner = '.' as DomainName;
  type: RRType = 0;
  class: RRClass = RRClass.IN;
  ttl = 0;
  /** Where the record's data begins. */
  dataAt = 0;

  constructor(packet: Uint8Array, at: number) {
    this.packet = packet;
    this.at = at;
  }

  /** Reads owner and fixed fields of the next record and steps over its data; false when it is broken. */
  next(): boolean {
    const { packet } = this;
    if (this.isBroken) return false;
    const read = readName(packet, this.at, packet.length);
    if (read === undefined || read.end + 10 > packet.length) return this.#fail();
    const fixed = read.end;
    this.owner = read.name;
    this.type = readU16(packet, fixed);
    this.class = readU16(packet, fixed + 2);
    this.ttl = readU32(packet, fixed + 4);
    this.dataAt = fixed + 10;
    this.at = this.dataAt + readU16(packet, fixed + 8);
    return this.at > packet.length ? this.#fail() : true;
  }

  /** The record that `next` stepped over; undefined when its data is broken. */
  record(): WireRecord | undefined {
    const { owner, type } = this;
    const rdata = readRdata(type, this.packet, this.dataAt, this.at - this.dataAt);
    if (rdata === undefined) {
      this.isBroken = true;
      return undefined;
    }
    // RFC 2181 §8: a TTL with the highest bit set counts as zero.
    const ttl = this.ttl > 0x7fffffff ? 0 : this.ttl;
    const record = { owner, type, ttl, rdata };
    return this.class === RRClass.IN ? record : { ...record, class: this.class };
  }

  #fail(): false {
    this.isBroken = true;
    return false;
  }
}

/**
 * The OPT record that `records` stands on (RFC 6891 §6.1.2).
 * @returns undefined when its owner isn't the root, or an option passes its end
 */
export function readOpt(records: RecordReader): Edns | undefined {
  const { packet, dataAt, at: end } = records;
  if (records.owner !== '.') return undefined;
  const options: EdnsOption[] = [];
  for (let at = dataAt; at < end; ) {
    if (at + 4 > end) return undefined;
    const stop = at + 4 + readU16(packet, at + 2);
    if (stop > end) return undefined;
    if (options.length < MAX_OPTIONS) {
      options.push({ code: readU16(packet, at), data: new Uint8Array(packet.subarray(at + 4, stop)) });
    }
    at = stop;
  }
  return {
    version: (records.ttl >>> 16) & 255,
    udpSize: records.class,
    isDnssecOk: (records.ttl & 0x8000) !== 0,
    options,
  };
}
