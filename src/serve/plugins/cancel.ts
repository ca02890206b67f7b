/** `cancel`: a question that is not answered in time gets SERVFAIL, whatever the plugins behind still wait for. */
import { Rcode } from '../../dns/rrset.ts';
import { emptyReply, type Handler, type Outcome } from '../chain.ts';
import type { Timer } from '../timer.ts';

export function createCancel(timeoutMs: number, timer: Timer): Handler {
  const late: Outcome = { ...emptyReply(Rcode.SERVFAIL, 'context deadline exceeded'), writer: '' };
  return {
    name: 'cancel',
    isPure: true,
    handle(request, next) {
      const outcome = next(request);
      if (!(outcome instanceof Promise)) return outcome;
      return new Promise((resolve, reject) => {
        const cancel = timer(() => resolve(late), timeoutMs);
        outcome.finally(cancel).then(resolve, reject);
      });
    },
  };
}
