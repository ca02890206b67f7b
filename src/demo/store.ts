/**
 * The objects of one demo cluster and the history of their changes.
 *
 * An object is kept as JSON text plus the few fields that selectors look at: a list of 100,000 objects then writes
 * ready text, nobody can change a stored object through a shared reference, and a change costs one JSON.stringify.
 */
import { createHash } from 'node:crypto';
import { Collection } from './collection.ts';
import {
  asRecord,
  BUILT_IN_TYPES,
  CRD_GROUP,
  CRD_PLURAL,
  groupOf,
  type KubeObject,
  type ManagedFields,
  type ObjectMeta,
  type ResourceType,
  typeOfCustomResourceDefinition,
} from './resources.ts';
import { type Selectable, selectableFields } from './selectors.ts';

export interface StoredObject extends Selectable {
  readonly type: ResourceType;
  /** 'NAMESPACE/NAME': the order of a list. */
  readonly key: string;
  readonly name: string;
  readonly resourceVersion: number;
  readonly uid: string;
  readonly createdAt: string;
  /** The object's JSON without its first brace, apiVersion and kind: '"metadata":{…},"spec":{…}}'. */
  readonly body: string;
}

export interface StoredEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resourceVersion: number;
  /** What is there now; of a deletion, the last state under the deletion's resourceVersion. */
  readonly object: StoredObject;
  readonly previous: StoredObject | undefined;
}

/** All of a store at one moment, as a backup of etcd would keep it. */
export interface Backup {
  readonly resourceVersion: number;
  readonly objects: readonly StoredObject[];
}

export interface StoreOptions {
  readonly now: () => number;
  /** Where the counter starts. */
  readonly resourceVersion: number;
  /** Events kept per resource for watches that resume. */
  readonly historyLimit: number;
  /** The field manager written into objects that name none. */
  readonly manager: string | undefined;
}

export class ObjectStore {
  readonly #options: StoreOptions;
  readonly #collections = new Map<string, Collection>();
  readonly #listeners: {
    onEvent: (collection: Collection, event: StoredEvent) => void;
    onRemoved: (collection: Collection) => void;
  }[] = [];
  #resourceVersion: number;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#resourceVersion = options.resourceVersion;
    for (const type of BUILT_IN_TYPES) this.#addType(type);
  }

  get resourceVersion(): number {
    return this.#resourceVersion;
  }

  /** `onRemoved`: a kind is no longer served. */
  onChange(
    onEvent: (collection: Collection, event: StoredEvent) => void,
    onRemoved: (collection: Collection) => void,
  ): void {
    this.#listeners.push({ onEvent, onRemoved });
  }

  /** The kinds that are served now. */
  types(): ResourceType[] {
    return [...this.#collections.values()].map((collection) => collection.type);
  }

  collection(group: string, plural: string): Collection | undefined {
    return this.#collections.get(`${plural}.${group}`);
  }

  collectionOfKind(apiVersion: string, kind: string): Collection | undefined {
    const group = groupOf(apiVersion);
    for (const collection of this.#collections.values()) {
      if (collection.type.kind === kind && collection.type.group === group) return collection;
    }
    return undefined;
  }

  /** Creates or replaces; the caller's object isn't changed or kept. */
  put(collection: Collection, object: KubeObject, manager = this.#options.manager): StoredObject {
    const { type } = collection;
    const namespace = type.isNamespaced ? object.metadata.namespace || 'default' : '';
    const key = `${namespace}/${object.metadata.name}`;
    const previous = collection.get(key);
    const resourceVersion = ++this.#resourceVersion;
    const stored = this.#encode(type, object, namespace, previous, resourceVersion, manager);
    collection.set(stored);
    if (type.group === CRD_GROUP && type.plural === CRD_PLURAL) this.#definitionChanged(object);
    this.#publish(collection, { type: previous ? 'MODIFIED' : 'ADDED', resourceVersion, object: stored, previous });
    return stored;
  }

  remove(collection: Collection, key: string): StoredObject | undefined {
    const previous = collection.get(key);
    if (!previous) return undefined;
    const resourceVersion = ++this.#resourceVersion;
    const object = withResourceVersion(previous, resourceVersion);
    collection.delete(key);
    this.#publish(collection, { type: 'DELETED', resourceVersion, object, previous });
    if (collection.type.group === CRD_GROUP) this.#definitionRemoved(previous);
    return object;
  }

  /** Forgets the history: whoever wants to resume from any version seen until now is told to list again. */
  compact(): void {
    this.#resourceVersion++;
    for (const collection of this.#collections.values()) collection.forgetHistory(this.#resourceVersion);
  }

  backup(): Backup {
    const objects = [...this.#collections.values()].flatMap((collection) => [...collection.ordered()]);
    return { resourceVersion: this.#resourceVersion, objects };
  }

  /** Puts a backup in place, its lower resourceVersion included. Nobody gets events of it. */
  restore(backup: Backup): void {
    this.#resourceVersion = backup.resourceVersion;
    this.#collections.clear();
    for (const type of BUILT_IN_TYPES) this.#addType(type);
    for (const object of backup.objects) {
      if (object.type.group === CRD_GROUP) this.#definitionChanged(decode(object));
    }
    for (const object of backup.objects) this.#collections.get(nameOfType(object.type))?.set(object);
  }

  #publish(collection: Collection, event: StoredEvent): void {
    collection.remember(event, this.#options.historyLimit);
    for (const listener of this.#listeners) listener.onEvent(collection, event);
  }

  #encode(
    type: ResourceType,
    object: KubeObject,
    namespace: string,
    previous: StoredObject | undefined,
    resourceVersion: number,
    manager: string | undefined,
  ): StoredObject {
    const { apiVersion, kind: _kind, metadata: given, ...rest } = object;
    const name = given.name;
    const key = `${namespace}/${name}`;
    const time = isoSeconds(this.#options.now());
    const uid = previous?.uid ?? given.uid ?? uidOf(`${nameOfType(type)}/${key}/${resourceVersion}`);
    const createdAt = previous?.createdAt ?? given.creationTimestamp ?? time;
    const metadata: ObjectMeta = {
      ...given,
      ...(type.isNamespaced ? { namespace } : {}),
      uid,
      resourceVersion: String(resourceVersion),
      creationTimestamp: createdAt,
    };
    if (manager !== undefined && given.managedFields === undefined) {
      const before = previous ? decode(previous).metadata.managedFields : undefined;
      metadata.managedFields = manage(before ?? [], manager, apiVersion, time);
    }
    return {
      type,
      key,
      namespace,
      name,
      resourceVersion,
      uid,
      createdAt,
      labels: { ...given.labels },
      fields: selectableFields(type, object, namespace, name),
      body: JSON.stringify({ metadata, ...rest }).slice(1),
    };
  }

  #addType(type: ResourceType): void {
    const name = nameOfType(type);
    const existing = this.#collections.get(name);
    if (existing) existing.type = type;
    else this.#collections.set(name, new Collection(type, this.#resourceVersion));
  }

  #definitionChanged(crd: KubeObject): void {
    const type = typeOfCustomResourceDefinition(crd);
    if (type) this.#addType(type);
  }

  /** With its definition go a kind's objects, and then the paths. */
  #definitionRemoved(crd: StoredObject): void {
    const collection = this.#collections.get(crd.name);
    if (!collection?.type.isCustom) return;
    for (const object of collection.ordered()) this.remove(collection, object.key);
    this.#collections.delete(crd.name);
    for (const listener of this.#listeners) listener.onRemoved(collection);
  }
}

/** The object back from its text, in its preferred version or another. */
export function decode(stored: StoredObject, version = stored.type.versions[0] ?? 'v1'): KubeObject {
  return JSON.parse(textOf(stored, version));
}

/** The object's JSON text, as one version of its API serves it. */
export function textOf(stored: StoredObject, version: string): string {
  const { group, kind } = stored.type;
  return `{"kind":"${kind}","apiVersion":"${group === '' ? version : `${group}/${version}`}",${stored.body}`;
}

/** The same object under another resourceVersion: what a watch sends for deletions. */
export function withResourceVersion(stored: StoredObject, resourceVersion: number): StoredObject {
  const record = asRecord(JSON.parse(`{${stored.body}`));
  const metadata = { ...asRecord(record.metadata), resourceVersion: String(resourceVersion) };
  return { ...stored, resourceVersion, body: JSON.stringify({ ...record, metadata }).slice(1) };
}

function nameOfType(type: ResourceType): string {
  return `${type.plural}.${type.group}`;
}

/** The list of field managers after a write by one of them. */
function manage(before: readonly ManagedFields[], manager: string, apiVersion: string, time: string): ManagedFields[] {
  const others = before.filter((entry) => entry.manager !== manager);
  const fields = { fieldsType: 'FieldsV1', fieldsV1: {} };
  return [...others, { manager, operation: 'Update', apiVersion, time, ...fields }];
}

/** A UUID that depends on nothing but the text: runs of a test give the same objects. */
function uidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Kubernetes' timestamps have no fractions. */
function isoSeconds(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
