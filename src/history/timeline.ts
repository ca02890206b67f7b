/** The versions of a zone. */
import { ok } from '../errors.ts';
import type { Page, TimelineEntry } from './answers.ts';
import { limitOf, numberCursor } from './paging.ts';
import type { Answered } from './problem.ts';
import { endOfRange } from './range.ts';
import { type HistorySource, type Version, versionRef } from './source.ts';
import { zoneIdOf } from './zone-at.ts';

export interface TimelineQuery {
  readonly zone: string;
  /** Moments; `to` is part of it. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

interface Row extends Version {
  readonly removed: number | null;
  readonly added: number | null;
}

export function timeline(source: HistorySource, query: TimelineQuery): Answered<Page<TimelineEntry>> {
  const id = zoneIdOf(source, query.zone);
  if (!id.ok) return id;
  const limit = limitOf(query.limit);
  if (!limit.ok) return limit;
  const cursor = numberCursor(query.cursor);
  if (!cursor.ok) return cursor;
  const end = endOfRange(source, query, [id.value]);
  if (!end.ok) return end;
  const begin = query.from === undefined ? ok({ batch: 0 }) : source.placeBefore(query.from, [id.value]);
  if (!begin.ok) return begin;
  const rows = source.db
    .prepare<[string, number, number, number], Row>(
      `SELECT batch, serial, time, removed_count AS removed, added_count AS added
       FROM zone_version LEFT JOIN zone_change USING (zone, batch)
       WHERE zone = (SELECT id FROM zone WHERE name = ?) AND batch > ? AND batch <= ? ORDER BY batch DESC LIMIT ?`,
    )
    .all(
      id.value,
      Math.max(begin.value.batch, source.firstKept(id.value) - 1),
      Math.min(end.value.batch, (cursor.value ?? Infinity) - 1, Number.MAX_SAFE_INTEGER),
      limit.value + 1,
    );
  const items = rows.slice(0, limit.value).map(
    ({ removed, added, ...version }): TimelineEntry => ({
      ...versionRef(version),
      ...(removed !== null && { removed }),
      ...(added !== null && { added }),
    }),
  );
  const last = items.at(-1);
  return ok({ items, ...(rows.length > limit.value && last && { next: String(last.batch) }) });
}
