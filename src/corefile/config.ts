/**
 * The door to the Corefile: its text in, a `Config` with typed options out.
 *
 * Nothing here touches the file system, the environment or a clock: the caller hands in what may be read.
 */
import type { DomainName } from '../dns/name.ts';
import { DIRECTIVES, type DirectiveName, isIgnoredDirective, isSupportedDirective } from './directives.ts';
import type { ServerKey } from './keys.ts';
import type { BlockOptions } from './options.ts';
import { hasOptions, readOptions } from './options.ts';
import type { Outcome, Place } from './outcome.ts';
import { accept, parseError, reject } from './outcome.ts';
import type { Directive, ServerBlock, Surroundings } from './parser.ts';
import { parseCorefile } from './parser.ts';

export type { HostPort } from './addresses.ts';
export { type Address, type Network, splitHostPort } from './addresses.ts';
export {
  DIRECTIVES,
  type DirectiveName,
  isIgnoredDirective,
  isKnownDirective,
  isSupportedDirective,
} from './directives.ts';
export { parseLongDuration } from './durations.ts';
export { isReverseZone, matchZone, portOf, type ServerKey, type Transport } from './keys.ts';
export { checkListeners, type ListeningBlock } from './listeners.ts';
export type { AclAction, AclOptions, AclPolicy } from './options/acl.ts';
export type { ChaosOptions, LoadbalanceOptions } from './options/answering.ts';
export type { AsofOptions } from './options/asof.ts';
export type { CacheLimits, CacheOptions } from './options/cache.ts';
export type { EventlogOptions, Measure } from './options/eventlog.ts';
export type { AutopathOptions, ExternalOptions } from './options/external.ts';
export type { ForwardOptions, Upstream } from './options/forward.ts';
export type { ExternalDnsPart, GatewayOptions, GatewayResource } from './options/gateway.ts';
export { type HistoryOptions, isLoopback } from './options/history.ts';
export type { HostsOptions } from './options/hosts.ts';
export type { Kubeconfig, KubernetesOptions, NameServer, PodMode } from './options/kubernetes.ts';
export type { BindOptions, TimeoutsOptions } from './options/listening.ts';
export type { Consolidation, ErrorsOptions, LogRule, ResponseClass } from './options/logging.ts';
export type { MulticlusterOptions } from './options/multicluster.ts';
export type { HealthOptions, PrometheusOptions, ReadyOptions, ReloadOptions } from './options/process.ts';
export type { CookieOptions, ResponseKind, RrlOptions } from './options/protection.ts';
export type { AnswerRule, NameMatch, RewriteChange, RewriteRule } from './options/rewrite.ts';
export type { PrimaryOptions, SecondaryOptions } from './options/secondary.ts';
export type { TlsOptions, TsigOptions, TsigRequirement } from './options/security.ts';
export type { Dns64Options, ErraticOptions, HeaderRule, ViewOptions } from './options/shaping.ts';
export type { TemplateOptions } from './options/template.ts';
export type {
  CatalogOptions,
  JournalSize,
  NotifyTiming,
  TransferLimits,
  TransferOptions,
  ZonemdOptions,
} from './options/transfer.ts';
export { DEFAULT_NOTIFY, findStanza } from './options/transfer.ts';
export type { FoundTarget, TransferTarget, WantedCertificate } from './options/transfer-targets.ts';
export type { AutoOptions, FileOptions } from './options/zonefiles.ts';
export type { BlockOptions } from './options.ts';
export type { CorefileError, Outcome } from './outcome.ts';
export { parseError } from './outcome.ts';
export type { Directive, Line, Surroundings } from './parser.ts';
export type { Pattern } from './patterns.ts';

/** A server block with the options of its directives. */
export interface BlockConfig extends Place {
  readonly keys: readonly ServerKey[];
  /** All zones of the keys, each once. */
  readonly zones: readonly DomainName[];
  /** The stanzas of each directive, in the order of the file; the directives in the order of their plugins. */
  readonly directives: ReadonlyMap<string, readonly Directive[]>;
  readonly options: BlockOptions;
}

/** A whole Corefile, understood. */
export interface Config {
  readonly serverBlocks: readonly BlockConfig[];
  /**
   * What the Corefile says once imports, snippets and the environment are filled in, as a text that changes exactly
   * when that does.
   */
  readonly canonicalText: string;
}

/** Directives that are about the whole server, whichever block they stand in. */
const ONCE: ReadonlySet<string> = new Set<DirectiveName>(['eventlog', 'history']);

/** Reads a Corefile. The error is the line for the operator. */
export function loadConfig(text: string, around: Surroundings): Outcome<Config> {
  const parsed = parseCorefile(text, around);
  if (!parsed.ok) return parsed;
  const drafts = parsed.value.map(draftOf);

  // Directive by directive, then block by block: the order in which the peer sets up, so the same error comes first.
  for (const name of DIRECTIVES) {
    for (const draft of drafts) {
      const stanzas = draft.directives.get(name);
      if (!stanzas) continue;
      const failure = setUp(name, stanzas, draft, around);
      if (failure !== undefined) return reject(failure);
    }
    const second = ONCE.has(name) ? drafts.flatMap((draft) => draft.directives.get(name) ?? [])[1] : undefined;
    if (second) return reject(`plugin/${name}: ${parseError(second, 'this plugin can only be used once')}`);
  }
  return accept({ serverBlocks: drafts, canonicalText: canonicalText(parsed.value) });
}

/** The Corefile that stands in when there is none. */
export function defaultCorefile(port: number): string {
  return `.:${port} {\n    whoami\n    log\n}\n`;
}

interface Draft extends BlockConfig {
  readonly options: { -readonly [K in keyof BlockOptions]: BlockOptions[K] };
}

function draftOf({ keys, directives, file, line }: ServerBlock): Draft {
  const zones = [...new Set(keys.flatMap((key) => key.zones))];
  const byName = Map.groupBy(directives, (directive) => directive.name);
  const ordered = DIRECTIVES.flatMap((name) => {
    const stanzas = byName.get(name);
    return stanzas ? [[name, stanzas] as const] : [];
  });
  return { keys, zones, directives: new Map(ordered), options: {}, file, line };
}

/** @returns what is wrong with the stanzas. */
function setUp(name: string, stanzas: readonly Directive[], draft: Draft, around: Surroundings): string | undefined {
  if (!isSupportedDirective(name)) {
    return parseError(stanzas[0] as Directive, `directive '${name}' is not supported by zonelog`);
  }
  if (isIgnoredDirective(name)) {
    const { file, line } = stanzas[0] as Directive;
    around.warn(`${file}:${line} - directive '${name}' has no effect in zonelog`);
  }
  if (!hasOptions(name)) return undefined;
  const read = readOptions(name, stanzas, { zones: draft.zones, warn: around.warn });
  if (!read.ok) return read.error.message;
  Object.assign(draft.options, { [name]: read.value });
  return undefined;
}

function canonicalText(blocks: readonly ServerBlock[]): string {
  return JSON.stringify(
    blocks.map(({ keys, directives }) => ({
      keys: keys.map((key) => key.text),
      body: directives.map(wordsOf),
    })),
  );
}

/** The words of a line; a block is the list of its lines. */
type Words = readonly (string | Words)[];

function wordsOf({ head, args, block }: Directive): Words {
  return [head.text, ...args.map((token) => token.text), ...linesOf(block)];
}

function linesOf(block: Directive['block']): Words {
  return block ? [block.map(({ tokens, block: inner }) => [...tokens.map((t) => t.text), ...linesOf(inner)])] : [];
}
