/** How everything stands: the log, the clusters, the zones. */
import { ok } from '../errors.ts';
import type { ClusterId, ObjectKind } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { sealZone } from '../projection/seal.ts';
import { clusterOf, clustersOfPlan, type World } from '../projection/state.ts';
import type { ClusterOverview, KindState, Overview, ZoneOverview } from './answers.ts';
import type { EventCount, EventCounts } from './event-counts.ts';
import { heldOverview } from './held.ts';
import { lastEventOf } from './log-events.ts';
import type { Answered } from './problem.ts';
import type { RecordCounts } from './record-counts.ts';
import { type HistorySource, instant, type Place, versionRef } from './source.ts';
import { worldAt, zoneIn } from './worlds.ts';

/** What former overviews counted. */
export interface Counts {
  readonly records: RecordCounts;
  readonly events: EventCounts;
}

export function overview(source: HistorySource, counts: Counts): Answered<Overview> {
  const extent = source.extent();
  if (!extent.ok) return extent;
  const { first, last } = extent.value;
  const states = source.states();
  // The plan and the contact with clusters; all that they say is read only to count records for the first time.
  const world = states.worldAt([], states.endOf(last.batch));
  const eventCounts = counts.events.read(source);
  let whole: World | undefined;
  const zoneNow = (id: ZoneId) => {
    whole ??= worldAt(source, last.batch);
    const zone = zoneIn(source, whole, id, last.batch);
    return zone && sealZone(zone).zone;
  };
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
    clusters: [...clustersOfPlan(world.plan)].map((id) =>
      clusterOverview(source, world, id, last, eventCounts.get(id)),
    ),
    zones: world.plan.zones.flatMap((definition) => {
      const records = counts.records.count(source, definition.id, last.batch, () => zoneNow(definition.id));
      return records === undefined ? [] : [zoneOverview(source, definition, records, last.batch)];
    }),
  });
}

function clusterOverview(
  source: HistorySource,
  world: World,
  id: ClusterId,
  place: Place,
  counted: EventCount | undefined,
): ClusterOverview {
  const zones = world.plan.zones.filter(({ stanzas }) => stanzas.some(({ cluster }) => cluster === id));
  const kinds = new Set(
    zones.flatMap(({ stanzas }) => stanzas.filter((s) => s.cluster === id).flatMap((s) => s.needs)),
  );
  const last = counted && source.placeOf(counted.batch);
  const held = heldOverview(source, id, clusterOf(world, id).held, place);
  return {
    cluster: id,
    zones: zones.map((zone) => zone.id),
    kinds: [...kinds].map((kind) => kindState(source, world, id, kind, place.batch)),
    ...(held && { held }),
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

function zoneOverview(
  source: HistorySource,
  { id, apex, kind }: ZoneDefinition,
  records: number,
  batch: number,
): ZoneOverview {
  const version = source.versionAt(id, batch);
  const versions = source.db
    .prepare<[string], number>('SELECT count(*) FROM zone_version WHERE zone = (SELECT id FROM zone WHERE name = ?)')
    .pluck()
    .get(id);
  return {
    zone: id,
    apex,
    kind,
    ...(version && { serial: version.serial }),
    records,
    versions: versions ?? 0,
    ...(version && { lastChange: versionRef(version) }),
  };
}
