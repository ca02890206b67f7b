/** Changesets of zones of other servers: what the log has of a transfer is put together, and never taken apart. */
import { packedSpans, unpackRecords } from '../dns/canonical.ts';
import { unpackText } from '../dns/packed-text.ts';
import { RRType } from '../dns/rrset.ts';
import type { ClusterEvent } from '../ingest/event.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { SoaRecord } from './diff.ts';

/** As `Changeset`, the records in uncompressed wire format (`packRecords`). */
export interface PackedChanges {
  readonly soaFrom: SoaRecord;
  readonly soaTo: SoaRecord;
  readonly removed: Uint8Array;
  readonly removedCount: number;
  readonly added: Uint8Array;
  readonly addedCount: number;
}

/** Octets of changes up to which they are kept for incremental transfers: whoever is behind more takes the whole zone. */
const MOST_OCTETS = 16 * 1024 * 1024;

/**
 * The changes that the events of one batch make in a zone that was there before.
 * @returns undefined when there are too many to be kept
 */
export function packedChanges(id: ZoneId, events: readonly ClusterEvent[]): PackedChanges | undefined {
  const removed = new Collected();
  const added = new Collected();
  for (const event of events) {
    if (event.kind !== 'ZoneTransferred' || event.zone !== id) continue;
    removed.add(unpackText(event.removed));
    added.add(unpackText(event.added));
    if (removed.octets + added.octets > MOST_OCTETS) return undefined;
  }
  const [soaFrom, soaTo] = [removed.soa, added.soa];
  // Any other version has another serial, so another SOA record.
  if (soaFrom === undefined || soaTo === undefined) return undefined;
  return {
    soaFrom,
    soaTo,
    removed: removed.all(),
    removedCount: removed.count,
    added: added.all(),
    addedCount: added.count,
  };
}

class Collected {
  readonly #parts: Uint8Array[] = [];
  soa: SoaRecord | undefined;
  octets = 0;
  count = 0;

  /** Takes records, but for the SOA record, which is kept apart. */
  add(packed: Uint8Array): void {
    let from = 0;
    for (const { type, start, end } of packedSpans(packed)) {
      if (type !== RRType.SOA) {
        this.count += 1;
        continue;
      }
      const [record] = unpackRecords(packed.subarray(start, end));
      if (record?.rdata.type === 'SOA') this.soa = { ...record, rdata: record.rdata };
      this.#push(packed.subarray(from, start));
      from = end;
    }
    this.#push(packed.subarray(from));
  }

  all(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #push(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.octets += part.length;
  }
}
