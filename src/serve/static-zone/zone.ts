/** A zone that is written down: its records by name, and what a name in it is (RFC 1034 §4.3.2, RFC 4592). */
import { canonicalOrder } from '../../dns/canonical.ts';
import { type DomainName, isSubdomain, labelsBelow, parentOf } from '../../dns/name.ts';
import { type ResourceRecord, RRType, type SoaRdata } from '../../dns/rrset.ts';

const DNAME = 39;

export type SoaRecord = ResourceRecord & { readonly rdata: SoaRdata };
type Sets = ReadonlyMap<RRType, readonly ResourceRecord[]>;

/** What answers are made from. Immutable. */
export interface WrittenZone {
  readonly apex: DomainName;
  readonly soa: SoaRecord;
  /** Of the apex. */
  readonly nameservers: readonly ResourceRecord[];
  /** Records by owner, at or below the apex; a name that only has names below it has none. */
  readonly names: { get(owner: DomainName): Sets | undefined };
}

/** A zone of which all names can be told. */
export interface StaticZone extends WrittenZone {
  readonly names: ReadonlyMap<DomainName, Sets>;
  readonly size: number;
}

/** What a name in the zone is. */
export type Found =
  /** `owner` is the name, or the wildcard that stands in for it. */
  | { readonly kind: 'name'; readonly sets: Sets; readonly isWildcard: boolean }
  /** The name is at or below a zone cut. */
  | { readonly kind: 'delegation'; readonly cut: DomainName; readonly sets: Sets }
  /** Names below `owner` are those below the DNAME's target. */
  | { readonly kind: 'redirection'; readonly record: ResourceRecord }
  | { readonly kind: 'absent' };

/** Collects the records of a zone; those outside it are counted and left out. */
export class ZoneBuilder {
  readonly #apex: DomainName;
  readonly #names = new Map<DomainName, Map<RRType, ResourceRecord[]>>();
  #soa: SoaRecord | undefined;
  #size = 0;
  #outside = 0;

  constructor(apex: DomainName) {
    this.#apex = apex;
    this.#names.set(apex, new Map());
  }

  /** Records that are not in the zone. */
  get outside(): number {
    return this.#outside;
  }

  get soa(): SoaRecord | undefined {
    return this.#soa;
  }

  add(record: ResourceRecord): void {
    const { owner, type, rdata } = record;
    if (!isSubdomain(owner, this.#apex) || (type === RRType.SOA && owner !== this.#apex)) {
      this.#outside += 1;
      return;
    }
    if (rdata.type === 'SOA') {
      // A zone has one; that at the end of a dumped transfer is the first one again.
      if (this.#soa !== undefined) return;
      this.#soa = { ...record, rdata };
    }
    const sets = this.#setsOf(owner);
    const set = sets.get(type);
    if (set === undefined) sets.set(type, [record]);
    else set.push(record);
    this.#size += 1;
  }

  /** @returns undefined when there is no SOA record */
  finish(): StaticZone | undefined {
    if (this.#soa === undefined) return undefined;
    const nameservers = this.#names.get(this.#apex)?.get(RRType.NS) ?? [];
    return { apex: this.#apex, soa: this.#soa, nameservers, names: this.#names, size: this.#size };
  }

  /** The sets of a name, which is made with all names between it and the apex: they exist too (RFC 4592 §2.2.2). */
  #setsOf(owner: DomainName): Map<RRType, ResourceRecord[]> {
    const known = this.#names.get(owner);
    if (known !== undefined) return known;
    const sets = new Map<RRType, ResourceRecord[]>();
    this.#names.set(owner, sets);
    for (let name = parentOf(owner); name !== undefined && !this.#names.has(name); name = parentOf(name)) {
      this.#names.set(name, new Map());
    }
    return sets;
  }
}

/** What a name at or below the apex is, to somebody who asks for a type. */
export function findInZone(zone: WrittenZone, name: DomainName, type: RRType): Found {
  const { apex, names } = zone;
  const labels = labelsBelow(name, apex);
  if (labels === undefined) throw new RangeError(`${name} is not in ${apex}`);
  let at = apex;
  for (let i = labels.length - 1; i >= 0; i--) {
    const dname = names.get(at)?.get(DNAME)?.[0];
    if (dname !== undefined) return { kind: 'redirection', record: dname };
    const below = `${labels[i]}.${at === '.' ? '' : at}` as DomainName;
    const sets = names.get(below);
    if (sets === undefined) {
      const wildcard = names.get(`*.${at === '.' ? '' : at}` as DomainName);
      return wildcard === undefined ? { kind: 'absent' } : { kind: 'name', sets: wildcard, isWildcard: true };
    }
    // The DS set of a cut is the parent's (RFC 4035 §3.1.4.1).
    if (sets.has(RRType.NS) && !(i === 0 && type === RRType.DS)) return { kind: 'delegation', cut: below, sets };
    at = below;
  }
  return { kind: 'name', sets: names.get(at) ?? NO_SETS, isWildcard: false };
}

const NO_SETS: Sets = new Map();

/** A and AAAA records that the zone has for a name, at or below a cut too: glue. */
export function addressesOf(zone: WrittenZone, name: DomainName): ResourceRecord[] {
  const sets = isSubdomain(name, zone.apex) ? zone.names.get(name) : undefined;
  return sets === undefined ? [] : [...(sets.get(RRType.A) ?? []), ...(sets.get(RRType.AAAA) ?? [])];
}

/** All records in canonical order, but for the SOA. */
export function recordsOfZone(zone: StaticZone): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (const sets of zone.names.values()) {
    for (const [type, set] of sets) if (type !== RRType.SOA) records.push(...set);
  }
  return canonicalOrder(records);
}
