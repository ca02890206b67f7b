/** Limits and cursors of long answers. */
import { ok } from '../errors.ts';
import { quote } from './moment.ts';
import { type Answered, problem } from './problem.ts';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;

export function limitOf(limit: number | undefined): Answered<number> {
  if (limit === undefined) return ok(DEFAULT_LIMIT);
  if (Number.isInteger(limit) && limit > 0 && limit <= MAX_LIMIT) return ok(limit);
  return problem('badInput', `limit ${limit}: it is a number from 1 to ${MAX_LIMIT}`);
}

/** A cursor that is one number. */
export function numberCursor(cursor: string | undefined): Answered<number | undefined> {
  if (cursor === undefined) return ok(undefined);
  if (/^\d{1,15}$/.test(cursor)) return ok(Number(cursor));
  return problem('badInput', `${quote(cursor)}: no cursor of this list`);
}
