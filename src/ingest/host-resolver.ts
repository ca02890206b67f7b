/**
 * Addresses of the host names that load balancers go by, looked up in the background and kept up to date by their TTLs.
 * What was found is a fact (`ResolvedHost`) as every other: it is logged when it changes, so history and transfers have
 * it, and a start answers with what was known. Nobody who is answered waits for a resolver.
 */
import type { Logger } from '../logger.ts';
import { createCounters, gaugeFamily, type MetricsSnapshot } from '../metrics.ts';
import type { Clock } from './clock.ts';
import { equalJson } from './delta.ts';
import type { ClusterEvent, ClusterId, ResolvedHostFacts } from './event.ts';
import type { FamilyLookup, HostLookup } from './host-lookup.ts';
import { type HostTtl, knownTtl, learnTtl } from './host-ttl.ts';

export interface HostResolverOptions {
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** Asks the resolvers of a cluster. Never rejects. */
  readonly lookUp: (cluster: ClusterId, host: string, signal: AbortSignal) => Promise<HostLookup>;
  /** The fold of the log. */
  readonly known: {
    get(cluster: ClusterId, host: string): ResolvedHostFacts | undefined;
    keys(cluster: ClusterId): Iterable<string>;
  };
  /** Takes what is new; it will be logged. */
  readonly push: (events: readonly ClusterEvent[]) => void;
  /** Waited for before a lookup: undefined when there is room in the log. */
  readonly room: () => Promise<void> | undefined;
  readonly logger: Logger;
  readonly tuning?: Partial<HostTuning>;
}

/** Milliseconds and counts. */
export interface HostTuning {
  /** What comes of a TTL, however low or high. */
  readonly refresh: readonly [least: number, most: number];
  readonly backoff: readonly [first: number, most: number];
  /** Lookups at a time. */
  readonly concurrency: number;
  /** Names that are looked up; those beyond wait for others to go. */
  readonly most: number;
  /** Addresses of one name. */
  readonly addresses: number;
}

export const DEFAULT_HOST_TUNING: HostTuning = {
  refresh: [5_000, 3_600_000],
  backoff: [1_000, 300_000],
  concurrency: 16,
  most: 5_000,
  addresses: 100,
};

interface Entry {
  readonly cluster: ClusterId;
  readonly host: string;
  /** As last given to be logged. */
  addresses: readonly string[] | undefined;
  /** Of the addresses; undefined: they have none. */
  ttl: HostTtl | undefined;
  /** In a row. */
  failures: number;
  trouble: string | undefined;
  isGone: boolean;
  cancel: () => void;
}

export class HostResolver {
  readonly #options: HostResolverOptions;
  readonly #tuning: HostTuning;
  readonly #entries = new Map<string, Entry>();
  /** Whose facts in the log were compared with what is needed. */
  readonly #swept = new Set<ClusterId>();
  /** Names that were given up, as long as the fold does not know of it. */
  readonly #forgotten = new Set<string>();
  readonly #due: Entry[] = [];
  #failing = 0;
  #running = 0;
  #refused = 0;
  readonly #abort = new AbortController();
  readonly #lookups = createCounters('zonelog_host_lookups_total', 'Lookups of host names of load balancers.', [
    'cluster',
    'result',
  ]);

  constructor(options: HostResolverOptions) {
    this.#options = options;
    this.#tuning = { ...DEFAULT_HOST_TUNING, ...options.tuning };
  }

  /** These host names are needed from here on, of these clusters; what is known of others is given up. */
  follow(needed: ReadonlyMap<ClusterId, ReadonlySet<string>>): void {
    if (this.#abort.signal.aborted) return;
    for (const entry of [...this.#entries.values()]) {
      if (needed.get(entry.cluster)?.has(entry.host)) continue;
      this.#drop(entry, needed.has(entry.cluster));
    }
    this.#refused = 0;
    for (const [cluster, hosts] of needed) {
      for (const host of hosts) this.#add(cluster, host);
      this.#sweep(cluster, hosts);
    }
    for (const cluster of this.#swept) if (!needed.has(cluster)) this.#swept.delete(cluster);
  }

  /** These events are folded now: `known` tells of them itself. */
  settle(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (event.kind === 'ResolvedHostDeleted') this.#forgotten.delete(nameOf(event.cluster, event.key));
    }
  }

  metrics(): MetricsSnapshot {
    const groups = [...Map.groupBy(this.#entries.values(), ({ cluster }) => cluster)];
    const gauge = (name: string, help: string, count: (entries: readonly Entry[]) => number) =>
      gaugeFamily(
        name,
        help,
        ['cluster'],
        groups.map(([cluster, entries]) => [[cluster], count(entries)] as const),
      );
    return [
      this.#lookups.family(),
      gauge('zonelog_host_names', 'Host names of load balancers that are looked up.', (all) => all.length),
      gauge(
        'zonelog_host_names_failing',
        'Those whose last lookup failed: what was found before stays.',
        (all) => all.filter(({ trouble }) => trouble !== undefined).length,
      ),
      gaugeFamily('zonelog_host_names_refused', 'Host names beyond the limit.', [], [[[], this.#refused]]),
    ];
  }

  stop(): void {
    this.#abort.abort();
    for (const entry of this.#entries.values()) entry.cancel();
    this.#entries.clear();
    this.#due.length = 0;
  }

  #add(cluster: ClusterId, host: string): void {
    const name = nameOf(cluster, host);
    if (this.#entries.has(name)) return;
    if (this.#entries.size >= this.#tuning.most) {
      this.#refused += 1;
      return;
    }
    const facts = this.#forgotten.has(name) ? undefined : this.#options.known.get(cluster, host);
    const entry: Entry = {
      cluster,
      host,
      addresses: facts?.addresses,
      ttl: facts?.ttl === undefined ? undefined : knownTtl(facts.ttl),
      failures: 0,
      trouble: undefined,
      isGone: false,
      cancel: () => undefined,
    };
    this.#entries.set(name, entry);
    this.#enqueue(entry);
  }

  /** @param isLogged does the cluster still count, so that the log has to be told? */
  #drop(entry: Entry, isLogged: boolean): void {
    entry.isGone = true;
    entry.cancel();
    if (entry.trouble !== undefined) this.#failing -= 1;
    this.#entries.delete(nameOf(entry.cluster, entry.host));
    if (isLogged && entry.addresses !== undefined) this.#forget(entry.cluster, entry.host);
  }

  /** What the log knows of names that nobody has needed since the start. */
  #sweep(cluster: ClusterId, hosts: ReadonlySet<string>): void {
    if (this.#swept.has(cluster)) return;
    this.#swept.add(cluster);
    for (const host of [...this.#options.known.keys(cluster)]) if (!hosts.has(host)) this.#forget(cluster, host);
  }

  #forget(cluster: ClusterId, host: string): void {
    this.#forgotten.add(nameOf(cluster, host));
    this.#options.push([{ kind: 'ResolvedHostDeleted', object: 'ResolvedHost', cluster, key: host, cause: {} }]);
  }

  #enqueue(entry: Entry): void {
    this.#due.push(entry);
    if (this.#running < this.#tuning.concurrency) void this.#work();
  }

  async #work(): Promise<void> {
    this.#running += 1;
    for (let entry = this.#due.shift(); entry !== undefined; entry = this.#due.shift()) {
      if (entry.isGone) continue;
      await this.#options.room();
      const lookup = await this.#options.lookUp(entry.cluster, entry.host, this.#abort.signal);
      if (!entry.isGone && !this.#abort.signal.aborted) this.#take(entry, lookup);
    }
    this.#running -= 1;
  }

  /** A family that could not be asked for keeps what was known of it. */
  #take(entry: Entry, lookup: HostLookup): void {
    const { v4, v6 } = lookup;
    const [least, most] = this.#tuning.refresh;
    const failed = [v4, v6].find((family) => family.status === 'failed');
    const ttls = [v4, v6].flatMap((family) => (family.status === 'found' ? [family.ttl * 1000] : []));
    let delay = Math.min(most, Math.max(least, ...(ttls.length > 0 ? [Math.min(...ttls)] : [])));
    if (ttls.length > 0) this.#publish(entry, lookup);
    if (failed === undefined) {
      entry.failures = 0;
      this.#note(entry, undefined);
    } else {
      entry.failures += 1;
      this.#note(entry, failed.reason);
      const retry = this.#retryDelay(entry.failures);
      delay = ttls.length > 0 ? Math.min(delay, retry) : retry;
    }
    const hasAny = entry.addresses !== undefined && entry.addresses.length > 0;
    const result = failed !== undefined ? 'failure' : hasAny ? 'answer' : 'empty';
    this.#lookups.add([entry.cluster, result]);
    entry.cancel = this.#options.clock.after(delay, () => this.#enqueue(entry));
  }

  #publish(entry: Entry, { v4, v6, isOwn }: HostLookup): void {
    const known = entry.addresses ?? [];
    const of = (family: FamilyLookup, isIpv6: boolean) =>
      family.status === 'found' ? family.addresses : known.filter((address) => address.includes(':') === isIpv6);
    const found = new Set([...of(v4, false), ...of(v6, true)]);
    const addresses = [...found].sort().slice(0, this.#tuning.addresses);
    const before = entry.addresses && factsOf(entry.addresses, entry.ttl);
    entry.addresses = addresses;
    const seen = [v4, v6].flatMap((one) => (one.status === 'found' && one.addresses.length > 0 ? [one.ttl] : []));
    if (isOwn === true || addresses.length === 0) entry.ttl = undefined;
    else if (seen.length > 0) entry.ttl = learnTtl(entry.ttl, Math.min(...seen));
    const facts = factsOf(addresses, entry.ttl);
    if (equalJson(before, facts)) return;
    const { cluster, host } = entry;
    this.#options.push([
      {
        kind: 'ResolvedHostUpserted',
        object: 'ResolvedHost',
        cluster,
        key: host,
        facts,
        cause: { manager: 'resolver' },
      },
    ]);
  }

  /** A line when a name gets into trouble and one when it is over; of many names in trouble only the first have any. */
  #note(entry: Entry, trouble: string | undefined): void {
    if (trouble === undefined) {
      if (entry.trouble === undefined) return;
      this.#failing -= 1;
    } else if (entry.trouble === undefined) this.#failing += 1;
    else if (entry.trouble === trouble) return;
    entry.trouble = trouble;
    const { logger } = this.#options;
    const isMany = this.#failing > MAX_LINES;
    const what = `${entry.cluster}: host name ${entry.host}`;
    const stays = entry.addresses === undefined ? '' : '; what was found before stays';
    if (isMany) logger.debug(`${what}: ${trouble ?? 'resolved again'}`);
    else if (trouble === undefined) logger.info(`${what}: resolved again`);
    else logger.warning(`${what}: ${trouble}${stays}`);
  }

  #retryDelay(failures: number): number {
    const [first, most] = this.#tuning.backoff;
    // Half of it is chance, so that many names don't come back at once.
    return Math.min(most, first * 2 ** Math.min(20, failures - 1)) * (0.5 + this.#options.random() / 2);
  }
}

/** Names in trouble at a time that have lines of their own. */
const MAX_LINES = 10;

function factsOf(addresses: readonly string[], ttl: HostTtl | undefined): ResolvedHostFacts {
  return { addresses, ...(ttl !== undefined && { ttl: ttl.ttl }) };
}

function nameOf(cluster: ClusterId, host: string): string {
  return `${cluster} ${host}`;
}
