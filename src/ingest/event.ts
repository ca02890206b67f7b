/**
 * Facts about clusters, as the event log keeps them.
 *
 * A Kubernetes object is trimmed to the facts that DNS needs (`…Facts`); an update that leaves them equal is no event.
 * Optional fields are absent, not null or empty, so that equal facts have equal JSON.
 */
import type { DomainName } from '../dns/name.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId, ZonePlan } from './plan.ts';

declare const brand: unique symbol;
/**
 * One observed view of one API server: the server (or kubeconfig and context) with the selectors and namespaces that
 * narrow the view. Stanzas with the same view share it. Text that an operator recognises.
 */
export type ClusterId = string & { readonly [brand]: 'ClusterId' };

/** Kinds of objects that are watched for the hosts that they name, and for nothing else. */
export const HOST_KINDS = [
  'Ingress',
  'Gateway',
  'HTTPRoute',
  'TLSRoute',
  'GRPCRoute',
  'DNSEndpoint',
  'Node',
  'VirtualServer',
] as const;

/** Kinds of objects that are watched. */
export const WATCHED_KINDS = ['Service', 'Namespace', 'EndpointSlice', 'Pod', 'ServiceImport', ...HOST_KINDS] as const;
export type WatchedKind = (typeof WATCHED_KINDS)[number];

/** Kinds of objects that facts are about: those watched, and what load balancers' host names were found to be. */
export const OBJECT_KINDS = [...WATCHED_KINDS, 'ResolvedHost'] as const;
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
  /** What of `external` a gateway zone takes, where that is not all of it: spec.externalIPs alone, if there are any. */
  readonly gatewayTargets?: readonly string[];
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

/** What external-dns reads from annotations of an object. */
export interface NoteFacts {
  /** Annotation `external-dns.alpha.kubernetes.io/target`: stands in for the object's own targets. */
  readonly target?: readonly string[];
  /** Annotation `external-dns.alpha.kubernetes.io/ttl`, seconds. */
  readonly ttl?: number;
}

/**
 * Of an Ingress, or of a VirtualServer. `targets` here and below: addresses in canonical text and host names in lower
 * case, in the order of the object. Names of hosts are in lower case, without final dot; a first label may be `*`.
 */
export interface IngressFacts extends NoteFacts {
  readonly class?: string;
  readonly hosts: readonly string[];
  readonly targets: readonly string[];
}

export interface GatewayFacts extends NoteFacts {
  readonly class?: string;
  readonly targets: readonly string[];
  /** Listeners that name a host. */
  readonly listeners?: readonly { readonly name: string; readonly host: string }[];
}

/** Of an HTTPRoute, TLSRoute or GRPCRoute. */
export interface RouteFacts extends NoteFacts {
  readonly hosts: readonly string[];
  /** The Gateways that it is attached to: `namespace/name`, and the listener where one is named. */
  readonly parents: readonly { readonly gateway: string; readonly listener?: string }[];
}

export interface DnsEndpointFacts {
  readonly entries: readonly {
    readonly host: string;
    /** Record type, upper case. */
    readonly type: string;
    readonly targets: readonly string[];
    /** Seconds. */
    readonly ttl?: number;
  }[];
}

export interface NodeFacts {
  readonly hosts: readonly string[];
  readonly internal: readonly string[];
  readonly external: readonly string[];
}

/** The addresses of a load balancer's host name (the key), as a resolver of the machine found them; empty: it has none. */
export interface ResolvedHostFacts {
  /** Canonical text, sorted. */
  readonly addresses: readonly string[];
  /** Of the addresses, seconds; absent where they have none. */
  readonly ttl?: number;
}

/** A namespace has no facts but that it exists. */
export type NamespaceFacts = Readonly<Record<string, never>>;

export interface FactsOf {
  Service: ServiceFacts;
  Namespace: NamespaceFacts;
  EndpointSlice: EndpointSliceFacts;
  Pod: PodFacts;
  ServiceImport: ServiceImportFacts;
  Ingress: IngressFacts;
  Gateway: GatewayFacts;
  HTTPRoute: RouteFacts;
  TLSRoute: RouteFacts;
  GRPCRoute: RouteFacts;
  DNSEndpoint: DnsEndpointFacts;
  Node: NodeFacts;
  VirtualServer: IngressFacts;
  ResolvedHost: ResolvedHostFacts;
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

/** The API server has no such kind, or does not let us list it, and never has since the cluster is followed. */
export interface ClusterLacks {
  readonly kind: 'ClusterLacks';
  readonly cluster: ClusterId;
  readonly key: ObjectKind;
  readonly reason: string;
}

/**
 * The guard does not believe a list: the objects of a kind that it lacks are kept. Stands in for what was held of such a list
 * before.
 */
export interface DeletionsHeld {
  readonly kind: 'DeletionsHeld';
  readonly cluster: ClusterId;
  readonly key: WatchedKind;
  /** The namespace that was listed; '' is all. */
  readonly scope: string;
  /** How many objects were known, and how many of them the list lacked. */
  readonly known: number;
  readonly count: number;
  /** The keys of those that it lacked (held-keys.ts); of very many not all. */
  readonly keys: string;
  /** What the guard lets go at once, percent. */
  readonly percent: number;
  /** Unix milliseconds: so long at most. */
  readonly until: number;
}

/**
 * How holding back deletions ended: the API has the objects again, or deleted them one by one; or a later list without them
 * was believed, an operator said so, the time was over, and they are deleted now.
 */
export const HOLD_ENDINGS = ['shown', 'deleted', 'believed', 'operator', 'time'] as const;
export type HoldEnding = (typeof HOLD_ENDINGS)[number];

export interface DeletionsReleased {
  readonly kind: 'DeletionsReleased';
  readonly cluster: ClusterId;
  readonly key: WatchedKind;
  readonly scope: string;
  readonly by: HoldEnding;
  /** Only of these objects; absent: of all. */
  readonly keys?: readonly string[];
}

/** The zones that are built from here on: the part of the configuration that decides records and serials. */
export interface PlanApplied {
  readonly kind: 'PlanApplied';
  readonly plan: ZonePlan;
}

/**
 * A part of what a transfer changed in a zone of another server. All parts of a version are in one batch; what they take
 * out was there, and what they add was not.
 */
export interface ZoneTransferred {
  readonly kind: 'ZoneTransferred';
  readonly zone: ZoneId;
  /** `ADDRESS:PORT` of the server that it came from. */
  readonly primary: string;
  /** Of the version that all parts together lead to. */
  readonly serial: Serial;
  /** Records (dns/packed-text.ts), the SOA record as any other. */
  readonly removed: string;
  readonly added: string;
}

/** No primary has been heard of for as long as the zone's SOA record allows: it may not be answered from. */
export interface ZoneExpired {
  readonly kind: 'ZoneExpired';
  readonly zone: ZoneId;
}

/** A zone that had expired was found to be current. */
export interface ZoneRefreshed {
  readonly kind: 'ZoneRefreshed';
  readonly zone: ZoneId;
  readonly primary: string;
}

/** A zone came into a catalog that is followed (RFC 9432), with a new label: nothing of an older zone of its name is kept. */
export interface MemberZoneAdded {
  readonly kind: 'MemberZoneAdded';
  readonly catalog: ZoneId;
  readonly apex: DomainName;
  /** The unique label of the member. */
  readonly label: string;
  readonly group?: string;
}

/** A member went to another catalog, or got another group; its content stays. */
export interface MemberZoneMoved {
  readonly kind: 'MemberZoneMoved';
  readonly catalog: ZoneId;
  readonly apex: DomainName;
  readonly label: string;
  readonly group?: string;
}

/** A zone went from a catalog, and its content with it. */
export interface MemberZoneRemoved {
  readonly kind: 'MemberZoneRemoved';
  readonly catalog: ZoneId;
  readonly apex: DomainName;
}

/** Facts about zones that other servers are the primaries of. */
export type TransferEvent =
  | ZoneTransferred
  | ZoneExpired
  | ZoneRefreshed
  | MemberZoneAdded
  | MemberZoneMoved
  | MemberZoneRemoved;

export type ClusterEvent =
  | UpsertEvent
  | DeleteEvent
  | ClusterSynced
  | ClusterLost
  | ClusterLacks
  | DeletionsHeld
  | DeletionsReleased
  | PlanApplied
  | TransferEvent;

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
