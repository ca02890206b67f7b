/** Why each stanza of a zone had, or had not, a name. */
import { type DomainName, labelsBelow } from '../dns/name.ts';
import type { ObjectKind } from '../ingest/event.ts';
import { heldName } from '../ingest/held-keys.ts';
import type { StanzaPlan } from '../ingest/plan.ts';
import { type ClusterState, factsAt, type NamespaceState, type World } from '../projection/state.ts';
import { exposedNamespace, findName, handsOn, isStanzaSynced, makeZone, type Zone } from '../projection/zone.ts';
import { findOrMake } from '../serve/synth.ts';
import type { LoggedEvent, StanzaReason } from './answers.ts';
import { heldText } from './held.ts';
import { hostAbsence, hostText, sourcesOfHost } from './host-reasons.ts';
import { lastEventOf, lastTransfersOf } from './log-events.ts';
import type { HistorySource, Place } from './source.ts';
import { addressesOf, type Subject, subjectOf } from './subject.ts';

/** What names are made from in zones of our own. */
type OwnSubject = Exclude<Subject, { readonly kind: 'transferred' }>;
type ClusterSubject = Exclude<OwnSubject, { readonly kind: 'host' }>;

type Verdict = Pick<StanzaReason, 'verdict' | 'code' | 'text'>;

/** Events told for one stanza at most. */
const MOST_EVENTS = 20;

export function reasonsOf(
  source: HistorySource,
  world: World,
  zone: Zone,
  name: DomainName,
  place: Place,
): StanzaReason[] {
  const { definition } = zone;
  if (definition.kind !== 'gateway' && isOwnName(zone, name)) return [];
  const subject = subjectOf(name, definition);
  if (subject.kind === 'transferred') return [transferReason(source, zone, name, place)];
  let end: 'earlierStanza' | 'noFallthrough' | undefined;
  return definition.stanzas.map((stanza, at): StanzaReason => {
    const cluster = zone.clusters[at] as ClusterState;
    const { verdict, code, text } = end === undefined ? verdictOf(world, zone, at, name, subject) : NOT_ASKED[end];
    if (verdict === 'has') end = 'earlierStanza';
    else if (!handsOn(zone, at, name)) end ??= 'noFallthrough';
    const lost = lostText(cluster.lost);
    const objects = verdict === 'notAsked' ? [] : objectsOf(world, zone, at, name, subject);
    const held = heldText(source, stanza.cluster, cluster.held, objects, place);
    return {
      stanza: at + 1,
      plugin: stanza.plugin,
      cluster: stanza.cluster,
      verdict,
      code,
      text,
      ...(lost !== '' && { lost }),
      ...(held !== undefined && { held }),
      events: eventsOf(source, objects, stanza, place),
    };
  });
}

/** A zone of another server has what its primary sent last. */
/** What contact was lost with, and why: kinds that have a reason in common together. */
function lostText(lost: ClusterState['lost']): string {
  const kinds = Map.groupBy(Object.entries(lost), ([, reason]) => reason);
  return [...kinds].map(([reason, of]) => `${of.map(([kind]) => kind).join(', ')}: ${reason}`).join('; ');
}

function transferReason(source: HistorySource, zone: Zone, name: DomainName, place: Place): StanzaReason {
  const { content } = zone;
  const primary = content?.primary ?? zone.definition.primaries?.[0] ?? '';
  const reason = (code: StanzaReason['code'], verdict: StanzaReason['verdict'], text: string): StanzaReason => ({
    ...{ stanza: 1, plugin: 'secondary', cluster: primary, verdict, code, text },
    events: lastTransfersOf(source, zone.id, place.batch),
  });
  if (content === undefined) return reason('notTransferred', 'unsure', 'nothing had been transferred yet');
  if (content.isExpired) return reason('expired', 'unsure', `the zone had expired: ${primary} was silent for too long`);
  const isThere = findName(zone, name).status !== 'absent';
  return reason('transferred', isThere ? 'has' : 'denies', `what ${primary} sent has ${isThere ? '' : 'not '}the name`);
}

const NOT_ASKED: Readonly<Record<'earlierStanza' | 'noFallthrough', Verdict>> = {
  earlierStanza: { verdict: 'notAsked', code: 'earlierStanza', text: 'an earlier stanza has the name' },
  noFallthrough: { verdict: 'notAsked', code: 'noFallthrough', text: 'no stanza before it hands the name on' },
};

/** A name that the zone has without any stanza. */
function isOwnName(zone: Zone, name: DomainName): boolean {
  const bare = makeZone({ ...zone.definition, stanzas: [] }, [], zone.serial);
  return findName(bare, name).status !== 'absent';
}

/** The stanza alone, as if it were the whole zone. */
function verdictOf(world: World, zone: Zone, at: number, name: DomainName, subject: OwnSubject): Verdict {
  const stanza = zone.definition.stanzas[at] as StanzaPlan;
  const cluster = zone.clusters[at] as ClusterState;
  const alone = makeZone({ ...zone.definition, stanzas: [stanza] }, [cluster], zone.serial);
  const found = findOrMake(alone, name);
  if (found.status !== 'absent') {
    const text = subject.kind === 'host' ? hostText(alone, name, found) : presentText(subject, found.status);
    return { verdict: 'has', code: 'object', text };
  }
  if (!isStanzaSynced(stanza, cluster)) {
    const missing = stanza.needs.filter((kind) => cluster.synced[kind] !== true);
    return {
      verdict: 'unsure',
      code: 'neverSynced',
      text: `the cluster had not been listed yet (${missing.join(', ')}): it may have had the name`,
    };
  }
  if (subject.kind === 'host') return hostAbsence(world, alone, name, found.isUnsure);
  return { verdict: 'denies', ...absence(zone, stanza, cluster, name, subject) };
}

function presentText(subject: ClusterSubject, status: 'exists' | 'emptyNonTerminal'): string {
  const end = status === 'exists' ? '' : ', below which the name lies as an empty step';
  switch (subject.kind) {
    case 'service':
      return `it has ${subject.namespace}/${subject.service}${end}`;
    case 'namespace':
      return `it has the namespace ${subject.namespace}`;
    case 'pod':
      return `it has the address ${subject.address} in ${subject.namespace}`;
    case 'address':
      return `it has services or endpoints with ${subject.address}`;
    case 'zone':
      return `it has names below it`;
  }
}

function absence(
  zone: Zone,
  stanza: StanzaPlan,
  cluster: ClusterState,
  name: DomainName,
  subject: ClusterSubject,
): Omit<Verdict, 'verdict'> {
  if (subject.kind === 'zone') {
    return { code: 'noSuchForm', text: 'no name of services, pods or addresses has this form' };
  }
  if (subject.kind === 'address') {
    return { code: 'noAddress', text: `no service or endpoint that it shows had ${subject.address}` };
  }
  const { namespace } = subject;
  if (stanza.namespaces !== undefined && !stanza.namespaces.includes(namespace)) {
    return { code: 'namespaceFiltered', text: `the stanza shows only the namespaces ${stanza.namespaces.join(' ')}` };
  }
  if (exposedNamespace(stanza, cluster, namespace) === undefined) {
    return { code: 'noNamespace', text: `there was no namespace ${namespace}${filterText(stanza.cluster)}` };
  }
  if (subject.kind === 'namespace') return { code: 'podsHidden', text: `the stanza shows no pods` };
  if (subject.kind === 'pod') {
    if (zone.definition.kind !== 'cluster' || stanza.pods === 'disabled') {
      return { code: 'podsHidden', text: 'the stanza shows no pods' };
    }
    return { code: 'noPod', text: `no pod of ${namespace} had ${subject.address}` };
  }
  return serviceAbsence(zone, stanza, cluster.namespaces.get(namespace), name, subject);
}

function serviceAbsence(
  zone: Zone,
  stanza: StanzaPlan,
  state: NamespaceState | undefined,
  name: DomainName,
  { namespace, service }: Extract<Subject, { kind: 'service' }>,
): Omit<Verdict, 'verdict'> {
  const key = `${namespace}/${service}`;
  const isImport = zone.definition.kind === 'clusterset';
  const entry = state?.services.get(service);
  const isThere = isImport ? state?.imports.get(service)?.imported !== undefined : entry?.service !== undefined;
  if (!isThere) {
    return {
      code: 'noService',
      text: `there was no ${isImport ? 'ServiceImport' : 'service'} ${key}${filterText(stanza.cluster)}`,
    };
  }
  if (!isImport && entry?.service?.type === 'ExternalName') {
    return { code: 'noSuchForm', text: `${key} is an ExternalName service: it has a name of its own at most` };
  }
  const below = (labelsBelow(name, zone.apex) ?? []).slice(0, -3);
  const slices = (isImport ? state?.imports.get(service)?.slices : entry?.slices) ?? [];
  const isEmpty = slices.every(({ facts }) => facts.endpoints.length === 0);
  if (stanza.ignoreEmptyService && isEmpty) {
    return { code: 'serviceEmpty', text: `${key} had no ready endpoint, and the stanza ignores empty services` };
  }
  if (below.length === 0) return { code: 'noEndpoint', text: `${key} is headless and had no ready endpoint` };
  if (below[0]?.startsWith('_')) return { code: 'noPort', text: `${key} had no such port` };
  return { code: 'noEndpoint', text: `${key} had no ready endpoint of that name` };
}

/** A view that is narrowed by labels never sees what they leave out. */
function filterText(cluster: string): string {
  const filters = cluster.split('?')[1];
  return filters === undefined ? '' : ` among what the view shows (${filters})`;
}

/** The events that made the objects of the subject what they were, newest first. */
function eventsOf(
  source: HistorySource,
  keys: readonly [ObjectKind, string][],
  stanza: StanzaPlan,
  place: Place,
): LoggedEvent[] {
  const { cluster } = stanza;
  const found = keys.flatMap(([kind, key]) => {
    const last = lastEventOf(source, cluster, kind, key, place.batch);
    return last === undefined ? [] : [last, ...releaseOf(source, cluster, last)];
  });
  return found.sort((a, b) => b.position - a.position).slice(0, MOST_EVENTS);
}

/** What let the guard believe a deletion, where it had held it. */
function releaseOf(source: HistorySource, cluster: string, { event, kind, namespace, batch }: LoggedEvent) {
  if (!event.endsWith('Deleted')) return [];
  const names = namespace === undefined ? [kind] : [kind, heldName(kind, namespace)];
  return names.flatMap((name) => {
    const release = lastEventOf(source, cluster, 'Guard', name, batch);
    return release?.batch === batch && release.event === 'DeletionsReleased' ? [release] : [];
  });
}

function* slicesIn(state: NamespaceState | undefined, service: string): Generator<string> {
  for (const slice of state?.services.get(service)?.slices ?? []) yield slice.name;
  for (const slice of state?.imports.get(service)?.slices ?? []) yield slice.name;
}

function objectsOf(
  world: World,
  zone: Zone,
  at: number,
  name: DomainName,
  subject: OwnSubject,
): [ObjectKind, string][] {
  const stanza = zone.definition.stanzas[at] as StanzaPlan;
  const cluster = zone.clusters[at] as ClusterState;
  if (subject.kind === 'host') return sourcesOfHost(world, zone, at, name);
  if (subject.kind === 'zone') return [];
  const objects: [ObjectKind, string][] = [];
  if (subject.kind === 'address') {
    for (const [namespace, state] of cluster.namespaces.entries()) {
      for (const [name, entry] of state.services.entries()) {
        if (addressesOf(entry.service).has(subject.address)) objects.push(['Service', `${namespace}/${name}`]);
      }
      for (const [name, facts] of state.slices.entries()) {
        if (addressesOf(facts).has(subject.address)) objects.push(['EndpointSlice', `${namespace}/${name}`]);
      }
    }
    return objects;
  }
  const { namespace } = subject;
  const state = cluster.namespaces.get(namespace);
  objects.push(['Namespace', namespace]);
  if (subject.kind === 'service') {
    const key = `${namespace}/${subject.service}`;
    objects.push(['Service', key], ['ServiceImport', key]);
    for (const name of new Set(slicesIn(state, subject.service)))
      objects.push(['EndpointSlice', `${namespace}/${name}`]);
  } else if (subject.kind === 'pod') {
    for (const name of state?.podsByAddress.get(subject.address) ?? []) {
      if (factsAt(world, stanza.cluster, 'Pod', `${namespace}/${name}`)) objects.push(['Pod', `${namespace}/${name}`]);
    }
  }
  return objects;
}
