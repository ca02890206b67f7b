import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { formatSelector, parseSelector } from '../selectors.ts';
import type { Kubeconfig } from './kubernetes.ts';
import { readKubeconfig } from './kubernetes.ts';

/** The kinds that `resources` knows. */
export const GATEWAY_RESOURCES = [
  'HTTPRoute',
  'TLSRoute',
  'GRPCRoute',
  'Ingress',
  'Service',
  'DNSEndpoint',
  'Node',
] as const;

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
  /** `NAME.NAMESPACE` of the first name server, below the zone. */
  readonly apex: string;
  /** `NAME.NAMESPACE` of the second one. */
  readonly secondary: string | undefined;
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
      apex: 'dns1.kube-system',
      secondary: undefined,
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
      o.resources = readWords(c, 'resource').filter((kind) => isResource(kind, block));
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
      o.apex = c.args(1)[0] ?? '';
      break;
    case 'secondary':
      o.secondary = c.args(1)[0];
      break;
    case 'kubeconfig':
      o.kubeconfig = readKubeconfig(c);
      break;
    case 'fallthrough':
      o.fallthrough = c.fallthrough();
      break;
    default:
      c.err(`Unknown property '${name}'`);
  }
}

function readWords(c: Controller, name: string): string[] {
  const words = c.remainingArgs();
  if (words.length === 0) c.err(`Incorrectly formatted '${name}' parameter`);
  return words;
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
