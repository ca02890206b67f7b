/** Events of the log as rows: who, what, when; without their bodies. */
import { prepareOnce } from '../database.ts';
import { type ClusterEvent, OBJECT_KINDS, type ObjectKind } from '../ingest/event.ts';
import { plainEvent } from '../ingest/object-log.ts';
import type { LoggedEvent } from './answers.ts';
import { type HistorySource, iso } from './source.ts';

export interface EventRow {
  readonly position: number;
  readonly batch: number;
  readonly time: number;
  readonly event: string;
  readonly cluster: string;
  readonly kind: string;
  readonly key: string;
  readonly resourceVersion: string | null;
  readonly manager: string | null;
  readonly detail: string | null;
}

/** To be followed by conditions on `event`, `object` and `batch`. */
export const SELECT_EVENTS = `
  SELECT event.position, event.batch, batch.time, what.text AS event, cluster.text AS cluster, kind.text AS kind,
    object.key, event.resource_version AS resourceVersion, manager.text AS manager,
    CASE WHEN kind.text IN ('Cluster', 'Guard') AND json_valid(event.body) THEN coalesce(
      json_extract(event.body, '$.reason'),
      json_extract(event.body, '$.count') || ' of ' || json_extract(event.body, '$.known'),
      json_extract(event.body, '$.by') || iif(json_type(event.body, '$.keys') = 'array', ', ' || json_array_length(event.body, '$.keys'), '')
    ) END AS detail
  FROM event
  JOIN batch ON batch.batch = event.batch
  JOIN object ON object.id = event.object
  JOIN word AS cluster ON cluster.id = object.cluster
  JOIN word AS kind ON kind.id = object.kind
  JOIN word AS what ON what.id = event.kind
  LEFT JOIN word AS manager ON manager.id = event.manager`;

export function loggedEvent(row: EventRow): LoggedEvent {
  const { position, batch, event, cluster, kind, resourceVersion, manager, detail } = row;
  // Zones of other servers may have a slash in their names (RFC 2317).
  const slash = kind === 'Zone' || kind === 'Member' ? -1 : row.key.indexOf('/');
  return {
    position,
    batch,
    time: iso(row.time),
    event,
    cluster,
    kind,
    ...(slash >= 0 && { namespace: row.key.slice(0, slash) }),
    name: row.key.slice(slash + 1),
    ...(resourceVersion !== null && { resourceVersion }),
    ...(manager !== null && { manager }),
    ...(detail !== null && { detail }),
  };
}

/** An event that was read with its facts. */
export function loggedEventOf(
  source: HistorySource,
  { position, batch, event }: { readonly position: number; readonly batch: number; readonly event: ClusterEvent },
): LoggedEvent {
  const { kind, cluster, object, key, cause } = plainEvent(event);
  const { resourceVersion = null, manager = null } = cause;
  const time = source.placeOf(batch)?.time ?? 0;
  const row = { position, batch, time, event: kind, cluster, kind: object, key, resourceVersion, manager };
  return loggedEvent({ ...row, detail: null });
}

/** The newest event about an object, up to a batch. */
export function lastEventOf(
  source: HistorySource,
  cluster: string,
  kind: ObjectKind | 'Cluster' | 'Guard',
  key: string,
  batch: number,
): LoggedEvent | undefined {
  const states = source.states();
  const object = states.log.find(cluster, kind, key);
  const position = object && states.log.lastPosition(object, states.window.position + 1, states.endOf(batch));
  return position === undefined ? undefined : eventAt(source, position);
}

/** The newest events about a zone of another server, up to a batch, newest first. */
export function lastTransfersOf(source: HistorySource, zone: string, batch: number): LoggedEvent[] {
  const states = source.states();
  return states.log
    .ofKind('Zone')
    .filter(({ key }) => key === zone)
    .flatMap((object) => states.log.lastPosition(object, states.window.position + 1, states.endOf(batch)) ?? [])
    .sort((a, b) => b - a)
    .flatMap((position) => eventAt(source, position) ?? []);
}

function eventAt(source: HistorySource, position: number): LoggedEvent | undefined {
  const row = prepareOnce<[number], EventRow>(source.db, `${SELECT_EVENTS} WHERE event.position = ?`).get(position);
  return row && loggedEvent(row);
}

export function eventsOfBatch(source: HistorySource, batch: number, limit: number): LoggedEvent[] {
  const extent = prepareOnce<[number], { first: number; count: number }>(
    source.db,
    'SELECT first, count FROM batch WHERE batch = ?',
  ).get(batch);
  if (extent === undefined) return [];
  return prepareOnce<[number, number], EventRow>(
    source.db,
    `${SELECT_EVENTS} WHERE event.position BETWEEN ? AND ? ORDER BY event.position`,
  )
    .all(extent.first, extent.first + Math.min(extent.count, limit) - 1)
    .map(loggedEvent);
}

/** Kinds that may be asked for, by their lower-case text. */
export const KIND_NAMES: ReadonlyMap<string, string> = new Map(
  [...OBJECT_KINDS, 'Cluster', 'Guard', 'Plan', 'Zone', 'Member'].map((kind) => [kind.toLowerCase(), kind]),
);
