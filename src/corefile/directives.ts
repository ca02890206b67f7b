/**
 * The directives of a server block, in the order in which their plugins see a query. The order of the lines in a
 * Corefile does not matter. `kubernetai` stands beside `kubernetes`, `multicluster` right below it, and `k8s_gateway`
 * has the slot of `k8s_external`. `cookie`, `history` and `asof` are zonelog's own; `rrl` is an external plugin of the peer, and sees what all but
 * those that only look on have made of a reply.
 */
export const DIRECTIVES = [
  'root',
  'metadata',
  'geoip',
  'cancel',
  'proxyproto',
  'quic',
  'grpc_server',
  'https',
  'https3',
  'timeouts',
  'multisocket',
  'reload',
  'nsid',
  'cookie',
  'bufsize',
  'bind',
  'debug',
  'trace',
  'ready',
  'health',
  'pprof',
  'shed',
  'prometheus',
  'eventlog',
  'history',
  'errors',
  'log',
  'dnstap',
  'rrl',
  'local',
  'dns64',
  'any',
  'chaos',
  'loadbalance',
  'tsig',
  'rewrite',
  'autopath',
  'acl',
  'asof',
  'cache',
  'header',
  'dnssec',
  'tls',
  'minimal',
  'template',
  'transfer',
  'hosts',
  'route53',
  'azure',
  'clouddns',
  'k8s_external',
  'k8s_gateway',
  'kubernetes',
  'kubernetai',
  'multicluster',
  'file',
  'auto',
  'secondary',
  'etcd',
  'loop',
  'forward',
  'grpc',
  'erratic',
  'whoami',
  'on',
  'sign',
  'view',
  'nomad',
] as const;

export type DirectiveName = (typeof DIRECTIVES)[number];

const KNOWN: ReadonlySet<string> = new Set(DIRECTIVES);

/** Directives of the peer that zonelog refuses by name, rather than leaving out in silence what they ask for. */
const UNSUPPORTED: ReadonlySet<string> = new Set<DirectiveName>([
  'azure',
  'clouddns',
  'dnssec',
  'dnstap',
  'etcd',
  'geoip',
  'grpc',
  'grpc_server',
  'https',
  'https3',
  'nomad',
  'on',
  'proxyproto',
  'quic',
  'route53',
  'shed',
  'sign',
  'trace',
]);

/** Directives that ask for nothing a client can see, and that zonelog has nothing for: they only give a warning. */
const IGNORED: ReadonlySet<string> = new Set<DirectiveName>(['pprof']);

/** Is it a directive that may stand in a server block? */
export function isKnownDirective(name: string): name is DirectiveName {
  return KNOWN.has(name);
}

/** Is it a directive that may stand in a Corefile of zonelog? */
export function isSupportedDirective(name: string): boolean {
  return KNOWN.has(name) && !UNSUPPORTED.has(name);
}

/** Is it a directive that is let pass without effect? */
export function isIgnoredDirective(name: string): boolean {
  return IGNORED.has(name);
}
