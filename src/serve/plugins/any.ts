/** `any`: a small answer to ANY questions (RFC 8482 §4.2). */
import { Rcode, type Rdata, RRType } from '../../dns/rrset.ts';
import type { Handler } from '../chain.ts';

const RDATA: Rdata = { type: 'HINFO', cpu: 'ANY obsoleted', os: 'See RFC 8482' };
/** The number of the RFC. */
const TTL = 8482;

export function createAny(): Handler {
  return {
    name: 'any',
    isPure: true,
    handle(request, next) {
      const { name, type } = request.question;
      if (type !== RRType.ANY) return next(request);
      return {
        kind: 'reply',
        rcode: Rcode.NOERROR,
        isAuthoritative: false,
        answer: [{ owner: name, type: RRType.HINFO, ttl: TTL, rdata: RDATA }],
        authority: [],
        additional: [],
      };
    },
  };
}
