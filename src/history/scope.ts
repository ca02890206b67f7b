/** The objects that the records of a subject may be made from, at any time in a range of the log: never too few. */
import type { ClusterId, Position } from '../ingest/event.ts';
import type { LoggedObject } from '../ingest/object-log.ts';
import type { ZoneDefinition } from '../ingest/plan.ts';
import { type ObjectRef, type ObjectStates, refKey } from './object-states.ts';
import type { Subject } from './subject.ts';

export interface Scope {
  readonly refs: readonly ObjectRef[];
  /** Objects of other kinds whose events count too: zones of other servers. */
  readonly others: readonly LoggedObject[];
  /** The rest of the world counts as well: it is had as a whole, not from these objects. */
  readonly isWhole: boolean;
}

/** Collects objects, each once. */
export class ScopeBuilder {
  readonly #states: ObjectStates;
  readonly #clusters: readonly ClusterId[];
  readonly #refs = new Map<string, ObjectRef>();
  readonly #services = new Set<string>();
  readonly #addresses = new Set<string>();

  /** @param clusters those that may have the objects */
  constructor(states: ObjectStates, clusters: readonly ClusterId[]) {
    this.#states = states;
    this.#clusters = clusters;
  }

  get refs(): ObjectRef[] {
    return [...this.#refs.values()];
  }

  namespace(name: string): void {
    this.#add(this.#states.find(this.#clusters, 'Namespace', name));
  }

  /** A service or import of this key (`namespace/name`), its slices and its namespace. */
  service(key: string): void {
    if (this.#services.has(key)) return;
    this.#services.add(key);
    this.namespace(key.split('/', 1)[0] ?? '');
    this.#add(this.#states.find(this.#clusters, 'Service', key));
    this.#add(this.#states.find(this.#clusters, 'ServiceImport', key));
    this.#add(this.#states.slicesOf(key));
  }

  /** An object, with all that its records are made from together with it. */
  object(ref: ObjectRef): void {
    if (ref.kind === 'Service' || ref.kind === 'ServiceImport') this.service(ref.key);
    else if (ref.kind === 'EndpointSlice') for (const key of this.#states.servicesOf(ref)) this.service(key);
    this.#add([ref]);
  }

  /** Everything that ever held an address, but for pods: services and imports whole. */
  address(address: string): void {
    if (this.#addresses.has(address)) return;
    this.#addresses.add(address);
    for (const ref of this.#states.mentioning(address)) if (ref.kind !== 'Pod') this.object(ref);
  }

  /** The pods of a namespace (or of all) that ever held an address. */
  pods(address: string, namespace?: string): void {
    for (const ref of this.#states.mentioning(address)) {
      if (ref.kind !== 'Pod' || (namespace !== undefined && !ref.key.startsWith(`${namespace}/`))) continue;
      this.namespace(ref.key.split('/', 1)[0] ?? '');
      this.#add([ref]);
    }
  }

  #add(refs: readonly ObjectRef[]): void {
    for (const ref of refs) if (this.#clusters.includes(ref.cluster)) this.#refs.set(refKey(ref), ref);
  }
}

/**
 * @param definitions what the zone was made of in that range
 * @param from position, as `to`
 */
export function scopeOf(
  states: ObjectStates,
  subject: Subject,
  definitions: readonly ZoneDefinition[],
  from: Position,
  to: Position,
): Scope {
  const builder = new ScopeBuilder(states, states.plans.clusters(from, to));
  switch (subject.kind) {
    case 'service':
      builder.service(`${subject.namespace}/${subject.service}`);
      break;
    case 'namespace':
      builder.namespace(subject.namespace);
      break;
    case 'pod':
      builder.namespace(subject.namespace);
      builder.pods(subject.address, subject.namespace);
      break;
    case 'address':
      builder.address(subject.address);
      break;
    case 'zone':
      // Name servers are found by this server's own addresses.
      for (const address of new Set(definitions.flatMap(({ localAddresses }) => localAddresses)))
        builder.address(address);
      break;
    case 'transferred':
      return { refs: [], others: transfersOf(states, definitions, subject.zone), isWhole: true };
  }
  return { refs: builder.refs, others: [], isWhole: false };
}

/** Events about a zone of another server: its transfers, and the catalogs that list it. */
function transfersOf(states: ObjectStates, definitions: readonly ZoneDefinition[], zone: string): LoggedObject[] {
  const catalogs = new Set(definitions.flatMap(({ memberOf }) => memberOf ?? []));
  return [...states.log.ofKind('Zone'), ...states.log.ofKind('Member')].filter(
    ({ key, cluster }) => key === zone || catalogs.has(cluster),
  );
}
