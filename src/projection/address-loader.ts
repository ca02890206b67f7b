/**
 * Builds the tree of addresses at once: the same that adding one holder after the other would give, without a copy of its
 * nodes for each.
 */
import { type AddressNode, addressPath, type HolderRole, soleHolder } from './address-tree.ts';
import { PersistentMap } from './persistent-map.ts';

/** Holders of an address that several services have. */
type SharedLeaf = { readonly [role in HolderRole]: string[] };

/** By the next step of the address. Most leaves are one service's own, and ready as they are. */
type Draft = Map<string, Draft | SharedLeaf | AddressNode>;

export class AddressLoader {
  readonly #root: Draft = new Map();
  /** The drafts that have leaves, by what is before the last dot of an IPv4 address: those come many to a network. */
  readonly #networks = new Map<string, Draft>();

  /** One service, or import, holds these in this role; to be called once for each of its roles. */
  add(addresses: Iterable<string>, role: HolderRole, key: string): void {
    let sole: AddressNode | undefined;
    for (const address of addresses) {
      sole ??= soleHolder(role, key);
      const dot = address.lastIndexOf('.');
      if (address.includes(':') || dot < 0) this.#addLong(addressPath(address), role, key, sole);
      else addLeaf(this.#networkOf(address, dot), address.slice(dot + 1), role, key, sole);
    }
  }

  finish(): AddressNode {
    return freeze(this.#root);
  }

  #networkOf(address: string, dot: number): Draft {
    const network = address.slice(0, dot);
    let draft = this.#networks.get(network);
    if (draft === undefined) {
      draft = this.#draftAt(addressPath(address).slice(0, -1));
      this.#networks.set(network, draft);
    }
    return draft;
  }

  #addLong(path: string[], role: HolderRole, key: string, sole: AddressNode): void {
    addLeaf(this.#draftAt(path.slice(0, -1)), path.at(-1) as string, role, key, sole);
  }

  #draftAt(path: readonly string[]): Draft {
    let draft = this.#root;
    for (const step of path) {
      let child = draft.get(step);
      if (!(child instanceof Map)) {
        child = new Map();
        draft.set(step, child);
      }
      draft = child;
    }
    return draft;
  }
}

function addLeaf(draft: Draft, step: string, role: HolderRole, key: string, sole: AddressNode): void {
  const leaf = draft.get(step);
  if (leaf === sole || leaf instanceof Map) return;
  if (leaf === undefined) {
    draft.set(step, sole);
    return;
  }
  const shared = 'children' in leaf ? sharedOf(leaf) : leaf;
  if (shared !== leaf) draft.set(step, shared);
  if (!shared[role].includes(key)) shared[role].push(key);
}

function sharedOf({ holders }: AddressNode): SharedLeaf {
  const { services = [], endpoints = [], imports = [] } = holders ?? {};
  return { services: [...services], endpoints: [...endpoints], imports: [...imports] };
}

function freeze(draft: Draft): AddressNode {
  const children = new Map<string, AddressNode>();
  for (const [step, child] of draft) {
    if (child instanceof Map) children.set(step, freeze(child));
    else if ('children' in child) children.set(step, child);
    else {
      for (const holders of Object.values(child)) holders.sort();
      children.set(step, { children: PersistentMap.empty(), holders: child });
    }
  }
  return { children: PersistentMap.from(children) };
}
