/** Differences between versions of a zone as records (RFC 1995 §4). */
import type { ResourceRecord } from '../dns/rrset.ts';
import type { PackedChangeset } from '../projection/journal.ts';

/**
 * The new SOA record; for each changeset the old SOA, what is removed, the new SOA, what is added; the new SOA record
 * again.
 * @param changesets a chain of at least one, oldest first, that ends in the version with `soa`
 */
export function* ixfr(soa: ResourceRecord, changesets: Iterable<PackedChangeset>): Generator<ResourceRecord> {
  yield soa;
  for (const { soaFrom, removed, soaTo, added } of changesets) {
    yield soaFrom;
    yield* removed;
    yield soaTo;
    yield* added;
  }
  yield soa;
}
