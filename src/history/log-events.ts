/** Events of the log as rows: who, what, when; without their bodies. */
import { OBJECT_KINDS, type ObjectKind } from '../ingest/event.ts';
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
}

/** To be followed by conditions on `event`, `object` and `batch`. */
export const SELECT_EVENTS = `
  SELECT event.position, event.batch, batch.time, what.text AS event, cluster.text AS cluster, kind.text AS kind,
    object.key, event.resource_version AS resourceVersion, manager.text AS manager
  FROM event
  JOIN batch ON batch.batch = event.batch
  JOIN object ON object.id = event.object
  JOIN word AS cluster ON cluster.id = object.cluster
  JOIN word AS kind ON kind.id = object.kind
  JOIN word AS what ON what.id = event.kind
  LEFT JOIN word AS manager ON manager.id = event.manager`;

export function loggedEvent(row: EventRow): LoggedEvent {
  const { position, batch, event, cluster, kind, resourceVersion, manager } = row;
  const slash = row.key.indexOf('/');
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
  };
}

/** The newest event about an object, up to a batch. */
export function lastEventOf(
  source: HistorySource,
  cluster: string,
  kind: ObjectKind | 'Cluster' | 'Plan',
  key: string,
  batch: number,
): LoggedEvent | undefined {
  const object = objectId(source, cluster, kind, key);
  if (object === undefined) return undefined;
  const row = source.db
    .prepare<[number, number], EventRow>(
      `${SELECT_EVENTS} WHERE event.object = ? AND event.batch <= ? ORDER BY event.position DESC LIMIT 1`,
    )
    .get(object, batch);
  return row && loggedEvent(row);
}

export function objectId(source: HistorySource, cluster: string, kind: string, key: string): number | undefined {
  return source.db
    .prepare<[string, string, string], number>(
      `SELECT id FROM object WHERE kind = (SELECT id FROM word WHERE text = ?)
         AND cluster = (SELECT id FROM word WHERE text = ?) AND key = ?`,
    )
    .pluck()
    .get(kind, cluster, key);
}

export function eventsOfBatch(source: HistorySource, batch: number, limit: number): LoggedEvent[] {
  const extent = source.db
    .prepare<[number], { first: number; count: number }>('SELECT first, count FROM batch WHERE batch = ?')
    .get(batch);
  if (extent === undefined) return [];
  return source.db
    .prepare<[number, number], EventRow>(
      `${SELECT_EVENTS} WHERE event.position BETWEEN ? AND ? ORDER BY event.position`,
    )
    .all(extent.first, extent.first + Math.min(extent.count, limit) - 1)
    .map(loggedEvent);
}

/** Kinds that may be asked for, by their lower-case text. */
export const KIND_NAMES: ReadonlyMap<string, string> = new Map(
  [...OBJECT_KINDS, 'Cluster', 'Plan'].map((kind) => [kind.toLowerCase(), kind]),
);
