/** What templates work with: Go's values, as far as records are made of them. */

export type Value =
  | string
  | number
  | boolean
  | undefined
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Struct
  | Method;

/** Has these fields and no others. */
export interface Struct {
  readonly fields: ReadonlyMap<string, Value>;
}

export type Method = (...args: readonly Value[]) => Value;

/** The template can't be carried out with this data. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export function isStruct(value: Value): value is Struct {
  return typeof value === 'object' && 'fields' in value;
}

/** Go: false, 0, nothing, and what is empty, are not true. */
export function isTrue(value: Value): boolean {
  if (value instanceof Map) return value.size > 0;
  if (Array.isArray(value)) return value.length > 0;
  return Boolean(value);
}

/** As Go prints it. */
export function textOf(value: Value): string {
  if (value === undefined) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`;
  if (value instanceof Map) return `map[${[...value].map(([key, one]) => `${key}:${textOf(one)}`).join(' ')}]`;
  if (typeof value === 'object' || typeof value === 'function') throw new TemplateError("can't print that");
  return String(value);
}
