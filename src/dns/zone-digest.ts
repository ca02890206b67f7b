/**
 * Digests of whole zones (RFC 8976): scheme 1, SIMPLE, all records of the zone in canonical order, hashed one after the
 * other.
 */
import { createHash, type Hash } from 'node:crypto';
import { packRecord } from './canonical.ts';
import { canonicalData } from './canonical-data.ts';
import type { DomainName } from './name.ts';
import { nameOctets } from './name-octets.ts';
import { readU16, readU32 } from './rdata-wire.ts';
import type { RecordStore } from './record-store.ts';
import { type Rdata, type ResourceRecord, RRType } from './rrset.ts';
import type { Serial } from './serial.ts';

/** RFC 8976 §5.3: the number is its place, from 1 on. */
export const ZONE_HASHES = ['sha384', 'sha512'] as const;
export type ZoneHash = (typeof ZONE_HASHES)[number];

/** RFC 8976 §5.2. */
const SIMPLE = 1;
const HEAD = 6;

/** The octets of a ZONEMD record's data. */
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

/** Records of one step: about a millisecond. */
const STEP = 500;

/**
 * The digest of a zone. What RFC 8976 §3.3.1 leaves out counts for nothing: second copies, the ZONEMD set of the apex and
 * its signatures. Between two steps other work may be done.
 * @param ordered all records at and below the apex, by canonical order of their owners and by type
 */
export function* digestInSteps(
  apex: DomainName,
  ordered: Iterable<ResourceRecord>,
  hash: ZoneHash,
): Generator<undefined, Uint8Array> {
  const digest = beginDigest(hash);
  let set: Buffer[] = [];
  let [owner, type, records] = [apex, 0, 0];
  for (const record of ordered) {
    if (!isDigested(apex, record)) continue;
    if (record.owner !== owner || record.type !== type) {
      updateBySet(digest, set, owner);
      set = [];
      ({ owner, type } = record);
    }
    set.push(canonicalWire(record));
    records += 1;
    if (records % STEP === 0) yield;
  }
  updateBySet(digest, set, owner);
  return digest.digest();
}

/** Is the record a part of what is hashed? */
function isDigested(apex: DomainName, { owner, type, rdata }: ResourceRecord): boolean {
  if (owner !== apex) return true;
  if (type === RRType.RRSIG && rdata.type === 'UNKNOWN') return readU16(rdata.data, 0) !== RRType.ZONEMD;
  return type !== RRType.ZONEMD;
}

/** @returns a copy of it in canonical form */
function canonicalWire(record: ResourceRecord): Buffer {
  const { type, rdata } = record;
  const data = rdata.type === 'UNKNOWN' ? canonicalData(type, rdata.data) : undefined;
  return Buffer.from(packRecord(data === undefined ? record : { ...record, rdata: { ...rdata, data } as Rdata }));
}

/** The records of one owner and type, by their data as it is in canonical form (RFC 4034 §6.3), each once. */
function updateBySet(digest: Hash, set: Buffer[], owner: DomainName): void {
  const dataAt = plainLength(owner) + 10;
  const compare = (a: Buffer, b: Buffer) => a.compare(b, dataAt, b.length, dataAt);
  if (set.length > 1) set.sort(compare);
  for (const [i, wire] of set.entries()) {
    const before = set[i - 1];
    if (before === undefined || compare(before, wire) !== 0) digest.update(wire);
  }
}

function plainLength(name: DomainName): number {
  return nameOctets(name).length;
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
 * Between two steps other work may be done.
 */
export function* verifyInSteps(zone: RecordStore): Generator<undefined, DigestVerdict> {
  const { apex } = zone;
  const serial = zone.soa()?.rdata.serial;
  const records = zone.get(apex)?.get(RRType.ZONEMD) ?? [];
  const offered = new Map<ZoneHash, Uint8Array | 'twice'>();
  let isOther = false;
  for (const { rdata } of records) {
    if (rdata.type !== 'UNKNOWN') continue;
    const { data } = rdata;
    const hash = ZONE_HASHES[(data[5] ?? 0) - 1];
    if (data[4] !== SIMPLE || hash === undefined) continue;
    if (data.length <= HEAD || readU32(data, 0) !== serial) isOther = true;
    else offered.set(hash, offered.has(hash) ? 'twice' : data.subarray(HEAD));
  }
  if (records.length === 0) return 'absent';
  for (const [hash, digest] of offered) {
    if (digest === 'twice') continue;
    if (Buffer.compare(yield* digestInSteps(apex, zone.records(), hash), digest) === 0) return 'valid';
  }
  return offered.size > 0 || isOther ? 'invalid' : 'unknown';
}
