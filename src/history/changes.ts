/** Changes of zones in the order in which they were published: what follows a cursor, for those who watch. */
import { ok } from '../errors.ts';
import { windowStart } from '../ingest/log-window.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { ChangePage, TextRecord, ZoneChange } from './answers.ts';
import { eventsOfBatch } from './log-events.ts';
import { quote } from './moment.ts';
import { limitOf } from './paging.ts';
import { namePattern } from './pattern.ts';
import { type Answered, problem } from './problem.ts';
import { type HistorySource, iso, type Version, versionRef } from './source.ts';
import { textRecord } from './text.ts';
import { zoneIdOf } from './zone-at.ts';

export interface ChangeQuery {
  readonly zone?: string | undefined;
  /** A name, or part of one with `*`: only changes of records whose owner fits. */
  readonly name?: string | undefined;
  /** Cursor of the last change that is known; absent: from now on, `start`: from the beginning. */
  readonly after?: string | undefined;
  /** A moment: without a cursor, begin there. */
  readonly since?: string | undefined;
  readonly limit?: number | undefined;
  /** Records listed for one change, 100 unless told. */
  readonly mostRecords?: number | undefined;
}

/** Events listed for one change. */
const MOST_EVENTS = 100;
const MOST_RECORDS = 100;

export function changes(source: HistorySource, query: ChangeQuery): Answered<ChangePage> {
  const limit = limitOf(query.limit);
  if (!limit.ok) return limit;
  const fits = namePattern(query.name);
  if (!fits.ok) return fits;
  const only = query.zone === undefined ? ok(source.zoneIds()) : one(zoneIdOf(source, query.zone));
  if (!only.ok) return only;
  const newest = source.db.prepare<[], number>('SELECT max(batch) FROM projection_position').pluck().get() ?? 0;
  const since = query.since === undefined ? ok({ batch: newest }) : source.placeBefore(query.since, only.value);
  if (!since.ok) return since;
  const asked = cursorOf(query.after, since.value.batch);
  if (!asked.ok) return asked;
  const after = inWindow(source, only.value, asked.value, query.after !== undefined && query.after !== 'start');
  if (!after.ok) return after;
  const versions = versionsAfter(source, only.value, after.value, limit.value);
  const items: ZoneChange[] = [];
  for (const { zone, version } of versions) {
    const change = changeOf(source, zone, version, fits.value, query.mostRecords ?? MOST_RECORDS);
    if (change !== undefined) items.push(change);
  }
  const last = versions.at(-1);
  const isMore = versions.length >= limit.value;
  const cursor = last === undefined ? after.value : { batch: last.version.batch, zone: last.zone };
  return ok({ items, cursor: cursorText(cursor), isMore });
}

interface Cursor {
  readonly batch: number;
  /** The last zone of that batch that is done with; '' is none, absent is all. */
  readonly zone?: ZoneId;
}

function cursorOf(text: string | undefined, start: number): Answered<Cursor> {
  if (text === undefined) return ok({ batch: start });
  if (text === 'start') return ok({ batch: 0 });
  const match = /^(\d{1,15})(?:-(.+))?$/s.exec(text);
  if (match === null) return problem('badInput', `${quote(text)}: no cursor of changes`);
  return ok({ batch: Number(match[1]), ...(match[2] !== undefined && { zone: match[2] }) });
}

/**
 * Where a cursor leads in what is left of the log. Who has come back to a cut log is told when it lost a version that it has
 * not seen: of each zone the last one before the cut is still known.
 */
function inWindow(source: HistorySource, zones: readonly ZoneId[], cursor: Cursor, hasSeen: boolean): Answered<Cursor> {
  const window = windowStart(source.db);
  if (cursor.batch >= window.batch) return ok(cursor);
  const isMissed = (zone: ZoneId) => {
    const last = source.journal.lastVersion(zone, window.batch + 1);
    return last !== undefined && isAfter({ zone, version: last }, cursor);
  };
  if (!hasSeen || !zones.some(isMissed)) return ok({ batch: window.batch });
  const begins = `the log was cut and now begins at ${iso(window.time)}`;
  return problem('beforeLog', `what followed ${cursorText(cursor)} is not all known any more: ${begins}`);
}

function isAfter({ zone, version }: { zone: ZoneId; version: { readonly batch: number } }, cursor: Cursor): boolean {
  if (version.batch !== cursor.batch) return version.batch > cursor.batch;
  return cursor.zone !== undefined && zone > cursor.zone;
}

function cursorText({ batch, zone }: Cursor): string {
  return zone === undefined ? String(batch) : `${batch}-${zone}`;
}

function one(zone: Answered<ZoneId>): Answered<ZoneId[]> {
  return zone.ok ? ok([zone.value]) : zone;
}

/** Versions after a cursor, by batch and zone. */
function versionsAfter(source: HistorySource, zones: readonly ZoneId[], after: Cursor, limit: number) {
  const read = source.db.prepare<[string, number, number], Version>(
    `SELECT batch, serial, time FROM zone_version
     WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch >= ? ORDER BY batch LIMIT ?`,
  );
  return zones
    .flatMap((zone) => read.all(zone, after.batch, limit + 1).map((version) => ({ zone, version })))
    .filter((change) => isAfter(change, after))
    .sort((a, b) => a.version.batch - b.version.batch || (a.zone < b.zone ? -1 : 1))
    .slice(0, limit);
}

function changeOf(
  source: HistorySource,
  zone: ZoneId,
  version: Version,
  fits: (name: string) => boolean,
  most: number,
): ZoneChange | undefined {
  const changeset = source.journal.changesetOf(zone, version.batch);
  const removed = changeset?.removed.filter(({ owner }) => fits(owner)) ?? [];
  const added = changeset?.added.filter(({ owner }) => fits(owner)) ?? [];
  if (
    changeset !== undefined &&
    removed.length + added.length === 0 &&
    changeset.removed.length + changeset.added.length > 0
  )
    return undefined;
  const before = source.versionAt(zone, version.batch - 1);
  const list = (records: typeof removed): TextRecord[] => records.slice(0, most).map(textRecord);
  return {
    cursor: cursorText({ batch: version.batch, zone }),
    zone,
    version: versionRef(version),
    ...(before && { from: versionRef(before) }),
    removedCount: removed.length,
    addedCount: added.length,
    removed: list(removed),
    added: list(added),
    events: eventsOfBatch(source, version.batch, MOST_EVENTS),
  };
}
