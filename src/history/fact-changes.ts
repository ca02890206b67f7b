/** In what two states of an object's facts differ, in words that fit a line each. */
import type { FactChange } from './answers.ts';

/** Differences told for one event at most. */
const MOST = 50;

/** @param before undefined: the object was not there; @param after undefined: it is gone */
export function factChanges(before: unknown, after: unknown): FactChange[] {
  const changes: FactChange[] = [];
  compare('', before, after, changes);
  return changes.slice(0, MOST);
}

function compare(path: string, old: unknown, now: unknown, changes: FactChange[]): void {
  if (changes.length > MOST) return;
  const [before, after] = [JSON.stringify(old), JSON.stringify(now)];
  if (before === after) return;
  if (Array.isArray(old) && Array.isArray(now)) compareLists(path, old, now, changes);
  else if (isRecord(old) && isRecord(now)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
      compare(path === '' ? key : `${path}.${key}`, old[key], now[key], changes);
    }
  } else changes.push({ path, ...(before !== undefined && { old }), ...(after !== undefined && { new: now }) });
}

/** Elements that came and went, wherever they stand; their order alone is one change. */
function compareLists(path: string, old: readonly unknown[], now: readonly unknown[], changes: FactChange[]): void {
  const [before, after] = [counted(old), counted(now)];
  const length = changes.length;
  for (const [text, element] of before) if (!after.has(text)) changes.push({ path: `${path}[]`, old: element });
  for (const [text, element] of after) if (!before.has(text)) changes.push({ path: `${path}[]`, new: element });
  if (changes.length === length) changes.push({ path, old, new: now });
}

function counted(list: readonly unknown[]): Map<string, unknown> {
  return new Map(list.map((element) => [JSON.stringify(element), element]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
