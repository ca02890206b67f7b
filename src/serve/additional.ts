/** The additional section: addresses of the names that an answer points to, as far as the same zone has them (RFC 2782, RFC 1035 §3.3.11). */
import type { DomainName } from '../dns/name.ts';
import { isSubdomain, labelsBelow } from '../dns/name.ts';
import { type ResourceRecord, type RRset, RRType, recordsOf } from '../dns/rrset.ts';
import { type FoundName, serviceSets, type Zone } from '../projection/zone.ts';

/** From so many targets on it is cheaper to make all records of their service once than to look each target up. */
const MANY_TARGETS = 8;

/**
 * Addresses of the targets of an NS or SRV set, each target once, A before AAAA; none for sets of other types.
 * @param find looks a name of the zone up
 */
export function additionalRecords(zone: Zone, rrset: RRset, find: (name: DomainName) => FoundName): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  // A gateway zone's own TTL goes for its own name servers' addresses too, as the peer has it.
  const isOwn = zone.definition.kind === 'gateway' && rrset.type === RRType.NS && rrset.owner === zone.apex;
  const ttl = isOwn ? rrset.ttl : undefined;
  const targets = targetsOf(rrset);
  const look = targets.size < MANY_TARGETS ? setsByName(find) : setsByService(zone, setsByName(find));
  for (const target of targets) {
    const fixed = rrset.type === RRType.NS ? outsideGlue(zone, target, rrset.ttl) : undefined;
    records.push(...(fixed ?? addressesInZone(zone, target, look)));
  }
  return ttl === undefined ? records : records.map((record) => ({ ...record, ttl }));
}

/** The names that a set points to and whose addresses the client will want next. */
function targetsOf(rrset: RRset): Set<DomainName> {
  const targets = new Set<DomainName>();
  for (const rdata of rrset.rdatas) if (rdata.type === 'NS' || rdata.type === 'SRV') targets.add(rdata.target);
  return targets;
}

type Look = (name: DomainName) => readonly RRset[];

function setsByName(find: (name: DomainName) => FoundName): Look {
  return (name) => {
    const found = find(name);
    return found.status === 'exists' ? found.rrsets() : [];
  };
}

/** Looks names up among all records of their service, which are made once. */
function setsByService(zone: Zone, otherwise: Look): Look {
  const services = new Map<string, Map<DomainName, readonly RRset[]>>();
  return (name) => {
    const [service, namespace, subtree] = labelsBelow(name, zone.apex)?.slice(-3) ?? [];
    if (subtree !== 'svc' || namespace === undefined || service === undefined) return otherwise(name);
    const key = `${namespace}/${service}`;
    const sets = services.get(key) ?? serviceSets(zone, namespace, service);
    services.set(key, sets);
    return sets.get(name) ?? [];
  };
}

function addressesInZone(zone: Zone, name: DomainName, look: Look): ResourceRecord[] {
  if (!isSubdomain(name, zone.apex)) return [];
  const sets = look(name);
  return [RRType.A, RRType.AAAA].flatMap((type) => sets.filter((set) => set.type === type).flatMap(recordsOf));
}

/** Addresses of a name server whose name lies outside the zone (a reverse zone's servers live in the forward zone). */
function outsideGlue(zone: Zone, name: DomainName, ttl: number): ResourceRecord[] | undefined {
  if (isSubdomain(name, zone.apex)) return undefined;
  const server = zone.nameservers.find((one) => one.name === name);
  return server?.addresses.map((address) =>
    address.includes(':')
      ? { owner: name, type: RRType.AAAA, ttl, rdata: { type: 'AAAA', address } }
      : { owner: name, type: RRType.A, ttl, rdata: { type: 'A', address } },
  );
}
