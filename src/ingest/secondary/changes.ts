/** The differences between two versions of a zone as events, a little at a time. */
import { packedText } from '../../dns/packed-text.ts';
import type { RecordStore } from '../../dns/record-store.ts';
import type { Serial } from '../../dns/serial.ts';
import type { ZoneTransferred } from '../event.ts';
import type { ZoneId } from '../plan.ts';

/** Records of one event, and their octets: folding it takes about a millisecond. */
const PART_RECORDS = 500;
const PART_OCTETS = 64 * 1024;

class Part {
  #octets: Uint8Array[] = [];
  records = 0;
  length = 0;

  add(record: Uint8Array): void {
    this.#octets.push(Uint8Array.from(record));
    this.records += 1;
    this.length += record.length;
  }

  take(): string {
    const text = packedText(Buffer.concat(this.#octets));
    this.#octets = [];
    this.records = 0;
    this.length = 0;
    return text;
  }
}

export interface TransferredChanges {
  readonly events: readonly ZoneTransferred[];
  readonly removed: number;
  readonly added: number;
}

/**
 * The events that lead from one version to another. Between two steps other work may be done.
 * @param about what they have in common
 */
export function* eventsBetween(
  before: RecordStore,
  after: RecordStore,
  about: { readonly zone: ZoneId; readonly primary: string; readonly serial: Serial },
): Generator<undefined, TransferredChanges> {
  const events: ZoneTransferred[] = [];
  const removed = new Part();
  const added = new Part();
  const totals = { removed: 0, added: 0 };
  const flush = () => {
    events.push({ kind: 'ZoneTransferred', ...about, removed: removed.take(), added: added.take() });
  };
  const steps = before.differences(after, (kind, record) => {
    (kind === 'removed' ? removed : added).add(record);
    totals[kind] += 1;
    // A changed TTL is removed first: it may be divided from what is added, which comes later.
    if (removed.records + added.records >= PART_RECORDS || removed.length + added.length >= PART_OCTETS) flush();
  });
  for (const _ of steps) yield;
  if (removed.records + added.records > 0) flush();
  return { events, ...totals };
}
