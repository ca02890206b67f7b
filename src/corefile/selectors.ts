import type { Outcome } from './outcome.ts';
import { accept, reject } from './outcome.ts';

export type SelectorOperator = '=' | '==' | '!=' | '<' | '>' | 'in' | 'notin' | 'exists' | '!';

/** One condition on the labels of an object. */
export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  /** Sorted, each once. */
  readonly values: readonly string[];
}

/**
 * Reads a label selector in the notation of the Kubernetes API, such as `app=web,tier in (a, b),!legacy`.
 * The requirements come sorted by key.
 */
export function parseSelector(text: string): Outcome<Requirement[]> {
  const reader = new SelectorReader(text);
  const requirements = reader.read();
  if (reader.failure !== undefined) return reject(reader.failure);
  return accept(requirements.sort((a, b) => compareText(a.key, b.key) || compareText(format(a), format(b))));
}

/** The canonical text of a selector, as it goes into a request. */
export function formatSelector(requirements: readonly Requirement[]): string {
  return requirements.map(format).join(',');
}

/**
 * Reads a selector of the kind that objects of the API hold (`matchLabels`, `matchExpressions`), into canonical text.
 * There `==` is `=`, of two equalities for one key the last stands, and `!=`, `<`, `>` do not exist.
 */
export function parseLabelSelector(text: string): Outcome<string> {
  const reader = new SelectorReader(text);
  const requirements = reader.read();
  if (reader.failure !== undefined) return reject(reader.failure);
  const kept = new Map<string, Requirement>();
  for (const [index, requirement] of requirements.entries()) {
    const { key, operator } = requirement;
    if (operator === '<' || operator === '>') return reject(`"${operator}" isn't supported in label selectors`);
    if (operator === '!=') return reject('"!=" is not a valid label selector operator');
    if (operator === '=' || operator === '==') kept.set(`= ${key}`, { ...requirement, operator: '=' });
    else kept.set(String(index), requirement);
  }
  const sorted = [...kept.values()].sort((a, b) => compareText(a.key, b.key) || compareText(format(a), format(b)));
  return accept(formatSelector(sorted));
}

/** Do the labels of an object meet all of the requirements? */
export function isSelected(requirements: readonly Requirement[], labels: Readonly<Record<string, unknown>>): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    const text = typeof value === 'string' ? value : undefined;
    switch (operator) {
      case 'exists':
        return text !== undefined;
      case '!':
        return text === undefined;
      case '!=':
      case 'notin':
        return text === undefined || !values.includes(text);
      case '<':
        return text !== undefined && /^-?\d+$/.test(text) && BigInt(text) < BigInt(values[0] ?? '0');
      case '>':
        return text !== undefined && /^-?\d+$/.test(text) && BigInt(text) > BigInt(values[0] ?? '0');
      default:
        return text !== undefined && values.includes(text);
    }
  });
}

function format({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const SYMBOLS = /\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)\s*/y;

function split(text: string): string[] {
  const words: string[] = [];
  SYMBOLS.lastIndex = 0;
  for (let match = SYMBOLS.exec(text); match; match = SYMBOLS.exec(text)) words.push(match[1] as string);
  return words;
}

class SelectorReader {
  failure: string | undefined;
  readonly #words: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#words = split(text);
  }

  read(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#words.length === 0) return requirements;
    while (this.failure === undefined) {
      requirements.push(this.#readRequirement());
      const separator = this.#take();
      if (separator === '') break;
      if (separator !== ',') this.#expected(separator, "',' or 'end of string'");
    }
    return requirements;
  }

  #readRequirement(): Requirement {
    const isNegated = this.#peek() === '!';
    if (isNegated) this.#take();
    const key = this.#take();
    if (!isWord(key)) this.#expected(key, "!, identifier, or 'end of string'");
    else if (!isLabelKey(key)) this.failure ??= `key: Invalid value: ${JSON.stringify(key)}: not a label key`;
    const next = this.#peek();
    if (isNegated || next === '' || next === ',') return { key, operator: isNegated ? '!' : 'exists', values: [] };
    const operator = this.#readOperator();
    const values = operator === 'in' || operator === 'notin' ? this.#readValues() : [this.#readValue()];
    for (const value of values) this.#checkValue(key, operator, value);
    return { key, operator, values: [...new Set(values)].sort(compareText) };
  }

  #readOperator(): SelectorOperator {
    const word = this.#take();
    switch (word) {
      case '=':
      case '==':
      case '!=':
      case '<':
      case '>':
      case 'in':
      case 'notin':
        return word;
      default:
        this.#expected(word, 'in, notin, =, ==, !=, gt, lt');
        return '=';
    }
  }

  /** `(a, b, …)`; nothing between two of the marks is the empty value. */
  #readValues(): string[] {
    const open = this.#take();
    if (open !== '(') this.#expected(open, "'('");
    const values: string[] = [];
    while (this.failure === undefined) {
      values.push(this.#readValue());
      const mark = this.#take();
      if (mark === ')') break;
      if (mark !== ',') this.#expected(mark, "',' or ')'");
    }
    return values;
  }

  /** A value, which may be empty. */
  #readValue(): string {
    const next = this.#peek();
    if (next === '' || next === ',' || next === ')') return '';
    this.#take();
    if (!isWord(next)) this.#expected(next, 'identifier');
    return next;
  }

  #checkValue(key: string, operator: SelectorOperator, value: string): void {
    const isLegal = operator === '<' || operator === '>' ? /^-?\d+$/.test(value) : isLabelValue(value);
    if (!isLegal) this.failure ??= `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: not a label value`;
  }

  #peek(): string {
    return this.#words[this.#at] ?? '';
  }

  #take(): string {
    const word = this.#peek();
    this.#at += 1;
    return word;
  }

  #expected(found: string, expected: string): void {
    this.failure ??= `unable to parse requirement: found '${found}', expected: ${expected}`;
  }
}

function isWord(text: string): boolean {
  return text !== '' && !/^[=!(),<>]/.test(text);
}

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  if (prefix !== undefined && (prefix.length > 253 || !PREFIX.test(prefix))) return false;
  return name.length <= 63 && NAME.test(name);
}

function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= 63 && NAME.test(value));
}
