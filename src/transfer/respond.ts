/**
 * Carries out what was planned for a transfer request: the one switch that picks the generator, logs and counts.
 */

import type { TransferLimits } from '../corefile/config.ts';
import { type Edns, MAX_MESSAGE, type MessageEncoder, udpLimit, withOpt } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import { Rcode, type ResourceRecord, RRClass, type RRset, RRType } from '../dns/rrset.ts';
import type { Serial } from '../dns/serial.ts';
import { typeText } from '../dns/type-text.ts';
import { LimitedLines } from '../log-limit.ts';
import type { Logger } from '../logger.ts';
import { type CounterSet, createCounters, gaugeFamily, type MetricsSnapshot } from '../metrics.ts';
import { clientOf, credentialsText } from './access.ts';
import { axfr } from './axfr.ts';
import { Inspector } from './inspect.ts';
import { ixfr } from './ixfr.ts';
import {
  MessageFiller,
  type PackOptions,
  packMessages,
  type Seal,
  TRANSFER_MESSAGE,
  type TransferQuery,
} from './pack.ts';
import { PackedZones } from './packed.ts';
import { Ede, type OutgoingZone, type TransferPlan, type TransferRequest } from './plan.ts';

/** One message back. */
export interface TransferReply {
  readonly kind: 'reply';
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly ede?: { readonly code: number; readonly text: string };
}

/** Many messages back. */
export interface TransferStream {
  readonly kind: 'stream';
  /** Whole messages without the length prefix, made as they are pulled, and good until the next turn of the event loop. */
  readonly messages: Iterator<Uint8Array>;
  /** To be called once: at the end, or when the connection broke. */
  readonly onEnd: (outcome: 'sent' | 'broken') => void;
}

/** Transfers that may run at a time in one thread, in all and to one address; who comes then is refused and tries again. */
export const DEFAULT_LIMITS: TransferLimits = { all: 100, perClient: 50 };
/** Octets of changesets that they may hold together. */
export const MAX_HELD = 64 * 1024 * 1024;

/** A version that a client has now. */
export interface Taken {
  readonly serial: Serial;
  /** `current`: it had it. */
  readonly kind: 'full' | 'incremental' | 'current';
  readonly records: number;
  readonly octets: number;
  readonly seconds: number;
}

/** What the configuration and the caller have to say of one transfer. */
export interface RespondOptions extends PackOptions {
  readonly limits?: TransferLimits | undefined;
  /** Called when all was handed to the system to be sent. */
  readonly onTaken?: (taken: Taken) => void;
}

/** What transfers of one thread have in common. */
export class Transfers {
  readonly #logger: Logger;
  readonly #refusals: LimitedLines;
  readonly #broken: LimitedLines;
  readonly #inspector: Inspector;
  readonly #packed = new PackedZones();
  readonly #requests: CounterSet;
  readonly #records: CounterSet;
  readonly #octets: CounterSet;
  readonly #now: () => number;
  #running = 0;
  /** By the client's address. */
  readonly #clients = new Map<string, number>();
  #held = 0;

  /**
   * @param logger its lines carry `plugin/transfer: `
   * @param now seconds, monotonic
   */
  constructor(logger: Logger, now: () => number) {
    this.#logger = logger;
    this.#refusals = new LimitedLines((text) => logger.info(text), now);
    this.#broken = new LimitedLines((text) => logger.info(text), now);
    this.#inspector = new Inspector(logger);
    this.#now = now;
    this.#requests = createCounters(
      'zonelog_transfer_requests_total',
      'Requests for zone transfers, by what was done.',
      ['type', 'outcome'],
    );
    this.#records = createCounters('zonelog_transfer_records_total', 'Records sent in zone transfers.', ['type']);
    this.#octets = createCounters('zonelog_transfer_bytes_total', 'Octets of messages sent in zone transfers.', [
      'type',
    ]);
  }

  /** Everything counted so far. */
  snapshot(): MetricsSnapshot {
    return [
      this.#requests.family(),
      this.#records.family(),
      this.#octets.family(),
      gaugeFamily('zonelog_transfers_running', 'Zone transfers that are being sent.', [], [[[], this.#running]]),
      gaugeFamily('zonelog_transfer_held_bytes', 'Octets of changesets held for transfers.', [], [[[], this.#held]]),
      gaugeFamily(
        'zonelog_transfer_packed_bytes',
        'Octets of whole zones kept as they were packed.',
        [],
        [[[], this.#packed.octets]],
      ),
      ...this.#inspector.snapshot(),
    ];
  }

  /** Octets of changesets that one more transfer may hold (`TransferContext.room`). */
  get room(): number {
    return MAX_HELD - this.#held;
  }

  /** @returns undefined for `pass`: the next plugin's turn */
  respond(
    plan: TransferPlan,
    request: TransferRequest & TransferQuery,
    pack: RespondOptions,
  ): TransferReply | TransferStream | undefined {
    const { name, type } = request.question;
    const kind = typeText(type);
    const { address } = request.remote;
    switch (plan.kind) {
      case 'pass':
        return undefined;
      case 'refuse':
        this.#requests.add([kind, 'refused']);
        this.#logRefusal(`Refused ${kind} of zone "${name}" to ${address}: ${reasonOf(plan, request)}`);
        return { ...single(plan.rcode, []), ede: plan.ede };
      case 'current':
        this.#requests.add([kind, plan.why === 'udp' ? 'udp' : 'current']);
        if (plan.why !== 'udp') {
          this.#logger.info(
            `Outgoing noop, incremental transfer for up to date zone "${name}" to ${address} for ` +
              `${plan.soa.rdata.serial} SOA serial`,
          );
        }
        if (plan.why === 'equal') {
          pack.onTaken?.({ serial: plan.soa.rdata.serial, kind: 'current', records: 0, octets: 0, seconds: 0 });
        }
        // As the peer does: no AA where there is nothing to transfer.
        return single(Rcode.NOERROR, [plan.soa]);
      case 'long':
        throw new TypeError('a plan that was not finished');
      case 'incremental':
        if (request.transport === 'udp')
          return this.#datagram(plan.soa, [...ixfr(plan.soa, plan.changesets)], request, pack);
        return this.#stream(
          'incremental',
          plan.soa,
          packMessages(request, ixfr(plan.soa, plan.changesets), pack),
          request,
          pack,
          plan.octets,
        );
      case 'full':
        return this.#stream('full', plan.soa, this.#packFull(plan, request, pack), request, pack, 0, plan.why);
    }
  }

  /**
   * Tells of a request about no zone that is transferred here.
   * @returns the reason for the client
   */
  refuseUntaken({ question: { name, type, class: rrClass }, remote }: TransferRequest & TransferQuery): {
    readonly code: number;
    readonly text: string;
  } {
    const kind = typeText(type);
    const text = rrClass === RRClass.IN ? 'no zone of that name is transferred here' : 'transfers are of class IN';
    this.#requests.add([kind, 'refused']);
    this.#logRefusal(`Refused ${kind} of zone "${name}" to ${remote.address}: ${text}`);
    return { code: Ede.NOT_AUTHORITATIVE, text };
  }

  /**
   * Makes the messages of a whole zone before a client asks for it, one at each step, as far as they can be kept.
   * @returns whether these were all; undefined: it is a zone whose messages are not kept
   */
  packAhead({ soa, parts, version }: OutgoingZone, encoder: MessageEncoder): Generator<unknown, boolean> | undefined {
    if (parts === undefined) return undefined;
    const { owner: name } = soa;
    const question = { name, spelling: name, type: RRType.AXFR, class: RRClass.IN };
    const filler = fillerFor({ id: 0, isRecursionDesired: false, question }, encoder);
    return this.#packed.messages({ apex: name, key: name, parts: axfr(soa, parts()), version, filler, isAhead: true });
  }

  /** All changes in one message, or the SOA alone: then the client comes back over TCP (RFC 1995 §2). */
  #datagram(
    soa: ResourceRecord & { readonly rdata: { readonly serial: Serial } },
    records: readonly ResourceRecord[],
    request: TransferRequest & TransferQuery,
    pack: RespondOptions,
  ): TransferReply {
    const { name, type } = request.question;
    const [first] = packMessages(request, records, { ...pack, limit: MAX_MESSAGE, seal: undefined });
    const isFitting = first !== undefined && first.length + (pack.seal?.octets ?? 0) <= udpLimit(pack.edns);
    this.#requests.add([typeText(type), isFitting ? 'incremental' : 'udp']);
    if (!isFitting) return single(Rcode.NOERROR, [soa]);
    this.#records.add([typeText(type)], records.length);
    this.#octets.add([typeText(type)], first.length);
    this.#logger.info(endText('sent', 'incremental', records.length, name, request.remote.address, soa.rdata.serial));
    const octets = first.length;
    pack.onTaken?.({ serial: soa.rdata.serial, kind: 'incremental', records: records.length, octets, seconds: 0 });
    return { ...single(Rcode.NOERROR, records), isAuthoritative: true };
  }

  /** A whole zone: as it was packed before, as far as it was. */
  #packFull(
    plan: Extract<TransferPlan, { kind: 'full' }>,
    request: TransferRequest & TransferQuery,
    { encoder, edns, seal }: PackOptions,
  ): Iterable<Buffer> {
    const { soa, rrsets } = plan;
    const { name, spelling } = request.question;
    const parts = plan.parts?.() ?? [{ key: '', facts: [], sets: () => rrsets }];
    const messages = this.#packed.messages({
      apex: name,
      key: plan.parts && spelling,
      parts: axfr(soa, parts),
      version: plan.version,
      filler: fillerFor(request, encoder),
      onWhole: (findings) => this.#inspector.conclude(name, findings, plan.hasAddress ?? addressesIn(rrsets)),
    });
    return addressed(messages, request, edns, seal);
  }

  #stream(
    outcome: 'incremental' | 'full',
    soa: ResourceRecord & { readonly rdata: { readonly serial: Serial } },
    packed: Iterable<Buffer>,
    request: TransferRequest & TransferQuery,
    pack: RespondOptions,
    held = 0,
    why = 'asked',
  ): TransferReply | TransferStream {
    const { name, type } = request.question;
    const kind = typeText(type);
    const { address } = request.remote;
    const { all, perClient } = pack.limits ?? DEFAULT_LIMITS;
    const own = this.#clients.get(address) ?? 0;
    if (this.#running >= all || own >= perClient) {
      this.#requests.add([kind, 'refused']);
      const many = own >= perClient ? `${own} transfers to it` : `${this.#running} transfers`;
      this.#logRefusal(`Refused ${kind} of zone "${name}" to ${address}: ${many} are running`);
      return { ...single(Rcode.REFUSED, []), ede: { code: 0, text: 'too many transfers' } };
    }
    this.#requests.add([kind, outcome]);
    this.#running += 1;
    this.#clients.set(address, own + 1);
    const began = this.#now();
    this.#held += held;
    const tally = { records: 0, octets: 0 };
    const { serial } = soa.rdata;
    return {
      kind: 'stream',
      messages: weighed(packed, tally),
      onEnd: (end) => {
        this.#running -= 1;
        this.#held -= held;
        const left = (this.#clients.get(address) ?? 1) - 1;
        if (left > 0) this.#clients.set(address, left);
        else this.#clients.delete(address);
        this.#records.add([kind], tally.records);
        this.#octets.add([kind], tally.octets);
        const reason = why === 'asked' ? '' : `, instead of differences: ${why}`;
        const text = `${endText(end, outcome, tally.records, name, address, serial)}${reason}`;
        if (end === 'sent') this.#logger.info(text);
        else this.#broken.write(text, (count) => `Broke ${count} more transfers`);
        if (end === 'sent') pack.onTaken?.({ serial, kind: outcome, ...tally, seconds: this.#now() - began });
      },
    };
  }

  #logRefusal(text: string): void {
    this.#refusals.write(text, (count) => `Refused ${count} more requests for transfers`);
  }
}

/** For the operator: also who somebody is who is not permitted. */
function reasonOf({ ede }: Extract<TransferPlan, { kind: 'refuse' }>, request: TransferRequest): string {
  return ede.code === Ede.PROHIBITED ? `${ede.text} (${credentialsText(clientOf(request))})` : ede.text;
}

function endText(
  end: 'sent' | 'broken',
  outcome: 'incremental' | 'full',
  records: number,
  zone: DomainName,
  address: string,
  serial: Serial,
): string {
  const what = outcome === 'incremental' ? 'incremental transfer' : 'transfer';
  const about = `of ${records} records of zone "${zone}" to ${address} for ${serial} SOA serial`;
  return end === 'sent' ? `Outgoing ${what} ${about}` : `Broken ${what} ${about}`;
}

/** Of a header: how many records the answer section has. */
const ANCOUNT_AT = 6;
/** Octets of a header. */
const HEADER = 12;

interface Tally {
  records: number;
  octets: number;
}

/** Octets of a message that are left for an OPT record and a signature. */
const ADDED_LATER = 512;

/** Fills messages for all who ask: the OPT record and signature of each come later, and have room. */
function fillerFor(query: TransferQuery, encoder: MessageEncoder): MessageFiller {
  return new MessageFiller(query, { encoder, limit: TRANSFER_MESSAGE - ADDED_LATER });
}

/**
 * Messages that are kept, as answers to this request: copies where something is added, else the messages themselves, to be
 * copied by the taker before another turn, when they may answer somebody else.
 */
function* addressed(
  messages: Iterable<Buffer>,
  { id, isRecursionDesired, question }: TransferQuery,
  edns: Edns | undefined,
  seal: Seal | undefined,
): Generator<Buffer> {
  let typeAt = 0;
  for (const kept of messages) {
    if (typeAt === 0) for (typeAt = HEADER; kept[typeAt] !== 0; ) typeAt += 1 + (kept[typeAt] as number);
    const message = edns === undefined && seal === undefined ? kept : withOpt(kept, edns);
    message.writeUInt16BE(id, 0);
    message[2] = isRecursionDesired ? (message[2] as number) | 1 : (message[2] as number) & ~1;
    message.writeUInt16BE(question.type, typeAt + 1);
    if (message.length + (seal?.octets ?? 0) > MAX_MESSAGE) throw new RangeError('no room for a signature');
    yield seal === undefined ? message : seal.apply(message);
  }
}

/** Records of a zone that is gone through for addresses of name servers. */
const MOST_WALKED = 50_000;

/** Whether a name owns an address in these sets; in a long list every name counts as if it did. */
function addressesIn(rrsets: Iterable<RRset>): (name: DomainName) => boolean {
  let owners: Set<DomainName> | 'many' | undefined;
  return (name) => {
    owners ??= ownersOfAddresses(rrsets);
    return owners === 'many' || owners.has(name);
  };
}

function ownersOfAddresses(rrsets: Iterable<RRset>): Set<DomainName> | 'many' {
  const owners = new Set<DomainName>();
  let records = 0;
  for (const { owner, type, rdatas } of rrsets) {
    records += rdatas.length;
    if (records > MOST_WALKED) return 'many';
    if (type === RRType.A || type === RRType.AAAA) owners.add(owner);
  }
  return owners;
}

function* weighed(messages: Iterable<Buffer>, tally: Tally): Generator<Buffer> {
  for (const message of messages) {
    tally.octets += message.length;
    tally.records += message.readUInt16BE(ANCOUNT_AT);
    yield message;
  }
}

function single(rcode: Rcode, answer: readonly ResourceRecord[]): TransferReply {
  return { kind: 'reply', rcode, isAuthoritative: false, answer, authority: [], additional: [] };
}
