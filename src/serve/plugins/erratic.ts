/** `erratic`: answers A and AAAA questions for every name, and now and then drops, delays or truncates: for tests of clients. */
import type { ErraticOptions } from '../../corefile/config.ts';
import { type DomainName, ROOT } from '../../dns/name.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { emptyReply, type Handler, type Outcome, type Request } from '../chain.ts';
import type { Timer } from '../timer.ts';

/** Records of a `large` answer: more than fit into 512 octets uncompressed. */
const LARGE = 30;

/** What `autopath @erratic` gets: the peer's, for tests. */
const SEARCH_PATH: readonly DomainName[] = [...(['a.example.org.', 'b.example.org.'] as DomainName[]), ROOT];

export function createErratic({ drop, truncate, delay, delayMs, large }: ErraticOptions, timer: Timer): Handler {
  let count = 0;
  const isTurn = (every: number, turn: number) => every > 0 && turn % every === 0;
  return {
    name: 'erratic',
    // What it answers has no source, and it asks nobody else.
    isPure: true,
    searchPath: () => SEARCH_PATH,
    handle(request) {
      const turn = count;
      count += 1;
      const outcome: Outcome = isTurn(drop, turn) ? { kind: 'none' } : answer(request, isTurn(truncate, turn), large);
      if (!isTurn(delay, turn) || outcome.kind === 'none') return outcome;
      return new Promise((resolve) => {
        timer(() => resolve(outcome), delayMs);
      });
    },
  };
}

function answer({ question }: Request, isTruncated: boolean, isLarge: boolean): Outcome {
  const { name, type } = question;
  if (type !== RRType.A && type !== RRType.AAAA) return emptyReply(Rcode.SERVFAIL);
  const record: ResourceRecord = {
    owner: name,
    type,
    ttl: 0,
    rdata: type === RRType.A ? { type: 'A', address: '192.0.2.53' } : { type: 'AAAA', address: '2001:db8::53' },
  };
  const records = Array<ResourceRecord>(isLarge && type === RRType.A ? LARGE : 1).fill(record);
  return { ...emptyReply(Rcode.NOERROR), isAuthoritative: true, isTruncated, answer: records };
}
