/** Hosts that more objects name than count for one name: told once in the log, and counted. */
import type { ClusterEvent, ClusterId, FactsOf, ObjectKind } from '../ingest/event.ts';
import type { Logger } from '../logger.ts';
import { GATEWAY_KINDS } from '../projection/gateway-state.ts';
import { findHost, type HostNode } from '../projection/host-tree.ts';
import { firstLeftOut, MAX_OBJECTS } from '../projection/records/gateway.ts';
import type { World } from '../projection/state.ts';

const KINDS = [...GATEWAY_KINDS, 'Service'] as const;

/** Hosts that are remembered to have been told. */
const MOST_TOLD = 1_000;

export interface CrowdedHosts {
  /** After a batch was folded. */
  look(events: readonly ClusterEvent[], world: World): void;
  /** Of a state that was read, all hosts. */
  lookAtAll(world: World): void;
  /** How many there are, by cluster. */
  count(world: World): readonly (readonly [ClusterId, number])[];
}

export function watchCrowdedHosts(logger: Logger): CrowdedHosts {
  const told = new Map<ClusterId, Set<string>>();

  function look(cluster: ClusterId, host: string, node: HostNode | undefined): void {
    const known = told.get(cluster) ?? new Set();
    if (node === undefined || node.refs.length <= MAX_OBJECTS || known.has(host) || known.size >= MOST_TOLD) return;
    for (const kind of KINDS) {
      const key = firstLeftOut(node, kind);
      if (key === undefined) continue;
      told.set(cluster, known.add(host));
      const objects = `more than ${MAX_OBJECTS} objects of kind ${kind} name the host ${host}`;
      logger.warning(`${cluster}: ${objects}: ${key} and those after it do not count`);
    }
  }

  function walk(cluster: ClusterId, node: HostNode, host: string): void {
    look(cluster, host, node);
    for (const [label, child] of node.children.entries())
      walk(cluster, child, host === '' ? label : `${label}.${host}`);
  }

  return {
    look(events, world) {
      for (const event of events) {
        if (!('facts' in event)) continue;
        const state = world.clusters[event.cluster]?.gateway;
        if (state === undefined) continue;
        const hosts = event.object === 'Service' ? (state.services.get(event.key) ?? []) : hostsIn(event.facts);
        for (const host of hosts) look(event.cluster, host, findHost(state.hosts, host.split('.').reverse()));
      }
    },
    lookAtAll(world) {
      for (const { id, gateway } of Object.values(world.clusters)) walk(id, gateway.hosts, '');
    },
    count(world) {
      return [...told].map(([cluster, hosts]) => {
        const root = world.clusters[cluster]?.gateway.hosts;
        const isCrowded = (host: string) => {
          const node = root && findHost(root, host.split('.').reverse());
          return node !== undefined && KINDS.some((kind) => firstLeftOut(node, kind) !== undefined);
        };
        return [cluster, [...hosts].filter(isCrowded).length] as const;
      });
    },
  };
}

function hostsIn(facts: FactsOf[ObjectKind]): readonly string[] {
  if ('entries' in facts) return facts.entries.map(({ host }) => host);
  return 'hosts' in facts ? facts.hosts : [];
}
