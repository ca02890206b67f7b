/** The objects that the records of a host may be made from: those that name it, and those that tell what it stands for. */
import { isAddressText } from '../dns/host-name.ts';
import { type DomainName, isSubdomain, labelsBelow, parentOf, ROOT } from '../dns/name.ts';
import type { FactsOf, ObjectKind, Position } from '../ingest/event.ts';
import type { ZoneDefinition } from '../ingest/plan.ts';
import type { ObjectRef, ObjectStates } from './object-states.ts';
import type { ScopeBuilder } from './scope-builder.ts';

type Facts = FactsOf[ObjectKind];

/** A part of the log, and what the zone was made of in it. */
export interface HostRange {
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
  range: HostRange,
): void {
  // A Gateway names hosts by its listeners: it is its routes that have them.
  addNaming(builder, states, namingHost(builder, states, name, apex), range, ({ kind }) => kind !== 'Gateway');
}

/** The objects that ever named a name, or the wildcard of its level, and maybe others. */
function namingHost(builder: ScopeBuilder, states: ObjectStates, name: DomainName, apex: DomainName): ObjectRef[] {
  const naming: ObjectRef[] = [];
  for (const host of hostsOf(name, apex)) {
    const [service, namespace, ...more] = host.split('.');
    if (namespace !== undefined && more.length === 0)
      naming.push(...builder.alone('Service', `${namespace}/${service}`));
    naming.push(...states.mentioning(host));
  }
  return naming;
}

/** Objects looked at above and below one name; where there are more, the whole world takes less time. */
const MOST_AROUND = 1_000;

/**
 * Adds what decides whether there is such a name, and how far a zone cut or a wildcard reaches: the names above and below it, and
 * those of the zone's servers.
 * @returns false: there is too much of it
 */
export function addAround(
  builder: ScopeBuilder,
  states: ObjectStates,
  { name, apex }: { readonly name: DomainName; readonly apex: DomainName },
  range: HostRange,
): boolean {
  const servers = range.definitions.flatMap(({ stanzas }) => stanzas.flatMap(({ gateway }) => gateway?.servers ?? []));
  const add = (one: DomainName) => addNaming(builder, states, namingHost(builder, states, one, apex), range);
  for (const server of new Set(servers.map((one) => one.name))) if (isSubdomain(server, apex)) add(server);
  add(apex);
  if (name === apex) return true;
  for (let at: DomainName | undefined = name; at !== undefined && at !== apex; at = parentOf(at)) add(at);
  const clusters = states.plans.clusters(range.from, range.to);
  for (const host of namesOf(name, apex)) {
    const below = states.namingBelow(host, MOST_AROUND);
    // A service that names no host has that of its own name, `SERVICE.NAMESPACE`.
    const services = host.includes('.') ? [] : states.servicesIn(clusters, host, MOST_AROUND);
    if (below === undefined || services === undefined) return false;
    addNaming(builder, states, [...below, ...services], range);
  }
  return true;
}

/** Objects that name hosts, with all that these stand for. */
function addNaming(
  builder: ScopeBuilder,
  states: ObjectStates,
  naming: readonly ObjectRef[],
  range: HostRange,
  isWanted: (ref: ObjectRef) => boolean = () => true,
): void {
  const inherits = range.definitions.some(({ stanzas }) => stanzas.some(({ gateway }) => gateway?.inheritsHosts));
  const routes = naming.flatMap((ref) =>
    inherits && ref.kind === 'Gateway' ? states.mentioning(ref.key).filter(({ kind }) => ROUTES.has(kind)) : [],
  );
  for (const ref of [...naming, ...routes]) {
    if (ref.kind === 'ResolvedHost' || !isWanted(ref)) continue;
    builder.object(ref);
    for (const facts of factsOf(states, ref, range)) addTargets(builder, states, facts, range);
  }
}

/** The name as objects have it: as a whole and below the zone. */
function namesOf(name: DomainName, apex: DomainName): Set<string> {
  const names = [name.slice(0, -1), (labelsBelow(name, apex) ?? []).join('.')];
  return new Set(names.filter((host) => host !== ''));
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
function* factsOf(states: ObjectStates, ref: ObjectRef, { from, to }: HostRange): Generator<Facts> {
  const before = states.factsAt(ref, from - 1);
  if (before !== undefined) yield before;
  for (const { event } of states.log.events(ref, from, to, before)) if ('facts' in event) yield event.facts;
}

/** Gateways of routes, and host names of load balancers. */
function addTargets(builder: ScopeBuilder, states: ObjectStates, facts: Facts, range: HostRange): void {
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
