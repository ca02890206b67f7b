/** How commands print: tables, JSON, YAML, master files. Text from clusters can't play tricks on a terminal. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { TextRecord } from '../history/answers.ts';

export type Format = 'table' | 'json' | 'yaml' | 'zone';
export const FORMATS: readonly Format[] = ['table', 'json', 'yaml', 'zone'];

export interface FormatOption {
  readonly output: Format;
}

/** `-o`. @param fallback what is printed without it */
export function withFormats(command: Command, fallback: Format = 'table', formats = FORMATS): Command {
  return command.addOption(
    new Option('-o, --output <format>', `${formats.join(', ')}`).choices([...formats]).default(fallback),
  );
}

/** Characters that steer a terminal, turn what stands after them round, or can't be seen. */
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** The text with what steers a terminal as `\u{…}`. */
export function escapeText(text: string): string {
  return text.replace(STEERING, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}

/** One line of JSON, or an indented text of it: nothing in it steers a terminal. */
export function jsonText(value: unknown, indent?: number): string {
  // The line feeds of the indent are the only such characters that JSON.stringify makes.
  return JSON.stringify(value, undefined, indent).replace(STEERING, (c) => (c === '\n' ? c : jsonEscape(c)));
}

function jsonEscape(character: string): string {
  let out = '';
  for (let i = 0; i < character.length; i++) out += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return out;
}

/** Strings that need no quotes in YAML 1.1 or 1.2; words such as `yes` and what looks like a number or a time do. */
const PLAIN = /^(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z_/][\w./#-]*$/i;

/** Plain data as a YAML document, each string that needs it in the quotes and escapes of JSON. */
export function yamlText(value: unknown): string {
  return [...yamlLines(value)].join('\n');
}

function* yamlLines(value: unknown): Generator<string> {
  if (Array.isArray(value) && value.length > 0) {
    for (const element of value) yield* below('- ', '  ', yamlLines(element));
  } else if (isRecord(value) && Object.keys(value).length > 0) {
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      const isNested = typeof member === 'object' && member !== null && Object.keys(member).length > 0;
      if (!isNested) yield `${scalar(key)}: ${[...yamlLines(member)].join('')}`;
      else {
        yield `${scalar(key)}:`;
        yield* below('  ', '  ', yamlLines(member));
      }
    }
  } else yield scalar(value);
}

function* below(first: string, others: string, lines: Iterable<string>): Generator<string> {
  let prefix = first;
  for (const line of lines) {
    yield prefix + line;
    prefix = others;
  }
}

function scalar(value: unknown): string {
  return typeof value === 'string' && PLAIN.test(value) ? value : jsonText(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Columns as wide as they have to be, under their headings. */
export function tableLines(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const escaped = rows.map((row) => row.map(escapeText));
  const widths = heading.map((title, i) => Math.max(title.length, ...escaped.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(heading.map((title) => title.toUpperCase())), ...escaped.map(line)];
}

/** `1 batch`, `7 batches`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** A record as a line of a master file; its names and data are escaped already (RFC 1035 §5.1). */
export function recordLine({ owner, ttl, type, data }: TextRecord): string {
  return `${owner}\t${ttl}\tIN\t${type}\t${data}`;
}

const CHUNK = 64 * 1024;

/** Lines, written in large pieces, no faster than they are taken; silent when nobody takes them any more. */
export class Printer {
  readonly #stream: Writable;
  #waiting = '';
  #isClosed = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.once('close', () => {
      this.#isClosed = true;
    });
    stream.once('error', () => {
      this.#isClosed = true;
    });
  }

  /** Whoever read what is printed has gone. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  async lines(lines: Iterable<string>): Promise<void> {
    for (const line of lines) {
      if (this.#isClosed) return;
      this.#waiting += `${line}\n`;
      if (this.#waiting.length >= CHUNK) await this.flush();
    }
    await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = '';
    if (text === '' || this.#isClosed || this.#stream.write(text)) return;
    await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close'), once(this.#stream, 'error')]).catch(
      () => undefined,
    );
  }

  /** The answer in a format that shows all of it: JSON or YAML. */
  whole(value: unknown, format: 'json' | 'yaml'): Promise<void> {
    return this.lines([format === 'json' ? jsonText(value, 2) : yamlText(value)]);
  }
}
