import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import type { Pattern } from '../patterns.ts';
import { parsePattern } from '../patterns.ts';

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
      else if (c.value === 'reload_by_mtime') reloadByMtime = c.bare();
      else if (c.value === 'fallthrough') fallthrough = c.fallthrough();
      else if (c.value === 'upstream') c.remainingArgs();
      else c.unknownProperty();
    }
    all.push({ file, zones: normalizeZones(names, block.zones), reloadMs, reloadByMtime, fallthrough });
  }
  return c.finish(all);
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
