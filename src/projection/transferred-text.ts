/** Zones of other servers as text, for snapshots and bases: what their heads have of them, and parts with their records. */
import { packRecords } from '../dns/canonical.ts';
import { packedText, unpackText } from '../dns/packed-text.ts';
import { RecordStore } from '../dns/record-store.ts';
import type { ResourceRecord } from '../dns/rrset.ts';
import { OperatorError } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { PersistentMap } from './persistent-map.ts';
import { apexOfZone, type FollowedMember, type Transferred, type TransferredZone } from './transferred.ts';

export interface TransferredHead {
  readonly zones: readonly { readonly id: ZoneId; readonly primary: string; readonly isExpired: boolean }[];
  readonly members: readonly (readonly [apex: string, FollowedMember])[];
}

/** Some records of a zone (dns/packed-text.ts); all parts of a zone together are in canonical order. */
export interface RecordsPart {
  readonly zone: ZoneId;
  readonly records: string;
}

/** Records in one part: some milliseconds of work. */
const PART_SIZE = 2_000;

export function headOfTransferred({ zones, members }: Transferred): TransferredHead {
  return {
    zones: [...zones.entries()].map(([id, { primary, isExpired }]) => ({ id, primary, isExpired })),
    members: [...members.entries()],
  };
}

export function* partsOfTransferred({ zones }: Transferred): Generator<RecordsPart> {
  for (const [zone, { records }] of zones.entries()) {
    let part: ResourceRecord[] = [];
    for (const record of records.records()) {
      part.push(record);
      if (part.length < PART_SIZE) continue;
      yield { zone, records: packedText(packRecords(part)) };
      part = [];
    }
    if (part.length > 0) yield { zone, records: packedText(packRecords(part)) };
  }
}

export class TransferredLoader {
  readonly #head: TransferredHead;
  readonly #editors;

  constructor(head: TransferredHead) {
    this.#head = head;
    this.#editors = new Map(head.zones.map(({ id }) => [id, RecordStore.empty(apexOfZone(id)).edit()]));
  }

  /** @throws OperatorError when the part is of a zone that the head has not */
  add({ zone, records }: RecordsPart): void {
    const editor = this.#editors.get(zone);
    if (editor === undefined) throw new OperatorError(`a part of the state is of ${zone}, which its head has not`);
    editor.addAll(unpackText(records));
  }

  finish(): Transferred {
    const { zones, members } = this.#head;
    const loaded = zones.flatMap(({ id, primary, isExpired }): [ZoneId, TransferredZone][] => {
      const records = this.#editors.get(id)?.finish();
      return records === undefined ? [] : [[id, { records, soa: records.soa(), primary, isExpired }]];
    });
    return { zones: PersistentMap.from(loaded), members: PersistentMap.from(members) };
  }
}
