/**
 * The journal of zone versions in SQLite: serials and changesets, what IXFR is served from. The tables are those of
 * migrations/0002_zone_journal.sql. It holds nothing that the log could not give again.
 */
import { type Database, prepareOnce } from '../database.ts';
import { packRecords, readPackedRecords, unpackRecords } from '../dns/canonical.ts';
import type { ResourceRecord } from '../dns/rrset.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Changeset, SoaRecord } from './diff.ts';
import type { PackedChanges } from './packed-changes.ts';
import type { PublishedVersion, VersionStore } from './projector.ts';

export interface JournalVersion {
  readonly batch: number;
  readonly serial: Serial;
  /** Unix milliseconds. */
  readonly time: number;
}

/**
 * How much of each zone's changes is kept, at least; older ones go, and who still has such a serial gets a full transfer.
 */
export interface JournalLimits {
  readonly changes: number;
  /** Of the packed records. */
  readonly octets: number;
  /** Milliseconds; undefined: of any age. */
  readonly age?: number | undefined;
}

export const DEFAULT_JOURNAL_LIMITS: JournalLimits = { changes: 10_000, octets: 64 * 1024 * 1024 };

/** Changes over a limit are dropped in steps of so many, so that not every commit has to look. */
const TRIM_STEP = 100;
/** Steps of one commit at most: the rest goes with later ones. */
const MAX_TRIM_STEPS = 20;

/** A changeset whose lists are unpacked as they are walked: each may be as long as the zone. */
export interface PackedChangeset {
  readonly soaFrom: SoaRecord;
  readonly soaTo: SoaRecord;
  readonly removed: Iterable<ResourceRecord>;
  readonly added: Iterable<ResourceRecord>;
}

/** Changes that follow on each other, as far as can be told without reading them. */
export interface ChangesetChain {
  readonly changesets: number;
  /** Records removed and added, SOAs not counted. */
  readonly records: number;
  /** What `read` will hold. */
  readonly octets: number;
  /**
   * Reads all of it, so that what is dropped from the journal later is not missed, a part at each step: a step takes
   * about a millisecond. It is unpacked as it is walked, and can be walked more than once.
   * @returns undefined when it has been dropped in the meantime
   */
  read(): Generator<undefined, Iterable<PackedChangeset> | undefined>;
}

/** Changes that are read at one step. */
const READ_STEP = 250;

interface ChangeRow {
  readonly batch: number;
  readonly base: number;
  readonly step: number;
  readonly records: number;
  readonly octets: number;
  /** Of this change alone. */
  readonly ownRecords: number;
  readonly ownOctets: number;
}

const CHANGE_COLUMNS = `batch, base, step, records, octets, removed_count + added_count AS ownRecords,
  length(soas) + length(removed) + length(added) AS ownOctets`;

interface PackedRow {
  readonly batch: number;
  readonly soas: Buffer;
  readonly removed: Buffer;
  readonly added: Buffer;
}

/** Reads the journal; works on a read-only connection beside the writer's. */
export class JournalReader {
  readonly #db: Database;
  readonly #lastVersion;

  constructor(db: Database) {
    this.#db = db;
    this.#lastVersion = db.prepare<[string, number], JournalVersion>(
      `SELECT batch, serial, time FROM zone_version
       WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch < ? ORDER BY batch DESC LIMIT 1`,
    );
  }

  /** The last batch whose versions are all here; 0 when there is none. */
  position(): number {
    const row = prepareOnce<[], { batch: number }>(this.#db, 'SELECT batch FROM projection_position').get();
    return row?.batch ?? 0;
  }

  /** The newest version of a zone, of those before a batch if one is given. */
  lastVersion(zone: ZoneId, before = Number.MAX_SAFE_INTEGER): JournalVersion | undefined {
    return this.#lastVersion.get(zone, before);
  }

  /** Serial of the version that a batch made of a zone, if it made one. */
  serialOf(zone: ZoneId, batch: number): Serial | undefined {
    const version = this.lastVersion(zone, batch + 1);
    return version?.batch === batch ? version.serial : undefined;
  }

  /** The versions of a zone, oldest first. */
  versions(zone: ZoneId): JournalVersion[] {
    return prepareOnce<[string], JournalVersion>(
      this.#db,
      'SELECT batch, serial, time FROM zone_version WHERE zone = (SELECT id FROM zone WHERE name = ?) ORDER BY batch',
    ).all(zone);
  }

  /**
   * The changes that lead from the version with one serial to that with another.
   * @returns undefined when there are no such versions, or the changes between them are no longer here
   */
  chain(zone: ZoneId, from: Serial, to: Serial): ChangesetChain | undefined {
    const find = (where: string, ...values: (string | number)[]) =>
      prepareOnce<(string | number)[], ChangeRow>(
        this.#db,
        `SELECT ${CHANGE_COLUMNS} FROM zone_change
           WHERE zone = (SELECT id FROM zone WHERE name = ?) AND ${where} ORDER BY batch DESC LIMIT 1`,
      ).get(zone, ...values);
    return this.#db.transaction(() => {
      const first = find('serial_from = ?', from);
      // Not indexed: it is the newest one, or nearly.
      const last = first && find('serial_to = ? AND base = ? AND batch >= ?', to, first.base, first.batch);
      return first === undefined || last === undefined ? undefined : this.#chainOf(zone, first, last);
    })();
  }

  /**
   * As `chain`, between the versions of two batches: serials may come again, batches don't.
   * @returns undefined when there is no version of either, or the changes between them are no longer here
   */
  chainBetween(zone: ZoneId, after: number, until: number): ChangesetChain | undefined {
    const find = (where: string, ...batches: number[]) =>
      prepareOnce<(string | number)[], ChangeRow>(
        this.#db,
        `SELECT ${CHANGE_COLUMNS} FROM zone_change
         WHERE zone = (SELECT id FROM zone WHERE name = ?) AND ${where} ORDER BY batch LIMIT 1`,
      ).get(zone, ...batches);
    return this.#db.transaction(() => {
      const first = find('batch > ? AND batch <= ?', after, until);
      const last = first && find('batch = ?', until);
      if (first === undefined || last === undefined || last.base !== first.base) return undefined;
      return this.lastVersion(zone, first.batch)?.batch === after ? this.#chainOf(zone, first, last) : undefined;
    })();
  }

  #chainOf(zone: ZoneId, first: ChangeRow, last: ChangeRow): ChangesetChain {
    const changesets = last.step - first.step + 1;
    return {
      changesets,
      records: last.records - first.records + first.ownRecords,
      octets: last.octets - first.octets + first.ownOctets,
      read: () => this.#readChain(zone, first.batch, last.batch, changesets),
    };
  }

  /** The changeset that made a version; undefined for a zone's first version, or when it is no longer here. */
  changesetOf(zone: ZoneId, batch: number): Changeset | undefined {
    const [row] = this.#changes(zone, batch, batch, 1);
    if (row === undefined) return undefined;
    const { soaFrom, soaTo } = unpackSoas(row);
    return {
      apex: soaTo.owner,
      soaFrom,
      soaTo,
      removed: unpackRecords(row.removed),
      added: unpackRecords(row.added),
    };
  }

  *#readChain(zone: ZoneId, from: number, to: number, count: number): ReturnType<ChangesetChain['read']> {
    const rows: PackedRow[] = [];
    while (rows.length < count) {
      if (rows.length > 0) yield;
      const part = this.#changes(zone, (rows.at(-1)?.batch ?? from - 1) + 1, to, READ_STEP);
      rows.push(...part);
      if (part.length < READ_STEP && rows.length < count) return undefined;
    }
    return new PackedChangesets(rows);
  }

  #changes(zone: ZoneId, from: number, to: number, limit: number): PackedRow[] {
    return prepareOnce<[string, number, number, number], PackedRow>(
      this.#db,
      `SELECT batch, soas, removed, added FROM zone_change
         WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch BETWEEN ? AND ? ORDER BY batch LIMIT ?`,
    ).all(zone, from, to, limit);
  }
}

function unpackSoas({ soas }: PackedRow): { soaFrom: SoaRecord; soaTo: SoaRecord } {
  const [soaFrom, soaTo] = unpackRecords(soas) as [SoaRecord, SoaRecord];
  return { soaFrom, soaTo };
}

class PackedChangesets implements Iterable<PackedChangeset> {
  readonly #rows: readonly PackedRow[];

  constructor(rows: readonly PackedRow[]) {
    this.#rows = rows;
  }

  *[Symbol.iterator](): Generator<PackedChangeset> {
    for (const row of this.#rows) {
      yield { ...unpackSoas(row), removed: readPackedRecords(row.removed), added: readPackedRecords(row.added) };
    }
  }
}

/** The journal of the one process that writes it. */
export class Journal extends JournalReader implements VersionStore {
  readonly #db: Database;
  #limits: JournalLimits;
  readonly #crashPoint: (name: string) => void;

  /** @param crashPoint for tests that end the process at `before-journal-commit` or `after-journal-commit` */
  constructor(db: Database, limits = DEFAULT_JOURNAL_LIMITS, crashPoint: (name: string) => void = () => {}) {
    super(db);
    this.#db = db;
    this.#limits = limits;
    this.#crashPoint = crashPoint;
  }

  /** What is over new limits goes with later commits. */
  setLimits(limits: JournalLimits): void {
    this.#limits = limits;
  }

  lastSerial(zone: ZoneId, before: number): Serial | undefined {
    return this.lastVersion(zone, before)?.serial;
  }

  /** @throws SqliteError when the disk does not take it; then nothing of it was written */
  commit(batch: number, time: number, versions: readonly PublishedVersion[]): void {
    const zoneId = prepareOnce<[string]>(this.#db, 'INSERT INTO zone (name) VALUES (?) ON CONFLICT DO NOTHING');
    const version = prepareOnce(
      this.#db,
      'INSERT INTO zone_version (zone, batch, serial, time) SELECT id, ?, ?, ? FROM zone WHERE name = ?',
    );
    const position = prepareOnce(
      this.#db,
      'INSERT INTO projection_position (id, batch) VALUES (1, ?) ON CONFLICT DO UPDATE SET batch = excluded.batch',
    );
    this.#db
      .transaction(() => {
        for (const { zone, serial, changeset, packed } of versions) {
          zoneId.run(zone);
          version.run(batch, serial, time, zone);
          const changes = changeset === undefined ? packed : packChanges(changeset);
          if (changes === undefined) continue;
          this.#insertChange(zone, batch, changes);
          this.#trim(zone, time);
        }
        position.run(batch);
        this.#crashPoint('before-journal-commit');
      })
      .immediate();
    this.#crashPoint('after-journal-commit');
  }

  #insertChange(zone: ZoneId, batch: number, changes: PackedChanges): void {
    const { soaFrom, soaTo, removed, removedCount, added, addedCount } = changes;
    const before = prepareOnce<
      [string, number],
      Pick<ChangeRow, 'batch'> & { [K in 'base' | 'step' | 'records' | 'octets']: number | null }
    >(
      this.#db,
      `SELECT version.batch, base, step, records, octets
         FROM zone_version AS version LEFT JOIN zone_change AS change USING (zone, batch)
         WHERE version.zone = (SELECT id FROM zone WHERE name = ?) AND version.batch < ? ORDER BY version.batch DESC LIMIT 1`,
    ).get(zone, batch);
    const soas = packRecords([soaFrom, soaTo]);
    prepareOnce(
      this.#db,
      `INSERT INTO zone_change (zone, batch, serial_from, serial_to, base, step, removed_count, added_count,
           records, octets, soas, removed, added)
         SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM zone WHERE name = ?`,
    ).run(
      batch,
      soaFrom.rdata.serial,
      soaTo.rdata.serial,
      before?.base ?? before?.batch ?? batch,
      (before?.step ?? 0) + 1,
      removedCount,
      addedCount,
      (before?.records ?? 0) + removedCount + addedCount,
      (before?.octets ?? 0) + soas.length + removed.length + added.length,
      soas,
      removed,
      added,
      zone,
    );
  }

  readonly #commits = new Map<ZoneId, number>();

  #trim(zone: ZoneId, now: number): void {
    const limits = this.#limits;
    const step = Math.max(1, Math.min(TRIM_STEP, Math.floor(limits.changes / 10)));
    const commits = (this.#commits.get(zone) ?? 0) + 1;
    this.#commits.set(zone, commits % step);
    if (commits < step) return;
    const id = prepareOnce<[string], number>(this.#db, 'SELECT id FROM zone WHERE name = ?')
      .pluck()
      .get(zone) as number;
    const kept = prepareOnce<[number], number>(this.#db, 'SELECT count(*) FROM zone_change WHERE zone = ?').pluck();
    const rows = 'SELECT batch, base, octets FROM zone_change WHERE zone = ? ORDER BY batch';
    type Row = Pick<ChangeRow, 'batch' | 'base' | 'octets'>;
    const newest = prepareOnce<[number], Row>(this.#db, `${rows} DESC LIMIT 1`).get(id) as Row;
    const oldest = prepareOnce<[number, number], Row>(this.#db, `${rows} LIMIT 1 OFFSET ?`);
    const timeOf = prepareOnce<[number, number], number>(
      this.#db,
      'SELECT time FROM zone_version WHERE zone = ? AND batch = ?',
    ).pluck();
    let count = kept.get(id) as number;
    for (let steps = 0; steps < MAX_TRIM_STEPS; steps++) {
      // The newest of those that would go.
      const row = oldest.get(id, step - 1);
      if (row === undefined || row.batch === newest.batch) return;
      const isOver =
        count - step >= limits.changes ||
        (row.base === newest.base && newest.octets - row.octets > limits.octets) ||
        (limits.age !== undefined && (timeOf.get(id, row.batch) ?? now) < now - limits.age);
      if (!isOver) return;
      prepareOnce(this.#db, 'DELETE FROM zone_change WHERE zone = ? AND batch <= ?').run(id, row.batch);
      count -= step;
    }
  }
}

/** A changeset as it is stored. */
export function packChanges({ soaFrom, soaTo, removed, added }: Changeset): PackedChanges {
  return {
    soaFrom,
    soaTo,
    removed: packRecords(removed),
    removedCount: removed.length,
    added: packRecords(added),
    addedCount: added.length,
  };
}
