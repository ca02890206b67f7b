/** A whole zone as records (RFC 5936 §2.2). */
import { type ResourceRecord, type RRset, RRType } from '../dns/rrset.ts';

/**
 * The SOA record, each set record by record, and the SOA record again.
 * @param rrsets of one version, name servers and their addresses included; a SOA set among them is passed over
 */
export function* axfr(soa: ResourceRecord, rrsets: Iterable<RRset>): Generator<ResourceRecord> {
  yield soa;
  for (const { owner, type, ttl, rdatas } of rrsets) {
    if (type === RRType.SOA) continue;
    for (const rdata of rdatas) yield { owner, type, ttl, rdata };
  }
  yield soa;
}
