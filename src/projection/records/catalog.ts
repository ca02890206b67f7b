/** The records of a catalog zone (RFC 9432 §4), its SOA and NS aside. */
import { createHash } from 'node:crypto';
import { childOf, type DomainName } from '../../dns/name.ts';
import { type Rdata, type RRset, RRType } from '../../dns/rrset.ts';
import type { ZoneDefinition } from '../../ingest/plan.ts';

const SCHEMA_VERSION = '2';

/** By owner; none for zones that are no catalogs. */
export function catalogOwners({ apex, members = [] }: ZoneDefinition, ttl: number): Map<DomainName, readonly RRset[]> {
  const owners = new Map<DomainName, readonly RRset[]>();
  const put = (owner: DomainName, rdata: Rdata) =>
    owners.set(owner, [{ owner, type: rdata.type === 'PTR' ? RRType.PTR : RRType.TXT, ttl, rdatas: [rdata] }]);
  put(childOf('version', apex), { type: 'TXT', texts: [SCHEMA_VERSION] });
  const zones = childOf('zones', apex);
  for (const member of members) {
    const owner = childOf(memberLabel(member.apex), zones);
    put(owner, { type: 'PTR', target: member.apex });
    if (member.group !== undefined) put(childOf('group', owner), { type: 'TXT', texts: [member.group] });
    if (member.newCatalog !== undefined) put(childOf('coo', owner), { type: 'PTR', target: member.newCatalog });
  }
  return owners;
}

/** The same for a zone for ever: another label would have secondaries throw their copy away (RFC 9432 §5.4). */
function memberLabel(apex: DomainName): string {
  return createHash('sha256').update(apex).digest('hex').slice(0, 32);
}
