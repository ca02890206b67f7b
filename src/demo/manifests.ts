/** Objects from files: one object, a List, a JSON array, a fixture ({absent, objects}), or YAML with several documents. */
import { loadAll } from 'js-yaml';
import type { FixtureApiServer } from './apiserver.ts';
import { asRecord, type KubeObject } from './resources.ts';

export interface Manifests {
  readonly objects: readonly KubeObject[];
  /** Groups and resources that the cluster doesn't have; see `FixtureApiServerOptions`. */
  readonly absent: readonly string[];
}

/** JSON or YAML; throws where an object has no apiVersion, kind or name. */
export function parseManifests(text: string): Manifests {
  const documents = documentsOf(text);
  const absent: string[] = [];
  const objects: KubeObject[] = [];
  for (const document of documents.filter((value) => value !== null && value !== undefined)) {
    const record = asRecord(document);
    if (Array.isArray(record.absent)) absent.push(...record.absent.map(String));
    for (const object of unpack(document)) objects.push(asKubeObject(object));
  }
  return { objects, absent };
}

/** What begins as JSON may still be YAML: a flow mapping, or several documents. */
function documentsOf(text: string): unknown[] {
  if (!/^\s*[[{]/.test(text)) return loadAll(text);
  try {
    return [JSON.parse(text)];
  } catch (error) {
    try {
      return loadAll(text);
    } catch {
      throw error;
    }
  }
}

/**
 * Applies objects one by one. Of an object with `"$delete": true` only the name counts: it is deleted. One with
 * `"$patch": true` is merged into what is there.
 */
export function applyManifests(server: FixtureApiServer, objects: readonly KubeObject[]): void {
  for (const { $delete, $patch, ...rest } of objects) {
    const object = asKubeObject(rest);
    const { name, namespace } = object.metadata;
    if ($delete === true) server.delete(object.apiVersion, object.kind, namespace, name);
    else if ($patch === true) server.patch(object.apiVersion, object.kind, namespace, name, object);
    else server.apply(object);
  }
}

function unpack(document: unknown): unknown[] {
  if (Array.isArray(document)) return document;
  const record = asRecord(document);
  if (Array.isArray(record.objects)) return record.objects;
  const isList = typeof record.kind === 'string' && record.kind.endsWith('List');
  if (!isList || !Array.isArray(record.items)) return [document];
  // The items of 'kind: ServiceList' need no kind of their own.
  const kind = record.kind === 'List' ? {} : { kind: String(record.kind).slice(0, -'List'.length) };
  const apiVersion = record.kind === 'List' ? {} : { apiVersion: record.apiVersion };
  return record.items.map((item) => ({ ...apiVersion, ...kind, ...asRecord(item) }));
}

function asKubeObject(value: unknown): KubeObject {
  const { apiVersion, kind, metadata, ...rest } = asRecord(value);
  const { name, ...others } = asRecord(metadata);
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof name !== 'string') {
    throw new Error(`not a Kubernetes object: ${JSON.stringify(value)?.slice(0, 200)}`);
  }
  return { apiVersion, kind, metadata: { name, ...others }, ...rest };
}
