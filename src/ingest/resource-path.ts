/** Where the API serves a kind of object, and how a feed's part of it is asked for. */
import type { WatchedKind } from './event.ts';
import type { FeedSpec } from './feed.ts';

/** The list of all groups with the versions in which they are served. */
export const API_GROUPS = '/apis';

const MULTICLUSTER = `${API_GROUPS}/multicluster.x-k8s.io`;
const GATEWAY = `${API_GROUPS}/gateway.networking.k8s.io`;

/** Where a kind is served. `versions`, the best first, where no two clusters have the same: then one must be found out. */
interface Resource {
  readonly root: string;
  readonly plural: string;
  readonly versions?: readonly string[];
}

const RESOURCES: Readonly<Record<WatchedKind, Resource>> = {
  Service: { root: '/api/v1', plural: 'services' },
  Namespace: { root: '/api/v1', plural: 'namespaces' },
  EndpointSlice: { root: '/apis/discovery.k8s.io/v1', plural: 'endpointslices' },
  Pod: { root: '/api/v1', plural: 'pods' },
  Node: { root: '/api/v1', plural: 'nodes' },
  ServiceImport: { root: MULTICLUSTER, plural: 'serviceimports', versions: ['v1beta1', 'v1alpha1', 'v1alpha2'] },
  Ingress: { root: '/apis/networking.k8s.io/v1', plural: 'ingresses' },
  Gateway: { root: GATEWAY, plural: 'gateways', versions: ['v1', 'v1beta1', 'v1alpha2'] },
  HTTPRoute: { root: GATEWAY, plural: 'httproutes', versions: ['v1', 'v1beta1', 'v1alpha2'] },
  TLSRoute: { root: GATEWAY, plural: 'tlsroutes', versions: ['v1', 'v1alpha3', 'v1alpha2'] },
  GRPCRoute: { root: GATEWAY, plural: 'grpcroutes', versions: ['v1', 'v1alpha2'] },
  DNSEndpoint: { root: `${API_GROUPS}/externaldns.k8s.io`, plural: 'dnsendpoints', versions: ['v1alpha1'] },
  VirtualServer: { root: `${API_GROUPS}/k8s.nginx.org`, plural: 'virtualservers', versions: ['v1'] },
};

/** Kinds that lie in no namespace. */
const CLUSTER_WIDE: ReadonlySet<WatchedKind> = new Set(['Namespace', 'Node']);

/** The resource's name as an RBAC rule has it. */
export function resourceOf(kind: WatchedKind): string {
  return RESOURCES[kind].plural;
}

/** Must the version of a kind be found out? */
export function isNegotiated(kind: WatchedKind): boolean {
  return RESOURCES[kind].versions !== undefined;
}

/** @param version Of the group, where it must be found out. */
export function pathOf({ kind, scope }: FeedSpec, version?: string): string {
  const { root, plural } = RESOURCES[kind];
  const base = version === undefined ? root : `${root}/${version}`;
  const isNamespaced = scope !== '' && !CLUSTER_WIDE.has(kind);
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

/** The versions of a kind's group that an APIGroupList (parsed JSON) tells of and that can be read, the best first. */
export function groupVersions(kind: WatchedKind, list: unknown): string[] {
  const { root, versions = [] } = RESOURCES[kind];
  const name = root.slice(API_GROUPS.length + 1);
  const group = entriesOf(list, 'groups').find((entry) => fieldOf(entry, 'name') === name);
  const served = entriesOf(group, 'versions').map((entry) => fieldOf(entry, 'version'));
  return versions.filter((version) => served.includes(version));
}

/** The list of the resources of one version of a kind's group. */
export function resourcesPath(kind: WatchedKind, version: string): string {
  return `${RESOURCES[kind].root}/${version}`;
}

/** Is a kind among the resources of an APIResourceList (parsed JSON)? */
export function isListed(kind: WatchedKind, list: unknown): boolean {
  return entriesOf(list, 'resources').some((entry) => fieldOf(entry, 'name') === RESOURCES[kind].plural);
}

function fieldOf(object: unknown, key: string): unknown {
  return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[key] : undefined;
}

function entriesOf(object: unknown, key: string): unknown[] {
  const value = fieldOf(object, key);
  return Array.isArray(value) ? value : [];
}

/** The kind that an object of a manifest is, whatever the version of its group; undefined for what has nothing for DNS. */
export function watchedKindOf(apiVersion: string, kind: string): WatchedKind | undefined {
  if (!Object.hasOwn(RESOURCES, kind)) return undefined;
  const watched = kind as WatchedKind;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const [, own = ''] = /^\/apis\/([^/]+)/.exec(RESOURCES[watched].root) ?? [];
  return group === own ? watched : undefined;
}
