/** What a stanza of `kubernetes` or `kubernetai` sees of a cluster: services, their endpoints, pods. */
import { childOf, type DomainName, parseName } from '../../dns/name.ts';
import type { StanzaPlan } from '../../ingest/plan.ts';
import type { ClusterState, NamespaceState, ServiceEntry } from '../state.ts';
import { endpointLabel, type Slot } from './slot.ts';

/** The namespace, if it exists and the stanza shows it. */
export function exposedNamespace(
  stanza: StanzaPlan,
  cluster: ClusterState,
  namespace: string,
): NamespaceState | undefined {
  if (stanza.namespaces !== undefined && !stanza.namespaces.includes(namespace)) return undefined;
  const state = cluster.namespaces.get(namespace);
  return state?.exists ? state : undefined;
}

/**
 * The service as this stanza shows it.
 * @param apex of the zone that the names lie in
 * @returns undefined when the service or its namespace is absent or hidden
 */
export function serviceSlot(
  stanza: StanzaPlan,
  cluster: ClusterState,
  namespace: string,
  name: string,
  apex: DomainName,
): Slot | undefined {
  const entry = exposedNamespace(stanza, cluster, namespace)?.services.get(name);
  const service = entry?.service;
  if (entry === undefined || service === undefined) return undefined;
  const base = parseName(`${name}.${namespace}.${childOf('svc', apex)}`);
  if (base === undefined) return undefined;
  if (service.type === 'ExternalName') {
    const externalName = externalTarget(service.externalName);
    const externalSpelling = absolute(service.externalName ?? '');
    if (externalName === undefined) return undefined;
    const isSpelled = externalSpelling !== externalName && externalSpelling.toLowerCase() === externalName;
    const slot = { ...EMPTY_SLOT, base, ttl: stanza.ttl, externalName };
    return isSpelled ? { ...slot, externalSpelling } : slot;
  }
  const isHeadless = isHeadlessService(entry);
  if (stanza.ignoreEmptyService && !isHeadless && !hasEndpoints(entry)) return undefined;
  return {
    base,
    ttl: stanza.ttl,
    ...(!isHeadless && { addresses: service.clusterIPs }),
    ports: service.ports,
    slices: stanza.noEndpoints ? [] : entry.slices.map((slice) => slice.facts),
    isBareNameKept: false,
    endpointName: (endpoint, address) => endpointLabel(endpoint, address, stanza.endpointPodNames),
  };
}

const EMPTY_SLOT = { ports: [], slices: [], isBareNameKept: false, endpointName: () => undefined };

export function isHeadlessService(entry: ServiceEntry): boolean {
  return entry.service?.clusterIPs[0] === 'None';
}

function hasEndpoints(entry: ServiceEntry): boolean {
  return entry.slices.some((slice) => slice.facts.endpoints.some((endpoint) => endpoint.addresses.length > 0));
}

const ADDRESS = /^[0-9.]+$|:/;

/** Where an ExternalName points; an address is no name and gives none. */
function externalTarget(text: string | undefined): DomainName | undefined {
  return text === undefined || ADDRESS.test(text) ? undefined : parseName(text);
}

function absolute(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

/** The name of a pod's address: `10-0-0-1`, `fd00--1`. */
export function podLabel(address: string): string {
  return address.replaceAll(address.includes(':') ? ':' : '.', '-');
}

/** The address that a pod name spells; the text is not checked to be one. */
export function podAddress(label: string): string {
  const dashes = label.split('-').length - 1;
  return dashes === 3 && !label.includes('--') ? label.replaceAll('-', '.') : label.replaceAll('-', ':');
}

/** Has a verified pod of this namespace this address? */
export function hasPod(stanza: StanzaPlan, cluster: ClusterState, namespace: string, address: string): boolean {
  if (stanza.pods !== 'verified') return false;
  return exposedNamespace(stanza, cluster, namespace)?.podsByAddress.has(address) ?? false;
}
