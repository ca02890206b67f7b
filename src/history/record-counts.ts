/**
 * How many records zones have. Counting those of a large zone takes seconds, so that is done once, and from then on the
 * journal tells how many each version removed and added.
 */
import type { ZoneId } from '../ingest/plan.ts';
import { type Zone, zoneRRsets } from '../projection/zone.ts';
import type { HistorySource } from './source.ts';

interface Known {
  /** Of the version that was counted. */
  readonly batch: number;
  readonly records: number;
}

interface Since {
  readonly versions: number;
  readonly changes: number;
  readonly added: number | null;
  readonly removed: number | null;
}

export class RecordCounts {
  readonly #known = new Map<ZoneId, Known>();

  /**
   * Records of the newest version up to a batch, the SOA record counted once.
   * @param read the zone after that batch; undefined when there is none
   */
  count(source: HistorySource, id: ZoneId, batch: number, read: () => Zone | undefined): number | undefined {
    const version = source.versionAt(id, batch);
    const records = this.#fromJournal(source, id, batch) ?? countOf(read());
    if (version !== undefined && records !== undefined) this.#known.set(id, { batch: version.batch, records });
    return records;
  }

  /** @returns undefined where a version, or its change, is not there */
  #fromJournal(source: HistorySource, id: ZoneId, batch: number): number | undefined {
    const known = this.#known.get(id);
    if (known === undefined || source.states().plans.isDropped(id, known.batch, batch)) return undefined;
    if (source.versionAt(id, known.batch)?.batch !== known.batch) return undefined;
    const since = source.db
      .prepare<[ZoneId, number, number], Since>(
        `SELECT count(*) AS versions, count(zone_change.batch) AS changes,
           sum(added_count) AS added, sum(removed_count) AS removed
         FROM zone_version LEFT JOIN zone_change USING (zone, batch)
         WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch > ? AND batch <= ?`,
      )
      .get(id, known.batch, batch);
    if (since === undefined || since.versions !== since.changes) return undefined;
    return known.records + (since.added ?? 0) - (since.removed ?? 0);
  }
}

function countOf(zone: Zone | undefined): number | undefined {
  if (zone === undefined) return undefined;
  let records = 1;
  for (const set of zoneRRsets(zone)) records += set.rdatas.length;
  return records;
}
