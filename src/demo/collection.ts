/** The objects of one kind, in the order in which a list gives them, and the recent changes to them. */
import type { ResourceType } from './resources.ts';
import type { StoredEvent, StoredObject } from './store.ts';

export class Collection {
  /** Replaced when a CustomResourceDefinition changes its versions. */
  type: ResourceType;
  readonly #objects = new Map<string, StoredObject>();
  /** Keys in order, as of the last list; `#fresh` has those added since, and deleted ones are still in. */
  #keys: string[] = [];
  #fresh: string[] = [];
  #ordered: readonly StoredObject[] | undefined = [];
  #history: StoredEvent[] = [];
  /** The newest version whose event is no longer kept: watches resume from here on. */
  #forgottenUpTo: number;

  constructor(type: ResourceType, resourceVersion: number) {
    this.type = type;
    this.#forgottenUpTo = resourceVersion;
  }

  get size(): number {
    return this.#objects.size;
  }

  get oldestResourceVersion(): number {
    return this.#forgottenUpTo;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  set(object: StoredObject): void {
    if (!this.#objects.has(object.key)) this.#fresh.push(object.key);
    this.#objects.set(object.key, object);
    this.#ordered = undefined;
  }

  delete(key: string): void {
    this.#objects.delete(key);
    this.#ordered = undefined;
  }

  /** All objects by key. The array is never changed afterwards, so it serves as a list's snapshot. */
  ordered(): readonly StoredObject[] {
    if (this.#ordered) return this.#ordered;
    if (this.#fresh.length > 0) {
      this.#keys = mergeKeys(this.#keys, this.#fresh.sort(compareKeys));
      this.#fresh = [];
    }
    const ordered: StoredObject[] = [];
    const keys: string[] = [];
    for (const key of this.#keys) {
      const object = this.#objects.get(key);
      if (!object) continue;
      ordered.push(object);
      keys.push(key);
    }
    this.#keys = keys;
    this.#ordered = ordered;
    return ordered;
  }

  remember(event: StoredEvent, limit: number): void {
    this.#history.push(event);
    if (this.#history.length <= limit * 2) return;
    const forgotten = this.#history.length - limit;
    this.#forgottenUpTo = this.#history[forgotten - 1]?.resourceVersion ?? this.#forgottenUpTo;
    this.#history = this.#history.slice(forgotten);
  }

  forgetHistory(upTo: number): void {
    this.#history = [];
    this.#forgottenUpTo = upTo;
  }

  /** The events after a version; undefined when some of them are forgotten. */
  eventsAfter(resourceVersion: number): readonly StoredEvent[] | undefined {
    if (resourceVersion < this.#forgottenUpTo) return undefined;
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#history[middle]?.resourceVersion ?? 0) <= resourceVersion) low = middle + 1;
      else high = middle;
    }
    return this.#history.slice(low);
  }
}

function compareKeys(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Both lists are in order; a key in both (deleted and made again) is taken once. */
function mergeKeys(left: readonly string[], right: readonly string[]): string[] {
  const merged: string[] = [];
  let at = 0;
  for (const key of right) {
    for (let next = left[at]; next !== undefined && next <= key; next = left[++at]) {
      if (next !== key) merged.push(next);
    }
    if (merged[merged.length - 1] !== key) merged.push(key);
  }
  for (; at < left.length; at++) {
    const next = left[at];
    if (next !== undefined) merged.push(next);
  }
  return merged;
}
