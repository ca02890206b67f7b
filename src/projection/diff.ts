/** Changesets: the difference between two versions of one zone, as IXFR carries it (RFC 1995 §4). */
import { canonicalOrder } from '../dns/canonical.ts';
import type { DomainName } from '../dns/name.ts';
import { type Rdata, type ResourceRecord, type RRset, RRType, type SoaRdata } from '../dns/rrset.ts';
import { changedOwners } from './changes.ts';
import type { Touched } from './touched.ts';
import { isSameZonemd, soaRecord, type Zone, zonemdRecord } from './zone.ts';

export type SoaRecord = ResourceRecord & { readonly rdata: SoaRdata };

/**
 * Both SOAs whole; `removed` and `added` in canonical order and without the SOAs. Neighbours (one's `soaTo`
 * is the other's `soaFrom`) can be concatenated.
 */
export interface Changeset {
  readonly apex: DomainName;
  readonly soaFrom: SoaRecord;
  readonly soaTo: SoaRecord;
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/** The records that differ between two versions, but for SOA and ZONEMD; both lists are empty when none does. */
export interface RecordDifference {
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/**
 * @param touched what changed since `before`; undefined to compare the zones as wholes
 */
export function diffZones(before: Zone, after: Zone, touched: Touched | undefined): RecordDifference {
  const removed: ResourceRecord[] = [];
  const added: ResourceRecord[] = [];
  for (const [owner, old, now] of changedOwners(before, after, touched)) diffOwner(owner, old, now, removed, added);
  return { removed: canonicalOrder(removed), added: canonicalOrder(added) };
}

/** The changeset from one version to the next; `after` has its serial and its digest already. */
export function makeChangeset(before: Zone, after: Zone, difference: RecordDifference): Changeset {
  const ends = { apex: after.apex, soaFrom: soaRecord(before), soaTo: soaRecord(after) };
  if (isSameZonemd(before, after)) return { ...ends, ...difference };
  const withZonemd = (records: readonly ResourceRecord[], zonemd: ResourceRecord | undefined) =>
    zonemd === undefined ? records : canonicalOrder([...records, zonemd]);
  return {
    ...ends,
    removed: withZonemd(difference.removed, zonemdRecord(before)),
    added: withZonemd(difference.added, zonemdRecord(after)),
  };
}

/** Does the SOA differ in more than its serial (a new TTL, another first name server)? That too is a change of content. */
export function isSoaChanged(before: Zone, after: Zone): boolean {
  const old = soaRecord(before);
  const now = soaRecord(after);
  return old.ttl !== now.ttl || rdataKey({ ...old.rdata, serial: now.rdata.serial }) !== rdataKey(now.rdata);
}

function diffOwner(
  owner: DomainName,
  old: readonly RRset[],
  now: readonly RRset[],
  removed: ResourceRecord[],
  added: ResourceRecord[],
): void {
  for (const type of new Set([...old, ...now].map((set) => set.type))) {
    // These are of the versions, not of what they hold.
    if (type === RRType.SOA || type === RRType.ZONEMD) continue;
    const before = recordKeys(old.find((set) => set.type === type));
    const after = recordKeys(now.find((set) => set.type === type));
    for (const [key, { ttl, rdata }] of before) if (!after.has(key)) removed.push({ owner, type, ttl, rdata });
    for (const [key, { ttl, rdata }] of after) if (!before.has(key)) added.push({ owner, type, ttl, rdata });
  }
}

function recordKeys(set: RRset | undefined): Map<string, { ttl: number; rdata: Rdata }> {
  const keys = new Map<string, { ttl: number; rdata: Rdata }>();
  for (const rdata of set?.rdatas ?? []) keys.set(`${set?.ttl} ${rdataKey(rdata)}`, { ttl: set?.ttl ?? 0, rdata });
  return keys;
}

/** Text that is equal for equal data of one type. */
function rdataKey(rdata: Rdata): string {
  switch (rdata.type) {
    case 'A':
    case 'AAAA':
      return rdata.address;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return rdata.target;
    case 'SRV':
      return `${rdata.priority} ${rdata.weight} ${rdata.port} ${rdata.target}`;
    default:
      return JSON.stringify(rdata);
  }
}
