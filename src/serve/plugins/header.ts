/** `header`: flags of questions and replies set or cleared. */
import { type Handler, mapOutcome, type Reply, type Request } from '../chain.ts';

export type HeaderFlag = 'aa' | 'ra' | 'rd';

/** `header { query|response set|clear FLAG… }` */
export interface HeaderRule {
  readonly side: 'query' | 'response';
  readonly value: boolean;
  readonly flags: readonly HeaderFlag[];
}

export function createHeader(rules: readonly HeaderRule[]): Handler {
  const query = rules.filter(({ side }) => side === 'query');
  const response = rules.filter(({ side }) => side === 'response');
  return {
    name: 'header',
    isPure: true,
    handle: (request, next) => {
      const isRecursionDesired = flagOf(query, 'rd');
      const asked: Request = isRecursionDesired === undefined ? request : { ...request, isRecursionDesired };
      return mapOutcome(next(asked), (done) => {
        if (done.kind !== 'reply') return done;
        // A reply copies RD from the question as the plugins saw it.
        const copied: Reply = isRecursionDesired === undefined ? done : { isRecursionDesired, ...done };
        return withFlags(copied, response);
      });
    },
  };
}

/** What the last rule about a flag says; undefined: none says anything. */
function flagOf(rules: readonly HeaderRule[], flag: HeaderFlag): boolean | undefined {
  return rules.findLast(({ flags }) => flags.includes(flag))?.value;
}

function withFlags(reply: Reply, rules: readonly HeaderRule[]): Reply {
  const aa = flagOf(rules, 'aa');
  const ra = flagOf(rules, 'ra');
  const rd = flagOf(rules, 'rd');
  return {
    ...reply,
    ...(aa === undefined ? {} : { isAuthoritative: aa }),
    ...(ra === undefined ? {} : { isRecursionAvailable: ra }),
    ...(rd === undefined ? {} : { isRecursionDesired: rd }),
  };
}
