/** Servers that zones come from. */
import type { DomainName } from '../../dns/name.ts';
import type { TsigKey } from '../../dns/tsig-key.ts';
import type { ZoneId } from '../plan.ts';
import type { DigestPolicy } from './digest.ts';
import type { ZoneLimits } from './transfer-reader.ts';

/** How to speak TLS with a primary (RFC 9103). Paths of PEM files, which are read at each connection. */
export interface PrimaryTls {
  readonly cert?: string;
  readonly key?: string;
  /** Whose certificates are believed; absent: those that the system believes. */
  readonly ca?: string;
  /** What the certificate must be for; absent: the address. */
  readonly serverName?: string;
}

export interface Primary {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
  /** Signs what is sent to it; its answers must be signed too. */
  readonly key?: TsigKey;
  /** Absent: plain TCP, and UDP for questions that fit. */
  readonly tls?: PrimaryTls;
}

/** Milliseconds, shortest and longest. */
export type TimeRange = readonly [least: number, most: number];

/** One zone that is kept as its primaries have it, or a catalog of such zones. */
export interface SecondarySource {
  readonly zone: ZoneId;
  readonly apex: DomainName;
  /** In the order in which they are asked. */
  readonly primaries: readonly Primary[];
  /** The address to ask from; absent: the system chooses. */
  readonly source?: string;
  /** Differences are not asked for. */
  readonly isFullOnly?: boolean;
  readonly limits: ZoneLimits;
  /** Absent: digests are not looked at. */
  readonly zonemd?: DigestPolicy;
  /** What the SOA record asks for is kept within these. */
  readonly refresh: TimeRange;
  readonly retry: TimeRange;
  readonly expire: TimeRange;
  /** Milliseconds that a transfer may take in all, and that its next message may. */
  readonly transferTime: number;
  readonly idleTime: number;
  /** Of a catalog. */
  readonly catalog?: CatalogSource;
}

/** Which of the zones that a catalog lists are followed, and where they come from. */
export interface CatalogSource {
  /** Only zones at or below these; empty: all. */
  readonly members: readonly DomainName[];
  /** Zones of the server block: others would never be asked for. */
  readonly within: readonly DomainName[];
  readonly most: number;
  /** Members of a group come from these primaries in place of the catalog's own. */
  readonly groups: readonly { readonly name: string; readonly primaries: readonly Primary[] }[];
}

/** `ADDRESS:PORT`, as events, metrics and log lines have it. */
export function nameOfPrimary({ address, port }: Pick<Primary, 'address' | 'port'>): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
