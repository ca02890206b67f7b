/**
 * Names that a zone of ours leaves to other servers: below its apex, NS records (of a DNSEndpoint) are a zone cut. A transfer
 * carries them and what is at and below them, as RFC 5936 §3.5 wants it; an answer tells nothing but whom to ask.
 */
import { childOf, type DomainName, isSubdomain, labelsBelow } from '../dns/name.ts';
import { type Rdata, type RRset, RRType } from '../dns/rrset.ts';
import { findName, type Zone } from '../projection/zone.ts';

/**
 * The NS set of the highest cut at or above a name (RFC 1034 §4.3.2, step 3b).
 * @returns undefined where the zone itself answers: for all names of most zones, and for DS at the cut (RFC 4035 §3.1.4.1)
 */
export function findCut(zone: Zone, name: DomainName, type: RRType): RRset | undefined {
  if (!zone.definition.stanzas.some(({ gateway }) => gateway?.externalDns?.includes('records'))) return undefined;
  let at = zone.apex;
  for (const label of labelsBelow(name, zone.apex)?.toReversed() ?? []) {
    at = childOf(label, at);
    const found = findName(zone, at);
    const set = found.status === 'exists' ? found.rrset(RRType.NS) : undefined;
    if (set !== undefined) return at === name && type === RRType.DS ? undefined : set;
  }
  return undefined;
}

/** The servers that a cut names and whose addresses the zone may have. */
export function serversInZone({ apex }: Zone, { rdatas }: RRset): DomainName[] {
  const targetOf = (rdata: Rdata) => (rdata.type === 'NS' && isSubdomain(rdata.target, apex) ? [rdata.target] : []);
  return rdatas.flatMap(targetOf);
}
