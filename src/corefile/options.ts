import type { BlockContext } from './controller.ts';
import { parseAcl } from './options/acl.ts';
import {
  parseAny,
  parseCancel,
  parseChaos,
  parseLoadbalance,
  parseLoop,
  parseMetadata,
  parseMinimal,
  parseWhoami,
} from './options/answering.ts';
import { parseAsof } from './options/asof.ts';
import { parseCache } from './options/cache.ts';
import { parseEventlog } from './options/eventlog.ts';
import { parseAutopath, parseExternal } from './options/external.ts';
import { parseForward } from './options/forward.ts';
import { parseGateway } from './options/gateway.ts';
import { parseHistory } from './options/history.ts';
import { parseHosts } from './options/hosts.ts';
import { parseKubernetai, parseKubernetes } from './options/kubernetes.ts';
import { parseBind, parseBufsize, parseMultisocket, parseNsid, parseTimeouts } from './options/listening.ts';
import { parseErrors, parseLog } from './options/logging.ts';
import { parseMulticluster } from './options/multicluster.ts';
import { parseDebug, parseHealth, parsePrometheus, parseReady, parseReload, parseRoot } from './options/process.ts';
import { parseCookie, parseRrl } from './options/protection.ts';
import { parseRewrite } from './options/rewrite.ts';
import { parseSecondary } from './options/secondary.ts';
import { parseTls, parseTsig } from './options/security.ts';
import { parseDns64, parseErratic, parseHeader, parseLocal, parseView } from './options/shaping.ts';
import { parseTemplate } from './options/template.ts';
import { parseTransfer } from './options/transfer.ts';
import { parseAuto, parseFile } from './options/zonefiles.ts';
import type { Outcome } from './outcome.ts';
import type { Directive } from './parser.ts';

/** The option parser of each directive that zonelog reads. */
const PARSERS = {
  root: parseRoot,
  metadata: parseMetadata,
  cancel: parseCancel,
  timeouts: parseTimeouts,
  multisocket: parseMultisocket,
  reload: parseReload,
  nsid: parseNsid,
  cookie: parseCookie,
  bufsize: parseBufsize,
  bind: parseBind,
  debug: parseDebug,
  ready: parseReady,
  health: parseHealth,
  prometheus: parsePrometheus,
  eventlog: parseEventlog,
  history: parseHistory,
  errors: parseErrors,
  log: parseLog,
  rrl: parseRrl,
  local: parseLocal,
  dns64: parseDns64,
  any: parseAny,
  chaos: parseChaos,
  loadbalance: parseLoadbalance,
  tsig: parseTsig,
  rewrite: parseRewrite,
  autopath: parseAutopath,
  acl: parseAcl,
  asof: parseAsof,
  cache: parseCache,
  header: parseHeader,
  tls: parseTls,
  minimal: parseMinimal,
  template: parseTemplate,
  transfer: parseTransfer,
  hosts: parseHosts,
  k8s_external: parseExternal,
  k8s_gateway: parseGateway,
  kubernetes: parseKubernetes,
  kubernetai: parseKubernetai,
  multicluster: parseMulticluster,
  file: parseFile,
  auto: parseAuto,
  secondary: parseSecondary,
  loop: parseLoop,
  forward: parseForward,
  erratic: parseErratic,
  whoami: parseWhoami,
  view: parseView,
};

type Parsers = typeof PARSERS;
type Value<T> = T extends { readonly ok: true; readonly value: infer V } ? V : never;

/** The options of the directives in a server block, by the name of the directive; absent when it does not stand there. */
export type BlockOptions = { readonly [Name in keyof Parsers]?: Value<ReturnType<Parsers[Name]>> };

/** Has a directive an option parser? */
export function hasOptions(name: string): name is keyof Parsers {
  return Object.hasOwn(PARSERS, name);
}

/** Reads all stanzas of a directive in a server block into `options`. */
export function readOptions(
  name: keyof Parsers,
  stanzas: readonly Directive[],
  block: BlockContext,
): Outcome<BlockOptions[keyof Parsers]> {
  return PARSERS[name](stanzas, block);
}
