/**
 * The handler of `kubernetes`, `kubernetai`, `multicluster` and `k8s_gateway`: finds the zone that a name belongs to and answers from it.
 *
 * Stanzas that serve one apex are one zone already (projection/zone.ts); what is left of the chain is its order: each
 * stanza's longest matching zone, first stanza first.
 */
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { Rcode, type RRType } from '../../dns/rrset.ts';
import type { ClusterId } from '../../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../../ingest/plan.ts';
import { soaRecord, type Zone } from '../../projection/zone.ts';
import { type AnswerContext, answer, refuseToGuess } from '../answer.ts';
import type { Handler, MaybePromise, Next, Outcome, Reply, Request } from '../chain.ts';
import { withVersion } from '../zone-version.ts';

export type ServedZone = Pick<ZoneDefinition, 'id' | 'apex'>;

export interface KubernetesOptions {
  readonly plugin: 'kubernetes' | 'kubernetai' | 'multicluster' | 'k8s_gateway';
  /** The zones of each stanza of the server block, in Corefile order. */
  readonly stanzas: readonly (readonly ServedZone[])[];
  /** The version to answer from, at this moment. */
  zoneOf(id: ZoneId): Zone | undefined;
  /** Asks the server itself, for an alias that leaves the zone; see `AnswerContext.resolve`. */
  resolve(name: DomainName, type: RRType, request: Request): MaybePromise<Reply | undefined>;
}

/** Makes the handler of one server block. */
export function kubernetesHandler(options: KubernetesOptions): Handler {
  const stanzas = options.stanzas.map((zones) => zones.toSorted((a, b) => b.apex.length - a.apex.length));
  return { name: options.plugin, handle: (request, next) => handle(options, stanzas, request, next) };
}

function handle(
  options: KubernetesOptions,
  stanzas: readonly (readonly ServedZone[])[],
  request: Request,
  next: Next,
): MaybePromise<Outcome> {
  const candidates = zonesFor(stanzas, request.question.name);
  return tryZones(options, stanzas, candidates, request, next);
}

/** The zones that may have the name, in the order in which they are asked. */
function zonesFor(stanzas: readonly (readonly ServedZone[])[], name: DomainName): ZoneId[] {
  const ids: ZoneId[] = [];
  for (const zones of stanzas) {
    const longest = zones.find((zone) => isSubdomain(name, zone.apex));
    if (longest !== undefined && !ids.includes(longest.id)) ids.push(longest.id);
  }
  return ids;
}

/** Asks one zone after another, then the next plugin. */
function tryZones(
  options: KubernetesOptions,
  stanzas: readonly (readonly ServedZone[])[],
  candidates: readonly ZoneId[],
  request: Request,
  next: Next,
): MaybePromise<Outcome> {
  const passed: Passed = { isPresent: false, isUnsure: false, unsynced: new Set(), zone: undefined };
  for (const id of candidates) {
    const zone = options.zoneOf(id);
    if (zone === undefined) throw new Error(`zone ${id} is served but was never built`);
    const context: AnswerContext = {
      resolve: options.resolve,
      isOwn: (name) => zonesFor(stanzas, name)[0] === id,
    };
    const answered = answer(zone, request, context);
    const version = () => (zone.serial === undefined ? undefined : { apex: zone.apex, soa: soaRecord(zone).rdata });
    if (answered instanceof Promise) return withVersion(answered, request, version);
    if (answered.kind === 'reply') {
      return withVersion(passed.zone === undefined ? answered : afterPassing(answered, passed), request, version);
    }
    passed.zone ??= zone;
    passed.isPresent ||= answered.isPresent;
    passed.isUnsure ||= answered.isUnsure;
    for (const cluster of answered.unsynced) passed.unsynced.add(cluster);
  }
  const outcome = next(request);
  return outcome instanceof Promise
    ? outcome.then((late) => afterPassing(late, passed))
    : afterPassing(outcome, passed);
}

/** What the zones that passed a question on had to say of it. */
interface Passed {
  isPresent: boolean;
  isUnsure: boolean;
  readonly unsynced: Set<ClusterId>;
  /** The first of them. */
  zone: Zone | undefined;
}

/**
 * The outcome of somebody who was asked after a zone of ours. It depends on that zone as well. A denial of a name that
 * exists there is NODATA, and one that a cluster might contradict, which was never listed, is a guess.
 */
function afterPassing(outcome: Outcome, { isPresent, isUnsure, unsynced, zone }: Passed): Outcome {
  if (zone === undefined || outcome.kind !== 'reply') return outcome;
  const { source: _, ...reply } = outcome;
  if (reply.rcode !== Rcode.NXDOMAIN || reply.answer.length > 0) return reply;
  if (isPresent) return { ...reply, rcode: Rcode.NOERROR };
  return isUnsure ? refuseToGuess([...unsynced], zone) : reply;
}
