/**
 * From an object as the API gives it to the facts that DNS needs of it.
 *
 * What comes in is anybody's JSON: fields of wrong types count as absent, addresses that are none are left out, and what
 * is beyond all measure is rejected. Nothing here throws. Members of facts are in the order of their keys.
 */
import { parseHostList } from '../dns/host-name.ts';
import { equalJson } from './delta.ts';
import type {
  Cause,
  EndpointFacts,
  EndpointSliceFacts,
  FactsOf,
  ObjectKind,
  PodFacts,
  PortFacts,
  ServiceFacts,
  ServiceImportFacts,
  WatchedKind,
} from './event.ts';
import {
  addressOf,
  hostOf,
  isJson,
  type Json,
  labelOf,
  list,
  MAX_ENDPOINTS,
  MAX_ITEMS,
  member,
  readEach,
  spelledHostOf,
  subdomainOf,
  TooMany,
} from './json-fields.ts';
import type { Fault } from './normalize-gateway.ts';
import {
  isIgnored,
  readDnsEndpoint,
  readGateway,
  readIngress,
  readNode,
  readRoute,
  readVirtualServer,
  targetOfIngress,
} from './normalize-gateway.ts';

/** An object that can't be used. What is known of it stays as it is. */
export interface Rejected {
  readonly status: 'rejected';
  /** Short and without anything of the object: also a label of metrics. */
  readonly reason: RejectReason;
  /** Where it has a name. */
  readonly key?: string;
}

export type RejectReason = 'no object' | 'bad name' | 'bad namespace' | 'too many items';

export interface Normalized<K extends WatchedKind> {
  /**
   * `facts`: this is what the object says. `gone`: it is there, but has nothing for DNS, as if it were not there (a pod
   * that has ended, or has no address yet). `ending`: a pod that is being deleted: known facts stay until it is gone, and
   * an unknown one stays unknown.
   */
  readonly status: 'facts' | 'gone' | 'ending';
  readonly key: string;
  /** Of use when the status is `facts`. */
  readonly facts: FactsOf[K];
  readonly cause: Cause;
  /** Parts that can't be used and were left out. */
  readonly faults: readonly Fault[];
}

/** Annotations that name hosts, or say what they stand for; and the label that takes an object out. */
const NAMING = [
  'coredns.io/hostname',
  'external-dns.alpha.kubernetes.io/hostname',
  'external-dns.alpha.kubernetes.io/target',
  'external-dns.alpha.kubernetes.io/ttl',
  'k8s-gateway.dns/resolve-endpoints',
];
const IGNORE = 'k8s-gateway.dns/ignore';

/** Facts, key and cause of an object as the API gives it (parsed JSON). Never throws. */
export function normalize<K extends WatchedKind>(kind: K, object: unknown): Normalized<K> | Rejected {
  if (!isJson(object)) return { status: 'rejected', reason: 'no object' };
  const metadata = member(object, 'metadata');
  const key = keyOf(kind, metadata);
  if (typeof key === 'object') return key;
  try {
    const faults: Fault[] = [];
    const { status, facts } = READERS[kind](object, metadata, faults);
    return { status, key, facts, cause: causeOf(metadata), faults };
  } catch (error) {
    if (error instanceof TooMany) return { status: 'rejected', reason: 'too many items', key };
    throw error;
  }
}

/** Key and cause of an object whose facts don't matter: one that was deleted. */
export function identify(
  kind: WatchedKind,
  object: unknown,
): { readonly key: string; readonly cause: Cause } | Rejected {
  if (!isJson(object)) return { status: 'rejected', reason: 'no object' };
  const metadata = member(object, 'metadata');
  const key = keyOf(kind, metadata);
  return typeof key === 'object' ? key : { key, cause: causeOf(metadata) };
}

/**
 * When the change behind a state of an endpoint slice happened, Unix milliseconds: the oldest one of those that its
 * controller put together. Undefined where the slice does not tell.
 */
export function triggerTimeOf(slice: unknown): number | undefined {
  if (!isJson(slice)) return undefined;
  const text = member(member(slice, 'metadata'), 'annotations')['endpoints.kubernetes.io/last-change-trigger-time'];
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Are two states of an object equal as far as DNS goes? */
export function equalFacts(a: FactsOf[ObjectKind] | undefined, b: FactsOf[ObjectKind] | undefined): boolean {
  return equalJson(a, b);
}

type Read<K extends WatchedKind> = { readonly status: Normalized<K>['status']; readonly facts: FactsOf[K] };
type Reader<K extends WatchedKind> = (object: Json, metadata: Json, faults: Fault[]) => Read<K>;

/** @param read of an object that is there unless it is to be ignored */
function unlessIgnored<K extends WatchedKind>(
  read: (object: Json, metadata: Json, faults: Fault[]) => FactsOf[K],
): Reader<K> {
  return (object, metadata, faults) => ({
    status: isIgnored(metadata) ? 'gone' : 'facts',
    facts: read(object, metadata, faults),
  });
}

const READERS: { readonly [K in WatchedKind]: Reader<K> } = {
  Service: (object, metadata, faults) => ({ status: 'facts', facts: readService(object, metadata, faults) }),
  Namespace: () => ({ status: 'facts', facts: {} }),
  EndpointSlice: (object, metadata, faults) => ({ status: 'facts', facts: readSlice(object, metadata, faults) }),
  Pod: readPod,
  ServiceImport: (object, _metadata, faults) => ({ status: 'facts', facts: readImport(object, faults) }),
  Ingress: unlessIgnored<'Ingress'>(readIngress),
  Gateway: (object, metadata, faults) => ({ status: 'facts', facts: readGateway(object, metadata, faults) }),
  HTTPRoute: unlessIgnored<'HTTPRoute'>(readRoute),
  TLSRoute: unlessIgnored<'TLSRoute'>(readRoute),
  GRPCRoute: unlessIgnored<'GRPCRoute'>(readRoute),
  DNSEndpoint: unlessIgnored<'DNSEndpoint'>(readDnsEndpoint),
  Node: unlessIgnored<'Node'>(readNode),
  VirtualServer: unlessIgnored<'VirtualServer'>(readVirtualServer),
};

function readService(object: Json, metadata: Json, faults: Fault[]): ServiceFacts {
  const spec = member(object, 'spec');
  const type = SERVICE_TYPES.find((name) => name === spec.type) ?? 'ClusterIP';
  const annotations = namingOf(metadata, faults);
  const own = readEach(list(spec.externalIPs), (value) => addressIn(value, faults));
  const balancers = list(member(member(object, 'status'), 'loadBalancer').ingress);
  const external = [
    ...own,
    ...readEach(balancers, (ingress) =>
      isJson(ingress) ? (addressOf(ingress.ip) ?? hostOf(ingress.hostname)) : undefined,
    ),
  ];
  const gatewayTargets = own.length > 0 ? own : readEach(balancers, (ingress) => targetOfIngress(ingress, faults));
  const externalName = type === 'ExternalName' ? spelledHostOf(spec.externalName) : undefined;
  return {
    ...(annotations && { annotations }),
    clusterIPs: type === 'ExternalName' ? [] : clusterIPsOf(spec),
    ...(external.length > 0 && { external }),
    ...(externalName !== undefined && { externalName }),
    ...(!equalJson(gatewayTargets, external) && { gatewayTargets }),
    ports: readEach(list(spec.ports), portOf),
    type,
  };
}

const SERVICE_TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;

function clusterIPsOf(spec: Json): string[] {
  const listed = list(spec.clusterIPs);
  const texts = listed.length > 0 ? listed : [spec.clusterIP];
  if (texts[0] === 'None') return ['None'];
  return readEach(texts, addressOf);
}

function namingOf(metadata: Json, faults: Fault[]): Readonly<Record<string, string>> | undefined {
  const found: Record<string, string> = {};
  const note = (name: string, value: unknown) => {
    if (typeof value === 'string' && value.length <= 4096) found[name] = value.toWellFormed();
  };
  const annotations = member(metadata, 'annotations');
  for (const name of NAMING) note(name, annotations[name]);
  note(IGNORE, member(metadata, 'labels')[IGNORE]);
  const hosts = found['coredns.io/hostname'] ?? found['external-dns.alpha.kubernetes.io/hostname'];
  if (hosts !== undefined && parseHostList(hosts).bad > 0) faults.push('bad host');
  const names = Object.keys(found).sort();
  return names.length > 0 ? Object.fromEntries(names.map((name) => [name, found[name] as string])) : undefined;
}

function addressIn(value: unknown, faults: Fault[]): string | undefined {
  const address = addressOf(value);
  if (address === undefined) faults.push('bad address');
  return address;
}

function readSlice(object: Json, metadata: Json, faults: Fault[]): EndpointSliceFacts {
  const labels = member(metadata, 'labels');
  const service = labelOf(labels['kubernetes.io/service-name']);
  const imported = labelOf(labels['multicluster.kubernetes.io/service-name']);
  const cluster = labelOf(labels['multicluster.kubernetes.io/source-cluster']);
  if (service === undefined && imported === undefined) faults.push('no service');
  if (imported !== undefined && cluster === undefined) faults.push('no cluster');
  // Of addressType FQDN no endpoint is an address, and so none is left.
  const endpoints =
    object.addressType === 'FQDN'
      ? []
      : readEach(list(object.endpoints, MAX_ENDPOINTS), (endpoint) => endpointOf(endpoint, faults));
  return {
    endpoints,
    ...(imported !== undefined && { imported: { ...(cluster !== undefined && { cluster }), service: imported } }),
    ports: readEach(list(object.ports), portOf),
    ...(service !== undefined && { service }),
  };
}

function endpointOf(endpoint: unknown, faults: Fault[]): EndpointFacts | undefined {
  if (!isJson(endpoint)) return undefined;
  const ready = member(endpoint, 'conditions').ready ?? true;
  if (ready !== true) return undefined;
  const addresses = readEach(list(endpoint.addresses), (value) => addressIn(value, faults));
  if (addresses.length === 0) return undefined;
  const hostname = labelOf(endpoint.hostname);
  if (hostname === undefined && typeof endpoint.hostname === 'string' && endpoint.hostname !== '')
    faults.push('bad host');
  const target = subdomainOf(member(endpoint, 'targetRef').name);
  const pod = target !== undefined && target.length < 64 ? target : undefined;
  const zone = subdomainOf(endpoint.zone);
  return {
    addresses,
    ...(hostname !== undefined && { hostname }),
    ...(pod !== undefined && { pod }),
    ...(zone !== undefined && { zone }),
  };
}

function readPod(object: Json, metadata: Json): Read<'Pod'> {
  const status = member(object, 'status');
  const known = readEach(list(status.podIPs), (entry) => (isJson(entry) ? addressOf(entry.ip) : undefined));
  const single = addressOf(status.podIP);
  const addresses = known.length > 0 ? known : single === undefined ? [] : [single];
  const facts: PodFacts = { addresses };
  if (metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null)
    return { status: 'ending', facts };
  const hasEnded = status.phase === 'Succeeded' || status.phase === 'Failed' || status.phase === 'Unknown';
  return { status: hasEnded || addresses.length === 0 ? 'gone' : 'facts', facts };
}

/** v1alpha1 and v1beta1 have `spec`; the v1alpha2 draft had its fields at the root. */
function readImport(object: Json, faults: Fault[]): ServiceImportFacts {
  const spec = isJson(object.spec) ? object.spec : object;
  return {
    ips: readEach(list(spec.ips), (value) => addressIn(value, faults)),
    ports: readEach(list(spec.ports), portOf),
    type: spec.type === 'Headless' ? 'Headless' : 'ClusterSetIP',
  };
}

function portOf(port: unknown): PortFacts | undefined {
  if (!isJson(port)) return undefined;
  const number = port.port;
  const isPort = typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 65535;
  const protocol = labelOf(port.protocol) ?? 'tcp';
  return { name: labelOf(port.name) ?? '', ...(isPort && { port: number }), protocol };
}

/** Kinds whose names are labels: they stand in records. */
const LABELLED: ReadonlySet<WatchedKind> = new Set(['Service', 'Namespace', 'ServiceImport']);

function keyOf(kind: WatchedKind, metadata: Json): string | Rejected {
  const name = LABELLED.has(kind) ? labelOf(metadata.name) : subdomainOf(metadata.name);
  if (name === undefined) return { status: 'rejected', reason: 'bad name' };
  if (kind === 'Namespace' || kind === 'Node') return name;
  const namespace = labelOf(metadata.namespace);
  if (namespace === undefined) return { status: 'rejected', reason: 'bad namespace' };
  return `${namespace}/${name}`;
}

function causeOf(metadata: Json): Cause {
  const { resourceVersion, managedFields } = metadata;
  let newest = '';
  let manager: string | undefined;
  const entries = Array.isArray(managedFields) ? managedFields.slice(0, MAX_ITEMS) : [];
  for (const entry of entries) {
    if (!isJson(entry) || typeof entry.manager !== 'string') continue;
    // RFC 3339 in UTC, seconds: text order is time order.
    const time = typeof entry.time === 'string' ? entry.time : '';
    if (time < newest) continue;
    newest = time;
    manager = entry.manager.slice(0, 128).toWellFormed();
  }
  const version = typeof resourceVersion === 'string' ? resourceVersion.slice(0, 128).toWellFormed() : undefined;
  return { ...(manager !== undefined && { manager }), ...(version !== undefined && { resourceVersion: version }) };
}
