/**
 * The journal of zone versions in SQLite: serials and changesets, what IXFR is served from. The tables are those of
 * migrations/0002_zone_journal.sql. It holds nothing that the log could not give again.
 */
import type { Database } from '../database.ts';
import { packRecords, unpackRecords } from '../dns/canonical.ts';
import type { DomainName } from '../dns/name.ts';
import type { ResourceRecord } from '../dns/rrset.ts';
import type { Serial } from '../dns/serial.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Changeset, SoaRecord } from './diff.ts';
import type { PublishedVersion, VersionStore } from './projector.ts';

export interface JournalVersion {
  readonly batch: number;
  readonly serial: Serial;
  /** Unix milliseconds. */
  readonly time: number;
}

/** How many changesets of a zone are kept; older ones go, and who still has such a serial gets a full transfer. */
export interface JournalLimits {
  readonly changes: number;
}

export const DEFAULT_JOURNAL_LIMITS: JournalLimits = { changes: 10_000 };

/** Changesets over the limit are dropped in steps of so many, so that not every commit has to look. */
const TRIM_STEP = 100;

/** Reads the journal; works on a read-only connection beside the writer's. */
export class JournalReader {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The last batch whose versions are all here; 0 when there is none. */
  position(): number {
    const row = this.#db.prepare<[], { batch: number }>('SELECT batch FROM projection_position').get();
    return row?.batch ?? 0;
  }

  /** The newest version of a zone, of those before a batch if one is given. */
  lastVersion(zone: ZoneId, before = Number.MAX_SAFE_INTEGER): JournalVersion | undefined {
    return this.#db
      .prepare<[string, number], JournalVersion>(
        `SELECT batch, serial, time FROM zone_version
         WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch < ? ORDER BY batch DESC LIMIT 1`,
      )
      .get(zone, before);
  }

  /** The versions of a zone, oldest first. */
  versions(zone: ZoneId): JournalVersion[] {
    return this.#db
      .prepare<[string], JournalVersion>(
        'SELECT batch, serial, time FROM zone_version WHERE zone = (SELECT id FROM zone WHERE name = ?) ORDER BY batch',
      )
      .all(zone);
  }

  /**
   * The changesets that lead from the version with this serial to the newest one, in order.
   * @returns undefined when there was no such version, or its changesets are no longer here
   */
  changesets(zone: ZoneId, from: Serial): readonly Changeset[] | undefined {
    return this.#db.transaction(() => {
      const last = this.lastVersion(zone);
      if (last === undefined) return undefined;
      if (last.serial === from) return [];
      const start = this.#db
        .prepare<[string, number], { batch: number }>(
          `SELECT batch FROM zone_change
           WHERE zone = (SELECT id FROM zone WHERE name = ?) AND serial_from = ? ORDER BY batch DESC LIMIT 1`,
        )
        .get(zone, from);
      if (start === undefined) return undefined;
      const changes = this.#changes(zone, start.batch);
      return isChain(changes, last.serial) ? changes : undefined;
    })();
  }

  /** The changeset that made a version; undefined for a zone's first version, or when it is no longer here. */
  changesetOf(zone: ZoneId, batch: number): Changeset | undefined {
    return this.#changes(zone, batch, batch)[0];
  }

  #changes(zone: ZoneId, from: number, to = Number.MAX_SAFE_INTEGER): Changeset[] {
    return this.#db
      .prepare<[string, number, number], { soas: Buffer; removed: Buffer; added: Buffer }>(
        `SELECT soas, removed, added FROM zone_change
         WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch BETWEEN ? AND ? ORDER BY batch`,
      )
      .all(zone, from, to)
      .map(({ soas, removed, added }) => {
        const [soaFrom, soaTo] = unpackRecords(soas) as [SoaRecord, SoaRecord];
        return {
          apex: soaTo.owner,
          soaFrom,
          soaTo,
          removed: unpackRecords(removed),
          added: unpackRecords(added),
        };
      });
  }
}

/** A zone that was away and came back begins anew, without a changeset from what it was. */
function isChain(changes: readonly Changeset[], last: Serial): boolean {
  const isLinked = changes.every((change, i) => {
    const before = changes[i - 1];
    return before === undefined || before.soaTo.rdata.serial === change.soaFrom.rdata.serial;
  });
  return isLinked && changes.at(-1)?.soaTo.rdata.serial === last;
}

/** The journal of the one process that writes it. */
export class Journal extends JournalReader implements VersionStore {
  readonly #db: Database;
  readonly #limits: JournalLimits;
  readonly #crashPoint: (name: string) => void;

  /** @param crashPoint for tests that end the process at `before-journal-commit` or `after-journal-commit` */
  constructor(db: Database, limits = DEFAULT_JOURNAL_LIMITS, crashPoint: (name: string) => void = () => {}) {
    super(db);
    this.#db = db;
    this.#limits = limits;
    this.#crashPoint = crashPoint;
  }

  lastSerial(zone: ZoneId, before: number): Serial | undefined {
    return this.lastVersion(zone, before)?.serial;
  }

  /** @throws SqliteError when the disk does not take it; then nothing of it was written */
  commit(batch: number, time: number, versions: readonly PublishedVersion[]): void {
    const zoneId = this.#db.prepare<[string]>('INSERT INTO zone (name) VALUES (?) ON CONFLICT DO NOTHING');
    const version = this.#db.prepare(
      'INSERT INTO zone_version (zone, batch, serial, time) SELECT id, ?, ?, ? FROM zone WHERE name = ?',
    );
    const change = this.#db.prepare(
      `INSERT INTO zone_change (zone, batch, serial_from, soas, removed, added)
       SELECT id, ?, ?, ?, ?, ? FROM zone WHERE name = ?`,
    );
    const position = this.#db.prepare(
      'INSERT INTO projection_position (id, batch) VALUES (1, ?) ON CONFLICT DO UPDATE SET batch = excluded.batch',
    );
    this.#db
      .transaction(() => {
        for (const { zone, serial, changeset } of versions) {
          zoneId.run(zone);
          version.run(batch, serial, time, zone);
          if (changeset === undefined) continue;
          const { soaFrom, soaTo, removed, added } = changeset;
          const soas = packRecords([soaFrom, soaTo]);
          change.run(batch, soaFrom.rdata.serial, soas, packRecords(removed), packRecords(added), zone);
          this.#trim(zone);
        }
        position.run(batch);
        this.#crashPoint('before-journal-commit');
      })
      .immediate();
    this.#crashPoint('after-journal-commit');
  }

  readonly #commits = new Map<ZoneId, number>();

  #trim(zone: ZoneId): void {
    const commits = (this.#commits.get(zone) ?? 0) + 1;
    this.#commits.set(zone, commits % TRIM_STEP);
    if (commits < TRIM_STEP) return;
    this.#db
      .prepare<[string, string, number]>(
        `DELETE FROM zone_change WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch <= (
           SELECT batch FROM zone_change WHERE zone = (SELECT id FROM zone WHERE name = ?)
           ORDER BY batch DESC LIMIT 1 OFFSET ?)`,
      )
      .run(zone, zone, this.#limits.changes);
  }
}

/** One owner's part in a version. */
export interface RecordChange extends JournalVersion {
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/** Every version in which records of this name changed, oldest first, as far as the journal reaches. */
export function* changesOfName(journal: JournalReader, zone: ZoneId, name: DomainName): Generator<RecordChange> {
  for (const version of journal.versions(zone)) {
    const changeset = journal.changesetOf(zone, version.batch);
    const removed = changeset?.removed.filter((record) => record.owner === name) ?? [];
    const added = changeset?.added.filter((record) => record.owner === name) ?? [];
    if (removed.length > 0 || added.length > 0) yield { ...version, removed, added };
  }
}
