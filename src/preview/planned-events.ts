/**
 * The events that objects would be, were they applied to a cluster: what an API server adds by itself (addresses, status) stays
 * as it is known, or is made up where nothing is.
 */
import { isSelected, parseSelector } from '../corefile/selectors.ts';
import { type ClusterEvent, type ClusterId, type FactsOf, OBJECT_KINDS, type WatchedKind } from '../ingest/event.ts';
import { equalFacts, normalize } from '../ingest/normalize.ts';
import { watchedKindOf } from '../ingest/resource-path.ts';
import { clusterOf, factsAt, type World } from '../projection/state.ts';

/** An object of a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface PlannedEvents {
  readonly events: readonly ClusterEvent[];
  /** What the operator should know of objects, a line each. */
  readonly notes: readonly string[];
}

type Facts = FactsOf[WatchedKind];

/** What of a cluster a view looks at, as its id says. */
interface Selection {
  readonly namespaces: readonly string[];
  readonly labels: string | undefined;
  readonly namespaceLabels: string | undefined;
  readonly services: readonly string[];
}

/** The cluster of a view, without what narrows it. */
export function clusterNameOf(view: ClusterId): string {
  const at = view.indexOf('?');
  return at < 0 ? view : view.slice(0, at);
}

/**
 * @param views of one cluster
 * @param namespace of objects that name none
 */
export function plannedEvents(
  world: World,
  views: readonly ClusterId[],
  manifests: readonly Manifest[],
  namespace: string,
): PlannedEvents {
  const notes = new Set<string>();
  const others = new Map<string, number>();
  const assigned = new Map<string, string>();
  const events: ClusterEvent[] = [];
  // A namespace is there before what lies in it.
  const ordered = manifests.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
  for (const manifest of ordered) {
    const kind = watchedKindOf(manifest.apiVersion, manifest.kind);
    const looking = views.filter((view) => kind !== undefined && isLookedAt(world, view, kind));
    if (kind === undefined || looking.length === 0) {
      others.set(manifest.kind, (others.get(manifest.kind) ?? 0) + 1);
      continue;
    }
    for (const view of looking) {
      const planned = plan(world, view, kind, inNamespace(manifest, kind, namespace), assigned, notes);
      if (planned !== undefined) events.push(planned);
    }
  }
  const missing = missingNamespaces(world, views, events);
  for (const name of missing) notes.add(`namespace ${name} does not exist, nor do these manifests make it`);
  if (others.size > 0) {
    const list = [...others].sort().map(([kind, count]) => `${count} ${kind}`);
    notes.add(`nothing comes of these by themselves: ${list.join(', ')}`);
  }
  return { events, notes: [...notes] };
}

function isLookedAt(world: World, view: ClusterId, kind: WatchedKind): boolean {
  return clusterOf(world, view).synced[kind] === true;
}

function inNamespace(manifest: Manifest, kind: WatchedKind, namespace: string): Manifest {
  if (kind === 'Namespace' || kind === 'Node' || manifest.metadata.namespace !== undefined) return manifest;
  return { ...manifest, metadata: { ...manifest.metadata, namespace } };
}

function plan(
  world: World,
  view: ClusterId,
  kind: WatchedKind,
  manifest: Manifest,
  assigned: Map<string, string>,
  notes: Set<string>,
): ClusterEvent | undefined {
  const { namespace, name } = manifest.metadata;
  const text = `${manifest.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const draft = normalize(kind, manifest);
  if (draft.status === 'rejected') {
    notes.add(`${text} can't be used: ${draft.reason}`);
    return undefined;
  }
  const { key } = draft;
  const before = factsAt(world, view, kind, key);
  const same = { object: kind, cluster: view, key, cause: {} };
  const isWanted = isSelectedBy(selectionOf(view), kind, key, manifest.metadata.labels);
  if (!isWanted) {
    if (before === undefined) return undefined;
    return { ...same, kind: `${kind}Deleted` } as ClusterEvent;
  }
  const completed = kind === 'Service' ? withAddress(manifest, before, text, assigned, notes) : manifest;
  const read = normalize(kind, completed);
  const hasStatus = manifest.status !== undefined;
  if (read.status === 'gone' && !hasStatus && kind === 'Pod') {
    if (before === undefined) notes.add(`${text} has no address before it runs`);
    return undefined;
  }
  if (read.status !== 'facts' && read.status !== 'gone') return undefined;
  if (read.status === 'gone') {
    if (before === undefined) return undefined;
    return { ...same, kind: `${kind}Deleted` } as ClusterEvent;
  }
  const facts = hasStatus ? read.facts : keepStatus(read.facts, before, text, notes);
  if (equalFacts(before, facts)) return undefined;
  // Kind and facts belong together: they were read as such.
  return { ...same, kind: `${kind}Upserted`, facts } as unknown as ClusterEvent;
}

/** A service keeps the addresses that it has; a new one is given one that nobody has. */
function withAddress(
  manifest: Manifest,
  before: Facts | undefined,
  text: string,
  assigned: Map<string, string>,
  notes: Set<string>,
): Manifest {
  const spec = (manifest.spec ?? {}) as Readonly<Record<string, unknown>>;
  if (spec.clusterIP !== undefined || spec.clusterIPs !== undefined || spec.type === 'ExternalName') return manifest;
  const known = before !== undefined && 'clusterIPs' in before ? before.clusterIPs : [];
  let clusterIPs = known.filter((address) => address !== 'None');
  if (clusterIPs.length === 0) {
    const address = assigned.get(text) ?? `0.0.0.${assigned.size + 1}`;
    assigned.set(text, address);
    notes.add(`${text} is given its cluster IP when it is applied: ${address} stands for it`);
    clusterIPs = [address];
  }
  return { ...manifest, spec: { ...spec, clusterIPs } };
}

/** What comes from the status of an object, which no manifest has, is as it was. */
function keepStatus(facts: Facts, before: Facts | undefined, text: string, notes: Set<string>): Facts {
  if ('internal' in facts) return before ?? facts;
  if ('targets' in facts && !('entries' in facts)) {
    if (before === undefined || !('targets' in before)) {
      if (facts.targets.length === 0) notes.add(`${text} is given its addresses by its controller: they are left out`);
      return facts;
    }
    return { ...facts, targets: before.targets } as Facts;
  }
  if ('clusterIPs' in facts && facts.type === 'LoadBalancer') {
    if (before !== undefined && 'clusterIPs' in before && before.type === 'LoadBalancer') {
      const external = [...new Set([...(facts.external ?? []), ...(before.external ?? [])])];
      return { ...facts, ...(external.length > 0 && { external }) };
    }
    notes.add(`${text} is given its external addresses by its controller: they are left out`);
  }
  return facts;
}

function missingNamespaces(world: World, views: readonly ClusterId[], events: readonly ClusterEvent[]): Set<string> {
  const missing = new Set<string>();
  const made = new Set(events.flatMap((event) => (event.kind === 'NamespaceUpserted' ? [event.key] : [])));
  for (const event of events) {
    if (!('facts' in event) || !event.key.includes('/')) continue;
    const name = event.key.slice(0, event.key.indexOf('/'));
    const isKnown = views.some(
      (view) => !isLookedAt(world, view, 'Namespace') || factsAt(world, view, 'Namespace', name) !== undefined,
    );
    if (!isKnown && !made.has(name)) missing.add(name);
  }
  return missing;
}

function selectionOf(view: ClusterId): Selection {
  const [, query = ''] = view.split(/\?(.*)/s);
  const values = (name: string) =>
    query.split('&').flatMap((pair) => (pair.startsWith(`${name}=`) ? [pair.slice(name.length + 1)] : []));
  return {
    namespaces: values('namespaces').flatMap((text) => text.split(',')),
    labels: values('labels')[0],
    namespaceLabels: values('namespace_labels')[0],
    services: values('services'),
  };
}

/** Would the view be told of the object? */
function isSelectedBy(selection: Selection, kind: WatchedKind, key: string, labels: unknown): boolean {
  const { namespaces, namespaceLabels, services } = selection;
  const namespace = kind === 'Namespace' ? key : key.slice(0, Math.max(0, key.indexOf('/')));
  if (namespaces.length > 0 && namespace !== '' && !namespaces.includes(namespace)) return false;
  const meets = (selector: string) => {
    const requirements = parseSelector(selector);
    const own = typeof labels === 'object' && labels !== null ? (labels as Readonly<Record<string, unknown>>) : {};
    return !requirements.ok || isSelected(requirements.value, own);
  };
  if (kind === 'Namespace') return namespaceLabels === undefined || meets(namespaceLabels);
  if (kind === 'Service' && services.length > 0) return services.some(meets);
  const isLabelled = kind === 'Service' || kind === 'EndpointSlice' || kind === 'Pod';
  return !isLabelled || selection.labels === undefined || meets(selection.labels);
}

/** The clusters of a world, by name: the views of each. */
export function clustersOf(world: World): Map<string, ClusterId[]> {
  const views = (Object.keys(world.clusters) as ClusterId[]).filter((id) =>
    OBJECT_KINDS.some((kind) => clusterOf(world, id).synced[kind] === true),
  );
  return Map.groupBy(views, clusterNameOf);
}
