/** Writes over HTTP, enough for `kubectl create|replace|patch|delete` against a demo cluster. */
import type { IncomingMessage } from 'node:http';
import { apiVersionOf, asRecord, type KubeObject, type ResourceType } from './resources.ts';
import type { WriteRoute } from './route.ts';
import { badRequest, conflict, type Failure, isFailure, noSuchPath, notFound } from './status.ts';
import { decode, type ObjectStore, type StoredObject } from './store.ts';

const BODY_LIMIT = 3 * 1024 * 1024;

export async function write(
  store: ObjectStore,
  route: WriteRoute,
  request: IncomingMessage,
  params: URLSearchParams,
): Promise<{ code: number; object: StoredObject } | Failure> {
  const given = route.kind === 'delete' ? {} : await readObject(request);
  if (isFailure(given)) return given;
  const collection = store.collection(route.group, route.plural);
  if (!collection) return noSuchPath();
  const { type } = collection;
  const manager = params.get('fieldManager') ?? undefined;
  if (route.kind === 'create') {
    const object = named(type, route.version, given, route.namespace, undefined);
    if (isFailure(object)) return object;
    if (collection.get(keyOf(type, object.metadata.namespace, object.metadata.name))) {
      return conflict('AlreadyExists', `${type.plural} "${object.metadata.name}" already exists`);
    }
    return { code: 201, object: store.put(collection, object, manager) };
  }
  const key = keyOf(type, route.namespace, route.name);
  const existing = collection.get(key);
  if (route.kind === 'delete') {
    const removed = store.remove(collection, key);
    return removed ? { code: 200, object: removed } : notFound(type.plural, route.name);
  }
  const isApply = request.headers['content-type']?.startsWith('application/apply-patch') === true;
  if (!existing && !isApply) return notFound(type.plural, route.name);
  const isPatch = route.kind === 'patch' && existing !== undefined && !isApply;
  const merged = isPatch ? asRecord(mergePatch(decode(existing), given)) : given;
  const object = named(type, route.version, merged, route.namespace, route.name);
  if (isFailure(object)) return object;
  const expected = asRecord(given.metadata).resourceVersion;
  if (existing && expected !== undefined && expected !== '' && expected !== String(existing.resourceVersion)) {
    return conflict('Conflict', 'the object has been modified; please apply your changes to the latest version');
  }
  return { code: existing ? 200 : 201, object: store.put(collection, object, manager) };
}

/** RFC 7396: null deletes, objects merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged = asRecord(target);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

export function keyOf(type: ResourceType, namespace: string | undefined, name: string): string {
  return `${type.isNamespaced ? namespace || 'default' : ''}/${name}`;
}

/** The object with the names that its path gives it. */
function named(
  type: ResourceType,
  version: string,
  given: Record<string, unknown>,
  namespace: string | undefined,
  name: string | undefined,
): KubeObject | Failure {
  const metadata = asRecord(given.metadata);
  const own = metadata.name;
  const finalName = name ?? own;
  if (typeof finalName !== 'string' || finalName === '') return badRequest('name is required');
  if (own !== undefined && own !== finalName) return badRequest('the name of the object does not match the path');
  if (type.isNamespaced) metadata.namespace = namespace ?? metadata.namespace ?? 'default';
  return {
    ...given,
    apiVersion: apiVersionOf(type, version),
    kind: type.kind,
    metadata: { ...metadata, name: finalName },
  };
}

async function readObject(request: IncomingMessage): Promise<Record<string, unknown> | Failure> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > BODY_LIMIT) {
      return {
        code: 413,
        reason: 'RequestEntityTooLarge',
        message: `Request entity too large: limit is ${BODY_LIMIT}`,
      };
    }
    pieces.push(piece);
  }
  try {
    return asRecord(JSON.parse(Buffer.concat(pieces).toString()));
  } catch {
    return badRequest('the body is not JSON');
  }
}
