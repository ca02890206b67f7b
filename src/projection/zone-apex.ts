/**
 * What a zone owns by itself, whatever its clusters have: SOA, NS, ZONEMD, addresses of name servers with names of the zone's
 * own.
 */
import { childOf, type DomainName, isSubdomain } from '../dns/name.ts';
import { type Rdata, type ResourceRecord, type RRset, RRType, type SoaRdata } from '../dns/rrset.ts';
import { toSerial } from '../dns/serial.ts';
import { defaultServer } from './nameservers.ts';
import { catalogOwners } from './records/catalog.ts';
import { addressSets } from './records/slot.ts';
import type { Zone } from './zone.ts';
import { zonesBelow } from './zones-below.ts';

/** TTL of a SOA record at most, in seconds: what a denial may be cached for (RFC 2308 §5). */
const MAX_SOA_TTL = 300;

/** The SOA record of this version; serial 0 before the first published one. */
export function soaRecord(zone: Zone): ResourceRecord & { readonly rdata: SoaRdata } {
  if (zone.content?.soa !== undefined) return zone.content.soa;
  const ttl = zoneTtl(zone);
  const primary = zone.definition.stanzas[0]?.gateway?.servers[0]?.name;
  const rdata: SoaRdata = {
    type: 'SOA',
    mname: primary ?? zone.definition.nameservers?.[0]?.name ?? defaultServer(zone.apex),
    rname: childOf('hostmaster', primary ?? zone.apex),
    serial: zone.serial ?? toSerial(0),
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    minimum: ttl,
  };
  return { owner: zone.apex, type: RRType.SOA, ttl: Math.min(ttl, MAX_SOA_TTL), rdata };
}

/** The ZONEMD record of this version (projection/seal.ts); its TTL is that of the SOA record (RFC 8976 §2). */
export function zonemdRecord(zone: Zone): ResourceRecord | undefined {
  const { apex, zonemd } = zone;
  if (zonemd === undefined) return undefined;
  const { ttl } = soaRecord(zone);
  return { owner: apex, type: RRType.ZONEMD, ttl, rdata: { type: 'UNKNOWN', code: RRType.ZONEMD, data: zonemd } };
}

/** Have two versions the same ZONEMD record, or none? */
export function isSameZonemd(a: Zone, b: Zone): boolean {
  if (a.zonemd === undefined || b.zonemd === undefined) return a.zonemd === b.zonemd;
  return Buffer.compare(a.zonemd, b.zonemd) === 0 && soaRecord(a).ttl === soaRecord(b).ttl;
}

/** TTL of a gateway zone's own records, seconds, whatever its `ttl`. */
export const GATEWAY_TTL = 60;

/** TTL of the zone's own records, seconds: that of the first stanza. */
function zoneTtl(zone: Zone): number {
  if (zone.definition.kind === 'gateway') return GATEWAY_TTL;
  return zone.definition.stanzas[0]?.ttl ?? 5;
}

/** `dns-version` is a promise about the form of the names below `svc` (Kubernetes DNS specification 1.1.0). */
const SCHEMA_VERSION: RRset['rdatas'] = [{ type: 'TXT', texts: ['1.1.0'] }];
const SCHEMA_VERSION_TTL = 28800;

/** By owner. */
export function ownSets(zone: Zone): Map<DomainName, readonly RRset[]> {
  const { kind, localAddresses, nameservers } = zone.definition;
  const ttl = zoneTtl(zone);
  const owners = new Map<DomainName, readonly RRset[]>();
  const names = zone.nameservers.map(({ name }): Rdata => ({ type: 'NS', target: name }));
  const soa = soaRecord(zone);
  const zonemd = zonemdRecord(zone);
  owners.set(zone.apex, [
    { owner: zone.apex, type: RRType.NS, ttl, rdatas: names },
    { owner: zone.apex, type: RRType.SOA, ttl: soa.ttl, rdatas: [soa.rdata] },
    ...(zonemd ? [{ owner: zone.apex, type: RRType.ZONEMD, ttl: zonemd.ttl, rdatas: [zonemd.rdata] }] : []),
  ]);
  if (kind === 'gateway') {
    // The zones below have the same servers.
    for (const owner of zonesBelow(zone.definition))
      owners.set(owner, [{ owner, type: RRType.NS, ttl, rdatas: names }]);
    return owners;
  }
  if (kind === 'catalog') {
    for (const [owner, sets] of catalogOwners(zone.definition, ttl)) owners.set(owner, sets);
  } else if (kind !== 'reverse') {
    const version = childOf('dns-version', zone.apex);
    owners.set(version, [{ owner: version, type: RRType.TXT, ttl: SCHEMA_VERSION_TTL, rdatas: SCHEMA_VERSION }]);
  }
  if (nameservers === undefined) {
    const name = defaultServer(zone.apex);
    const server = zone.nameservers.find((known) => known.name === name);
    owners.set(name, addressSets(name, ttl, server?.addresses ?? localAddresses));
    return owners;
  }
  for (const { name, addresses } of nameservers) {
    if (addresses.length > 0 && isSubdomain(name, zone.apex)) owners.set(name, addressSets(name, ttl, addresses));
  }
  return owners;
}
