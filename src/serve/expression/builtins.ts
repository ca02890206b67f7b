/** Functions and operators of expressions that know nothing of DNS. */
import { asList, asNumber, asText, ExpressionError, isEqual, type Value } from './values.ts';

type Builtin = (...args: readonly Value[]) => Value;

const text = (run: (a: string, b: string, c: string) => Value): Builtin => {
  const count = run.length;
  return (...args) => {
    if (args.length !== count) throw new ExpressionError(`${count} arguments are wanted`);
    const [a = '', b = '', c = ''] = args.map((arg) => asText(arg, 'an argument'));
    return run(a, b, c);
  };
};

export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['len', (value) => (typeof value === 'string' ? [...value] : asList(value, 'the argument of len')).length],
  ['lower', text((a) => a.toLowerCase())],
  ['upper', text((a) => a.toUpperCase())],
  ['trim', (value, what) => (what === undefined ? asText(value, 'the argument').trim() : trimOf(value, what))],
  ['trimPrefix', text((a, b) => (a.startsWith(b) ? a.slice(b.length) : a))],
  ['trimSuffix', text((a, b) => (b !== '' && a.endsWith(b) ? a.slice(0, -b.length) : a))],
  ['hasPrefix', text((a, b) => a.startsWith(b))],
  ['hasSuffix', text((a, b) => a.endsWith(b))],
  ['indexOf', text((a, b) => a.indexOf(b))],
  ['lastIndexOf', text((a, b) => a.lastIndexOf(b))],
  ['replace', text((a, b, c) => a.replaceAll(b, () => c))],
  ['split', text((a, b) => a.split(b))],
  [
    'join',
    (list, by) =>
      asList(list, 'the argument')
        .map((one) => asText(one, 'an element'))
        .join(String(by ?? '')),
  ],
  ['string', (value) => printed(value)],
  ['int', (value) => wholeOf(value)],
  ['float', (value) => numberOf(value)],
  ['abs', (value) => Math.abs(asNumber(value, 'the argument'))],
  ['first', (list) => asList(list, 'the argument')[0]],
  ['last', (list) => asList(list, 'the argument').at(-1)],
]);

function trimOf(value: Value, what: Value): string {
  const chars = new Set(asText(what, 'the second argument'));
  const all = [...asText(value, 'the argument')];
  const isKept = (char: string) => !chars.has(char);
  const start = all.findIndex(isKept);
  return start < 0 ? '' : all.slice(start, all.findLastIndex(isKept) + 1).join('');
}

export function printed(value: Value): string {
  if (value === undefined) return 'nil';
  return Array.isArray(value) ? `[${value.map(printed).join(' ')}]` : String(value);
}

function wholeOf(value: Value): number {
  return Math.trunc(numberOf(value));
}

function numberOf(value: Value): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : asNumber(value, 'the argument');
  if (Number.isNaN(number)) throw new ExpressionError('the argument is no number');
  return number;
}

/** Elements of a range at most. */
const MAX_RANGE = 10_000;

type Operator = (a: Value, b: Value) => Value;

/** Those that look at both sides in any case. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['==', isEqual],
  ['!=', (a, b) => !isEqual(a, b)],
  ['<', (a, b) => order(a, b) < 0],
  ['>', (a, b) => order(a, b) > 0],
  ['<=', (a, b) => order(a, b) <= 0],
  ['>=', (a, b) => order(a, b) >= 0],
  ['in', (a, b) => asList(b, 'the right side of in').some((one) => isEqual(a, one))],
  ['contains', (a, b) => asText(a, 'the left side').includes(asText(b, 'the right side'))],
  ['startsWith', (a, b) => asText(a, 'the left side').startsWith(asText(b, 'the right side'))],
  ['endsWith', (a, b) => asText(a, 'the left side').endsWith(asText(b, 'the right side'))],
  ['+', (a, b) => (typeof a === 'string' ? a + asText(b, 'the right side') : numbers(a, b, (x, y) => x + y))],
  ['-', (a, b) => numbers(a, b, (x, y) => x - y)],
  ['*', (a, b) => numbers(a, b, (x, y) => x * y)],
  ['/', (a, b) => numbers(a, b, (x, y) => x / y)],
  ['%', (a, b) => numbers(a, b, (x, y) => x % y)],
  ['**', (a, b) => numbers(a, b, (x, y) => x ** y)],
  ['^', (a, b) => numbers(a, b, (x, y) => x ** y)],
  ['..', (a, b) => rangeOf(asNumber(a, 'the left side'), asNumber(b, 'the right side'))],
]);

function numbers(a: Value, b: Value, run: (a: number, b: number) => number): number {
  return run(asNumber(a, 'the left side'), asNumber(b, 'the right side'));
}

function order(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return asNumber(a, 'the left side') - asNumber(b, 'the right side');
}

function rangeOf(from: number, to: number): number[] {
  if (to - from >= MAX_RANGE) throw new ExpressionError(`a range of more than ${MAX_RANGE} numbers`);
  return to < from ? [] : Array.from({ length: Math.floor(to - from) + 1 }, (_, i) => from + i);
}

type Predicate = (list: readonly Value[], test: (element: Value) => Value) => Value;

/** Functions whose second argument is looked at for each element of the first. */
export const PREDICATES: ReadonlyMap<string, Predicate> = new Map<string, Predicate>([
  ['any', (list, test) => list.some((one) => test(one) === true)],
  ['all', (list, test) => list.every((one) => test(one) === true)],
  ['none', (list, test) => !list.some((one) => test(one) === true)],
  ['one', (list, test) => list.filter((one) => test(one) === true).length === 1],
  ['count', (list, test) => list.filter((one) => test(one) === true).length],
  ['filter', (list, test) => list.filter((one) => test(one) === true)],
  ['find', (list, test) => list.find((one) => test(one) === true)],
  ['map', (list, test) => list.map(test)],
]);
