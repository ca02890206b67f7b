/** What `k8s_external` knows of a name: external addresses of services, and endpoints of headless ones. */
import { canonicalAddress } from '../../dns/address.ts';
import { childOf, type DomainName, parseName } from '../../dns/name.ts';
import type { PortFacts } from '../../ingest/event.ts';
import { exposedNamespace, type Slot, slotOf, type Zone } from '../../projection/zone.ts';

/** A stanza's part in a zone of `kubernetes`. */
export interface ExternalView {
  readonly zone: Zone;
  /** Place of the stanza in the zone's list. */
  readonly at: number;
}

/** One address, or host name, with one port. */
export interface ExternalItem {
  /** Canonical text, or a host name. */
  readonly host: string;
  /** Undefined: the service has no ports. */
  readonly port: number | undefined;
  /** The name that a SRV record leads to. */
  readonly name: DomainName;
}

export type ExternalFound =
  | { readonly kind: 'items'; readonly items: readonly ExternalItem[]; readonly ttl: number }
  /** The name exists without data: a namespace. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'absent' };

const ABSENT: ExternalFound = { kind: 'absent' };
const NO_PORTS: readonly PortFacts[] = [{ name: '', protocol: '' }];

/** @param labels below the zone `apex` of `k8s_external`, leftmost first; not empty */
export function findExternal(
  view: ExternalView,
  labels: readonly string[],
  apex: DomainName,
  hasHeadless: boolean,
): ExternalFound {
  const left = [...labels];
  const namespace = left.pop() ?? '';
  const { stanza, cluster } = partsOf(view);
  const state = exposedNamespace(stanza, cluster, namespace);
  if (state === undefined) return ABSENT;
  const service = left.pop();
  if (service === undefined) return { kind: 'empty' };
  if (left.length > 2) return ABSENT;
  const isPort = left.length === 2;
  const port = isPort ? strip(left[0]) : '';
  const protocol = isPort ? strip(left[1]) : '';
  const endpoint = left.length === 1 ? strip(left[0]) : '';
  const facts = state.services.get(service)?.service;
  const base = parseName(childOf(`${service}.${namespace}`, apex));
  if (facts === undefined || base === undefined) return ABSENT;
  const fits = (one: PortFacts) => (port === '' || one.name === port) && (protocol === '' || one.protocol === protocol);
  const external = facts.external ?? [];
  const isHeadless = facts.clusterIPs[0] === 'None';
  let items: ExternalItem[] = [];
  if (external.length > 0) {
    const ports = portsOf(facts.ports).filter(fits);
    items = external.flatMap((host) => ports.map((one) => ({ host, port: one.port, name: base })));
  } else if (hasHeadless && (isHeadless || endpoint !== '')) {
    const slot = slotOf(view.zone, view.at, namespace, service);
    items = slot === undefined ? [] : endpointItems(slot, base, endpoint, fits);
  }
  return items.length === 0 ? ABSENT : { kind: 'items', items, ttl: stanza.ttl };
}

export function partsOf({ zone, at }: ExternalView) {
  const stanza = zone.definition.stanzas[at];
  const cluster = zone.clusters[at];
  if (stanza === undefined || cluster === undefined) throw new Error(`zone ${zone.id} has no stanza ${at}`);
  return { stanza, cluster };
}

function endpointItems(
  slot: Slot,
  base: DomainName,
  wanted: string,
  fits: (port: PortFacts) => boolean,
): ExternalItem[] {
  const items: ExternalItem[] = [];
  for (const slice of slot.slices) {
    for (const endpoint of slice.endpoints) {
      for (const host of endpoint.addresses) {
        const label = (slice.endpointName ?? slot.endpointName)(endpoint, host, slice);
        const name = label === undefined ? undefined : parseName(`${label}.${base}`);
        if (name === undefined || (wanted !== '' && label !== wanted)) continue;
        for (const port of portsOf(slice.ports).filter(fits)) items.push({ host, port: port.port, name });
      }
    }
  }
  return items;
}

function portsOf(ports: readonly PortFacts[]): readonly PortFacts[] {
  return ports.length === 0 ? NO_PORTS : ports;
}

function strip(label: string | undefined): string {
  return (label ?? '').replace(/^_/, '');
}

type Names = ReadonlyMap<string, readonly string[]>;
const reverse = new WeakMap<object, Names>();

/** Services, as `name.namespace`, that have an address from outside; found by namespace, so that little is looked at twice. */
export function findByExternalAddress(view: ExternalView, address: string): string[] {
  const { stanza, cluster } = partsOf(view);
  const found: string[] = [];
  for (const [namespace] of cluster.namespaces.entries()) {
    const state = exposedNamespace(stanza, cluster, namespace);
    if (state === undefined) continue;
    let names = reverse.get(state.services);
    if (names === undefined) {
      const made = new Map<string, string[]>();
      for (const [name, { service }] of state.services.entries()) {
        for (const host of service?.external ?? []) {
          const canonical = canonicalAddress(host);
          if (canonical !== undefined) made.set(canonical, [...(made.get(canonical) ?? []), name]);
        }
      }
      names = made;
      reverse.set(state.services, names);
    }
    found.push(...(names.get(address) ?? []).map((name) => `${name}.${namespace}`));
  }
  return found;
}
