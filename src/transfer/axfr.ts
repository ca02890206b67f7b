/** A whole zone (RFC 5936 §2.2). */
import type { ResourceRecord, RRset } from '../dns/rrset.ts';
import type { ZonePart } from '../projection/zone.ts';

/**
 * The SOA record, all other sets, and the SOA record again.
 * @param parts of one version, without the SOA set, name servers and their addresses included
 */
export function* axfr(soa: ResourceRecord, parts: Iterable<ZonePart>): Generator<ZonePart> {
  const { owner, type, ttl, rdata } = soa;
  const sets: readonly RRset[] = [{ owner, type, ttl, rdatas: [rdata] }];
  const text = JSON.stringify(soa);
  yield { key: 'begin', facts: ['begin', text], sets: () => sets };
  yield* parts;
  yield { key: 'end', facts: ['end', text], sets: () => sets };
}
