import { posix } from 'node:path';
import type { Token } from './lexer.ts';
import { tokenize } from './lexer.ts';
import type { Outcome } from './outcome.ts';
import { accept, parseError, reject } from './outcome.ts';

/** Where the files of a Corefile come from. Both may throw as the functions of `node:fs` do. */
export interface Files {
  /** The text of a file. */
  readonly readFile: (path: string) => string;
  /** The names in a directory. */
  readonly listDir: (path: string) => readonly string[];
}

/** More than this, and the Corefile imports itself in a circle. */
export const MAX_SNIPPETS = 10_000;
export const MAX_FILES = 100_000;
export const MAX_TOKENS = 2_000_000;

/** Snippets, and what `import` makes of a name, a path or a pattern. */
export class Importer {
  readonly #files: Files;
  readonly #warn: (text: string) => void;
  readonly #snippets = new Map<string, readonly Token[]>();
  #snippetsUsed = 0;
  #filesRead = 0;
  #tokens = 0;

  constructor(files: Files, warn: (text: string) => void) {
    this.#files = files;
    this.#warn = warn;
  }

  hasSnippet(name: string): boolean {
    return this.#snippets.has(name);
  }

  define(name: string, tokens: readonly Token[]): void {
    this.#snippets.set(name, tokens);
  }

  /** The tokens that stand for `import target`, written at `place`. */
  expand(target: string, place: Token): Outcome<readonly Token[]> {
    if (target === '') return reject(parseError(place, 'Import requires a non-empty filepath'));
    const snippet = this.#snippets.get(target);
    if (snippet) {
      this.#snippetsUsed += 1;
      if (this.#snippetsUsed > MAX_SNIPPETS) {
        return reject(parseError(place, `More than ${MAX_SNIPPETS} snippets imported: ${target}`));
      }
      return this.#count(snippet, place);
    }
    return this.#expandFiles(target, place);
  }

  #expandFiles(target: string, place: Token): Outcome<readonly Token[]> {
    const pattern = posix.isAbsolute(target) ? posix.normalize(target) : posix.join(posix.dirname(place.file), target);
    const isGlob = /[*?[\]]/.test(pattern);
    if (pattern.split('*').length > 2 || pattern.split('?').length > 2 || /[[\]]/.test(pattern)) {
      const message = `Glob pattern may only contain one wildcard (*), but has others: ${pattern}`;
      return reject(parseError(place, message));
    }
    const paths = isGlob ? glob(pattern, this.#files) : [pattern];
    if (paths.length === 0) this.#warn(`No files matching import glob pattern: ${target}`);
    const tokens: Token[] = [];
    for (const path of paths) {
      const read = this.#read(path, target, place);
      if (!read.ok) return read;
      for (const token of read.value) tokens.push(token);
    }
    return accept(tokens);
  }

  #read(path: string, target: string, place: Token): Outcome<readonly Token[]> {
    if (path === posix.normalize(place.file)) return reject(parseError(place, `File imports itself: ${target}`));
    this.#filesRead += 1;
    if (this.#filesRead > MAX_FILES) {
      return reject(parseError(place, `More than ${MAX_FILES} files imported: ${target}`));
    }
    let text: string;
    try {
      text = this.#files.readFile(path);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') return reject(parseError(place, `File to import not found: ${target}`));
      const why = code === 'EISDIR' ? 'is a directory' : error instanceof Error ? error.message : String(error);
      return reject(parseError(place, `Could not import ${path}: ${why}`));
    }
    return this.#count(tokenize(text, path), place);
  }

  #count(tokens: readonly Token[], place: Token): Outcome<readonly Token[]> {
    this.#tokens += tokens.length;
    if (this.#tokens > MAX_TOKENS) return reject(parseError(place, `Imports are too large: over ${MAX_TOKENS} words`));
    return accept(tokens);
  }
}

function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** The paths that match a pattern with `*` and `?` in any of its parts, sorted; none when a directory can't be read. */
function glob(pattern: string, files: Files): string[] {
  const [first = '', ...rest] = pattern.split('/');
  const isAbsolute = first === '';
  let found = [isAbsolute ? '/' : ''];
  let isListed = false;
  for (const part of isAbsolute ? rest : [first, ...rest]) {
    isListed ||= /[*?]/.test(part);
    const names = matcher(part);
    found = found.flatMap((base) => {
      if (!isListed) return [posix.join(base, part)];
      const matching = list(base === '' ? '.' : base, files).filter((name) => names.test(name));
      return matching.sort().map((name) => posix.join(base, name));
    });
  }
  return found;
}

function matcher(part: string): RegExp {
  const escaped = part.replace(/[.+^${}()|\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`, 's');
}

function list(path: string, files: Files): string[] {
  try {
    return [...files.listDir(path)];
  } catch {
    return [];
  }
}
