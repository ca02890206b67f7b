/** How everything stands: the log, the clusters, the zones. */
import { ok } from '../errors.ts';
import type { ClusterId, ObjectKind } from '../ingest/event.ts';
import { clusterOf, clustersOfPlan, type World } from '../projection/state.ts';
import { type Zone, zoneRRsets } from '../projection/zone.ts';
import type { ClusterOverview, KindState, Overview, ZoneOverview } from './answers.ts';
import { lastEventOf } from './log-events.ts';
import type { Answered } from './problem.ts';
import { type HistorySource, instant, versionRef } from './source.ts';
import { worldAt, zoneIn } from './worlds.ts';

export function overview(source: HistorySource): Answered<Overview> {
  const extent = source.extent();
  if (!extent.ok) return extent;
  const { first, last } = extent.value;
  const world = worldAt(source, last.batch);
  const octets = source.db
    .prepare<[], number>('SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()')
    .pluck()
    .get();
  const events = source.db.prepare<[], number>('SELECT count(*) FROM event').pluck().get() ?? 0;
  return ok({
    log: {
      batches: last.batch - first.batch + 1,
      events,
      first: instant(first),
      last: instant(last),
      octets: octets ?? 0,
    },
    clusters: [...clustersOfPlan(world.plan)].map((id) => clusterOverview(source, world, id, last.batch)),
    zones: world.plan.zones.flatMap(({ id }) => {
      const zone = zoneIn(source, world, id, last.batch);
      return zone === undefined ? [] : [zoneOverview(source, zone, last.batch)];
    }),
  });
}

function clusterOverview(source: HistorySource, world: World, id: ClusterId, batch: number): ClusterOverview {
  const zones = world.plan.zones.filter(({ stanzas }) => stanzas.some(({ cluster }) => cluster === id));
  const kinds = new Set(
    zones.flatMap(({ stanzas }) => stanzas.filter((s) => s.cluster === id).flatMap((s) => s.needs)),
  );
  const counted = source.db
    .prepare<[string], { events: number; batch: number | null }>(
      `SELECT count(*) AS events, max(batch) AS batch FROM event JOIN object ON object.id = event.object
       WHERE object.cluster = (SELECT id FROM word WHERE text = ?)`,
    )
    .get(id);
  const last = counted?.batch == null ? undefined : source.placeOf(counted.batch);
  return {
    cluster: id,
    zones: zones.map((zone) => zone.id),
    kinds: [...kinds].map((kind) => kindState(source, world, id, kind, batch)),
    events: counted?.events ?? 0,
    ...(last && { lastEvent: instant(last) }),
  };
}

function kindState(source: HistorySource, world: World, id: ClusterId, kind: ObjectKind, batch: number): KindState {
  const { synced, lost } = clusterOf(world, id);
  const reason = lost[kind];
  const state = reason !== undefined ? 'lost' : synced[kind] === true ? 'synced' : 'never';
  const since = lastEventOf(source, id, 'Cluster', kind, batch)?.time;
  return { kind, state, ...(since !== undefined && { since }), ...(reason !== undefined && { reason }) };
}

function zoneOverview(source: HistorySource, zone: Zone, batch: number): ZoneOverview {
  const version = source.versionAt(zone.id, batch);
  const versions = source.db
    .prepare<[string], number>('SELECT count(*) FROM zone_version WHERE zone = (SELECT id FROM zone WHERE name = ?)')
    .pluck()
    .get(zone.id);
  let records = 1;
  for (const set of zoneRRsets(zone)) records += set.rdatas.length;
  return {
    zone: zone.id,
    apex: zone.apex,
    kind: zone.definition.kind,
    ...(zone.serial !== undefined && { serial: zone.serial }),
    records,
    versions: versions ?? 0,
    ...(version && { lastChange: versionRef(version) }),
  };
}
