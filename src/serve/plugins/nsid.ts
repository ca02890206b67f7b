/** `nsid`: which of several servers this is, for those who ask (RFC 5001). */
import { type Handler, isUnwritten, mapOutcome } from '../chain.ts';
import { NSID_OPTION } from '../reply-encoding.ts';

/** @param text the identifier; the peer sends its octets as they are */
export function createNsid(text: string): Handler {
  const data = Buffer.from(text, 'utf8');
  return {
    name: 'nsid',
    isPure: true,
    handle(request, next) {
      const outcome = next(request);
      if (!request.edns?.options.some(({ code }) => code === NSID_OPTION)) return outcome;
      return mapOutcome(outcome, (done) => {
        if (done.kind !== 'reply' || isUnwritten(done)) return done;
        // As the peer has it: a reply with options of its own gets one more; else the OPT is made here, with DO, and holds no other.
        const options = done.ednsOptions ?? [];
        const filled = options.map((option) => (option.code === NSID_OPTION ? { ...option, data } : option));
        const hasOwn = options.some(({ code }) => code === NSID_OPTION);
        return {
          ...done,
          ...(done.ednsOptions === undefined && { isDnssecOk: true }),
          ednsOptions: hasOwn ? filled : [...filled, { code: NSID_OPTION, data }],
        };
      });
    },
  };
}
