/** What a multicluster zone sees of a cluster: ServiceImports and the slices that other clusters exported (KEP-1645). */
import { childOf, type DomainName, parseName } from '../../dns/name.ts';
import type { StanzaPlan } from '../../ingest/plan.ts';
import type { ClusterState } from '../state.ts';
import { exposedNamespace } from './cluster.ts';
import { endpointLabel, type Slot } from './slot.ts';

/**
 * The import as this stanza shows it. Endpoint names carry the label of the cluster that exported the slice; a slice
 * without one gives addresses to the service's name but no names of its own.
 * @returns undefined when the import, or its namespace in this cluster, is absent or hidden
 */
export function importSlot(
  stanza: StanzaPlan,
  cluster: ClusterState,
  namespace: string,
  name: string,
  apex: DomainName,
): Slot | undefined {
  const entry = exposedNamespace(stanza, cluster, namespace)?.imports.get(name);
  const imported = entry?.imported;
  if (entry === undefined || imported === undefined) return undefined;
  const base = parseName(`${name}.${namespace}.${childOf('svc', apex)}`);
  if (base === undefined) return undefined;
  const isHeadless = imported.type === 'Headless';
  const isEmpty = entry.slices.every((slice) => slice.facts.endpoints.length === 0);
  if (stanza.ignoreEmptyService && !isHeadless && isEmpty) return undefined;
  return {
    base,
    ttl: stanza.ttl,
    ...(!isHeadless && { addresses: imported.ips }),
    ports: imported.ports,
    slices:
      stanza.noEndpoints || (stanza.isStrict === true && !isHeadless)
        ? []
        : entry.slices.map(({ facts }) => ({
            ports: facts.ports,
            endpoints: facts.endpoints,
            ...(facts.imported?.cluster !== undefined && { sourceCluster: facts.imported.cluster }),
          })),
    isBareNameKept: !isHeadless,
    endpointName: (endpoint, address, slice) =>
      slice.sourceCluster === undefined
        ? undefined
        : `${endpointLabel(endpoint, address, stanza.endpointPodNames)}.${slice.sourceCluster}`,
  };
}
