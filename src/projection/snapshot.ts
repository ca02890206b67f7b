/**
 * Snapshots: the state of all clusters after a batch, so that a start reads a few megabytes instead of the whole log.
 * Written in parts, between which other work goes on; a snapshot counts only when its last part is there.
 */
import type { Database } from '../database.ts';
import type { Serial } from '../dns/serial.ts';
import type { ClusterId, FactsOf, ObjectKind, UpsertEvent } from '../ingest/event.ts';
import type { ZoneId, ZonePlan } from '../ingest/plan.ts';
import type { ProjectorStart } from './projector.ts';
import { type ClusterState, EMPTY_WORLD, emptyCluster, foldEvents, type NamespaceState, type World } from './state.ts';
import { Touched } from './touched.ts';

interface Head {
  readonly plan: ZonePlan;
  readonly serials: readonly (readonly [ZoneId, Serial])[];
  readonly clusters: readonly { id: ClusterId; synced: ClusterState['synced']; lost: ClusterState['lost'] }[];
}

type NamedFacts<K extends ObjectKind> = readonly (readonly [key: string, facts: FactsOf[K]])[];

/** The objects of some namespaces of one cluster, each with its key. */
type Part = { readonly cluster: ClusterId } & { readonly [K in ObjectKind]: NamedFacts<K> };

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
    plan: world.plan,
    serials,
    clusters: clusters.map(({ id, synced, lost }) => ({ id, synced, lost })),
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

type Draft = { cluster: ClusterId } & { [K in ObjectKind]: [string, FactsOf[K]][] };

function emptyPart(cluster: ClusterId): Draft {
  return { cluster, Namespace: [], Service: [], EndpointSlice: [], Pod: [], ServiceImport: [] };
}

function* partsOf(clusters: readonly ClusterState[]): Generator<Part> {
  for (const { id, namespaces } of clusters) {
    let part = emptyPart(id);
    let size = 0;
    for (const [name, state] of namespaces.entries()) {
      addNamespace(part, name, state);
      size += state.services.size + state.slices.size + state.pods.size + state.imports.size + 1;
      if (size < PART_SIZE) continue;
      yield part;
      part = emptyPart(id);
      size = 0;
    }
    if (size > 0) yield part;
  }
}

function addNamespace(part: Draft, namespace: string, state: NamespaceState): void {
  if (state.exists) part.Namespace.push([namespace, {}]);
  for (const [name, { service }] of state.services.entries()) {
    if (service) part.Service.push([`${namespace}/${name}`, service]);
  }
  for (const [name, { imported }] of state.imports.entries()) {
    if (imported) part.ServiceImport.push([`${namespace}/${name}`, imported]);
  }
  for (const [name, facts] of state.slices.entries()) part.EndpointSlice.push([`${namespace}/${name}`, facts]);
  for (const [name, facts] of state.pods.entries()) part.Pod.push([`${namespace}/${name}`, facts]);
}

/** A part as the events that would lead to it: loading is folding. */
function eventsOf(part: Part): UpsertEvent[] {
  const of = <K extends ObjectKind>(object: K) =>
    part[object].map(([key, facts]) => ({
      kind: `${object}Upserted`,
      object,
      cluster: part.cluster,
      key,
      facts,
      cause: {},
    })) as unknown as UpsertEvent[];
  return [...of('Namespace'), ...of('Service'), ...of('EndpointSlice'), ...of('Pod'), ...of('ServiceImport')];
}

/** The state after the newest whole snapshot at or before a batch; the empty one when there is none. */
export function readSnapshot(db: Database, until: number): ProjectorStart {
  return db.transaction(() => {
    const row = db
      .prepare<[number], { batch: number; head: string }>(
        'SELECT batch, head FROM snapshot WHERE is_complete = 1 AND batch <= ? ORDER BY batch DESC LIMIT 1',
      )
      .get(until);
    if (row === undefined) return { world: EMPTY_WORLD, batch: 0, serials: new Map<ZoneId, Serial>() };
    const head = JSON.parse(row.head) as Head;
    let world: World = { ...EMPTY_WORLD, plan: head.plan };
    const parts = db.prepare<[number], { body: string }>(
      'SELECT body FROM snapshot_part WHERE batch = ? ORDER BY part',
    );
    for (const { body } of parts.iterate(row.batch)) {
      world = foldEvents(world, eventsOf(JSON.parse(body) as Part), new Touched());
    }
    const clusters: Record<ClusterId, ClusterState> = {};
    for (const { id, synced, lost } of head.clusters) {
      clusters[id] = { ...(world.clusters[id] ?? emptyCluster(id)), synced, lost };
    }
    return { world: { plan: head.plan, clusters }, batch: row.batch, serials: new Map(head.serials) };
  })();
}
