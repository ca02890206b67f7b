/** `bufsize`: replies are no larger than this, whatever the client says it takes (against fragments). */
import { type Handler, mapOutcome } from '../chain.ts';

/** @param most octets */
export function createBufsize(most: number): Handler {
  return {
    name: 'bufsize',
    isPure: true,
    handle(request, next) {
      const { edns } = request;
      if (!edns || edns.udpSize <= most) return next(request);
      return mapOutcome(next({ ...request, edns: { ...edns, udpSize: most } }), (done) =>
        done.kind === 'reply' ? { udpSize: most, ...done } : done,
      );
    },
  };
}
