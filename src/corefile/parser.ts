import { isKnownDirective } from './directives.ts';
import type { Environment } from './environment.ts';
import { replaceEnvironment } from './environment.ts';
import type { Files } from './imports.ts';
import { Importer } from './imports.ts';
import type { ServerKey } from './keys.ts';
import { parseServerKey } from './keys.ts';
import type { Token } from './lexer.ts';
import { tokenize } from './lexer.ts';
import type { Outcome, Place } from './outcome.ts';
import { accept, parseError, reject, syntaxError } from './outcome.ts';
import { TokenStream } from './stream.ts';

/** What the parser may ask of the world outside the text. */
export interface Surroundings extends Files {
  /** The name of the Corefile, for messages, and to which imports are relative. */
  readonly file: string;
  readonly env: Environment;
  readonly warn: (text: string) => void;
}

/** One line of an argument block: its words, and the block that it opens itself. */
export interface Line {
  readonly tokens: readonly [Token, ...Token[]];
  readonly block: readonly Line[] | undefined;
}

/** One line of a server block, with its argument block. */
export interface Directive extends Place {
  readonly name: string;
  /** The name. */
  readonly head: Token;
  /** The rest of its line. */
  readonly args: readonly Token[];
  /** The lines between its braces; undefined without braces. */
  readonly block: readonly Line[] | undefined;
}

/** Zones and ports, and what serves them. */
export interface ServerBlock extends Place {
  readonly keys: readonly ServerKey[];
  /** In the order of the file, repeated ones apart. */
  readonly directives: readonly Directive[];
}

/** How deep braces may stand in braces. */
const MAX_DEPTH = 50;

/**
 * Reads a Corefile into its server blocks: snippets and imports expanded, the environment filled in, keys understood,
 * names of directives checked. What the directives mean is for the option parsers.
 */
export function parseCorefile(text: string, around: Surroundings): Outcome<ServerBlock[]> {
  const parser = new Parser(text, around);
  const raw = parser.parse();
  if (parser.failure !== undefined) return reject(parser.failure);

  const blocks: ServerBlock[] = [];
  for (const { keys: texts, directives, file, line } of raw) {
    const keys: ServerKey[] = [];
    for (const key of texts) {
      const parsed = parseServerKey(key);
      if (!parsed.ok) return reject(`error inspecting server blocks: ${parsed.error.message}`);
      keys.push(parsed.value);
    }
    blocks.push({ keys, directives, file, line });
  }
  return accept(blocks);
}

interface RawBlock extends Place {
  readonly keys: readonly string[];
  readonly directives: readonly Directive[];
}

/** The first failure stays, and ends every loop: methods then return whatever they have. */
class Parser {
  failure: string | undefined;
  readonly #stream: TokenStream;
  readonly #importer: Importer;
  readonly #around: Surroundings;

  constructor(text: string, around: Surroundings) {
    this.#around = around;
    this.#stream = new TokenStream(tokenize(text, around.file));
    this.#importer = new Importer(around, around.warn);
  }

  parse(): RawBlock[] {
    const blocks: RawBlock[] = [];
    while (this.failure === undefined) {
      const start = this.#stream.peek();
      if (!start) break;
      const block = this.#readBlock(start);
      if (block && block.keys.length > 0) blocks.push(block);
    }
    return blocks;
  }

  #readBlock(start: Token): RawBlock | undefined {
    const keys = this.#readKeys();
    if (this.failure !== undefined) return undefined;
    const snippet = keys.length === 1 ? /^\((.*)\)$/s.exec(keys[0] as string)?.[1] : undefined;
    const open = this.#stream.peek();
    if (snippet !== undefined) {
      if (open) this.#readSnippet(snippet, open);
      else this.#failEnd();
      return undefined;
    }
    const { file, line } = start;
    const isBraced = open !== undefined && isBrace(open, '{');
    if (isBraced) this.#stream.take();
    const directives = this.#readDirectives(isBraced);
    if (keys.length === 0 && isBraced) this.#around.warn(`${file}:${line} - server block without a zone is ignored`);
    return { keys, directives, file, line };
  }

  /** Keys up to the brace or the end of the line; a comma at the end of a key lets them go on. */
  #readKeys(): string[] {
    const keys: string[] = [];
    let hasKey = false;
    let goesOn = false;
    while (this.failure === undefined) {
      const token = this.#stream.peek();
      if (!token) {
        if (goesOn) this.#failEnd();
        break;
      }
      if (isBrace(token, '}')) this.#fail(token, UNMATCHED);
      else if (isBrace(token, '{')) {
        if (goesOn) this.#fail(token, "Expected another address but had '{' - check for extra comma");
        break;
      } else if (hasKey && !goesOn && token.isFirst) break;
      else if (token.isFirst && isImport(token)) this.#import();
      else {
        this.#stream.take();
        hasKey = true;
        const key = this.#replace(token.text);
        goesOn = key === '' ? goesOn : key.endsWith(',');
        if (key !== '') keys.push(goesOn ? key.slice(0, -1) : key);
      }
    }
    return keys;
  }

  #readSnippet(name: string, open: Token): void {
    if (!isBrace(open, '{')) this.#failSyntax(open, '{');
    if (this.#importer.hasSnippet(name)) this.#fail(open, `redeclaration of previously declared snippet ${name}`);
    this.#stream.take();
    const tokens: Token[] = [];
    for (let depth = 1; this.failure === undefined; ) {
      const token = this.#stream.take();
      if (!token) this.#failEnd();
      else {
        if (isBrace(token, '{')) depth += 1;
        if (isBrace(token, '}')) depth -= 1;
        if (depth === 0) break;
        tokens.push(token);
      }
    }
    this.#importer.define(name, tokens);
  }

  #readDirectives(isBraced: boolean): Directive[] {
    const directives: Directive[] = [];
    while (this.failure === undefined) {
      const token = this.#stream.peek();
      if (!token) {
        if (isBraced) this.#endUnclosed();
        break;
      }
      if (isBrace(token, '}')) {
        if (!isBraced) this.#fail(token, UNMATCHED);
        this.#stream.take();
        break;
      }
      if (isImport(token)) this.#import();
      else {
        const directive = this.#readDirective();
        if (directive) directives.push(directive);
      }
    }
    return directives;
  }

  /** CoreDNS takes the last word for the end of the block, if it is a brace, though it closed something else. */
  #endUnclosed(): void {
    const { last } = this.#stream;
    if (!last || !isBrace(last, '}')) this.#failEnd();
    else this.#around.warn(`${last.file}:${last.line} - server block without a closing brace`);
  }

  #readDirective(): Directive | undefined {
    const [head, ...args] = this.#readWords();
    const name = head.text;
    if (!isKnownDirective(name)) {
      this.#fail(head, `Unknown directive '${name}'`);
      return undefined;
    }
    const block = this.#readOpenBlock(0, true);
    const next = this.#stream.peek();
    if (next && !next.isFirst) {
      if (isBrace(next, '}') && !block) this.#fail(next, UNMATCHED);
      else if (!isBrace(next, '}')) this.#failSyntax(next, 'end of line');
    }
    return { name, head, args, block, file: head.file, line: head.line };
  }

  /** The words of a line up to its end or a brace; the first one is there. */
  #readWords(): [Token, ...Token[]] {
    const words: [Token, ...Token[]] = [this.#replaceToken(this.#stream.take() as Token)];
    for (let next = this.#stream.peek(); next && !next.isFirst && !isAnyBrace(next); next = this.#stream.peek()) {
      this.#stream.take();
      words.push(this.#replaceToken(next));
    }
    return words;
  }

  /**
   * The lines of a block, if the line just read opens one.
   * @param mayBeBelow the brace may begin the next line, as CoreDNS takes it of directives
   */
  #readOpenBlock(depth: number, mayBeBelow: boolean): Line[] | undefined {
    const open = this.#stream.peek();
    if (!open || (open.isFirst && !mayBeBelow) || !isBrace(open, '{')) return undefined;
    if (depth > MAX_DEPTH) this.#fail(open, `Blocks nested deeper than ${MAX_DEPTH}`);
    this.#stream.take();
    const lines: Line[] = [];
    while (this.failure === undefined) {
      const token = this.#stream.peek();
      if (!token) this.#failEnd();
      else if (isBrace(token, '}')) {
        this.#stream.take();
        break;
      } else if (isBrace(token, '{')) this.#failSyntax(token, 'option');
      else if (isImport(token)) this.#import();
      else lines.push({ tokens: this.#readWords(), block: this.#readOpenBlock(depth + 1, false) });
    }
    return lines;
  }

  #import(): void {
    const keyword = this.#stream.take() as Token;
    const target = this.#stream.peek();
    if (!target || target.isFirst || isAnyBrace(target)) {
      const last = target && !target.isFirst ? target : keyword;
      this.#fail(last, wrongArguments(last.text));
      return;
    }
    this.#stream.take();
    const extra = this.#stream.peek();
    if (extra && !extra.isFirst && !isBrace(extra, '}')) {
      this.#fail(extra, 'Import takes only one argument (glob pattern or file)');
      return;
    }
    const tokens = this.#importer.expand(this.#replace(target.text), keyword);
    if (tokens.ok) this.#stream.push(tokens.value);
    else this.failure ??= tokens.error.message;
  }

  #replace(text: string): string {
    return replaceEnvironment(text, this.#around.env);
  }

  #replaceToken(token: Token): Token {
    const text = this.#replace(token.text);
    return text === token.text ? token : { ...token, text };
  }

  #fail(place: Place, message: string): void {
    this.failure ??= parseError(place, message);
  }

  #failSyntax(token: Token, expected: string): void {
    this.failure ??= syntaxError(token, token.text, expected);
  }

  #failEnd(): void {
    this.#fail(this.#stream.last ?? { file: this.#around.file, line: 1 }, 'Unexpected EOF');
  }
}

const UNMATCHED = "Unexpected '}' because no matching opening brace";

/** The message of a directive or option with too many or too few arguments, by its last word. */
export function wrongArguments(last: string): string {
  if (last === '{') return "Unexpected token '{', expecting argument";
  return `Wrong argument count or unexpected line ending after '${last}'`;
}

function isBrace(token: Token, brace: '{' | '}'): boolean {
  return token.text === brace && !token.isQuoted;
}

function isAnyBrace(token: Token): boolean {
  return isBrace(token, '{') || isBrace(token, '}');
}

function isImport(token: Token): boolean {
  return token.text === 'import' && !token.isQuoted;
}
