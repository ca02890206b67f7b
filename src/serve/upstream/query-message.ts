/** The question of a client as it is put to another server, and the question that probes one. */
import { Flag, MAX_MESSAGE, type MessageEncoder } from '../../dns/encode.ts';
import type { DomainName } from '../../dns/name.ts';
import { Rcode, RRClass, RRType } from '../../dns/rrset.ts';
import type { Request } from '../chain.ts';

/** RFC 7828: about the connection to us, so not for others. */
const TCP_KEEPALIVE = 11;

/**
 * Flags, question, the SOA of an IXFR, and the OPT record with DO, size and options (client subnet, say) as they came. The
 * id is 0: the exchange puts its own.
 */
export function encodeQuery(encoder: MessageEncoder, request: Request): Buffer {
  let flags = request.opcode << 11;
  if (request.isRecursionDesired) flags |= Flag.RD;
  if (request.isCheckingDisabled) flags |= Flag.CD;
  if (request.isAuthenticData) flags |= Flag.AD;
  const edns = request.edns && {
    ...request.edns,
    options: request.edns.options.filter(({ code }) => code !== TCP_KEEPALIVE),
  };
  encoder.begin(0, flags, Rcode.NOERROR, request.question, MAX_MESSAGE, edns);
  for (const { owner, type, ttl, rdata } of request.authority) encoder.add('authority', owner, type, ttl, rdata);
  return encoder.finish().message;
}

/** `DOMAIN NS` */
export function encodeProbe(encoder: MessageEncoder, domain: DomainName, isRecursionDesired: boolean): Buffer {
  const question = { name: domain, spelling: domain, type: RRType.NS, class: RRClass.IN };
  encoder.begin(0, isRecursionDesired ? Flag.RD : 0, Rcode.NOERROR, question, MAX_MESSAGE);
  return encoder.finish().message;
}
