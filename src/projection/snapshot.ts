/**
 * Snapshots: the state of all clusters after a batch, so that a start reads a few megabytes instead of the whole log.
 * Written in parts, between which other work goes on; a snapshot counts only when its last part is there.
 */
import type { Database } from '../database.ts';
import type { Serial } from '../dns/serial.ts';
import type { ClusterId, FactsOf } from '../ingest/event.ts';
import type { ZoneId, ZonePlan } from '../ingest/plan.ts';
import { GATEWAY_KINDS, type GatewayKind, type GatewayState } from './gateway-state.ts';
import { ClusterLoader, type NamespaceObjects, objectsOf } from './load.ts';
import type { ProjectorStart } from './projector.ts';
import { type ClusterState, EMPTY_WORLD, emptyCluster, type World } from './state.ts';

interface Head {
  readonly version: number;
  readonly plan: ZonePlan;
  readonly serials: readonly (readonly [ZoneId, Serial])[];
  readonly clusters: readonly {
    id: ClusterId;
    synced: ClusterState['synced'];
    lost: ClusterState['lost'];
    /** Absent in snapshots of version 1. */
    lacking?: ClusterState['lacking'];
  }[];
}

interface Part {
  readonly cluster: ClusterId;
  readonly namespaces: readonly NamespaceObjects[];
  /** Absent in snapshots of version 1. */
  readonly gateway?: readonly (readonly [GatewayKind, key: string, FactsOf[GatewayKind]])[];
}

/** Of the shape of heads and parts; a snapshot of a later one is passed over. */
const VERSION = 2;

/** Objects in one part: some milliseconds of work. */
const PART_SIZE = 2_000;

/** Snapshots kept: the newest, and the one before it in case the newest can't be read. */
const KEPT = 2;

/**
 * Writes a snapshot step by step: each `next()` writes one part.
 * @param serials of the zones as published at `batch`
 * @throws SqliteError when the disk does not take it; the unfinished snapshot is of no consequence
 */
export function* writeSnapshot(
  db: Database,
  world: World,
  batch: number,
  serials: readonly (readonly [ZoneId, Serial])[],
): Generator<undefined> {
  const clusters = Object.values(world.clusters);
  const head: Head = {
    version: VERSION,
    plan: world.plan,
    serials,
    clusters: clusters.map(({ id, synced, lost, lacking }) => ({ id, synced, lost, lacking })),
  };
  db.transaction(() => {
    db.prepare('DELETE FROM snapshot WHERE is_complete = 0 OR batch = ?').run(batch);
    db.prepare('INSERT INTO snapshot (batch, is_complete, head) VALUES (?, 0, ?)').run(batch, JSON.stringify(head));
  })();
  const insert = db.prepare('INSERT INTO snapshot_part (batch, part, body) VALUES (?, ?, ?)');
  let number = 0;
  for (const part of partsOf(clusters)) {
    insert.run(batch, number++, JSON.stringify(part));
    yield;
  }
  db.transaction(() => {
    db.prepare('UPDATE snapshot SET is_complete = 1 WHERE batch = ?').run(batch);
    db.prepare(
      'DELETE FROM snapshot WHERE batch NOT IN (SELECT batch FROM snapshot WHERE is_complete = 1 ORDER BY batch DESC LIMIT ?)',
    ).run(KEPT);
  })();
}

function* partsOf(clusters: readonly ClusterState[]): Generator<Part> {
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

function* gatewayParts(cluster: ClusterId, { objects }: GatewayState): Generator<Part> {
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

/** The state after the newest whole snapshot at or before a batch; the empty one when there is none. */
export function readSnapshot(db: Database, until: number): ProjectorStart {
  return db.transaction(() => {
    const rows = db
      .prepare<[number], { batch: number; head: string }>(
        'SELECT batch, head FROM snapshot WHERE is_complete = 1 AND batch <= ? ORDER BY batch DESC',
      )
      .all(until);
    for (const { batch, head: text } of rows) {
      const head = JSON.parse(text) as Head;
      if (head.version <= VERSION) return { ...readParts(db, batch, head), batch, serials: new Map(head.serials) };
    }
    return { world: EMPTY_WORLD, batch: 0, serials: new Map<ZoneId, Serial>() };
  })();
}

function readParts(db: Database, batch: number, head: Head): { readonly world: World } {
  const loaders = new Map(head.clusters.map(({ id }) => [id, new ClusterLoader()]));
  const parts = db.prepare<[number], { body: string }>('SELECT body FROM snapshot_part WHERE batch = ? ORDER BY part');
  for (const { body } of parts.iterate(batch)) {
    const part = JSON.parse(body) as Part;
    const loader = loaders.get(part.cluster);
    for (const namespace of part.namespaces) loader?.add(namespace);
    for (const [kind, key, facts] of part.gateway ?? []) loader?.addGatewayObject(kind, key, facts);
  }
  const clusters: Record<ClusterId, ClusterState> = {};
  for (const cluster of head.clusters) {
    clusters[cluster.id] = loaders.get(cluster.id)?.finish({ lacking: {}, ...cluster }) ?? emptyCluster(cluster.id);
  }
  return { world: { plan: head.plan, clusters } };
}
