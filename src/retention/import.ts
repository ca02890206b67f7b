/**
 * A log made of the lines of a slice. Its batches have the hashes that they had, and folding them gives the serials that they
 * gave: both are compared. Nobody else may use the database until it is done.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Database } from '../database.ts';
import { OperatorError } from '../errors.ts';
import { type ClusterId, OBJECT_KINDS, type ObjectKind } from '../ingest/event.ts';
import { EventLog } from '../ingest/log.ts';
import { SliceWriter, type StoredBatch, type StoredEvent } from '../ingest/log-slice.ts';
import { windowStart } from '../ingest/log-window.ts';
import { recordRemoval } from '../ingest/removal.ts';
import { readBase, writeBase } from '../projection/base.ts';
import { Journal } from '../projection/journal.ts';
import { createProjector } from '../projection/projector.ts';
import { EMPTY_WORLD, factsAt, keysAt } from '../projection/state.ts';
import { readHead } from '../projection/state-text.ts';
import { lastVersions } from './cut.ts';
import {
  baseOf,
  batchOfLine,
  endOf,
  eventOfLine,
  isRecord,
  SLICE_VERSION,
  type SliceBase,
  type SliceEnd,
} from './slice-lines.ts';

/** Batches of one transaction. */
const BATCHES_STEP = 500;

/** A base whose parts are still coming. */
interface TakenBase {
  readonly place: SliceBase;
  /** The head, then the parts. */
  readonly texts: string[];
}

/** Takes a slice line by line; then `finish`. All errors are OperatorErrors with the number of the line. */
export class SliceImport {
  readonly #db: Database;
  readonly #writer: SliceWriter;
  readonly #now: number;
  readonly #lines: Hash = createHash('sha256');
  #count = 0;
  #base: TakenBase | undefined;
  #batch: Omit<StoredBatch, 'events'> | undefined;
  #events: StoredEvent[] = [];
  #head: Uint8Array;
  #next = { batch: 1, position: 1, time: 0 };
  #batches = 0;
  #written = 0;
  #end: SliceEnd | undefined;

  /** @param db empty. @param now Unix milliseconds */
  constructor(db: Database, now: number) {
    this.#db = db;
    this.#now = now;
    this.#writer = new SliceWriter(db);
    this.#head = windowStart(db).hash;
    db.exec('BEGIN IMMEDIATE');
  }

  /** @param text without its line feed */
  take(text: string): void {
    this.#count += 1;
    if (this.#end !== undefined) this.#fail('there is more after the end');
    const line = this.#parse(text);
    if (this.#count === 1) {
      if (line.zonelog !== 'slice') this.#fail("not what 'zonelog export' writes");
      if (line.version !== SLICE_VERSION) this.#fail('a slice of a newer zonelog');
    } else if ('end' in line) {
      this.#finishLines(line.end);
      return;
    } else if ('event' in line) this.#takeEvent(eventOfLine(line) ?? this.#fail('no event'));
    else {
      this.#finishBatch();
      if ('batch' in line) this.#beginBatch(batchOfLine(line) ?? this.#fail('no batch'));
      else if ('base' in line) this.#beginBase(baseOf(line.base) ?? this.#fail('no base'), line.head);
      else if (this.#base === undefined) this.#fail('no line of a slice');
      else if ('part' in line) this.#base.texts.push(JSON.stringify(line.part));
      else if ('whole' in line) this.#finishBase(this.#base, line.whole);
      else this.#fail('no line of a slice');
    }
    this.#lines.update(`${text}\n`);
  }

  /** Folds what was taken. @returns what the slice said of itself */
  finish(): SliceEnd {
    const end = this.#end ?? this.#fail('the slice was cut short: it has no end');
    this.#db.exec('COMMIT');
    this.#replay(end);
    return end;
  }

  #parse(text: string): Readonly<Record<string, unknown>> {
    try {
      const line: unknown = JSON.parse(text);
      if (isRecord(line)) return line;
    } catch {
      // Told below.
    }
    return this.#fail(this.#count === 1 ? "not what 'zonelog export' writes" : 'no JSON object');
  }

  #beginBase(place: SliceBase, head: unknown): void {
    if (this.#count !== 2) this.#fail('a base in the middle');
    this.#base = { place, texts: [JSON.stringify(head)] };
  }

  #finishBase({ place, texts }: TakenBase, hash: unknown): void {
    if (hash !== this.#lines.copy().digest('hex')) this.#fail('the base is not what was exported');
    this.#base = undefined;
    const { batch, position, time, anchor } = place;
    const steps = writeBase(this.#db, batch, texts);
    let step = steps.next();
    while (!step.done) step = steps.next();
    const at = Date.parse(time);
    recordRemoval(this.#db, {
      firstBatch: 1,
      lastBatch: batch,
      firstPosition: 1,
      lastPosition: position,
      firstTime: at,
      lastTime: at,
      anchor: Buffer.from(anchor, 'hex'),
      base: step.value,
      removedAt: this.#now,
      reason: 'import',
    });
    this.#writeVersions(texts[0] ?? '');
    const world = (readBase(this.#db) ?? this.#fail('no base')).world;
    for (const cluster of Object.keys(world.clusters) as ClusterId[]) {
      for (const kind of OBJECT_KINDS) {
        for (const key of keysAt(world, cluster, kind)) {
          const facts = factsAt(world, cluster, kind, key);
          if (facts !== undefined) this.#writer.addObject(cluster, kind, key, facts);
        }
      }
    }
    this.#head = Buffer.from(anchor, 'hex');
    this.#next = { batch: batch + 1, position: position + 1, time: at };
  }

  /** The last version of each zone before the slice. */
  #writeVersions(head: string): void {
    const versions = readHead(head)?.versions ?? this.#fail('a base of a newer zonelog');
    const zone = this.#db.prepare('INSERT INTO zone (name) VALUES (?)');
    const version = this.#db.prepare('INSERT INTO zone_version (zone, batch, serial, time) VALUES (?, ?, ?, ?)');
    let position = 0;
    for (const { zone: name, batch, serial, time } of versions) {
      version.run(zone.run(name).lastInsertRowid, batch, serial, time);
      position = Math.max(position, batch);
    }
    if (position > 0) this.#db.prepare('INSERT INTO projection_position (id, batch) VALUES (1, ?)').run(position);
  }

  #beginBatch(batch: Omit<StoredBatch, 'events'>): void {
    if (this.#base !== undefined) this.#fail('the base is cut short');
    const { batch: number, position, time } = this.#next;
    if (batch.batch !== number || batch.first !== position || batch.time < time)
      this.#fail(`batch ${batch.batch} does not follow on what is before it`);
    this.#batch = batch;
    this.#events = [];
  }

  #takeEvent(event: StoredEvent): void {
    if (this.#batch === undefined || this.#events.length >= this.#batch.count) this.#fail('an event of no batch');
    this.#events.push(event);
  }

  #finishBatch(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    if (!this.#writer.write(this.#head, { ...batch, events: this.#events }))
      this.#fail(`batch ${batch.batch} is not what was hashed`);
    this.#head = batch.hash;
    this.#next = { batch: batch.batch + 1, position: batch.first + batch.count, time: batch.time };
    this.#batches += 1;
    this.#written += batch.count;
    if (this.#batches % BATCHES_STEP === 0) this.#db.exec('COMMIT; BEGIN IMMEDIATE');
  }

  #finishLines(value: unknown): void {
    this.#finishBatch();
    if (this.#base !== undefined) this.#fail('the base is cut short');
    const end = endOf(value) ?? this.#fail('no end');
    const isWhole =
      end.batches === this.#batches &&
      end.events === this.#written &&
      end.head === Buffer.from(this.#head).toString('hex') &&
      end.sha256 === this.#lines.digest('hex');
    if (!isWhole) this.#fail('the lines before it are not those that were exported');
    this.#end = end;
  }

  #replay({ published }: SliceEnd): void {
    const db = this.#db;
    const base = readBase(db);
    const journal = new Journal(db);
    const projector = createProjector(
      base ?? { world: EMPTY_WORLD, batch: 0, serials: new Map() },
      journal,
      journal.position(),
    );
    const previous = (cluster: ClusterId, kind: ObjectKind, key: string) =>
      factsAt(projector.world, cluster, kind, key);
    const steps = new EventLog(db).check(previous);
    for (;;) {
      const { done, value } = steps.next();
      if (done) {
        if (!value.ok) throw new OperatorError(`broken at batch ${value.error.batch}: ${value.error.problem}`);
        break;
      }
      db.transaction(() => this.#writer.addTerms(value.events, previous))();
      projector.apply(value);
    }
    this.#compare(published);
  }

  #compare({ upTo, serials }: SliceEnd['published']): void {
    const found = lastVersions(this.#db, upTo);
    const isSame =
      found.length === Object.keys(serials).length && found.every(({ zone, serial }) => serials[zone] === serial);
    if (isSame) return;
    const other = found.find(({ zone, serial }) => serials[zone] !== serial);
    const which = other === undefined ? 'other zones' : `${other.zone} the serial ${other.serial}`;
    throw new OperatorError(`the replay gives ${which}, not what was served: it was made by another version`);
  }

  #fail(why: string): never {
    throw new OperatorError(`line ${this.#count}: ${why}`);
  }
}
