/**
 * Names that nobody can list, made from the cluster's state when they are asked for (and never transferred):
 *
 * - `pods insecure`: every address is a name of every namespace;
 * - zonal names: `TOPOZONE.pin._zone.…` and `TOPOZONE.prefer._zone.…` exist for every text;
 * - hosts of a gateway zone that a wildcard one level up stands for, also where they exist without data;
 * - port names without underscores: `http.tcp.…`, and `_._tcp.…`, where an empty part matches every port;
 * - endpoints of imports with an underscore: `_db-0.east.…`.
 */
import { canonicalAddress } from '../dns/address.ts';
import type { DomainName } from '../dns/name.ts';
import { labelsBelow, unescapeLabel } from '../dns/name.ts';
import type { RRset, RRType } from '../dns/rrset.ts';
import type { PortFacts } from '../ingest/event.ts';
import type { StanzaPlan } from '../ingest/plan.ts';
import type { ClusterState } from '../projection/state.ts';
import {
  addressSets,
  exposedNamespace,
  type FoundName,
  findInSlot,
  findName,
  handsOn,
  podAddress,
  type Slot,
  slotOf,
  wildcardOf,
  type Zone,
} from '../projection/zone.ts';

/** What the zone knows of a name, including the names that are only made when asked for. */
export function findOrMake(zone: Zone, name: DomainName): FoundName {
  const found = findName(zone, name);
  if (zone.definition.kind === 'gateway') return found.status === 'exists' ? found : findByWildcard(zone, name, found);
  if (found.status === 'exists' || zone.definition.kind === 'reverse') return found;
  const labels = labelsBelow(name, zone.apex);
  if (labels === undefined || labels.length < 3) return found;
  for (const [at, stanza] of zone.definition.stanzas.entries()) {
    const state = zone.clusters[at];
    const made = state && makeInStanza(zone, at, stanza, state, labels, name);
    if (made !== undefined) return made;
    if (!handsOn(zone, at, name)) break;
  }
  return found;
}

/** One level only: `*.example.org` stands for `a.example.org`, not for `b.a.example.org` or `example.org`. */
function findByWildcard(zone: Zone, name: DomainName, found: FoundName): FoundName {
  const wildcard = wildcardOf(name, zone.apex);
  // Where the name itself is not known for certain, what stands for it would be a guess.
  if (wildcard === undefined || (found.status === 'absent' && found.isUnsure)) return found;
  const made = findName(zone, wildcard);
  if (made.status === 'absent' && made.isUnsure) return made;
  const sets = made.status === 'exists' ? made.rrsets() : [];
  return sets.length === 0 ? found : existing(sets.map((set) => ({ ...set, owner: name })));
}

function makeInStanza(
  zone: Zone,
  at: number,
  stanza: StanzaPlan,
  state: ClusterState,
  labels: readonly string[],
  name: DomainName,
): FoundName | undefined {
  const [service = '', namespace = '', subtree] = labels.slice(-3);
  if (subtree === 'pod') return labels.length === 3 ? makePod(stanza, state, service, namespace, name) : undefined;
  const left = labels.slice(0, -3);
  if (subtree !== 'svc' || left.length === 0) return undefined;
  const isImport = zone.definition.kind === 'clusterset';
  const form = !isImport ? 'service' : stanza.plugin === 'multicluster' ? 'import' : 'importOfKubernetes';
  const slot = slotOf(zone, at, namespace, service);
  if (slot === undefined || slot.externalName !== undefined) return undefined;
  const isZonal = stanza.zonal && !isImport && slot.addresses === undefined && left.at(-1) === '_zone';
  return (isZonal ? makeZonal(slot, left, name) : undefined) ?? makePortName(slot, left, name, form);
}

/** `pods insecure`: the address that the name spells, whoever has it. */
function makePod(
  stanza: StanzaPlan,
  state: ClusterState,
  label: string,
  namespace: string,
  name: DomainName,
): FoundName | undefined {
  if (stanza.pods !== 'insecure' || exposedNamespace(stanza, state, namespace) === undefined) return undefined;
  const address = canonicalAddress(podAddress(label));
  return address === undefined ? undefined : existing(addressSets(name, stanza.ttl, [address]));
}

/**
 * A headless service's endpoints of one topology zone: `pin` has those alone, `prefer` all of them where the zone has
 * none. Directives and the names above them exist without data.
 */
function makeZonal(slot: Slot, left: readonly string[], name: DomainName): FoundName | undefined {
  const isAlive = slot.slices.some((slice) => slice.endpoints.length > 0);
  if (!isAlive) return undefined;
  if (left.length === 1) return { status: 'emptyNonTerminal' };
  const directive = left.at(-2);
  if (directive !== 'pin' && directive !== 'prefer') return undefined;
  if (left.length === 2) return { status: 'emptyNonTerminal' };
  const topologyZone = left.slice(0, -2).map(unescapeLabel).join('.');
  const near = slot.slices.flatMap((slice) => {
    const endpoints = slice.endpoints.filter((endpoint) => endpoint.zone === topologyZone);
    return endpoints.length === 0 ? [] : [{ ...slice, endpoints }];
  });
  const slices = near.length === 0 && directive === 'prefer' ? slot.slices : near;
  return existing(setsOfBase({ ...slot, slices }, name));
}

/**
 * How two labels below a service are told apart, a port and its protocol from an endpoint and its cluster: services have no
 * clusters; of imports, for the plugin `multicluster` an underscore of the second label makes them a port, for `kubernetes` one
 * of either.
 */
type NameForm = 'service' | 'import' | 'importOfKubernetes';

function isPortForm(form: NameForm, first: string, second: string): boolean {
  return form === 'service' || second.startsWith('_') || (form === 'importOfKubernetes' && first.startsWith('_'));
}

/** `PORT.PROTOCOL`, or an endpoint, in every spelling that the listed names (`_http._tcp`) do not cover. */
function makePortName(slot: Slot, left: readonly string[], name: DomainName, form: NameForm): FoundName | undefined {
  const [first = '', second = ''] = left;
  if (left.length === 1) return isProtocolLabel(slot, first, form) ? { status: 'emptyNonTerminal' } : undefined;
  if (left.length !== 2) return undefined;
  const port = first.replace(/^_/, '');
  if (!isPortForm(form, first, second))
    return port === first ? undefined : makeEndpoint(slot, `${port}.${second}`, name);
  const protocol = second.replace(/^_/, '');
  const matches = (facts: PortFacts) =>
    (port === '' || facts.name === port) && (protocol === '' || facts.protocol === protocol);
  const sets = setsOfBase(port === '' && protocol === '' ? slot : withPorts(slot, matches), name);
  const isKept = slot.isBareNameKept && slot.ports.some(matches);
  return sets.length > 0 || isKept ? existing(sets) : undefined;
}

/** The endpoint that is listed under another spelling. */
function makeEndpoint(slot: Slot, listed: string, name: DomainName): FoundName | undefined {
  const sets = findInSlot(slot, listed);
  return sets === undefined || sets === 'emptyNonTerminal'
    ? undefined
    : existing(sets.map((set) => ({ ...set, owner: name })));
}

/** The slot with matching ports only; what has no matching port has no address either. */
function withPorts(slot: Slot, matches: (port: PortFacts) => boolean): Slot {
  const ports = slot.ports.filter(matches);
  const slices = slot.slices.flatMap((slice) => {
    const own = slice.ports.filter(matches);
    return own.length === 0 ? [] : [{ ...slice, ports: own }];
  });
  return { ...slot, ports, slices, ...(slot.addresses && ports.length === 0 && { addresses: [] }) };
}

/** A label that is only a step to port names: `tcp` above `http.tcp` and `_.tcp`, `_` above `_http._` and `_._`. */
function isProtocolLabel(slot: Slot, label: string, form: NameForm): boolean {
  if (form === 'import' && !label.startsWith('_')) return false;
  const protocol = label.replace(/^_/, '');
  const below = protocol === '' ? slot : withPorts(slot, (port) => port.protocol === protocol);
  return setsOfBase(below, slot.base).length > 0;
}

/** The sets of the slot's bare name, given to another owner. */
function setsOfBase(slot: Slot, owner: DomainName): RRset[] {
  const sets = findInSlot(slot, '');
  return sets === undefined || sets === 'emptyNonTerminal' ? [] : sets.map((set) => ({ ...set, owner }));
}

function existing(sets: readonly RRset[]): FoundName {
  return {
    status: 'exists',
    rrset: (type: RRType) => sets.find((set) => set.type === type),
    rrsets: () => sets,
  };
}
