/** Tells, after a change of the clusters, which host names have to be looked up; only when that may have changed. */
import type { ClusterId } from '../ingest/event.ts';
import { neededHosts } from '../projection/needed-hosts.ts';
import type { World } from '../projection/state.ts';

export type HostNeeds = (world: World) => void;

/** @param onNeeds is told all of them, each time */
export function createHostNeeds(onNeeds: (needed: ReadonlyMap<ClusterId, ReadonlySet<string>>) => void): HostNeeds {
  let plan: World['plan'] | undefined;
  const seen = new Map<string, unknown>();
  return (world) => {
    let isChanged = plan !== world.plan;
    plan = world.plan;
    for (const [id, { gateway }] of Object.entries(world.clusters)) {
      if (seen.get(id) === gateway.pointing) continue;
      seen.set(id, gateway.pointing);
      isChanged = true;
    }
    for (const id of seen.keys()) if (!(id in world.clusters)) seen.delete(id);
    if (isChanged) onNeeds(neededHosts(world));
  };
}
