/**
 * `autopath`: walks the search list of a client in its stead. A name under the first suffix is tried with each suffix in
 * turn, and the first that is not missing is the answer, behind a CNAME from the name that was asked.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { AutopathOptions } from '../../corefile/config.ts';
import { type DomainName, isSubdomain, labelsBelow, parseName, ROOT } from '../../dns/name.ts';
import { Rcode, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import { OperatorError } from '../../errors.ts';
import { createCounters } from '../../metrics.ts';
import type { HandlerTools, ServingBlock } from '../blocks.ts';
import {
  type Handler,
  isUnwritten,
  type MaybePromise,
  type Next,
  type Outcome,
  type Reply,
  type Request,
} from '../chain.ts';
import { serverOf } from '../listen-point.ts';
import { reasonOf } from '../watched-file.ts';
import { searchListOf } from './search-list.ts';

/** Plugins that know search lists. */
const KNOWING: ReadonlySet<string> = new Set(['kubernetes', 'kubernetai', 'erratic']);

/** @throws OperatorError when the search list can't be had from there */
export function openAutopath({ options, plugins }: ServingBlock, { siblings }: HandlerTools): Handler {
  const { zones, source } = options.autopath as AutopathOptions;
  if (source.kind === 'plugin') {
    if (!KNOWING.has(source.name) || !plugins.includes(source.name)) {
      throw new OperatorError(`plugin '${source.name}' does not know the search list of a client`);
    }
    const know = (request: Request) =>
      siblings()
        // The stanzas of `kubernetai` are those of `kubernetes` where a block has both.
        .find(
          ({ name, searchPath }) => searchPath !== undefined && (name === 'erratic') === (source.name === 'erratic'),
        )
        ?.searchPath?.(request);
    return createAutopath(zones, know);
  }
  const file = path.resolve(options.root ?? '', source.name);
  const list = [...searchListOf(readText(file)), ROOT];
  return createAutopath(zones, () => list);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatorError(`failed to parse ${JSON.stringify(file)}: ${reasonOf(error)}`);
  }
}

/** @param searchPath the search list of who asks; undefined: nothing is done */
export function createAutopath(
  zones: readonly DomainName[],
  searchPath: (request: Request) => readonly DomainName[] | undefined,
): Handler {
  const found = createCounters('coredns_autopath_success_total', 'Requests that autopath has answered.', ['server']);
  return {
    name: 'autopath',
    handle(request, next) {
      const { name } = request.question;
      if (!zones.some((zone) => isSubdomain(name, zone))) return next(request);
      const suffixes = searchPath(request);
      const first = suffixes?.[0];
      if (suffixes === undefined || first === undefined || name === first) return next(request);
      const labels = labelsBelow(name, first);
      if (labels === undefined) return next(request);
      const base = `${labels.join('.')}.`;
      return walk(base, suffixes, request, next, () => found.add([serverOf(request)]));
    },
    metrics: () => [found.family()],
  };
}

/** Asks one candidate after the other. Stays synchronous as long as the answers do. */
function walk(
  base: string,
  suffixes: readonly DomainName[],
  request: Request,
  next: Next,
  onFound: () => void,
): MaybePromise<Outcome> {
  let first: Outcome | undefined;
  const tryFrom = (from: number): MaybePromise<Outcome> => {
    for (let at = from; at < suffixes.length; at++) {
      const suffix = suffixes[at] as DomainName;
      const candidate = parseName(suffix === ROOT ? base : `${base}${suffix}`);
      if (candidate === undefined) continue;
      const outcome = next(
        at === 0 ? request : { ...request, question: { ...request.question, name: candidate, spelling: candidate } },
      );
      if (outcome instanceof Promise) return outcome.then((late) => judge(late) ?? tryFrom(at + 1));
      const done = judge(outcome);
      if (done !== undefined) return done;
    }
    return first as Outcome;
  };
  const judge = (outcome: Outcome): Outcome | undefined => {
    first ??= outcome;
    if (outcome.kind !== 'reply') return outcome;
    // What no plugin has answered says nothing of the candidate; an answer of another server counts, also an error.
    if (outcome.rcode === Rcode.NXDOMAIN || isUnwritten(outcome)) return undefined;
    onFound();
    return withAlias(outcome, request);
  };
  return tryFrom(0);
}

/** The answer for a candidate as one for the name that was asked. */
function withAlias(reply: Reply, { question }: Request): Reply {
  const { source: _, ...rest } = reply;
  const other = reply.answer.find(({ owner }) => owner !== question.name);
  if (other === undefined) return reply;
  const alias: ResourceRecord = {
    owner: question.name,
    type: RRType.CNAME,
    ttl: other.ttl,
    rdata: { type: 'CNAME', target: other.owner },
  };
  return { ...rest, answer: [alias, ...reply.answer] };
}
