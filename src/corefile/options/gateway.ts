import { canonicalAddress } from '../../dns/address.ts';
import { type DomainName, parseName, ROOT } from '../../dns/name.ts';
import { type HostPort, parseAddress, splitHostPort } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { formatSelector, parseSelector } from '../selectors.ts';
import type { Kubeconfig } from './kubernetes.ts';

/** The kinds that `resources` knows. */
export const GATEWAY_RESOURCES = [
  'HTTPRoute',
  'TLSRoute',
  'GRPCRoute',
  'Ingress',
  'Service',
  'DNSEndpoint',
  'Node',
  'VirtualServer',
] as const;

/** What of external-dns' words is heeded. */
export const EXTERNAL_DNS_PARTS = ['ttl', 'target', 'records'] as const;
export type ExternalDnsPart = (typeof EXTERNAL_DNS_PARTS)[number];

/** A name server of the zone. */
export interface GatewayNameServer {
  /** Relative to the zone, or absolute with a final dot. */
  readonly name: string;
  /** Canonical text; empty: what the objects of that name have. */
  readonly addresses: readonly string[];
}

export type GatewayResource = (typeof GATEWAY_RESOURCES)[number];

/** A stanza of `k8s_gateway`. */
export interface GatewayOptions {
  readonly zones: readonly DomainName[];
  /** In the order of lookup. */
  readonly resources: readonly GatewayResource[];
  /** Empty: all. */
  readonly ingressClasses: readonly string[];
  /** Empty: all. */
  readonly gatewayClasses: readonly string[];
  /** Canonical texts; a Service that one of them selects is taken. Empty: all. */
  readonly serviceLabelSelectors: readonly string[];
  readonly nodeAddressType: 'InternalIP' | 'ExternalIP';
  /** Seconds, of answers. */
  readonly ttl: number;
  /** The first name server. */
  readonly apex: GatewayNameServer;
  /** The second one. */
  readonly secondary: GatewayNameServer | undefined;
  /** Host names of load balancers are CNAME records. */
  readonly cname: boolean;
  /** Routes without hosts have those of their Gateways' listeners. */
  readonly listenerHostnames: boolean;
  readonly externalDns: readonly ExternalDnsPart[];
  /** zonelog: who is asked for the addresses of load balancers' host names; empty: the system's resolvers. */
  readonly resolvers: readonly HostPort[];
  readonly kubeconfig: Kubeconfig | undefined;
  /** Zones whose missing names are passed on; the root for all, undefined for none. */
  readonly fallthrough: readonly DomainName[] | undefined;
  readonly file: string;
  readonly line: number;
}

type Draft = { -readonly [K in keyof GatewayOptions]: GatewayOptions[K] };

const DEFAULT_RESOURCES: readonly GatewayResource[] = ['Ingress', 'Service'];

/** `k8s_gateway [ZONES…] { … }`; each stanza is an instance, and they are a chain. */
export function parseGateway(stanzas: readonly Directive[], block: BlockContext): Outcome<GatewayOptions[]> {
  const c = new Controller('k8s_gateway', stanzas);
  const all: GatewayOptions[] = [];
  for (const { file, line } of stanzas) {
    c.next();
    const draft: Draft = {
      zones: normalizeZones(c.remainingArgs(), block.zones),
      resources: DEFAULT_RESOURCES,
      ingressClasses: [],
      gatewayClasses: [],
      serviceLabelSelectors: [],
      nodeAddressType: 'InternalIP',
      ttl: 60,
      apex: { name: 'dns1.kube-system', addresses: [] },
      secondary: undefined,
      cname: false,
      listenerHostnames: false,
      externalDns: [],
      resolvers: [],
      kubeconfig: undefined,
      fallthrough: undefined,
      file,
      line,
    };
    let hasResources = false;
    while (c.nextBlock()) {
      hasResources ||= c.value === 'resources';
      readOption(c, draft, block);
    }
    if (!hasResources && !c.hasFailed) {
      const used = `[${DEFAULT_RESOURCES.join(' ')}]`;
      block.warn(`plugin/k8s_gateway: No resources specified in config. Using defaults: ${used}`);
    }
    all.push(draft);
  }
  return c.finish(all);
}

function readOption(c: Controller, o: Draft, block: BlockContext): void {
  const name = c.value;
  switch (name) {
    case 'resources':
      o.resources = readResources(readWords(c, 'resource'), block);
      break;
    case 'ingressClasses':
      o.ingressClasses = readWords(c, name);
      break;
    case 'gatewayClasses':
      o.gatewayClasses = readWords(c, name);
      break;
    case 'serviceLabelSelectors':
      o.serviceLabelSelectors = [...o.serviceLabelSelectors, ...readSelectors(c)];
      break;
    case 'nodeAddressType': {
      const type = c.oneArg();
      if (type === 'InternalIP' || type === 'ExternalIP') o.nodeAddressType = type;
      else c.err(`nodeAddressType must be 'InternalIP' or 'ExternalIP', got: ${type}`);
      break;
    }
    case 'ttl':
      o.ttl = c.integer(0, 3600, (n) => `ttl must be in range [0, 3600]: ${n}`);
      break;
    case 'apex':
      o.apex = readServer(c, block);
      break;
    case 'secondary':
      o.secondary = readServer(c, block);
      break;
    case 'cname':
      c.noArgs();
      o.cname = true;
      break;
    case 'listenerHostnames':
      c.noArgs();
      o.listenerHostnames = true;
      break;
    case 'externalDNS':
      o.externalDns = readExternalDns(c);
      break;
    case 'resolver':
      o.resolvers = [...o.resolvers, ...c.args(1).flatMap((text) => readResolver(c, text))];
      break;
    case 'kubeconfig':
      o.kubeconfig = readGatewayKubeconfig(c);
      break;
    case 'fallthrough':
      o.fallthrough = c.fallthrough();
      break;
    default:
      c.err(`Unknown property '${name}'`);
  }
}

/** `FILE [CONTEXT]`; with more words none of them is a context, as the peer has it. */
function readGatewayKubeconfig(c: Controller): Kubeconfig {
  const [file = '', context, ...more] = c.args(1);
  return { file, context: more.length === 0 ? context : undefined };
}

function readWords(c: Controller, name: string): string[] {
  const words = c.remainingArgs();
  if (words.length === 0) c.err(`Incorrectly formatted '${name}' parameter`);
  return words;
}

/** `all` stands for every kind, in the order in which the peer's tests have them. */
function readResources(words: readonly string[], block: BlockContext): GatewayResource[] {
  const kinds = words.flatMap((word): readonly string[] => (word === 'all' ? LOOKUP_ORDER : [word]));
  return [...new Set(kinds)].filter((kind) => isResource(kind, block));
}

const LOOKUP_ORDER: readonly GatewayResource[] = [
  'HTTPRoute',
  'TLSRoute',
  'GRPCRoute',
  'VirtualServer',
  'Ingress',
  'Service',
  'DNSEndpoint',
  'Node',
];

/** `NAME [ADDRESS…]`; other words are let pass, as the peer does, but not without a word. */
function readServer(c: Controller, block: BlockContext): GatewayNameServer {
  const option = c.value;
  const [name = '', ...others] = c.args(1);
  if (name !== '' && !isServerName(name)) c.err(`not a name: ${JSON.stringify(name)}`);
  const addresses = others.flatMap((text) => {
    const address = canonicalAddress(text);
    if (address === undefined)
      block.warn(`plugin/k8s_gateway: ${JSON.stringify(text)} of ${option} is no IP address and is ignored`);
    return address ?? [];
  });
  return { name: name.toLowerCase(), addresses };
}

function isServerName(text: string): boolean {
  const name = parseName(text);
  return name !== undefined && name !== ROOT;
}

/** `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT` */
function readResolver(c: Controller, text: string): HostPort[] {
  const alone = parseAddress(text);
  if (alone !== undefined) return [{ host: alone.text, port: 53 }];
  const split = splitHostPort(text);
  const address = typeof split === 'string' ? undefined : parseAddress(split.host);
  if (typeof split !== 'string' && address !== undefined && split.port > 0)
    return [{ host: address.text, port: split.port }];
  c.err(`resolver must be an IP address, with a port or without: ${text}`);
  return [];
}

function readExternalDns(c: Controller): ExternalDnsPart[] {
  const words = c.remainingArgs();
  const parts = EXTERNAL_DNS_PARTS.filter((part) => words.includes(part));
  const unknown = words.find((word) => !(parts as readonly string[]).includes(word));
  if (unknown !== undefined) c.err(`externalDNS takes ${EXTERNAL_DNS_PARTS.join(', ')}, got: ${unknown}`);
  return words.length === 0 ? [...EXTERNAL_DNS_PARTS] : parts;
}

function isResource(kind: string, block: BlockContext): kind is GatewayResource {
  if ((GATEWAY_RESOURCES as readonly string[]).includes(kind)) return true;
  block.warn(`plugin/k8s_gateway: Unknown resource ${JSON.stringify(kind)} is ignored`);
  return false;
}

function readSelectors(c: Controller): string[] {
  const words = c.remainingArgs();
  if (words.length === 0) c.err('serviceLabelSelectors requires at least one argument (a label selector string)');
  if (words.some((word) => word.trim() === '')) c.err('serviceLabelSelectors does not accept empty strings');
  const selectors: string[] = [];
  for (const word of words) {
    const selector = parseSelector(word);
    if (selector.ok) selectors.push(formatSelector(selector.value));
    else c.err(`invalid serviceLabelSelectors ${JSON.stringify(word)}: ${selector.error.message}`);
  }
  return selectors;
}
