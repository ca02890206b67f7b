/**
 * What `kubernetes` and `kubernetai` know of a question beside its answer: which pod asks, the search list of that pod
 * (`autopath`), and what the parts of the name mean (`metadata`).
 */
import { isReverseZone } from '../../corefile/config.ts';
import { unmapAddress } from '../../dns/address.ts';
import { childOf, type DomainName, isSubdomain, labelsBelow, parseName } from '../../dns/name.ts';
import type { StanzaPlan, ZoneId } from '../../ingest/plan.ts';
import type { ClusterState } from '../../projection/state.ts';
import type { Zone } from '../../projection/zone.ts';
import type { Handler, Request } from '../chain.ts';
import type { ServedZone } from './kubernetes.ts';

export interface ClientOptions {
  readonly plugin: 'kubernetes' | 'kubernetai';
  /** The zones of each stanza of the server block, in Corefile order. */
  readonly stanzas: readonly (readonly ServedZone[])[];
  zoneOf(id: ZoneId): Zone | undefined;
  /** The search list of the server's own host: what its pods have after the suffixes of the cluster. */
  readonly hostSearch: readonly DomainName[];
}

/** A pod that has an address; of several (those of a host network) the first by namespace and name. */
interface Client {
  readonly namespace: string;
  readonly pod: string;
}

/** One stanza of the Corefile as it stands in a zone. */
interface StanzaView {
  readonly zone: Zone;
  readonly stanza: StanzaPlan;
  readonly cluster: ClusterState;
}

export function createClientKnowledge(options: ClientOptions): Pick<Handler, 'label' | 'searchPath'> & object {
  return {
    searchPath: (request) => searchPathOf(options, request),
    label(request, key) {
      if (!key.startsWith(PREFIX)) return undefined;
      return labelOf(options, request, key.slice(PREFIX.length));
    },
  };
}

const PREFIX = 'kubernetes/';

/** The zones of one stanza, each with the stanza's part in it. */
function viewsOf({ stanzas, zoneOf }: ClientOptions, at: number): StanzaView[] {
  return (stanzas[at] ?? []).flatMap(({ id }) => {
    const zone = zoneOf(id);
    // A zone's own list has one entry for each stanza that serves it.
    const place = stanzas.slice(0, at).filter((zones) => zones.some((one) => one.id === id)).length;
    const stanza = zone?.definition.stanzas[place];
    const cluster = zone?.clusters[place];
    return zone && stanza && cluster ? [{ zone, stanza, cluster }] : [];
  });
}

/** Addresses remembered for one state of a cluster at most. */
const MAX_REMEMBERED = 10_000;
const remembered = new WeakMap<ClusterState['namespaces'], Map<string, Client | undefined>>();

/** The pod with this address, if the stanza watches pods. */
function findClient({ stanza, cluster }: StanzaView, address: string): Client | undefined {
  if (stanza.pods !== 'verified') return undefined;
  const { namespaces } = cluster;
  let known = remembered.get(namespaces);
  if (known === undefined) {
    known = new Map();
    remembered.set(namespaces, known);
  }
  if (known.has(address)) return known.get(address);
  let client: Client | undefined;
  for (const [namespace, state] of namespaces.entries()) {
    const pod = state.podsByAddress.get(address)?.[0];
    if (pod !== undefined && (client === undefined || namespace < client.namespace)) client = { namespace, pod };
  }
  if (known.size < MAX_REMEMBERED) known.set(address, client);
  return client;
}

/** The client as the first stanza has it that knows it. */
function clientOf(options: ClientOptions, request: Request): Client | undefined {
  const address = unmapAddress(request.remote.address);
  for (let at = 0; at < options.stanzas.length; at++) {
    const [view] = viewsOf(options, at);
    const client = view && findClient(view, address);
    if (client !== undefined) return client;
  }
  return undefined;
}

/**
 * `kubernetes`: the suffixes of the zone that the name is in. `kubernetai`: those of all stanzas, later ones first, as the
 * peer has it, but those of clusters that know the client before the others.
 */
function searchPathOf(options: ClientOptions, request: Request): DomainName[] | undefined {
  const { name } = request.question;
  const isOurs = (apex: DomainName) => isSubdomain(name, apex) && !isReverseZone(apex);
  if (!options.stanzas.flat().some(({ apex }) => isOurs(apex))) return undefined;
  const client = clientOf(options, request);
  if (client === undefined) return undefined;
  const address = unmapAddress(request.remote.address);
  const home: DomainName[] = [];
  const abroad: DomainName[] = [];
  for (let at = options.stanzas.length - 1; at >= 0; at--) {
    for (const view of viewsOf(options, at)) {
      const { apex } = view.zone;
      if (isReverseZone(apex) || (options.plugin === 'kubernetes' && !isLongest(options, apex, name))) continue;
      const isHome = findClient(view, address) !== undefined;
      (isHome ? home : abroad).push(...suffixesOf(client.namespace, apex));
    }
  }
  return [...new Set([...home, ...abroad, ...options.hostSearch, '.' as DomainName])];
}

function isLongest({ stanzas }: ClientOptions, apex: DomainName, name: DomainName): boolean {
  if (!isSubdomain(name, apex)) return false;
  return !stanzas.flat().some((other) => other.apex.length > apex.length && isSubdomain(name, other.apex));
}

function suffixesOf(namespace: string, apex: DomainName): DomainName[] {
  const services = childOf('svc', apex);
  const own = parseName(`${namespace}.${services}`);
  return own === undefined ? [] : [own, services, apex];
}

function labelOf(options: ClientOptions, request: Request, key: string): string | undefined {
  if (key === 'client-namespace') return clientOf(options, request)?.namespace;
  if (key === 'client-pod-name') return clientOf(options, request)?.pod;
  const { name } = request.question;
  const apex = options.stanzas
    .flat()
    .map((zone) => zone.apex)
    .find((one) => isLongest(options, one, name));
  if (apex === undefined) return undefined;
  const view = options.stanzas.flatMap((_, at) => viewsOf(options, at)).find((one) => one.zone.apex === apex);
  const parts = partsOf(labelsBelow(name, apex) ?? [], {
    isImport: view?.zone.definition.kind === 'clusterset',
    isZonal: view?.stanza.zonal === true,
  });
  return Object.hasOwn(parts, key) ? parts[key] : undefined;
}

const EMPTY = { 'port-name': '', protocol: '', endpoint: '', service: '', namespace: '', kind: '' };

/** The parts of a name below the apex, by their metadata keys. */
export function partsOf(
  labels: readonly string[],
  { isImport, isZonal }: { readonly isImport: boolean; readonly isZonal: boolean },
): Readonly<Record<string, string>> {
  const left = [...labels];
  const kind = left.pop();
  if (kind === undefined) return EMPTY;
  if (kind !== 'svc' && kind !== 'pod') return { 'parse-error': 'invalid query name' };
  const parts = { ...EMPTY, ...(isImport && { cluster: '' }), ...(isZonal && { zone: '' }), kind };
  const namespace = left.pop() ?? '';
  const service = left.pop() ?? '';
  const named = { ...parts, namespace, service };
  const [first = '', second = ''] = left;
  if (left.length === 0) return named;
  if (left.length === 1) return { ...named, endpoint: first };
  if (left.length === 2) {
    if (isImport && !first.startsWith('_') && !second.startsWith('_')) {
      return { ...named, endpoint: first, cluster: second };
    }
    return { ...named, 'port-name': first.replace(/^_/, ''), protocol: second.replace(/^_/, '') };
  }
  if (isZonal && left.at(-1) === '_zone') return { ...named, zone: left.slice(0, -2).join('.') };
  return { 'parse-error': 'invalid query name' };
}
