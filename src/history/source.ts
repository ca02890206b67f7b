/** The database that all questions read, and the places in its log. */
import { type Database, describeFailure, prepareOnce } from '../database.ts';
import { type DomainName, isSubdomain } from '../dns/name.ts';
import { compareSerial, type Serial } from '../dns/serial.ts';
import { OperatorError, ok } from '../errors.ts';
import { EventLog } from '../ingest/log.ts';
import { windowStart } from '../ingest/log-window.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { JournalReader } from '../projection/journal.ts';
import type { Instant, VersionRef } from './answers.ts';
import { type Moment, parseMoment } from './moment.ts';
import { ObjectStates } from './object-states.ts';
import { type Answered, problem } from './problem.ts';

export interface Place {
  readonly batch: number;
  /** Unix milliseconds. */
  readonly time: number;
}

/** A place that was asked for by a moment. */
export interface AskedPlace extends Place {
  /** Unix milliseconds: the moment itself, which may be later than the batch. */
  readonly asked: number;
}

/** A version of a zone: the place where it was published, and its serial. */
export interface Version extends Place {
  readonly serial: Serial;
}

export interface LogExtent {
  readonly first: Place;
  readonly last: Place;
}

/** Seconds that a serial of our own may be ahead of the time of its version; those of other servers may be anything. */
const OWN_SERIAL_DRIFT = 86_400;

export class HistorySource {
  readonly db: Database;
  readonly journal: JournalReader;
  readonly #placeOf;
  readonly #batchOf;
  readonly #transaction;
  #states: ObjectStates | undefined;
  /** Are the states those of the question that is being answered? */
  #isFresh = false;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#transaction = db.transaction((question: () => Answered<unknown>) => question());
    this.#batchOf = db.prepare<[number], number>('SELECT batch FROM event WHERE position = ?').pluck();
    this.db = db;
    this.journal = new JournalReader(db);
    this.#now = now;
    this.#placeOf = db.prepare<[number], Place>('SELECT batch, time FROM batch WHERE batch = ?');
  }

  /** Unix milliseconds. */
  now(): number {
    return this.#now();
  }

  moment(text: string | undefined): Answered<Moment> {
    return parseMoment(text, this.#now());
  }

  get file(): string {
    return this.db.name;
  }

  /** A reader of the log as it is now. */
  log(): EventLog {
    return new EventLog(this.db);
  }

  /** Runs a question on one state of the database; what it finds damaged is a problem, not an exception. */
  ask<T>(question: () => Answered<T>): Answered<T> {
    this.#isFresh = false;
    try {
      return this.#transaction(question) as Answered<T>;
    } catch (error) {
      const described = describeFailure(error, this.file);
      if (described instanceof OperatorError) return problem('damaged', described.message);
      throw error;
    }
  }

  /** Of a log that lost its beginning, the first place is that of its base. */
  extent(): Answered<LogExtent> {
    const { batch, time } = windowStart(this.db);
    const base = batch === 0 ? undefined : { batch, time };
    const edge = (order: 'ASC' | 'DESC') =>
      prepareOnce<[number], Place>(
        this.db,
        `SELECT batch, time FROM batch WHERE batch > ? ORDER BY batch ${order} LIMIT 1`,
      ).get(batch);
    const [first, last] = [base ?? edge('ASC'), edge('DESC') ?? base];
    if (first === undefined || last === undefined) return problem('noLog', `${this.file}: the log has no events yet`);
    return ok({ first, last });
  }

  placeOf(batch: number): Place | undefined {
    return this.#placeOf.get(batch);
  }

  /** The batch of an event. */
  batchOf(position: number): number | undefined {
    return this.#batchOf.get(position);
  }

  /** Single objects of the log as it is now; asked for in the transaction of a question. */
  states(): ObjectStates {
    if (this.#states !== undefined && this.#isFresh) return this.#states;
    if (this.#states?.window.batch !== windowStart(this.db).batch) this.#states = new ObjectStates(this);
    this.#states.forgetFacts();
    this.#states.plans.extend(this.#states.log, Number.MAX_SAFE_INTEGER);
    this.#isFresh = true;
    return this.#states;
  }

  /** The last batch that was committed by then. Batches have no gaps, and their times never fall. */
  placeAt(time: number): Answered<Place> {
    const extent = this.extent();
    if (!extent.ok) return extent;
    const { first, last } = extent.value;
    if (time >= last.time) return ok(last);
    if (time < first.time) {
      const isWhole = windowStart(this.db).batch === 0;
      return problem(
        'beforeLog',
        `${iso(time)} is before the log, which ${isWhole ? 'begins' : 'was cut and now begins'} at ${iso(first.time)}`,
      );
    }
    let [low, high] = [first, last];
    while (high.batch - low.batch > 1) {
      const middle = this.placeOf((low.batch + high.batch) >> 1);
      if (middle === undefined)
        return problem('damaged', `${this.file}: the log lacks batches; 'zonelog verify' tells more`);
      if (middle.time <= time) low = middle;
      else high = middle;
    }
    return ok(low);
  }

  /**
   * Where a moment lies: the place of the last batch until then.
   * @param zones whose serials count, the first that had it
   */
  place(text: string | undefined, zones: readonly ZoneId[]): Answered<AskedPlace> {
    const moment = parseMoment(text, this.#now());
    if (!moment.ok) return moment;
    const place = this.placeOfMoment(moment.value, zones);
    if (!place.ok) return place;
    return ok({ ...place.value, asked: moment.value.kind === 'time' ? moment.value.time : place.value.time });
  }

  /**
   * The place from which on batches are wanted that lie at a moment or after it: the batch before them, which need not
   * be there. A time before the log is no problem.
   */
  placeBefore(text: string, zones: readonly ZoneId[]): Answered<Place> {
    const moment = parseMoment(text, this.#now());
    if (!moment.ok) return moment;
    if (moment.value.kind !== 'time') {
      const place = this.placeOfMoment(moment.value, zones);
      return place.ok ? ok({ ...place.value, batch: place.value.batch - 1 }) : place;
    }
    const extent = this.extent();
    if (!extent.ok) return extent;
    const { first } = extent.value;
    if (moment.value.time <= first.time) return ok({ ...first, batch: first.batch - 1 });
    return this.placeAt(moment.value.time - 1);
  }

  placeOfMoment(moment: Moment, zones: readonly ZoneId[]): Answered<Place> {
    if (moment.kind === 'time') return this.placeAt(moment.time);
    if (moment.kind === 'now') {
      const extent = this.extent();
      return extent.ok ? ok(extent.value.last) : extent;
    }
    for (const zone of zones) {
      const found = this.versionOfSerial(zone, moment.serial);
      if (found !== undefined) return this.#inWindow(zone, found);
    }
    const cut = this.#cutBefore(moment.serial, zones);
    if (cut !== undefined) return cut;
    const where = zones.length === 0 ? 'no zone' : zones.map((zone) => zone.replace(/#\d+$/, '')).join(' or ');
    return problem('neverPublished', `serial ${moment.serial} was never published for ${where}, or is no longer known`);
  }

  /** Where the log was cut, serials lower than those that it begins with are not known any more, published or not. */
  #cutBefore(serial: Serial, zones: readonly ZoneId[]): Answered<never> | undefined {
    const { window } = this.states();
    if (window.batch === 0) return undefined;
    for (const zone of zones) {
      const first = this.versionAt(zone, window.batch);
      if (first === undefined || compareSerial(serial, first.serial) !== 'lower') continue;
      const begin = `the log, which was cut and now begins at ${iso(window.time)} with serial ${first.serial}`;
      return problem('beforeLog', `serial ${serial} is before ${begin}, or was never published`);
    }
    return undefined;
  }

  /** A version older than what is left of the log is told only if it was in force when that begins. */
  #inWindow(zone: ZoneId, version: Version): Answered<Place> {
    const { window } = this.states();
    if (version.batch >= window.batch) return ok(version);
    if (this.versionAt(zone, window.batch)?.batch === version.batch) return ok({ ...version, batch: window.batch });
    const begin = `which was cut and now begins at ${iso(window.time)}`;
    return problem('beforeLog', `serial ${version.serial} is before the log, ${begin}`);
  }

  /** Serials may come again after 2³² of them: the newest version counts. */
  versionOfSerial(zone: ZoneId, serial: number): Version | undefined {
    return (
      this.#ownVersionOfSerial(zone, serial) ??
      prepareOnce<[string, number], Version>(
        this.db,
        `SELECT batch, time, serial FROM zone_version
           WHERE zone = (SELECT id FROM zone WHERE name = ?) AND serial = ? ORDER BY batch DESC LIMIT 1`,
      ).get(zone, serial)
    );
  }

  /** By halving, as there may be many and serials have no index: those of our own are times, and only grow. */
  #ownVersionOfSerial(zone: ZoneId, serial: number): Version | undefined {
    let high = this.journal.lastVersion(zone);
    if (high === undefined || high.serial < serial) return undefined;
    // Versions up to `low` have lower serials, and `high` has not.
    for (let low = 0; high.serial !== serial; ) {
      const middle = (low + high.batch) >> 1;
      if (middle === low) return undefined;
      const version = this.journal.lastVersion(zone, middle + 1);
      if (version === undefined || version.serial < serial) low = middle;
      else high = version;
    }
    return Math.abs(high.serial - high.time / 1000) < OWN_SERIAL_DRIFT ? high : undefined;
  }

  /** The batch of the version that a zone had when what is left of the log begins; 0 where there was none, or all is left. */
  firstKept(zone: ZoneId): number {
    return this.journal.lastVersion(zone, windowStart(this.db).batch + 1)?.batch ?? 0;
  }

  /** The version that a zone had after a batch; none where it had been given up since, and was not complete again. */
  versionAt(zone: ZoneId, batch: number): Version | undefined {
    const version = this.journal.lastVersion(zone, batch + 1);
    if (version === undefined) return undefined;
    const states = this.states();
    if (version.batch <= states.window.batch && !states.isPublishedInBase(zone)) return undefined;
    return states.plans.isDropped(zone, version.batch, batch) ? undefined : version;
  }

  /** The zones that ever had a version, and those of the plan. */
  zoneIds(): ZoneId[] {
    const published = prepareOnce<[], ZoneId>(this.db, 'SELECT name FROM zone').pluck().all();
    const planned = this.states()
      .plans.at(Number.MAX_SAFE_INTEGER)
      .zones.map(({ id }) => id);
    return [...new Set([...published, ...planned])].sort();
  }

  /** Those that a name may be in, the longest apex first. */
  zonesOfName(name: DomainName): ZoneId[] {
    const zones = this.zoneIds().filter((zone) => isSubdomain(name, apexOf(zone)));
    return zones.sort((a, b) => apexOf(b).length - apexOf(a).length || (a < b ? -1 : 1));
  }

  /** A place as it is told, with the serial of the zone there. */
  ref(place: Place, zone?: ZoneId): VersionRef {
    const version = zone === undefined ? undefined : this.versionAt(zone, place.batch);
    return { ...instant(place), ...(version && { serial: version.serial }) };
  }
}

export function apexOf(zone: ZoneId): DomainName {
  return zone.replace(/#\d+$/, '') as DomainName;
}

export function instant({ batch, time }: Place): Instant {
  return { time: iso(time), batch };
}

export function versionRef({ batch, time, serial }: Version): VersionRef & { readonly serial: number } {
  return { ...instant({ batch, time }), serial };
}

export function iso(time: number): string {
  return new Date(time).toISOString();
}
