/**
 * What zones are made from which clusters: the part of the configuration that decides records. It is logged whenever it
 * changes, so that a replay of the log gives the same zones and serials.
 */
import type { ExternalDnsPart, GatewayResource } from '../corefile/config.ts';
import type { DomainName } from '../dns/name.ts';
import type { ZoneHash } from '../dns/zone-digest.ts';
import type { ClusterId, WatchedKind } from './event.ts';

/** Name of one zone that is built: its apex, with `#2`, `#3` … where server blocks build different zones of one apex. */
export type ZoneId = string;

export type PodMode = 'disabled' | 'insecure' | 'verified';

/** What a stanza of `k8s_gateway` makes the names of one zone from. */
export interface GatewayPlan {
  /** The first that has anything for a name owns it. */
  readonly resources: readonly GatewayResource[];
  /** Only Ingresses of these classes; absent: all. */
  readonly ingressClasses?: readonly string[];
  /** Only Gateways of these classes; absent: all. */
  readonly gatewayClasses?: readonly string[];
  readonly nodeAddressType: 'InternalIP' | 'ExternalIP';
  /** The zone's name servers; one at least, the primary first. */
  readonly servers: readonly GatewayServer[];
  /** All zones of the stanza: a host in one of them is absolute, others are relative to the zone as well. */
  readonly zones: readonly DomainName[];
  /** Host names of load balancers are CNAME records. Absent: their addresses stand for them. */
  readonly isAliased?: boolean;
  /** Routes without hosts have those of their Gateways' listeners. Absent: they have none. */
  readonly inheritsHosts?: boolean;
  /** What of external-dns' is heeded: TTLs, annotated targets, the other record types of a DNSEndpoint. Absent: nothing. */
  readonly externalDns?: readonly ExternalDnsPart[];
}

export interface GatewayServer {
  readonly name: DomainName;
  /** Canonical text; absent: what the objects of that name have. */
  readonly addresses?: readonly string[];
}

/** One stanza's part in one zone. */
export interface StanzaPlan {
  readonly plugin: 'kubernetes' | 'kubernetai' | 'multicluster' | 'k8s_gateway';
  readonly cluster: ClusterId;
  /** Where PTR records of this stanza point: its first zone that is no reverse one. */
  readonly primary: DomainName;
  /** Seconds. */
  readonly ttl: number;
  /** Only these namespaces; absent: all. */
  readonly namespaces?: readonly string[];
  readonly pods: PodMode;
  readonly endpointPodNames: boolean;
  readonly noEndpoints: boolean;
  readonly ignoreEmptyService: boolean;
  /** Imports with an address of their own name no endpoint of one cluster (KEP-1645). Absent: they do. */
  readonly isStrict?: boolean;
  /** Of a reverse zone: the zone that PTR records of ServiceImports point into. Absent: there are none. */
  readonly importsIn?: DomainName;
  readonly zonal: boolean;
  /** `merge`: endpoints of headless services of all such stanzas of the zone are one service's. Absent: no. */
  readonly isMerged?: boolean;
  /** Names at or below these go on to the next stanza when this one has not got them; absent: no fallthrough. */
  readonly fallthrough?: readonly DomainName[];
  /** Of `k8s_gateway`; absent for the others. */
  readonly gateway?: GatewayPlan;
  /** The kinds that must have been listed before this stanza may deny a name; in a gateway zone, those it has not got count. */
  readonly needs: readonly WatchedKind[];
}

/**
 * `cluster`: names of services and pods. `clusterset`: names of ServiceImports (KEP-1645). `reverse`: PTR records.
 * `gateway`: hosts of Ingresses, load balancers, routes and the like. `catalog`: a list of zones for secondaries
 * (RFC 9432), made from no cluster. `secondary`: what another server has.
 */
export type ZoneKind = 'cluster' | 'clusterset' | 'reverse' | 'gateway' | 'catalog' | 'secondary';

/** A zone in a catalog. */
export interface MemberZone {
  readonly apex: DomainName;
  /** What a secondary chooses its own settings for the zone by. */
  readonly group?: string;
  /** The catalog that the zone goes over to (`coo`). */
  readonly newCatalog?: DomainName;
}

/** The digest that each version of a zone has in its ZONEMD record (RFC 8976). */
export interface ZonemdPlan {
  readonly hash: ZoneHash;
  /** Records; of a zone with more there is none. */
  readonly most: number;
}

export interface ZoneDefinition {
  readonly id: ZoneId;
  readonly apex: DomainName;
  readonly kind: ZoneKind;
  /** In Corefile order: the first that has a name owns it (kubernetai's fallthrough). */
  readonly stanzas: readonly StanzaPlan[];
  /** Fixed name servers (`nameservers NAME [ADDR…]`); absent: found from `localAddresses`. */
  readonly nameservers?: readonly { readonly name: DomainName; readonly addresses: readonly string[] }[];
  /** Of a catalog, by ascending apex. */
  readonly members?: readonly MemberZone[];
  /** Of a secondary zone: the servers that it comes from, `ADDRESS:PORT`. */
  readonly primaries?: readonly string[];
  /** A secondary zone that is a catalog, whose members are secondary zones too. */
  readonly isFollowed?: boolean;
  /** Of a member of such a catalog, which is in no plan. */
  readonly memberOf?: ZoneId;
  /** Absent: no ZONEMD record. */
  readonly zonemd?: ZonemdPlan;
  /** Addresses of this server, canonical text; empty only for catalogs and secondary zones. */
  readonly localAddresses: readonly string[];
}

export interface ZonePlan {
  readonly zones: readonly ZoneDefinition[];
  /** Clusters that no zone is made of, looked at for addresses of secondaries; absent: none. */
  readonly others?: readonly ClusterId[];
}
