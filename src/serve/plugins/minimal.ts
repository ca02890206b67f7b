/** `minimal`: positive replies without what was not asked for. */
import { Rcode, RRType } from '../../dns/rrset.ts';
import { type Handler, mapOutcome, type Reply } from '../chain.ts';

export function createMinimal(): Handler {
  return {
    name: 'minimal',
    isPure: true,
    handle: (request, next) =>
      mapOutcome(next(request), (done) =>
        done.kind === 'reply' && isPositive(done) ? { ...done, authority: [], additional: [] } : done,
      ),
  };
}

/** Neither an error, nor a denial, nor a referral. */
function isPositive({ rcode, answer, authority }: Reply): boolean {
  if (rcode !== Rcode.NOERROR) return false;
  return answer.length > 0 || !authority.some(({ type }) => type === RRType.SOA || type === RRType.NS);
}
