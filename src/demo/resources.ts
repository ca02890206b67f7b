/**
 * The kinds of objects that the demo API server knows, and how they are found by path and by kind.
 *
 * Built-in kinds are always served. Kinds of the Gateway API, the Multi-Cluster Services API and external-dns are custom:
 * they are served while their CustomResourceDefinition is in the store, as on a real API server, so that "this cluster
 * has no such CRD" is nothing but an absent object.
 */

/** The part of an object's metadata that somebody reads; the rest is carried along. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  resourceVersion?: string;
  uid?: string;
  creationTimestamp?: string;
  managedFields?: readonly ManagedFields[];
  [field: string]: unknown;
}

export interface ManagedFields {
  manager?: string;
  operation?: string;
  time?: string;
  [field: string]: unknown;
}

/** Any Kubernetes object. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface ResourceType {
  /** '' is the core group. */
  readonly group: string;
  /** Served versions, the preferred one first. */
  readonly versions: readonly string[];
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
  /** Defined by a CustomResourceDefinition, not built in. */
  readonly isCustom: boolean;
  /** What kubectl users may type: 'svc'. */
  readonly shortNames: readonly string[];
  /** Paths that a fieldSelector may name, besides metadata.name and metadata.namespace. */
  readonly fields: readonly string[];
}

const GATEWAY = 'gateway.networking.k8s.io';
const MULTICLUSTER = 'multicluster.x-k8s.io';
const EXTERNAL_DNS = 'externaldns.k8s.io';

export const CRD_GROUP = 'apiextensions.k8s.io';
export const CRD_PLURAL = 'customresourcedefinitions';

const builtIn = (
  group: string,
  plural: string,
  kind: string,
  isNamespaced: boolean,
  shortNames: readonly string[] = [],
  fields: readonly string[] = [],
): ResourceType => ({ group, versions: ['v1'], plural, kind, isNamespaced, isCustom: false, shortNames, fields });

export const BUILT_IN_TYPES: readonly ResourceType[] = [
  builtIn('', 'namespaces', 'Namespace', false, ['ns'], ['status.phase']),
  builtIn('', 'nodes', 'Node', false, ['no'], ['spec.unschedulable']),
  builtIn('', 'services', 'Service', true, ['svc'], ['spec.clusterIP', 'spec.type']),
  builtIn('', 'pods', 'Pod', true, ['po'], ['status.phase', 'status.podIP', 'spec.nodeName', 'spec.restartPolicy']),
  builtIn('', 'endpoints', 'Endpoints', true, ['ep']),
  builtIn('', 'configmaps', 'ConfigMap', true, ['cm']),
  builtIn('discovery.k8s.io', 'endpointslices', 'EndpointSlice', true),
  builtIn('networking.k8s.io', 'ingresses', 'Ingress', true, ['ing']),
  builtIn('networking.k8s.io', 'ingressclasses', 'IngressClass', false),
  builtIn('coordination.k8s.io', 'leases', 'Lease', true),
  builtIn(CRD_GROUP, CRD_PLURAL, 'CustomResourceDefinition', false, ['crd', 'crds']),
];

/** [group, plural, kind, isNamespaced, versions]; the first version is the preferred one. */
const CUSTOM: readonly (readonly [string, string, string, boolean, readonly string[]])[] = [
  [GATEWAY, 'gateways', 'Gateway', true, ['v1', 'v1beta1']],
  [GATEWAY, 'gatewayclasses', 'GatewayClass', false, ['v1', 'v1beta1']],
  [GATEWAY, 'httproutes', 'HTTPRoute', true, ['v1', 'v1beta1']],
  [GATEWAY, 'grpcroutes', 'GRPCRoute', true, ['v1', 'v1alpha2']],
  [GATEWAY, 'tlsroutes', 'TLSRoute', true, ['v1', 'v1alpha3', 'v1alpha2']],
  [MULTICLUSTER, 'serviceimports', 'ServiceImport', true, ['v1beta1', 'v1alpha1']],
  [MULTICLUSTER, 'serviceexports', 'ServiceExport', true, ['v1beta1', 'v1alpha1']],
  [EXTERNAL_DNS, 'dnsendpoints', 'DNSEndpoint', true, ['v1alpha1']],
];

/**
 * The CustomResourceDefinitions that a new server starts with.
 *
 * `absent` names what this cluster doesn't have: a group ('gateway.networking.k8s.io'), one of its resources
 * ('tlsroutes.gateway.networking.k8s.io'), or one version of either ('multicluster.x-k8s.io/v1beta1').
 */
export function defaultCustomResourceDefinitions(absent: readonly string[] = []): KubeObject[] {
  const missing = new Set(absent);
  const crds: KubeObject[] = [];
  for (const [group, plural, kind, isNamespaced, all] of CUSTOM) {
    const name = `${plural}.${group}`;
    if (missing.has(group) || missing.has(name)) continue;
    const versions = all.filter((version) => !missing.has(`${group}/${version}`) && !missing.has(`${name}/${version}`));
    if (versions.length > 0) crds.push(customResourceDefinition({ group, plural, kind, isNamespaced, versions }));
  }
  return crds;
}

export function customResourceDefinition(
  type: Pick<ResourceType, 'group' | 'plural' | 'kind' | 'isNamespaced' | 'versions'>,
): KubeObject {
  const names = {
    plural: type.plural,
    singular: type.kind.toLowerCase(),
    kind: type.kind,
    listKind: `${type.kind}List`,
  };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  // A real API server wants to know who approved of a definition in Kubernetes' own groups.
  const isProtected = type.group.endsWith('.k8s.io');
  const approval = { 'api-approved.kubernetes.io': 'unapproved, a stand-in without a schema' };
  return {
    apiVersion: `${CRD_GROUP}/v1`,
    kind: 'CustomResourceDefinition',
    metadata: { name: `${type.plural}.${type.group}`, ...(isProtected ? { annotations: approval } : {}) },
    spec: {
      group: type.group,
      scope: type.isNamespaced ? 'Namespaced' : 'Cluster',
      names,
      versions: type.versions.map((name, index) => ({ name, served: true, storage: index === 0, schema })),
    },
    status: {
      acceptedNames: names,
      conditions: [{ type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: '' }],
      storedVersions: type.versions.slice(0, 1),
    },
  };
}

/** What a CustomResourceDefinition defines; undefined when it isn't one that can be served. */
export function typeOfCustomResourceDefinition(crd: KubeObject): ResourceType | undefined {
  const spec = asRecord(crd.spec);
  const names = asRecord(spec.names);
  const { group, scope } = spec;
  const { plural, kind } = names;
  if (typeof group !== 'string' || typeof plural !== 'string' || typeof kind !== 'string') return undefined;
  const listed = Array.isArray(spec.versions) ? spec.versions.map(asRecord) : [];
  const versions = listed.filter((entry) => entry.served !== false).map((entry) => String(entry.name));
  if (versions.length === 0) return undefined;
  versions.sort(byVersionPriority);
  return {
    group,
    versions,
    plural,
    kind,
    isNamespaced: scope !== 'Cluster',
    isCustom: true,
    shortNames: [],
    fields: [],
  };
}

/** Kubernetes' order of versions: GA before beta before alpha, newer before older. */
function byVersionPriority(left: string, right: string): number {
  const rank = (version: string): [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (!match) return [0, 0, 0];
    const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [a, b] = [rank(left), rank(right)];
  return b[0] - a[0] || b[1] - a[1] || b[2] - a[2] || (left < right ? -1 : 1);
}

/** 'gateway.networking.k8s.io/v1' → 'gateway.networking.k8s.io'; 'v1' → ''. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.lastIndexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function apiVersionOf(type: ResourceType, version: string): string {
  return type.group === '' ? version : `${type.group}/${version}`;
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
