/**
 * The plugin chain of one server block: each handler answers a request or hands it to the next.
 *
 * Handlers for our own zones are synchronous; only those that must ask somebody else return a promise.
 */
import type { Edns, EdnsOption } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import { Rcode, type ResourceRecord, type RRClass, type RRType, type SoaRdata } from '../dns/rrset.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { EncodedSections } from './encoded-sections.ts';

export interface Request {
  readonly id: number;
  readonly opcode: number;
  readonly isRecursionDesired: boolean;
  readonly isCheckingDisabled: boolean;
  readonly isAuthenticData: boolean;
  readonly question: {
    readonly name: DomainName;
    /** The name's spelling in the packet, presentation text with a final dot: for the echo and for owner names (0x20). */
    readonly spelling: string;
    readonly type: RRType;
    readonly class: RRClass;
  };
  /** Records of the authority section: an IXFR request carries the client's SOA there. */
  readonly authority: readonly ResourceRecord[];
  readonly edns: Edns | undefined;
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  readonly remote: { readonly address: string; readonly port: number; readonly tls?: TlsClient };
  readonly local: { readonly address: string; readonly port: number };
  /** The key's zone that the name matched, as in CoreDNS's `zone` label. */
  readonly serverZone: DomainName;
  /** The message as it came, where it came from the network: a TSIG signature is over its octets. */
  readonly packet?: Uint8Array;
  /** Offset of the TSIG record in `packet`; absent: not signed. */
  readonly tsigOffset?: number;
  /** The client has shown a cookie of ours: its address is its own (`cookie`). */
  readonly hasGoodCookie?: boolean;
  /** The TSIG key that the request was found signed with (`tsig`); absent: not verified. */
  readonly key?: DomainName;
  /** Signs the messages of a stream that answers the request, in order; a single reply is signed by `tsig` itself. */
  readonly seal?: Seal;
  /** How many questions of the server to itself this one is inside of; absent: none. */
  readonly depth?: number;
}

/** What the handshake of a client's TLS connection has told. */
export interface TlsClient {
  /** `TLSv1.3`, say. */
  readonly version: string;
  /** What was agreed on by ALPN; absent: nothing. */
  readonly protocol?: string;
  /** Absent: it was not asked for one, or has none. */
  readonly certificate?: {
    /** Does the authority of `tls` vouch for it? */
    readonly isTrusted: boolean;
    isFor(hostName: string): boolean;
    /** Base64 of the SHA-256 of its SubjectPublicKeyInfo (RFC 7858 §4.2). */
    readonly pin: string;
  };
}

/** Makes of an encoded message what is sent: signs it (RFC 8945 §5.3), which adds `octets` at most. */
export interface Seal {
  readonly octets: number;
  apply(message: Buffer): Buffer;
}

/** RFC 8914. */
export interface ExtendedError {
  readonly code: number;
  readonly text: string;
}

/**
 * One message back. Names in the records are lower-case; an answer's owner that is the question's name, and the part of a
 * name that is `spelledZone`, the encoder writes as the question spelled them.
 */
export interface Reply {
  readonly kind: 'reply';
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly isRecursionAvailable?: boolean;
  readonly isTruncated?: boolean;
  /** Somebody has validated the data (RFC 4035 §3.1.6). */
  readonly isAuthenticData?: boolean;
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  /**
   * The three sections as octets, where they came so (from another server, from the cache). Counts only as long as the
   * sections are the very lists that it names: a plugin that changes one need not care for it.
   */
  readonly encoded?: EncodedSections;
  readonly spelledZone?: DomainName;
  /** All names are sent in lower case, whatever the question spells: the answer is one that somebody else was given too. */
  readonly isLowerCase?: boolean;
  /** Of all records; absent: IN, as zones have them, whatever the question's class. */
  readonly recordClass?: number;
  readonly ede?: ExtendedError;
  /**
   * Where the reply comes from, if it is a function of zone content alone: it may then be kept encoded until a name that
   * it depends on is touched. A SOA of that zone in it gets the serial of the moment when it is sent.
   */
  readonly source?: { readonly zone: ZoneId; readonly names: readonly DomainName[] };
  /** Where the reply is right for a while only: it may be kept encoded for that long, its TTLs counted down. */
  readonly aging?: Aging;
  /** What went wrong, for the `errors` plugin's log: `plugin/NAME: why`. */
  readonly failure?: string;
  /** The plugin that made the reply, for the metrics; the chain fills it in. Empty: the server itself. */
  readonly writer?: string;
  /** Overrides the request's RD, which is echoed otherwise. */
  readonly isRecursionDesired?: boolean;
  /** Overrides the client's EDNS payload size (octets): as the limit of the reply, and as the size in its OPT. */
  readonly udpSize?: number;
  /** Overrides DO in the reply's OPT, which is echoed otherwise. */
  readonly isDnssecOk?: boolean;
  /** Overrides the options of the reply's OPT, which are echoes otherwise. No OPT in the request: none in the reply. */
  readonly ednsOptions?: readonly EdnsOption[];
  /** The version that an authoritative reply is from, where the request asks for it (zone-version.ts). */
  readonly zoneVersion?: ZoneVersionFacts;
  /**
   * The A, AAAA and MX records at the answer's end may be sent in any order: each time that the reply is sent from the
   * cache they are rotated (`loadbalance`).
   */
  readonly isOrderFree?: boolean;
  readonly seal?: Seal;
}

/** One version of a zone. */
export interface ZoneVersionFacts {
  readonly apex: DomainName;
  /** `expire` in seconds: of a zone that we have from another server, what is left of it. */
  readonly soa: Pick<SoaRdata, 'serial' | 'expire'>;
}

/** How long a reply is right. All its records have one TTL. */
export interface Aging {
  /**
   * The TTL, in seconds, that the records have at this moment (seconds, monotonic). Undefined: the reply is not to be
   * sent any more, ask anew.
   */
  ttlAt(now: number): number | undefined;
  /** The reply is sent once more. Called after `ttlAt`. */
  countHit(): void;
}

/** Many messages back, on a stream transport: a zone transfer. */
export interface ReplyStream {
  readonly kind: 'stream';
  /**
   * Whole DNS messages without the length prefix. Pulled one at a time, as the client reads; each is good until the next turn
   * of the event loop, after which its octets may be used for another client.
   */
  readonly messages: Iterator<Uint8Array>;
  /** Called once, at the end or when the connection broke. */
  readonly onEnd?: (outcome: 'sent' | 'broken') => void;
}

/** No answer at all (for example an ACL's `drop`). */
export interface NoReply {
  readonly kind: 'none';
}

export type Outcome = Reply | ReplyStream | NoReply;
export type MaybePromise<T> = T | Promise<T>;
export type Next = (request: Request) => MaybePromise<Outcome>;

/** What was sent for a request. */
export interface Sent {
  /** Undefined: nothing was sent; then there are no flags, records and octets either. */
  readonly rcode: Rcode | undefined;
  /** The message, the first one if there are several, of which only the header is there. */
  readonly message: Buffer;
  /** The header's second 16 bits. */
  readonly flags: number;
  /** Records in the answer section. */
  readonly answers: number;
  /** Octets, of the first message if there are several. */
  readonly size: number;
  /** Octets of the request. */
  readonly requestSize: number;
  /** Seconds from the request's arrival to the reply. */
  readonly seconds: number;
}

export interface Handler {
  /** The plugin's name in the Corefile. */
  readonly name: string;
  /**
   * A reply with a `source`, or an `aging` one, that comes from this handler or through it is the same for equal questions (flags, EDNS and
   * transport included), whoever asks and whenever. Only if all handlers of a chain say so are its replies kept. To be
   * left out where the client's address, the clock or anything else outside the zone decides (`acl`, say).
   */
  readonly isPure?: boolean;
  handle(request: Request, next: Next): MaybePromise<Outcome>;
  /** Called after each question of the block, those answered from the cache included. */
  observe?(request: Request, sent: Sent): void;
  /** What it counts, under the names of its metrics. */
  metrics?(): MetricsSnapshot;
  /** What it knows of a request beside the answer, by the keys of CoreDNS's metadata (`kubernetes/service`, say). */
  label?(request: Request, key: string): string | undefined;
  /**
   * The search list of the client, first suffix first and the root as the last one, for `autopath @NAME`. Undefined: it
   * does not know the client, or has nothing to do with the name.
   */
  searchPath?(request: Request): readonly DomainName[] | undefined;
  /**
   * A zone that it can hand to `transfer`, by its exact apex. `incomplete`: it will have it, but it must not be handed out
   * yet.
   */
  offeredZone?(apex: DomainName): OfferedZone | 'incomplete' | undefined;
  /** The zones that it offers and whose secondaries are to be told of new versions. It calls `dropAnswers` for each. */
  offers?(): readonly DomainName[];
  /**
   * What was kept of the replies of zones says the wrong thing: clusters behind them went out of reach, or came back, and the
   * replies tell it.
   */
  dropZoneReplies?(): void;
  /** `view`: which requests the block is for. Such a handler is no part of the chain. */
  readonly view?: { readonly name: string; isChosen(request: Request): boolean };
  /** Called when the block goes away: timers end here. Questions in work may still be answered. */
  close?(): void;
}

/** A version of a zone that is written down, to be transferred whole. */
export interface OfferedZone {
  readonly apex: DomainName;
  readonly soa: ResourceRecord & { readonly rdata: SoaRdata };
  /** Under which id the journal has its changes; absent: it has none, and there is only the whole zone. */
  readonly journal?: ZoneId;
  /** All records but the SOA, in canonical order. */
  records(): Iterable<ResourceRecord>;
}

/** Does `change` to an outcome, now or when it comes. */
export function mapOutcome(
  outcome: MaybePromise<Outcome>,
  change: (outcome: Outcome) => Outcome,
): MaybePromise<Outcome> {
  return outcome instanceof Promise ? outcome.then(change) : change(outcome);
}

/** A reply without records. Authoritative only where the caller says so. */
export function emptyReply(rcode: Rcode, failure?: string): Reply {
  const reply: Reply = { kind: 'reply', rcode, isAuthoritative: false, answer: [], authority: [], additional: [] };
  return failure === undefined ? reply : { ...reply, failure };
}

/**
 * Has no plugin written this error: did a plugin, or the end of the chain, only say which one it is? CoreDNS has the server write
 * these, so that no plugin on the way back sees them.
 */
export function isUnwritten(reply: Reply): boolean {
  const { rcode, answer, authority, additional, isRecursionAvailable } = reply;
  const isError =
    rcode === Rcode.SERVFAIL || rcode === Rcode.REFUSED || rcode === Rcode.FORMERR || rcode === Rcode.NOTIMP;
  if (!isError || reply.isAuthoritative || isRecursionAvailable !== undefined) return false;
  if (reply.ednsOptions !== undefined || reply.encoded !== undefined) return false;
  return answer.length + authority.length + additional.length === 0;
}

/**
 * One function of a list of handlers: each one's `next` is the one after it. The last one's `next` is SERVFAIL with a
 * `failure`, as a chain has to end in a plugin that answers.
 */
export function composeChain(handlers: readonly Handler[]): Next {
  let next: Next | undefined;
  for (const handler of handlers.toReversed()) {
    const after =
      next ?? (() => ({ ...emptyReply(Rcode.SERVFAIL, `plugin/${handler.name}: no next plugin found`), writer: '' }));
    const sign = (outcome: Outcome): Outcome =>
      outcome.kind === 'reply' && outcome.writer === undefined ? { ...outcome, writer: handler.name } : outcome;
    next = (request) => mapOutcome(handler.handle(request, after), sign);
  }
  return next ?? (() => ({ ...emptyReply(Rcode.REFUSED), writer: '' }));
}
