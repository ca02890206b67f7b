/** What a question about the past may come to instead of an answer: all of it expected, none of it a bug. */
import type { Result } from '../errors.ts';

export type HistoryProblemKind =
  /** No such file, or nothing in it yet. */
  | 'noLog'
  /** The file is no database of ours, or of a schema that this program does not know, or can't be opened. */
  | 'unusable'
  /** The log is not what was written: cut short, altered, broken pages. */
  | 'damaged'
  /** What was asked is no name, type, address, moment or cursor, or no number in its range. */
  | 'badInput'
  /** A time that has not come yet. */
  | 'future'
  /** A time before the log begins (or before what compaction has kept). */
  | 'beforeLog'
  /** A serial that the zone never had, or that is no longer known. */
  | 'neverPublished'
  /** No such zone at that moment, or a name that is in none. */
  | 'unknownZone'
  /** The zone was not complete at that moment: nobody could transfer it. */
  | 'notComplete';

export interface HistoryProblem {
  readonly kind: HistoryProblemKind;
  /** One line for the operator. */
  readonly message: string;
}

export type Answered<T> = Result<T, HistoryProblem>;

export function problem(
  kind: HistoryProblemKind,
  message: string,
): { readonly ok: false; readonly error: HistoryProblem } {
  return { ok: false, error: { kind, message } };
}
