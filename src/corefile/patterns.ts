import type { Outcome } from './outcome.ts';
import { accept, reject } from './outcome.ts';

/** A regular expression as data: `new RegExp(source, flags)` does not throw. */
export interface Pattern {
  readonly source: string;
  readonly flags: string;
}

const CLASSES: ReadonlyMap<string, string> = new Map([
  ['alnum', '0-9A-Za-z'],
  ['alpha', 'A-Za-z'],
  ['ascii', '\\x00-\\x7F'],
  ['blank', '\\t '],
  ['cntrl', '\\x00-\\x1F\\x7F'],
  ['digit', '0-9'],
  ['graph', '!-~'],
  ['lower', 'a-z'],
  ['print', ' -~'],
  ['punct', '!-\\/:-@\\[-`{-~'],
  ['space', '\\t\\n\\v\\f\\r '],
  ['upper', 'A-Z'],
  ['word', '0-9A-Za-z_'],
  ['xdigit', '0-9A-Fa-f'],
]);

/**
 * Reads a regular expression in Go's notation. What differs from ours is translated: `(?P<name>…)`, leading flags such
 * as `(?i)`, `\A`, `\z`, `\Q…\E`, `\pL` and `[[:alpha:]]`.
 */
export function parsePattern(text: string): Outcome<Pattern> {
  const lead = /^\(\?([ims]+)\)/.exec(text);
  const source = translate(lead ? text.slice(lead[0].length) : text);
  const flags = [...new Set(lead?.[1] ?? ''), ...(/\\p/i.test(source) ? 'u' : '')].join('');
  try {
    new RegExp(source, flags);
  } catch {
    return reject(`error parsing regexp: ${JSON.stringify(text)}`);
  }
  return accept({ source, flags });
}

function translate(text: string): string {
  return text
    .replace(/\\Q(.*?)(?:\\E|$)/gs, (_, literal: string) => literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    .replace(/\\([pP])(?:\{(\w+)\}|(\w))/g, (_, letter: string, long?: string, short?: string) => {
      const name = long ?? short ?? '';
      return `\\${letter}{${name.length > 2 ? `Script=${name}` : name}}`;
    })
    .replace(/\\([\s\S])|\(\?P<|\[:([a-z]+):\]/g, (match, escaped?: string, name?: string) => {
      if (match === '(?P<') return '(?<';
      if (name !== undefined) return CLASSES.get(name) ?? match;
      if (escaped === 'A') return '(?<![\\s\\S])';
      return escaped === 'z' ? '(?![\\s\\S])' : match;
    });
}
