/** Objects that belong together, collected: a service with its slices, what holds an address. */
import type { ClusterId, ObjectKind, Position } from '../ingest/event.ts';
import { type ObjectRef, type ObjectStates, refKey } from './object-states.ts';

/** Collects objects, each once. */
export class ScopeBuilder {
  readonly #states: ObjectStates;
  readonly #clusters: readonly ClusterId[];
  readonly #from: Position;
  readonly #to: Position;
  readonly #refs = new Map<string, ObjectRef>();
  readonly #services = new Set<string>();
  readonly #addresses = new Set<string>();

  /** @param from of the part of the log that matters; `to` is its end */
  constructor(states: ObjectStates, from: Position, to: Position) {
    this.#states = states;
    this.#clusters = states.plans.clusters(from, to);
    this.#from = from;
    this.#to = to;
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
    else if (ref.kind === 'EndpointSlice')
      for (const key of this.#states.servicesOf(ref, this.#from, this.#to)) this.service(key);
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

  /** Objects of a kind and key, by themselves. */
  alone(kind: ObjectKind, key: string): ObjectRef[] {
    const found = this.#states.find(this.#clusters, kind, key);
    this.#add(found);
    return found;
  }

  #add(refs: readonly ObjectRef[]): void {
    for (const ref of refs) if (this.#clusters.includes(ref.cluster)) this.#refs.set(refKey(ref), ref);
  }
}
