/** The objects that the records of a host may be made from: those that name it, and those that tell what it stands for. */
import { isAddressText } from '../dns/host-name.ts';
import { type DomainName, labelsBelow, parentOf, ROOT } from '../dns/name.ts';
import type { FactsOf, ObjectKind, Position } from '../ingest/event.ts';
import type { ZoneDefinition } from '../ingest/plan.ts';
import type { ObjectRef, ObjectStates } from './object-states.ts';
import type { ScopeBuilder } from './scope-builder.ts';

type Facts = FactsOf[ObjectKind];

/** A part of the log, and what the zone was made of in it. */
interface Range {
  readonly definitions: readonly ZoneDefinition[];
  readonly from: Position;
  readonly to: Position;
}

const ROUTES: ReadonlySet<ObjectKind> = new Set(['HTTPRoute', 'TLSRoute', 'GRPCRoute']);

/** Adds everything that the name's records, or those of the wildcard that stands for it, were ever made from. */
export function addHost(
  builder: ScopeBuilder,
  states: ObjectStates,
  { name, apex }: { readonly name: DomainName; readonly apex: DomainName },
  range: Range,
): void {
  const inherits = range.definitions.some(({ stanzas }) => stanzas.some(({ gateway }) => gateway?.inheritsHosts));
  const naming: ObjectRef[] = [];
  for (const host of hostsOf(name, apex)) {
    const [service, namespace, ...more] = host.split('.');
    if (namespace !== undefined && more.length === 0)
      naming.push(...builder.alone('Service', `${namespace}/${service}`));
    for (const ref of states.mentioning(host)) {
      if (ref.kind !== 'Gateway') naming.push(ref);
      else if (inherits) naming.push(...states.mentioning(ref.key).filter(({ kind }) => ROUTES.has(kind)));
    }
  }
  for (const ref of naming) {
    if (ref.kind === 'ResolvedHost') continue;
    builder.object(ref);
    for (const facts of factsOf(states, ref, range)) addTargets(builder, states, facts, range);
  }
}

/** The name as objects have it, as a whole and below the zone, and the wildcards of its level. */
function hostsOf(name: DomainName, apex: DomainName): Set<string> {
  const below = (of: DomainName) => (labelsBelow(of, apex) ?? []).join('.');
  const hosts = [name.slice(0, -1), below(name)];
  const parent = name === apex || name === ROOT ? undefined : parentOf(name);
  if (parent !== undefined)
    for (const text of [parent.slice(0, -1), below(parent)]) if (text !== '') hosts.push(`*.${text}`);
  return new Set(hosts.filter((host) => host !== ''));
}

/** What an object ever was in a range. */
function* factsOf(states: ObjectStates, ref: ObjectRef, { from, to }: Range): Generator<Facts> {
  const before = states.factsAt(ref, from - 1);
  if (before !== undefined) yield before;
  for (const { event } of states.log.events(ref, from, to, before)) if ('facts' in event) yield event.facts;
}

/** Gateways of routes, and host names of load balancers. */
function addTargets(builder: ScopeBuilder, states: ObjectStates, facts: Facts, range: Range): void {
  if ('parents' in facts) {
    for (const { gateway } of facts.parents) {
      for (const ref of builder.alone('Gateway', gateway)) {
        for (const own of factsOf(states, ref, range)) addTargets(builder, states, own, range);
      }
    }
  }
  for (const target of targetsOf(facts)) if (!isAddressText(target)) builder.alone('ResolvedHost', target);
}

function targetsOf(facts: Facts): readonly string[] {
  const noted = 'target' in facts ? (facts.target ?? []) : [];
  if ('clusterIPs' in facts) {
    const text = facts.annotations?.['external-dns.alpha.kubernetes.io/target'] ?? '';
    const annotated = text.split(',').map((target) => target.trim().toLowerCase().replace(/\.$/, ''));
    return [...(facts.gatewayTargets ?? facts.external ?? []), ...annotated];
  }
  return 'targets' in facts ? [...facts.targets, ...noted] : noted;
}
