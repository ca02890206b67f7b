/** The journal, compared with the versions that a replay of the log gives. */
import type { Database } from '../database.ts';
import { packRecords } from '../dns/canonical.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { JournalReader, packChanges } from '../projection/journal.ts';
import type { PublishedVersion, VersionStore } from '../projection/projector.ts';
import type { LastVersion } from '../projection/state-text.ts';

/** The journal holds something else than the log gives; the first place of it. */
export class Unequal extends Error {
  override readonly name = 'Unequal';
  readonly place: string;
  readonly problem: string;

  constructor(place: string, problem: string) {
    super(`${place}: ${problem}`);
    this.place = place;
    this.problem = problem;
  }
}

interface ChangeRow {
  readonly serial_from: number;
  readonly serial_to: number;
  readonly base: number;
  readonly step: number;
  readonly removed_count: number;
  readonly added_count: number;
  readonly records: number;
  readonly octets: number;
  readonly soas: Buffer;
  readonly removed: Buffer;
  readonly added: Buffer;
}

/** What is known of a zone's newest version that was compared. */
interface Compared {
  readonly batch: number;
  readonly serial: Serial;
  readonly change?: ChangeRow;
}

/**
 * A journal for a projector that compares what it is given with what is stored. A journal may be behind its log, as a crash
 * leaves it, and may have lost its oldest changes; what it has must be right. @throws Unequal
 */
export class VersionComparison implements VersionStore {
  readonly #db: Database;
  readonly #position: number;
  readonly #last = new Map<ZoneId, Compared>();
  readonly #oldestChange = new Map<ZoneId, number>();
  readonly #version;
  readonly #before;
  readonly #change;
  /** Versions that were as they should be. */
  compared = 0;

  /** @param versions the last of each zone before what is replayed */
  constructor(db: Database, versions: readonly LastVersion[]) {
    this.#db = db;
    this.#position = new JournalReader(db).position();
    for (const { zone, batch, serial } of versions) this.#last.set(zone, { batch, serial });
    const ofZone = 'zone = (SELECT id FROM zone WHERE name = ?)';
    this.#version = db.prepare<[string, number], { readonly serial: number; readonly time: number }>(
      `SELECT serial, time FROM zone_version WHERE ${ofZone} AND batch = ?`,
    );
    this.#before = db
      .prepare<[string, number], number>(
        `SELECT batch FROM zone_version WHERE ${ofZone} AND batch < ? ORDER BY batch DESC LIMIT 1`,
      )
      .pluck();
    this.#change = db.prepare<[string, number], ChangeRow>(`SELECT * FROM zone_change WHERE ${ofZone} AND batch = ?`);
    const oldest = db.prepare<[], { readonly name: string; readonly batch: number }>(
      'SELECT name, min(batch) AS batch FROM zone_change JOIN zone ON zone.id = zone_change.zone GROUP BY zone',
    );
    for (const { name, batch } of oldest.all()) this.#oldestChange.set(name, batch);
  }

  lastSerial(zone: ZoneId): Serial | undefined {
    return this.#last.get(zone)?.serial;
  }

  commit(batch: number, time: number, versions: readonly PublishedVersion[]): void {
    if (batch > this.#position) return;
    for (const version of versions) this.#compare(batch, time, version);
  }

  /** To be called after the last batch. */
  finish(lastBatch: number): void {
    const newest = this.#db.prepare<[], number | null>('SELECT max(batch) FROM zone_version').pluck().get() ?? 0;
    if (this.#position > lastBatch)
      throw new Unequal('the journal', `it goes up to batch ${this.#position}, the log has ${lastBatch}`);
    if (newest !== this.#position)
      throw new Unequal('the journal', `its last version is of batch ${newest}, not of ${this.#position}`);
    for (const { zone, batch } of this.#newestVersions()) {
      if (batch !== this.#last.get(zone)?.batch) throw stray(zone, batch);
    }
    const lost = this.#db
      .prepare<[], { readonly zone: string; readonly batch: number }>(
        `SELECT zone.name AS zone, batch FROM zone_change AS change JOIN zone ON zone.id = change.zone
         WHERE NOT EXISTS (SELECT 1 FROM zone_version AS v WHERE v.zone = change.zone AND v.batch = change.batch)`,
      )
      .get();
    if (lost !== undefined) throw new Unequal(placeOf(lost.zone, lost.batch), 'a change without its version');
  }

  #newestVersions() {
    return this.#db
      .prepare<[], { readonly zone: string; readonly batch: number }>(
        'SELECT zone.name AS zone, max(batch) AS batch FROM zone_version JOIN zone ON zone.id = zone_version.zone GROUP BY zone.id',
      )
      .all();
  }

  #compare(batch: number, time: number, version: PublishedVersion): void {
    const { zone, serial, changeset, packed } = version;
    const given = changeset === undefined ? packed : packChanges(changeset);
    const place = placeOf(zone, batch);
    const last = this.#last.get(zone);
    const between = this.#before.get(zone, batch);
    if (between !== undefined && between !== last?.batch) throw stray(zone, between);
    const stored = this.#version.get(zone, batch);
    if (stored === undefined) throw new Unequal(place, `the journal lacks the version ${serial}`);
    if (stored.serial !== serial)
      throw new Unequal(place, `the journal has serial ${stored.serial}, the log gives ${serial}`);
    if (stored.time !== time) throw new Unequal(place, 'the journal has another time than the log');
    const change = this.#change.get(zone, batch);
    this.#last.set(zone, { batch, serial, ...(change && { change }) });
    this.compared += 1;
    if (given === undefined) {
      if (change !== undefined) throw new Unequal(place, 'the journal has a change that the log does not give');
      return;
    }
    if (change === undefined) {
      if (batch > (this.#oldestChange.get(zone) ?? 0))
        throw new Unequal(place, 'the journal lacks the change to this version');
      return;
    }
    const isSame =
      change.serial_from === given.soaFrom.rdata.serial &&
      change.serial_to === serial &&
      change.removed_count === given.removedCount &&
      change.added_count === given.addedCount &&
      change.soas.equals(packRecords([given.soaFrom, given.soaTo])) &&
      change.removed.equals(given.removed) &&
      change.added.equals(given.added);
    if (!isSame) throw new Unequal(place, 'the journal has other records than the log gives');
    if (last?.change !== undefined && !isNext(last.change, change))
      throw new Unequal(place, 'its place in the chain of changes is wrong');
  }
}

function isNext(before: ChangeRow, after: ChangeRow): boolean {
  const { base, step, records, octets } = after;
  const own = after.soas.length + after.removed.length + after.added.length;
  return (
    base === before.base &&
    step === before.step + 1 &&
    records === before.records + after.removed_count + after.added_count &&
    octets === before.octets + own
  );
}

function placeOf(zone: ZoneId, batch: number): string {
  return `${zone} at batch ${batch}`;
}

function stray(zone: ZoneId, batch: number): Unequal {
  return new Unequal(placeOf(zone, batch), 'the journal has a version that the log does not give');
}
