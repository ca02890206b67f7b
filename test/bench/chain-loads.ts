/** What the whole chain is asked: names of the cluster, names of others from the cache, and names that are always forwarded. */
import type { FixtureSize } from './fixture.ts';
import { type Question, questions } from './questions.ts';

export interface Load {
  readonly name: 'cluster' | 'cached' | 'uncached';
  readonly title: string;
  /** Queries per second of zonelog for one of the peer, at least. */
  readonly ratio: number | undefined;
}

export const LOADS: readonly Load[] = [
  { name: 'cluster', title: 'cluster names', ratio: 1.5 },
  { name: 'cached', title: 'forwarded names, cached', ratio: 1 },
  { name: 'uncached', title: 'forwarded names, not cached', ratio: undefined },
];

const QUESTIONS = 20_000;
const QUICK_QUESTIONS = 2_000;
/** Names of others that are in the cache: fewer than its capacity. */
const CACHED = 2_000;
/** What `upstream-process.ts` answers. */
const UPSTREAM_ADDRESS = '192.0.2.1';

export function loadQuestions({ name }: Load, size: FixtureSize, isQuick: boolean): Question[] {
  if (name === 'cluster') return questions(size, isQuick ? QUICK_QUESTIONS : QUESTIONS);
  const zone = name === 'cached' ? 'example.org.' : 'uncached.example.';
  return Array.from({ length: CACHED }, (_, i) => ({
    name: `www-${i}.${zone}`,
    type: 'A',
    expected: { kind: 'address', address: UPSTREAM_ADDRESS },
  }));
}

/**
 * The Corefile that kubeadm gives to a cluster, without its times of grace, and with a second block that has no `cache`.
 * The HTTP ports are next to the DNS port.
 */
export function stockCorefile(apiUrl: string, upstreamPort: number): (port: number) => string {
  return (port) => `.:${port} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${port + 1}
    ready 127.0.0.1:${port + 2}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        endpoint ${apiUrl}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${port + 3}
    forward . 127.0.0.1:${upstreamPort} {
        max_concurrent 1000
    }
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    loop
    reload
    loadbalance
}

uncached.example:${port} {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:${port + 3}
    forward . 127.0.0.1:${upstreamPort}
    loadbalance
}
`;
}
