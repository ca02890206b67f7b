/** A cluster, the ingest stage that follows it, and what it has learnt. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type OwnedDatabase, openDatabase } from '../../src/database.ts';
import type { KubeObject } from '../../src/demo/resources.ts';
import { createConnector } from '../../src/ingest/credentials.ts';
import { canonicalJson } from '../../src/ingest/delta.ts';
import type { Batch, ClusterEvent, ClusterId, FactsOf, ObjectKind, WatchedKind } from '../../src/ingest/event.ts';
import { WATCHED_KINDS } from '../../src/ingest/event.ts';
import { type ClusterSource, planFeeds, type ViewOptions } from '../../src/ingest/feed.ts';
import { heldName, unpackKeys } from '../../src/ingest/held-keys.ts';
import { EventLog, type EventLogOptions } from '../../src/ingest/log.ts';
import { normalize } from '../../src/ingest/normalize.ts';
import { type Ingest, type IngestOptions, type KnownFacts, startIngest } from '../../src/ingest/pipeline.ts';
import type { SyncState } from '../../src/ingest/reconcile.ts';
import { createLogger } from '../../src/logger.ts';
import { FaultyApiServer } from '../kit/apiserver.ts';
import { afterTurns } from '../kit/patience.ts';

export const CLUSTER = 'alpha' as ClusterId;

/** Milliseconds that are short for a machine, but not for a busy one. */
const FAST = {
  backoff: [5, 50],
  slowRetry: 50,
  failingAfter: 100,
  watchIdle: 20_000,
  listIdle: 20_000,
  resync: 0,
} as const;

/** A fold of the log that is nothing but maps. */
export class FoldedFacts implements KnownFacts {
  readonly #facts = new Map<string, FactsOf[ObjectKind]>();
  readonly #sync = new Map<string, SyncState>();
  readonly #held = new Map<string, { readonly keys: Set<string>; readonly until: number }>();

  get(cluster: ClusterId, kind: ObjectKind, key: string) {
    return this.#facts.get(`${cluster} ${kind} ${key}`);
  }

  *keys(cluster: ClusterId, kind: ObjectKind) {
    const start = `${cluster} ${kind} `;
    for (const name of this.#facts.keys()) if (name.startsWith(start)) yield name.slice(start.length);
  }

  sync(cluster: ClusterId, kind: ObjectKind) {
    return this.#sync.get(`${cluster} ${kind}`) ?? 'never';
  }

  held(cluster: ClusterId, kind: WatchedKind, scope: string) {
    return this.#held.get(`${cluster} ${heldName(kind, scope)}`);
  }

  apply({ events }: Batch): void {
    for (const event of events) {
      if (event.kind === 'DeletionsHeld') {
        const { cluster, key, scope, until } = event;
        this.#held.set(`${cluster} ${heldName(key, scope)}`, { keys: new Set(unpackKeys(event.keys)), until });
      } else if (event.kind === 'DeletionsReleased') {
        const name = `${event.cluster} ${heldName(event.key, event.scope)}`;
        if (event.keys === undefined) this.#held.delete(name);
        else for (const key of event.keys) this.#held.get(name)?.keys.delete(key);
      } else if (event.kind === 'ClusterSynced') this.#sync.set(`${event.cluster} ${event.key}`, 'synced');
      else if (event.kind === 'ClusterLost') this.#sync.set(`${event.cluster} ${event.key}`, 'lost');
      else if (event.kind === 'ClusterLacks') this.#sync.set(`${event.cluster} ${event.key}`, 'lacking');
      else if ('facts' in event) this.#facts.set(`${event.cluster} ${event.object} ${event.key}`, event.facts);
      else if ('object' in event) this.#facts.delete(`${event.cluster} ${event.object} ${event.key}`);
    }
  }

  /** One line for each object of a cluster, in order. */
  lines(cluster: ClusterId = CLUSTER): string[] {
    return [...this.#facts]
      .filter(([name]) => name.startsWith(`${cluster} `))
      .map(([name, facts]) => `${name} ${canonicalJson(facts)}`)
      .sort();
  }
}

export interface FollowingOptions extends Partial<Omit<IngestOptions, 'log' | 'known'>> {
  readonly database?: OwnedDatabase;
  readonly logOptions?: EventLogOptions;
}

/** The ingest stage over a database, from the log's start. */
export class Following {
  readonly database: OwnedDatabase;
  readonly log: EventLog;
  readonly known = new FoldedFacts();
  readonly ingest: Ingest;
  /** Those of this run. */
  readonly batches: Batch[] = [];
  readonly logged: string[] = [];

  constructor(options: FollowingOptions) {
    this.database = options.database ?? openDatabase(':memory:');
    this.log = new EventLog(this.database.db, options.logOptions);
    for (const batch of this.log.read(1)) this.known.apply(batch);
    this.ingest = startIngest({
      sources: [],
      connect: createConnector({ env: {} }),
      clock: Date.now,
      random: Math.random,
      logger: createLogger((line) => this.logged.push(line), { isDebug: () => true }),
      userAgent: 'zonelog/test',
      // The times below are short: those in which the machine stood still don't count.
      after: afterTurns,
      ...options,
      tuning: { ...FAST, ...options.tuning },
      commitTuning: { quiet: 1, longest: 5, idle: 20, backoff: [10, 50], ...options.commitTuning },
      log: this.log,
      known: this.known,
    });
    this.ingest.batches$.subscribe((batch) => {
      this.known.apply(batch);
      this.batches.push(batch);
    });
  }

  get events(): ClusterEvent[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  /** `ServiceUpserted apps/web`, in order, of this run. */
  get story(): string[] {
    return this.events.map((event) => ('key' in event ? `${event.kind} ${event.key}` : event.kind));
  }

  /**
   * The story without how the cluster stands: on a busy machine feeds may come back late, and are said to be lost and
   * found; that is no news of objects.
   */
  newsSince(before = 0): string[] {
    return this.story.slice(before).filter((line) => !line.startsWith('Cluster'));
  }

  isSynced(cluster: ClusterId = CLUSTER, kinds: readonly ObjectKind[] = KINDS): boolean {
    return kinds.every((kind) => this.known.sync(cluster, kind) === 'synced');
  }

  /** Waits until what was learnt of a cluster is what its API server has. */
  async converged(api: FaultyApiServer, cluster: ClusterId = CLUSTER): Promise<void> {
    await until(
      () => equal(this.known.lines(cluster), linesOf(api, cluster)),
      () => assert.deepEqual(this.known.lines(cluster), linesOf(api, cluster)),
    );
  }

  /** Is every feed of a cluster watching? */
  isWatching(): boolean {
    const { feeds } = this.ingest.health();
    return feeds.length > 0 && feeds.every((feed) => feed.state === 'watching');
  }

  async stop(): Promise<void> {
    await this.ingest.stop();
  }
}

/** Kinds that are followed unless said otherwise. */
export const KINDS: readonly WatchedKind[] = ['Service', 'Namespace', 'EndpointSlice', 'Pod'];

export function sourceOf(api: { url: string }, view: Partial<ViewOptions> = {}, id = CLUSTER): ClusterSource {
  const feeds = planFeeds({ kinds: KINDS, namespaces: [], ...view });
  return { id, connection: { kind: 'endpoint', url: api.url }, feeds, limits: {} };
}

/** What a fresh look at the API server gives. */
export function linesOf(api: FaultyApiServer, cluster: ClusterId = CLUSTER): string[] {
  const lines: string[] = [];
  for (const object of api.objects()) {
    const kind = WATCHED_KINDS.find((known) => known === object.kind);
    if (kind === undefined) continue;
    const normalized = normalize(kind, object);
    if (normalized.status === 'facts')
      lines.push(`${cluster} ${kind} ${normalized.key} ${canonicalJson(normalized.facts)}`);
  }
  return lines.sort();
}

/** Long enough for a machine that does much else: it is waited out only where a test fails. */
const PATIENCE = 60_000;

/** Polls: for what no event tells of. */
export async function until(isTrue: () => boolean, complain: () => void = () => undefined): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!isTrue()) {
    if (performance.now() > end) {
      complain();
      assert.fail(`this did not come true: ${isTrue}`);
    }
    await delay(2);
  }
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

export function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

export function service(name: string, clusterIP: string, ns = 'apps'): KubeObject {
  const spec = {
    type: 'ClusterIP',
    clusterIP,
    clusterIPs: [clusterIP],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: ns }, spec };
}

export function slice(name: string, addresses: readonly string[], ns = 'apps'): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: ns, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

export function pod(name: string, ip: string, ns = 'apps'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: ns },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
}

/** A small cluster. */
export const FEW = [
  namespace('apps'),
  namespace('data'),
  service('web', '10.1.0.1'),
  service('db', '10.1.0.2', 'data'),
  slice('web', ['10.2.0.1', '10.2.0.2']),
  pod('web-0', '10.2.0.1'),
];

/** A started API server. */
export async function startApi(objects: readonly KubeObject[] = FEW, options: object = {}): Promise<FaultyApiServer> {
  const api = new FaultyApiServer({ objects, bookmarkIntervalMs: 60_000, ...options });
  await api.start();
  return api;
}
