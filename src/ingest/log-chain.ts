/**
 * The chain of hashes over the log.
 *
 * hash(batch) = SHA-256(hash(batch before) ‖ line of the batch ‖ line of each of its events), where a line is a JSON array
 * of the stored columns with words in clear, and a line feed. Before the first batch stand 32 zero octets.
 */
import { createHash } from 'node:crypto';
import type { Position } from './event.ts';
import type { StoredEvent } from './log-row.ts';

/** What stands before the first batch. */
export const EMPTY_HASH: Buffer = Buffer.alloc(32);

export interface BatchHeader {
  readonly batch: number;
  readonly time: number;
  readonly first: Position;
  readonly count: number;
}

/** The hash of a batch: its header and the events as they are stored, in their order. */
export function hashBatch(before: Uint8Array, header: BatchHeader, events: Iterable<StoredEvent>): Buffer {
  const hash = createHash('sha256').update(before);
  hash.update(`${JSON.stringify([header.batch, header.time, header.first, header.count])}\n`);
  for (const event of events) {
    const { cluster, object, key, kind, body, checksum, schema, resourceVersion, manager } = event;
    hash.update(`${JSON.stringify([cluster, object, key, kind, body, checksum, schema, resourceVersion, manager])}\n`);
  }
  return hash.digest();
}
