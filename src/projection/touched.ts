/** What a fold touched, by cluster: enough to find the records that may differ, without looking at the others. */
import type { ClusterId } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';

export interface TouchedCluster {
  /** `namespace/name` */
  readonly services: Set<string>;
  readonly imports: Set<string>;
  readonly namespaces: Set<string>;
  /** `namespace/address` of pods. */
  readonly pods: Set<string>;
  readonly addresses: Set<string>;
  /** Names of hosts, as objects of gateway zones have them: without final dot. */
  readonly hosts: Set<string>;
}

export class Touched {
  readonly clusters = new Map<ClusterId, TouchedCluster>();
  /** Zones of other servers. */
  readonly zones = new Set<ZoneId>();
  /** The plan changed: every zone has to be looked at as a whole. */
  isPlanTouched = false;
  /** A cluster was synced for the first time: zones that waited for it may be published. */
  isSyncTouched = false;

  plan(): void {
    this.isPlanTouched = true;
  }

  zone(id: ZoneId): void {
    this.zones.add(id);
  }

  sync(id: ClusterId): void {
    this.of(id);
    this.isSyncTouched = true;
  }

  /** A cluster that was synced is lost, or heard of again: its zones are not of this moment, but what they have is the same. */
  contact(id: ClusterId): void {
    this.of(id);
  }

  service(id: ClusterId, key: string): void {
    this.of(id).services.add(key);
  }

  import(id: ClusterId, key: string): void {
    this.of(id).imports.add(key);
  }

  namespace(id: ClusterId, name: string): void {
    this.of(id).namespaces.add(name);
  }

  pod(id: ClusterId, namespace: string, address: string): void {
    this.of(id).pods.add(`${namespace}/${address}`);
  }

  address(id: ClusterId, address: string): void {
    this.of(id).addresses.add(address);
  }

  host(id: ClusterId, host: string): void {
    this.of(id).hosts.add(host);
  }

  of(id: ClusterId): TouchedCluster {
    let cluster = this.clusters.get(id);
    if (cluster === undefined) {
      cluster = {
        services: new Set(),
        imports: new Set(),
        namespaces: new Set(),
        pods: new Set(),
        addresses: new Set(),
        hosts: new Set(),
      };
      this.clusters.set(id, cluster);
    }
    return cluster;
  }
}
