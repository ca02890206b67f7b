/** Catalog zones of others (RFC 9432): what they list, and what is to be done about it. */
import { childOf, type DomainName, isSubdomain, labelsBelow } from '../../dns/name.ts';
import type { RecordStore } from '../../dns/record-store.ts';
import { type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { fail, ok, type Result } from '../../errors.ts';
import type { MemberZoneAdded, MemberZoneMoved, MemberZoneRemoved } from '../event.ts';
import type { ZoneId } from '../plan.ts';

/** A member as a catalog has it. */
export interface ListedMember {
  /** Unique in the catalog; with another one the zone is another. */
  readonly label: string;
  readonly groups: readonly string[];
  /** The catalog that it goes over to (`coo`). */
  readonly newOwner?: DomainName;
}

/** By apex. */
export type Listing = ReadonlyMap<DomainName, ListedMember>;

const SCHEMA_VERSION = '2';

/** @returns why the catalog is broken: then it must not be processed (RFC 9432 §5.1) */
export function readCatalog(catalog: RecordStore): Result<Listing, string> {
  const { apex } = catalog;
  const versions = catalog.get(childOf('version', apex))?.get(RRType.TXT) ?? [];
  if (versions.length !== 1) return fail('it has no version, or several');
  const version = textOf(versions[0]);
  if (version !== SCHEMA_VERSION) return fail(`its version is ${JSON.stringify(version)}, not "${SCHEMA_VERSION}"`);
  const zones = childOf('zones', apex);
  const drafts = new Map<string, { member?: DomainName; groups: string[]; newOwner?: DomainName }>();
  const draftOf = (label: string) => {
    const draft = drafts.get(label) ?? { groups: [] };
    drafts.set(label, draft);
    return draft;
  };
  for (const record of catalog.records()) {
    const labels = labelsBelow(record.owner, zones);
    const { rdata } = record;
    const label = labels?.at(-1);
    if (label === undefined) continue;
    if (labels?.length === 1 && rdata.type === 'PTR') {
      const draft = draftOf(label);
      if (draft.member !== undefined) return fail(`member ${label} is several zones`);
      draft.member = rdata.target;
    } else if (labels?.length === 2 && labels[0] === 'group' && rdata.type === 'TXT') {
      draftOf(label).groups.push(rdata.texts.join(''));
    } else if (labels?.length === 2 && labels[0] === 'coo' && rdata.type === 'PTR') {
      const draft = draftOf(label);
      if (draft.newOwner !== undefined) return fail(`member ${label} has several new owners`);
      draft.newOwner = rdata.target;
    }
  }
  const listing = new Map<DomainName, ListedMember>();
  for (const [label, { member, groups, newOwner }] of drafts) {
    // Properties of nobody.
    if (member === undefined) continue;
    if (listing.has(member)) return fail(`it lists ${member} twice`);
    listing.set(member, { label, groups, ...(newOwner !== undefined && { newOwner }) });
  }
  return ok(listing);
}

function textOf(record: ResourceRecord | undefined): string | undefined {
  return record?.rdata.type === 'TXT' ? record.rdata.texts.join('') : undefined;
}

/** Which members of a catalog are taken. */
export interface Admission {
  /** Only at or below these; empty: anywhere. */
  readonly members: readonly DomainName[];
  readonly within: readonly DomainName[];
  readonly most: number;
  /** Groups that say something here, the most important first. */
  readonly groups: readonly string[];
}

/** A catalog that is followed. */
export interface FollowedCatalog {
  readonly id: ZoneId;
  readonly apex: DomainName;
  readonly admission: Admission;
  /** Undefined: not known, or broken; its members stay as they are. */
  readonly listing: Listing | undefined;
}

/** A zone that is a member now. */
export interface CurrentMember {
  readonly catalog: ZoneId;
  readonly label: string;
  readonly group?: string;
}

export interface MemberChanges {
  readonly events: readonly (MemberZoneAdded | MemberZoneMoved | MemberZoneRemoved)[];
  /** Members that are not taken, and why. */
  readonly refused: readonly { readonly catalog: DomainName; readonly apex: DomainName; readonly reason: string }[];
}

/**
 * What leads from the members of now to those that the catalogs list (RFC 9432 §5). A zone belongs to the catalog that had
 * it first; to another one it goes only when the first says so (§4.3.1), and keeps its content when its label stays.
 * @param isOwn is there a zone of that name in the configuration? It stands before all catalogs
 */
export function planMembers(
  catalogs: readonly FollowedCatalog[],
  current: ReadonlyMap<DomainName, CurrentMember>,
  isOwn: (apex: DomainName) => boolean,
): MemberChanges {
  const events: (MemberZoneAdded | MemberZoneMoved | MemberZoneRemoved)[] = [];
  const refused: { catalog: DomainName; apex: DomainName; reason: string }[] = [];
  const byId = new Map(catalogs.map((catalog) => [catalog.id, catalog]));
  const owners = new Map([...current].map(([apex, { catalog }]) => [apex, catalog]));
  const admitted = new Map<ZoneId, Map<DomainName, ListedMember>>();
  for (const catalog of catalogs) admitted.set(catalog.id, admit(catalog, isOwn, refused));
  for (const [apex, { catalog: owner }] of current) {
    const from = byId.get(owner);
    if (from?.listing === undefined) continue;
    const newOwner = from.listing.get(apex)?.newOwner;
    const to = catalogs.find(
      (other) => other.id !== owner && other.apex === newOwner && admitted.get(other.id)?.has(apex),
    );
    if (to !== undefined) {
      owners.set(apex, to.id);
    } else if (!admitted.get(owner)?.has(apex)) {
      owners.delete(apex);
      events.push({ kind: 'MemberZoneRemoved', catalog: owner, apex });
    }
  }
  for (const { id, apex: name, admission } of catalogs) {
    for (const [apex, { label, groups }] of admitted.get(id) ?? []) {
      const owner = owners.get(apex);
      if (owner !== undefined && owner !== id) {
        refused.push({ catalog: name, apex, reason: `it is a member of ${byId.get(owner)?.apex ?? owner}` });
        continue;
      }
      owners.set(apex, id);
      const group = admission.groups.find((known) => groups.includes(known)) ?? groups[0];
      const before = current.get(apex);
      if (before?.catalog === id && before.label === label && before.group === group) continue;
      // Another label is another zone (RFC 9432 §5.4), and so is one that its catalog dropped without a word.
      const kind = owner !== undefined && before?.label === label ? 'MemberZoneMoved' : 'MemberZoneAdded';
      events.push({ kind, catalog: id, apex, label, ...(group !== undefined && { group }) });
    }
  }
  return { events, refused };
}

function admit(
  { apex: catalog, admission, listing }: FollowedCatalog,
  isOwn: (apex: DomainName) => boolean,
  refused: { catalog: DomainName; apex: DomainName; reason: string }[],
): Map<DomainName, ListedMember> {
  const { members, within, most } = admission;
  const admitted = new Map<DomainName, ListedMember>();
  const isIn = (apex: DomainName, zones: readonly DomainName[]) => zones.some((zone) => isSubdomain(apex, zone));
  for (const [apex, member] of listing ?? []) {
    const reason = isOwn(apex)
      ? 'it is a zone of the configuration'
      : members.length > 0 && !isIn(apex, members)
        ? 'it is none of the members that are taken'
        : !isIn(apex, within)
          ? 'it is in no zone of the server block'
          : admitted.size >= most
            ? `more than ${most} members`
            : undefined;
    if (reason === undefined) admitted.set(apex, member);
    else refused.push({ catalog, apex, reason });
  }
  return admitted;
}
