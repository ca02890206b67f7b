import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import type { Pattern } from '../patterns.ts';
import { parsePattern } from '../patterns.ts';
import { readAddressPort } from './transfer-targets.ts';

/** A stanza of `file`. */
export interface FileOptions {
  /** Relative to `root`. */
  readonly file: string;
  readonly zones: readonly DomainName[];
  /** 0: never. */
  readonly reloadMs: number;
  readonly reloadByMtime: boolean;
  readonly fallthrough: readonly DomainName[] | undefined;
}

/** A stanza of `secondary`. */
export interface SecondaryOptions {
  readonly zones: readonly DomainName[];
  readonly primaries: readonly { readonly address: string; readonly port: number }[];
  /** Undefined: no catalog zone; else the names of the members that are taken, none for all. */
  readonly catalog: readonly string[] | undefined;
  readonly fallthrough: readonly DomainName[] | undefined;
}

/** A stanza of `auto`. */
export interface AutoOptions {
  readonly zones: readonly DomainName[];
  /** Relative to `root`. */
  readonly directory: string;
  /** Which files are zones; what its groups hold stands for `{1}` and so on in `origin`. */
  readonly pattern: Pattern;
  readonly origin: string;
  /** 0: never. */
  readonly reloadMs: number;
  readonly fallthrough: readonly DomainName[] | undefined;
}

const MINUTE = 60_000;

/** `file DBFILE [ZONES…] { reload DUR; reload_by_mtime; fallthrough [ZONES…] }`, repeatable. */
export function parseFile(stanzas: readonly Directive[], block: BlockContext): Outcome<FileOptions[]> {
  const c = new Controller('file', stanzas);
  const all: FileOptions[] = [];
  while (c.next()) {
    const [file = '', ...names] = c.args(1);
    let reloadMs = MINUTE;
    let reloadByMtime = false;
    let fallthrough: readonly DomainName[] | undefined;
    while (c.nextBlock()) {
      if (c.value === 'reload') reloadMs = readReload(c);
      else if (c.value === 'reload_by_mtime') reloadByMtime = true;
      else if (c.value === 'fallthrough') fallthrough = c.fallthrough();
      else if (c.value === 'upstream') c.remainingArgs();
      else c.unknownProperty();
    }
    all.push({ file, zones: normalizeZones(names, block.zones), reloadMs, reloadByMtime, fallthrough });
  }
  return c.finish(all);
}

/** `secondary [ZONES…] { transfer from ADDR…; catalog [MEMBERS…]; fallthrough [ZONES…] }`, repeatable. */
export function parseSecondary(stanzas: readonly Directive[], block: BlockContext): Outcome<SecondaryOptions[]> {
  const c = new Controller('secondary', stanzas);
  const all: SecondaryOptions[] = [];
  while (c.next()) {
    const zones = normalizeZones(c.remainingArgs(), block.zones);
    const primaries: { address: string; port: number }[] = [];
    let catalog: readonly string[] | undefined;
    let fallthrough: readonly DomainName[] | undefined;
    while (c.nextBlock()) {
      if (c.value === 'transfer') primaries.push(...readPrimaries(c));
      else if (c.value === 'catalog') catalog = c.remainingArgs();
      else if (c.value === 'fallthrough') fallthrough = c.fallthrough();
      else c.unknownProperty();
    }
    if (primaries.length === 0) c.stanzaErr('secondary zones require a transfer from property');
    all.push({ zones, primaries, catalog, fallthrough });
  }
  return c.finish(all);
}

function readPrimaries(c: Controller): { address: string; port: number }[] {
  const [from, ...words] = c.args(2);
  if (from !== 'from') c.err(`unknown property '${from}'`);
  const primaries: { address: string; port: number }[] = [];
  for (const word of words) {
    if (word === '*') c.err("can't use '*' in transfer from");
    const target = readAddressPort(word, 53);
    if (target) primaries.push({ address: target.host, port: target.port });
    else c.err(`must specify an IP address: \`${word}'`);
  }
  return primaries;
}

/** `auto [ZONES…] { directory DIR [REGEXP ORIGIN]; reload DUR; fallthrough [ZONES…] }`, repeatable. */
export function parseAuto(stanzas: readonly Directive[], block: BlockContext): Outcome<AutoOptions[]> {
  const c = new Controller('auto', stanzas);
  const all: AutoOptions[] = [];
  while (c.next()) {
    const zones = normalizeZones(c.remainingArgs(), block.zones);
    let directory = '';
    let pattern: Pattern = { source: 'db\\.(.*)', flags: '' };
    let origin = '{1}';
    let reloadMs = MINUTE;
    let fallthrough: readonly DomainName[] | undefined;
    while (c.nextBlock()) {
      if (c.value === 'directory') {
        const [path = '', source, template] = c.args(1, 3);
        directory = path;
        if (source !== undefined && template === undefined) c.argErr();
        if (source !== undefined) pattern = readPattern(c, source);
        origin = template?.replace(/\$\{?(\d+)\}?/g, '{$1}') ?? origin;
      } else if (c.value === 'reload') reloadMs = readReload(c);
      else if (c.value === 'fallthrough') fallthrough = c.fallthrough();
      else if (c.value === 'upstream') c.remainingArgs();
      else c.unknownProperty();
    }
    if (directory === '') c.stanzaErr('auto requires a directory');
    all.push({ zones, directory, pattern, origin, reloadMs, fallthrough });
  }
  return c.finish(all);
}

function readPattern(c: Controller, source: string): Pattern {
  const pattern = parsePattern(source);
  if (pattern.ok) return pattern.value;
  c.err(pattern.error.message);
  return { source: '', flags: '' };
}

function readReload(c: Controller): number {
  const [text] = c.remainingArgs();
  if (text === undefined) c.err('reload duration value is expected');
  const ms = c.duration(text ?? '');
  if (ms < 0) c.err(`invalid negative duration for reload '${text}'`);
  return ms;
}
