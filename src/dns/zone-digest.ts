/**
 * Digests of whole zones (RFC 8976): scheme 1, SIMPLE, all records of the zone in canonical order, hashed one after the
 * other.
 */
import { createHash, type Hash } from 'node:crypto';
import { canonicalKey, packRecord } from './canonical.ts';
import { canonicalData } from './canonical-data.ts';
import { type DomainName, isSubdomain } from './name.ts';
import { readU16, readU32 } from './rdata-wire.ts';
import { type ResourceRecord, RRType } from './rrset.ts';
import type { Serial } from './serial.ts';

/** RFC 8976 §5.3: the number is its place, from 1 on. */
export const ZONE_HASHES = ['sha384', 'sha512'] as const;
export type ZoneHash = (typeof ZONE_HASHES)[number];

/** RFC 8976 §5.2. */
const SIMPLE = 1;
const HEAD = 6;

/** The octets of a record's data. */
export function zonemdData(serial: Serial, hash: ZoneHash, digest: Uint8Array): Uint8Array {
  const data = new Uint8Array(HEAD + digest.length);
  new DataView(data.buffer).setUint32(0, serial);
  data[4] = SIMPLE;
  data[5] = ZONE_HASHES.indexOf(hash) + 1;
  data.set(digest, HEAD);
  return data;
}

export function beginDigest(hash: ZoneHash): Hash {
  return createHash(hash);
}

/**
 * The digest of a zone from its records, in any order. What RFC 8976 §3.3.1 leaves out counts for nothing: records outside
 * the zone, second copies, the ZONEMD set of the apex and its signatures.
 */
export function digestRecords(apex: DomainName, records: Iterable<ResourceRecord>, hash: ZoneHash): Uint8Array {
  const digest = beginDigest(hash);
  const keys = new Map<DomainName, string>();
  const wires = [...records].filter((record) => isDigested(apex, record)).map((record) => canonicalWire(record, keys));
  wires.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : compareBelowOwner(a, b)));
  wires.forEach((wire, at) => {
    const before = wires[at - 1];
    if (before?.key !== wire.key || compareBelowOwner(before, wire) !== 0) digest.update(wire.octets);
  });
  return digest.digest();
}

/** Is the record a part of what is hashed? */
function isDigested(apex: DomainName, { owner, type, rdata }: ResourceRecord): boolean {
  if (!isSubdomain(owner, apex)) return false;
  if (owner !== apex) return true;
  if (type === RRType.RRSIG && rdata.type === 'UNKNOWN') return readU16(rdata.data, 0) !== RRType.ZONEMD;
  return type !== RRType.ZONEMD;
}

interface CanonicalWire {
  /** Of the owner. */
  readonly key: string;
  readonly type: RRType;
  readonly octets: Buffer;
  /** Where the data begins in them. */
  readonly dataAt: number;
}

function canonicalWire(record: ResourceRecord, keys: Map<DomainName, string>): CanonicalWire {
  const { owner, type, rdata } = record;
  let key = keys.get(owner);
  if (key === undefined) {
    key = canonicalKey(owner);
    keys.set(owner, key);
  }
  const canonical =
    rdata.type === 'UNKNOWN' ? { ...record, rdata: { ...rdata, data: canonicalData(type, rdata.data) } } : record;
  const octets = Buffer.from(packRecord(canonical));
  return { key, type, octets, dataAt: ownerLength(octets) + 10 };
}

function ownerLength(octets: Buffer): number {
  let at = 0;
  while (octets[at] !== 0) at += 1 + (octets[at] as number);
  return at + 1;
}

function compareBelowOwner(a: CanonicalWire, b: CanonicalWire): number {
  return a.type - b.type || a.octets.compare(b.octets, b.dataAt, b.octets.length, a.dataAt);
}

/** What the ZONEMD records of a zone say of it. */
export type DigestVerdict =
  | 'valid'
  /** There is none. */
  | 'absent'
  /** There are some, of hashes or schemes that are not known here. */
  | 'unknown'
  /** They are of another version, or of other records. */
  | 'invalid';

/**
 * Verifies a zone by its ZONEMD records (RFC 8976 §4). One that is right is enough; two of the same scheme and hash are none.
 * @param records the whole zone, the SOA among them
 */
export function verifyZone(apex: DomainName, records: readonly ResourceRecord[]): DigestVerdict {
  const soa = records.find(({ owner, type }) => owner === apex && type === RRType.SOA)?.rdata;
  const offered = new Map<ZoneHash, Uint8Array | 'twice'>();
  let isPresent = false;
  let isOther = false;
  for (const { owner, type, rdata } of records) {
    if (owner !== apex || type !== RRType.ZONEMD || rdata.type !== 'UNKNOWN') continue;
    isPresent = true;
    const { data } = rdata;
    const hash = ZONE_HASHES[(data[5] ?? 0) - 1];
    if (data[4] !== SIMPLE || hash === undefined) continue;
    if (soa?.type !== 'SOA' || data.length <= HEAD || readU32(data, 0) !== soa.serial) isOther = true;
    else offered.set(hash, offered.has(hash) ? 'twice' : data.subarray(HEAD));
  }
  if (!isPresent) return 'absent';
  for (const [hash, digest] of offered) {
    if (digest !== 'twice' && Buffer.compare(digestRecords(apex, records, hash), digest) === 0) return 'valid';
  }
  return offered.size > 0 || isOther ? 'invalid' : 'unknown';
}
