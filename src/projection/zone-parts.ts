/**
 * A zone in parts of which it can be told, without making their records, whether they are the same in another version:
 * who keeps something made of a part makes it anew only when the part has changed.
 */
import { compareNames, type DomainName, isSubdomain } from '../dns/name.ts';
import { type RRset, RRType } from '../dns/rrset.ts';
import type { Zone } from './zone.ts';

/** Some owners of a zone, one after the other, with all their sets. */
export interface ZonePart {
  /** Its own in the zone, and in most cases the same in the next version. */
  readonly key: string;
  /**
   * All that the sets are made of, and the part's place: in two versions of a zone, parts with the same facts, as they are
   * compared by `===`, have the same sets.
   */
  readonly facts: readonly unknown[];
  sets(): Iterable<RRset>;
}

export type OwnerSets = [DomainName, readonly RRset[]];

/** A part before the zone's own names are put in. */
export interface PartBelow extends ZonePart {
  /** All its owners are at or below this name, and none of another part is. */
  readonly base: DomainName;
  owners(): Iterable<OwnerSets>;
}

const versions = new WeakMap<Zone, object>();

/** Stands for a version, and does not hold it. */
function versionOf(zone: Zone): object {
  let version = versions.get(zone);
  if (version === undefined) {
    version = {};
    versions.set(zone, version);
  }
  return version;
}

/** Both lists in one, in order; an owner that both have is the zone's own. */
function* mergeOwners(own: readonly OwnerSets[], below: Iterable<OwnerSets>): Generator<RRset> {
  const others = below[Symbol.iterator]();
  let next = others.next();
  for (const [owner, sets] of own) {
    while (!next.done && compareNames(next.value[0], owner) < 0) {
      yield* next.value[1];
      next = others.next();
    }
    if (!next.done && next.value[0] === owner) next = others.next();
    yield* sets.filter((set) => set.type !== RRType.SOA);
  }
  for (; !next.done; next = others.next()) yield* next.value[1];
}

export function* setsOfOwners(owners: Iterable<OwnerSets>): Generator<RRset> {
  for (const [, sets] of owners) yield* sets;
}

/** Owners of which it can't be told what they are made of. */
export function wholePart(zone: Zone, base: DomainName, owners: () => Iterable<OwnerSets>): PartBelow {
  return { base, key: `all ${base}`, facts: [versionOf(zone), base], owners, sets: () => setsOfOwners(owners()) };
}

export function sortOwners(owners: Iterable<OwnerSets>): OwnerSets[] {
  return [...owners].filter(([, sets]) => sets.length > 0).sort(([a], [b]) => compareNames(a, b));
}

/**
 * The parts below the zone's own names, and these, in canonical order.
 * @param own sorted
 */
export function* joinParts(zone: Zone, own: readonly OwnerSets[], below: Iterable<PartBelow>): Generator<ZonePart> {
  let at = 0;
  /** Of the zone's own names, and what they stand among, nothing is known but that it is this version's. */
  const ownPart = (until: number, others: Iterable<OwnerSets>): ZonePart => {
    const owners = own.slice(at, until);
    at = until;
    const first = owners[0]?.[0];
    return { key: `own ${first}`, facts: [versionOf(zone), first], sets: () => mergeOwners(owners, others) };
  };
  for (const part of below) {
    if (at === own.length) {
      yield part;
      continue;
    }
    const { base } = part;
    let until = at;
    while (until < own.length && compareNames((own[until] as OwnerSets)[0], base) < 0) until += 1;
    if (until > at) yield ownPart(until, []);
    while (until < own.length && isSubdomain((own[until] as OwnerSets)[0], base)) until += 1;
    if (until > at) yield ownPart(until, { [Symbol.iterator]: () => part.owners()[Symbol.iterator]() });
    else yield part;
  }
  if (at < own.length) yield ownPart(own.length, []);
}
