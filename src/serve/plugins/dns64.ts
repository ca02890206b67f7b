/** `dns64`: IPv6 addresses for names that have none, made of their IPv4 addresses (RFC 6147). */
import type { Dns64Options } from '../../corefile/config.ts';
import { textOfIPv6, unmapAddress } from '../../dns/address.ts';
import { Rcode, type ResourceRecord, RRClass, RRType } from '../../dns/rrset.ts';
import { createCounters } from '../../metrics.ts';
import {
  emptyReply,
  type Handler,
  isUnwritten,
  type MaybePromise,
  type Outcome,
  type Reply,
  type Request,
} from '../chain.ts';
import { serverOf } from '../listen-point.ts';
import { octetsOf } from '../networks.ts';
import type { AskServer } from '../static-zone/answer.ts';

/** Seconds that a made record lasts at most where no SOA says how long there is no real one (RFC 6147 §5.1.7). */
const DEFAULT_TTL = 600;

/** @param askServer for the IPv4 addresses of a name */
export function createDns64(options: Dns64Options, askServer: AskServer): Handler {
  const counter = createCounters(
    'coredns_dns64_requests_translated_total',
    'Requests answered with addresses that dns64 has made.',
    ['server'],
  );
  const isEligible = (request: Request): boolean => {
    if (request.question.class !== RRClass.IN) return false;
    // A client that validates by itself makes its own (RFC 6147 §5.5).
    if (request.isCheckingDisabled && request.edns?.isDnssecOk === true) return false;
    return options.allowIpv4 || unmapAddress(request.remote.address).includes(':');
  };
  const translate = (reply: Reply, request: Request): MaybePromise<Outcome> => {
    // Where no plugin has written anything there is nothing to be translated.
    if (reply.rcode === Rcode.NXDOMAIN || isUnwritten(reply)) return reply;
    if (!options.translateAll && reply.answer.some(isRealAddress)) return reply;
    const { packet: _, ...rest } = request;
    const asked = askServer({ ...rest, question: { ...request.question, type: RRType.A } });
    const join = (found: Outcome | undefined): Outcome => {
      const made = found?.kind === 'reply' ? synthesize(reply, found, options) : undefined;
      if (made === undefined) return reply;
      counter.add([serverOf(request)]);
      return made;
    };
    return asked instanceof Promise ? asked.then(join) : join(asked);
  };
  return {
    name: 'dns64',
    isPure: true,
    handle(request, next) {
      if (request.question.type !== RRType.AAAA) return next(request);
      const finish = (outcome: Outcome): MaybePromise<Outcome> => {
        if (outcome.kind !== 'reply') return outcome;
        // Who asks decides: such a reply is never kept for others.
        const { source: _, aging: __, ...own } = outcome;
        return isEligible(request) ? translate(own, request) : own;
      };
      const outcome = next(request);
      return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
    },
    metrics: () => [counter.family()],
  };
}

/** Mapped addresses are no real ones (RFC 6147 §5.1.4). */
function isRealAddress({ rdata }: ResourceRecord): boolean {
  return rdata.type === 'AAAA' && unmapAddress(rdata.address) === rdata.address;
}

/**
 * Without IPv4 addresses it is the reply to the question for them (RFC 6147 §5.1.6), names as that question spelled them:
 * in lower case.
 * @returns undefined when that question had an error for its answer
 */
function synthesize(original: Reply, found: Reply, { prefix }: Dns64Options): Reply | undefined {
  if (found.rcode !== Rcode.NOERROR) return undefined;
  const soa = original.authority.find(({ type }) => type === RRType.SOA);
  const most = soa?.ttl ?? DEFAULT_TTL;
  const answer = found.answer.map((record): ResourceRecord => {
    const { owner, ttl, rdata } = record;
    if (rdata.type !== 'A') return record;
    const address = embed(rdata.address, prefix.bytes, prefix.prefix);
    return { owner, type: RRType.AAAA, ttl: Math.min(ttl, most), rdata: { type: 'AAAA', address } };
  });
  const { authority, additional, isTruncated = false } = found;
  // Nobody's own answer: of the flags only TC is taken over, as the peer has it.
  return { ...emptyReply(Rcode.NOERROR), isTruncated, isLowerCase: true, answer, authority, additional };
}

/**
 * The IPv6 address that stands for an IPv4 address (RFC 6052 §2.2): its octets follow the prefix, and octet 8 is left out.
 * @param bits of the prefix: 32, 40, 48, 56, 64 or 96
 */
export function embed(address: string, prefix: readonly number[], bits: number): string {
  const octets = new Uint8Array(16);
  const length = bits / 8;
  octets.set(prefix.slice(0, length));
  let at = length;
  for (const octet of octetsOf(address) ?? []) {
    if (at === 8) at += 1;
    octets[at++] = octet;
  }
  return textOfIPv6(octets, 0);
}
