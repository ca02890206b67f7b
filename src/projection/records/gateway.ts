/**
 * What a stanza of `k8s_gateway` has for a name: the records of the first kind of object, in the order of its `resources`,
 * that has anything for it. An object names hosts as a whole (`www.example.org`) or below the zone (`www`).
 */
import { type DomainName, isSubdomain, labelsBelow, labelsOf, parseName, ROOT } from '../../dns/name.ts';
import type { Rdata, RRset } from '../../dns/rrset.ts';
import { RRType } from '../../dns/rrset.ts';
import type { GatewayPlan } from '../../ingest/plan.ts';
import { isRouteKind, type RouteKind, splitRef } from '../gateway-state.ts';
import { findHost, type HostNode, keysOfKind } from '../host-tree.ts';
import { type Draft, emptyDraft, type GatewayPart, gather, MAX_ADDRESSES } from './gateway-objects.ts';

export type { GatewayPart };

/** Objects of one kind that count for one name, in the order of their keys: what is beyond is left out. */
export const MAX_OBJECTS = 1_000;
/**
 * @returns the sets by ascending type, none where nothing is known; `unsure` where all depends on host names that were
 *   never resolved
 */
export function hostSets(part: GatewayPart, name: DomainName): readonly RRset[] | 'unsure' {
  const nodes = nodesOf(part, name);
  if (nodes.every(({ refs }) => refs.length === 0)) return [];
  let isUnsure = false;
  for (const kind of part.gateway.resources) {
    const draft = emptyDraft();
    for (const key of keysOf(part, nodes, kind)) gather(part, kind, key, hostsOfName(part, name), draft);
    const target = aliasOf(part, name, draft);
    if (target !== undefined) return [cnameSet(name, ttlOf(part, draft, RRType.A), target)];
    if (!resolveNames(part, name, draft)) isUnsure = true;
    const sets = setsOf(part, name, draft);
    if (sets.length > 0) return sets;
  }
  return isUnsure ? 'unsure' : [];
}

/** The addresses of a name server: those of all kinds together. */
export function serverAddresses(part: GatewayPart, name: DomainName): string[] {
  const nodes = nodesOf(part, name);
  const draft = emptyDraft();
  for (const kind of part.gateway.resources) {
    for (const key of keysOf(part, nodes, kind)) gather(part, kind, key, hostsOfName(part, name), draft);
  }
  resolveNames(part, name, draft);
  return [...draft.addresses].slice(0, MAX_ADDRESSES);
}

/** Of a kind of which too many objects name a host: the first that does not count. */
export function firstLeftOut(node: HostNode, kind: string): string | undefined {
  return node.refs.length <= MAX_OBJECTS ? undefined : keysOfKind(node, kind, MAX_OBJECTS + 1)[MAX_OBJECTS];
}

/** The places in a cluster's tree of hosts where a name of the zone may stand: as a whole, and below the zone. */
export function nodesOf({ gateway, cluster, apex }: GatewayPart, name: DomainName): HostNode[] {
  const root = cluster.gateway.hosts;
  const whole = findHost(root, labelsOf(name).reverse());
  if (apex === ROOT) return whole === undefined ? [] : [whole];
  const below = labelsBelow(name, apex) ?? [];
  const isRelative = below.length > 0 && !isInZones(gateway, `${below.join('.')}.` as DomainName);
  const relative = isRelative ? findHost(root, below.reverse()) : undefined;
  return [whole, relative].filter((node) => node !== undefined);
}

/** A host that lies in a zone of the stanza is a whole name, and nothing else. */
export function isInZones({ zones }: GatewayPlan, host: DomainName): boolean {
  return zones.some((zone) => zone !== ROOT && isSubdomain(host, zone));
}

function hostsOfName({ apex }: GatewayPart, name: DomainName): readonly string[] {
  const below = labelsBelow(name, apex) ?? [];
  return [name.slice(0, -1), below.join('.')];
}

/** Keys of the objects of a kind that count, sorted; routes without hosts among them that have those of a listener. */
function keysOf(part: GatewayPart, nodes: readonly HostNode[], kind: string): string[] {
  const keys = new Set(nodes.flatMap((node) => keysOfKind(node, kind, MAX_OBJECTS)));
  if (part.gateway.inheritsHosts === true && isRouteKind(kind)) {
    for (const node of nodes)
      for (const gateway of keysOfKind(node, 'Gateway', MAX_OBJECTS))
        for (const key of hostlessRoutes(part, kind, gateway)) keys.add(key);
  }
  return [...keys].sort().slice(0, MAX_OBJECTS);
}

function hostlessRoutes({ cluster: { gateway } }: GatewayPart, kind: RouteKind, parent: string): string[] {
  const routes = (gateway.attached.get(parent) ?? []).map(splitRef).filter(([other]) => other === kind);
  return routes.map(([, key]) => key).filter((key) => gateway.objects[kind].get(key)?.hosts.length === 0);
}

function ttlOf({ stanza }: GatewayPart, draft: Draft, type: RRType): number {
  return draft.ttls.get(type) ?? stanza.ttl;
}

/**
 * The one host name that a name is an alias of, under `cname`. A name that has anything else, the zone's own name and the
 * names of its servers can't be aliases (RFC 1034 §3.6.2, RFC 2181 §10.3).
 */
function aliasOf(part: GatewayPart, name: DomainName, draft: Draft): DomainName | undefined {
  const { gateway, apex } = part;
  if (gateway.isAliased !== true || draft.names.size !== 1 || draft.addresses.size + draft.others.size > 0)
    return undefined;
  if (name === apex || gateway.servers.some((server) => server.name === name)) return undefined;
  const [target = ''] = draft.names;
  const parsed = parseName(target);
  return parsed === name ? undefined : parsed;
}

/** Puts the addresses of load balancers' host names in their place. @returns whether all of them are known */
function resolveNames({ cluster }: GatewayPart, name: DomainName, draft: Draft): boolean {
  let isKnown = true;
  for (const target of draft.names) {
    // A name that stands for itself stands for nothing.
    if (`${target}.` === name) continue;
    const facts = cluster.gateway.objects.ResolvedHost.get(target);
    if (facts === undefined) isKnown = false;
    for (const address of facts?.addresses ?? []) draft.addresses.add(address);
    draft.namesTtl = Math.min(draft.namesTtl, facts?.ttl ?? draft.namesTtl);
  }
  return isKnown;
}

function setsOf(part: GatewayPart, name: DomainName, draft: Draft): RRset[] {
  const v4: Rdata[] = [];
  const v6: Rdata[] = [];
  for (const address of draft.addresses) {
    if (v4.length + v6.length === MAX_ADDRESSES) break;
    if (address.includes(':')) v6.push({ type: 'AAAA', address });
    else v4.push({ type: 'A', address });
  }
  const made = new Map(draft.others);
  if (v4.length > 0) made.set(RRType.A, v4);
  if (v6.length > 0) made.set(RRType.AAAA, v6);
  leaveOutMisplaced(part, name, made);
  return [...made]
    .map(([type, rdatas]): RRset => {
      const isAddress = type === RRType.A || type === RRType.AAAA;
      const ttl = isAddress ? Math.min(draft.namesTtl, ttlOf(part, draft, RRType.A)) : ttlOf(part, draft, type);
      return { owner: name, type, ttl, rdatas: distinct(rdatas) };
    })
    .sort((a, b) => a.type - b.type);
}

/**
 * A CNAME record beside other data, more than one, and NS or CNAME records at the apex can't be (RFC 1034 §3.6.2); what NS
 * records of a wildcard would mean nobody knows (RFC 4592 §4.2).
 */
function leaveOutMisplaced({ apex }: GatewayPart, name: DomainName, made: Map<RRType, Rdata[]>): void {
  if (name === apex || name.startsWith('*.')) made.delete(RRType.NS);
  const aliases = made.get(RRType.CNAME);
  if (aliases === undefined) return;
  if (made.size > 1 || name === apex) made.delete(RRType.CNAME);
  else made.set(RRType.CNAME, aliases.slice(0, 1));
}

function distinct(rdatas: readonly Rdata[]): Rdata[] {
  return [...new Map(rdatas.map((rdata) => [JSON.stringify(rdata), rdata])).values()];
}

function cnameSet(owner: DomainName, ttl: number, target: DomainName): RRset {
  return { owner, type: RRType.CNAME, ttl, rdatas: [{ type: 'CNAME', target }] };
}
