/** The state of all clusters, and of a zone, after any batch of the log. */
import type { Serial } from '../dns/serial.ts';
import type { ClusterEvent, ClusterId, DeleteEvent, ObjectKind, UpsertEvent } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { foldEvents } from '../projection/fold.ts';
import { readSnapshot } from '../projection/snapshot.ts';
import { clusterOf, factsAt, type World } from '../projection/state.ts';
import { Touched } from '../projection/touched.ts';
import { definitionOf } from '../projection/transferred.ts';
import { makeSecondaryZone, makeZone, type Zone } from '../projection/zone.ts';
import { refKey } from './object-states.ts';
import type { HistorySource } from './source.ts';

type ObjectEvent = UpsertEvent | DeleteEvent;

/** @throws OperatorError where the log is damaged */
export function worldAt(source: HistorySource, batch: number): World {
  const start = readSnapshot(source.db, batch);
  let { world } = start;
  // Of all events of an object only the last one matters, unless something else comes in between.
  const waiting = new Map<string, ObjectEvent>();
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => {
    const event = waiting.get(refKey({ cluster, kind, key }));
    if (event === undefined) return factsAt(world, cluster, kind, key);
    return 'facts' in event ? event.facts : undefined;
  };
  const fold = (...last: ClusterEvent[]) => {
    world = foldEvents(world, [...waiting.values(), ...last], new Touched());
    waiting.clear();
  };
  for (const next of source.log().read(start.batch + 1, previous)) {
    if (next.batch > batch) break;
    for (const event of next.events) {
      if (!('object' in event)) fold(event);
      else waiting.set(refKey({ ...event, kind: event.object }), event);
    }
  }
  fold();
  return world;
}

/** A zone as it is in a world, with the serial that it had after a batch; undefined when there is no such zone. */
export function zoneIn(source: HistorySource, world: World, id: ZoneId, batch: number): Zone | undefined {
  return zoneOf(world, id, source.versionAt(id, batch)?.serial);
}

/** A zone as it is in a world; undefined when there is none. @param serial of its last version, if it matters */
export function zoneOf(world: World, id: ZoneId, serial: Serial | undefined): Zone | undefined {
  const definition = definitionOf(world.plan, world.transferred, id);
  if (definition === undefined) return undefined;
  if (definition.kind === 'secondary') return makeSecondaryZone(definition, world.transferred.zones.get(id));
  const clusters = definition.stanzas.map((stanza) => clusterOf(world, stanza.cluster));
  return makeZone(definition, clusters, serial);
}
