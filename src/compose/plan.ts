/**
 * From the configuration to what is built of it: the zones with their stanzas, and the views of clusters that they need.
 */
import type { BlockConfig, Config } from '../corefile/config.ts';
import { findStanza, isReverseZone } from '../corefile/config.ts';
import type { KubernetesOptions } from '../corefile/options/kubernetes.ts';
import type { MulticlusterOptions } from '../corefile/options/multicluster.ts';
import { type DomainName, isSubdomain } from '../dns/name.ts';
import { OperatorError } from '../errors.ts';
import type { ClusterId, WatchedKind } from '../ingest/event.ts';
import type { MemberZone, StanzaPlan, ZoneDefinition, ZoneId, ZoneKind, ZonePlan } from '../ingest/plan.ts';

import { foundKey } from './found.ts';
import { partsOfGateway } from './plan-gateway.ts';
import { secondaryDefinition } from './secondary-plan.ts';
import { type ClusterView, type ViewDraft, viewCluster, viewOfKubernetes, viewOfMulticluster } from './views.ts';

export interface PlannedConfig {
  readonly plan: ZonePlan;
  readonly clusters: readonly ClusterView[];
  /** For each server block, what each of its plugins serves. */
  readonly blocks: readonly BlockZones[];
  /** The longest that a stanza wants the start to wait for its cluster, in milliseconds; 0 without any. */
  readonly startupTimeoutMs: number;
}

/** A zone under the name by which it is built. */
export interface ServedZone {
  readonly id: ZoneId;
  readonly apex: DomainName;
}

/** The zones of each stanza, in the order of the Corefile. */
export interface BlockZones {
  /** Those of `kubernetes` and of `kubernetai`, which are one chain. */
  readonly kubernetes: readonly (readonly ServedZone[])[];
  readonly multicluster: readonly (readonly ServedZone[])[];
  /** Those of `k8s_gateway`; absent: none. */
  readonly gateway?: readonly (readonly ServedZone[])[];
  /** Those of `secondary`; absent: none. */
  readonly secondary?: readonly (readonly ServedZone[])[];
  /** Those of `transfer`. */
  readonly catalogs?: readonly ServedZone[];
  /** Where addresses of its secondaries are found, by `foundKey`. */
  readonly found?: ReadonlyMap<string, ClusterId>;
}

/** @param localAddresses this server's own addresses as the block is bound; never empty */
export function planConfig(config: Config, localAddresses: (block: BlockConfig) => readonly string[]): PlannedConfig {
  const clusters = new Map<ClusterId, ClusterView>();
  const zones: ZoneDefinition[] = [];
  const blocks = config.serverBlocks.map((block): BlockZones => {
    const served = new Map<string, ServedZone>();
    for (const definition of definitionsOf(block, localAddresses(block), clusters)) {
      served.set(zoneKey(definition), { id: addDefinition(zones, definition), apex: definition.apex });
    }
    const catalogs = catalogsOf(block, [...served.values()]).map(
      (definition): ServedZone => ({ id: addDefinition(zones, definition), apex: definition.apex }),
    );
    const servedOf = (apex: DomainName, kind: ZoneKind) => served.get(zoneKey({ apex, kind })) ?? [];
    return {
      kubernetes: kubernetesStanzas(block).map((options) =>
        options.zones.flatMap((apex) => servedOf(apex, kindOfZone(options, apex))),
      ),
      multicluster: (block.options.multicluster ?? []).map(({ zones }) =>
        zones.flatMap((apex) => servedOf(apex, isReverseZone(apex) ? 'reverse' : 'clusterset')),
      ),
      gateway: (block.options.k8s_gateway ?? []).map(({ zones }) => zones.flatMap((apex) => servedOf(apex, 'gateway'))),
      secondary: (block.options.secondary ?? []).map((options) =>
        options.zones.map((apex): ServedZone => {
          return { id: addDefinition(zones, secondaryDefinition(apex, options)), apex };
        }),
      ),
      catalogs,
      found: findingViews(block, clusters),
    };
  });
  const others = [...new Set(blocks.flatMap(({ found }) => [...(found?.values() ?? [])]))].sort();
  const stanzas = config.serverBlocks.flatMap(kubernetesStanzas);
  const isWaiting = config.serverBlocks.some(({ options }) => options.multicluster ?? options.k8s_gateway);
  return {
    plan: { zones, ...(others.length > 0 && { others }) },
    clusters: [...clusters.values()],
    blocks,
    startupTimeoutMs: Math.max(0, ...stanzas.map((s) => s.startupTimeoutMs), isWaiting ? 5000 : 0),
  };
}

function kubernetesStanzas(block: BlockConfig): KubernetesOptions[] {
  return [...(block.options.kubernetes ?? []), ...(block.options.kubernetai ?? [])];
}

/** Zones of one apex that are built differently are told apart by a number; equal ones are one. */
function addDefinition(zones: ZoneDefinition[], definition: ZoneDefinition): ZoneId {
  const same = zones.filter((zone) => zone.apex === definition.apex);
  const text = JSON.stringify({ ...definition, id: '' });
  const equal = same.find((zone) => JSON.stringify({ ...zone, id: '' }) === text);
  if (equal !== undefined) return equal.id;
  const id = same.length === 0 ? definition.apex : `${definition.apex}#${same.length + 1}`;
  zones.push({ ...definition, id });
  return id;
}

function zoneKey({ apex, kind }: { readonly apex: DomainName; readonly kind: ZoneKind }): string {
  return `${kind} ${apex}`;
}

function kindOfZone(options: KubernetesOptions, apex: DomainName): ZoneKind {
  if (options.multiclusterZones.includes(apex)) return 'clusterset';
  return isReverseZone(apex) ? 'reverse' : 'cluster';
}

export interface ZonePart {
  readonly apex: DomainName;
  readonly kind: ZoneKind;
  readonly stanza: StanzaPlan;
  readonly nameservers: KubernetesOptions['nameservers'];
}

/** The zones of one block: stanzas with the same zone are merged, each zone at the place of its first stanza. */
function definitionsOf(
  block: BlockConfig,
  localAddresses: readonly string[],
  clusters: Map<ClusterId, ClusterView>,
): ZoneDefinition[] {
  const parts = [
    ...(block.options.kubernetes ?? []).flatMap((options) => partsOfKubernetes('kubernetes', options, clusters)),
    ...(block.options.kubernetai ?? []).flatMap((options) => partsOfKubernetes('kubernetai', options, clusters)),
    ...(block.options.multicluster ?? []).flatMap((options) => partsOfMulticluster(options, clusters)),
    ...(block.options.k8s_gateway ?? []).flatMap((options) => partsOfGateway(options, clusters)),
  ];
  return [...Map.groupBy(parts, zoneKey).values()].map((group) => {
    const { apex, kind } = group[0] as ZonePart;
    const nameservers = group.find((part) => part.nameservers.length > 0)?.nameservers;
    const zonemd = findStanza(block.options.transfer ?? [], apex)?.zonemd;
    const stanzas = group.map((part) => part.stanza);
    return {
      ...{ id: apex, apex, kind, stanzas, localAddresses },
      ...(nameservers && { nameservers }),
      ...(zonemd && { zonemd }),
    };
  });
}

function partsOfKubernetes(
  plugin: 'kubernetes' | 'kubernetai',
  options: KubernetesOptions,
  clusters: Map<ClusterId, ClusterView>,
): ZonePart[] {
  return options.zones.map((apex) => {
    const kind = kindOfZone(options, apex);
    const importsIn = options.multiclusterZones.find((zone) => !isReverseZone(zone));
    const needs = needsOf(kind, options, kind !== 'clusterset', kind === 'clusterset' || importsIn !== undefined);
    const stanza: StanzaPlan = {
      plugin,
      cluster: viewCluster(viewOfKubernetes(plugin, options, needs), clusters),
      primary: options.primaryZone,
      ttl: options.ttl,
      ...(options.namespaces.size > 0 && { namespaces: [...options.namespaces].sort() }),
      pods: options.pods,
      endpointPodNames: options.endpointPodNames,
      noEndpoints: options.noendpoints,
      ignoreEmptyService: options.ignoreEmptyService,
      zonal: options.zonal,
      ...(options.merge && { isMerged: true }),
      ...(options.multiclusterStrict && { isStrict: true }),
      ...(kind === 'reverse' && importsIn !== undefined && { importsIn }),
      ...(options.fallthrough && { fallthrough: options.fallthrough }),
      needs,
    };
    return { apex, kind, stanza, nameservers: options.nameservers };
  });
}

function partsOfMulticluster(options: MulticlusterOptions, clusters: Map<ClusterId, ClusterView>): ZonePart[] {
  return options.zones.map((apex) => {
    const kind: ZoneKind = isReverseZone(apex) ? 'reverse' : 'clusterset';
    const primary = options.zones.find((zone) => !isReverseZone(zone));
    const needs = needsOf(kind, { noendpoints: options.noendpoints, pods: 'disabled' }, false, true);
    const stanza: StanzaPlan = {
      plugin: 'multicluster',
      cluster: viewCluster(viewOfMulticluster(options, needs), clusters),
      primary: primary ?? apex,
      ttl: 5,
      pods: 'disabled',
      endpointPodNames: false,
      noEndpoints: options.noendpoints,
      ignoreEmptyService: false,
      zonal: false,
      ...(options.strict && { isStrict: true }),
      ...(kind === 'reverse' && primary !== undefined && { importsIn: primary }),
      ...(options.fallthrough && { fallthrough: options.fallthrough }),
      needs,
    };
    return { apex, kind, stanza, nameservers: [] };
  });
}

/** The catalogs of a block's `transfer` stanzas, with the zones that fall under each. */
function catalogsOf(block: BlockConfig, served: readonly ServedZone[]): ZoneDefinition[] {
  const stanzas = block.options.transfer ?? [];
  return stanzas.flatMap((stanza): ZoneDefinition[] => {
    if (stanza.catalog === undefined) return [];
    const { apex, group } = stanza.catalog;
    if (!block.zones.some((zone) => isSubdomain(apex, zone))) {
      throw new OperatorError(`plugin/transfer: catalog '${apex}' is in no zone of its server block`);
    }
    if (served.some((zone) => zone.apex === apex))
      throw new OperatorError(`plugin/transfer: catalog '${apex}' is a zone of its own`);
    const own = [...served.map((zone) => zone.apex), ...writtenZones(block)].filter(
      (zone) => findStanza(stanzas, zone) === stanza,
    );
    const leaving = new Map(stanza.catalog.leaving?.map(({ zone, newCatalog }) => [zone, newCatalog]));
    const members = [...new Set([...own, ...leaving.keys()])].sort();
    return [
      {
        id: apex,
        apex,
        kind: 'catalog',
        stanzas: [],
        members: members.map((member): MemberZone => {
          const newCatalog = leaving.get(member);
          return {
            apex: member,
            ...(group !== undefined && { group }),
            ...(newCatalog !== undefined && { newCatalog }),
          };
        }),
        // Nobody is to ask it (RFC 9432 §4.1).
        nameservers: [{ name: NOBODY, addresses: [] }],
        localAddresses: [],
        ...(stanza.zonemd && { zonemd: stanza.zonemd }),
      },
    ];
  });
}

/** Zones that plugins offer, as far as the Corefile names them: those of `auto` come and go without it. */
function writtenZones({ options }: BlockConfig): DomainName[] {
  return [...(options.file ?? []).flatMap(({ zones }) => zones), ...(options.k8s_external?.zones ?? [])];
}

const NOBODY = 'invalid.' as DomainName;

function needsOf(
  kind: ZoneKind,
  { noendpoints, pods }: Pick<KubernetesOptions, 'noendpoints' | 'pods'>,
  hasServices: boolean,
  hasImports: boolean,
): WatchedKind[] {
  const needs: WatchedKind[] = ['Namespace'];
  if (hasServices) needs.push('Service');
  // In a cluster's own zone are no imports, whatever else the stanza serves.
  if (hasImports && kind !== 'cluster') needs.push('ServiceImport');
  if (!noendpoints) needs.push('EndpointSlice');
  if (pods === 'verified' && kind === 'cluster') needs.push('Pod');
  return needs;
}

/** Views of the block's first cluster, each of what one target of `transfer` needs and of nothing else. */
function findingViews(block: BlockConfig, clusters: Map<ClusterId, ClusterView>): Map<string, ClusterId> {
  const [first] = kubernetesStanzas(block);
  const found = new Map<string, ClusterId>();
  for (const { to } of block.options.transfer ?? []) {
    for (const target of to) {
      if (target.kind !== 'service' && target.kind !== 'pods') continue;
      const draft: ViewDraft = {
        connection: first === undefined ? { kind: 'in-cluster' } : viewOfKubernetes('transfer', first, []).connection,
        kinds: [target.kind === 'pods' ? 'Pod' : 'EndpointSlice'],
        dispensable: [],
        namespaces: [target.namespace],
        labels: target.kind === 'pods' ? target.which : `kubernetes.io/service-name=${target.which}`,
        plugin: 'transfer',
      };
      found.set(foundKey(target), viewCluster(draft, clusters));
    }
  }
  return found;
}
