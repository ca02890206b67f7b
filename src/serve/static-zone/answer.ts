/** Answers from a zone that is written down. Aliases that leave it are followed by asking the server itself. */
import { type DomainName, isSubdomain, labelsBelow, nameFromLabels, unescapeLabel } from '../../dns/name.ts';
import { readName } from '../../dns/name-wire.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { emptyReply, type MaybePromise, type Outcome, type Reply, type Request } from '../chain.ts';
import { addressesOf, type Found, findInZone, type WrittenZone } from './zone.ts';

/** Aliases of the zone that are followed for one question. */
const MAX_ALIASES = 9;
const RRSIG = 46;
const YXDOMAIN = 6;

/** Asks the server itself, as if the question had come in on the same listener; undefined: no reply. */
export type AskServer = (request: Request) => MaybePromise<Outcome | undefined>;

/** Answers a question for a name at or below the apex. */
export function answerFromZone(zone: WrittenZone, request: Request, askServer: AskServer): MaybePromise<Reply> {
  const { type } = request.question;
  const aliases: ResourceRecord[] = [];
  const seen = new Set<DomainName>();
  for (let name = request.question.name; ; ) {
    const found = findInZone(zone, name, type);
    if (found.kind === 'absent') {
      // The server may have the target from somebody else: of a zone `cluster.local`, say.
      if (aliases.length > 0) return askForTarget(zone, request, aliases, name, askServer);
      return denial(zone, Rcode.NXDOMAIN, aliases);
    }
    if (found.kind === 'delegation') return referral(zone, request, found, aliases);
    const alias = found.kind === 'redirection' ? redirect(found.record, name) : aliasOf(found, name, type);
    if (alias === undefined) {
      return found.kind === 'name' ? answerFound(zone, request, found, name, aliases) : denial(zone, YXDOMAIN, aliases);
    }
    aliases.push(...alias.records);
    seen.add(name);
    name = alias.target;
    if (type === RRType.CNAME || type === RRType.ANY || seen.has(name) || seen.size >= MAX_ALIASES) {
      return positive(zone, aliases, []);
    }
    if (!isSubdomain(name, zone.apex)) return askForTarget(zone, request, aliases, name, askServer);
  }
}

interface Alias {
  readonly records: readonly ResourceRecord[];
  readonly target: DomainName;
}

function aliasOf(found: Extract<Found, { kind: 'name' }>, owner: DomainName, type: RRType): Alias | undefined {
  const record = found.sets.get(RRType.CNAME)?.[0];
  if (record?.rdata.type !== 'CNAME' || found.sets.has(type)) return undefined;
  return { records: [{ ...record, owner }], target: record.rdata.target };
}

/** The DNAME and the CNAME that it stands for (RFC 6672 §3.1); undefined: that would be too long a name. */
function redirect(record: ResourceRecord, name: DomainName): Alias | undefined {
  const { owner, ttl, rdata } = record;
  if (rdata.type !== 'UNKNOWN') return undefined;
  const base = readName(rdata.data, 0, rdata.data.length)?.name;
  const prefix = labelsBelow(name, owner);
  if (base === undefined || prefix === undefined) return undefined;
  const labels = [...prefix, ...(labelsBelow(base, '.' as DomainName) ?? [])].map(unescapeLabel);
  const target = nameFromLabels(labels);
  if (target === undefined) return undefined;
  return { records: [record, { owner: name, type: RRType.CNAME, ttl, rdata: { type: 'CNAME', target } }], target };
}

/** The end of the matter in this zone: the set asked for, or the statement that there is none. */
function answerFound(
  zone: WrittenZone,
  request: Request,
  found: Extract<Found, { kind: 'name' }>,
  owner: DomainName,
  aliases: readonly ResourceRecord[],
): Reply {
  const { type } = request.question;
  const set = type === RRType.ANY ? [...found.sets.values()].flat() : found.sets.get(type);
  if (set === undefined || set.length === 0) {
    // After an alias the peer has the name servers there in place of the SOA: NODATA all the same (RFC 2308 §2.2, type 3).
    return aliases.length > 0 && type !== RRType.NS
      ? positive(zone, aliases, [])
      : denial(zone, Rcode.NOERROR, aliases);
  }
  const signatures = request.edns?.isDnssecOk && type !== RRType.ANY ? signaturesOf(found.sets.get(RRSIG), type) : [];
  const records = [...set, ...signatures].map((record) => (found.isWildcard ? { ...record, owner } : record));
  return positive(zone, [...aliases, ...records], records);
}

function signaturesOf(signatures: readonly ResourceRecord[] | undefined, type: RRType): ResourceRecord[] {
  return (signatures ?? []).filter(
    ({ rdata }) => rdata.type === 'UNKNOWN' && (((rdata.data[0] as number) << 8) | (rdata.data[1] as number)) === type,
  );
}

/** @param added what the additional section is for */
function positive(zone: WrittenZone, answer: readonly ResourceRecord[], added: readonly ResourceRecord[]): Reply {
  const isNameservers = answer.some(({ owner, type }) => type === RRType.NS && owner === zone.apex);
  return {
    ...emptyReply(Rcode.NOERROR),
    isAuthoritative: true,
    answer,
    authority: isNameservers ? [] : zone.nameservers,
    additional: additionalFor(zone, added),
    isLowerCase: true,
  };
}

/** Addresses of the names that records point to, as far as the zone has them; each name once. */
function additionalFor(zone: WrittenZone, records: readonly ResourceRecord[]): ResourceRecord[] {
  const targets = new Set<DomainName>();
  for (const { rdata } of records) {
    if (rdata.type === 'NS' || rdata.type === 'MX' || rdata.type === 'SRV') targets.add(rdata.target);
  }
  return [...targets].flatMap((target) => addressesOf(zone, target));
}

/** NODATA or NXDOMAIN, after the aliases that led there (RFC 2308 §2). */
function denial(zone: WrittenZone, rcode: Rcode, aliases: readonly ResourceRecord[]): Reply {
  return {
    ...emptyReply(rcode),
    isAuthoritative: true,
    answer: aliases,
    authority: [zone.soa],
    isLowerCase: true,
  };
}

/** The name servers of a zone below, with their addresses. After an alias of ours the reply is authoritative for that. */
function referral(
  zone: WrittenZone,
  request: Request,
  { sets }: Extract<Found, { kind: 'delegation' }>,
  aliases: readonly ResourceRecord[],
): Reply {
  const nameservers = sets.get(RRType.NS) ?? [];
  const signed = request.edns?.isDnssecOk
    ? [...(sets.get(RRType.DS) ?? []), ...signaturesOf(sets.get(RRSIG), RRType.DS)]
    : [];
  return {
    ...emptyReply(Rcode.NOERROR),
    isAuthoritative: aliases.length > 0,
    answer: aliases,
    authority: [...nameservers, ...signed],
    additional: additionalFor(zone, nameservers),
    isLowerCase: true,
  };
}

/** The aliases, then what the server itself answers for the target, with the rcode of the target (RFC 6604 §3). */
function askForTarget(
  zone: WrittenZone,
  request: Request,
  aliases: readonly ResourceRecord[],
  target: DomainName,
  askServer: AskServer,
): MaybePromise<Reply> {
  const join = (outcome: Outcome | undefined): Reply => {
    if (outcome?.kind !== 'reply') return positive(zone, aliases, []);
    const isTruncated = outcome.isTruncated === true ? { isTruncated: true } : {};
    // The target has no such record: then nothing is said of where its own aliases lead.
    if (isDenial(outcome)) return { ...denial(zone, Rcode.NOERROR, aliases), ...isTruncated };
    const answer = [...aliases, ...outcome.answer];
    const isFailed = outcome.rcode === Rcode.NXDOMAIN || outcome.rcode === Rcode.SERVFAIL;
    return { ...(isFailed ? denial(zone, outcome.rcode, answer) : positive(zone, answer, [])), ...isTruncated };
  };
  const { packet: _, tsigOffset: __, ...rest } = request;
  const asked = askServer({ ...rest, question: { ...request.question, name: target, spelling: target } });
  return asked instanceof Promise ? asked.then(join) : join(asked);
}

/** NODATA, behind aliases or not. */
function isDenial({ rcode, answer, authority }: Reply): boolean {
  if (rcode !== Rcode.NOERROR) return false;
  if (answer.length === 0) return true;
  return answer.every(({ type }) => type === RRType.CNAME) && authority.some(({ type }) => type === RRType.SOA);
}
