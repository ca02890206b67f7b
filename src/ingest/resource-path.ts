/** Where the API serves a kind of object, and how a feed's part of it is asked for. */
import type { ObjectKind } from './event.ts';
import type { FeedSpec } from './feed.ts';

/** The list of all groups with the versions in which they are served. */
export const API_GROUPS = '/apis';

/** The group whose served versions must be found out: no two clusters have the same. */
const IMPORT_GROUP = 'multicluster.x-k8s.io';

/** Versions of ServiceImport that can be read, the best first. */
const IMPORT_VERSIONS = ['v1beta1', 'v1alpha1', 'v1alpha2'];

const RESOURCES: Readonly<Record<ObjectKind, { readonly root: string; readonly plural: string }>> = {
  Service: { root: '/api/v1', plural: 'services' },
  Namespace: { root: '/api/v1', plural: 'namespaces' },
  EndpointSlice: { root: '/apis/discovery.k8s.io/v1', plural: 'endpointslices' },
  Pod: { root: '/api/v1', plural: 'pods' },
  ServiceImport: { root: `${API_GROUPS}/${IMPORT_GROUP}`, plural: 'serviceimports' },
};

/** The resource's name as an RBAC rule has it. */
export function resourceOf(kind: ObjectKind): string {
  return RESOURCES[kind].plural;
}

/** @param version Of the group, where it must be found out. */
export function pathOf({ kind, scope }: FeedSpec, version?: string): string {
  const { root, plural } = RESOURCES[kind];
  const base = version === undefined ? root : `${root}/${version}`;
  const isNamespaced = scope !== '' && kind !== 'Namespace';
  return isNamespaced ? `${base}/namespaces/${encodeURIComponent(scope)}/${plural}` : `${base}/${plural}`;
}

/** Selectors of a feed. Pods that have ended are left out by the server. */
export function selectorsOf({ kind, scope, labelSelector }: FeedSpec): Record<string, string> {
  const fields: string[] = [];
  if (kind === 'Pod') fields.push('status.phase!=Succeeded', 'status.phase!=Failed', 'status.phase!=Unknown');
  if (kind === 'Namespace' && scope !== '') fields.push(`metadata.name=${scope}`);
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fields.length > 0 && { fieldSelector: fields.join(',') }),
  };
}

/** The best version of ServiceImport that an APIGroupList (parsed JSON) tells of. */
export function bestImportVersion(list: unknown): string | undefined {
  const group = entriesOf(list, 'groups').find((entry) => fieldOf(entry, 'name') === IMPORT_GROUP);
  const served = entriesOf(group, 'versions').map((entry) => fieldOf(entry, 'version'));
  return IMPORT_VERSIONS.find((version) => served.includes(version));
}

function fieldOf(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[key] : undefined;
}

function entriesOf(object: unknown, key: string): unknown[] {
  const value = fieldOf(object, key);
  return Array.isArray(value) ? value : [];
}
