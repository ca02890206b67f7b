/**
 * Facts about clusters, as the event log keeps them.
 *
 * A Kubernetes object is trimmed to the facts that DNS needs (`…Facts`); an update that leaves them equal is no event.
 * Optional fields are absent, not null or empty, so that equal facts have equal JSON.
 */
import type { ZonePlan } from './plan.ts';

declare const brand: unique symbol;
/**
 * One observed view of one API server: the server (or kubeconfig and context) with the selectors and namespaces that
 * narrow the view. Stanzas with the same view share it. Text that an operator recognises.
 */
export type ClusterId = string & { readonly [brand]: 'ClusterId' };

/** Kinds of objects that are watched. */
export const OBJECT_KINDS = ['Service', 'Namespace', 'EndpointSlice', 'Pod', 'ServiceImport'] as const;
export type ObjectKind = (typeof OBJECT_KINDS)[number];

export interface PortFacts {
  /** Empty for an unnamed port. Lower case. */
  readonly name: string;
  /** Absent where the API has none: such a port gives no SRV record. */
  readonly port?: number;
  /** `tcp`, `udp`, `sctp`: lower case. */
  readonly protocol: string;
}

export interface ServiceFacts {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Cluster IPs in canonical text; `['None']` for a headless service; empty for ExternalName. */
  readonly clusterIPs: readonly string[];
  readonly ports: readonly PortFacts[];
  readonly externalName?: string;
  /** spec.externalIPs, then each status.loadBalancer.ingress IP or host name. */
  readonly external?: readonly string[];
  /** The annotations and labels that name hosts (k8s_gateway); only those. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface EndpointFacts {
  /** Addresses in canonical text. */
  readonly addresses: readonly string[];
  /** Lower case. */
  readonly hostname?: string;
  /** targetRef.name where it is shorter than 64 characters. */
  readonly pod?: string;
  /** Topology zone, lower case. */
  readonly zone?: string;
}

export interface EndpointSliceFacts {
  /** Label kubernetes.io/service-name; absent when the slice belongs to no service of this cluster. */
  readonly service?: string;
  /** multicluster.kubernetes.io/service-name and …/source-cluster. */
  readonly imported?: { readonly service: string; readonly cluster?: string };
  readonly ports: readonly PortFacts[];
  /** Ready endpoints only (`conditions.ready` true or absent). */
  readonly endpoints: readonly EndpointFacts[];
}

export interface PodFacts {
  /** Every status.podIPs entry, canonical text, as the API orders them. */
  readonly addresses: readonly string[];
}

export interface ServiceImportFacts {
  readonly type: 'ClusterSetIP' | 'Headless';
  readonly ips: readonly string[];
  readonly ports: readonly PortFacts[];
}

/** A namespace has no facts but that it exists. */
export type NamespaceFacts = Readonly<Record<string, never>>;

export interface FactsOf {
  Service: ServiceFacts;
  Namespace: NamespaceFacts;
  EndpointSlice: EndpointSliceFacts;
  Pod: PodFacts;
  ServiceImport: ServiceImportFacts;
}

/** Who and what made the change, as far as the object tells. */
export interface Cause {
  readonly resourceVersion?: string;
  /** The newest managedFields entry's manager. */
  readonly manager?: string;
}

/** One state of one object. */
export type UpsertEvent = {
  [K in ObjectKind]: {
    readonly kind: `${K}Upserted`;
    readonly object: K;
    readonly cluster: ClusterId;
    /** `namespace/name`, or the name of an object without namespace. */
    readonly key: string;
    readonly facts: FactsOf[K];
    readonly cause: Cause;
  };
}[ObjectKind];

export type DeleteEvent = {
  [K in ObjectKind]: {
    readonly kind: `${K}Deleted`;
    readonly object: K;
    readonly cluster: ClusterId;
    readonly key: string;
    readonly cause: Cause;
  };
}[ObjectKind];

/** The first complete list of a kind has been logged, or one after it was lost. */
export interface ClusterSynced {
  readonly kind: 'ClusterSynced';
  readonly cluster: ClusterId;
  readonly key: ObjectKind;
}

/** The API server can't be reached for this kind; what is known stays. */
export interface ClusterLost {
  readonly kind: 'ClusterLost';
  readonly cluster: ClusterId;
  readonly key: ObjectKind;
  readonly reason: string;
}

/** The zones that are built from here on: the part of the configuration that decides records and serials. */
export interface PlanApplied {
  readonly kind: 'PlanApplied';
  readonly plan: ZonePlan;
}

export type ClusterEvent = UpsertEvent | DeleteEvent | ClusterSynced | ClusterLost | PlanApplied;

/** Place of an event in the log: 1, 2, 3 … without gaps. */
export type Position = number;

/** Events that were committed together. They are folded together and give one version of each zone that they change. */
export interface Batch {
  /** 1, 2, 3 … without gaps. */
  readonly batch: number;
  /** Unix time in milliseconds at which it was committed. Never lower than that of the batch before. */
  readonly time: number;
  readonly events: readonly ClusterEvent[];
}
