/** The end of a part of the log that is asked for by two moments. */
import type { ZoneId } from '../ingest/plan.ts';
import { type Answered, problem } from './problem.ts';
import type { AskedPlace, HistorySource } from './source.ts';

/** @returns `badInput` where the end is before the beginning, and what else moments may come to */
export function endOfRange(
  source: HistorySource,
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  zones: readonly ZoneId[],
): Answered<AskedPlace> {
  const end = source.place(to, zones);
  if (!end.ok || from === undefined) return end;
  const moment = source.moment(to);
  const begin = source.place(from, zones);
  const isReversed = begin.ok && end.value.asked < begin.value.asked;
  // Now is never before a time that has been.
  if (!isReversed || !moment.ok || moment.value.kind === 'now') return end;
  return problem('badInput', `${to} is before ${from}`);
}
