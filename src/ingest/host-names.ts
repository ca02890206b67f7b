/** The host names of load balancers, joined to resolvers and to the log. */
import type { Logger } from '../logger.ts';
import type { Clock } from './clock.ts';
import type { Committer } from './commit.ts';
import type { ClusterId, FactsOf, ObjectKind, ResolvedHostFacts } from './event.ts';
import { lookUpHost } from './host-lookup.ts';
import { HostResolver, type HostTuning } from './host-resolver.ts';
import type { KnownFacts } from './reconcile.ts';
import { askResolver, type ServerAddress } from './resolver-exchange.ts';

export interface HostNameOptions {
  /** The resolvers of the system, for clusters that name none; called for each lookup. */
  readonly servers: () => readonly ServerAddress[];
  /** 0 ≤ n < 1, which nobody outside can guess. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly tuning?: Partial<HostTuning>;
}

/** Milliseconds that a resolver has for a reply. */
const TIMEOUT = 3_000;

/** A resolver of host names whose findings go to the log. */
export function followHosts(
  { servers, random, logger, tuning }: HostNameOptions,
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
    lookUp: (cluster, host, signal) =>
      lookUpHost(host, from.serversOf(cluster) ?? servers(), (server, name, type) =>
        askResolver(server, name, type, { clock, random, timeout: TIMEOUT, signal }),
      ),
    ...(tuning && { tuning }),
  });
}

function isHostFacts(facts: FactsOf[ObjectKind] | undefined): facts is ResolvedHostFacts {
  return facts !== undefined && 'addresses' in facts;
}
