/** The records that `k8s_external` makes of what it knows of a name: for answers and for transfers the same. */
import { canonicalAddress } from '../../dns/address.ts';
import { type DomainName, parseName } from '../../dns/name.ts';
import { type Rdata, type ResourceRecord, RRType } from '../../dns/rrset.ts';
import type { ExternalItem } from './external-zone.ts';

/** RFC 2782: of all records together. */
const WEIGHT = 100;

export function makeRecord<R extends Exclude<Rdata, { readonly type: 'UNKNOWN' }>>(
  owner: DomainName,
  ttl: number,
  rdata: R,
): ResourceRecord & { readonly rdata: R } {
  return { owner, type: RRType[rdata.type], ttl, rdata };
}

/** @param address one that `canonicalAddress` knows */
export function addressRecord(owner: DomainName, ttl: number, address: string): ResourceRecord {
  return makeRecord(owner, ttl, {
    type: address.includes(':') ? 'AAAA' : 'A',
    address: canonicalAddress(address) as string,
  });
}

/** A and AAAA records of a name, each address once. */
export function addressesOfItems(owner: DomainName, items: readonly ExternalItem[], ttl: number): ResourceRecord[] {
  return [...new Set(items.map(({ host }) => host))].filter(isAddress).map((host) => addressRecord(owner, ttl, host));
}

/** What a name is an alias of. One with an address can't be an alias too (RFC 1034 §3.6.2). */
export function aliasOfItems(items: readonly ExternalItem[]): DomainName | undefined {
  if (items.some(({ host }) => isAddress(host))) return undefined;
  return items.map(({ host }) => parseName(host)).find((host) => host !== undefined);
}

export interface ServiceRecords {
  readonly services: readonly ResourceRecord[];
  /** Addresses of targets that are names of the zone. */
  readonly addresses: readonly ResourceRecord[];
  /** Targets elsewhere. */
  readonly hosts: ReadonlySet<DomainName>;
}

/** SRV records of a name. @param ttl of SRV records @param addressTtl of addresses */
export function servicesOfItems(
  owner: DomainName,
  items: readonly ExternalItem[],
  ttl: number,
  addressTtl: number,
): ServiceRecords {
  const weight = Math.max(1, Math.floor(WEIGHT / items.length));
  const services = new Map<string, ResourceRecord>();
  const addresses = new Map<string, ResourceRecord>();
  const hosts = new Set<DomainName>();
  for (const { host, port, name } of items) {
    if (port === undefined) continue;
    const target = isAddress(host) ? name : parseName(host);
    if (target === undefined) continue;
    services.set(`${port} ${target}`, makeRecord(owner, ttl, { type: 'SRV', priority: 0, weight, port, target }));
    if (isAddress(host)) addresses.set(`${target} ${host}`, addressRecord(target, addressTtl, host));
    else hosts.add(target);
  }
  return { services: [...services.values()], addresses: [...addresses.values()], hosts };
}

function isAddress(host: string): boolean {
  return canonicalAddress(host) !== undefined;
}
