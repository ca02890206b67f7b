/**
 * Differences of two JSON values, and the one text that equal values have.
 *
 * A difference is JSON itself:
 *   [0, value]                            the value is replaced
 *   [1, {key: difference, …}, [key, …]]   an object: members that differ or are new, members that are gone
 *   [2, [at, gone, …fresh], …]            an array: at index `at` (of the old array) `gone` elements make way for `fresh`
 * Splices are in ascending order and don't overlap.
 */

export type Difference =
  | readonly [0, unknown]
  | readonly [1, Readonly<Record<string, Difference>>, (readonly string[])?]
  | readonly [2, ...Splice[]];

type Splice = readonly [at: number, gone: number, ...fresh: unknown[]];

/** The difference was not made for this value, or is none at all. */
export class BrokenDifference extends Error {
  override readonly name = 'BrokenDifference';
}

/**
 * The JSON text of a value with the members of objects in the order of their keys (UTF-16 code units), without blanks:
 * equal values have equal text. Members that are undefined are left out.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(isOrdered(value) ? value : order(value));
}

/** Are two JSON values equal, whatever the order of their members? */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!equalJson(a[i], b[i])) return false;
    return true;
  }
  if (!isObject(a) || !isObject(b)) return false;
  let members = 0;
  for (const key in a) {
    members += 1;
    if (!Object.hasOwn(b, key) || !equalJson(a[key], b[key])) return false;
  }
  for (const _ in b) members -= 1;
  return members === 0;
}

/** How `from` becomes `to`; undefined when they are equal. `apply` of it to `from` gives `to`. */
export function difference(from: unknown, to: unknown): Difference | undefined {
  if (equalJson(from, to)) return undefined;
  if (Array.isArray(from) && Array.isArray(to)) return [2, ...spliceArrays(from, to)];
  if (isObject(from) && isObject(to)) {
    const changed: [string, Difference][] = [];
    for (const key of Object.keys(to)) {
      const step = Object.hasOwn(from, key) ? difference(from[key], to[key]) : ([0, to[key]] as const);
      if (step) changed.push([key, step]);
    }
    const gone = Object.keys(from).filter((key) => !Object.hasOwn(to, key));
    // fromEntries, as an assignment to the key `__proto__` would be none.
    const members = Object.fromEntries(changed);
    return gone.length > 0 ? [1, members, gone] : [1, members];
  }
  return [0, to];
}

/**
 * Makes the new value of the old one; `from` stays as it is, and what doesn't differ is shared with it. Members come out
 * in the order of their keys.
 * @throws BrokenDifference when `step` is not a difference, or not one to `from`.
 */
export function applyDifference(from: unknown, step: unknown): unknown {
  if (!Array.isArray(step)) throw new BrokenDifference('not a difference');
  switch (step[0]) {
    case 0:
      return step[1];
    case 1:
      return applyToObject(from, step[1], step[2] ?? []);
    case 2:
      return applyToArray(from, step.slice(1));
    default:
      throw new BrokenDifference('unknown kind of difference');
  }
}

function applyToObject(from: unknown, changed: unknown, gone: unknown): unknown {
  if (!isObject(from) || !isObject(changed) || !Array.isArray(gone)) throw new BrokenDifference('no object to change');
  const members = new Map(Object.entries(from));
  for (const key of gone) if (!members.delete(key)) throw new BrokenDifference('a member that should go is not there');
  for (const [key, step] of Object.entries(changed)) members.set(key, applyDifference(members.get(key), step));
  return Object.fromEntries([...members].sort(byKey));
}

function applyToArray(from: unknown, splices: readonly unknown[]): unknown {
  if (!Array.isArray(from)) throw new BrokenDifference('no array to change');
  const made: unknown[] = [];
  let next = 0;
  for (const splice of splices) {
    if (!Array.isArray(splice)) throw new BrokenDifference('not a splice');
    const [at, gone, ...fresh]: unknown[] = splice;
    if (!isIndex(at) || !isIndex(gone) || at < next || at + gone > from.length) {
      throw new BrokenDifference('a splice is out of the array');
    }
    for (; next < at; next++) made.push(from[next]);
    for (const element of fresh) made.push(element);
    next += gone;
  }
  for (; next < from.length; next++) made.push(from[next]);
  // Without the spare room of an array that has grown.
  return made.slice();
}

/** Elements that the other array has later on are waited for; the rest makes way. Linear but for equal elements. */
function spliceArrays(from: readonly unknown[], to: readonly unknown[]): Splice[] {
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && equalJson(from[start], to[start])) start += 1;
  let tail = 0;
  while (tail < shorter - start && equalJson(from[from.length - 1 - tail], to[to.length - 1 - tail])) tail += 1;
  const oldEnd = from.length - tail;
  const newEnd = to.length - tail;
  const oldTexts = from.slice(start, oldEnd).map(canonicalJson);
  const newTexts = to.slice(start, newEnd).map(canonicalJson);
  const oldPlaces = placesOf(oldTexts);
  const newPlaces = placesOf(newTexts);

  const splices: Splice[] = [];
  let i = 0;
  let j = 0;
  while (i < oldTexts.length || j < newTexts.length) {
    if (i < oldTexts.length && oldTexts[i] === newTexts[j]) {
      i += 1;
      j += 1;
      continue;
    }
    const at = i;
    const fresh: unknown[] = [];
    while ((i < oldTexts.length || j < newTexts.length) && (i >= oldTexts.length || oldTexts[i] !== newTexts[j])) {
      // Skip on the side where the other's element is nearer; where neither comes again, one replaces the other.
      const waitOld = distance(oldPlaces, newTexts[j], i);
      const waitNew = distance(newPlaces, oldTexts[i], j);
      const isOldSkipped = i < oldTexts.length && (j >= newTexts.length || waitOld <= waitNew || waitNew === Infinity);
      const isNewSkipped = j < newTexts.length && (i >= oldTexts.length || waitNew < waitOld || waitOld === Infinity);
      if (isOldSkipped) i += 1;
      if (isNewSkipped) fresh.push(to[start + j++]);
    }
    splices.push([start + at, i - at, ...fresh]);
  }
  return splices;
}

function placesOf(texts: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, text] of texts.entries()) {
    const known = places.get(text);
    if (known) known.push(index);
    else places.set(text, [index]);
  }
  return places;
}

/** How far behind `from` the text comes again; Infinity when it doesn't. */
function distance(places: Map<string, number[]>, text: string | undefined, from: number): number {
  const indexes = text === undefined ? undefined : places.get(text);
  // Forget what lies behind: `from` only grows, so that equal elements are passed once.
  while (indexes && indexes.length > 0 && (indexes[0] ?? 0) < from) indexes.shift();
  const index = indexes?.[0];
  return index === undefined ? Infinity : index - from;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isIndex(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

function isOrdered(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  let last: string | undefined;
  for (const key in value) {
    if (last !== undefined && key < last) return false;
    last = key;
    if (!isOrdered(value[key as keyof typeof value])) return false;
  }
  return true;
}

function order(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(order);
  if (!isObject(value)) return value;
  const members = Object.entries(value).sort(byKey);
  return Object.fromEntries(members.map(([key, member]) => [key, order(member)]));
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
