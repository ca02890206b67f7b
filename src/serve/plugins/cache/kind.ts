/** What a reply is to a cache: whether it may be kept, with which limits, and for how long (RFC 2308). */
import type { CacheOptions } from '../../../corefile/config.ts';
import { type DomainName, isSubdomain } from '../../../dns/name.ts';
import { Rcode, type ResourceRecord, RRType } from '../../../dns/rrset.ts';
import type { Reply, Request } from '../../chain.ts';

/** The two caches. */
export type CacheType = 'success' | 'denial';

export interface Kind {
  /** Where it is kept; undefined: nowhere. */
  readonly type: CacheType | undefined;
  /** Of all its records from now on, seconds. */
  readonly ttl: number;
}

/** For replies that say nothing of how long they hold, seconds. */
const DEFAULT_TTL = 5;
/** More aliases one after the other are taken for a loop. */
const MAX_ALIASES = 64;

/** Classifies as CoreDNS does. */
export function kindOf(reply: Reply, question: Request['question'], options: CacheOptions): Kind {
  const { rcode, answer, authority } = reply;
  const { success, denial, servfailMs } = options;
  const hasSoa = authority.some(({ type }) => type === RRType.SOA);
  if (rcode === Rcode.NOERROR) {
    const isEmpty = answer.length === 0;
    const isNodata = isEmpty ? hasSoa : !isAnswering(reply, question);
    if (isNodata && hasSoa) return kept('denial', question, denial, smallestTtl(reply));
    // An alias that leads nowhere, and nothing that says for how long.
    if (isNodata) return { type: undefined, ttl: clamp(smallestTtl(reply), success) };
    const isDelegation = isEmpty && authority.some(({ type }) => type === RRType.NS);
    return kept('success', question, success, isDelegation ? DEFAULT_TTL : smallestTtl(reply));
  }
  if (rcode === Rcode.NXDOMAIN && answer.length === 0) {
    const ttl = smallestTtl(reply);
    return hasSoa ? kept('denial', question, denial, ttl) : { type: undefined, ttl: clamp(ttl, denial) };
  }
  if ((rcode === Rcode.SERVFAIL || rcode === Rcode.NOTIMP) && answer.length === 0) {
    const ttl = Math.floor(servfailMs / 1000);
    const isKept = ttl > 0 && !isDisabled(question.name, denial.disabled);
    return { type: isKept ? 'denial' : undefined, ttl };
  }
  return { type: undefined, ttl: clamp(DEFAULT_TTL, success) };
}

function kept(type: CacheType, question: Request['question'], limits: CacheOptions[CacheType], ttl: number): Kind {
  const clamped = clamp(ttl, limits);
  return { type: clamped > 0 && !isDisabled(question.name, limits.disabled) ? type : undefined, ttl: clamped };
}

function clamp(ttl: number, { minTtl, maxTtl }: CacheOptions[CacheType]): number {
  return Math.min(Math.max(ttl, minTtl), maxTtl);
}

function isDisabled(name: DomainName, zones: readonly DomainName[]): boolean {
  return zones.some((zone) => isSubdomain(name, zone));
}

function smallestTtl({ answer, authority, additional }: Reply): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (const records of [answer, authority, additional]) {
    for (const { ttl } of records) smallest = Math.min(smallest, ttl);
  }
  return smallest === Number.POSITIVE_INFINITY ? DEFAULT_TTL : smallest;
}

/** Is there a record of the type that was asked for at the end of the aliases that begin at the name? */
export function isAnswering({ rcode, answer }: Reply, { name, type }: Request['question']): boolean {
  if (rcode !== Rcode.NOERROR || answer.length === 0) return false;
  if (type === RRType.ANY) return answer.some(({ owner }) => owner === name);
  const has = (owner: DomainName) => answer.some((record) => record.owner === owner && record.type === type);
  if (type === RRType.CNAME) return has(name);
  let at = name;
  for (let i = 0; i < MAX_ALIASES; i++) {
    const target = aliasOf(answer, at);
    if (target === undefined) return has(at);
    at = target;
  }
  return false;
}

function aliasOf(answer: readonly ResourceRecord[], owner: DomainName): DomainName | undefined {
  for (const { owner: of, rdata } of answer) if (of === owner && rdata.type === 'CNAME') return rdata.target;
  return undefined;
}
