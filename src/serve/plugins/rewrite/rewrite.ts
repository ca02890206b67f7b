/** `rewrite`: questions changed on their way in, and replies on their way out. */
import type { RewriteRule } from '../../../corefile/config.ts';
import { type DomainName, parseName } from '../../../dns/name.ts';
import { Rcode } from '../../../dns/rrset.ts';
import { emptyReply, type Handler, type MaybePromise, type Outcome, type Reply, type Request } from '../../chain.ts';
import type { FindLabel } from '../../labels.ts';
import { echoedOptions } from '../../reply-encoding.ts';
import type { AskServer } from '../../static-zone/answer.ts';
import { compileCnameRule } from './cname-rule.ts';
import { compileEdnsRule, dependsOnClient } from './edns-rules.ts';
import { compileNameMatch } from './name-match.ts';
import {
  changeRcode,
  clampTtls,
  compileAnswerRules,
  type ReplyRule,
  renameBack,
  renameSuffixBack,
} from './reply-rules.ts';

export interface RewriteTools {
  readonly askServer: AskServer;
  readonly findLabel: FindLabel;
}

type ChangeReply = (reply: Reply, request: Request) => MaybePromise<Reply>;

/** What a rule makes of a request. */
interface Rewritten {
  readonly request: Request;
  /** In the order in which they are to be done. */
  readonly onReply: readonly ChangeReply[];
}

interface CompiledRule {
  readonly mode: RewriteRule['mode'];
  /** Undefined: the rule is not for the request. `invalid`: it would give the question an illegal name. */
  apply(request: Request): Rewritten | undefined | { readonly invalid: string };
}

/** @throws OperatorError for a rule that can't be had */
export function createRewrite(rules: readonly RewriteRule[], tools: RewriteTools): Handler {
  const compiled = rules.map((rule) => ({ mode: rule.mode, apply: compileRule(rule, tools) }));
  const ownCodes = new Set(rules.flatMap(localCodeOf));
  return {
    name: 'rewrite',
    // The rules look at the question alone, and a reply changed by them depends on the names that it did before.
    isPure: !rules.some((rule) => rule.field === 'edns0' && dependsOnClient(rule)),
    handle(request, next) {
      const rewritten = applyRules(compiled, request);
      if ('invalid' in rewritten) {
        return emptyReply(Rcode.SERVFAIL, `plugin/rewrite: invalid name after rewrite: ${rewritten.invalid}`);
      }
      const isSame = rewritten.request === request && rewritten.onReply.length === 0;
      if (isSame && (ownCodes.size === 0 || request.edns === undefined)) return next(request);
      const outcome = next(rewritten.request);
      const finish = (done: Outcome) => changeReply(done, rewritten, request, ownCodes);
      return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
    },
  };
}

function applyRules(rules: readonly CompiledRule[], original: Request): Rewritten | { readonly invalid: string } {
  let request = original;
  // The last change is the first to be undone.
  let onReply: readonly ChangeReply[] = [];
  for (const { mode, apply } of rules) {
    const applied = apply(request);
    if (applied === undefined) continue;
    if ('invalid' in applied) return applied;
    request = applied.request;
    onReply = [...applied.onReply, ...onReply];
    if (mode === 'stop') break;
  }
  return { request, onReply };
}

function changeReply(
  outcome: Outcome,
  { request, onReply }: Rewritten,
  original: Request,
  ownCodes: ReadonlySet<number>,
): MaybePromise<Outcome> {
  if (outcome.kind !== 'reply') return outcome;
  const isRenamed = request.question.name !== original.question.name;
  // Names are those of another question: nothing in them is to be spelled as this one is.
  const named: Reply = isRenamed ? { ...outcome, isLowerCase: true } : outcome;
  let reply: MaybePromise<Reply> = withEchoes(named, request, original, ownCodes);
  for (const change of onReply) {
    reply = reply instanceof Promise ? reply.then((done) => change(done, request)) : change(reply, request);
  }
  return reply;
}

/** Options are echoed as the plugins behind saw them, those that the rules are about too, as the peer has it. */
function withEchoes(reply: Reply, request: Request, original: Request, ownCodes: ReadonlySet<number>): Reply {
  if (reply.ednsOptions !== undefined || request.edns === undefined) return reply;
  if (request.edns === original.edns && ownCodes.size === 0) return reply;
  const own = request.edns.options.filter(({ code }) => ownCodes.has(code));
  return own.length === 0 && request.edns === original.edns
    ? reply
    : { ...reply, ednsOptions: echoedOptions(request, ownCodes) };
}

/** The code of a rule about a local option. */
function localCodeOf(rule: RewriteRule): number[] {
  return rule.field === 'edns0' && rule.option === 'local' ? [Number(rule.args[0])] : [];
}

function compileRule(rule: RewriteRule, { askServer, findLabel }: RewriteTools): CompiledRule['apply'] {
  switch (rule.field) {
    case 'name':
      return compileNameRule(rule);
    case 'type':
    case 'class':
      return ({ question, ...rest }) =>
        question[rule.field] === rule.from
          ? { request: { ...rest, question: { ...question, [rule.field]: rule.to } }, onReply: [] }
          : undefined;
    case 'ttl': {
      const find = compileNameMatch(rule.match);
      const clamp = clampTtls(rule.min, rule.max);
      return (request) => (find(request.question.name) ? { request, onReply: [clamp] } : undefined);
    }
    case 'rcode': {
      const find = compileNameMatch(rule.match);
      const change = changeRcode(rule.from, rule.to);
      return (request) => (find(request.question.name) ? { request, onReply: [change] } : undefined);
    }
    case 'cname': {
      const change = compileCnameRule(rule, askServer);
      return (request) => ({ request, onReply: [change] });
    }
    case 'edns0': {
      const change = compileEdnsRule(rule, findLabel);
      return (request) => {
        const changed = change(request);
        if (changed === undefined) return undefined;
        const { undo } = changed;
        const revert = (reply: Reply): Reply =>
          undo && reply.ednsOptions ? { ...reply, ednsOptions: undo(reply.ednsOptions) } : reply;
        return { request: changed.request, onReply: [revert] };
      };
    }
  }
}

function compileNameRule(rule: Extract<RewriteRule, { readonly field: 'name' }>): CompiledRule['apply'] {
  const find = compileNameMatch(rule.match);
  const stated = compileAnswerRules(rule.answers);
  const isAuto = rule.match.kind === 'exact' || rule.answers.some(({ kind }) => kind === 'auto');
  const suffixBack = isAuto && rule.match.kind === 'suffix' ? renameSuffixBack(rule.match, rule.to) : undefined;
  return (request) => {
    const { question } = request;
    const change = find(question.name);
    if (change === undefined) return undefined;
    const text = change(rule.to);
    const name: DomainName | undefined = parseName(text);
    if (name === undefined) return { invalid: text };
    const back: ReplyRule[] = !isAuto ? [] : [suffixBack ?? renameBack(name, question.name)];
    return { request: { ...request, question: { ...question, name, spelling: name } }, onReply: [...back, ...stated] };
  };
}
