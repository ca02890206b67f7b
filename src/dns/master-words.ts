/** The entries of a master file (RFC 1035 §5.1): its lines, and the lines that parentheses join, as words. */

import type { Token } from './rdata-text.ts';
import { unescaped } from './text-octets.ts';

/** One directive or record. */
export interface MasterEntry {
  /** Where it begins; lines count from 1. */
  readonly line: number;
  readonly words: readonly Token[];
  /** It begins with a blank: its owner is that of the record before it. */
  readonly isContinued: boolean;
  readonly problem?: string;
}

/** Words of one entry at most: a file that leaves a parenthesis open is no record of a million words. */
const MAX_WORDS = 5_000;

const BLANK = /[ \t\r\f\v\u00a0\ufeff]+/y;
const COMMENT = /;[^\n]*/y;
const QUOTED = /"((?:[^"\\]|\\[\s\S])*)"/y;
const PLAIN = /(?:[^\s"();\\]|\\(?:\d{3}|[^\n]))+/y;

/** Splits a master file. Linear in its length. */
export function* readEntries(text: string): Generator<MasterEntry, void, undefined> {
  let at = 0;
  let line = 1;
  let start = 1;
  let depth = 0;
  let words: Token[] = [];
  let isContinued = false;
  let problem: string | undefined;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const finish = (): MasterEntry | undefined => {
    const entry = { line: start, words, isContinued };
    const wrong = problem;
    words = [];
    problem = undefined;
    depth = 0;
    isContinued = false;
    if (wrong !== undefined) return { ...entry, problem: wrong };
    return entry.words.length > 0 ? entry : undefined;
  };
  while (at < text.length) {
    const char = text[at] as string;
    const skipped = match(BLANK) ?? match(COMMENT);
    if (skipped !== null) {
      if (words.length === 0 && depth === 0 && char !== ';') isContinued = at === 0 || text[at - 1] === '\n';
      at += skipped[0].length;
    } else if (char === '\n') {
      at += 1;
      if (depth === 0) {
        const entry = finish();
        if (entry !== undefined) yield entry;
      }
      line += 1;
      if (depth === 0) start = line;
    } else if (char === '(' || char === ')') {
      at += 1;
      depth += char === '(' ? 1 : -1;
      if (depth < 0) {
        problem ??= 'a parenthesis that was not opened';
        depth = 0;
      }
    } else {
      const quoted = char === '"' ? match(QUOTED) : null;
      const word = quoted ?? match(PLAIN);
      if (word === null) {
        problem ??= 'a quote or an escape that has no end';
        const end = text.indexOf('\n', at);
        at = end < 0 ? text.length : end;
        depth = 0;
        continue;
      }
      at += word[0].length;
      line += quoted === null ? 0 : word[0].split('\n').length - 1;
      const plain = quoted === null ? word[0] : unescaped(word[1] as string);
      if (plain === undefined) problem ??= 'an escape over 255';
      else if (words.length < MAX_WORDS) words.push({ text: plain, isQuoted: quoted !== null });
      else problem ??= 'too many words';
    }
  }
  if (depth > 0) problem ??= 'a parenthesis that has no end';
  const last = finish();
  if (last !== undefined) yield last;
}
