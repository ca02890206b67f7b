/** `tsig`: requests signed by shared keys are verified, and their answers signed (RFC 8945 §5.2, §5.3). */
import type { TsigRequirement } from '../../corefile/config.ts';
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Rcode } from '../../dns/rrset.ts';
import { errorOctets, type Refusal, ReplySigner, signError, type TsigKeys, verifyRequest } from '../../dns/tsig.ts';
import type { TsigAlgorithm } from '../../dns/tsig-key.ts';
import { tsigErrorName } from '../../dns/tsig-record.ts';
import { LimitedLines } from '../../log-limit.ts';
import type { Logger } from '../../logger.ts';
import { createCounters } from '../../metrics.ts';
import {
  emptyReply,
  type Handler,
  type MaybePromise,
  mapOutcome,
  type Next,
  type Outcome,
  type Reply,
  type Request,
} from '../chain.ts';

export interface TsigSettings {
  readonly zones: readonly DomainName[];
  readonly keys: TsigKeys;
  /** Weak algorithms that are accepted with keys of no particular algorithm. */
  readonly allowed: readonly TsigAlgorithm[];
  readonly require: TsigRequirement;
  readonly requireOpcode: TsigRequirement;
  /** Unix seconds. */
  readonly clock: () => number;
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** RFC 8914 §4.19: prohibited. */
const UNSIGNED = { code: 18, text: 'a TSIG signature is required' };

export function createTsig(settings: TsigSettings): Handler {
  const { zones, keys, allowed, clock, now, logger } = settings;
  const requests = createCounters('zonelog_tsig_requests_total', 'Requests in zones of tsig, by what was found.', [
    'result',
  ]);
  const lines = new LimitedLines((text) => logger.info(text), now);
  const isAllowed = (algorithm: TsigAlgorithm) =>
    !algorithm.isWeak || allowed.some(({ name }) => name === algorithm.name);

  const refuse = (request: Request, result: string, rcode: Rcode, refusal?: Refusal): Reply => {
    const { question, remote } = request;
    requests.add([result]);
    const key = refusal && ` (key "${refusal.record.keyName}")`;
    lines.write(
      `Refused request for "${question.name}" from ${remote.address}: ${result}${key ?? ''}`,
      (count) => `Refused ${count} more requests`,
    );
    const reply = emptyReply(rcode);
    if (refusal === undefined) return reply;
    const seal = { octets: errorOctets(refusal), apply: (message: Buffer) => signError(message, refusal, clock()) };
    return { ...reply, seal };
  };

  return {
    name: 'tsig',
    // A signed question is like no other, and a refusal has no source: only what was let pass unsigned is kept.
    isPure: true,
    metrics: () => [requests.family()],
    handle(request, next): MaybePromise<Outcome> {
      // A question of the server to itself was let pass when it came from outside.
      if (request.depth !== undefined || !zones.some((zone) => isSubdomain(request.question.name, zone)))
        return next(request);
      const { packet, tsigOffset } = request;
      if (packet === undefined || tsigOffset === undefined) {
        if (!isRequired(settings, request)) return next(request);
        return { ...refuse(request, 'unsigned', Rcode.REFUSED), ede: UNSIGNED };
      }
      const verified = verifyRequest(packet, tsigOffset, { keys, isAllowed, now: clock() });
      switch (verified.kind) {
        case 'malformed':
          return refuse(request, 'FORMERR', Rcode.FORMERR);
        case 'bad':
          return refuse(request, tsigErrorName(verified.error) ?? 'bad', Rcode.NOTAUTH, verified.refusal);
        case 'good':
          requests.add(['good']);
          return signed(request, next, verified.signature.key.name, new ReplySigner(verified.signature, clock));
      }
    },
  };
}

function isRequired({ require, requireOpcode }: TsigSettings, { question, opcode }: Request): boolean {
  return matches(require, question.type) || matches(requireOpcode, opcode);
}

function matches(requirement: TsigRequirement, value: number): boolean {
  return requirement === 'all' || (requirement !== 'none' && requirement.has(value));
}

function signed(request: Request, next: Next, key: DomainName, seal: ReplySigner): MaybePromise<Outcome> {
  return mapOutcome(next({ ...request, key, seal }), (outcome) =>
    outcome.kind === 'reply' ? { ...outcome, seal } : outcome,
  );
}
