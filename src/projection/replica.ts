/**
 * The copy of the zones that a serving thread answers from. It folds the same batches as the projector, and takes the
 * serials from it: an update arrives only after its versions are in the journal.
 *
 * A large batch comes in several updates, so that folding it never holds back answers; the zones change with the last.
 */
import type { DomainName } from '../dns/name.ts';
import type { Serial } from '../dns/serial.ts';
import type { ClusterEvent } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { answerSlot, touchedSlots } from './changes.ts';
import { foldEvents } from './fold.ts';
import { clusterOf, type World } from './state.ts';
import { Touched } from './touched.ts';
import { definitionOf, definitionsOf } from './transferred.ts';
import { makeSecondaryZone, makeZone, type Zone } from './zone.ts';

export { answerSlot };

/** What crosses from the writer to a serving thread: a batch, or a part of one. */
export interface ReplicaUpdate {
  readonly batch: number;
  readonly events: readonly ClusterEvent[];
  /** False for all but the last part of a batch. */
  readonly isLast: boolean;
  /** Serials of the versions that the batch made; with the last part. */
  readonly serials: readonly (readonly [ZoneId, Serial])[];
  /** Data of the ZONEMD records that these versions have; absent: none has one. */
  readonly zonemds?: ZonemdList;
}

/** By zone. */
export type ZonemdList = readonly (readonly [ZoneId, Uint8Array])[];

/** Which kept answers of a zone are no longer right. */
export interface StaleAnswers {
  readonly zone: ZoneId;
  readonly slots: ReadonlySet<DomainName> | 'all';
}

export interface Replica {
  /** The last batch that was folded whole. */
  readonly batch: number;
  readonly world: World;
  zone(id: ZoneId): Zone | undefined;
  zones(): readonly Zone[];
  /**
   * Folds one update. With the last part of a batch comes what makes its zones visible, to be called once, in the order
   * of the batches: it tells which answers are no longer right.
   */
  fold(update: ReplicaUpdate): (() => readonly StaleAnswers[]) | undefined;
  /** Folds one update and makes it visible at once. */
  apply(update: ReplicaUpdate): readonly StaleAnswers[];
}

export interface ReplicaStart {
  readonly world: World;
  readonly batch: number;
  readonly serials: ReadonlyMap<ZoneId, Serial>;
  /** Absent: no zone has a ZONEMD record. */
  readonly zonemds?: ZonemdList;
}

export function createReplica(start: ReplicaStart): Replica {
  let { world, batch } = start;
  let touched = new Touched();
  /** What answers come from, and what it will be when all that is folded is visible. */
  const zones = new Map<ZoneId, Zone>();
  const latest = new Map<ZoneId, Zone>();
  const zoneAsOf = (definition: ZoneDefinition, serial: Serial | undefined, zonemd: Uint8Array | undefined): Zone => {
    if (definition.kind === 'secondary') {
      return makeSecondaryZone(definition, world.transferred.zones.get(definition.id));
    }
    const clusters = definition.stanzas.map((stanza) => clusterOf(world, stanza.cluster));
    const zone = makeZone(definition, clusters, serial);
    return zonemd === undefined || definition.zonemd === undefined ? zone : { ...zone, zonemd };
  };
  const firstZonemds = new Map(start.zonemds);
  for (const definition of definitionsOf(world.plan, world.transferred)) {
    const zone = zoneAsOf(definition, start.serials.get(definition.id), firstZonemds.get(definition.id));
    zones.set(definition.id, zone);
    latest.set(definition.id, zone);
  }

  const prepare = ({ serials, zonemds }: ReplicaUpdate): (() => readonly StaleAnswers[]) => {
    const stale: StaleAnswers[] = [];
    const changed: [ZoneId, Zone | undefined][] = [];
    const newSerials = new Map(serials);
    const newZonemds = new Map(zonemds);
    const drop = (id: ZoneId) => {
      latest.delete(id);
      changed.push([id, undefined]);
      stale.push({ zone: id, slots: 'all' });
    };
    if (touched.isPlanTouched) {
      const ids = new Set([...definitionsOf(world.plan, world.transferred)].map((definition) => definition.id));
      for (const id of latest.keys()) if (!ids.has(id)) drop(id);
    }
    for (const id of touched.zones) {
      const definition = definitionOf(world.plan, world.transferred, id);
      if (definition === undefined) {
        drop(id);
        continue;
      }
      const zone = zoneAsOf(definition, undefined, undefined);
      latest.set(id, zone);
      changed.push([id, zone]);
      stale.push({ zone: id, slots: 'all' });
    }
    for (const definition of world.plan.zones) {
      if (touched.zones.has(definition.id)) continue;
      const before = latest.get(definition.id);
      const isTouched = touched.isPlanTouched || definition.stanzas.some((s) => touched.clusters.has(s.cluster));
      // Of several batches that are caught up with, only the last one comes with serials: it need not have touched the zone.
      const serial = newSerials.get(definition.id);
      const isOther = serial !== undefined && serial !== before?.serial;
      if (!isTouched && !isOther && before !== undefined) continue;
      const { id } = definition;
      const zonemd = newSerials.has(id) ? newZonemds.get(id) : before?.zonemd;
      const zone = zoneAsOf(definition, serial ?? before?.serial, zonemd);
      latest.set(definition.id, zone);
      changed.push([definition.id, zone]);
      stale.push({ zone: definition.id, slots: touchedSlots(before, zone, touched) });
    }
    touched = new Touched();
    return () => {
      for (const [id, zone] of changed) {
        if (zone === undefined) zones.delete(id);
        else zones.set(id, zone);
      }
      return stale;
    };
  };

  const fold = (update: ReplicaUpdate) => {
    world = foldEvents(world, update.events, touched);
    if (!update.isLast) return undefined;
    batch = update.batch;
    return prepare(update);
  };

  return {
    get batch() {
      return batch;
    },
    get world() {
      return world;
    },
    zone: (id) => zones.get(id),
    zones: () => [...zones.values()],
    fold,
    apply: (update) => fold(update)?.() ?? [],
  };
}
