/** Functions of templates: those of Go's text/template that make sense in records, and CoreDNS's `parseInt`. */
import { isTrue, TemplateError, textOf, type Value } from './values.ts';

export type TemplateFunction = (...args: readonly Value[]) => Value;

/** Characters that one `printf` field may be wide. */
const MAX_WIDTH = 255;

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['and', (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1)],
  ['or', (...args) => args.find(isTrue) ?? args.at(-1)],
  ['not', (value) => !isTrue(value)],
  ['len', (value) => lengthOf(value)],
  ['index', (value, ...keys) => keys.reduce<Value>(elementOf, value)],
  ['slice', (value, from, to) => sliceOf(value, from, to)],
  ['print', (...args) => args.map(textOf).join('')],
  ['println', (...args) => `${args.map(textOf).join(' ')}\n`],
  ['printf', (format, ...args) => formatted(format, args)],
  ['eq', (a, ...others) => others.some((b) => isSame(a, b))],
  ['ne', (a, b) => !isSame(a, b)],
  ['lt', (a, b) => order(a, b) < 0],
  ['le', (a, b) => order(a, b) <= 0],
  ['gt', (a, b) => order(a, b) > 0],
  ['ge', (a, b) => order(a, b) >= 0],
  ['parseInt', (text, base, bits) => parseUnsigned(text, base, bits)],
]);

function lengthOf(value: Value): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  throw new TemplateError('len of what has no length');
}

function elementOf(value: Value, key: Value): Value {
  if (value instanceof Map) return value.get(String(key)) ?? '';
  if ((Array.isArray(value) || typeof value === 'string') && typeof key === 'number') {
    if (key < 0 || key >= value.length) throw new TemplateError(`index out of range: ${key}`);
    return typeof value === 'string' ? value.charCodeAt(key) : (value as readonly Value[])[key];
  }
  throw new TemplateError(`can't index that with ${textOf(key)}`);
}

function sliceOf(value: Value, from: Value, to: Value): Value {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new TemplateError("can't slice that");
  const end = to ?? value.length;
  if (typeof (from ?? 0) !== 'number' || typeof end !== 'number' || end > value.length || Number(from ?? 0) > end) {
    throw new TemplateError('slice out of range');
  }
  return value.slice(Number(from ?? 0), end);
}

function isSame(a: Value, b: Value): boolean {
  if (typeof a !== typeof b) throw new TemplateError('incompatible types for comparison');
  return a === b;
}

function order(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  throw new TemplateError('incompatible types for comparison');
}

/** strconv.ParseUint */
function parseUnsigned(text: Value, base: Value, bits: Value): number {
  if (typeof text !== 'string' || typeof base !== 'number' || typeof bits !== 'number') {
    throw new TemplateError('parseInt takes a string, a base and a size in bits');
  }
  const digits = '0123456789abcdefghijklmnopqrstuvwxyz'.slice(0, base === 0 ? 10 : base);
  const isLegal = text !== '' && [...text.toLowerCase()].every((digit) => digits.includes(digit));
  const value = isLegal ? Number.parseInt(text, digits.length) : Number.NaN;
  const most = 2 ** (bits === 0 ? 64 : bits);
  if (Number.isNaN(value) || value >= most || !Number.isSafeInteger(value)) {
    throw new TemplateError(`parsing ${JSON.stringify(text)}: ${isLegal ? 'value out of range' : 'invalid syntax'}`);
  }
  return value;
}

/** `%s %d %x %X %o %b %c %q %v %%`, with flags `0` and `-`, and a width. */
function formatted(format: Value, args: readonly Value[]): string {
  if (typeof format !== 'string') throw new TemplateError('printf takes a format');
  let next = 0;
  return format.replace(/%([-0]*)(\d{0,3})([a-zA-Z%])/g, (_, flags: string, width: string, verb: string) => {
    if (verb === '%') return '%';
    if (next >= args.length) throw new TemplateError('printf: not enough arguments');
    const text = formatOne(verb, args[next++]);
    const size = Math.min(Number(width || 0), MAX_WIDTH);
    if (flags.includes('-')) return text.padEnd(size);
    return text.padStart(size, flags.includes('0') ? '0' : ' ');
  });
}

const BASES: Readonly<Record<string, number>> = { d: 10, x: 16, X: 16, o: 8, b: 2 };

function formatOne(verb: string, value: Value): string {
  const base = BASES[verb];
  if (base !== undefined) {
    if (typeof value === 'number') {
      const digits = value.toString(base);
      return verb === 'X' ? digits.toUpperCase() : digits;
    }
    if (typeof value === 'string' && base === 16) return Buffer.from(value, 'utf8').toString('hex');
    throw new TemplateError(`printf: %${verb} of what is no number`);
  }
  if (verb === 's' || verb === 'v') return textOf(value);
  if (verb === 'q') return JSON.stringify(textOf(value));
  if (verb === 'c' && typeof value === 'number') return String.fromCodePoint(value);
  throw new TemplateError(`printf: %${verb} is not supported by zonelog`);
}
