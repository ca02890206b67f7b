/** Addresses of secondaries that clusters tell: endpoints of a Service, or pods that a selector chooses. */
import type { FoundTarget } from '../corefile/config.ts';
import type { ClusterId } from '../ingest/event.ts';
import type { ClusterState, World } from '../projection/state.ts';

/** What a target is known by in its block. */
export function foundKey({ kind, namespace, which }: FoundTarget): string {
  return `${kind} ${namespace} ${which}`;
}

/** Addresses that a cluster tells now. */
export interface FoundAddresses {
  readonly cluster: ClusterId;
  /** Sorted. */
  readonly addresses: readonly string[];
}

/** Addresses of one target: who has more tells no secondaries, but a load. */
const MAX_FOUND = 1000;

const known = new WeakMap<ClusterState, readonly string[]>();

/** The addresses of all pods and endpoints of a view that has nothing else in it, sorted; some if they are very many. */
export function addressesIn(cluster: ClusterState | undefined): readonly string[] {
  if (cluster === undefined) return [];
  let found = known.get(cluster);
  if (found === undefined) {
    found = [...new Set(allAddresses(cluster))].sort().slice(0, MAX_FOUND);
    known.set(cluster, found);
  }
  return found;
}

function* allAddresses({ namespaces }: ClusterState): Generator<string> {
  for (const { slices, pods } of namespaces.values()) {
    for (const { endpoints } of slices.values()) for (const { addresses } of endpoints) yield* addresses;
    for (const { addresses } of pods.values()) yield* addresses;
  }
}

/** What has changed of some clusters since the last look. */
export class FoundChanges {
  readonly #last = new Map<ClusterId, readonly string[]>();

  /** @param clusters all that are looked at from now on */
  update(clusters: Iterable<ClusterId>, world: World): FoundAddresses[] {
    const changed: FoundAddresses[] = [];
    for (const cluster of clusters) {
      const addresses = addressesIn(world.clusters[cluster]);
      const last = this.#last.get(cluster);
      if (last === addresses) continue;
      this.#last.set(cluster, addresses);
      if (last === undefined || last.join() !== addresses.join()) changed.push({ cluster, addresses });
    }
    return changed;
  }
}
