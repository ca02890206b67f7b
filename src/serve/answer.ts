/**
 * What is answered for a zone of ours (RFC 1034 §4.3.2, RFC 2308): a pure function of one zone version and one question.
 *
 * Only an alias that leaves the zone needs somebody else, through `AnswerContext.resolve`; everything else is
 * synchronous.
 */
import type { DomainName } from '../dns/name.ts';
import { isSubdomain } from '../dns/name.ts';
import { Rcode, type ResourceRecord, type RRset, RRType, recordsOf } from '../dns/rrset.ts';
import type { ClusterId } from '../ingest/event.ts';
import { answerSlot } from '../projection/replica.ts';
import {
  type FoundName,
  findName,
  handsOn,
  isStanzaSynced,
  isZoneSynced,
  soaRecord,
  type Zone,
} from '../projection/zone.ts';
import { additionalRecords } from './additional.ts';
import type { ExtendedError, MaybePromise, Reply, Request } from './chain.ts';
import { findCut, serversInZone } from './delegation.ts';
import { staleError } from './staleness.ts';
import { findOrMake } from './synth.ts';

/** The zone has no such data, and its stanzas' `fallthrough` lets the next zone or plugin try. */
export interface PassOn {
  readonly kind: 'passOn';
  /** The name exists here, so nobody may deny it; only its data may come from elsewhere. */
  readonly isPresent: boolean;
  /** The zone may have the name: a denial by the next one would be a guess. */
  readonly isUnsure: boolean;
  /** Clusters that were never listed. */
  readonly unsynced: readonly ClusterId[];
}

export interface AnswerContext {
  /**
   * Asks the server itself, as if the question had come in on the same listener; undefined when there is no reply.
   * It has to bound how often such questions may nest.
   */
  resolve(name: DomainName, type: RRType, request: Request): MaybePromise<Reply | undefined>;
  /** Would a question for the name be put to this zone first? Then an alias to it is followed here. */
  isOwn(name: DomainName): boolean;
}

/** Aliases that are followed for one question. */
export const MAX_ALIASES = 11;

/** RFC 8914 §4.15: the server is up, but not yet able to answer. */
const EDE_NOT_READY = 14;

/**
 * Answers a question for a name at or below the zone's apex.
 * @returns the reply, or `passOn` when the next zone or plugin has to be asked.
 */
export function answer(zone: Zone, request: Request, context: AnswerContext): Reply | PassOn | Promise<Reply> {
  const { name, type } = request.question;
  // A transfer request that got here has passed no transfer plugin: it is not allowed.
  if (type === RRType.AXFR || type === RRType.IXFR) return emptyReply(Rcode.REFUSED);
  const cut = findCut(zone, name, type);
  if (cut !== undefined) return referral(zone, cut, [], [name]);
  const found = findOrMake(zone, name);
  if (found.status === 'absent') {
    if (found.isPassedOn)
      return {
        kind: 'passOn',
        isPresent: false,
        isUnsure: found.isUnsure,
        unsynced: found.isUnsure ? unsyncedClusters(zone) : [],
      };
    return denyAbsent(zone, found, [], [name]);
  }
  if (aliasOf(found, type) !== undefined) return followAliases(zone, request, context, found);
  const isUnknown = isApexUnknown(zone, found, name, type);
  if (isLeftToOthers(zone, found, name, type)) {
    const unsynced = isUnknown ? unsyncedClusters(zone) : [];
    return { kind: 'passOn', isPresent: !isUnknown, isUnsure: isUnknown, unsynced };
  }
  if (isUnknown) return refuseToGuess(unsyncedClusters(zone), zone);
  return answerFound(zone, found, type, [], [name]);
}

/**
 * Data that other plugins may have for a name of ours. CoreDNS takes these names for missing and passes them on, so
 * there are Corefiles that give them records by `file` or `hosts`: a TXT record at the apex, an address at
 * `dns.cluster.local`. Whether the name exists is not left to others.
 */
function isLeftToOthers(zone: Zone, found: Present, name: DomainName, type: RRType): boolean {
  if (!zone.definition.stanzas.every((_, at) => handsOn(zone, at, name))) return false;
  // A SOA is asked for to find the zone's apex: that is known here.
  if (type === RRType.SOA) return false;
  if (found.status === 'emptyNonTerminal') return true;
  if (zone.definition.kind === 'gateway') {
    const isOwn = type === RRType.NS || (type === RRType.ZONEMD && zone.zonemd !== undefined);
    return name === zone.apex && !isOwn && !hasHost(found);
  }
  if (found.rrset(type) !== undefined) return false;
  const hasAddress = found.rrset(RRType.A) !== undefined || found.rrset(RRType.AAAA) !== undefined;
  if (type === RRType.TXT && !hasAddress) return true;
  return found.rrset(RRType.TXT) !== undefined || found.rrset(RRType.PTR) !== undefined;
}

/** Before a gateway zone is synced its apex has SOA and NS, and who knows what else. */
function isApexUnknown(zone: Zone, found: Present, name: DomainName, type: RRType): boolean {
  if (zone.definition.kind !== 'gateway' || name !== zone.apex || found.status !== 'exists') return false;
  return found.rrset(type) === undefined && !isZoneSynced(zone);
}

const EVERY_ZONE_HAS: ReadonlySet<RRType> = new Set([RRType.SOA, RRType.NS, RRType.ZONEMD]);

/** Has the apex of a gateway zone more than what every zone has? */
function hasHost(found: Present): boolean {
  return found.status === 'exists' && found.rrsets().some(({ type }) => !EVERY_ZONE_HAS.has(type));
}

type Present = Exclude<FoundName, { readonly status: 'absent' }>;
type Absent = Extract<FoundName, { readonly status: 'absent' }>;

/** The CNAME set that stands in for the type asked, if the name has one. */
function aliasOf(found: FoundName, type: RRType): RRset | undefined {
  if (found.status !== 'exists' || type === RRType.CNAME) return undefined;
  return found.rrset(RRType.CNAME);
}

/** The end of the matter in this zone: the set asked for, or the statement that there is none. */
function answerFound(
  zone: Zone,
  found: Present,
  type: RRType,
  aliases: readonly ResourceRecord[],
  names: readonly DomainName[],
): Reply {
  const set = found.status === 'exists' ? found.rrset(type) : undefined;
  if (set === undefined) return denial(zone, Rcode.NOERROR, aliases, names);
  const extra = additionalRecords(zone, set, (target) => findOrMake(zone, target));
  const reply = positive(zone, [...aliases, ...recordsOf(set)], extra, [...names, ...neighbours(zone, set)]);
  return zone.definition.kind === 'gateway' && !isOwn(zone, type, names[0]) ? { ...reply, isLowerCase: true } : reply;
}

/** In a gateway zone the peer spells hosts in lower case, and only what the zone has by itself as the question does. */
function isOwn({ apex, definition }: Zone, type: RRType, name: DomainName | undefined): boolean {
  if (name === apex) return type === RRType.SOA || type === RRType.NS;
  return definition.stanzas.some(({ gateway }) => gateway?.servers[0]?.name === name);
}

/** Names whose addresses go with a set, where they are not of the same service as the name that was asked. */
function neighbours({ definition }: Zone, { rdatas }: RRset): DomainName[] {
  if (definition.kind !== 'gateway') return [];
  return rdatas.flatMap((rdata) => (rdata.type === 'SRV' || rdata.type === 'MX' ? [rdata.target] : []));
}

/** Follows CNAMEs inside the zone, and asks the server itself for a target outside. A loop answers its CNAMEs. */
function followAliases(zone: Zone, request: Request, context: AnswerContext, start: FoundName): MaybePromise<Reply> {
  const { name, type } = request.question;
  const aliases: ResourceRecord[] = [];
  const names: DomainName[] = [name];
  let found = start;
  let owner = name;
  for (;;) {
    const set = aliasOf(found, type);
    if (set === undefined) break;
    aliases.push(...recordsOf(set));
    const target = targetOf(set);
    // ANY is answered by what the name itself has (RFC 8482 §4.1).
    const isEnd = type === RRType.ANY || aliases.length >= MAX_ALIASES || names.includes(target);
    if (isEnd) return positive(zone, aliases, [], names);
    if (!isSubdomain(target, zone.apex) || !context.isOwn(target))
      return resolveOutside(zone, request, context, aliases, target);
    names.push(target);
    const cut = findCut(zone, target, type);
    if (cut !== undefined) return referral(zone, cut, aliases, names);
    found = findOrMake(zone, target);
    owner = target;
  }
  if (found.status !== 'absent') return answerFound(zone, found, type, aliases, names);
  // The target is answered as if it had been asked itself: where this zone hands the name on, somebody else may have it.
  if (found.isPassedOn) return resolveOutside(zone, request, context, aliases, owner);
  return denyAbsent(zone, found, aliases, names);
}

function targetOf(set: RRset): DomainName {
  const [rdata] = set.rdatas;
  if (rdata?.type !== 'CNAME') throw new Error(`CNAME set of ${set.owner} without a CNAME`);
  return rdata.target;
}

/** The aliases, then whatever the server itself answers for the target; its rcode does not matter. */
function resolveOutside(
  zone: Zone,
  request: Request,
  context: AnswerContext,
  aliases: readonly ResourceRecord[],
  target: DomainName,
): MaybePromise<Reply> {
  const join = (reply: Reply | undefined): Reply => ({
    ...emptyReply(Rcode.NOERROR),
    answer: reply === undefined ? aliases : [...aliases, ...reply.answer],
    ...told(zone, Rcode.NOERROR),
    // The target of a SRV record comes with its addresses, as if the target had been asked itself.
    additional: reply?.answer.length ? reply.additional : [],
    ...(reply?.isTruncated === true && { isTruncated: true }),
    spelledZone: zone.apex,
  });
  const reply = context.resolve(target, request.question.type, request);
  return reply instanceof Promise ? reply.then(join) : join(reply);
}

/** NXDOMAIN, or SERVFAIL where a cluster that was never listed may have the name. */
function denyAbsent(
  zone: Zone,
  found: Absent,
  aliases: readonly ResourceRecord[],
  names: readonly DomainName[],
): Reply {
  if (found.isUnsure) return refuseToGuess(unsyncedClusters(zone), zone);
  return denial(zone, Rcode.NXDOMAIN, aliases, names);
}

/**
 * SERVFAIL in place of a denial that would be a guess, with the clusters that were never listed in the EDE text; without
 * any it is the host name of a load balancer that is not known.
 * @param zone its SOA goes into the authority section, as CoreDNS does it
 */
export function refuseToGuess(clusters: readonly ClusterId[], zone: Zone): Reply {
  const text =
    clusters.length > 0 ? `never synced: ${clusters.join(', ')}` : "a load balancer's host name was never resolved";
  const ede: ExtendedError = { code: EDE_NOT_READY, text };
  return { ...emptyReply(Rcode.SERVFAIL), authority: [soaRecord(zone)], spelledZone: zone.apex, ede };
}

/** The clusters of the zone that have not been listed once. */
function unsyncedClusters(zone: Zone): ClusterId[] {
  const clusters = new Set<ClusterId>();
  zone.definition.stanzas.forEach((stanza, at) => {
    const state = zone.clusters[at];
    if (state !== undefined && !isStanzaSynced(stanza, state)) clusters.add(stanza.cluster);
  });
  return [...clusters];
}

function positive(
  zone: Zone,
  records: readonly ResourceRecord[],
  additional: readonly ResourceRecord[],
  names: readonly DomainName[],
): Reply {
  return {
    ...emptyReply(Rcode.NOERROR),
    answer: records,
    additional,
    spelledZone: zone.apex,
    source: sourceOf(zone, names),
    ...told(zone, Rcode.NOERROR),
  };
}

/**
 * The servers of a zone below ours, with the addresses that are ours. After an alias of the zone the reply is authoritative
 * for that (RFC 1034 §4.3.1).
 */
function referral(zone: Zone, cut: RRset, aliases: readonly ResourceRecord[], names: readonly DomainName[]): Reply {
  return {
    ...emptyReply(Rcode.NOERROR),
    isAuthoritative: aliases.length > 0,
    answer: aliases,
    authority: recordsOf(cut),
    additional: additionalRecords(zone, cut, (target) => findName(zone, target)),
    isLowerCase: true,
    source: sourceOf(zone, [...names, cut.owner, ...serversInZone(zone, cut)]),
    ...told(zone, Rcode.NOERROR),
  };
}

/** NODATA or NXDOMAIN: the zone's SOA in the authority section, after the aliases that led there (RFC 2308 §2). */
function denial(zone: Zone, rcode: Rcode, aliases: readonly ResourceRecord[], names: readonly DomainName[]): Reply {
  return {
    ...emptyReply(rcode),
    answer: aliases,
    authority: [soaRecord(zone)],
    spelledZone: zone.apex,
    source: sourceOf(zone, names),
    ...told(zone, rcode),
  };
}

/** That the zone is not of this moment, if it is not. */
function told(zone: Zone, rcode: Rcode): Pick<Reply, 'ede'> {
  const ede = staleError(zone, rcode);
  return ede === undefined ? {} : { ede };
}

function emptyReply(rcode: Rcode): Reply {
  return { kind: 'reply', rcode, isAuthoritative: rcode !== Rcode.REFUSED, answer: [], authority: [], additional: [] };
}

/** What the reply depends on, in the names under which changes drop kept answers. */
function sourceOf(zone: Zone, names: readonly DomainName[]): Reply['source'] & object {
  return { zone: zone.id, names: [...new Set(names.map((name) => answerSlot(zone, name)))] };
}
