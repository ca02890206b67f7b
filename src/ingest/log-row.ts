/** How an event is laid out in a row of the log, apart from differences. */
import { fail, ok, type Result } from '../errors.ts';
import type { Cause, ClusterEvent, ClusterId, FactsOf, ObjectKind } from './event.ts';
import { OBJECT_KINDS } from './event.ts';
import { guardEventOf, plainGuardEvent } from './log-guard-row.ts';
import { isTransferObject, plainTransferEvent, transferEventOf } from './log-transfer-row.ts';
import type { ZonePlan } from './plan.ts';

/** Facts of any kind of object. */
export type Facts = FactsOf[ObjectKind];

/** Version of the shape of bodies. */
const SCHEMA = 1;
/** Of events that programs which only know the first do not know: they refuse the row with a clear word. */
const GUARD_SCHEMA = 2;

/** The version of the shape that an event about such an object is written in. */
export function schemaOf(object: string): number {
  return object === 'Guard' ? GUARD_SCHEMA : SCHEMA;
}

/** A row of `event`, with words and object in clear. */
export interface StoredEvent {
  readonly cluster: string;
  /** A kind of Kubernetes object, or 'Cluster', 'Guard', 'Plan', 'Zone', 'Member'. */
  readonly object: string;
  readonly key: string;
  readonly kind: string;
  readonly body: string | null;
  readonly checksum: number | null;
  readonly schema: number;
  readonly resourceVersion: string | null;
  readonly manager: string | null;
}

/** An event before its body is made text. */
export interface PlainEvent {
  readonly cluster: string;
  readonly object: string;
  readonly key: string;
  readonly kind: string;
  /** Facts, or what else the event tells; undefined where the kind says it all. */
  readonly content: unknown;
  readonly cause: Cause;
}

/** Takes an event apart. Text is made well-formed, as the database would change anything else. */
export function plainEvent(event: ClusterEvent): PlainEvent {
  switch (event.kind) {
    case 'PlanApplied':
      return { cluster: '', object: 'Plan', key: '', kind: event.kind, content: event.plan, cause: {} };
    case 'ClusterSynced':
      return { ...about(event.cluster, 'Cluster', event.key), kind: event.kind, content: undefined, cause: {} };
    case 'ClusterLost':
    case 'ClusterLacks':
      return {
        ...about(event.cluster, 'Cluster', event.key),
        kind: event.kind,
        content: { reason: event.reason },
        cause: {},
      };
    case 'DeletionsHeld':
    case 'DeletionsReleased':
      return { cluster: event.cluster.toWellFormed(), ...plainGuardEvent(event), kind: event.kind, cause: {} };
    case 'ZoneTransferred':
    case 'ZoneExpired':
    case 'ZoneRefreshed':
    case 'MemberZoneAdded':
    case 'MemberZoneMoved':
    case 'MemberZoneRemoved':
      return { ...plainTransferEvent(event), kind: event.kind, cause: {} };
    default: {
      const content = 'facts' in event ? event.facts : undefined;
      return { ...about(event.cluster, event.object, event.key), kind: event.kind, content, cause: event.cause };
    }
  }
}

function about(cluster: ClusterId, object: string, key: string) {
  return { cluster: cluster.toWellFormed(), object, key: key.toWellFormed() };
}

/**
 * Puts an event together again.
 * @param content What `body` holds or leads to.
 * @returns the reason where the row can't be an event's.
 */
export function eventOf(row: StoredEvent, content: unknown): Result<ClusterEvent, string> {
  const cluster = row.cluster as ClusterId;
  if (row.schema !== schemaOf(row.object))
    return fail(`its body has the shape ${row.schema}, which this program does not know`);
  if (row.object === 'Plan' && row.kind === 'PlanApplied' && isRecord(content)) {
    return ok({ kind: row.kind, plan: content as unknown as ZonePlan });
  }
  if (row.object === 'Cluster' && isObjectKind(row.key)) {
    if (row.kind === 'ClusterSynced') return ok({ kind: row.kind, cluster, key: row.key });
    const reason = isRecord(content) ? content.reason : undefined;
    if (typeof reason === 'string') {
      if (row.kind === 'ClusterLost') return ok({ kind: row.kind, cluster, key: row.key, reason });
      if (row.kind === 'ClusterLacks') return ok({ kind: row.kind, cluster, key: row.key, reason });
    }
  }
  if (row.object === 'Guard') return guardEventOf(row, content);
  if (isTransferObject(row.object)) return transferEventOf(row, content);
  if (isObjectKind(row.object)) {
    const cause: Cause = {
      ...(row.resourceVersion === null ? {} : { resourceVersion: row.resourceVersion }),
      ...(row.manager === null ? {} : { manager: row.manager }),
    };
    const same = { object: row.object, cluster, key: row.key, cause };
    // The kind of the facts goes with the kind of the object: the one place where that is taken on trust of the chain.
    if (row.kind === `${row.object}Deleted`) return ok({ ...same, kind: row.kind } as ClusterEvent);
    if (row.kind === `${row.object}Upserted` && isRecord(content)) {
      return ok({ ...same, kind: row.kind, facts: content } as unknown as ClusterEvent);
    }
  }
  return fail(`no such event: ${row.kind} of ${row.object} ${row.key}`);
}

function isObjectKind(text: string): text is ObjectKind {
  return (OBJECT_KINDS as readonly string[]).includes(text);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
