/**
 * An immutable map with string keys: `set` and `delete` return a new map that shares all but a few nodes with the old
 * one (a hash array mapped trie, 32 ways). Changing one of a million entries copies five small arrays, where a Map under
 * immer copies a million entries; so a zone version costs what changed, whatever its size, and a transfer can hold an
 * old version for as long as it runs.
 */

type Leaf<V> = { readonly key: string; readonly hash: number; readonly value: V };
type Collision<V> = { readonly hash: number; readonly leaves: readonly Leaf<V>[] };
type Branch<V> = { readonly bitmap: number; readonly slots: readonly Node<V>[] };
type Node<V> = Leaf<V> | Collision<V> | Branch<V>;

const BITS = 5;
const MASK = 31;

export class PersistentMap<V> {
  readonly #root: Node<V> | undefined;
  readonly size: number;
  /** Kept: of many maps most stay the same from one version of a zone to the next. */
  #sorted: readonly Leaf<V>[] | undefined;

  private constructor(root: Node<V> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  static readonly #empty = new PersistentMap<never>(undefined, 0);

  static empty<V>(): PersistentMap<V> {
    return PersistentMap.#empty as PersistentMap<V>;
  }

  /** Makes the map at once, without a copy for each entry. Of entries with one key the last counts. */
  static from<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    const unique = entries instanceof Map ? (entries as ReadonlyMap<string, V>) : new Map(entries);
    if (unique.size === 0) return PersistentMap.empty<V>();
    const leaves: Leaf<V>[] = [];
    for (const [key, value] of unique) leaves.push({ key, hash: hashOf(key), value });
    return new PersistentMap<V>(build(leaves, 0), leaves.length);
  }

  get(key: string): V | undefined {
    let node = this.#root;
    if (node === undefined) return undefined;
    const hash = hashOf(key);
    for (let shift = 0; ; shift += BITS) {
      if ('bitmap' in node) {
        const bit = 1 << ((hash >>> shift) & MASK);
        if ((node.bitmap & bit) === 0) return undefined;
        node = node.slots[countBits(node.bitmap & (bit - 1))] as Node<V>;
      } else if ('leaves' in node) {
        return node.leaves.find((leaf) => leaf.key === key)?.value;
      } else {
        return node.key === key ? node.value : undefined;
      }
    }
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** The map with `key` at `value`; the same map when it was there already. */
  set(key: string, value: V): PersistentMap<V> {
    const hash = hashOf(key);
    const leaf: Leaf<V> = { key, hash, value };
    if (this.#root === undefined) return new PersistentMap<V>(leaf, 1);
    const grown = { by: 0 };
    const root = insert(this.#root, leaf, 0, grown);
    return root === this.#root ? this : new PersistentMap<V>(root, this.size + grown.by);
  }

  /** The map without `key`; the same map when it was not there. */
  delete(key: string): PersistentMap<V> {
    if (this.#root === undefined) return this;
    const root = remove(this.#root, key, hashOf(key), 0);
    if (root === this.#root) return this;
    return root === undefined ? PersistentMap.empty<V>() : new PersistentMap<V>(root, this.size - 1);
  }

  /** Entries in the order of the hashes: the same for equal maps, but not sorted. */
  *entries(): Generator<[string, V]> {
    const stack: Node<V>[] = this.#root === undefined ? [] : [this.#root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if ('bitmap' in node) stack.push(...node.slots);
      else if ('leaves' in node) for (const leaf of node.leaves) yield [leaf.key, leaf.value];
      else yield [node.key, node.value];
    }
  }

  /** Entries in the order of the UTF-16 code units of their keys. */
  sorted(): readonly { readonly key: string; readonly value: V }[] {
    if (this.#sorted !== undefined) return this.#sorted;
    const leaves: Leaf<V>[] = [];
    const stack: Node<V>[] = this.#root === undefined ? [] : [this.#root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if ('bitmap' in node) stack.push(...node.slots);
      else if ('leaves' in node) leaves.push(...node.leaves);
      else leaves.push(node);
    }
    this.#sorted = leaves.sort((a, b) => (a.key < b.key ? -1 : 1));
    return this.#sorted;
  }

  *keys(): Generator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Keys in the order of their UTF-16 code units. */
  sortedKeys(): string[] {
    return [...this.keys()].sort();
  }
}

/** FNV-1a with a final mix: the lower bits, which choose the first slots, must depend on every character. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) | 0;
}

function countBits(bits: number): number {
  let v = bits - ((bits >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The node that holds these leaves, of which there is at least one. */
function build<V>(leaves: readonly Leaf<V>[], shift: number): Node<V> {
  const [first] = leaves as [Leaf<V>];
  if (leaves.length === 1) return first;
  if (leaves.every((leaf) => leaf.hash === first.hash)) return { hash: first.hash, leaves };
  const buckets: (Leaf<V>[] | undefined)[] = [];
  let bitmap = 0;
  for (const leaf of leaves) {
    const index = (leaf.hash >>> shift) & MASK;
    const bucket = buckets[index];
    if (bucket === undefined) buckets[index] = [leaf];
    else bucket.push(leaf);
    bitmap |= 1 << index;
  }
  const slots: Node<V>[] = [];
  for (let index = 0; index <= MASK; index++) {
    const bucket = buckets[index];
    if (bucket !== undefined) slots.push(build(bucket, shift + BITS));
  }
  return { bitmap, slots };
}

function insert<V>(node: Node<V>, leaf: Leaf<V>, shift: number, grown: { by: number }): Node<V> {
  if ('bitmap' in node) {
    const bit = 1 << ((leaf.hash >>> shift) & MASK);
    const at = countBits(node.bitmap & (bit - 1));
    if ((node.bitmap & bit) === 0) {
      grown.by = 1;
      return { bitmap: node.bitmap | bit, slots: node.slots.toSpliced(at, 0, leaf) };
    }
    const old = node.slots[at] as Node<V>;
    const next = insert(old, leaf, shift + BITS, grown);
    return next === old ? node : { bitmap: node.bitmap, slots: node.slots.with(at, next) };
  }
  if ('leaves' in node) {
    if (node.hash === leaf.hash) {
      const at = node.leaves.findIndex((other) => other.key === leaf.key);
      if (at < 0) grown.by = 1;
      return { hash: node.hash, leaves: at < 0 ? [...node.leaves, leaf] : node.leaves.with(at, leaf) };
    }
  } else if (node.key === leaf.key) {
    return node.value === leaf.value ? node : leaf;
  }
  grown.by = 1;
  if (node.hash === leaf.hash) return { hash: leaf.hash, leaves: [node as Leaf<V>, leaf] };
  return join(node, leaf, shift);
}

/** A branch that holds two nodes of different hashes. */
function join<V>(a: Leaf<V> | Collision<V>, b: Leaf<V>, shift: number): Branch<V> {
  const i = (a.hash >>> shift) & MASK;
  const j = (b.hash >>> shift) & MASK;
  if (i === j) return { bitmap: 1 << i, slots: [join(a, b, shift + BITS)] };
  return { bitmap: (1 << i) | (1 << j), slots: i < j ? [a, b] : [b, a] };
}

function remove<V>(node: Node<V>, key: string, hash: number, shift: number): Node<V> | undefined {
  if ('bitmap' in node) {
    const bit = 1 << ((hash >>> shift) & MASK);
    if ((node.bitmap & bit) === 0) return node;
    const at = countBits(node.bitmap & (bit - 1));
    const old = node.slots[at] as Node<V>;
    const next = remove(old, key, hash, shift + BITS);
    if (next === old) return node;
    if (next === undefined) {
      if (node.slots.length === 1) return undefined;
      const slots = node.slots.toSpliced(at, 1);
      const last = slots[0] as Node<V>;
      return slots.length === 1 && !('bitmap' in last) ? last : { bitmap: node.bitmap & ~bit, slots };
    }
    if (node.slots.length === 1 && !('bitmap' in next)) return next;
    return { bitmap: node.bitmap, slots: node.slots.with(at, next) };
  }
  if ('leaves' in node) {
    const leaves = node.leaves.filter((leaf) => leaf.key !== key);
    if (leaves.length === node.leaves.length) return node;
    return leaves.length === 1 ? (leaves[0] as Leaf<V>) : { hash: node.hash, leaves };
  }
  return node.key === key ? undefined : node;
}
