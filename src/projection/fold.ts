/** Events, one after another, to what is known of the clusters. */
import { produce } from 'immer';
import type {
  ClusterEvent,
  ClusterId,
  DeleteEvent,
  EndpointSliceFacts,
  FactsOf,
  ObjectKind,
  PlanApplied,
  PortFacts,
  TransferEvent,
  UpsertEvent,
} from '../ingest/event.ts';
import { addHolder, removeHolder, replaceHolder, soleHolder } from './address-tree.ts';
import { type GatewayKind, type GatewayState, setGatewayObject, setGatewayService } from './gateway-state.ts';
import { foldHeld } from './held.ts';
import type { PersistentMap } from './persistent-map.ts';
import {
  type ClusterState,
  clusterAddresses,
  clustersOfPlan,
  EMPTY_NAMESPACE,
  emptyCluster,
  endpointAddresses,
  type ImportEntry,
  importAddresses,
  type NamedSlice,
  type NamespaceState,
  type ServiceEntry,
  splitKey,
  type World,
} from './state.ts';
import type { Touched } from './touched.ts';
import { foldTransfer, isTransferEvent, keepPlanned } from './transferred.ts';

/**
 * The world after these events. A new plan drops the state of clusters and zones that it does not look at any more:
 * should they come back, they are listed and transferred anew.
 * @param touched is told what changed, for the changesets and for the caches of answers.
 */
export function foldEvents(world: World, events: readonly ClusterEvent[], touched: Touched): World {
  let { plan, transferred } = world;
  const clusters = new Map<ClusterId, ClusterState | undefined>();
  for (const event of events) {
    if (event.kind === 'PlanApplied') {
      plan = event.plan;
      const kept = clustersOfPlan(plan);
      for (const id of [...Object.keys(world.clusters), ...clusters.keys()] as ClusterId[])
        if (!kept.has(id)) clusters.set(id, undefined);
      transferred = keepPlanned(transferred, plan);
      touched.plan();
    } else if (isTransferEvent(event)) {
      transferred = foldTransfer(transferred, event, touched);
    } else {
      const id = event.cluster;
      const before = (clusters.has(id) ? clusters.get(id) : world.clusters[id]) ?? emptyCluster(id);
      clusters.set(id, foldCluster(before, event, touched));
    }
  }
  const isWider =
    plan !== world.plan || transferred !== world.transferred || [...clusters.values()].includes(undefined);
  if (!isWider) return withClusters(world, clusters);
  return produce(world, (draft: Draft) => {
    draft.plan = plan;
    draft.transferred = transferred;
    for (const [id, state] of clusters) {
      if (state === undefined) delete draft.clusters[id];
      else draft.clusters[id] = state;
    }
  });
}

/** Most batches change some clusters and nothing else. Questions about the past fold hundreds of them, an event each. */
function withClusters(world: World, changed: ReadonlyMap<ClusterId, ClusterState | undefined>): World {
  const isSame = [...changed].every(([id, state]) => world.clusters[id] === state);
  return isSame ? world : { ...world, clusters: { ...world.clusters, ...Object.fromEntries(changed) } };
}

type Draft = { -readonly [K in keyof World]: World[K] } & { clusters: Record<ClusterId, ClusterState> };
type FoldedEvent = Exclude<ClusterEvent, PlanApplied | TransferEvent>;

function foldCluster(state: ClusterState, event: FoldedEvent, touched: Touched): ClusterState {
  if (event.kind === 'ClusterSynced') {
    if (state.synced[event.key] === true && state.lacking[event.key] === undefined) touched.contact(state.id);
    else touched.sync(state.id);
    const { [event.key]: _, ...lost } = state.lost;
    const { [event.key]: __, ...lacking } = state.lacking;
    return { ...state, synced: { ...state.synced, [event.key]: true }, lost, lacking };
  }
  if (event.kind === 'ClusterLost') {
    touched.contact(state.id);
    return { ...state, lost: { ...state.lost, [event.key]: event.reason } };
  }
  if (event.kind === 'ClusterLacks') {
    touched.sync(state.id);
    return { ...state, lacking: { ...state.lacking, [event.key]: event.reason } };
  }
  if (event.kind === 'DeletionsHeld' || event.kind === 'DeletionsReleased') {
    return { ...state, held: foldHeld(state.held, event) };
  }
  switch (event.object) {
    case 'Namespace':
      return foldNamespace(state, event, touched);
    case 'Service':
      return foldService(state, event, touched);
    case 'EndpointSlice':
      return foldSlice(state, event, touched);
    case 'Pod':
      return foldPod(state, event, touched);
    case 'ServiceImport':
      return foldImport(state, event, touched);
    default: {
      const gateway = foldGatewayObject(state.gateway, event, (host) => touched.host(state.id, host));
      return { ...state, gateway };
    }
  }
}

function foldGatewayObject<K extends GatewayKind>(
  state: GatewayState,
  event: { readonly object: K; readonly key: string; readonly facts?: FactsOf[K] },
  touch: (host: string) => void,
): GatewayState {
  return setGatewayObject(state, event.object, event.key, event.facts, touch);
}

/** Lists of ports come again and again: equal ones are one object, as long as there are not too many of them. */
const sharedPorts = new Map<string, readonly PortFacts[]>();
const MAX_SHARED_PORTS = 10_000;

/** The facts with the shared list of their ports. */
export function withSharedPorts<F extends { readonly ports: readonly PortFacts[] }>(facts: F): F {
  const key = JSON.stringify(facts.ports);
  const shared = sharedPorts.get(key);
  if (shared !== undefined) return { ...facts, ports: shared };
  if (sharedPorts.size < MAX_SHARED_PORTS) sharedPorts.set(key, facts.ports);
  return facts;
}

type EventOf<K extends ObjectKind> = Extract<UpsertEvent | DeleteEvent, { object: K }>;

function factsIn<K extends ObjectKind>(event: { kind: string; facts?: FactsOf[K] }): FactsOf[K] | undefined {
  return event.facts;
}

function changeNamespace(
  state: ClusterState,
  name: string,
  change: (namespace: NamespaceState) => NamespaceState,
): ClusterState {
  const next = change(state.namespaces.get(name) ?? EMPTY_NAMESPACE);
  const isEmpty =
    !next.exists &&
    next.services.size === 0 &&
    next.imports.size === 0 &&
    next.slices.size === 0 &&
    next.pods.size === 0;
  return { ...state, namespaces: isEmpty ? state.namespaces.delete(name) : state.namespaces.set(name, next) };
}

function foldNamespace(state: ClusterState, event: EventOf<'Namespace'>, touched: Touched): ClusterState {
  const exists = factsIn<'Namespace'>(event) !== undefined;
  touched.namespace(state.id, event.key);
  return changeNamespace(state, event.key, (namespace) => ({ ...namespace, exists }));
}

function foldService(state: ClusterState, event: EventOf<'Service'>, touched: Touched): ClusterState {
  const [namespace, name] = splitKey(event.key);
  const own = factsIn<'Service'>(event);
  const facts = own && withSharedPorts(own);
  const before = state.namespaces.get(namespace)?.services.get(name) ?? { slices: [] };
  const entry: ServiceEntry = { slices: before.slices, ...(facts && { service: facts }) };
  touched.service(state.id, event.key);
  const old = clusterAddresses(before);
  const now = clusterAddresses(entry);
  for (const address of [...old, ...now, ...endpointAddresses(entry.slices)]) touched.address(state.id, address);
  const addresses = replaceHolder(state.addresses, 'services', event.key, new Set(old), new Set(now));
  const touchHost = (host: string) => touched.host(state.id, host);
  const gateway = setGatewayService(state.gateway, event.key, before.service, facts, touchHost);
  return changeNamespace({ ...state, addresses, gateway }, namespace, (ns) => ({
    ...ns,
    services: setEntry(ns.services, name, entry, entry.service === undefined),
  }));
}

function setEntry<E extends { readonly slices: readonly NamedSlice[] }>(
  map: PersistentMap<E>,
  name: string,
  entry: E,
  isGone: boolean,
): PersistentMap<E> {
  return isGone && entry.slices.length === 0 ? map.delete(name) : map.set(name, entry);
}

function foldSlice(state: ClusterState, event: EventOf<'EndpointSlice'>, touched: Touched): ClusterState {
  const [namespace, name] = splitKey(event.key);
  const before = state.namespaces.get(namespace)?.slices.get(name);
  const own = factsIn<'EndpointSlice'>(event);
  const after = own && withSharedPorts(own);
  let next = changeNamespace(state, namespace, (ns) => ({
    ...ns,
    slices: after ? ns.slices.set(name, after) : ns.slices.delete(name),
  }));
  for (const service of new Set([before?.service, after?.service])) {
    if (service === undefined) continue;
    next = attachSlice(next, namespace, service, name, after?.service === service ? after : undefined, touched);
  }
  for (const service of new Set([before?.imported?.service, after?.imported?.service])) {
    if (service === undefined) continue;
    const slice = after?.imported?.service === service ? after : undefined;
    const old = next.namespaces.get(namespace)?.imports.get(service) ?? { slices: [] };
    for (const facts of [before, after]) touchEndpoints(touched, state.id, facts);
    // Whether an import is empty decides about the PTR records of its own addresses (`ignore empty_service`).
    for (const ip of old.imported?.ips ?? []) touched.address(state.id, ip);
    next = changeImport(next, namespace, service, { ...old, slices: replaceSlice(old.slices, name, slice) }, touched);
  }
  return next;
}

function attachSlice(
  state: ClusterState,
  namespace: string,
  service: string,
  name: string,
  slice: EndpointSliceFacts | undefined,
  touched: Touched,
): ClusterState {
  const key = `${namespace}/${service}`;
  for (const host of state.gateway.services.get(key) ?? []) touched.host(state.id, host);
  const old = state.namespaces.get(namespace)?.services.get(service) ?? { slices: [] };
  const replaced = old.slices.find((other) => other.name === name)?.facts;
  const entry: ServiceEntry = { ...old, slices: replaceSlice(old.slices, name, slice) };
  touched.service(state.id, key);
  // Whether a service is empty decides about the PTR records of its cluster IPs (`ignore empty_service`).
  if (isEmptySlice(replaced) !== isEmptySlice(slice))
    for (const address of clusterAddresses(entry)) touched.address(state.id, address);
  const gone = new Set(replaced?.endpoints.flatMap((endpoint) => endpoint.addresses));
  const sole = soleHolder('endpoints', key);
  let { addresses } = state;
  for (const address of gone) touched.address(state.id, address);
  for (const endpoint of slice?.endpoints ?? []) {
    for (const address of endpoint.addresses) {
      touched.address(state.id, address);
      if (!gone.delete(address)) addresses = addHolder(addresses, address, 'endpoints', key, sole);
    }
  }
  if (gone.size > 0) {
    for (const address of endpointAddresses(entry.slices)) gone.delete(address);
    for (const address of gone) addresses = removeHolder(addresses, address, 'endpoints', key);
  }
  return changeNamespace({ ...state, addresses }, namespace, (ns) => ({
    ...ns,
    services: setEntry(ns.services, service, entry, entry.service === undefined),
  }));
}

function isEmptySlice(slice: EndpointSliceFacts | undefined): boolean {
  return slice === undefined || slice.endpoints.length === 0;
}

function replaceSlice(
  slices: readonly NamedSlice[],
  name: string,
  facts: EndpointSliceFacts | undefined,
): readonly NamedSlice[] {
  const at = slices.findIndex((slice) => slice.name >= name);
  const isThere = at >= 0 && slices[at]?.name === name;
  if (facts === undefined) return isThere ? slices.toSpliced(at, 1) : slices;
  return slices.toSpliced(at < 0 ? slices.length : at, isThere ? 1 : 0, { name, facts });
}

function foldPod(state: ClusterState, event: EventOf<'Pod'>, touched: Touched): ClusterState {
  const [namespace, name] = splitKey(event.key);
  const after = factsIn<'Pod'>(event);
  const before = state.namespaces.get(namespace)?.pods.get(name);
  return changeNamespace(state, namespace, (ns) => {
    let { podsByAddress } = ns;
    for (const address of before?.addresses ?? []) {
      touched.pod(state.id, namespace, address);
      const others = (podsByAddress.get(address) ?? []).filter((pod) => pod !== name);
      podsByAddress = others.length === 0 ? podsByAddress.delete(address) : podsByAddress.set(address, others);
    }
    for (const address of after?.addresses ?? []) {
      touched.pod(state.id, namespace, address);
      const others = (podsByAddress.get(address) ?? []).filter((pod) => pod !== name);
      podsByAddress = podsByAddress.set(address, [...others, name].sort());
    }
    return { ...ns, pods: after ? ns.pods.set(name, after) : ns.pods.delete(name), podsByAddress };
  });
}

function foldImport(state: ClusterState, event: EventOf<'ServiceImport'>, touched: Touched): ClusterState {
  const [namespace, name] = splitKey(event.key);
  const facts = factsIn<'ServiceImport'>(event);
  const { slices, imported } = state.namespaces.get(namespace)?.imports.get(name) ?? { slices: [] };
  for (const ip of [...(imported?.ips ?? []), ...(facts?.ips ?? [])]) touched.address(state.id, ip);
  for (const slice of slices) touchEndpoints(touched, state.id, slice.facts);
  return changeImport(state, namespace, name, { slices, ...(facts && { imported: facts }) }, touched);
}

function touchEndpoints(touched: Touched, id: ClusterId, slice: EndpointSliceFacts | undefined): void {
  for (const { addresses } of slice?.endpoints ?? []) for (const address of addresses) touched.address(id, address);
}

function changeImport(
  state: ClusterState,
  namespace: string,
  name: string,
  entry: ImportEntry,
  touched: Touched,
): ClusterState {
  const key = `${namespace}/${name}`;
  const before = state.namespaces.get(namespace)?.imports.get(name);
  const old = new Set(before && importAddresses(before));
  const addresses = replaceHolder(state.addresses, 'imports', key, old, new Set(importAddresses(entry)));
  touched.import(state.id, key);
  return changeNamespace({ ...state, addresses }, namespace, (ns) => ({
    ...ns,
    imports: setEntry(ns.imports, name, entry, entry.imported === undefined),
  }));
}
