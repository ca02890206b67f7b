/** What objects of each kind have for a name of a gateway zone. */
import { endpointRdata, textRdata } from '../../dns/endpoint-rdata.ts';
import { isAddressText } from '../../dns/host-name.ts';
import type { DomainName } from '../../dns/name.ts';
import { type Rdata, RRType } from '../../dns/rrset.ts';
import type { NoteFacts } from '../../ingest/event.ts';
import type { GatewayPlan, StanzaPlan } from '../../ingest/plan.ts';
import { isResolvedToEndpoints, noteOfService, type RouteKind, targetsOfService } from '../gateway-state.ts';
import type { ClusterState } from '../state.ts';

/** Addresses of one name. */
export const MAX_ADDRESSES = 1_000;

/** A stanza's part in one zone, and the cluster that it looks at. */
export interface GatewayPart {
  readonly stanza: StanzaPlan;
  readonly gateway: GatewayPlan;
  readonly cluster: ClusterState;
  readonly apex: DomainName;
}

/** What objects of one kind have for a name, before it is made records. */
export interface Draft {
  readonly addresses: Set<string>;
  /** Host names of load balancers. */
  readonly names: Set<string>;
  readonly others: Map<RRType, Rdata[]>;
  /** Seconds, by type; of addresses under A. */
  readonly ttls: Map<RRType, number>;
  /** Seconds, for which the addresses of host names may be kept. */
  namesTtl: number;
}

export function emptyDraft(): Draft {
  return {
    addresses: new Set(),
    names: new Set(),
    others: new Map(),
    ttls: new Map(),
    namesTtl: Number.POSITIVE_INFINITY,
  };
}

/** Adds what one object has for the name; `hosts` are the name's spellings as objects have them. */
export function gather(part: GatewayPart, kind: string, key: string, hosts: readonly string[], draft: Draft): void {
  const { gateway: plan, cluster } = part;
  const { objects } = cluster.gateway;
  switch (kind) {
    case 'Ingress':
    case 'VirtualServer': {
      const facts = objects[kind].get(key);
      const isWanted = kind === 'VirtualServer' || isOfClass(plan.ingressClasses, facts?.class);
      if (facts !== undefined && isWanted) addTargets(part, draft, facts.targets, facts);
      break;
    }
    case 'HTTPRoute':
    case 'TLSRoute':
    case 'GRPCRoute':
      gatherRoute(part, kind, key, hosts, draft);
      break;
    case 'Service':
      gatherService(part, key, draft);
      break;
    case 'DNSEndpoint':
      for (const entry of objects.DNSEndpoint.get(key)?.entries ?? []) {
        if (hosts.includes(entry.host)) gatherEndpoint(part, entry, draft);
      }
      break;
    case 'Node': {
      const facts = objects.Node.get(key);
      const addresses = plan.nodeAddressType === 'ExternalIP' ? facts?.external : facts?.internal;
      addTargets(part, draft, addresses ?? [], {});
      break;
    }
  }
}

function isOfClass(wanted: readonly string[] | undefined, name: string | undefined): boolean {
  return wanted === undefined || (name !== undefined && wanted.includes(name));
}

/** The addresses of every Gateway that is a parent of the route. */
function gatherRoute(part: GatewayPart, kind: RouteKind, key: string, hosts: readonly string[], draft: Draft): void {
  const { gateway: plan, cluster } = part;
  const { objects } = cluster.gateway;
  const route = objects[kind].get(key);
  if (route === undefined) return;
  const isInherited = route.hosts.length === 0;
  for (const { gateway: parent, listener } of route.parents) {
    const gateway = objects.Gateway.get(parent);
    if (gateway === undefined || !isOfClass(plan.gatewayClasses, gateway.class)) continue;
    const isListened = gateway.listeners?.some(
      (one) => hosts.includes(one.host) && (listener === undefined || listener === one.name),
    );
    if (isInherited && isListened !== true) continue;
    const target = route.target ?? gateway.target;
    const ttl = route.ttl ?? gateway.ttl;
    addTargets(part, draft, gateway.targets, {
      ...(target !== undefined && { target }),
      ...(ttl !== undefined && { ttl }),
    });
  }
}

function gatherService(part: GatewayPart, key: string, draft: Draft): void {
  const [namespace = '', name = ''] = key.split('/');
  const entry = part.cluster.namespaces.get(namespace)?.services.get(name);
  if (entry?.service === undefined) return;
  const targets = isResolvedToEndpoints(entry.service)
    ? entry.slices.flatMap(({ facts }) => facts.endpoints.flatMap(({ addresses }) => addresses))
    : targetsOfService(entry.service);
  addTargets(part, draft, targets, noteOfService(entry.service));
}

type EndpointEntry = { readonly type: string; readonly targets: readonly string[]; readonly ttl?: number };

function gatherEndpoint(part: GatewayPart, { type, targets, ttl }: EndpointEntry, draft: Draft): void {
  const note: NoteFacts = ttl === undefined ? {} : { ttl };
  if (type === 'A' || type === 'AAAA') {
    addTargets(part, draft, targets, note);
    return;
  }
  const isText = type === 'TXT';
  if (!isText && !heeds(part, 'records')) return;
  for (const target of targets) {
    const rdata = isText ? textRdata(target) : endpointRdata(type, target);
    if (rdata === undefined) continue;
    const code = RRType[rdata.type as 'TXT'];
    const list = draft.others.get(code) ?? [];
    draft.others.set(code, list);
    if (list.length < MAX_ADDRESSES) list.push(rdata);
    noteTtl(part, draft, code, note);
  }
}

function heeds({ gateway }: GatewayPart, what: 'ttl' | 'target' | 'records'): boolean {
  return gateway.externalDns?.includes(what) === true;
}

function addTargets(part: GatewayPart, draft: Draft, own: readonly string[], note: NoteFacts): void {
  const targets = heeds(part, 'target') && note.target !== undefined ? note.target : own;
  for (const target of targets) (isAddressText(target) ? draft.addresses : draft.names).add(target);
  if (targets.length > 0) noteTtl(part, draft, RRType.A, note);
}

/** Of several TTLs for one set the lowest counts (RFC 2181 §5.2). */
function noteTtl(part: GatewayPart, draft: Draft, type: RRType, { ttl }: NoteFacts): void {
  if (!heeds(part, 'ttl')) return;
  const own = ttl ?? part.stanza.ttl;
  draft.ttls.set(type, Math.min(own, draft.ttls.get(type) ?? own));
}
