/**
 * Which services hold an address: a tree along the labels of the reverse name (RFC 1035 §3.5, RFC 3596 §2.5), so that
 * a reverse zone can be listed, and an empty non-terminal told from a missing name, without looking at every address.
 * IPv4 has a level for each octet, IPv6 one for each 16 bits.
 */
import { PersistentMap } from './persistent-map.ts';

/** Services as `namespace/name`, sorted. */
export interface AddressHolders {
  /** Those whose cluster IP it is. */
  readonly services: readonly string[];
  /** Those that have a slice with an endpoint of that address. */
  readonly endpoints: readonly string[];
  /** ServiceImports whose ClusterSetIP or endpoint it is. */
  readonly imports: readonly string[];
}

export interface AddressNode {
  readonly children: PersistentMap<AddressNode>;
  readonly holders?: AddressHolders;
}

export const EMPTY_ADDRESS_NODE: AddressNode = { children: PersistentMap.empty() };
const NO_HOLDERS: AddressHolders = { services: [], endpoints: [], imports: [] };

/** The levels of an address in canonical text, most significant first: `['v4', '10', '0', '0', '1']`, `['v6', 'fd00', …]`. */
export function addressPath(address: string): string[] {
  return address.includes(':') ? ['v6', ...expandIpv6(address)] : ['v4', ...address.split('.')];
}

/** The eight groups of an IPv6 address in canonical text, four digits each. */
export function expandIpv6(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill('0'), ...right].map((group) => group.padStart(4, '0'));
}

export function findAddress(root: AddressNode, address: string): AddressHolders | undefined {
  let node: AddressNode | undefined = root;
  for (const step of addressPath(address)) node = node?.children.get(step);
  return node?.holders;
}

export type HolderRole = keyof AddressHolders;

/**
 * The leaf of an address that this service alone holds, in this role. Most addresses are of that kind: all those of a
 * service can share one leaf.
 */
export function soleHolder(role: HolderRole, service: string): AddressNode {
  return { children: EMPTY_ADDRESS_NODE.children, holders: { ...NO_HOLDERS, [role]: [service] } };
}

/**
 * The tree in which `service` holds `address` in that role; the same tree when it did already.
 * @param sole the service's leaf (`soleHolder`), for an address that nobody else holds
 */
export function addHolder(
  root: AddressNode,
  address: string,
  role: HolderRole,
  service: string,
  sole: AddressNode,
): AddressNode {
  return changeLeaf(root, addressPath(address), 0, (leaf) => {
    const { holders } = leaf;
    if (holders === undefined) return sole;
    const list = holders[role];
    if (list.includes(service)) return leaf;
    const at = list.findIndex((other) => other > service);
    return { ...leaf, holders: { ...holders, [role]: list.toSpliced(at < 0 ? list.length : at, 0, service) } };
  });
}

/** The tree in which `service` does not hold `address` in that role. */
export function removeHolder(root: AddressNode, address: string, role: HolderRole, service: string): AddressNode {
  return changeLeaf(root, addressPath(address), 0, (leaf) => {
    const { holders } = leaf;
    if (holders === undefined || !holders[role].includes(service)) return leaf;
    const left = { ...holders, [role]: holders[role].filter((other) => other !== service) };
    const isEmpty = left.services.length === 0 && left.endpoints.length === 0 && left.imports.length === 0;
    return isEmpty ? EMPTY_ADDRESS_NODE : { ...leaf, holders: left };
  });
}

/** The tree after the addresses that `service` holds in that role have become others. */
export function replaceHolder(
  root: AddressNode,
  role: HolderRole,
  service: string,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): AddressNode {
  const sole = soleHolder(role, service);
  let tree = root;
  for (const address of before) if (!after.has(address)) tree = removeHolder(tree, address, role, service);
  for (const address of after) if (!before.has(address)) tree = addHolder(tree, address, role, service, sole);
  return tree;
}

function changeLeaf(
  node: AddressNode,
  path: readonly string[],
  at: number,
  change: (leaf: AddressNode) => AddressNode,
): AddressNode {
  if (at === path.length) return change(node);
  const step = path[at] as string;
  const child = node.children.get(step) ?? EMPTY_ADDRESS_NODE;
  const next = changeLeaf(child, path, at + 1, change);
  if (next === child) return node;
  const isEmpty = next.children.size === 0 && next.holders === undefined;
  return { ...node, children: isEmpty ? node.children.delete(step) : node.children.set(step, next) };
}
