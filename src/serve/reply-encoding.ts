/** From a plugin's reply to the octets that are sent: the OPT record, the size limit, the orders of a balanced answer. */
import {
  type Edns,
  type EdnsOption,
  type Encoded,
  extendedErrorOption,
  MAX_MESSAGE,
  type MessageEncoder,
  MIN_UDP,
} from '../dns/encode.ts';
import { Rcode } from '../dns/rrset.ts';
import type { Reply, Request } from './chain.ts';
import { encodeSections } from './encoded-sections.ts';
import { rotateAnswer } from './rotation.ts';
import { addVersionOptions } from './zone-version.ts';

/** The most that a UDP datagram over IPv6 holds, octets: a client may claim to take more. */
const MAX_DATAGRAM = 65_487;

/** Options that CoreDNS echoes: NSID, EXPIRE, COOKIE, edns-tcp-keepalive, padding. */
const ECHOED: ReadonlySet<number> = new Set([3, 9, 10, 11, 12]);

/** RFC 5001. */
export const NSID_OPTION = 3;

/**
 * The options of the request that go back with the reply.
 * @param more codes beside those that always do
 */
export function echoedOptions(request: Request, more?: ReadonlySet<number>): readonly EdnsOption[] {
  const options = request.edns?.options ?? [];
  return options.length === 0 ? options : options.filter(({ code }) => ECHOED.has(code) || more?.has(code) === true);
}

/** The OPT record of a reply; none where the request had none (RFC 6891 §7). */
function ednsOf(request: Request, reply: Reply): Edns | undefined {
  if (!request.edns) return undefined;
  const options = addVersionOptions(request, reply, reply.ednsOptions ?? echoedOptions(request));
  return {
    version: 0,
    udpSize: reply.udpSize ?? request.edns.udpSize,
    isDnssecOk: reply.isDnssecOk ?? request.edns.isDnssecOk,
    options: reply.ede ? [...options, extendedErrorOption(reply.ede)] : options,
  };
}

/** Octets that the reply may have. */
function limitOf(request: Request, reply: Reply): number {
  if (request.transport !== 'udp') return MAX_MESSAGE;
  const size = request.edns ? (reply.udpSize ?? request.edns.udpSize) : 0;
  return Math.min(MAX_DATAGRAM, Math.max(MIN_UDP, size));
}

/**
 * @param turn which order of a balanced answer, and of how many
 * @throws RangeError when a record of the reply is not legal: a bug of the plugin that made it
 */
export function encodeReply(
  encoder: MessageEncoder,
  request: Request,
  reply: Reply,
  turn?: { readonly index: number; readonly count: number },
): Encoded {
  const { isRecursionDesired = request.isRecursionDesired, seal } = reply;
  const limit = limitOf(request, reply) - (seal?.octets ?? 0);
  const edns = ednsOf(request, reply);
  const ready = turn ? undefined : encodeSections(request, reply, limit, edns);
  const answer = turn ? rotateAnswer(reply.answer, turn.index, turn.count) : reply.answer;
  const encoded = ready ?? encoder.encodeReply({ ...request, isRecursionDesired }, { ...reply, answer }, limit, edns);
  return seal ? { ...encoded, message: seal.apply(encoded.message) } : encoded;
}

/** The answer to an EDNS version other than 0 (RFC 6891 §6.1.3). */
export function encodeBadVersion(encoder: MessageEncoder, request: Request): Buffer {
  const reply = { rcode: Rcode.BADVERS, isAuthoritative: false, answer: [], authority: [], additional: [] };
  return encoder.encodeReply(request, reply, MIN_UDP, { version: 0, udpSize: 0, isDnssecOk: false, options: [] })
    .message;
}
