/** The host names of load balancers, joined to resolvers and to the log. */
import type { Logger } from '../logger.ts';
import type { Clock } from './clock.ts';
import type { Committer } from './commit.ts';
import type { ClusterId, FactsOf, ObjectKind, ResolvedHostFacts } from './event.ts';
import { type FamilyLookup, type HostLookup, lookUpHost } from './host-lookup.ts';
import { HostResolver, type HostTuning } from './host-resolver.ts';
import type { KnownFacts } from './reconcile.ts';
import { askResolver, type ServerAddress } from './resolver-exchange.ts';

export interface HostNameOptions {
  /** The resolvers of the system, for clusters that name none; called for each lookup. */
  readonly servers: () => readonly ServerAddress[];
  /** What the system itself knows of a host, which goes before its resolvers; undefined: nothing. */
  readonly hosts?: (host: string) => readonly string[] | undefined;
  /** 0 ≤ n < 1, which nobody outside can guess. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly tuning?: Partial<HostTuning>;
}

/** Milliseconds that a resolver has for a reply. */
const TIMEOUT = 3_000;
/** For how long what the system itself knows is right, seconds. */
const OWN_TTL = 60;

/** A resolver of host names whose findings go to the log. */
export function followHosts(
  { servers, hosts, random, logger, tuning }: HostNameOptions,
  from: {
    readonly clock: Clock;
    readonly known: KnownFacts;
    readonly committer: Pick<Committer, 'push' | 'room'>;
    /** Those that a cluster's stanza names. */
    readonly serversOf: (cluster: ClusterId) => readonly ServerAddress[] | undefined;
  },
): HostResolver {
  const { clock, known, committer } = from;
  return new HostResolver({
    clock,
    random,
    logger,
    known: {
      get(cluster, host) {
        const facts = known.get(cluster, 'ResolvedHost', host);
        return isHostFacts(facts) ? facts : undefined;
      },
      keys: (cluster) => known.keys(cluster, 'ResolvedHost'),
    },
    push: (events) => committer.push({ events, rejected: [] }),
    room: () => committer.room(),
    lookUp: async (cluster, host, signal) => {
      const named = from.serversOf(cluster);
      const own = named === undefined ? hosts?.(host) : undefined;
      if (own !== undefined) return ownLookup(own);
      return lookUpHost(host, named ?? servers(), (server, name, type) =>
        askResolver(server, name, type, { clock, random, timeout: TIMEOUT, signal }),
      );
    },
    ...(tuning && { tuning }),
  });
}

function ownLookup(addresses: readonly string[]): HostLookup {
  const family = (isIpv6: boolean): FamilyLookup => ({
    status: 'found',
    addresses: addresses.filter((address) => address.includes(':') === isIpv6),
    ttl: OWN_TTL,
  });
  return { v4: family(false), v6: family(true), isOwn: true };
}

function isHostFacts(facts: FactsOf[ObjectKind] | undefined): facts is ResolvedHostFacts {
  return facts !== undefined && 'addresses' in facts;
}
