/**
 * Ingest: every cluster's lists and watches → facts → what is new → batches in the event log.
 *
 * Clusters stand side by side: one that is away delays no other. Feeds wait when the log can't keep up, so nothing is
 * dropped and nothing piles up. Who subscribes to `batches$` folds each batch before it returns: from then on `known`
 * must tell of it.
 */
import { type BehaviorSubject, defer, map, Observable, retry, type Subscription, tap } from 'rxjs';
import type { Logger } from '../logger.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import { startTimeout } from '../timeout.ts';
import { ApiClient, type Trouble } from './api-client.ts';
import type { Clock } from './clock.ts';
import { type CommitTuning, Committer, DEFAULT_COMMIT_TUNING, type LogHealth } from './commit.ts';
import type { Connector } from './credentials.ts';
import { equalJson } from './delta.ts';
import type { Batch, ClusterId, WatchedKind } from './event.ts';
import { type ClusterSource, type FeedSpec, feedName, positionScope } from './feed.ts';
import { DEFAULT_TUNING, type FeedStatus, type FeedTuning } from './feed-tuning.ts';
import { followHosts, type HostNameOptions } from './host-names.ts';
import { createIngestCounters, describeCommits, describeFeeds } from './ingest-metrics.ts';
import { followFeed } from './kube.ts';
import type { EventLog } from './log.ts';
import { type AdmitDeletions, ClusterReconciler, type KnownFacts, type Step } from './reconcile.ts';
import { createRejectionReporter } from './rejections.ts';
import { resourceOf } from './resource-path.ts';

export type { LogHealth } from './commit.ts';
export type { ClusterSource } from './feed.ts';
export type { KnownFacts } from './reconcile.ts';

export interface IngestOptions {
  readonly log: EventLog;
  /** The fold of the log. */
  readonly known: KnownFacts;
  readonly sources: readonly ClusterSource[];
  readonly connect: Connector;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly userAgent: string;
  /** Default: real timers. */
  readonly after?: Clock['after'];
  /** May a list that lacks known objects delete them? Default: yes. */
  readonly admitDeletions?: AdmitDeletions;
  readonly tuning?: Partial<FeedTuning>;
  readonly commitTuning?: Partial<CommitTuning>;
  /** How host names of load balancers are looked up. Default: they are not. */
  readonly hostNames?: HostNameOptions;
}

/** One list and watch, now. */
export interface FeedHealth extends Readonly<FeedStatus> {
  readonly cluster: ClusterId;
  readonly kind: WatchedKind;
  readonly scope: string;
  /** Deletions that were not admitted. */
  readonly held: number;
}

export interface IngestHealth {
  readonly feeds: readonly FeedHealth[];
  /** Why the log takes nothing, in one line; undefined when it does. */
  readonly logFailure: string | undefined;
  /** Events that wait for their commit. */
  readonly waiting: number;
}

export interface Ingest {
  /** Each batch after its commit, in order, without gaps. */
  readonly batches$: Observable<Batch>;
  readonly logHealth$: BehaviorSubject<LogHealth>;
  health(): IngestHealth;
  metrics(): MetricsSnapshot;
  /** Starts and stops feeds so that these are followed; one that is in both goes on undisturbed. */
  reconfigure(sources: readonly ClusterSource[]): Promise<void>;
  /** Lets deletions happen that were not admitted. */
  release(cluster: ClusterId, by: 'operator' | 'time'): void;
  /** The host names whose addresses are needed from here on, of all clusters that are followed. */
  resolveHosts(needed: ReadonlyMap<ClusterId, ReadonlySet<string>>): void;
  /** Stops following, and commits what has come. */
  stop(): Promise<void>;
}

interface RunningFeed {
  readonly feed: FeedSpec;
  readonly status: FeedStatus;
  readonly subscription: Subscription;
}

interface RunningCluster {
  source: ClusterSource;
  client: ApiClient;
  readonly reconciler: ClusterReconciler;
  readonly feeds: Map<string, RunningFeed>;
}

/** Milliseconds until a feed that met a bug of ours is begun anew. */
const RESTART = 30_000;

/** Begins at once; subscribe to `batches$` in the same turn. */
export function startIngest(options: IngestOptions): Ingest {
  const { log, known, logger } = options;
  const clock: Clock = {
    now: options.clock,
    after: options.after ?? ((milliseconds, action) => startTimeout(action, milliseconds)),
  };
  const clusters = new Map<ClusterId, RunningCluster>();
  const counters = createIngestCounters();
  const committer = new Committer({
    log,
    previous: (cluster, kind, key) => known.get(cluster, kind, key),
    clock,
    random: options.random,
    tuning: { ...DEFAULT_COMMIT_TUNING, ...options.commitTuning },
    onFolded(batch, steps) {
      for (const event of batch.events) if ('cluster' in event) counters.events.add([event.cluster, event.kind]);
      for (const { reconciler } of clusters.values()) reconciler.settle(batch.events);
      hosts?.settle(batch.events);
      for (const step of steps) if (step.trigger !== undefined) observeProgramming(step, step.trigger);
    },
  });
  committer.logHealth$.subscribe(createLogReporter(logger));
  const tellRejection = createRejectionReporter(logger);

  const hosts =
    options.hostNames &&
    followHosts(options.hostNames, {
      clock,
      known,
      committer,
      serversOf: (cluster) => clusters.get(cluster)?.source.resolvers,
    });

  function makeClient(source: ClusterSource): ApiClient {
    const { connection, limits } = source;
    const connect = () => options.connect(connection);
    return new ApiClient({ connect, limits, clock, userAgent: options.userAgent, counters });
  }

  /** Of a slice whose service is known; as long as the peer's clock and ours agree. */
  function observeProgramming({ events: [event] }: Step, trigger: number): void {
    if (event?.kind !== 'EndpointSliceUpserted' || event.facts.service === undefined) return;
    const [namespace] = event.key.split('/');
    const service = known.get(event.cluster, 'Service', `${namespace}/${event.facts.service}`);
    if (service === undefined || !('clusterIPs' in service)) return;
    const kind = service.clusterIPs[0] === 'None' ? 'headless_with_selector' : 'cluster_ip';
    counters.programming.observe([kind], Math.max(0, clock.now() - trigger) / 1000);
  }

  function take(id: ClusterId, step: Step): void {
    for (const rejection of step.rejected) {
      counters.rejected.add([id, rejection.kind, rejection.reason]);
      tellRejection(id, rejection);
    }
    if (step.events.length > 0 || step.position !== undefined) committer.push(step);
  }

  function startFeed(running: RunningCluster, feed: FeedSpec, mayResume: boolean): void {
    const { source, client, reconciler } = running;
    const status: FeedStatus = {
      state: 'connecting',
      lastContact: 0,
      trouble: undefined,
      lists: 0,
      reconnects: 0,
      badLines: 0,
    };
    const report = createTroubleReporter(logger, `${source.id}: ${resourceOf(feed.kind)} ${feed.scope}`.trimEnd());
    const sync = known.sync(source.id, feed.kind);
    let position =
      mayResume && (sync === 'synced' || sync === 'lost')
        ? log.watchPosition(source.id, feed.kind, positionScope(feed))
        : undefined;
    const signals$ = defer(() =>
      followFeed({
        feed,
        client,
        clock,
        random: options.random,
        position,
        room: () => committer.room(),
        status,
        onTrouble: report.trouble,
        tuning: { ...DEFAULT_TUNING, ...options.tuning },
      }),
    );
    const subscription = signals$
      .pipe(
        tap((signal) => {
          if (signal.type === 'live') report.live();
        }),
        map((signal) => reconciler.accept(feed, signal)),
        retry({
          delay(error: unknown) {
            logger.error(`${source.id}: ${feedName(feed)}: ${error instanceof Error ? error.stack : String(error)}`);
            counters.bugs.add([]);
            position = undefined;
            return afterwards(clock, RESTART);
          },
        }),
      )
      .subscribe((step) => take(source.id, step));
    running.feeds.set(feedName(feed), { feed, status, subscription });
  }

  function stopFeed(running: RunningCluster, { feed, subscription }: RunningFeed): void {
    subscription.unsubscribe();
    running.feeds.delete(feedName(feed));
    running.reconciler.removeFeed(feed);
  }

  /** @returns when what was stopped has ended */
  async function follow(source: ClusterSource): Promise<void> {
    const before = clusters.get(source.id);
    const isSameServer =
      before !== undefined &&
      equalJson([before.source.connection, before.source.limits], [source.connection, source.limits]);
    const running: RunningCluster = before ?? {
      source,
      client: makeClient(source),
      reconciler: new ClusterReconciler(source.id, known, options.admitDeletions),
      feeds: new Map(),
    };
    clusters.set(source.id, running);
    let closed: Promise<void> | undefined;
    const wanted = new Map(source.feeds.map((feed) => [feedName(feed), feed]));
    /** With another selector the old position says nothing. */
    const changed = new Set<string>();
    for (const [name, feed] of running.feeds) {
      const isSame = equalJson(feed.feed, wanted.get(name));
      if (isSame && isSameServer) continue;
      if (!isSame) changed.add(name);
      stopFeed(running, feed);
    }
    if (before && !isSameServer) {
      closed = running.client.close();
      running.client = makeClient(source);
    }
    running.source = source;
    const fresh = [...wanted].filter(([name]) => !running.feeds.has(name));
    for (const [, feed] of fresh) running.reconciler.addFeed(feed);
    for (const [name, feed] of fresh) startFeed(running, feed, !changed.has(name));
    await closed;
  }

  async function stopCluster(running: RunningCluster): Promise<void> {
    for (const feed of [...running.feeds.values()]) stopFeed(running, feed);
    await running.client.close();
  }

  async function reconfigure(sources: readonly ClusterSource[]): Promise<void> {
    const wanted = new Set(sources.map((source) => source.id));
    const gone = [...clusters].filter(([id]) => !wanted.has(id));
    for (const [id] of gone) clusters.delete(id);
    await Promise.all([...gone.map(([, running]) => stopCluster(running)), ...sources.map(follow)]);
  }

  function feedsHealth(): FeedHealth[] {
    return [...clusters.values()].flatMap(({ source, feeds, reconciler }) => {
      const held = new Map(reconciler.held().map(({ feed, keys }) => [feedName(feed), keys.size]));
      return [...feeds].map(([name, { feed, status }]) => ({
        ...status,
        cluster: source.id,
        kind: feed.kind,
        scope: feed.scope,
        held: held.get(name) ?? 0,
      }));
    });
  }

  void reconfigure(options.sources);
  return {
    batches$: committer.batches$.asObservable(),
    logHealth$: committer.logHealth$,
    health() {
      const health = committer.logHealth$.value;
      const logFailure = health.status === 'ok' ? undefined : `${health.message} (${health.code})`;
      return { feeds: feedsHealth(), logFailure, waiting: committer.waiting };
    },
    metrics: () => [
      ...counters.families(),
      ...describeFeeds(feedsHealth()),
      ...describeCommits(committer),
      ...(hosts?.metrics() ?? []),
    ],
    reconfigure,
    release(cluster, by) {
      for (const step of clusters.get(cluster)?.reconciler.release(by) ?? []) take(cluster, step);
    },
    resolveHosts: (needed) => hosts?.follow(needed),
    async stop() {
      hosts?.stop();
      const running = [...clusters.values()];
      clusters.clear();
      const stopped = running.map(stopCluster);
      await committer.stop();
      await Promise.all(stopped);
    },
  };
}

function afterwards(clock: Clock, milliseconds: number): Observable<unknown> {
  return new Observable((subscriber) => clock.after(milliseconds, () => subscriber.next(undefined)));
}

/** One line when a feed gets into trouble or its trouble changes, one when it is over. */
function createTroubleReporter(logger: Logger, name: string) {
  let last: string | undefined;
  return {
    trouble({ reason, isListNeeded }: Trouble) {
      if (reason === last) return;
      last = reason;
      logger.warning(`${name}: ${reason}${isListNeeded ? '; listing again' : ''}`);
    },
    live() {
      if (last !== undefined) logger.info(`${name}: followed again`);
      last = undefined;
    },
  };
}

function createLogReporter(logger: Logger) {
  let last: string | undefined;
  return (health: LogHealth) => {
    const now = health.status === 'ok' ? undefined : `${health.message} (${health.code})`;
    if (now !== undefined && now !== last) logger.error(`event log: ${now}; what was learnt is kept, answers go on`);
    if (now === undefined && last !== undefined) logger.info('event log: written again');
    last = now;
  };
}
