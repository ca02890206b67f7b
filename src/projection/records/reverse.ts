/** PTR records: which names an address has, and which addresses a reverse name stands for. */
import { type DomainName, labelsOf, parseName } from '../../dns/name.ts';
import type { StanzaPlan } from '../../ingest/plan.ts';
import { type AddressNode, addressPath, findAddress } from '../address-tree.ts';
import type { ClusterState } from '../state.ts';
import { serviceSlot } from './cluster.ts';
import { importSlot } from './clusterset.ts';
import type { Slot } from './slot.ts';

/**
 * The names that an address has in this stanza: that of the first service whose cluster IP it is, else those of every
 * endpoint that has it; where the cluster has none, those of ServiceImports in the same order (KEP-1645: "unless another
 * PTR exists"). Only names that answer: nothing in a hidden namespace, nothing of a service that is gone.
 */
export function namesOfAddress(stanza: StanzaPlan, cluster: ClusterState, address: string): DomainName[] {
  const holders = findAddress(cluster.addresses, address);
  if (holders === undefined) return [];
  const { plugin, primary, importsIn } = stanza;
  if (plugin !== 'multicluster') {
    const slots = (keys: readonly string[]) => slotsOf(keys, serviceSlot, stanza, cluster, primary);
    const names = namesInSlots(slots(holders.services), slots(holders.endpoints), address);
    if (names.length > 0) return names;
  }
  if (importsIn === undefined || holders.imports.length === 0) return [];
  const slots = () => slotsOf(holders.imports, importSlot, stanza, cluster, importsIn);
  return namesInSlots(slots(), slots(), address);
}

function* slotsOf(
  keys: readonly string[],
  find: typeof serviceSlot,
  stanza: StanzaPlan,
  cluster: ClusterState,
  apex: DomainName,
): Generator<Slot> {
  for (const key of keys) {
    const [namespace = '', name = ''] = key.split('/');
    const slot = find(stanza, cluster, namespace, name, apex);
    if (slot !== undefined) yield slot;
  }
}

/** @param owners those whose own address it may be; @param others those that may have an endpoint of that address */
function namesInSlots(owners: Iterable<Slot>, others: Iterable<Slot>, address: string): DomainName[] {
  for (const slot of owners) if (slot.addresses?.includes(address)) return [slot.base];
  const names = new Set<DomainName>();
  for (const slot of others) {
    for (const slice of slot.slices) {
      for (const endpoint of slice.endpoints) {
        if (!endpoint.addresses.includes(address)) continue;
        const name = slot.endpointName(endpoint, address, slice);
        const target = name === undefined ? undefined : parseName(`${name}.${slot.base}`);
        if (target !== undefined) names.add(target);
      }
    }
  }
  return [...names];
}

/** A place in an address tree: whole levels, then the first digits of one more (an IPv6 zone may end within 16 bits). */
export interface ReversePlace {
  readonly path: readonly string[];
  readonly partial: string;
  /** The whole address in canonical text, if the name spells all of it. */
  readonly address?: string;
}

/**
 * Where a name under in-addr.arpa or ip6.arpa points.
 * @returns undefined for a name that is in neither or has labels that are no octets or nibbles
 */
export function placeOfReverse(name: DomainName): ReversePlace | undefined {
  const labels = labelsOf(name).reverse();
  if (labels[0] !== 'arpa') return undefined;
  if (labels.length === 1) return { path: [], partial: '' };
  const rest = labels.slice(2);
  if (labels[1] === 'in-addr') {
    if (rest.length > 4 || !rest.every((label) => /^(?:0|[1-9]\d{0,2})$/.test(label) && Number(label) < 256)) {
      return undefined;
    }
    return { path: ['v4', ...rest], partial: '', ...(rest.length === 4 && { address: rest.join('.') }) };
  }
  if (labels[1] !== 'ip6' || rest.length > 32 || !rest.every((label) => /^[0-9a-f]$/.test(label))) return undefined;
  const groups: string[] = [];
  for (let at = 0; at + 4 <= rest.length; at += 4) groups.push(rest.slice(at, at + 4).join(''));
  const partial = rest.slice(groups.length * 4).join('');
  return { path: ['v6', ...groups], partial, ...(groups.length === 8 && { address: compressIpv6(groups) }) };
}

/** Eight groups as canonical text (RFC 5952 §4). */
export function compressIpv6(groups: readonly string[]): string {
  const short = groups.map((group) => group.replace(/^0{1,3}/, ''));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && short[at + length] === '0') length += 1;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return short.join(':');
  return `${short.slice(0, best.at).join(':')}::${short.slice(best.at + best.length).join(':')}`;
}

/** The reverse name of an address as a path in an address tree. */
export function reverseName(path: readonly string[]): DomainName {
  const [family, ...levels] = path;
  if (family === 'v4') return `${levels.toReversed().join('.')}.in-addr.arpa.` as DomainName;
  return `${levels.join('').split('').reverse().join('.')}.ip6.arpa.` as DomainName;
}

/** The reverse name of an address in canonical text. */
export function reverseNameOf(address: string): DomainName {
  return reverseName(addressPath(address));
}

/** The addresses at or below a place that any of the trees holds, as tree paths in canonical order of their names. */
export function* addressesAt(roots: readonly AddressNode[], place: ReversePlace): Generator<readonly string[]> {
  let nodes: readonly AddressNode[] = roots;
  for (const step of place.path) nodes = nodes.flatMap((node) => node.children.get(step) ?? []);
  yield* walk(nodes, place.path, place.partial);
}

function* walk(nodes: readonly AddressNode[], path: readonly string[], partial: string): Generator<readonly string[]> {
  if (nodes.some((node) => node.holders !== undefined)) yield path;
  const steps = new Set(nodes.flatMap((node) => [...node.children.keys()]));
  for (const step of [...steps].sort()) {
    if (!step.startsWith(partial)) continue;
    yield* walk(
      nodes.flatMap((node) => node.children.get(step) ?? []),
      [...path, step],
      '',
    );
  }
}

/** The address at a tree path that ends in a leaf, in canonical text. */
export function addressOfPath(path: readonly string[]): string {
  return path[0] === 'v4' ? path.slice(1).join('.') : compressIpv6(path.slice(1));
}
