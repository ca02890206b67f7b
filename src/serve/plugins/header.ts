/** `header`: flags of questions and replies set or cleared. */
import type { BlockOptions } from '../../corefile/config.ts';
import { type Handler, isUnwritten, mapOutcome, type Reply, type Request } from '../chain.ts';

export type HeaderRules = NonNullable<BlockOptions['header']>;
type HeaderFlag = HeaderRules[number]['flags'][number];

export function createHeader(rules: HeaderRules): Handler {
  const query = rules.filter(({ on }) => on === 'query');
  const response = rules.filter(({ on }) => on === 'response');
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
        return isUnwritten(done) ? copied : withFlags(copied, response);
      });
    },
  };
}

/** What the last rule about a flag says; undefined: none says anything. */
function flagOf(rules: HeaderRules, flag: HeaderFlag): boolean | undefined {
  const rule = rules.findLast(({ flags }) => flags.includes(flag));
  return rule && rule.action === 'set';
}

function withFlags(reply: Reply, rules: HeaderRules): Reply {
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
