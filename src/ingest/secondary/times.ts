/** The times of zones on the disk, so that a zone does not grow younger by a restart. Written now and then, in one go. */
import type { Database } from '../../database.ts';
import type { Clock } from '../clock.ts';
import type { ZoneId } from '../plan.ts';
import type { ZoneTimes } from './refresher.ts';

/** Milliseconds for which times are gathered. */
const GATHER = 1_000;

export class StoredTimes {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #onFailure: (message: string) => void;
  readonly #times: Map<ZoneId, ZoneTimes>;
  readonly #unwritten = new Set<ZoneId>();
  #cancel: (() => void) | undefined;

  constructor(db: Database, clock: Clock, onFailure: (message: string) => void) {
    this.#db = db;
    this.#clock = clock;
    this.#onFailure = onFailure;
    const rows = db
      .prepare<[], { zone: ZoneId } & ZoneTimes>(
        'SELECT zone, refreshed_at AS refreshedAt, expires_at AS expiresAt FROM zone_times',
      )
      .all();
    this.#times = new Map(rows.map(({ zone, ...times }) => [zone, times]));
  }

  get(zone: ZoneId): ZoneTimes | undefined {
    return this.#times.get(zone);
  }

  /** @param times undefined: the zone is gone */
  set(zone: ZoneId, times: ZoneTimes | undefined): void {
    if (times === undefined) this.#times.delete(zone);
    else this.#times.set(zone, times);
    this.#unwritten.add(zone);
    this.#cancel ??= this.#clock.after(GATHER, () => this.flush());
  }

  /** Writes what is not written yet; what the disk does not take is tried again. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#unwritten.size === 0) return;
    const put = this.#db.prepare('INSERT OR REPLACE INTO zone_times (zone, refreshed_at, expires_at) VALUES (?, ?, ?)');
    const drop = this.#db.prepare('DELETE FROM zone_times WHERE zone = ?');
    try {
      this.#db.transaction(() => {
        for (const zone of this.#unwritten) {
          const times = this.#times.get(zone);
          if (times === undefined) drop.run(zone);
          else put.run(zone, Math.floor(times.refreshedAt), Math.floor(times.expiresAt));
        }
      })();
      this.#unwritten.clear();
    } catch (error) {
      this.#onFailure(error instanceof Error ? error.message : String(error));
      this.#cancel = this.#clock.after(10 * GATHER, () => this.flush());
    }
  }
}
