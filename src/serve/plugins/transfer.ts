/** `transfer`: zone transfers, made by whoever is handed in. */
import { Opcode } from '../../dns/query.ts';
import { RRClass, RRType } from '../../dns/rrset.ts';
import type { Handler, MaybePromise, Outcome, Request } from '../chain.ts';

/** Decides on a transfer question. Undefined: it is about no zone that is transferred here. */
export type TransferZone = (request: Request) => MaybePromise<Outcome | undefined>;

export function createTransfer(transferZone: TransferZone): Handler {
  return {
    name: 'transfer',
    // Transfers are never kept, as they have no source; all else passes through.
    isPure: true,
    handle(request, next) {
      const { type, class: rrClass } = request.question;
      const isTransfer = type === RRType.AXFR || type === RRType.IXFR;
      if (!isTransfer || rrClass !== RRClass.IN || request.opcode !== Opcode.QUERY) return next(request);
      const done = transferZone(request);
      if (done instanceof Promise) return done.then((outcome) => outcome ?? next(request));
      return done ?? next(request);
    },
  };
}
