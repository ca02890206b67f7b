/**
 * What is known of the clusters: the fold (fold.ts) of the event log. Immutable; a change shares everything that it did not
 * touch, so a zone version pins it by keeping the object. Big keyed collections are PersistentMaps; the few fields around
 * them are folded with immer, one `produce` a batch.
 */
import type {
  ClusterId,
  EndpointSliceFacts,
  FactsOf,
  ObjectKind,
  PodFacts,
  ServiceFacts,
  ServiceImportFacts,
} from '../ingest/event.ts';
import { heldName } from '../ingest/held-keys.ts';
import type { ZonePlan } from '../ingest/plan.ts';
import { type AddressNode, EMPTY_ADDRESS_NODE } from './address-tree.ts';
import { EMPTY_GATEWAY_STATE, type GatewayState, isGatewayKind } from './gateway-state.ts';
import { type Held, heldCount, heldKeys, NOTHING_HELD } from './held.ts';
import { PersistentMap } from './persistent-map.ts';
import { NOTHING_TRANSFERRED, type Transferred } from './transferred.ts';

export interface NamedSlice {
  readonly name: string;
  readonly facts: EndpointSliceFacts;
}

/** A service with the slices that select it; either may be there before the other. */
export interface ServiceEntry {
  readonly service?: ServiceFacts;
  /** Sorted by name. */
  readonly slices: readonly NamedSlice[];
}

export interface ImportEntry {
  readonly imported?: ServiceImportFacts;
  readonly slices: readonly NamedSlice[];
}

export interface NamespaceState {
  readonly exists: boolean;
  readonly services: PersistentMap<ServiceEntry>;
  readonly imports: PersistentMap<ImportEntry>;
  readonly slices: PersistentMap<EndpointSliceFacts>;
  readonly pods: PersistentMap<PodFacts>;
  /** Names of the pods that have the address. */
  readonly podsByAddress: PersistentMap<readonly string[]>;
}

export interface ClusterState {
  readonly id: ClusterId;
  /** Kinds that have been listed completely at least once, with the time (Unix ms) at which contact was lost, if it is. */
  readonly synced: Readonly<Partial<Record<ObjectKind, true>>>;
  readonly lost: Readonly<Partial<Record<ObjectKind, string>>>;
  /** Kinds that the server has not got or does not let us list, with its words; only such as were never synced. */
  readonly lacking: Readonly<Partial<Record<ObjectKind, string>>>;
  /** Deletions that the guard holds: the objects are there as any other. */
  readonly held: Held;
  readonly namespaces: PersistentMap<NamespaceState>;
  readonly addresses: AddressNode;
  readonly gateway: GatewayState;
}

export interface World {
  readonly plan: ZonePlan;
  readonly clusters: Readonly<Record<ClusterId, ClusterState>>;
  readonly transferred: Transferred;
}

export const EMPTY_WORLD: World = { plan: { zones: [] }, clusters: {}, transferred: NOTHING_TRANSFERRED };

export const EMPTY_NAMESPACE: NamespaceState = {
  exists: false,
  services: PersistentMap.empty(),
  imports: PersistentMap.empty(),
  slices: PersistentMap.empty(),
  pods: PersistentMap.empty(),
  podsByAddress: PersistentMap.empty(),
};

export function emptyCluster(id: ClusterId): ClusterState {
  return {
    id,
    synced: {},
    lost: {},
    lacking: {},
    held: NOTHING_HELD,
    namespaces: PersistentMap.empty(),
    addresses: EMPTY_ADDRESS_NODE,
    gateway: EMPTY_GATEWAY_STATE,
  };
}

/** The cluster's state, empty when nothing is known of it. */
export function clusterOf(world: World, id: ClusterId): ClusterState {
  return world.clusters[id] ?? emptyCluster(id);
}

/** The clusters that a plan looks at. */
export function clustersOfPlan(plan: ZonePlan): Set<ClusterId> {
  const ofZones = plan.zones.flatMap((zone) => zone.stanzas.map((stanza) => stanza.cluster));
  return new Set([...ofZones, ...(plan.others ?? [])]);
}
/** A service's cluster IPs that are addresses. */
export function clusterAddresses(entry: ServiceEntry): readonly string[] {
  return (entry.service?.clusterIPs ?? []).filter((ip) => ip !== 'None');
}

/** An import's ClusterSetIPs, then the addresses of its endpoints; they may come more than once. */
export function* importAddresses({ imported, slices }: ImportEntry): Generator<string> {
  yield* imported?.ips ?? [];
  yield* endpointAddresses(slices);
}

/** The addresses of all endpoints of these slices. */
export function* endpointAddresses(slices: readonly NamedSlice[]): Generator<string> {
  for (const slice of slices) for (const endpoint of slice.facts.endpoints) yield* endpoint.addresses;
}

/** The facts of one object, as last logged. */
export function factsAt(
  world: World,
  cluster: ClusterId,
  kind: ObjectKind,
  key: string,
): FactsOf[ObjectKind] | undefined {
  const state = world.clusters[cluster];
  if (state === undefined) return undefined;
  if (isGatewayKind(kind)) return state.gateway.objects[kind].get(key);
  if (kind === 'Namespace') return state.namespaces.get(key)?.exists ? {} : undefined;
  const [namespace, name] = splitKey(key);
  const ns = state.namespaces.get(namespace);
  switch (kind) {
    case 'Service':
      return ns?.services.get(name)?.service;
    case 'EndpointSlice':
      return ns?.slices.get(name);
    case 'Pod':
      return ns?.pods.get(name);
    case 'ServiceImport':
      return ns?.imports.get(name)?.imported;
  }
}

/** The keys of all objects of a kind, in no order. */
export function* keysAt(world: World, cluster: ClusterId, kind: ObjectKind): Generator<string> {
  if (isGatewayKind(kind)) {
    yield* world.clusters[cluster]?.gateway.objects[kind].keys() ?? [];
    return;
  }
  for (const [namespace, state] of world.clusters[cluster]?.namespaces.entries() ?? []) {
    switch (kind) {
      case 'Namespace':
        if (state.exists) yield namespace;
        break;
      case 'Service':
        for (const [name, entry] of state.services.entries()) if (entry.service) yield `${namespace}/${name}`;
        break;
      case 'EndpointSlice':
        for (const name of state.slices.keys()) yield `${namespace}/${name}`;
        break;
      case 'Pod':
        for (const name of state.pods.keys()) yield `${namespace}/${name}`;
        break;
      case 'ServiceImport':
        for (const [name, entry] of state.imports.entries()) if (entry.imported) yield `${namespace}/${name}`;
        break;
    }
  }
}

/** The objects of a list of which the guard holds the deletion, and until when (Unix ms); undefined when there are none. */
export function heldAt(
  world: World,
  cluster: ClusterId,
  kind: ObjectKind,
  scope: string,
): { readonly keys: readonly string[]; readonly until: number } | undefined {
  const held = world.clusters[cluster]?.held[heldName(kind, scope)];
  return held && { keys: heldKeys(held), until: held.until };
}

/** How many objects of a cluster the guard holds the deletion of. */
export function heldCountOf(world: World, cluster: ClusterId): number {
  return heldCount(world.clusters[cluster]?.held ?? NOTHING_HELD);
}

/** Namespace and name of an object's key. */
export function splitKey(key: string): [namespace: string, name: string] {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
}

/** How many objects of all clusters are known. */
export function countObjects({ clusters }: World): number {
  let count = 0;
  for (const { namespaces, gateway } of Object.values(clusters)) {
    for (const { services, imports, slices, pods } of namespaces.values())
      count += 1 + services.size + imports.size + slices.size + pods.size;
    for (const objects of Object.values(gateway.objects)) count += objects.size;
  }
  return count;
}
