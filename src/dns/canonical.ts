/**
 * Canonical order (RFC 4034 §6.1, §6.3) and the plain form of records: uncompressed wire format, one after the other, as
 * the journal keeps them.
 */
import { compareNames, type DomainName, labelsOf, unescapeLabel } from './name.ts';
import { plainNameLength } from './name-wire.ts';
import { NameWriter } from './name-writer.ts';
import { readU16 } from './rdata-wire.ts';
import { writeNamelessRdata, writeSoaFields } from './rdata-writer.ts';
import { RecordReader } from './record-reader.ts';
import { type Rdata, type ResourceRecord, RRClass, type RRType, typeOfRdata } from './rrset.ts';

/** The longest record: name, fixed fields, data. */
const MAX_RECORD = 255 + 10 + 65_535;
const CHUNK = 256 * 1024;
const BUFFER = Buffer.alloc(CHUNK + MAX_RECORD);
const NAMES = new NameWriter(BUFFER);

/** Negative, zero or positive: by owner, type, then data as octets; TTLs don't count. */
export function compareRecords(a: ResourceRecord, b: ResourceRecord): number {
  return compareNames(a.owner, b.owner) || compareBelowOwner(a, b);
}

function compareBelowOwner(a: ResourceRecord, b: ResourceRecord): number {
  return a.type - b.type || compareRdata(a.rdata, b.rdata);
}

/** Canonical order of the data of two records of one type: their uncompressed octets, from the left, unsigned. */
export function compareRdata(a: Rdata, b: Rdata): number {
  if (a === b) return 0;
  const middle = writePlainRdata(a, 0);
  const end = writePlainRdata(b, middle);
  return BUFFER.compare(BUFFER, middle, end, 0, middle);
}

/** Is it the same data, to the octet? */
export function isSameRdata(a: Rdata, b: Rdata): boolean {
  return typeOfRdata(a) === typeOfRdata(b) && compareRdata(a, b) === 0;
}

/** A new list in canonical order. Same as sorting by `compareRecords`, but each owner is taken apart once. */
export function canonicalOrder<R extends ResourceRecord>(records: readonly R[]): R[] {
  const keys = new Map<DomainName, string>();
  const keyed = records.map((record) => {
    let key = keys.get(record.owner);
    if (key === undefined) {
      key = canonicalKey(record.owner);
      keys.set(record.owner, key);
    }
    return { key, record };
  });
  keyed.sort((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : compareBelowOwner(x.record, y.record)));
  return keyed.map(({ record }) => record);
}

/** A text such that comparing two of them with `<` gives the canonical order of the names. For sorting; not a name. */
export function canonicalKey(name: DomainName): string {
  let key = '';
  const labels = labelsOf(name);
  for (let i = labels.length - 1; i >= 0; i--) {
    const label = labels[i] as string;
    if (label.includes('\\')) {
      // One up, so that no octet is taken for the end of the label.
      for (const c of unescapeLabel(label)) key += String.fromCharCode(c.charCodeAt(0) + 1);
    } else {
      for (let j = 0; j < label.length; j++) key += String.fromCharCode(label.charCodeAt(j) + 1);
    }
    key += '\0';
  }
  return key;
}

/** Data in uncompressed wire format: the canonical form of RFC 4034 §6.2. */
export function packRdata(rdata: Rdata): Uint8Array {
  return new Uint8Array(BUFFER.subarray(0, writePlainRdata(rdata, 0)));
}

/**
 * One record in uncompressed wire format: a view, which the next call of a function here overwrites.
 * @throws RangeError when its data is over 65,535 octets
 */
export function packRecord(record: ResourceRecord): Uint8Array {
  return BUFFER.subarray(0, writePlainRecord(record, 0));
}

/**
 * Records in uncompressed wire format, one after the other, nothing between them.
 * @throws RangeError when a record's data is over 65,535 octets
 */
export function packRecords(records: Iterable<ResourceRecord>): Uint8Array {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const record of records) {
    at = writePlainRecord(record, at);
    if (at >= CHUNK) {
      chunks.push(new Uint8Array(BUFFER.subarray(0, at)));
      at = 0;
    }
  }
  if (chunks.length === 0) return new Uint8Array(BUFFER.subarray(0, at));
  chunks.push(BUFFER.subarray(0, at));
  const whole = Buffer.concat(chunks);
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.length);
}

/**
 * Reads what `packRecords` wrote.
 * @throws RangeError when the octets are something else: a damaged store
 */
export function unpackRecords(blob: Uint8Array): ResourceRecord[] {
  return [...readPackedRecords(blob)];
}

/** As `unpackRecords`, but record by record as they are taken: a blob may hold a whole zone. */
export function* readPackedRecords(blob: Uint8Array): Generator<ResourceRecord> {
  const reader = new RecordReader(blob, 0);
  while (reader.at < blob.length) {
    const start = reader.at;
    // A pointer would be legal in a message, never here.
    const isPlain = plainNameLength(blob, start, blob.length) > 0;
    const record = isPlain && reader.next() ? reader.record() : undefined;
    if (record === undefined || record.class !== undefined) throw new RangeError(`damaged record at octet ${start}`);
    yield record;
  }
}

/**
 * Where each record that `packRecords` wrote begins and ends, and its type; nothing else of it is looked at.
 * @throws RangeError when the octets are something else
 */
export function* packedSpans(blob: Uint8Array): Generator<{ start: number; end: number; type: RRType }> {
  for (let start = 0; start < blob.length; ) {
    const owner = plainNameLength(blob, start, blob.length);
    const fixed = start + owner;
    const end = owner > 0 && fixed + 10 <= blob.length ? fixed + 10 + readU16(blob, fixed + 8) : Number.NaN;
    if (!(end <= blob.length)) throw new RangeError(`damaged record at octet ${start}`);
    yield { start, end, type: readU16(blob, fixed) };
    start = end;
  }
}

function writePlainRecord({ owner, type, ttl, rdata }: ResourceRecord, start: number): number {
  let at = NAMES.writePlain(owner, start);
  at = BUFFER.writeUInt16BE(type, at);
  at = BUFFER.writeUInt16BE(RRClass.IN, at);
  at = BUFFER.writeUInt32BE(ttl, at);
  const end = writePlainRdata(rdata, at + 2);
  BUFFER.writeUInt16BE(end - at - 2, at);
  return end;
}

function writePlainRdata(rdata: Rdata, at: number): number {
  const end = writeUncheckedRdata(rdata, at);
  if (end - at > 65_535) throw new RangeError(`record data of ${end - at} octets: 65535 is the most`);
  return end;
}

function writeUncheckedRdata(rdata: Rdata, at: number): number {
  switch (rdata.type) {
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return NAMES.writePlain(rdata.target, at);
    case 'SRV':
      BUFFER.writeUInt16BE(rdata.priority, at);
      BUFFER.writeUInt16BE(rdata.weight, at + 2);
      BUFFER.writeUInt16BE(rdata.port, at + 4);
      return NAMES.writePlain(rdata.target, at + 6);
    case 'MX':
      BUFFER.writeUInt16BE(rdata.preference, at);
      return NAMES.writePlain(rdata.target, at + 2);
    case 'SOA':
      return writeSoaFields(BUFFER, NAMES.writePlain(rdata.rname, NAMES.writePlain(rdata.mname, at)), rdata);
    default:
      return writeNamelessRdata(BUFFER, at, rdata);
  }
}
