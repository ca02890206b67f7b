import type { Place } from './outcome.ts';

/** One word of a Corefile. */
export interface Token extends Place {
  readonly text: string;
  /** The file it was read from, as it is shown in messages, and to which its imports are relative. */
  readonly file: string;
  /** The line where it starts, from 1. */
  readonly line: number;
  /** Is it the first one of its line? */
  readonly isFirst: boolean;
  /** Was it written in quotes? Then it is never a brace or a keyword. */
  readonly isQuoted: boolean;
}

/** What separates words: Unicode's White_Space property. A CR does not, it is dropped. */
const WHITE = /[\t\n\v\f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/**
 * Splits the text of a file into tokens.
 *
 * A `#` outside quotes starts a comment, even in the middle of a word. A `"` is special only as the first character of
 * a word: the token then runs to the next `"` that has no backslash before it, over line ends too; `\"` is the only
 * escape, every other backslash stays.
 */
export function tokenize(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  let line = 1;
  let isFirst = true;

  const push = (word: string, start: number, isQuoted: boolean): void => {
    tokens.push({ text: word, file, line: start, isFirst, isQuoted });
    isFirst = false;
  };

  while (at < text.length) {
    const c = text[at] as string;
    if (c === '\n') {
      line += 1;
      isFirst = true;
      at += 1;
    } else if (c === '\r' || WHITE.test(c)) {
      at += 1;
    } else if (c === '#') {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (c === '"') {
      const start = line;
      const quoted = readQuoted(text, at + 1);
      line += quoted.lines;
      at = quoted.end;
      if (quoted.isClosed || quoted.word !== '') push(quoted.word, start, true);
    } else {
      const end = endOfWord(text, at);
      const word = text.slice(at, end).replaceAll('\r', '');
      at = end;
      push(word, line, false);
    }
  }
  return tokens;
}

function endOfWord(text: string, start: number): number {
  let at = start;
  while (at < text.length && text[at] !== '#' && !WHITE.test(text[at] as string)) at += 1;
  return at;
}

interface Quoted {
  readonly word: string;
  readonly end: number;
  readonly lines: number;
  readonly isClosed: boolean;
}

function readQuoted(text: string, start: number): Quoted {
  let word = '';
  let lines = 0;
  let at = start;
  while (at < text.length) {
    const c = text[at] as string;
    if (c === '"') return { word, end: at + 1, lines, isClosed: true };
    if (c === '\\' && at + 1 < text.length) {
      const next = text[at + 1] as string;
      word += next === '"' ? next : c + next;
      if (next === '\n') lines += 1;
      at += 2;
    } else {
      word += c;
      if (c === '\n') lines += 1;
      at += 1;
    }
  }
  return { word, end: at, lines, isClosed: false };
}
