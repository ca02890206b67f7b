/**
 * Regular expressions of the Corefile against text that clients choose. RE2's algorithm, as in CoreDNS: the time is linear
 * in the text, whatever the pattern, so that no name can hold up a thread.
 */
import { RE2JS, RE2JSException } from 're2js';
import type { Pattern } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';

/** Longer texts match nothing: no name is longer, each octet written `\DDD`. */
const MAX_TEXT = 1024;

export interface Match {
  /** Where it begins and ends. */
  readonly start: number;
  readonly end: number;
  /** The whole match, then each group; empty where a group took no part. */
  readonly groups: readonly string[];
  readonly named: ReadonlyMap<string, string>;
}

export interface Matcher {
  /** The first match; undefined: none. */
  find(text: string): Match | undefined;
}

/** @throws OperatorError for what RE2 has not: back references and lookaround */
export function compileMatcher(pattern: Pattern): Matcher {
  const compiled = compile(pattern);
  const names = Object.entries(compiled.namedGroups());
  return {
    find(text) {
      if (text.length > MAX_TEXT) return undefined;
      const matcher = compiled.matcher(text);
      if (!matcher.find()) return undefined;
      const groups: string[] = [];
      for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? '');
      const named = new Map(names.map(([name, i]) => [name, groups[i] ?? '']));
      return { start: matcher.start(), end: matcher.end(), groups, named };
    },
  };
}

function compile(pattern: Pattern): RE2JS {
  const source = goNotation(pattern);
  try {
    return RE2JS.compile(source);
  } catch (error) {
    if (error instanceof RE2JSException) throw new OperatorError(error.message);
    throw error;
  }
}

/** Back from the notation that the Corefile's reader has checked the pattern in (corefile/patterns.ts). */
function goNotation({ source, flags }: Pattern): string {
  const text = source
    .replaceAll('(?<![\\s\\S])', '\\A')
    .replaceAll('(?![\\s\\S])', '\\z')
    .replace(/\\([pP])\{Script=(\w+)\}/g, '\\$1{$2}');
  const kept = flags.replace('u', '');
  return kept === '' ? text : `(?${kept})${text}`;
}

/** `{1}` and so on in a text, filled in with the groups of a match (`{0}`: all of it); other braces stay. */
export function fillGroups(text: string, { groups }: Match): string {
  return text.replace(/\{(\d{1,2})\}/g, (found, digits: string) => groups[Number(digits)] ?? found);
}
