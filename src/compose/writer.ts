/**
 * The writer: ingest → log → projection → journal, then the serving threads. One for each database; everything that
 * changes the log or the journal happens here, in this order.
 */
import type { MessagePort } from 'node:worker_threads';
import type { OwnedDatabase } from '../database.ts';
import { fail, OperatorError, ok } from '../errors.ts';
import type { Connector } from '../ingest/credentials.ts';
import type { Batch, ClusterEvent, ClusterId, ObjectKind } from '../ingest/event.ts';
import type { ClusterSource } from '../ingest/feed.ts';
import type { HostNameOptions } from '../ingest/host-names.ts';
import { EventLog } from '../ingest/log.ts';
import type { Ingest } from '../ingest/pipeline.ts';
import type { ZoneId, ZonePlan } from '../ingest/plan.ts';
import type { SecondarySource } from '../ingest/secondary/primary.ts';
import type { Logger } from '../logger.ts';
import { Journal, type JournalLimits } from '../projection/journal.ts';
import { createProjector, type Projector } from '../projection/projector.ts';
import { eventsBetweenSnapshots, readSnapshot, writeSnapshot } from '../projection/snapshot.ts';
import { factsAt, heldAt, heldCountOf, keysAt, type World } from '../projection/state.ts';
import { watchCrowdedHosts } from './crowded-hosts.ts';
import { type Follower, startFollower } from './follower.ts';
import { createGuard } from './guard.ts';
import { createHostNeeds, type HostNeeds } from './host-needs.ts';
import type { ClusterStatus, EventLogLimits, ReleasedVersions, WriterStatus } from './messages.ts';
import { watchMissingDigests } from './missing-digests.ts';
import { LastVersions, versionsOf, versionsOfZones } from './released.ts';
import { createRetention, type Retention, type RetentionOptions } from './retention.ts';
import { createRetryingStore } from './retrying-store.ts';
import type { SecondarySide, ZoneExpiry } from './secondary-side.ts';
import { createServedClusters } from './served-clusters.ts';
import { createSnapshots } from './snapshots.ts';
import { sourcesOf } from './sources.ts';
import type { ClusterView } from './views.ts';

export interface WriterOptions {
  readonly database: OwnedDatabase;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly userAgent: string;
  readonly connect: Connector;
  /** The resolvers of the system, and randomness that nobody outside can guess, for host names of load balancers. */
  readonly hostNames: Pick<HostNameOptions, 'servers' | 'hosts' | 'random'>;
  /** Where several serving threads read which batch they may show; absent when there is one. */
  readonly visible?: Int32Array;
  /** For tests that end the process at a named point. */
  readonly crashPoint: (name: string) => void;
  readonly crashAt?: RetentionOptions['crashAt'];
  readonly onStatus: (status: WriterStatus) => void;
  /** All clusters were listed for the first time, and a snapshot of that is written. */
  readonly onFirstSnapshot?: () => void;
  /** Zones of other servers are good for another time. */
  readonly onExpiry?: (changed: readonly ZoneExpiry[]) => void;
}

export interface WriterConfiguration {
  readonly plan: ZonePlan;
  readonly clusters: readonly ClusterView[];
  readonly journal: JournalLimits;
  readonly secondaries: readonly SecondarySource[];
  readonly eventLog: EventLogLimits;
}

export interface Writer {
  /** Puts a plan in force and follows its clusters; those that stay are not listed again. */
  configure(configuration: WriterConfiguration): Promise<void>;
  /**
   * Follows the clusters of a configuration that the log knew all about, and asks primaries for their zones; after the
   * first answer can be given.
   */
  begin(): Promise<void>;
  /** A server says that it has a new version of a zone. */
  notify(zone: ZoneId, address: string): void;
  follow(port: MessagePort): void;
  status(): WriterStatus;
  /** Lets held deletions happen, of one cluster or of all. @returns the clusters that were held */
  release(cluster?: ClusterId): ClusterId[];
  /** Writes a snapshot now. @returns false when one can't be written at the moment */
  snapshot(): Promise<boolean>;
  readonly ingest: Ingest | undefined;
  readonly secondaries: Pick<SecondarySide, 'metrics' | 'status'> | undefined;
  readonly projector: Projector;
  /** Hosts that too many objects name, by cluster. */
  crowdedHosts(): readonly (readonly [ClusterId, number])[];
  readonly retention: Retention;
  /** Stops following, writes a snapshot, closes the database. */
  stop(): Promise<void>;
}

/** @throws OperatorError when the log can't be read */
export function createWriter(options: WriterOptions): Writer {
  const { database, clock, logger, crashPoint } = options;
  const { db } = database;
  const log = new EventLog(db, { crashPoint });
  const journal = new Journal(db, undefined, crashPoint);
  const published: { batch: Batch; made: ReleasedVersions }[] = [];
  const followers = new Set<Follower>();
  const store = createRetryingStore(journal, {
    onFailure: (message) => {
      logger.error(`journal: ${message}; answers go on, changes wait`);
      options.onStatus(status());
    },
    onCommitted: () => release(),
  });
  const projector = createProjector(readSnapshot(db, Number.MAX_SAFE_INTEGER), store, journal.position());
  let ingest: Ingest | undefined;
  let tellHostNeeds: HostNeeds | undefined;
  let secondaries: SecondarySide | undefined;
  /** Not asked for yet: what is known is served first. */
  let waitingZones: readonly SecondarySource[] | undefined = [];
  /** Not followed yet: what is known is served first. */
  let waitingSources: readonly ClusterSource[] | undefined;
  let clusters: readonly ClusterView[] = [];

  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, cluster, kind, key);
  let replayed = 0;
  for (const batch of log.read(projector.batch + 1, previous)) {
    projector.apply(batch);
    replayed += batch.events.length;
  }
  projector.seal();
  const released = new LastVersions(versionsOfZones(projector.zones()));
  const served = createServedClusters();
  const noteSynced = (batch: number) => {
    const synced = clusters.filter((view) => isSynced(view, projector.world)).map(({ id }) => id);
    served.synced(synced, batch);
  };
  const crowded = watchCrowdedHosts(logger.forPlugin('k8s_gateway'));
  crowded.lookAtAll(projector.world);
  const digests = watchMissingDigests(logger.forPlugin('transfer'));
  digests.look(projector.zones());

  /** Folds a batch that is in the log, and hands it on once its versions are in the journal. */
  function fold(batch: Batch): void {
    const versions = projector.apply(batch);
    crowded.look(batch.events, projector.world);
    if (versions.length > 0) digests.look(projector.zones());
    published.push({ batch, made: versionsOf(versions) });
    if (batch.events.some(isAboutStatus)) noteSynced(batch.batch);
    release();
    tellHostNeeds?.(projector.world);
    snapshots.countEvents(batch.events.length);
  }

  function release(): void {
    while (published[0] !== undefined && published[0].batch.batch < store.firstWaiting) {
      const { batch, made } = published.shift() as (typeof published)[number];
      released.forgetGone(batch, () => projector.zones());
      released.add(made);
      for (const follower of followers) follower.send(batch, made);
      lastReleased = batch.batch;
      if (batch.events.some(isAboutStatus)) options.onStatus(status());
    }
  }
  let lastReleased = projector.batch;
  const retention = createRetention({
    db,
    file: database.file,
    clock,
    logger,
    passed: () => Math.min(lastReleased, ...[...followers].map((follower) => follower.folded)),
    ...(options.crashAt && { crashAt: options.crashAt }),
  });

  function reveal(): void {
    if (followers.size === 0) return;
    const folded = Math.min(...[...followers].map((follower) => follower.folded));
    show(folded);
    if (served.folded(folded)) options.onStatus(status());
  }

  /** What every serving thread has folded may be seen: not before, or a client would be told a serial, then an older one. */
  function show(folded: number): void {
    if (options.visible === undefined || folded <= Atomics.load(options.visible, 0)) return;
    Atomics.store(options.visible, 0, folded);
    for (const follower of followers) follower.reveal();
  }

  const snapshots = createSnapshots(
    {
      write: () => writeSnapshot(db, projector.world, projector.batch, versionsOfZones(projector.zones()).serials),
      isPossible: () => !projector.isBehind() && published.length === 0,
      spacing: () => eventsBetweenSnapshots(projector.world),
      later: setImmediate,
      logger,
    },
    replayed,
  );

  function heldClusters(): ClusterId[] {
    const held = (ingest?.health().feeds ?? []).filter((feed) => feed.held > 0).map((feed) => feed.cluster);
    return [...new Set(held)];
  }

  function status(): WriterStatus {
    const failure = store.failure ?? ingest?.health().logFailure;
    return {
      batch: lastReleased,
      clusters: clusters.map((view): ClusterStatus => {
        const state = projector.world.clusters[view.id];
        const unservedSince = served.unservedSince(view.id);
        return {
          id: view.id,
          isSynced: isSynced(view, projector.world),
          ...(unservedSince !== undefined && { unservedSince }),
          lost: Object.entries(state?.lost ?? {}).map(([kind, reason]) => `${kind}: ${reason}`),
          lacking: view.kinds.flatMap((kind) => {
            const reason = state?.lacking[kind];
            return reason === undefined ? [] : [{ kind, reason }];
          }),
          held: heldCountOf(projector.world, view.id),
        };
      }),
      secondaries: (secondaries?.status() ?? []).filter(({ memberOf }) => memberOf === undefined),
      ...(failure !== undefined && { logFailure: failure }),
    };
  }

  async function followZones(sources: readonly SecondarySource[]): Promise<void> {
    if (secondaries === undefined && sources.length > 0) {
      const { createSecondarySide } = await import('./secondary-side.ts');
      secondaries = createSecondarySide({
        db,
        world: () => projector.world,
        commit(events) {
          const appended = log.append(events, [], clock(), previous);
          if (!appended.ok) return fail(appended.error.message);
          fold(appended.value);
          return ok(undefined);
        },
        clock,
        random: options.random,
        logger: logger.forPlugin('secondary'),
        onTimes: (changed) => options.onExpiry?.(changed),
      });
    }
    await secondaries?.configure(sources);
  }

  async function begin(sources: readonly ClusterSource[]): Promise<void> {
    const { startIngest } = await import('../ingest/pipeline.ts');
    ingest = startIngest({
      log,
      known: {
        get: previous,
        keys: (cluster, kind) => keysAt(projector.world, cluster, kind),
        sync: (cluster, kind) => {
          const state = projector.world.clusters[cluster];
          if (state?.synced[kind] !== true) return state?.lacking[kind] === undefined ? 'never' : 'lacking';
          return state.lost[kind] === undefined ? 'synced' : 'lost';
        },
        held: (cluster, kind, scope) => heldAt(projector.world, cluster, kind, scope),
      },
      sources,
      clock,
      random: options.random,
      logger: logger.forPlugin('kubernetes'),
      userAgent: options.userAgent,
      connect: options.connect,
      hostNames: { ...options.hostNames, logger: logger.forPlugin('k8s_gateway') },
      admitDeletions: createGuard({
        guardOf: (cluster) => clusters.find((view) => view.id === cluster)?.guard,
        cluster: (id) => projector.world.clusters[id],
        isHolding: (cluster) => heldClusters().includes(cluster),
        release: (cluster) => ingest?.release(cluster, 'time'),
        clock,
        logger: logger.forPlugin('kubernetes'),
      }),
    });
    ingest.batches$.subscribe((batch) => {
      const wasSynced = clusters.every((view) => isSynced(view, projector.world));
      fold(batch);
      // The lists of a first start are the longest part of the log: no later start shall replay them.
      if (wasSynced || !clusters.every((view) => isSynced(view, projector.world))) return;
      snapshots.request(options.onFirstSnapshot);
    });
    ingest.logHealth$.subscribe(() => options.onStatus(status()));
    tellHostNeeds = createHostNeeds((needed) => ingest?.resolveHosts(needed));
    tellHostNeeds(projector.world);
  }

  return {
    projector,
    crowdedHosts: () => crowded.count(projector.world),
    retention,
    get ingest() {
      return ingest;
    },
    get secondaries() {
      return secondaries;
    },
    status,
    async configure({ plan, clusters: views, journal: limits, secondaries: zones, eventLog }) {
      const sources = sourcesOf(views);
      // What the log knows is served without waiting for anything; what it does not know must at least be possible.
      const isKnown = views.every((view) => isSynced(view, projector.world));
      if (!isKnown) await checkConnections(views, options.connect);
      journal.setLimits(limits);
      retention.configure(eventLog);
      snapshots.space(eventLog.snapshotEvery);
      clusters = views;
      noteSynced(0);
      if (JSON.stringify(projector.world.plan) !== JSON.stringify(plan)) {
        const appended = log.append([{ kind: 'PlanApplied', plan }], [], clock(), previous);
        if (!appended.ok) throw new OperatorError(`${database.file}: ${appended.error.message}`);
        fold(appended.value);
      }
      if (ingest !== undefined) await ingest.reconfigure(sources);
      else if (isKnown) waitingSources = sources;
      else await begin(sources);
      if (waitingZones === undefined) await followZones(zones);
      else waitingZones = zones;
    },
    async begin() {
      const sources = waitingSources;
      waitingSources = undefined;
      if (sources !== undefined) await begin(sources);
      const zones = waitingZones;
      waitingZones = undefined;
      if (zones !== undefined) await followZones(zones);
      retention.begin();
    },
    notify: (zone, address) => secondaries?.notify(zone, address),
    follow(port) {
      const follower = startFollower(port, () => ({ batch: lastReleased, ...released.all() }), {
        onFolded: reveal,
        onClose: () => {
          followers.delete(follower);
          reveal();
        },
      });
      followers.add(follower);
    },
    release(cluster) {
      const held = heldClusters().filter((id) => cluster === undefined || id === cluster);
      for (const id of held) ingest?.release(id, 'operator');
      return held;
    },
    snapshot: () => snapshots.take(),
    async stop() {
      await ingest?.stop();
      await secondaries?.stop();
      await retention.stop();
      snapshots.finish();
      for (const follower of followers) follower.close();
      database.close();
    },
  };
}

/** What changes how clusters stand. */
const STATUS_EVENTS: ReadonlySet<string> = new Set([
  'ClusterSynced',
  'ClusterLost',
  'ClusterLacks',
  'DeletionsHeld',
  'DeletionsReleased',
  'PlanApplied',
  'ZoneExpired',
  'ZoneRefreshed',
]);

const isAboutStatus = ({ kind }: ClusterEvent) => STATUS_EVENTS.has(kind);

/** Was everything that a view needs listed once, now or in the log? */
function isSynced(view: ClusterView, world: World): boolean {
  const state = world.clusters[view.id];
  return view.kinds.every(
    (kind) => state?.synced[kind] === true || (view.dispensable.includes(kind) && state?.lacking[kind] !== undefined),
  );
}

/** A configuration that can't work is refused at the start; a server that is away is not. @throws OperatorError */
async function checkConnections(views: readonly ClusterView[], connect: Connector): Promise<void> {
  await Promise.all(
    views.map(async ({ connection, plugin }) => {
      const result = await connect(connection);
      if (!result.ok) throw new OperatorError(`plugin/${plugin}: ${result.error}`);
    }),
  );
}
