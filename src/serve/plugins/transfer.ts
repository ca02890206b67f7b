/** `transfer`: zone transfers, made by whoever is handed in. */
import { Opcode } from '../../dns/query.ts';
import { RRClass, RRType } from '../../dns/rrset.ts';
import { type Handler, type MaybePromise, mapOutcome, type Next, type Outcome, type Request } from '../chain.ts';

/** Decides on a transfer question. Undefined: it is about no zone that is transferred here. */
export type TransferZone = (request: Request) => MaybePromise<Outcome | undefined>;

/** @param untaken sees what others make of a request that is about no zone that is transferred here */
export function createTransfer(
  transferZone: TransferZone,
  untaken: (request: Request, outcome: Outcome) => Outcome = (_, outcome) => outcome,
): Handler {
  const pass = (request: Request, next: Next) => mapOutcome(next(request), (outcome) => untaken(request, outcome));
  return {
    name: 'transfer',
    // Transfers are never kept, as they have no source; all else passes through.
    isPure: true,
    handle(request, next) {
      const { type, class: rrClass } = request.question;
      const isTransfer = type === RRType.AXFR || type === RRType.IXFR;
      if (!isTransfer || request.opcode !== Opcode.QUERY) return next(request);
      if (rrClass !== RRClass.IN) return pass(request, next);
      const done = transferZone(request);
      if (done instanceof Promise) return done.then((outcome) => outcome ?? pass(request, next));
      return done ?? pass(request, next);
    },
  };
}
