/** The plugins that answer from zones, joined to the serving side: `kubernetes`, `kubernetai`, `multicluster`, `k8s_gateway`. */
import { readFileSync } from 'node:fs';
import { findStanza, isReverseZone } from '../corefile/config.ts';
import type { DomainName } from '../dns/name.ts';
import { OperatorError } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Zone } from '../projection/zone.ts';
import type { HandlerFactory, HandlerTools, ServingBlock } from '../serve/blocks.ts';
import type { Handler } from '../serve/chain.ts';
import type { ExternalView } from '../serve/plugins/external-zone.ts';
import { createExternal } from '../serve/plugins/k8s-external.ts';
import { kubernetesHandler } from '../serve/plugins/kubernetes.ts';
import { createClientKnowledge } from '../serve/plugins/kubernetes-clients.ts';
import { searchListOf } from '../serve/plugins/search-list.ts';
import type { BlockZones, ServedZone } from './plan.ts';

/**
 * @param zonesOf what a block serves, under the configuration that is being built
 * @param zoneOf the version of a zone to answer from
 */
export function zoneFactories(
  zonesOf: (block: ServingBlock) => BlockZones,
  zoneOf: (id: ZoneId) => Zone | undefined,
): [string, HandlerFactory][] {
  const make = (
    plugin: 'kubernetes' | 'kubernetai' | 'multicluster' | 'k8s_gateway',
    stanzas: readonly (readonly ServedZone[])[],
    tools: HandlerTools,
  ): Handler => ({
    ...kubernetesHandler({
      plugin,
      stanzas,
      zoneOf,
      async resolve(name, type, request) {
        const outcome = await tools.askServer({
          ...request,
          question: { ...request.question, name, spelling: name, type },
        });
        return outcome?.kind === 'reply' ? outcome : undefined;
      },
    }),
    ...((plugin === 'kubernetes' || plugin === 'kubernetai') &&
      createClientKnowledge({ plugin, stanzas, zoneOf, hostSearch: hostSearch() })),
    isPure: true,
  });
  return [
    ['kubernetes', (block, tools) => make('kubernetes', zonesOf(block).kubernetes, tools)],
    [
      'kubernetai',
      // In a block with both, the stanzas are one chain, which `kubernetes` begins.
      (block, tools) =>
        block.plugins.includes('kubernetes') ? undefined : make('kubernetai', zonesOf(block).kubernetes, tools),
    ],
    [
      'k8s_external',
      (block, { askServer }) => {
        const options = block.options.k8s_external;
        if (options === undefined) return undefined;
        if (!block.plugins.some((name) => name === 'kubernetes' || name === 'kubernetai')) {
          throw new OperatorError('kubernetes is missing in the server block: external names come from its services');
        }
        const stanzas = zonesOf(block).kubernetes;
        return createExternal(options, {
          askServer,
          views: () => forwardViews(stanzas, zoneOf),
          zonemdOf: (apex) => findStanza(block.options.transfer ?? [], apex)?.zonemd,
        });
      },
    ],
    ['multicluster', (block, tools) => make('multicluster', zonesOf(block).multicluster, tools)],
    ['k8s_gateway', (block, tools) => make('k8s_gateway', zonesOf(block).gateway ?? [], tools)],
  ];
}

/** Pods have the search list of their host behind the suffixes of the cluster. */
function hostSearch(): DomainName[] {
  try {
    return searchListOf(readFileSync('/etc/resolv.conf', 'utf8'));
  } catch {
    return [];
  }
}

/** Each stanza's part in its first forward zone. */
function forwardViews(
  stanzas: readonly (readonly ServedZone[])[],
  zoneOf: (id: ZoneId) => Zone | undefined,
): ExternalView[] {
  return stanzas.flatMap((zones, i) => {
    const served = zones.find(({ apex }) => !isReverseZone(apex));
    const zone = served && zoneOf(served.id);
    if (zone === undefined) return [];
    const at = stanzas.slice(0, i).filter((earlier) => earlier.some(({ id }) => id === served?.id)).length;
    return [{ zone, at }];
  });
}
