/** An outcome that is expected to happen: a value, not an exception. */
export type Result<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function fail<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error };
}

/**
 * Something the operator has to see and can mend: printed as one line, without a stack, and ends the process where it
 * happens at start.
 */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}
