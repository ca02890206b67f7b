/** `nsid`: which of several servers this is, for those who ask (RFC 5001). */
import { type Handler, mapOutcome } from '../chain.ts';
import { echoedOptions, NSID_OPTION } from '../reply-encoding.ts';

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
        if (done.kind !== 'reply') return done;
        const options = done.ednsOptions ?? echoedOptions(request);
        return {
          ...done,
          ednsOptions: options.map((option) => (option.code === NSID_OPTION ? { ...option, data } : option)),
        };
      });
    },
  };
}
