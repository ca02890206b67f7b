/**
 * What is known as text, for snapshots and for the base of a log: first a head, then parts with the objects of some
 * namespaces each, then parts with records of zones of other servers. Bases live as long as their log, so every version of this must be read for ever.
 */

import type { Serial } from '../dns/serial.ts';
import { OperatorError } from '../errors.ts';
import type { ClusterId, FactsOf, ObjectKind } from '../ingest/event.ts';
import type { ZoneId, ZonePlan } from '../ingest/plan.ts';
import { GATEWAY_KINDS, type GatewayKind, type GatewayState } from './gateway-state.ts';
import { type HeldText, heldOfTexts, heldTexts } from './held.ts';
import { ClusterLoader, type NamespaceObjects, objectsOf } from './load.ts';
import { type ClusterState, emptyCluster, type World } from './state.ts';
import {
  headOfTransferred,
  partsOfTransferred,
  type RecordsPart,
  type TransferredHead,
  TransferredLoader,
} from './transferred-text.ts';

/** The last version that a zone had, whether it is still made or not. */
export interface LastVersion {
  readonly zone: ZoneId;
  readonly batch: number;
  readonly serial: Serial;
  /** Unix milliseconds. */
  readonly time: number;
}

export interface StateHead {
  readonly version: number;
  readonly plan: ZonePlan;
  /** Of the zones that were published at that moment. */
  readonly serials: readonly (readonly [ZoneId, Serial])[];
  readonly clusters: readonly {
    readonly id: ClusterId;
    readonly synced: ClusterState['synced'];
    readonly lost: ClusterState['lost'];
    /** Absent in version 1. */
    readonly lacking?: ClusterState['lacking'];
    /** Absent where nothing is held. */
    readonly held?: Readonly<Record<string, HeldText>>;
  }[];
  /** Absent before version 3. */
  readonly transferred?: TransferredHead;
  /** Of a base: the journal's last version of every zone that there ever was. */
  readonly versions?: readonly LastVersion[];
}

interface ClusterPart {
  readonly cluster: ClusterId;
  readonly namespaces: readonly NamespaceObjects[];
  /** Absent in version 1. */
  readonly gateway?: readonly (readonly [GatewayKind, key: string, FactsOf[GatewayKind]])[];
}

type Part = ClusterPart | RecordsPart;

/** Of the shape of heads and parts. */
const VERSION = 3;

/** Objects in one part: some milliseconds of work. */
const PART_SIZE = 2_000;

/** The head, then the parts; each is made when asked for. */
export function* writeState(
  world: World,
  { serials, versions }: Pick<StateHead, 'serials' | 'versions'>,
): Generator<string> {
  const clusters = Object.values(world.clusters);
  const head: StateHead = {
    version: VERSION,
    plan: world.plan,
    serials,
    clusters: clusters.map(({ id, synced, lost, lacking, held }) => ({
      ...{ id, synced, lost, lacking },
      ...(Object.keys(held).length > 0 && { held: heldTexts(held) }),
    })),
    transferred: headOfTransferred(world.transferred),
    ...(versions && { versions }),
  };
  yield JSON.stringify(head);
  for (const part of partsOf(clusters)) yield JSON.stringify(part);
  for (const part of partsOfTransferred(world.transferred)) yield JSON.stringify(part);
}

function* partsOf(clusters: readonly ClusterState[]): Generator<ClusterPart> {
  for (const { id, namespaces, gateway } of clusters) {
    let part: NamespaceObjects[] = [];
    let size = 0;
    for (const [name, state] of namespaces.entries()) {
      part.push(objectsOf(name, state));
      size += state.services.size + state.slices.size + state.pods.size + state.imports.size + 1;
      if (size < PART_SIZE) continue;
      yield { cluster: id, namespaces: part };
      part = [];
      size = 0;
    }
    if (part.length > 0) yield { cluster: id, namespaces: part };
    yield* gatewayParts(id, gateway);
  }
}

function* gatewayParts(cluster: ClusterId, { objects }: GatewayState): Generator<ClusterPart> {
  let part: [GatewayKind, string, FactsOf[GatewayKind]][] = [];
  for (const kind of GATEWAY_KINDS) {
    for (const [key, facts] of objects[kind].entries()) {
      part.push([kind, key, facts]);
      if (part.length < PART_SIZE) continue;
      yield { cluster, namespaces: [], gateway: part };
      part = [];
    }
  }
  if (part.length > 0) yield { cluster, namespaces: [], gateway: part };
}

/** @returns undefined when it is of a later shape than this program knows */
export function readHead(text: string): StateHead | undefined {
  const head = JSON.parse(text) as StateHead;
  return head.version <= VERSION ? head : undefined;
}

/** One object in a part of the state. */
export interface StatedObject {
  readonly cluster: ClusterId;
  readonly kind: ObjectKind;
  readonly key: string;
  readonly facts: FactsOf[ObjectKind];
}

/** The objects in a part; none in one with records of a zone. */
export function* objectsInPart(text: string): Generator<StatedObject> {
  const part = JSON.parse(text) as Part;
  if ('zone' in part) return;
  const { cluster } = part;
  for (const { name: namespace, exists, services, imports, slices, pods } of part.namespaces) {
    if (exists) yield { cluster, kind: 'Namespace', key: namespace, facts: {} };
    const lists = { Service: services, ServiceImport: imports, EndpointSlice: slices, Pod: pods } as const;
    for (const kind of ['Service', 'ServiceImport', 'EndpointSlice', 'Pod'] as const) {
      for (const [name, facts] of lists[kind]) yield { cluster, kind, key: `${namespace}/${name}`, facts };
    }
  }
  for (const [kind, key, facts] of part.gateway ?? []) yield { cluster, kind, key, facts };
}

/** @throws OperatorError where a part is not one */
export function readWorld(head: StateHead, parts: Iterable<string>): World {
  const loaders = new Map(head.clusters.map(({ id }) => [id, new ClusterLoader()]));
  const transferred = new TransferredLoader(head.transferred ?? { zones: [], members: [] });
  for (const text of parts) {
    const part = JSON.parse(text) as Part;
    if ('zone' in part) {
      transferred.add(part);
      continue;
    }
    const loader = loaders.get(part.cluster);
    if (loader === undefined)
      throw new OperatorError(`a part of the state is of ${part.cluster}, which its head has not`);
    for (const namespace of part.namespaces) loader.add(namespace);
    for (const [kind, key, facts] of part.gateway ?? []) loader.addGatewayObject(kind, key, facts);
  }
  const clusters: Record<ClusterId, ClusterState> = {};
  for (const { id, synced, lost, lacking = {}, held = {} } of head.clusters) {
    const told = { id, synced, lost, lacking, held: heldOfTexts(held) };
    clusters[id] = loaders.get(id)?.finish(told) ?? emptyCluster(id);
  }
  return { plan: head.plan, clusters, transferred: transferred.finish() };
}
