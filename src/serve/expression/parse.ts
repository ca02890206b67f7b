/**
 * Expressions of `view` and `template`, compiled once: a subset of expr-lang.org's language. What is not in it is refused
 * when the Corefile is read, by name.
 */

import { parsePattern } from '../../corefile/patterns.ts';
import { OperatorError } from '../../errors.ts';
import { compileMatcher } from '../match-pattern.ts';
import { BUILTINS, OPERATORS, PREDICATES } from './builtins.ts';
import { type ExpressionToken, tokenize } from './tokens.ts';
import { asList, asNumber, asText, asTruth, type Evaluate, ExpressionError, type Value } from './values.ts';

/** How tight binary operators bind. */
const BINDING: Readonly<Record<string, number>> = {
  '|': 5,
  or: 10,
  '||': 10,
  and: 15,
  '&&': 15,
  '==': 20,
  '!=': 20,
  '<': 20,
  '>': 20,
  '<=': 20,
  '>=': 20,
  in: 20,
  matches: 20,
  contains: 20,
  startsWith: 20,
  endsWith: 20,
  '..': 25,
  '+': 30,
  '-': 30,
  '*': 60,
  '/': 60,
  '%': 60,
  '**': 100,
  '^': 100,
  '??': 500,
};
const NOT_BINDING = 50;
const SIGN_BINDING = 90;
const MAX_DEPTH = 100;

/**
 * @param names functions and variables that there are, beside the language's own
 * @throws OperatorError
 */
export function compileExpression(text: string, names: ReadonlySet<string>): Evaluate {
  const parser = new Parser(text, names);
  return parser.parseWhole();
}

class Parser {
  readonly #text: string;
  readonly #names: ReadonlySet<string>;
  readonly #tokens: readonly ExpressionToken[];
  #at = 0;
  #depth = 0;
  #predicates = 0;

  constructor(text: string, names: ReadonlySet<string>) {
    this.#text = text;
    this.#names = names;
    this.#tokens = tokenize(text);
  }

  parseWhole(): Evaluate {
    const whole = this.#parse(0);
    if (this.#token.kind !== 'end') this.#fail(`unexpected ${this.#token.text}`);
    return whole;
  }

  get #token(): ExpressionToken {
    return this.#tokens[this.#at] as ExpressionToken;
  }

  #is(text: string): boolean {
    const { kind } = this.#token;
    return (kind === 'operator' || kind === 'name') && this.#token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail(`${text} is missing before ${this.#token.text || 'the end'}`);
  }

  #fail(why: string): never {
    throw new OperatorError(`expression ${JSON.stringify(this.#text)}: ${why}`);
  }

  #parse(least: number): Evaluate {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#fail('nested too deep');
    let left = this.#parseUnary();
    for (;;) {
      const isNegated = this.#is('not') && this.#tokens[this.#at + 1]?.kind === 'name';
      const { kind, text } = isNegated ? (this.#tokens[this.#at + 1] as ExpressionToken) : this.#token;
      const binding = kind === 'operator' || kind === 'name' ? BINDING[text] : undefined;
      if (binding === undefined || binding < least || !Object.hasOwn(BINDING, text)) break;
      this.#at += isNegated ? 2 : 1;
      const made = this.#parseBinary(text, left, binding);
      left = isNegated ? (scope) => !asTruth(made(scope), `the result of ${text}`) : made;
    }
    if (least === 0 && this.#take('?')) {
      const [test, yes] = [left, this.#parse(0)];
      this.#expect(':');
      const no = this.#parse(0);
      left = (scope) => (asTruth(test(scope), 'a condition') ? yes(scope) : no(scope));
    }
    this.#depth -= 1;
    return left;
  }

  #parseBinary(operator: string, left: Evaluate, binding: number): Evaluate {
    if (operator === '|') return this.#parseCall(this.#takeName(), [left]);
    if (operator === 'matches') return this.#parseMatches(left, binding);
    const right = this.#parse(operator === '**' || operator === '^' ? binding : binding + 1);
    if (operator === 'or' || operator === '||') {
      return (scope) => asTruth(left(scope), 'the left side') || asTruth(right(scope), 'the right side');
    }
    if (operator === 'and' || operator === '&&') {
      return (scope) => asTruth(left(scope), 'the left side') && asTruth(right(scope), 'the right side');
    }
    if (operator === '??') return (scope) => left(scope) ?? right(scope);
    const run = OPERATORS.get(operator);
    if (run === undefined) this.#fail(`operator ${operator} is not supported by zonelog`);
    return (scope) => run(left(scope), right(scope));
  }

  /** The pattern has to be written down, so that it is read once. */
  #parseMatches(left: Evaluate, binding: number): Evaluate {
    const { kind, text } = this.#token;
    if (kind !== 'string') this.#fail('the pattern behind matches must be a string');
    this.#at += 1;
    if (BINDING[this.#token.text] !== undefined && (BINDING[this.#token.text] as number) > binding) {
      this.#fail('the pattern behind matches must be one string');
    }
    const pattern = parsePattern(text);
    if (!pattern.ok) this.#fail(pattern.error.message);
    const matcher = compileMatcher(pattern.value);
    return (scope) => matcher.find(asText(left(scope), 'the left side of matches')) !== undefined;
  }

  #parseUnary(): Evaluate {
    if (this.#take('not') || this.#take('!')) {
      const operand = this.#parse(NOT_BINDING);
      return (scope) => !asTruth(operand(scope), 'what is negated');
    }
    if (this.#take('-')) {
      const operand = this.#parse(SIGN_BINDING);
      return (scope) => -asNumber(operand(scope), 'what is negated');
    }
    if (this.#take('+')) return this.#parse(SIGN_BINDING);
    return this.#parsePostfix(this.#parsePrimary());
  }

  #parsePostfix(start: Evaluate): Evaluate {
    let value = start;
    while (this.#take('[')) {
      const [list, index] = [value, this.#parse(0)];
      this.#expect(']');
      value = (scope) => elementOf(list(scope), asNumber(index(scope), 'an index'));
    }
    if (this.#is('.') || this.#is('?.')) this.#fail('members (a.b) are not supported by zonelog');
    return value;
  }

  #parsePrimary(): Evaluate {
    const { kind, text } = this.#token;
    if (kind === 'number' || kind === 'string') {
      this.#at += 1;
      const value: Value = kind === 'number' ? Number(text) : text;
      return () => value;
    }
    if (this.#take('(')) {
      const inner = this.#parse(0);
      this.#expect(')');
      return inner;
    }
    if (this.#take('[')) {
      const elements = this.#parseList(']');
      return (scope) => elements.map((element) => element(scope));
    }
    if (this.#take('#')) {
      if (this.#predicates === 0) this.#fail('# outside of a predicate');
      return (scope) => scope.element;
    }
    if (kind === 'name') return this.#parseName(this.#takeName());
    return this.#fail(`unexpected ${text || 'end'}`);
  }

  #takeName(): string {
    const { kind, text } = this.#token;
    if (kind !== 'name') this.#fail(`a name is missing before ${text || 'the end'}`);
    this.#at += 1;
    return text;
  }

  #parseName(name: string): Evaluate {
    if (name === 'true' || name === 'false') return () => name === 'true';
    if (name === 'nil') return () => undefined;
    if (this.#is('(')) return this.#parseCall(name, []);
    if (!this.#names.has(name)) this.#fail(`unknown name ${name}`);
    return (scope) => {
      const value = scope.names.get(name);
      return typeof value === 'function' ? value() : value;
    };
  }

  #parseCall(name: string, first: readonly Evaluate[]): Evaluate {
    this.#expect('(');
    const predicate = PREDICATES.get(name);
    if (predicate !== undefined) return this.#parsePredicate(predicate, first);
    const args = [...first, ...this.#parseList(')')];
    const builtin = this.#names.has(name) ? undefined : BUILTINS.get(name);
    if (builtin !== undefined) return (scope) => builtin(...args.map((arg) => arg(scope)));
    if (!this.#names.has(name)) this.#fail(`function ${name} is not supported by zonelog`);
    return (scope) => {
      const called = scope.names.get(name);
      if (typeof called !== 'function') throw new ExpressionError(`${name} is no function`);
      return called(...args.map((arg) => arg(scope)));
    };
  }

  #parsePredicate(
    predicate: (list: readonly Value[], test: (element: Value) => Value) => Value,
    first: readonly Evaluate[],
  ): Evaluate {
    const list = first[0] ?? this.#parse(0);
    if (first.length === 0) this.#expect(',');
    const hasBraces = this.#take('{');
    this.#predicates += 1;
    const test = this.#parse(0);
    this.#predicates -= 1;
    if (hasBraces) this.#expect('}');
    this.#expect(')');
    return (scope) => predicate(asList(list(scope), 'the first argument'), (element) => test({ ...scope, element }));
  }

  /** Expressions between commas, up to the closing sign. */
  #parseList(end: string): Evaluate[] {
    const list: Evaluate[] = [];
    while (!this.#take(end)) {
      if (list.length > 0) this.#expect(',');
      if (list.length > 0 && this.#take(end)) break;
      list.push(this.#parse(0));
    }
    return list;
  }
}

function elementOf(value: Value, index: number): Value {
  const list = typeof value === 'string' ? [...value] : asList(value, 'what is indexed');
  const at = index < 0 ? list.length + index : index;
  if (at < 0 || at >= list.length) throw new ExpressionError(`index ${index} is out of range`);
  return list[at];
}
