/** The facts of the kinds that gateway zones are made from. Parts that can't be used are left out, and told. */
import { canonicalAddress, unmapAddress } from '../dns/address.ts';
import { endpointRdata } from '../dns/endpoint-rdata.ts';
import { parseHost, parseTarget } from '../dns/host-name.ts';
import { parseTtl } from '../dns/rdata-text.ts';
import type { DnsEndpointFacts, GatewayFacts, IngressFacts, NodeFacts, NoteFacts, RouteFacts } from './event.ts';
import { isJson, type Json, labelOf, list, member, readEach, subdomainOf } from './json-fields.ts';

/** What of an object could not be used. Short and without anything of the object: also a label of metrics. */
export type Fault =
  | 'bad host'
  | 'bad address'
  | 'bad parent'
  | 'bad annotation'
  | 'bad record'
  | 'no service'
  | 'no cluster';

type Faults = Fault[];

const ANNOTATION = 'external-dns.alpha.kubernetes.io/';

/** Label `k8s-gateway.dns/ignore`. */
export function isIgnored(metadata: Json): boolean {
  return member(metadata, 'labels')['k8s-gateway.dns/ignore'] === 'true';
}

export function readIngress(object: Json, metadata: Json, faults: Faults): IngressFacts {
  const spec = member(object, 'spec');
  const name = spec.ingressClassName ?? member(metadata, 'annotations')['kubernetes.io/ingress.class'];
  const hosts = readEach(list(spec.rules), (rule) =>
    isJson(rule) && rule.host !== undefined && rule.host !== null ? hostIn(rule.host, faults) : undefined,
  );
  const balancers = list(member(member(object, 'status'), 'loadBalancer').ingress);
  return {
    ...classOf(name),
    hosts: distinct(hosts),
    ...noteOf(metadata, faults),
    targets: distinct(readEach(balancers, (entry) => targetOfIngress(entry, faults))),
  };
}

/** F5's VirtualServer (k8s.nginx.org/v1). */
export function readVirtualServer(object: Json, metadata: Json, faults: Faults): IngressFacts {
  const spec = member(object, 'spec');
  const host = spec.host === undefined ? undefined : hostIn(spec.host, faults);
  const endpoints = list(member(object, 'status').externalEndpoints);
  return {
    ...classOf(spec.ingressClassName),
    hosts: host === undefined ? [] : [host],
    ...noteOf(metadata, faults),
    targets: distinct(readEach(endpoints, (entry) => targetOfIngress(entry, faults))),
  };
}

export function readGateway(object: Json, metadata: Json, faults: Faults): GatewayFacts {
  const spec = member(object, 'spec');
  const listeners = readEach(list(spec.listeners), (listener) => {
    if (!isJson(listener) || typeof listener.hostname !== 'string') return undefined;
    const host = hostIn(listener.hostname, faults);
    return host === undefined ? undefined : { host, name: subdomainOf(listener.name) ?? '' };
  });
  const addresses = readEach(list(member(object, 'status').addresses), (entry) => targetOfGateway(entry, faults));
  return {
    ...classOf(spec.gatewayClassName),
    ...(listeners.length > 0 && { listeners }),
    ...noteOf(metadata, faults),
    targets: distinct(addresses),
  };
}

/** HTTPRoute, TLSRoute and GRPCRoute. */
export function readRoute(object: Json, metadata: Json, faults: Faults): RouteFacts {
  const spec = member(object, 'spec');
  const own = labelOf(metadata.namespace) ?? '';
  return {
    hosts: distinct(readEach(list(spec.hostnames), (host) => hostIn(host, faults))),
    ...noteOf(metadata, faults),
    parents: readEach(list(spec.parentRefs), (ref) => parentOf(ref, own, faults)),
  };
}

/** A parent that is a Gateway; each reference by itself, its namespace the route's where it names none. */
function parentOf(ref: unknown, own: string, faults: Faults): RouteFacts['parents'][number] | undefined {
  if (!isJson(ref)) return undefined;
  const { group = 'gateway.networking.k8s.io', kind = 'Gateway' } = ref;
  if (group !== 'gateway.networking.k8s.io' || kind !== 'Gateway') return undefined;
  const name = subdomainOf(ref.name);
  const namespace = ref.namespace === undefined || ref.namespace === null ? own : labelOf(ref.namespace);
  if (name === undefined || namespace === undefined) return note(faults, 'bad parent');
  const listener = subdomainOf(ref.sectionName);
  return { gateway: `${namespace}/${name}`, ...(listener !== undefined && { listener }) };
}

export function readNode(object: Json, _metadata: Json, faults: Faults): NodeFacts {
  const addresses = list(member(object, 'status').addresses);
  const ofType = (type: string, read: (value: unknown) => string | undefined) =>
    distinct(readEach(addresses, (entry) => (isJson(entry) && entry.type === type ? read(entry.address) : undefined)));
  return {
    external: ofType('ExternalIP', (value) => addressIn(value, faults)),
    hosts: ofType('Hostname', (value) => hostIn(value, faults)),
    internal: ofType('InternalIP', (value) => addressIn(value, faults)),
  };
}

/** Record types of a DNSEndpoint that there are records for. */
const ENDPOINT_TYPES: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SRV', 'TXT']);

/** Characters of one target of a DNSEndpoint. */
const MAX_TARGET = 4096;

export function readDnsEndpoint(object: Json, _metadata: Json, faults: Faults): DnsEndpointFacts {
  const entries = readEach(list(member(object, 'spec').endpoints), (entry) => {
    if (!isJson(entry)) return undefined;
    const host = hostIn(entry.dnsName, faults);
    const type = typeof entry.recordType === 'string' ? entry.recordType.toUpperCase() : '';
    if (host === undefined || !ENDPOINT_TYPES.has(type)) return undefined;
    const targets = readEach(list(entry.targets), (target) =>
      type === 'A' || type === 'AAAA' ? addressIn(target, faults) : recordIn(type, target, faults),
    );
    if (targets.length === 0) return undefined;
    const ttl = ttlIn(entry.recordTTL);
    return { host, targets, ...(ttl !== undefined && { ttl }), type };
  });
  return { entries };
}

/** What is no data of its type has no record; it stays in the facts, as what a type demands may come to be more. */
function recordIn(type: string, target: unknown, faults: Faults): string | undefined {
  if (typeof target !== 'string' || target.length > MAX_TARGET) return note(faults, 'bad record');
  if (type !== 'TXT' && endpointRdata(type, target) === undefined) faults.push('bad record');
  return target.toWellFormed();
}

/** One entry of a load balancer's status: its host name counts before its address. */
export function targetOfIngress(entry: unknown, faults: Faults): string | undefined {
  if (!isJson(entry)) return undefined;
  const { hostname, ip } = entry;
  if (typeof hostname === 'string' && hostname !== '') return targetIn(hostname, faults);
  return ip === undefined || ip === null || ip === '' ? undefined : addressIn(ip, faults);
}

/** Without type it is an address, as the API's default has it. Types of other makers say nothing to us. */
function targetOfGateway(entry: unknown, faults: Faults): string | undefined {
  if (!isJson(entry)) return undefined;
  const { type = 'IPAddress', value } = entry;
  if (type === 'IPAddress' || type === null) return addressIn(value, faults);
  return type === 'Hostname' ? targetIn(value, faults) : undefined;
}

/** What external-dns' annotations say. */
function noteOf(metadata: Json, faults: Faults): NoteFacts {
  const annotations = member(metadata, 'annotations');
  const { [`${ANNOTATION}target`]: target, [`${ANNOTATION}ttl`]: ttlText } = annotations;
  const targets = parseTargets(target, faults);
  const ttl = ttlText === undefined ? undefined : ttlIn(ttlText);
  if (ttlText !== undefined && ttl === undefined) faults.push('bad annotation');
  return { ...(targets.length > 0 && { target: targets }), ...(ttl !== undefined && { ttl }) };
}

function parseTargets(value: unknown, faults: Faults): string[] {
  if (typeof value !== 'string' || value.length > MAX_TARGET) return [];
  return distinct(readEach(value.replaceAll(/\s/g, '').split(','), (piece) => targetIn(piece, faults)));
}

/** Seconds of a TTL: a number, or text with one or with a duration (`60`, `1m`). */
function ttlIn(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? parseTtl(value) : value;
  const isTtl = typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0 && seconds <= MAX_TTL;
  return isTtl ? seconds : undefined;
}

/** RFC 2181 §8. */
const MAX_TTL = 2 ** 31 - 1;

function classOf(value: unknown): { readonly class?: string } {
  return typeof value === 'string' && value.length <= 253 ? { class: value.toWellFormed() } : {};
}

function hostIn(value: unknown, faults: Faults): string | undefined {
  return (typeof value === 'string' ? parseHost(value) : undefined) ?? note(faults, 'bad host');
}

function addressIn(value: unknown, faults: Faults): string | undefined {
  const address = typeof value === 'string' ? canonicalAddress(value) : undefined;
  return address === undefined ? note(faults, 'bad address') : unmapAddress(address);
}

function targetIn(value: unknown, faults: Faults): string | undefined {
  const target = typeof value === 'string' ? parseTarget(value) : undefined;
  return target === undefined ? note(faults, 'bad address') : unmapAddress(target);
}

function note(faults: Faults, fault: Fault): undefined {
  faults.push(fault);
  return undefined;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
