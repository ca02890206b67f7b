/** Which host names of load balancers gateway zones need the addresses of. */
import type { ClusterId } from '../ingest/event.ts';
import { isRouteKind, splitRef } from './gateway-state.ts';
import { clustersOfPlan, type World } from './state.ts';

/** Every cluster of the plan with the host names that its objects go by, as far as a stanza makes names of such objects. */
export function neededHosts(world: World): Map<ClusterId, ReadonlySet<string>> {
  const kinds = kindsByCluster(world);
  const needed = new Map<ClusterId, ReadonlySet<string>>();
  for (const cluster of clustersOfPlan(world.plan)) {
    const hosts = new Set<string>();
    const wanted = kinds.get(cluster);
    const pointing = wanted === undefined ? [] : (world.clusters[cluster]?.gateway.pointing.entries() ?? []);
    for (const [host, refs] of pointing) if (refs.some((ref) => wanted?.has(splitRef(ref)[0]))) hosts.add(host);
    needed.set(cluster, hosts);
  }
  return needed;
}

/** Kinds of objects that the gateway stanzas of each cluster make names of. */
function kindsByCluster({ plan }: World): Map<ClusterId, Set<string>> {
  const kinds = new Map<ClusterId, Set<string>>();
  for (const { cluster, gateway } of plan.zones.flatMap((zone) => zone.stanzas)) {
    if (gateway === undefined) continue;
    const own = kinds.get(cluster) ?? new Set();
    kinds.set(cluster, own);
    for (const resource of gateway.resources) own.add(resource);
    // The addresses of a route are those of its Gateways.
    if (gateway.resources.some(isRouteKind)) own.add('Gateway');
  }
  return kinds;
}
