/**
 * Zones as they were at moments that were asked for last: reading one takes up to a second, and whoever pages through its
 * records asks many times for the same.
 */
import type { TextRecord, VersionRef, ZoneAt } from '../history/answers.ts';

/** Records that are kept in all, those of the newest zone not counted. */
const MOST_RECORDS = 250_000;
/** Of one zone; a longer one is cut here, and is had whole as a zone file. */
const MOST_OF_ONE = 1_000_000;

export interface KeptZone {
  readonly zone: string;
  readonly version: VersionRef;
  readonly records: readonly TextRecord[];
  /** Not all of its records are here. */
  readonly isCut: boolean;
}

export class KeptZones {
  /** By zone and serial, the one that was asked for last at the end. */
  readonly #kept = new Map<string, KeptZone>();

  get(zone: string, serial: string): KeptZone | undefined {
    const key = `${zone} ${serial}`;
    const found = this.#kept.get(key);
    if (found !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
    }
    return found;
  }

  /** @param asked the zone as it was asked for: the same text finds it again */
  add(asked: string, { zone, version, records: made }: ZoneAt): KeptZone {
    const records: TextRecord[] = [];
    let isCut = false;
    for (const record of made) {
      if (records.length === MOST_OF_ONE) {
        isCut = true;
        break;
      }
      records.push(record);
    }
    const kept = { zone, version, records, isCut };
    if (version.serial === undefined) return kept;
    const key = `${asked} ${version.serial}`;
    this.#kept.delete(key);
    this.#trim();
    this.#kept.set(key, kept);
    return kept;
  }

  #trim(): void {
    let sum = 0;
    for (const { records } of this.#kept.values()) sum += records.length;
    for (const [key, { records }] of this.#kept) {
      if (sum <= MOST_RECORDS) return;
      this.#kept.delete(key);
      sum -= records.length;
    }
  }
}
