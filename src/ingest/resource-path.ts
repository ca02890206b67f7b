/** Where the API serves a kind of object, and how a feed's part of it is asked for. */
import type { ObjectKind } from './event.ts';
import type { FeedSpec } from './feed.ts';

/** The group whose served versions must be found out: nobody has the same. */
export const IMPORT_GROUP = '/apis/multicluster.x-k8s.io';

/** Versions of ServiceImport that can be read, the best first. */
const IMPORT_VERSIONS = ['v1beta1', 'v1alpha1', 'v1alpha2'];

const RESOURCES: Readonly<Record<ObjectKind, { readonly root: string; readonly plural: string }>> = {
  Service: { root: '/api/v1', plural: 'services' },
  Namespace: { root: '/api/v1', plural: 'namespaces' },
  EndpointSlice: { root: '/apis/discovery.k8s.io/v1', plural: 'endpointslices' },
  Pod: { root: '/api/v1', plural: 'pods' },
  ServiceImport: { root: IMPORT_GROUP, plural: 'serviceimports' },
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

/** The best version that an APIGroup (parsed JSON) serves. */
export function bestImportVersion(group: unknown): string | undefined {
  const versions = typeof group === 'object' && group !== null && 'versions' in group ? group.versions : undefined;
  if (!Array.isArray(versions)) return undefined;
  const served = versions.map((entry: unknown) =>
    typeof entry === 'object' && entry !== null && 'version' in entry ? entry.version : undefined,
  );
  return IMPORT_VERSIONS.find((version) => served.includes(version));
}
