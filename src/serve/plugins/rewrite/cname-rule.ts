/** `rewrite cname`: an alias in the answer that leads elsewhere, and what there is at its new target. */
import type { RewriteChange } from '../../../corefile/config.ts';
import { type DomainName, parseName } from '../../../dns/name.ts';
import type { MaybePromise, Outcome, Reply, Request } from '../../chain.ts';
import type { AskServer } from '../../static-zone/answer.ts';
import { compileNameMatch, type FindName } from './name-match.ts';

type CnameRule = Extract<RewriteChange, { readonly field: 'cname' }>;

/** @throws OperatorError for a pattern that is not supported */
export function compileCnameRule({ match, to }: CnameRule, askServer: AskServer) {
  const find = compileNameMatch(match);
  return (reply: Reply, request: Request): MaybePromise<Reply> => changeAlias(reply, request, find, to, askServer);
}

function changeAlias(
  reply: Reply,
  request: Request,
  find: FindName,
  to: string,
  askServer: AskServer,
): MaybePromise<Reply> {
  for (const [at, record] of reply.answer.entries()) {
    const { rdata } = record;
    if (rdata.type !== 'CNAME') continue;
    const change = find(rdata.target);
    const target: DomainName | undefined = change && parseName(change(to));
    if (target === undefined || target === rdata.target) continue;
    const kept = reply.answer.slice(0, at).filter((one) => one.rdata.type === 'CNAME');
    const alias = { ...record, rdata: { type: 'CNAME', target } } as const;
    const join = (found: Outcome | undefined): Reply => {
      if (found?.kind !== 'reply') return reply;
      // The answer now depends on more than the zone that it came from.
      const { source: _, aging: __, encoded: ___, ...rest } = reply;
      return { ...rest, answer: [...kept, alias, ...found.answer], isTruncated: found.isTruncated === true };
    };
    const { packet: _, ...own } = request;
    const asked = askServer({ ...own, question: { ...request.question, name: target, spelling: target } });
    return asked instanceof Promise ? asked.then(join) : join(asked);
  }
  return reply;
}
