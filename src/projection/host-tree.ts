/**
 * Which objects name which hosts, as a tree of labels (`org` above `example` above `www`). Immutable: a change copies the
 * nodes on its path. The names below a name, and all names in canonical order, are found without looking at others.
 */
import { PersistentMap } from './persistent-map.ts';

export interface HostNode {
  /** `KIND NAMESPACE/NAME` of the objects, sorted. */
  readonly refs: readonly string[];
  readonly children: PersistentMap<HostNode>;
}

export const EMPTY_HOST_NODE: HostNode = { refs: [], children: PersistentMap.empty() };

/** @param host without final dot */
export function addHost(root: HostNode, host: string, ref: string): HostNode {
  return change(root, host.split('.'), (refs) => withText(refs, ref)) ?? EMPTY_HOST_NODE;
}

export function removeHost(root: HostNode, host: string, ref: string): HostNode {
  return change(root, host.split('.'), (refs) => withoutText(refs, ref)) ?? EMPTY_HOST_NODE;
}

/** The node of a name: its labels from the root down. */
export function findHost(root: HostNode, labels: readonly string[]): HostNode | undefined {
  let node: HostNode | undefined = root;
  for (const label of labels) {
    node = node.children.get(label);
    if (node === undefined) return undefined;
  }
  return node;
}

/** @returns undefined for a node that holds nothing any more */
function change(
  node: HostNode,
  labels: readonly string[],
  edit: (refs: readonly string[]) => readonly string[],
): HostNode | undefined {
  const label = labels.at(-1);
  if (label === undefined) {
    const refs = edit(node.refs);
    return refs.length === 0 && node.children.size === 0 ? undefined : { ...node, refs };
  }
  const child = change(node.children.get(label) ?? EMPTY_HOST_NODE, labels.slice(0, -1), edit);
  const children = child === undefined ? node.children.delete(label) : node.children.set(label, child);
  return children.size === 0 && node.refs.length === 0 ? undefined : { ...node, children };
}

/** The keys of the objects of one kind that name the host, sorted, and no more than so many. */
export function keysOfKind({ refs }: HostNode, kind: string, limit: number): string[] {
  const prefix = `${kind} `;
  const keys: string[] = [];
  for (let at = placeOf(refs, prefix); keys.length < limit && refs[at]?.startsWith(prefix); at++)
    keys.push((refs[at] as string).slice(prefix.length));
  return keys;
}

/** A sorted list with a text that it may hold already. */
export function withText(list: readonly string[], text: string): readonly string[] {
  const at = placeOf(list, text);
  return list[at] === text ? list : list.toSpliced(at, 0, text);
}

export function withoutText(list: readonly string[], text: string): readonly string[] {
  const at = placeOf(list, text);
  return list[at] === text ? list.toSpliced(at, 1) : list;
}

function placeOf(list: readonly string[], text: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as string) < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
