/** Patterns of names: whole names, or with `*` for any part. */
import { ok } from '../errors.ts';
import { quote } from './moment.ts';
import { type Answered, problem } from './problem.ts';

/** A test for names in canonical text (absolute, lower-case). Without a pattern every name fits. */
export function namePattern(pattern: string | undefined): Answered<(name: string) => boolean> {
  if (pattern === undefined || pattern === '') return ok(() => true);
  if (pattern.length > 1024) return problem('badInput', `${quote(pattern)}: too long for a pattern of names`);
  const parts = pattern.toLowerCase().split('*');
  const last = parts.at(-1) ?? '';
  if (!last.endsWith('.') && last !== '') parts[parts.length - 1] = `${last}.`;
  return ok((name) => fits(name, parts));
}

/** Greedy from the left: the first part begins the name, the last ends it, the others lie between in their order. */
function fits(name: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
