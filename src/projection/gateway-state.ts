/**
 * What is known of the objects that gateway zones are made from, and who names which host: a part of a cluster's state.
 * Every change tells which hosts it may have given other records.
 */
import { isAddressText, parseHostList, parseTarget } from '../dns/host-name.ts';
import { parseTtl } from '../dns/rdata-text.ts';
import { type FactsOf, HOST_KINDS, type NoteFacts, type ServiceFacts } from '../ingest/event.ts';
import { addHost, EMPTY_HOST_NODE, type HostNode, removeHost, withoutText, withText } from './host-tree.ts';
import { PersistentMap } from './persistent-map.ts';

/** Kinds that are looked at for gateway zones alone. */
export const GATEWAY_KINDS = [...HOST_KINDS, 'ResolvedHost'] as const;
export type GatewayKind = (typeof GATEWAY_KINDS)[number];

export interface GatewayState {
  readonly objects: { readonly [K in GatewayKind]: PersistentMap<FactsOf[K]> };
  /** The hosts of each service that has any. */
  readonly services: PersistentMap<readonly string[]>;
  readonly hosts: HostNode;
  /** For each Gateway (`namespace/name`, there or not) the routes that name it as parent: `KIND NAMESPACE/NAME`, sorted. */
  readonly attached: PersistentMap<readonly string[]>;
  /** For each host name that load balancers go by the objects that have it as target: `KIND NAMESPACE/NAME`, sorted. */
  readonly pointing: PersistentMap<readonly string[]>;
}

export const EMPTY_GATEWAY_STATE: GatewayState = {
  objects: {
    Ingress: PersistentMap.empty(),
    Gateway: PersistentMap.empty(),
    HTTPRoute: PersistentMap.empty(),
    TLSRoute: PersistentMap.empty(),
    GRPCRoute: PersistentMap.empty(),
    DNSEndpoint: PersistentMap.empty(),
    Node: PersistentMap.empty(),
    VirtualServer: PersistentMap.empty(),
    ResolvedHost: PersistentMap.empty(),
  },
  services: PersistentMap.empty(),
  hosts: EMPTY_HOST_NODE,
  attached: PersistentMap.empty(),
  pointing: PersistentMap.empty(),
};

export function isGatewayKind(kind: string): kind is GatewayKind {
  return (GATEWAY_KINDS as readonly string[]).includes(kind);
}

export type RouteKind = 'HTTPRoute' | 'TLSRoute' | 'GRPCRoute';

export function isRouteKind(kind: string): kind is RouteKind {
  return kind === 'HTTPRoute' || kind === 'TLSRoute' || kind === 'GRPCRoute';
}

/** An object's kind and key, from the text that indexes hold. */
export function splitRef(ref: string): [kind: string, key: string] {
  const at = ref.indexOf(' ');
  return [ref.slice(0, at), ref.slice(at + 1)];
}

/**
 * The state with an object's new facts.
 * @param facts undefined: it is gone
 * @param touch is told of each host whose records may differ now
 */
export function setGatewayObject<K extends GatewayKind>(
  state: GatewayState,
  kind: K,
  key: string,
  facts: FactsOf[K] | undefined,
  touch: (host: string) => void,
): GatewayState {
  const objects: PersistentMap<FactsOf[K]> = state.objects[kind];
  const before = objects.get(key);
  const ref = `${kind} ${key}`;
  const changed = facts === undefined ? objects.delete(key) : objects.set(key, facts);
  const next: GatewayState = { ...state, objects: { ...state.objects, [kind]: changed } };
  if (kind === 'ResolvedHost') {
    for (const user of state.pointing.get(key) ?? []) touchHostsOf(next, user, touch);
    return next;
  }
  touchHostsOf(state, ref, touch);
  touchHostsOf(next, ref, touch);
  const old = linksOf(kind, before);
  const now = linksOf(kind, facts);
  return {
    ...next,
    hosts: moveHosts(state.hosts, ref, old.hosts, now.hosts),
    attached: moveLinks(state.attached, ref, old.parents, now.parents),
    pointing: moveLinks(state.pointing, ref, old.names, now.names),
  };
}

/** The state with a service's new facts; undefined: it is gone. */
export function setGatewayService(
  state: GatewayState,
  key: string,
  before: ServiceFacts | undefined,
  facts: ServiceFacts | undefined,
  touch: (host: string) => void,
): GatewayState {
  const old = before === undefined ? NO_HOSTS : hostsOfService(key, before);
  const now = facts === undefined ? NO_HOSTS : hostsOfService(key, facts);
  if (old.length === 0 && now.length === 0) return state;
  for (const host of [...old, ...now]) touch(host);
  const ref = `Service ${key}`;
  return {
    ...state,
    services: now.length === 0 ? state.services.delete(key) : state.services.set(key, now),
    hosts: moveHosts(state.hosts, ref, old, now),
    pointing: moveLinks(state.pointing, ref, namesIn(old, before), namesIn(now, facts)),
  };
}

const NO_HOSTS: readonly string[] = [];

function namesIn(hosts: readonly string[], facts: ServiceFacts | undefined): readonly string[] {
  return hosts.length === 0 || facts === undefined
    ? NO_HOSTS
    : hostNamesAmong(targetsOfService(facts), noteTargets(facts));
}

/** What a service's names stand for when it has not opted in to its endpoints. */
export function targetsOfService(facts: ServiceFacts): readonly string[] {
  return facts.gatewayTargets ?? facts.external ?? NO_HOSTS;
}

/** Do the names of a service stand for its endpoints? */
export function isResolvedToEndpoints({ annotations }: ServiceFacts): boolean {
  return annotations?.['k8s-gateway.dns/resolve-endpoints'] === 'true';
}

/** What external-dns' annotations say of a service. */
export function noteOfService(facts: ServiceFacts): NoteFacts {
  const target = noteTargets(facts);
  const text = facts.annotations?.['external-dns.alpha.kubernetes.io/ttl'];
  const ttl = text === undefined ? undefined : parseTtl(text);
  return { ...(target.length > 0 && { target }), ...(ttl !== undefined && ttl > 0 && { ttl }) };
}

function noteTargets({ annotations }: ServiceFacts): readonly string[] {
  const text = annotations?.['external-dns.alpha.kubernetes.io/target'];
  return text === undefined ? NO_HOSTS : text.split(',').flatMap((target) => parseTarget(target.trim()) ?? []);
}

/**
 * The hosts of a service: what its annotations name, else `name.namespace`. One whose annotation holds no name at all has
 * none; nor has one that is no load balancer and has not opted in to its endpoints, or is to be ignored.
 */
function hostsOfService(key: string, facts: ServiceFacts): readonly string[] {
  const { annotations = {}, type } = facts;
  if (type !== 'LoadBalancer' && !isResolvedToEndpoints(facts)) return NO_HOSTS;
  if (annotations['k8s-gateway.dns/ignore'] === 'true') return NO_HOSTS;
  const named = annotations['coredns.io/hostname'] ?? annotations['external-dns.alpha.kubernetes.io/hostname'];
  if (named !== undefined) return parseHostList(named).hosts;
  const [namespace, name] = key.split('/');
  return [`${name}.${namespace}`];
}

interface Links {
  readonly hosts: readonly string[];
  readonly parents: readonly string[];
  /** Host names among the targets. */
  readonly names: readonly string[];
}

const NO_LINKS: Links = { hosts: [], parents: [], names: [] };

function linksOf(kind: GatewayKind, facts: FactsOf[GatewayKind] | undefined): Links {
  if (facts === undefined) return NO_LINKS;
  const note = 'target' in facts ? (facts.target ?? NO_HOSTS) : NO_HOSTS;
  if ('parents' in facts) {
    const parents = [...new Set(facts.parents.map((parent) => parent.gateway))];
    return { hosts: facts.hosts, parents, names: hostNamesAmong(note, NO_HOSTS) };
  }
  if ('entries' in facts) return { ...NO_LINKS, hosts: [...new Set(facts.entries.map((entry) => entry.host))] };
  if ('hosts' in facts && 'targets' in facts)
    return { ...NO_LINKS, hosts: facts.hosts, names: hostNamesAmong(facts.targets, note) };
  if ('hosts' in facts) return { ...NO_LINKS, hosts: facts.hosts };
  if (kind === 'Gateway' && 'targets' in facts) {
    const hosts = (facts.listeners ?? []).map((listener) => listener.host);
    return { ...NO_LINKS, hosts: [...new Set(hosts)], names: hostNamesAmong(facts.targets, note) };
  }
  return NO_LINKS;
}

function hostNamesAmong(targets: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...targets, ...more])].filter((target) => !isAddressText(target));
}

/** The hosts whose records an object has a part in, as this state has it. */
function touchHostsOf(state: GatewayState, ref: string, touch: (host: string) => void): void {
  const [kind, key] = splitRef(ref);
  if (kind === 'Service') {
    for (const host of state.services.get(key) ?? []) touch(host);
    return;
  }
  if (!isGatewayKind(kind)) return;
  for (const host of linksOf(kind, state.objects[kind].get(key)).hosts) touch(host);
  if (kind === 'Gateway') {
    for (const route of state.attached.get(key) ?? []) touchOwnHosts(state, route, touch);
  } else if (isRouteKind(kind)) {
    // A route without hosts may have those of its listeners.
    const route = state.objects[kind].get(key);
    if (route?.hosts.length !== 0) return;
    for (const { gateway } of route.parents)
      for (const { host } of state.objects.Gateway.get(gateway)?.listeners ?? []) touch(host);
  }
}

function touchOwnHosts(state: GatewayState, ref: string, touch: (host: string) => void): void {
  const [kind, key] = splitRef(ref);
  if (isRouteKind(kind)) for (const host of state.objects[kind].get(key)?.hosts ?? []) touch(host);
}

function moveHosts(root: HostNode, ref: string, old: readonly string[], now: readonly string[]): HostNode {
  let hosts = root;
  for (const host of old) if (!now.includes(host)) hosts = removeHost(hosts, host, ref);
  for (const host of now) if (!old.includes(host)) hosts = addHost(hosts, host, ref);
  return hosts;
}

function moveLinks(
  links: PersistentMap<readonly string[]>,
  ref: string,
  old: readonly string[],
  now: readonly string[],
): PersistentMap<readonly string[]> {
  let moved = links;
  for (const to of old) {
    if (now.includes(to)) continue;
    const rest = withoutText(moved.get(to) ?? NO_HOSTS, ref);
    moved = rest.length === 0 ? moved.delete(to) : moved.set(to, rest);
  }
  for (const to of now) if (!old.includes(to)) moved = moved.set(to, withText(moved.get(to) ?? NO_HOSTS, ref));
  return moved;
}
