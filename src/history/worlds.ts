/** The state of all clusters, and of a zone, after any batch of the log. */
import type { ClusterId, ObjectKind } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { foldEvents } from '../projection/fold.ts';
import { readSnapshot } from '../projection/snapshot.ts';
import { clusterOf, factsAt, type World } from '../projection/state.ts';
import { Touched } from '../projection/touched.ts';
import { makeZone, type Zone } from '../projection/zone.ts';
import type { HistorySource } from './source.ts';

/** @throws OperatorError where the log is damaged */
export function worldAt(source: HistorySource, batch: number): World {
  const start = readSnapshot(source.db, batch);
  let { world } = start;
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(world, cluster, kind, key);
  for (const next of source.log().read(start.batch + 1, previous)) {
    if (next.batch > batch) break;
    world = foldEvents(world, next.events, new Touched());
  }
  return world;
}

/** A zone as it is in a world, with the serial that it had after a batch; undefined when the plan has no such zone. */
export function zoneIn(source: HistorySource, world: World, id: ZoneId, batch: number): Zone | undefined {
  const definition = world.plan.zones.find((zone) => zone.id === id);
  if (definition === undefined) return undefined;
  return makeZone(definition, clustersOf(world, definition), source.journal.lastVersion(id, batch + 1)?.serial);
}

export function clustersOf(world: World, definition: ZoneDefinition) {
  return definition.stanzas.map((stanza) => clusterOf(world, stanza.cluster));
}
