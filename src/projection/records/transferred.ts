/** The records of a zone of another server, as sets. */
import type { DomainName } from '../../dns/name.ts';
import { type ResourceRecord, type RRset, RRType } from '../../dns/rrset.ts';
import { exists, type FoundName } from '../found-name.ts';
import type { TransferredZone } from '../transferred.ts';

/** @param content undefined: nothing was transferred yet */
export function findTransferred(content: TransferredZone | undefined, name: DomainName): FoundName {
  const found = content?.records.get(name);
  if (found === undefined) return { status: 'absent', isUnsure: content?.isExpired !== false, isPassedOn: false };
  return found.size === 0 ? { status: 'emptyNonTerminal' } : exists(setsOf(found));
}

/** The sets of an owner, by ascending type. */
function setsOf(types: ReadonlyMap<RRType, readonly ResourceRecord[]>): RRset[] {
  return [...types.values()].flatMap((records) => [...transferredSets(records, true)]);
}

/**
 * Sets of records that come in canonical order. Records of one owner and type that have different TTLs, which RFC 2181
 * §5.2 forbids, come as several: a transfer hands out what it was given.
 * @param hasSoa whether the set of the SOA record is among them
 */
export function* transferredSets(records: Iterable<ResourceRecord>, hasSoa = false): Generator<RRset> {
  let set: { owner: RRset['owner']; type: RRType; ttl: number; rdatas: RRset['rdatas'][number][] } | undefined;
  for (const { owner, type, ttl, rdata } of records) {
    if (type === RRType.SOA && !hasSoa) continue;
    if (set !== undefined && set.owner === owner && set.type === type && set.ttl === ttl) {
      set.rdatas.push(rdata);
      continue;
    }
    if (set !== undefined) yield set;
    set = { owner, type, ttl, rdatas: [rdata] };
  }
  if (set !== undefined) yield set;
}
