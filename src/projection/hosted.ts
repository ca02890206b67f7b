/** The names of a gateway zone: what one of its stanzas has for a name, and which names there are. */
import {
  childOf,
  compareLabels,
  type DomainName,
  isSubdomain,
  labelsBelow,
  MAX_NAME,
  parentOf,
  ROOT,
} from '../dns/name.ts';
import type { RRset } from '../dns/rrset.ts';
import type { StanzaPlan } from '../ingest/plan.ts';
import { type GatewayKind, splitRef } from './gateway-state.ts';
import type { HostNode } from './host-tree.ts';
import { type GatewayPart, hostSets, isInZones, nodesOf, serverAddresses } from './records/gateway.ts';
import { addressSets } from './records/slot.ts';
import type { ClusterState } from './state.ts';
import type { Zone } from './zone.ts';
import { GATEWAY_TTL } from './zone-apex.ts';
import { zonesBelow } from './zones-below.ts';

/** A stanza's part in a zone, and the zones below, whose names are not the zone's. */
interface ZonePart extends GatewayPart {
  readonly below: readonly DomainName[];
}

/** A stanza of a gateway zone with its cluster. */
export function partOf({ definition, clusters, apex }: Zone, at: number): ZonePart {
  const stanza = definition.stanzas[at] as StanzaPlan;
  if (stanza.gateway === undefined) throw new Error(`stanza ${at} of ${definition.id} is none of a gateway zone`);
  const { gateway } = stanza;
  return { stanza, gateway, cluster: clusters[at] as ClusterState, apex, below: zonesBelow(definition) };
}

function partsOf(zone: Zone): ZonePart[] {
  return zone.definition.stanzas.map((_, at) => partOf(zone, at));
}

/** Names of name servers in the zone, those of all stanzas. */
export function serverNames(zone: Zone): DomainName[] {
  const names = partsOf(zone).flatMap(({ gateway }) => gateway.servers.map((server) => server.name));
  return [...new Set(names)].filter((name) => name !== zone.apex && isSubdomain(name, zone.apex));
}

/**
 * What a stanza has for a name: `ended` where it has nothing and no later one may be asked, `unsure` where nothing is known
 * yet.
 * @param isLast then it does not matter which name a wildcard hides from later stanzas
 */
export function probeHost(
  part: ZonePart,
  name: DomainName,
  { isSynced, isLast }: { readonly isSynced: boolean; readonly isLast: boolean },
): readonly RRset[] | 'emptyNonTerminal' | 'unsure' | 'ended' | undefined {
  const { gateway, apex } = part;
  const [primary] = gateway.servers;
  const server = gateway.servers.find((one) => one.name === name);
  if (name !== apex && server !== undefined && (server === primary || server.addresses !== undefined)) {
    const addresses = server.addresses ?? serverAddresses(part, name);
    return addresses.length === 0 && !isSynced ? 'unsure' : addressSets(name, GATEWAY_TTL, addresses);
  }
  // As the peer has it, nothing lies below the first name server; the zone itself may do.
  const isBelow = primary !== undefined && isSubdomain(name, primary.name) && !isSubdomain(apex, primary.name);
  if (isBelow || part.below.some((zone) => isSubdomain(name, zone))) return 'ended';
  const sets = hostSets(part, name);
  if (sets === 'unsure' || sets.length > 0) return sets;
  const wildcard = isLast ? undefined : wildcardOf(name, apex);
  const hiding = wildcard === undefined ? [] : hostSets(part, wildcard);
  if (hiding === 'unsure') return 'unsure';
  return hiding.length > 0 ? 'ended' : stepTo(part, name);
}

/** The wildcard that may stand for a name: that of its own level, and no other. */
export function wildcardOf(name: DomainName, apex: DomainName): DomainName | undefined {
  const parent = name === apex || name.startsWith('*.') ? undefined : parentOf(name);
  return parent === undefined ? undefined : childOf('*', parent);
}

/** What a name without records is by the hosts below it: as sure as they are. */
function stepTo(part: ZonePart, name: DomainName): 'emptyNonTerminal' | 'unsure' | undefined {
  let isUnsure = false;
  for (const below of namesBelow([part], name)) {
    const sets = hostSets(part, below);
    if (sets === 'unsure') isUnsure = true;
    else if (sets.length > 0) return 'emptyNonTerminal';
  }
  return isUnsure ? 'unsure' : undefined;
}

/** The names at and below a name that objects of any stanza name, in canonical order; not all of them have records. */
export function* hostNames(zone: Zone, name: DomainName): Generator<DomainName> {
  yield* namesBelow(partsOf(zone), name);
}

/** The objects of a stanza's cluster that name a host of the zone, of whatever kinds. */
export function objectsNaming(
  zone: Zone,
  at: number,
  name: DomainName,
): [kind: GatewayKind | 'Service', key: string][] {
  const refs = new Set(nodesOf(partOf(zone, at), name).flatMap((node) => node.refs));
  return [...refs].map((ref) => splitRef(ref) as [GatewayKind | 'Service', string]);
}

/** The names of the zone that hosts stand for, as objects name them: as whole names, and below the zone. */
export function ownersOfHosts({ apex, definition }: Zone, hosts: Iterable<string>): DomainName[] {
  const owners = new Set<DomainName>();
  const plans = definition.stanzas.flatMap(({ gateway }) => gateway ?? []);
  for (const host of hosts) {
    const whole = `${host}.` as DomainName;
    if (isSubdomain(whole, apex)) owners.add(whole);
    const relative = apex === ROOT ? whole : (`${host}.${apex}` as DomainName);
    if (relative.length < MAX_NAME && !plans.every((plan) => isInZones(plan, whole))) owners.add(relative);
  }
  return [...owners];
}

/** A place in a tree of hosts. */
interface Place {
  readonly part: ZonePart;
  readonly node: HostNode;
}

function* namesBelow(parts: readonly ZonePart[], name: DomainName): Generator<DomainName> {
  const places = parts.flatMap((part) => rootsOf(part, name).map((node): Place => ({ part, node })));
  yield* walk(places, name);
}

/** `nodesOf`, and at the apex the whole tree, as what hosts below the zone are named by. */
function rootsOf(part: GatewayPart, name: DomainName): HostNode[] {
  const nodes = nodesOf(part, name);
  return name === part.apex && name !== ROOT ? [...nodes, part.cluster.gateway.hosts] : nodes;
}

function* walk(places: readonly Place[], name: DomainName): Generator<DomainName> {
  const labels = new Set(places.flatMap(({ node }) => [...node.children.keys()]));
  for (const label of [...labels].sort(compareLabels)) {
    const child = childOf(label, name);
    if (child.length >= MAX_NAME || places.some(({ part }) => part.below.includes(child))) continue;
    const below = places.flatMap(({ part, node }) => {
      const next = node.children.get(label);
      return next === undefined || !isSeen(part, child, next) ? [] : [{ part, node: next }];
    });
    if (below.some(({ node }) => node.refs.length > 0)) yield child;
    yield* walk(below, child);
  }
}

/** A relative host that lies in a zone of the stanza is a whole name, and stands elsewhere. */
function isSeen(part: GatewayPart, name: DomainName, node: HostNode): boolean {
  const below = labelsBelow(name, part.apex) ?? [];
  if (!isInZones(part.gateway, `${below.join('.')}.` as DomainName)) return true;
  return nodesOf(part, name).includes(node);
}
