/** How events about deletions that the guard holds are laid out in a row of the log: `object` is 'Guard'. */
import { fail, ok, type Result } from '../errors.ts';
import { type ClusterId, type DeletionsHeld, type DeletionsReleased, HOLD_ENDINGS, WATCHED_KINDS } from './event.ts';
import { heldName } from './held-keys.ts';

/** The columns that identify what an event is about, and what is in its body. */
export interface PlainGuardEvent {
  readonly object: 'Guard';
  readonly key: string;
  readonly content: unknown;
}

export function plainGuardEvent(event: DeletionsHeld | DeletionsReleased): PlainGuardEvent {
  const same = { object: 'Guard', key: heldName(event.key, event.scope) } as const;
  if (event.kind === 'DeletionsHeld') {
    const { known, count, keys, percent, until } = event;
    return { ...same, content: { known, count, keys, percent, until } };
  }
  const { by, keys } = event;
  return { ...same, content: { by, ...(keys && { keys: keys.map((key) => key.toWellFormed()) }) } };
}

/** @returns the reason where the row can't be such an event's */
export function guardEventOf(
  row: { readonly kind: string; readonly cluster: string; readonly key: string },
  content: unknown,
): Result<DeletionsHeld | DeletionsReleased, string> {
  const fields = typeof content === 'object' && content !== null ? (content as Readonly<Record<string, unknown>>) : {};
  const slash = row.key.lastIndexOf('/');
  const key = WATCHED_KINDS.find((kind) => kind === row.key.slice(slash + 1));
  if (key !== undefined) {
    const same = { cluster: row.cluster as ClusterId, key, scope: row.key.slice(0, Math.max(0, slash)) };
    if (row.kind === 'DeletionsHeld') {
      const { known, count, keys, percent, until } = fields;
      if (isNumber(known) && isNumber(count) && isNumber(percent) && isNumber(until) && typeof keys === 'string')
        return ok({ kind: row.kind, ...same, known, count, keys, percent, until });
    }
    if (row.kind === 'DeletionsReleased') {
      const { keys } = fields;
      const by = HOLD_ENDINGS.find((ending) => ending === fields.by);
      if (by !== undefined && (keys === undefined || isTexts(keys)))
        return ok({ kind: row.kind, ...same, by, ...(keys && { keys }) });
    }
  }
  return fail(`no such event: ${row.kind} of Guard ${row.key}`);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
