import type { DomainName } from '../../dns/name.ts';
import { parseName } from '../../dns/name.ts';
import { parseAddress } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { isReverseZone, normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { parseLabelSelector } from '../selectors.ts';

export type PodMode = 'disabled' | 'insecure' | 'verified';

/** Certificate files of `tls CERT KEY CA`. */
export interface ClientTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** `kubeconfig FILE [CONTEXT]`. */
export interface Kubeconfig {
  readonly file: string;
  readonly context: string | undefined;
}

/** One line `nameservers NAME [ADDR…]`. */
export interface NameServer {
  readonly name: DomainName;
  /** Canonical text; none: the addresses of this host. */
  readonly addresses: readonly string[];
}

/** `guard PERCENT [DURATION]` */
export interface Guard {
  /** Of the known objects of one kind. */
  readonly percent: number;
  /** How long deletions beyond that are held; undefined when not said. */
  readonly holdMs: number | undefined;
}

/** A stanza of `kubernetes` or `kubernetai`. */
export interface KubernetesOptions {
  readonly zones: readonly DomainName[];
  /** The first zone that is no reverse zone: PTR records point into it. */
  readonly primaryZone: DomainName;
  /** URL of the API server; undefined without the option. */
  readonly endpoint: string | undefined;
  readonly tls: ClientTls | undefined;
  /** Wins over `endpoint`. */
  readonly kubeconfig: Kubeconfig | undefined;
  readonly apiserverQps: number | undefined;
  readonly apiserverBurst: number | undefined;
  readonly apiserverMaxInflight: number | undefined;
  /** Exposed namespaces; empty: all. */
  readonly namespaces: ReadonlySet<string>;
  /** Canonical text of the selector on namespaces. */
  readonly namespaceLabels: string | undefined;
  /** Canonical text of the selector on services, pods and endpoint slices. */
  readonly labels: string | undefined;
  readonly pods: PodMode;
  readonly endpointPodNames: boolean;
  /** Seconds. */
  readonly ttl: number;
  readonly noendpoints: boolean;
  /** Zones whose missing names are passed on; the root for all, undefined for none. */
  readonly fallthrough: readonly DomainName[] | undefined;
  readonly ignoreEmptyService: boolean;
  /** Those of `zones` that hold ServiceImports. */
  readonly multiclusterZones: readonly DomainName[];
  /** zonelog: ServiceImports with an address of their own name no endpoint of one cluster. */
  readonly multiclusterStrict: boolean;
  readonly zonal: boolean;
  readonly startupTimeoutMs: number;
  /** zonelog: what a list may take away of what is known without being doubted; undefined when not said. */
  readonly guard: Guard | 'off' | undefined;
  /** zonelog: is the stanza merged with the others of its zone, instead of standing before or behind them? */
  readonly merge: boolean;
  /** zonelog: the NS set of the zones; empty: made from the endpoints of this server. */
  readonly nameservers: readonly NameServer[];
  /** Where the stanza stands, for messages. */
  readonly file: string;
  readonly line: number;
}

type Draft = { -readonly [K in keyof KubernetesOptions]: KubernetesOptions[K] } & { namespaces: Set<string> };

/** `kubernetes [ZONES…] { … }`, once per block. */
export function parseKubernetes(stanzas: readonly Directive[], block: BlockContext): Outcome<KubernetesOptions[]> {
  const c = new Controller('kubernetes', stanzas);
  const all: KubernetesOptions[] = [];
  while (c.nextOnly()) all.push(readStanza(c, stanzas[all.length] as Directive, block));
  return c.finish(all);
}

/** `kubernetai [ZONES…] { … }`: the same options and the same words in errors, several stanzas. */
export function parseKubernetai(stanzas: readonly Directive[], block: BlockContext): Outcome<KubernetesOptions[]> {
  const c = new Controller('kubernetes', stanzas);
  const all: KubernetesOptions[] = [];
  while (c.next()) all.push(readStanza(c, stanzas[all.length] as Directive, block));
  return c.finish(all);
}

const REVERSE_TOPS: ReadonlySet<string> = new Set(['in-addr.arpa.', 'ip6.arpa.']);

function readStanza(c: Controller, { file, line }: Directive, block: BlockContext): KubernetesOptions {
  const zones = normalizeZones(c.remainingArgs(), block.zones);
  // The tops of the reverse trees are no reverse zones to CoreDNS: it starts with one of them alone.
  const primaryZone = zones.find((zone) => !isReverseZone(zone)) ?? zones.find((zone) => REVERSE_TOPS.has(zone));
  if (primaryZone === undefined) c.stanzaErr('non-reverse zone name must be used');
  const draft: Draft = {
    zones,
    primaryZone: primaryZone as DomainName,
    endpoint: undefined,
    tls: undefined,
    kubeconfig: undefined,
    apiserverQps: undefined,
    apiserverBurst: undefined,
    apiserverMaxInflight: undefined,
    namespaces: new Set<string>(),
    namespaceLabels: undefined,
    labels: undefined,
    pods: 'disabled',
    endpointPodNames: false,
    ttl: 5,
    noendpoints: false,
    fallthrough: undefined,
    ignoreEmptyService: false,
    multiclusterZones: [],
    multiclusterStrict: false,
    zonal: false,
    startupTimeoutMs: 5000,
    guard: undefined,
    merge: false,
    nameservers: [],
    file,
    line,
  };
  while (c.nextBlock()) {
    const read = OPTIONS.get(c.value);
    if (read) read(c, draft, block);
    else c.unknownProperty();
  }
  checkTogether(c, draft);
  return draft;
}

/** What can only be said of the options together. */
function checkTogether(c: Controller, o: Draft): void {
  if (o.namespaces.size > 0 && o.namespaceLabels !== undefined) {
    c.stanzaErr('namespaces and namespace_labels cannot both be set');
  }
  if (o.zonal && o.noendpoints) c.stanzaErr('zonal requires the endpoint cache; remove noendpoints');
  for (const zone of o.multiclusterZones) {
    if (o.zones.includes(zone)) continue;
    const zones = `[${o.zones.join(' ')}]`;
    c.stanzaErr(`is not authoritative for the multicluster zone ${zone} (authoritative zones: ${zones})`);
  }
}

type ReadOption = (c: Controller, options: Draft, block: BlockContext) => void;

const READERS: Record<string, ReadOption> = {
  endpoint(c, o, block) {
    const urls = c.args(1);
    o.endpoint = urls[0];
    if (urls.length < 2) return;
    const used = `only the first specified endpoint '${urls[0]}' is used`;
    block.warn(`plugin/kubernetes: Multiple endpoints have been deprecated, ${used}`);
  },
  tls(c, o) {
    const [cert = '', key = '', ca = ''] = c.args(3, 3);
    o.tls = { cert, key, ca };
  },
  kubeconfig(c, o) {
    o.kubeconfig = readKubeconfig(c);
  },
  apiserver_qps(c, o) {
    const text = c.oneArg();
    const n = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(n)) c.err(`invalid apiserver_qps ${JSON.stringify(text)}: not a number`);
    else if (n < 0) c.err('apiserver_qps must be >= 0');
    o.apiserverQps = n;
  },
  apiserver_burst(c, o) {
    o.apiserverBurst = readCount(c, 'apiserver_burst');
  },
  apiserver_max_inflight(c, o) {
    o.apiserverMaxInflight = readCount(c, 'apiserver_max_inflight');
  },
  namespaces(c, o) {
    for (const namespace of c.args(1)) o.namespaces.add(namespace);
  },
  namespace_labels(c, o) {
    o.namespaceLabels = readSelector(c, 'namespace_label');
  },
  labels(c, o) {
    o.labels = readSelector(c, 'label');
  },
  pods(c, o) {
    const mode = c.oneArg();
    if (mode === 'disabled' || mode === 'insecure' || mode === 'verified') o.pods = mode;
    else c.err(`wrong value for pods: ${mode},  must be one of: disabled, verified, insecure`);
  },
  endpoint_pod_names(c, o) {
    c.noArgs();
    o.endpointPodNames = true;
  },
  ttl(c, o) {
    o.ttl = c.integer(0, 3600, (n) => `ttl must be in range [0, 3600]: ${n}`);
  },
  noendpoints(c, o) {
    c.noArgs();
    o.noendpoints = true;
  },
  fallthrough(c, o) {
    o.fallthrough = c.fallthrough();
  },
  ignore(c, o) {
    const [what] = c.remainingArgs();
    if (what === 'empty_service') o.ignoreEmptyService = true;
    else if (what !== undefined) c.err(`unable to parse ignore value: '${what}'`);
  },
  multicluster(c, o) {
    o.multiclusterZones = normalizeZones(c.remainingArgs());
  },
  multicluster_strict(c, o) {
    c.noArgs();
    o.multiclusterStrict = true;
  },
  zonal(c, o) {
    c.noArgs();
    o.zonal = true;
  },
  startup_timeout(c, o) {
    const text = c.args(1)[0] ?? '';
    o.startupTimeoutMs = c.duration(text, (why) => `failed to parse startup_timeout: ${text}, ${why}`);
  },
  guard(c, o) {
    const [text = '', hold, ...rest] = c.args(1);
    const percent = /^(\d{1,3}(?:\.\d+)?)%?$/.exec(text)?.[1];
    if (rest.length > 0) c.argErr();
    else if (text === 'off' && hold === undefined) o.guard = 'off';
    else if (percent !== undefined && Number(percent) <= 100) {
      const holdMs =
        hold === undefined ? undefined : c.duration(hold, (why) => `invalid duration of guard: ${hold}, ${why}`);
      o.guard = { percent: Number(percent), holdMs };
    } else c.err(`guard must be a percentage from 0 to 100, or off: ${text}`);
  },
  merge(c, o) {
    c.noArgs();
    o.merge = true;
  },
  nameservers(c, o) {
    const [text = '', ...rest] = c.args(1);
    const name = parseName(text);
    if (name === undefined) c.err(`nameservers must begin with a domain name: ${text}`);
    const addresses: string[] = [];
    for (const word of rest) {
      const address = parseAddress(word);
      if (address) addresses.push(address.text);
      else c.err(`must specify an IP address: \`${word}'`);
    }
    if (name !== undefined) o.nameservers = [...o.nameservers, { name, addresses }];
  },
};

const OPTIONS: ReadonlyMap<string, ReadOption> = new Map(Object.entries(READERS));

/** `kubeconfig FILE [CONTEXT]` */
export function readKubeconfig(c: Controller): Kubeconfig {
  const [file = '', context] = c.args(1, 2);
  return { file, context };
}

function readCount(c: Controller, name: string): number {
  const text = c.oneArg();
  if (c.hasFailed) return 0;
  if (!/^[+-]?\d{1,15}$/.test(text)) c.err(`invalid ${name} ${JSON.stringify(text)}: not a whole number`);
  else if (Number(text) < 0) c.err(`${name} must be >= 0`);
  return Number(text);
}

function readSelector(c: Controller, what: string): string {
  const text = c.args(1).join(' ');
  const selector = parseLabelSelector(text);
  if (selector.ok) return selector.value;
  c.err(`unable to parse ${what} selector value: '${text}': ${selector.error.message}`);
  return '';
}
