/**
 * What becomes of a request for a zone transfer: one place where it is decided (RFC 5936, RFC 1995), and nothing else is
 * done.
 */
import type { TransferOptions } from '../corefile/config.ts';
import type { DomainName } from '../dns/name.ts';
import { Rcode, type ResourceRecord, type RRset, RRType, type SoaRdata } from '../dns/rrset.ts';
import { compareSerial, type Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { SoaRecord } from '../projection/diff.ts';
import type { ChangesetChain, PackedChangeset } from '../projection/journal.ts';
import {
  findName,
  isZoneSynced,
  soaRecord,
  type Zone,
  type ZonePart,
  zoneParts,
  zoneRRsets,
} from '../projection/zone.ts';
import { type ClientCertificate, clientOf, type FindAddresses, isPermitted } from './access.ts';
import { condense, condenseInSteps, countChanges } from './changesets.ts';

/** A question for AXFR or IXFR, as far as it matters here. */
export interface TransferRequest {
  readonly question: { readonly name: DomainName; readonly type: RRType };
  /** An IXFR request's SOA, the version that the client has, is here. */
  readonly authority: readonly ResourceRecord[];
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  readonly remote: { readonly address: string; readonly tls?: TransferTls };
  /** The TSIG key that it was found signed with. */
  readonly key?: DomainName;
}

/** The client's end of a TLS connection. */
export interface TransferTls {
  /** `TLSv1.3`, say. */
  readonly version: string;
  /** Agreed on by ALPN. */
  readonly protocol?: string;
  readonly certificate?: ClientCertificate;
}

/** One version of a zone, to be handed out. */
export interface OutgoingZone {
  readonly soa: SoaRecord;
  /** Every set but the SOA. */
  rrsets(): Iterable<RRset>;
  /** Under which id the journal has its changes; absent: it has none, and there is only the whole zone. */
  readonly journal?: ZoneId;
  /** The same sets in parts of which it can be told whether they are those of another version; absent: it can't be told. */
  readonly parts?: () => Iterable<ZonePart>;
  /** The same for the same content, and for no other; absent: it can't be told. */
  readonly version?: object;
  /** Whether a name in the zone has an address; absent: the sets have to be gone through. */
  readonly hasAddress?: (name: DomainName) => boolean;
}

/** A zone of clusters; `incomplete` before it may be handed out. */
export function outgoingZone(zone: Zone): OutgoingZone | 'incomplete' {
  if (zone.serial === undefined || !isZoneSynced(zone)) return 'incomplete';
  return {
    soa: soaRecord(zone),
    rrsets: () => zoneRRsets(zone),
    parts: () => zoneParts(zone),
    version: zone,
    hasAddress: (name) => {
      const found = findName(zone, name);
      return found.status === 'exists' && found.rrsets().some(({ type }) => type === RRType.A || type === RRType.AAAA);
    },
    journal: zone.id,
  };
}

/** The journal, as far as it matters here. */
export interface ChangesetSource {
  /**
   * The changes that lead from the version with one serial to that with another.
   * @returns undefined when they are not known, or not any more
   */
  chain(zone: ZoneId, from: Serial, to: Serial): ChangesetChain | undefined;
}

export interface TransferContext {
  /** The stanza that the name falls under (`findStanza`). */
  readonly stanza: TransferOptions | undefined;
  /** The zone whose apex the name is, in the version to hand out. */
  readonly zone: OutgoingZone | 'incomplete' | undefined;
  readonly journal: ChangesetSource;
  /** Octets of changesets that may be held, besides what running transfers hold. */
  readonly room: number;
  /** Absent: none are found. */
  readonly find?: FindAddresses;
}

export type TransferPlan =
  /** No zone of ours, but some other plugin may have it. */
  | { readonly kind: 'pass' }
  | { readonly kind: 'refuse'; readonly rcode: Rcode; readonly ede: { readonly code: number; readonly text: string } }
  /** One message with the SOA alone. */
  | { readonly kind: 'current'; readonly soa: SoaRecord; readonly why: 'equal' | 'newer' | 'udp' }
  | {
      readonly kind: 'incremental';
      readonly soa: SoaRecord;
      readonly changesets: Iterable<PackedChangeset>;
      /** Octets that are held until it is sent. */
      readonly octets: number;
    }
  /** Changes that take several turns to read, or to compare with the zone: see `finishPlan`. */
  | {
      readonly kind: 'long';
      readonly soa: SoaRecord;
      readonly zone: OutgoingZone;
      readonly chain: ChangesetChain;
      readonly isCondensed: boolean;
      /** May be condensed where that makes it smaller than the zone. */
      readonly isCondensable: boolean;
    }
  | {
      readonly kind: 'full';
      readonly soa: SoaRecord;
      /** Can be walked more than once. */
      readonly rrsets: Iterable<RRset>;
      /** As of `OutgoingZone`. */
      readonly parts?: () => Iterable<ZonePart>;
      readonly version?: object;
      readonly hasAddress?: (name: DomainName) => boolean;
      readonly why: 'asked' | 'unknown serial' | 'changes larger than the zone' | 'too many changes';
    };

/** RFC 8914 §4. */
export const Ede = { OTHER: 0, NOT_READY: 14, PROHIBITED: 18, NOT_AUTHORITATIVE: 20, NOT_SUPPORTED: 21 } as const;

/** Octets of changesets that one transfer may hold, and how many changesets. */
const MOST_OCTETS = 16 * 1024 * 1024;
const MOST_CHANGESETS = 20_000;

/** Records that may go by UDP: whether they fit is seen when they are written. */
const MOST_IN_DATAGRAM = 100;

/**
 * Changed records up to which a chain is condensed to one changeset at once, and records of the zone that are counted at
 * once to see whether it is smaller: some milliseconds of work, which holds up other answers.
 */
const MOST_CONDENSED = 1000;
const MOST_WALKED = 5000;
/** Changesets up to which a chain is read at once. */
const MOST_AT_ONCE = 250;
/** Changed records up to which a chain is condensed at all, if that is wanted: they are held as objects. */
const MOST_CONDENSED_LATER = 20_000;

/** Decides on a request. `request.question.type` is AXFR or IXFR. */
export function planTransfer(request: TransferRequest, context: TransferContext): TransferPlan {
  const { stanza, zone, journal } = context;
  const isStream = request.transport === 'tcp' || request.transport === 'tls';
  const isIncremental = request.question.type === RRType.IXFR;
  // RFC 5936 §4.2 knows no AXFR over UDP; RFC 1995 §2 wants IXFR answered there. A whole zone fits no reply over HTTPS.
  if (!isStream && !(isIncremental && request.transport === 'udp' && zone !== undefined && stanza !== undefined)) {
    return refuse(Rcode.REFUSED, Ede.NOT_SUPPORTED, 'transfers are over TCP');
  }
  if (stanza === undefined) return { kind: 'pass' };
  const unfit = faultOfTransport(request, stanza);
  if (unfit !== undefined) return refuse(Rcode.REFUSED, Ede.NOT_SUPPORTED, unfit);
  if (!isPermitted(stanza.to, clientOf(request), context.find))
    return refuse(Rcode.REFUSED, Ede.PROHIBITED, 'not permitted');
  if (zone === undefined) return { kind: 'pass' };
  if (zone === 'incomplete') return refuse(Rcode.SERVFAIL, Ede.NOT_READY, 'the zone is not complete yet');
  const { soa } = zone;
  if (!isIncremental) return full(zone, 'asked');

  const theirs = clientSoa(request);
  if (theirs === undefined) return refuse(Rcode.FORMERR, Ede.OTHER, 'IXFR carries one SOA record of the zone');
  const { serial } = soa.rdata;
  const order = compareSerial(theirs.serial, serial);
  if (order === 'equal') return { kind: 'current', soa, why: 'equal' };
  if (order === 'greater') return { kind: 'current', soa, why: 'newer' };
  const chain = zone.journal === undefined ? undefined : journal.chain(zone.journal, theirs.serial, serial);
  const isShort = chain !== undefined && chain.records + 2 * chain.changesets <= MOST_IN_DATAGRAM;
  const plan = isStream || isShort ? planChanges(zone, chain, context.room, stanza.ixfr) : undefined;
  // Told that there is something newer, the client comes back over TCP.
  return plan === undefined || (!isStream && plan.kind !== 'incremental') ? { kind: 'current', soa, why: 'udp' } : plan;
}

/**
 * Why a transfer may not go over this connection. Over TLS it wants version 1.3 and ALPN `dot` (RFC 9103 §7.1, §7.2):
 * who asks for less may be no secondary, but a resolver's client.
 */
function faultOfTransport({ remote, transport }: TransferRequest, stanza: TransferOptions): string | undefined {
  if (transport === 'tls') {
    const { version, protocol } = remote.tls ?? {};
    return version === 'TLSv1.3' && protocol === 'dot' ? undefined : 'transfers over TLS are over TLS 1.3, ALPN dot';
  }
  return stanza.tls === 'required' ? 'transfers of this zone are over TLS' : undefined;
}

/** Incremental if that is possible, worth while, and within bounds; nothing is unpacked but short chains. */
function planChanges(
  zone: OutgoingZone,
  chain: ChangesetChain | undefined,
  room: number,
  mode: TransferOptions['ixfr'],
): TransferPlan {
  const { soa } = zone;
  if (chain === undefined) return full(zone, 'unknown serial');
  if (chain.changesets > MOST_CHANGESETS || chain.octets > Math.min(MOST_OCTETS, room)) {
    return full(zone, 'too many changes');
  }
  const isOne = chain.changesets === 1 || mode === 'steps';
  const isCondensed = !isOne && chain.changesets <= MOST_AT_ONCE && chain.records <= MOST_CONDENSED;
  // What was changed back counts only where each change is sent by itself.
  const isLarger = !isCondensed && isSmaller(zone.rrsets(), chain.records);
  const isCondensable = !isOne && !isCondensed && chain.records <= MOST_CONDENSED_LATER;
  if (isLarger && !isCondensable) return full(zone, 'changes larger than the zone');
  const isCondensedLater = isCondensable && (isLarger || mode === 'condensed');
  if (chain.changesets > MOST_AT_ONCE || chain.records > MOST_WALKED || isCondensedLater) {
    return { kind: 'long', soa, zone, chain, isCondensed: isCondensedLater, isCondensable };
  }
  const changesets = takeLast(chain.read());
  if (changesets === undefined) return full(zone, 'unknown serial');
  if (!isCondensed) return { kind: 'incremental', soa, changesets, octets: chain.octets };
  const condensed = condense(changesets);
  if (isSmaller(zone.rrsets(), countChanges([condensed]))) return full(zone, 'changes larger than the zone');
  return { kind: 'incremental', soa, changesets: [condensed], octets: 0 };
}

function full(zone: OutgoingZone, why: Extract<TransferPlan, { kind: 'full' }>['why']): TransferPlan {
  const { soa, parts, version, hasAddress } = zone;
  const rrsets = { [Symbol.iterator]: () => zone.rrsets()[Symbol.iterator]() };
  const optional = { ...(parts && { parts }), ...(version && { version }), ...(hasAddress && { hasAddress }) };
  return { kind: 'full', soa, rrsets, why, ...optional };
}

function takeLast<T>(steps: Iterator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * Carries on with a `long` plan, a step in each turn of the event loop, as other answers would wait for all of it.
 * @param turn resolved in a later turn
 * @returns a plan that is not `long`
 */
export async function finishPlan(plan: TransferPlan, turn: () => Promise<void>): Promise<TransferPlan> {
  if (plan.kind !== 'long') return plan;
  const { soa, zone, chain, isCondensed, isCondensable } = plan;
  const finish = async <T>(steps: Iterator<unknown, T>): Promise<T> => {
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      await turn();
    }
  };
  const hasFewer = async (count: number) => (await finish(countUpTo(zone.rrsets(), count))) < count;
  const isLarger = !isCondensed && chain.records > MOST_WALKED && (await hasFewer(chain.records));
  if (isLarger && !isCondensable) return full(zone, 'changes larger than the zone');
  const changesets = await finish(chain.read());
  if (changesets === undefined) return full(zone, 'unknown serial');
  if (!isCondensed && !isLarger) return { kind: 'incremental', soa, changesets, octets: chain.octets };
  const condensed = await finish(condenseInSteps(changesets));
  if (await hasFewer(countChanges([condensed]))) return full(zone, 'changes larger than the zone');
  return { kind: 'incremental', soa, changesets: [condensed], octets: chain.octets };
}

/** Counts the records of a zone, MOST_WALKED at each step, and no further than is asked for. */
function* countUpTo(rrsets: Iterable<RRset>, most: number): Generator<undefined, number> {
  let records = 0;
  let next = MOST_WALKED;
  for (const { rdatas } of rrsets) {
    records += rdatas.length;
    if (records >= most) return records;
    if (records < next) continue;
    next += MOST_WALKED;
    yield;
  }
  return records;
}

/** Has the zone fewer records than that, as far as can be seen at once? */
function isSmaller(rrsets: Iterable<RRset>, count: number): boolean {
  let records = 0;
  for (const { rdatas } of rrsets) {
    records += rdatas.length;
    if (records >= count || records >= MOST_WALKED) return false;
  }
  return records < count;
}

/** The SOA data of an IXFR request; undefined unless its authority section is one SOA record of the zone asked for. */
function clientSoa({ question, authority }: TransferRequest): SoaRdata | undefined {
  const [record] = authority;
  if (authority.length !== 1 || record?.owner !== question.name || record.rdata.type !== 'SOA') return undefined;
  return record.rdata;
}

function refuse(rcode: Rcode, code: number, text: string): TransferPlan {
  return { kind: 'refuse', rcode, ede: { code, text } };
}
