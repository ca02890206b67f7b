/**
 * Folds batches of the log into zone versions.
 *
 * The order of effects is the promise here: a batch reaches `apply` after its commit to the log; its versions are
 * committed to the journal before the new zones become visible to anybody. What is thrown away by a crash in between is
 * made again, the same, by the next start: a version is a function of the batches before it.
 */
import { nextSerial, type Serial } from '../dns/serial.ts';
import type { Batch } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { type Changeset, diffZones, isSoaChanged, makeChangeset } from './diff.ts';
import { foldEvents } from './fold.ts';
import { type PackedChanges, packedChanges } from './packed-changes.ts';
import { clusterOf, type World } from './state.ts';
import { Touched } from './touched.ts';
import { definitionOf, definitionsOf } from './transferred.ts';
import { isZoneSynced, makeSecondaryZone, makeZone, type Zone } from './zone.ts';

/** A version that a batch made. */
export interface PublishedVersion {
  readonly zone: ZoneId;
  readonly serial: Serial;
  /** Absent for a zone's first version. */
  readonly changeset?: Changeset;
  /** In its place, of a zone of another server; absent too where they are too large to be kept. */
  readonly packed?: PackedChanges;
}

export interface VersionStore {
  /** Commits the versions of one batch, all or none, and with them the place in the log. */
  commit(batch: number, time: number, versions: readonly PublishedVersion[]): void;
  /** Serial of the last version of a zone that was published before that batch, if any. */
  lastSerial(zone: ZoneId, before: number): Serial | undefined;
}

interface ZoneProgress {
  /** What answers come from. */
  current: Zone;
  /** What the last published version held; undefined before the first. */
  published: Zone | undefined;
  /** `current` may hold changes that were not compared with `published`: a stanza had to be waited for. */
  isBehind: boolean;
}

export interface Projector {
  /** The state after the last applied batch. */
  readonly world: World;
  readonly batch: number;
  zones(): readonly Zone[];
  /** Is any published zone waiting for a stanza? A snapshot taken then could not tell what was published. */
  isBehind(): boolean;
  /** Folds one batch, and publishes what it changed. */
  apply(batch: Batch): readonly PublishedVersion[];
}

export interface ProjectorStart {
  readonly world: World;
  readonly batch: number;
  /** Serials of the zones that were published at that batch. */
  readonly serials: ReadonlyMap<ZoneId, Serial>;
}

/**
 * @param start the state to go on from (a snapshot, or nothing)
 * @param replayUntil versions up to this batch are in the journal already and are not committed again
 */
export function createProjector(start: ProjectorStart, store: VersionStore, replayUntil: number): Projector {
  let { world, batch: position } = start;
  const progress = new Map<ZoneId, ZoneProgress>();
  for (const definition of definitionsOf(world.plan, world.transferred)) {
    const zone =
      definition.kind === 'secondary'
        ? makeSecondaryZone(definition, world.transferred.zones.get(definition.id))
        : makeZone(definition, clustersOfZone(world, definition), start.serials.get(definition.id));
    progress.set(definition.id, {
      current: zone,
      published: zone.serial === undefined ? undefined : zone,
      isBehind: false,
    });
  }

  /** A zone of another server: its versions and serials are those that it has there. */
  const advanceSecondary = (definition: ZoneDefinition, batch: Batch): PublishedVersion | undefined => {
    const { id } = definition;
    const before = progress.get(id)?.published;
    const zone = makeSecondaryZone(definition, world.transferred.zones.get(id));
    const { serial, content } = zone;
    progress.set(id, { current: zone, published: serial === undefined ? undefined : zone, isBehind: false });
    if (serial === undefined || content?.records === before?.content?.records) return undefined;
    const packed = before?.content && packedChanges(id, batch.events);
    return { zone: id, serial, ...(packed && { packed }) };
  };

  const advance = (definition: ZoneDefinition, logged: Batch, touched: Touched): PublishedVersion | undefined => {
    if (definition.kind === 'secondary') return advanceSecondary(definition, logged);
    const { id } = definition;
    const { batch, time } = logged;
    const before = progress.get(id);
    const candidate = makeZone(definition, clustersOfZone(world, definition), before?.published?.serial);
    if (!isZoneSynced(candidate)) {
      progress.set(id, { current: candidate, published: before?.published, isBehind: true });
      return undefined;
    }
    if (before?.published === undefined) {
      const zone = { ...candidate, serial: nextSerial(store.lastSerial(id, batch), Math.floor(time / 1000)) };
      progress.set(id, { current: zone, published: zone, isBehind: false });
      return { zone: id, serial: zone.serial };
    }
    const difference = diffZones(before.published, candidate, before.isBehind ? undefined : touched);
    if (
      difference.removed.length === 0 &&
      difference.added.length === 0 &&
      !isSoaChanged(before.published, candidate)
    ) {
      progress.set(id, { current: candidate, published: candidate, isBehind: false });
      return undefined;
    }
    const zone = { ...candidate, serial: nextSerial(before.published.serial, Math.floor(time / 1000)) };
    progress.set(id, { current: zone, published: zone, isBehind: false });
    return { zone: id, serial: zone.serial, changeset: makeChangeset(before.published, zone, difference) };
  };

  return {
    get world() {
      return world;
    },
    get batch() {
      return position;
    },
    zones: () => [...progress.values()].map((zone) => zone.current),
    isBehind: () => [...progress.values()].some((zone) => zone.isBehind && zone.published !== undefined),
    apply(batch) {
      const touched = new Touched();
      world = foldEvents(world, batch.events, touched);
      const versions: PublishedVersion[] = [];
      if (touched.isPlanTouched) {
        const ids = new Set([...definitionsOf(world.plan, world.transferred)].map((definition) => definition.id));
        for (const id of progress.keys()) if (!ids.has(id)) progress.delete(id);
      }
      for (const id of touched.zones) {
        const definition = definitionOf(world.plan, world.transferred, id);
        const version = definition && advance(definition, batch, touched);
        if (definition === undefined) progress.delete(id);
        if (version !== undefined) versions.push(version);
      }
      for (const definition of world.plan.zones) {
        if (touched.zones.has(definition.id)) continue;
        const isTouched = touched.isPlanTouched || definition.stanzas.some((s) => touched.clusters.has(s.cluster));
        const version = isTouched ? advance(definition, batch, touched) : undefined;
        if (version !== undefined) versions.push(version);
      }
      position = batch.batch;
      if (versions.length > 0 && batch.batch > replayUntil) store.commit(batch.batch, batch.time, versions);
      return versions;
    },
  };
}

function clustersOfZone(world: World, definition: ZoneDefinition) {
  return definition.stanzas.map((stanza) => clusterOf(world, stanza.cluster));
}
