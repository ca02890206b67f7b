/**
 * From an object as the API gives it to the facts that DNS needs of it.
 *
 * What comes in is anybody's JSON: fields of wrong types count as absent, addresses that are none are left out, and what
 * is beyond all measure is rejected. Nothing here throws. Members of facts are in the order of their keys.
 */
import { canonicalAddress } from '../dns/address.ts';
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
} from './event.ts';

/** An object that can't be used. What is known of it stays as it is. */
export interface Rejected {
  readonly status: 'rejected';
  /** Short and without anything of the object: also a label of metrics. */
  readonly reason: RejectReason;
  /** Where it has a name. */
  readonly key?: string;
}

export type RejectReason = 'no object' | 'bad name' | 'bad namespace' | 'too many items';

export interface Normalized<K extends ObjectKind> {
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
}

/** Items of one list inside an object. The API's own limits are 1000 endpoints, 100 addresses and 100 ports. */
const MAX_ENDPOINTS = 10_000;
const MAX_ITEMS = 1_000;

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const SUBDOMAIN = /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$/;

/** Labels and annotations that name hosts, or say that a service shall have none. */
const NAMING = [
  'coredns.io/hostname',
  'external-dns.alpha.kubernetes.io/hostname',
  'k8s-gateway.dns/ignore',
  'k8s-gateway.dns/resolve-endpoints',
];

type Json = Readonly<Record<string, unknown>>;

class TooMany extends Error {}

/** Facts, key and cause of an object as the API gives it (parsed JSON). Never throws. */
export function normalize<K extends ObjectKind>(kind: K, object: unknown): Normalized<K> | Rejected {
  if (!isJson(object)) return { status: 'rejected', reason: 'no object' };
  const metadata = member(object, 'metadata');
  const key = keyOf(kind, metadata);
  if (typeof key === 'object') return key;
  try {
    const { status, facts } = READERS[kind](object, metadata);
    return { status, key, facts, cause: causeOf(metadata) };
  } catch (error) {
    if (error instanceof TooMany) return { status: 'rejected', reason: 'too many items', key };
    throw error;
  }
}

/** Key and cause of an object whose facts don't matter: one that was deleted. */
export function identify(
  kind: ObjectKind,
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

type Read<K extends ObjectKind> = { readonly status: Normalized<K>['status']; readonly facts: FactsOf[K] };

const READERS: { readonly [K in ObjectKind]: (object: Json, metadata: Json) => Read<K> } = {
  Service: (object, metadata) => ({ status: 'facts', facts: readService(object, metadata) }),
  Namespace: () => ({ status: 'facts', facts: {} }),
  EndpointSlice: (object, metadata) => ({ status: 'facts', facts: readSlice(object, metadata) }),
  Pod: readPod,
  ServiceImport: (object) => ({ status: 'facts', facts: readImport(object) }),
};

function readService(object: Json, metadata: Json): ServiceFacts {
  const spec = member(object, 'spec');
  const type = SERVICE_TYPES.find((name) => name === spec.type) ?? 'ClusterIP';
  const annotations = namingOf(metadata);
  const external = [
    ...readEach(list(spec.externalIPs), addressOf),
    ...readEach(list(member(member(object, 'status'), 'loadBalancer').ingress), (ingress) =>
      isJson(ingress) ? (addressOf(ingress.ip) ?? hostOf(ingress.hostname)) : undefined,
    ),
  ];
  const externalName = type === 'ExternalName' ? spelledHostOf(spec.externalName) : undefined;
  return {
    ...(annotations && { annotations }),
    clusterIPs: type === 'ExternalName' ? [] : clusterIPsOf(spec),
    ...(external.length > 0 && { external }),
    ...(externalName !== undefined && { externalName }),
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

function namingOf(metadata: Json): Readonly<Record<string, string>> | undefined {
  const found: Record<string, string> = {};
  for (const name of NAMING) {
    const value = member(metadata, 'annotations')[name] ?? member(metadata, 'labels')[name];
    if (typeof value === 'string' && value.length <= 4096) found[name] = value.toWellFormed();
  }
  return Object.keys(found).length > 0 ? found : undefined;
}

function readSlice(object: Json, metadata: Json): EndpointSliceFacts {
  const labels = member(metadata, 'labels');
  const service = labelOf(labels['kubernetes.io/service-name']);
  const imported = labelOf(labels['multicluster.kubernetes.io/service-name']);
  const cluster = labelOf(labels['multicluster.kubernetes.io/source-cluster']);
  // Of addressType FQDN no endpoint is an address, and so none is left.
  const endpoints = object.addressType === 'FQDN' ? [] : readEach(list(object.endpoints, MAX_ENDPOINTS), endpointOf);
  return {
    endpoints,
    ...(imported !== undefined && { imported: { ...(cluster !== undefined && { cluster }), service: imported } }),
    ports: readEach(list(object.ports), portOf),
    ...(service !== undefined && { service }),
  };
}

function endpointOf(endpoint: unknown): EndpointFacts | undefined {
  if (!isJson(endpoint)) return undefined;
  const ready = member(endpoint, 'conditions').ready ?? true;
  if (ready !== true) return undefined;
  const addresses = readEach(list(endpoint.addresses), addressOf);
  if (addresses.length === 0) return undefined;
  const hostname = labelOf(endpoint.hostname);
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
function readImport(object: Json): ServiceImportFacts {
  const spec = isJson(object.spec) ? object.spec : object;
  return {
    ips: readEach(list(spec.ips), addressOf),
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

function keyOf(kind: ObjectKind, metadata: Json): string | Rejected {
  const name = kind === 'Pod' || kind === 'EndpointSlice' ? subdomainOf(metadata.name) : labelOf(metadata.name);
  if (name === undefined) return { status: 'rejected', reason: 'bad name' };
  if (kind === 'Namespace') return name;
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

function labelOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 63 ? matched(value, LABEL) : undefined;
}

function subdomainOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 253 ? matched(value, SUBDOMAIN) : undefined;
}

function matched(value: string, form: RegExp): string | undefined {
  const lower = value.toLowerCase();
  return form.test(lower) ? lower : undefined;
}

/** A host name, or an address: as long as it may be a name at all, whoever makes records of it looks closer. */
function hostOf(value: unknown): string | undefined {
  return spelledHostOf(value)?.toLowerCase();
}

/** A host name with its letter case, which an ExternalName's CNAME record keeps. */
function spelledHostOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 255 ? value.toWellFormed() : undefined;
}

function addressOf(value: unknown): string | undefined {
  return typeof value === 'string' ? canonicalAddress(value) : undefined;
}

function list(value: unknown, limit = MAX_ITEMS): readonly unknown[] {
  if (!Array.isArray(value)) return [];
  if (value.length > limit) throw new TooMany();
  return value;
}

/**
 * What `read` makes of each entry, without those of which it makes nothing. The array has no spare room: a grown one has
 * some for sixteen more, and facts are kept by the hundred thousand.
 */
function readEach<T>(entries: readonly unknown[], read: (entry: unknown) => T | undefined): T[] {
  const made: T[] = [];
  for (const entry of entries) {
    const value = read(entry);
    if (value !== undefined) made.push(value);
  }
  return made.slice();
}

function member(object: Json, name: string): Json {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return isJson(value) ? value : NOTHING;
}

const NOTHING: Json = {};

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
