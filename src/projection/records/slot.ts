/**
 * A service as a zone sees it, and the records at and below its name. ClusterIP, headless and ExternalName services and
 * ServiceImports all come down to a `Slot`; one pass over it makes the records of every owner or of a single one, so
 * that a query, a transfer and a changeset can't differ.
 */
import { type DomainName, MAX_LABEL, parseName } from '../../dns/name.ts';
import { type Rdata, type RRset, RRType } from '../../dns/rrset.ts';
import type { EndpointFacts, PortFacts } from '../../ingest/event.ts';

export interface SlotSlice {
  readonly ports: readonly PortFacts[];
  readonly endpoints: readonly EndpointFacts[];
  /** The cluster that exported the slice, for a ServiceImport. */
  readonly sourceCluster?: string;
  /** Of a slice that another stanza contributed: names its endpoints in place of the slot's own function. */
  readonly endpointName?: Slot['endpointName'];
}

export interface Slot {
  /** The service's own name. */
  readonly base: DomainName;
  /** Seconds. */
  readonly ttl: number;
  readonly externalName?: DomainName;
  /** The external name as its service has it, absolute; absent where that is the name itself. */
  readonly externalSpelling?: string;
  /** The service's addresses; absent for a headless one, which has those of its endpoints. */
  readonly addresses?: readonly string[];
  readonly ports: readonly PortFacts[];
  readonly slices: readonly SlotSlice[];
  /** The bare name and those of its ports exist even while there is no address. */
  readonly isBareNameKept: boolean;
  /** An endpoint's name relative to the base, without final dot; undefined when it can't have one. */
  readonly endpointName: (endpoint: EndpointFacts, address: string, slice: SlotSlice) => string | undefined;
}

/** What is gathered for one owner before weights can be given. */
interface OwnerDraft {
  /** Without duplicates, like `services`: port and target of each SRV record. */
  readonly addresses: string[];
  readonly services: { readonly port: number; readonly target: DomainName }[];
  /** What is in the lists, once they are too long to be looked through. */
  known?: Set<string>;
  /** Address and port pairs, duplicates included: a SRV weight is 100 divided by it. */
  items: number;
}

type Drafts = Map<string, OwnerDraft>;

/** Every owner at or below the slot's base with its sets. */
export function setsOfSlot(slot: Slot): Map<DomainName, readonly RRset[]> {
  const owners = new Map<DomainName, readonly RRset[]>();
  if (slot.externalName !== undefined) return owners.set(slot.base, [externalNameSet(slot, slot.externalName)]);
  for (const below of keptNames(slot)) {
    const owner = ownerOf(slot, below);
    if (owner !== undefined) owners.set(owner, []);
  }
  for (const [below, draft] of gather(slot)) {
    const owner = ownerOf(slot, below);
    if (owner !== undefined) owners.set(owner, finish(owner, slot.ttl, draft));
  }
  return owners;
}

/**
 * The sets of one owner.
 * @param below the owner's name relative to the base (canonical text without final dot), empty for the base itself
 * @returns undefined when the name owns nothing and is no empty non-terminal
 */
export function findInSlot(slot: Slot, below: string): readonly RRset[] | 'emptyNonTerminal' | undefined {
  if (slot.externalName !== undefined) return below === '' ? [externalNameSet(slot, slot.externalName)] : undefined;
  const owner = ownerOf(slot, below);
  const draft = gather(slot, (name) => name === below).get(below);
  if (draft !== undefined && owner !== undefined) return finish(owner, slot.ttl, draft);
  const kept = keptNames(slot);
  if (kept.includes(below)) return [];
  const suffix = below === '' ? '' : `.${below}`;
  const isAbove = (name: string) => name.endsWith(suffix);
  return gather(slot, isAbove).size > 0 || kept.some(isAbove) ? 'emptyNonTerminal' : undefined;
}

/** Names that exist with or without addresses, relative to the base. */
function keptNames({ isBareNameKept, ports }: Slot): string[] {
  return isBareNameKept ? ['', ...ports.filter((port) => port.name !== '').map(portName)] : [];
}

function externalNameSet(slot: Slot, target: DomainName): RRset {
  const spelling = slot.externalSpelling;
  const rdata: Rdata = { type: 'CNAME', target, ...(spelling !== undefined && { spelling }) };
  return { owner: slot.base, type: RRType.CNAME, ttl: slot.ttl, rdatas: [rdata] };
}

function ownerOf(slot: Slot, below: string): DomainName | undefined {
  if (below === '') return slot.base;
  // Labels are checked where facts are made; only the length of the whole name is left to check.
  return below.length + slot.base.length < 200
    ? (`${below}.${slot.base}` as DomainName)
    : parseName(`${below}.${slot.base}`);
}

function gather(slot: Slot, isWanted: (below: string) => boolean = () => true): Drafts {
  const drafts: Drafts = new Map();
  if (slot.addresses !== undefined) {
    for (const address of slot.addresses) addService(drafts, slot.ports, address, slot.base, isWanted);
  }
  for (const slice of slot.slices) {
    for (const endpoint of slice.endpoints) {
      for (const address of endpoint.addresses) {
        const name = (slice.endpointName ?? slot.endpointName)(endpoint, address, slice);
        const target = name === undefined ? undefined : ownerOf(slot, name);
        if (slot.addresses === undefined) addService(drafts, slice.ports, address, target, isWanted);
        if (name !== undefined && isWanted(name)) addItems(drafts, name, address, slice.ports, target);
      }
    }
  }
  return drafts;
}

/** The bare name and the name of each named port. */
function addService(
  drafts: Drafts,
  ports: readonly PortFacts[],
  address: string,
  target: DomainName | undefined,
  isWanted: (below: string) => boolean,
): void {
  if (isWanted('')) addItems(drafts, '', address, ports, target);
  for (const port of ports) {
    if (port.name === '') continue;
    const below = portName(port);
    if (isWanted(below)) addItems(drafts, below, address, [port], target);
  }
}

/** `_name._protocol` */
export function portName(port: PortFacts): string {
  return `_${port.name}._${port.protocol}`;
}

function addItems(
  drafts: Drafts,
  below: string,
  address: string,
  ports: readonly PortFacts[],
  target: DomainName | undefined,
): void {
  let draft = drafts.get(below);
  if (draft === undefined) {
    draft = { addresses: [], services: [], items: 0 };
    drafts.set(below, draft);
  }
  if (!hasAddress(draft, address)) draft.addresses.push(address);
  draft.items += Math.max(1, ports.length);
  if (target === undefined) return;
  for (const { port } of ports) {
    if (port !== undefined && !hasService(draft, port, target)) draft.services.push({ port, target });
  }
}

/** Entries up to which a list is looked through: most have one or a few, for which a Set would cost more than all else. */
const FEW = 16;

function hasAddress(draft: OwnerDraft, address: string): boolean {
  const { addresses, known } = draft;
  if (known === undefined && addresses.length < FEW) return addresses.includes(address);
  return isKnown(known ?? indexOf(draft), address);
}

function hasService(draft: OwnerDraft, port: number, target: DomainName): boolean {
  const { services, known } = draft;
  if (known === undefined && services.length < FEW)
    return services.some((service) => service.port === port && service.target === target);
  return isKnown(known ?? indexOf(draft), serviceKey(port, target));
}

function indexOf(draft: OwnerDraft): Set<string> {
  const keys = draft.services.map(({ port, target }) => serviceKey(port, target));
  draft.known = new Set([...draft.addresses, ...keys]);
  return draft.known;
}

/** Adds it if it is not there. */
function isKnown(known: Set<string>, key: string): boolean {
  const { size } = known;
  return known.add(key).size === size;
}

/** No address has a blank. */
function serviceKey(port: number, target: DomainName): string {
  return `${port} ${target}`;
}

function finish(owner: DomainName, ttl: number, draft: OwnerDraft): RRset[] {
  const sets = addressSets(owner, ttl, draft.addresses);
  if (draft.services.length > 0) {
    const weight = srvWeight(draft.items);
    const rdatas = draft.services.map(
      ({ port, target }): Rdata => ({ type: 'SRV', priority: 0, weight, port, target }),
    );
    sets.push({ owner, type: RRType.SRV, ttl, rdatas });
  }
  return sets;
}

/** The weight of each of so many SRV candidates. */
export function srvWeight(items: number): number {
  return Math.max(1, Math.floor(100 / items));
}

/** The A and the AAAA set of an owner, those that are not empty. */
export function addressSets(owner: DomainName, ttl: number, addresses: Iterable<string>): RRset[] {
  const v4: Rdata[] = [];
  const v6: Rdata[] = [];
  for (const address of addresses) {
    if (address.includes(':')) v6.push({ type: 'AAAA', address });
    else v4.push({ type: 'A', address });
  }
  const sets: RRset[] = [];
  if (v4.length > 0) sets.push({ owner, type: RRType.A, ttl, rdatas: v4 });
  if (v6.length > 0) sets.push({ owner, type: RRType.AAAA, ttl, rdatas: v6 });
  return sets;
}

/** An address as a label: `10-0-0-1`, `fd00--1`; no label ends in a dash (`fd00--0`). */
export function addressLabel(address: string): string {
  if (!address.includes(':')) return address.replaceAll('.', '-');
  const label = address.replaceAll(':', '-');
  return label.endsWith('-') ? `${label}0` : label;
}

/** The name of an endpoint, as the `kubernetes` plugin makes it (without the cluster label of a ServiceImport). */
export function endpointLabel(endpoint: EndpointFacts, address: string, isPodNameUsed: boolean): string {
  if (endpoint.hostname !== undefined) return endpoint.hostname;
  if (isPodNameUsed && endpoint.pod !== undefined && endpoint.pod.length <= MAX_LABEL) return endpoint.pod;
  return addressLabel(address);
}
