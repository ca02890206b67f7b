/** Services that stanzas with `merge` have in ways that can't be one. */
import { hasConflict, namespacesOf, servicesOf, type Zone } from './zone.ts';

/**
 * How many services of the zone are in conflict: an alias here, addresses there, or a cluster IP and a headless service of
 * one name. The first stanza's is served. Looks at every service that two merged stanzas have.
 */
export function countConflicts(zone: Zone): number {
  const merged = zone.definition.stanzas.flatMap(({ isMerged }, i) => (isMerged === true ? [zone.clusters[i]] : []));
  if (merged.length < 2) return 0;
  let count = 0;
  for (const namespace of namespacesOf(zone)) {
    for (const service of servicesOf(zone, namespace)) {
      const owners = merged.filter((cluster) => cluster?.namespaces.get(namespace)?.services.has(service));
      if (owners.length > 1 && hasConflict(zone, namespace, service)) count += 1;
    }
  }
  return count;
}
