/** What events would do to the zones of now. */
import type { Database } from '../database.ts';
import type { ResourceRecord } from '../dns/rrset.ts';
import type { Serial } from '../dns/serial.ts';
import type { ClusterEvent, ClusterId, ObjectKind } from '../ingest/event.ts';
import { EventLog } from '../ingest/log.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { diffZones } from '../projection/diff.ts';
import { foldEvents } from '../projection/fold.ts';
import { JournalReader } from '../projection/journal.ts';
import { readSnapshot } from '../projection/snapshot.ts';
import { clusterOf, factsAt, type World } from '../projection/state.ts';
import { Touched } from '../projection/touched.ts';
import { isZoneSynced, makeZone } from '../projection/zone.ts';

/** In what a zone would be another. */
export interface ZoneEffect {
  readonly zone: ZoneId;
  /** Of the version that is there now. */
  readonly serial: Serial | undefined;
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/** All that the log knows. @throws OperatorError where it is damaged */
export function newestWorld(db: Database): World {
  const start = readSnapshot(db, Number.MAX_SAFE_INTEGER);
  let { world } = start;
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(world, cluster, kind, key);
  for (const { events } of new EventLog(db).read(start.batch + 1, previous))
    world = foldEvents(world, events, new Touched());
  return world;
}

/** The zones that would change, in the order of the Corefile. Zones that wait for a cluster are left out. */
export function effectsOf(db: Database, world: World, events: readonly ClusterEvent[]): ZoneEffect[] {
  const touched = new Touched();
  const next = foldEvents(world, events, touched);
  const journal = new JournalReader(db);
  return world.plan.zones.flatMap((definition): ZoneEffect[] => {
    if (!definition.stanzas.some(({ cluster }) => touched.clusters.has(cluster))) return [];
    const serial = journal.lastVersion(definition.id)?.serial;
    const zoneOf = (of: World) => {
      const clusters = definition.stanzas.map(({ cluster }) => clusterOf(of, cluster));
      return makeZone(definition, clusters, serial);
    };
    const [before, after] = [zoneOf(world), zoneOf(next)];
    if (!isZoneSynced(before)) return [];
    const { removed, added } = diffZones(before, after, touched);
    return removed.length + added.length === 0 ? [] : [{ zone: definition.id, serial, removed, added }];
  });
}
