/** The raw log, filtered. */
import { ok } from '../errors.ts';
import { windowStart } from '../ingest/log-window.ts';
import type { LoggedEvent, Page } from './answers.ts';
import { type EventRow, KIND_NAMES, loggedEvent, SELECT_EVENTS } from './log-events.ts';
import { quote } from './moment.ts';
import { limitOf, numberCursor } from './paging.ts';
import { type Answered, problem } from './problem.ts';
import { endOfRange } from './range.ts';
import type { HistorySource } from './source.ts';

export interface EventQuery {
  /** Part of the cluster's name. */
  readonly cluster?: string | undefined;
  /** `Service`, `EndpointSlice`, …, `Cluster`, `Guard`, `Plan`, `Zone`, `Member`, in any letter case. */
  readonly kind?: string | undefined;
  readonly namespace?: string | undefined;
  /** Moments; `to` is part of it. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  /** From the oldest on. */
  readonly isOldestFirst?: boolean | undefined;
}

/** Events looked at for one page: what lies farther comes with the next page, even if this one has none. */
const MOST_LOOKED_AT = 100_000;

export function events(source: HistorySource, query: EventQuery): Answered<Page<LoggedEvent>> {
  const limit = limitOf(query.limit);
  if (!limit.ok) return limit;
  const cursor = numberCursor(query.cursor);
  if (!cursor.ok) return cursor;
  const kind = query.kind === undefined ? undefined : KIND_NAMES.get(query.kind.toLowerCase());
  if (query.kind !== undefined && kind === undefined) {
    return problem('badInput', `${quote(query.kind)}: no kind: ${[...KIND_NAMES.values()].join(' ')}`);
  }
  const range = positionsOf(source, query);
  if (!range.ok) return range;
  const isUp = query.isOldestFirst === true;
  let { first, last } = range.value;
  if (cursor.value !== undefined) {
    if (isUp) first = Math.max(first, cursor.value);
    else last = Math.min(last, cursor.value);
  }
  // The part of the range that this page looks at.
  const [low, high] = isUp
    ? [first, Math.min(last, first + MOST_LOOKED_AT - 1)]
    : [Math.max(first, last - MOST_LOOKED_AT + 1), last];
  const rows = source.db
    .prepare<
      [
        {
          low: number;
          high: number;
          cluster: string | null;
          kind: string | null;
          namespace: string | null;
          limit: number;
        },
      ],
      EventRow
    >(
      `${SELECT_EVENTS} WHERE event.position BETWEEN @low AND @high
         AND (@cluster IS NULL OR instr(cluster.text, @cluster) > 0)
         AND (@kind IS NULL OR kind.text = @kind)
         AND (@namespace IS NULL OR object.key = @namespace AND kind.text = 'Namespace'
           OR substr(object.key, 1, length(@namespace) + 1) = @namespace || '/')
       ORDER BY event.position ${isUp ? 'ASC' : 'DESC'} LIMIT @limit`,
    )
    .all({
      low,
      high,
      cluster: query.cluster ?? null,
      kind: kind ?? null,
      namespace: query.namespace ?? null,
      limit: limit.value,
    });
  const end = rows.length === limit.value ? (rows.at(-1)?.position ?? low) : isUp ? high : low;
  const isMore = isUp ? end < last : end > first;
  return ok({ items: rows.map(loggedEvent), ...(isMore && { next: String(isUp ? end + 1 : end - 1) }) });
}

function positionsOf(source: HistorySource, { from, to }: EventQuery): Answered<{ first: number; last: number }> {
  const extent = source.extent();
  if (!extent.ok) return extent;
  const zones = source.zoneIds();
  const end = endOfRange(source, { from, to }, zones);
  if (!end.ok) return end;
  const begin =
    from === undefined
      ? ok({ ...extent.value.first, batch: extent.value.first.batch - 1 })
      : source.placeBefore(from, zones);
  if (!begin.ok) return begin;
  const edge = source.db.prepare<[number], { first: number; count: number }>(
    'SELECT first, count FROM batch WHERE batch = ?',
  );
  const newest = edge.get(end.value.batch);
  // The batch that a log was cut at is not in it any more, or not for long.
  const oldest = edge.get(Math.max(begin.value.batch, windowStart(source.db).batch) + 1);
  if (oldest === undefined || newest === undefined) return ok({ first: 1, last: 0 });
  return ok({ first: oldest.first, last: newest.first + newest.count - 1 });
}
