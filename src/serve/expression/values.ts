/** What expressions work with. */

export type Value = string | number | boolean | undefined | readonly Value[];

/** What an expression is evaluated in. */
export interface Scope {
  /** Functions and variables by name. */
  readonly names: Names;
  /** The element that a predicate is about: `#`. */
  readonly element?: Value;
}

export interface Names {
  get(name: string): Value | ((...args: readonly Value[]) => Value);
}

export type Evaluate = (scope: Scope) => Value;

/** Values don't go with each other: the expression has no result for this request. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

export function asText(value: Value, what: string): string {
  if (typeof value === 'string') return value;
  throw new ExpressionError(`${what} is no string`);
}

export function asNumber(value: Value, what: string): number {
  if (typeof value === 'number') return value;
  throw new ExpressionError(`${what} is no number`);
}

export function asTruth(value: Value, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw new ExpressionError(`${what} is not true or false`);
}

export function asList(value: Value, what: string): readonly Value[] {
  if (Array.isArray(value)) return value;
  throw new ExpressionError(`${what} is no list`);
}

export function isEqual(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => isEqual(one, b[i]));
  return a === b;
}
