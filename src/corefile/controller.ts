import type { DomainName } from '../dns/name.ts';
import { ROOT } from '../dns/name.ts';
import { parseGoDuration } from './durations.ts';
import { normalizeZones } from './keys.ts';
import type { Token } from './lexer.ts';
import type { Outcome } from './outcome.ts';
import { accept, parseError, reject, syntaxError } from './outcome.ts';
import type { Directive, Line } from './parser.ts';
import { wrongArguments } from './parser.ts';

/** What an option parser knows of the server block that its directive stands in. */
export interface BlockContext {
  /** All zones of the block's keys. */
  readonly zones: readonly DomainName[];
  /** Takes what the operator should know and that is no error. */
  readonly warn: (text: string) => void;
}

/** Reads all stanzas of one directive in a server block, in order. Pure but for `warn`. */
export type OptionParser<T> = (stanzas: readonly Directive[], block: BlockContext) => Outcome<T>;

/**
 * A cursor over the stanzas of a directive: `next` goes to the next stanza, `nextBlock` to the next line of its
 * argument block, `nextArg` to the next word of that line.
 *
 * The first failure stays, and ends every loop over the cursor, so an option parser needs no check of its own after
 * each step: it returns `finish(options)`, which is the failure if there was one.
 */
export class Controller {
  readonly #plugin: string;
  readonly #stanzas: readonly Directive[];
  #stanza = -1;
  #words: readonly Token[] = [];
  #word = 0;
  #lines: readonly Line[] = [];
  #line = -1;
  #failure: string | undefined;

  constructor(plugin: string, stanzas: readonly Directive[]) {
    this.#plugin = plugin;
    this.#stanzas = stanzas;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** The word that the cursor is at. */
  get value(): string {
    return this.#words[this.#word]?.text ?? '';
  }

  /** To the name of the next stanza. */
  next(): boolean {
    if (this.hasFailed) return false;
    this.#stanza += 1;
    const stanza = this.#stanzas[this.#stanza];
    if (!stanza) return false;
    this.#words = [stanza.head, ...stanza.args];
    this.#word = 0;
    this.#lines = stanza.block ?? [];
    this.#line = -1;
    return true;
  }

  /** To the name of the next stanza; a second one is a failure. */
  nextOnly(): boolean {
    if (!this.next()) return false;
    if (this.#stanza > 0) this.err('this plugin can only be used once per Server Block');
    return !this.hasFailed;
  }

  /** To the first word of the next line of the block. */
  nextBlock(): boolean {
    if (this.hasFailed) return false;
    this.#line += 1;
    const line = this.#lines[this.#line];
    if (!line) return false;
    this.#words = line.tokens;
    this.#word = 0;
    if (line.block) this.err("Unexpected token '{', expecting argument");
    return !this.hasFailed;
  }

  /** To the next word of the line. */
  nextArg(): boolean {
    if (this.hasFailed || this.#word + 1 >= this.#words.length) return false;
    this.#word += 1;
    return true;
  }

  /** All words that are left of the line; the cursor is then at the last one. */
  remainingArgs(): string[] {
    const args: string[] = [];
    while (this.nextArg()) args.push(this.value);
    return args;
  }

  /** The words left, which must be `min` to `max` in number. */
  args(min: number, max: number = Number.POSITIVE_INFINITY): string[] {
    const args = this.remainingArgs();
    if (args.length < min || args.length > max) this.argErr();
    return args;
  }

  /** No words may be left. */
  noArgs(): void {
    this.args(0, 0);
  }

  /** Of an option that is there or not: that it is. No words may be left. */
  bare(): true {
    this.noArgs();
    return true;
  }

  /** The one word left, or the empty text after a failure. */
  oneArg(): string {
    return this.args(1, 1)[0] ?? '';
  }

  /** A block may follow the line of the directive, but nothing may stand in it. */
  noOptions(): void {
    if (this.nextBlock()) this.argErr();
  }

  /** No block may follow the line of the directive. */
  noBlock(): void {
    const stanza = this.#stanzas[this.#stanza];
    if (stanza?.block !== undefined) this.stanzaErr("Unexpected token '{', expecting argument");
  }

  /** The first of the words left as a whole number in a range; words behind it are ignored. */
  integer(min: number, max: number, say: (n: number) => string): number {
    const text = this.args(1)[0] ?? '';
    if (this.hasFailed) return min;
    const n = parseInteger(text);
    if (n === undefined) this.err(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    else if (n < min || n > max) this.err(say(n));
    return n ?? min;
  }

  /** A duration in Go's notation, in milliseconds. */
  duration(text: string, say: (why: string) => string = (why) => why): number {
    if (this.hasFailed) return 0;
    const duration = parseGoDuration(text);
    if (typeof duration === 'number') return duration;
    this.err(say(duration));
    return 0;
  }

  /** The zones of a `fallthrough` option: all of them when none is named. */
  fallthrough(): DomainName[] {
    return normalizeZones(this.remainingArgs(), [ROOT]);
  }

  /** Fails: wrong number of arguments on this line. */
  argErr(): void {
    this.err(wrongArguments(this.value));
  }

  /** Fails: an option that the directive does not have. */
  unknownProperty(): void {
    this.err(`unknown property '${this.value}'`);
  }

  /** Fails with a text, at the place of the cursor. */
  err(message: string): void {
    const token = this.#words[this.#word];
    if (token) this.#failure ??= parseError(token, message);
  }

  /** Fails: the word at the cursor may not stand here. */
  syntaxErr(expected: string): void {
    const token = this.#words[this.#word];
    if (token) this.#failure ??= syntaxError(token, token.text, expected);
  }

  /** Fails at the name of the stanza: something about it as a whole. */
  stanzaErr(message: string): void {
    const stanza = this.#stanzas[this.#stanza];
    if (stanza) this.#failure ??= parseError(stanza, message);
  }

  /** The value read, or the failure. */
  finish<T>(value: T): Outcome<T> {
    return this.#failure === undefined ? accept(value) : reject(`plugin/${this.#plugin}: ${this.#failure}`);
  }
}

/** A decimal whole number with an optional sign. */
export function parseInteger(text: string): number | undefined {
  if (!/^[+-]?\d{1,19}$/.test(text)) return undefined;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : undefined;
}
