/**
 * The ZONEMD record of a version (RFC 8976), for zones whose definition asks for one. It is a function of the version: of its
 * records and its serial.
 *
 * All records are hashed for each version: there is no shorter way. What is saved is making them: the projector keeps the
 * last version's as octets, and changes those by the changeset.
 */
import { RecordStore } from '../dns/record-store.ts';
import { recordsOf } from '../dns/rrset.ts';
import { beginDigest, zonemdData } from '../dns/zone-digest.ts';
import type { RecordDifference } from './diff.ts';
import { isSameZonemd, soaRecord, type Zone, zoneRRsets } from './zone.ts';

/** The records of a version as they are hashed; the SOA record is one of them, the ZONEMD record is not. */
export interface HashedContent {
  readonly size: number;
  /** Absent when they are too many to be hashed. */
  readonly store: RecordStore | undefined;
}

export interface SealedZone {
  /** With the data of its ZONEMD record, if it is to have one. */
  readonly zone: Zone;
  /** From which the next version is sealed; undefined when none is asked for. */
  readonly content: HashedContent | undefined;
}

/** What a version differs in from one that was sealed. */
export interface SinceSealed extends SealedZone {
  readonly difference: RecordDifference;
}

/**
 * Gives a version its digest.
 * @param since absent: all of the zone's records are made
 */
export function sealZone(zone: Zone, since?: SinceSealed): SealedZone {
  const { zonemd: option } = zone.definition;
  if (option === undefined || zone.serial === undefined) return { zone, content: undefined };
  const bare: Zone = { ...zone, zonemd: undefined };
  const content = (since && changeContent(bare, since, option.most)) ?? makeContent(bare, option.most);
  if (content.store === undefined) return { zone: bare, content };
  const digest = beginDigest(option.hash);
  for (const octets of content.store.octetsInOrder()) digest.update(octets);
  return { zone: { ...zone, zonemd: zonemdData(zone.serial, option.hash, digest.digest()) }, content };
}

/** @returns undefined when it has to be made as a whole: it was too large, or the changeset is of other records */
function changeContent(zone: Zone, since: SinceSealed, most: number): HashedContent | undefined {
  const { content, difference } = since;
  if (content === undefined) return undefined;
  const size = content.size + difference.added.length - difference.removed.length;
  if (size > most) return { size, store: undefined };
  const editor = content.store?.edit();
  const isChanged =
    editor !== undefined &&
    [soaRecord(since.zone), ...difference.removed].every((record) => editor.remove(record)) &&
    [soaRecord(zone), ...difference.added].every((record) => editor.add(record));
  return isChanged ? { size, store: editor.finish() } : undefined;
}

function makeContent(zone: Zone, most: number): HashedContent {
  const editor = RecordStore.empty(zone.apex).edit();
  let size = 1;
  editor.add(soaRecord(zone));
  for (const set of zoneRRsets(zone)) {
    size += set.rdatas.length;
    if (size <= most) for (const record of recordsOf(set)) editor.add(record);
  }
  return { size, store: size <= most ? editor.finish() : undefined };
}

/** Does the digest that a zone is to have differ from that of a version with the same records and serial? */
export function isZonemdChanged(before: Zone, after: Zone): boolean {
  if (JSON.stringify(before.definition.zonemd) === JSON.stringify(after.definition.zonemd)) return false;
  const sealed = (zone: Zone) => sealZone({ ...zone, serial: before.serial }).zone;
  return !isSameZonemd(sealed(before), sealed(after));
}
