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
import { type Changeset, diffZones, isSoaChanged, makeChangeset, type RecordDifference } from './diff.ts';
import { foldEvents } from './fold.ts';
import { type PackedChanges, packedChanges } from './packed-changes.ts';
import { type HashedContent, isZonemdChanged, sealZone } from './seal.ts';
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
  /** Data of its ZONEMD record; absent: it has none, or the batch was replayed. */
  readonly zonemd?: Uint8Array;
}

export interface VersionStore {
  /** Commits the versions of one batch, all or none, and with them the place in the log. */
  commit(batch: number, time: number, versions: readonly PublishedVersion[]): void;
  /** Serial of the last version of a zone that was published before that batch, if any. */
  lastSerial(zone: ZoneId, before: number): Serial | undefined;
  /**
   * Serial of the version that a batch made, if it made one: a replay that is given this is not told changesets, and
   * compares no records. Asked of batches that are in the store.
   */
  serialOf?(zone: ZoneId, batch: number): Serial | undefined;
}

interface ZoneProgress {
  /** What answers come from. */
  current: Zone;
  /** What the last published version held; undefined before the first. */
  published: Zone | undefined;
  /** `current` may hold changes that were not compared with `published`: a stanza had to be waited for. */
  isBehind: boolean;
  /** Has `published` its digest? Not that of a replay, until it is wanted. */
  isSealed: boolean;
  /** What `published` was sealed with; absent: it has no digest, or it is not known. */
  content?: HashedContent | undefined;
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
  /** Makes the digests of versions that were replayed, of all zones that have one: to be called when the replay is over. */
  seal(): void;
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
      isSealed: false,
    });
  }

  const sealPublished = (zone: ZoneProgress): void => {
    if (zone.isSealed || zone.published === undefined) return;
    const sealed = sealZone(zone.published);
    zone.current = zone.isBehind ? { ...zone.current, zonemd: sealed.zone.zonemd } : sealed.zone;
    zone.published = sealed.zone;
    zone.content = sealed.content;
    zone.isSealed = true;
  };

  /** A zone of another server: its versions and serials are those that it has there. */
  const advanceSecondary = (definition: ZoneDefinition, batch: Batch): PublishedVersion | undefined => {
    const { id } = definition;
    const before = progress.get(id)?.published;
    const zone = makeSecondaryZone(definition, world.transferred.zones.get(id));
    const { serial, content } = zone;
    const published = serial === undefined ? undefined : zone;
    progress.set(id, { current: zone, published, isBehind: false, isSealed: true });
    if (serial === undefined || content?.records === before?.content?.records) return undefined;
    const packed = before?.content && packedChanges(id, batch.events);
    return { zone: id, serial, ...(packed && { packed }) };
  };

  const advance = (definition: ZoneDefinition, logged: Batch, touched: Touched): PublishedVersion | undefined => {
    if (definition.kind === 'secondary') return advanceSecondary(definition, logged);
    const { id } = definition;
    const { batch, time } = logged;
    const isReplayed = batch <= replayUntil;
    const before = progress.get(id);
    if (before !== undefined && !isReplayed) sealPublished(before);
    const last = before?.published;
    const candidate: Zone = {
      ...makeZone(definition, clustersOfZone(world, definition), last?.serial),
      zonemd: definition.zonemd && last?.zonemd,
    };
    if (!isZoneSynced(candidate)) {
      const rest = { published: last, isSealed: before?.isSealed === true, content: before?.content };
      progress.set(id, { ...rest, current: candidate, isBehind: true });
      return undefined;
    }
    const publish = (serial: Serial, difference?: RecordDifference): Zone => {
      const zone: Zone = { ...candidate, serial };
      const since = last && difference && { zone: last, content: before?.content, difference };
      const sealed = isReplayed ? { zone, content: undefined } : sealZone(zone, since);
      const { zone: current, content } = sealed;
      progress.set(id, { current, published: current, isBehind: false, isSealed: !isReplayed, content });
      return current;
    };
    const digestOf = ({ zonemd }: Zone) => zonemd && { zonemd };
    if (last?.serial === undefined) {
      const serial = nextSerial(store.lastSerial(id, batch), Math.floor(time / 1000));
      return { zone: id, serial, ...digestOf(publish(serial)) };
    }
    if (isReplayed && store.serialOf !== undefined) {
      publish(store.serialOf(id, batch) ?? last.serial);
      return undefined;
    }
    const difference = diffZones(last, candidate, before?.isBehind ? undefined : touched);
    if (
      difference.removed.length === 0 &&
      difference.added.length === 0 &&
      !isSoaChanged(last, candidate) &&
      !isZonemdChanged(last, candidate)
    ) {
      const { isSealed = false, content } = before ?? {};
      progress.set(id, { current: candidate, published: candidate, isBehind: false, isSealed, content });
      return undefined;
    }
    const zone = publish(nextSerial(last.serial, Math.floor(time / 1000)), difference);
    return {
      zone: id,
      serial: zone.serial as Serial,
      changeset: makeChangeset(last, zone, difference),
      ...digestOf(zone),
    };
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
    seal() {
      for (const zone of progress.values()) sealPublished(zone);
    },
  };
}

function clustersOfZone(world: World, definition: ZoneDefinition) {
  return definition.stanzas.map((stanza) => clusterOf(world, stanza.cluster));
}
