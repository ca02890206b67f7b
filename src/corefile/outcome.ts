/** What reading a Corefile gives: a value, or the one line that tells the operator what is wrong with it. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: CorefileError };

/** A fault in a Corefile. `message` is complete: plugin, file, line and text. */
export interface CorefileError {
  readonly message: string;
}

export function accept<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function reject<T = never>(message: string): Outcome<T> {
  return { ok: false, error: { message } };
}

/** A place in a file. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** The text of a parse error at a place. */
export function parseError(place: Place, message: string): string {
  return `${place.file}:${place.line} - Error during parsing: ${message}`;
}

/** The text of an error about a token that may not stand where it stands. */
export function syntaxError(place: Place, token: string, expected: string): string {
  return `${place.file}:${place.line} - Syntax error: Unexpected token '${token}', expecting '${expected}'`;
}
