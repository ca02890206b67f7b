/**
 * Expressions of `view` and `template`, compiled once: a subset of expr-lang.org's language. What is not in it is refused
 * when the Corefile is read, by name.
 */

import { parsePattern } from '../../corefile/patterns.ts';
import { OperatorError } from '../../errors.ts';
import { compileMatcher } from '../match-pattern.ts';
import { BUILTINS, OPERATORS, PREDICATES } from './builtins.ts';
import { type ExpressionToken, tokenize } from './tokens.ts';
import {
  BUILTIN_TYPES,
  elementOf,
  type Signature,
  type Type,
  type Typed,
  typeOfBinary,
  typeOfCall,
  typeOfChoice,
  typeOfElements,
  typeOfIndex,
  typeOfPredicate,
  typeOfUnary,
} from './types.ts';
import { asList, asNumber, asText, asTruth, type Evaluate, ExpressionError, type Value } from './values.ts';

/** A part of an expression. */
interface Term {
  readonly run: Evaluate;
  readonly type: Type;
}

/** Functions and variables that there are, beside the language's own, and what they are. */
export type KnownNames = ReadonlyMap<string, Signature | Type>;

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

/** @throws OperatorError, also where the types of its parts can never go with each other */
export function compileExpression(text: string, names: KnownNames): Evaluate {
  const parser = new Parser(text, names);
  return parser.parseWhole().run;
}

class Parser {
  readonly #text: string;
  readonly #names: KnownNames;
  readonly #tokens: readonly ExpressionToken[];
  #at = 0;
  #depth = 0;
  /** What `#` is, in the predicates that the parser is in. */
  readonly #elements: Type[] = [];

  constructor(text: string, names: KnownNames) {
    this.#text = text;
    this.#names = names;
    this.#tokens = tokenize(text);
  }

  parseWhole(): Term {
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

  /** The term, if its types go with each other. */
  #typed(run: Evaluate, typed: Typed): Term {
    if ('fault' in typed) this.#fail(typed.fault);
    return { run, type: typed.type };
  }

  #parse(least: number): Term {
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
      left = isNegated ? negated(made, `the result of ${text}`) : made;
    }
    if (least === 0 && this.#take('?')) {
      const [test, yes] = [left, this.#parse(0)];
      this.#expect(':');
      const no = this.#parse(0);
      left = this.#typed(
        (scope) => (asTruth(test.run(scope), 'a condition') ? yes.run(scope) : no.run(scope)),
        typeOfChoice(test.type, yes.type, no.type),
      );
    }
    this.#depth -= 1;
    return left;
  }

  #parseBinary(operator: string, left: Term, binding: number): Term {
    if (operator === '|') return this.#parseCall(this.#takeName(), [left]);
    if (operator === 'matches') return this.#parseMatches(left, binding);
    const right = this.#parse(operator === '**' || operator === '^' ? binding : binding + 1);
    return this.#typed(this.#runBinary(operator, left.run, right.run), typeOfBinary(operator, left.type, right.type));
  }

  #runBinary(operator: string, left: Evaluate, right: Evaluate): Evaluate {
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
  #parseMatches(left: Term, binding: number): Term {
    const { kind, text } = this.#token;
    if (kind !== 'string') this.#fail('the pattern behind matches must be a string');
    this.#at += 1;
    if (BINDING[this.#token.text] !== undefined && (BINDING[this.#token.text] as number) > binding) {
      this.#fail('the pattern behind matches must be one string');
    }
    const pattern = parsePattern(text);
    if (!pattern.ok) this.#fail(pattern.error.message);
    const matcher = compileMatcher(pattern.value);
    return this.#typed(
      (scope) => matcher.find(asText(left.run(scope), 'the left side of matches')) !== undefined,
      typeOfBinary('matches', left.type, 'string'),
    );
  }

  #parseUnary(): Term {
    for (const sign of ['not', '!']) {
      if (!this.#take(sign)) continue;
      const operand = this.#parse(NOT_BINDING);
      return this.#typed(negated(operand, 'what is negated').run, typeOfUnary(sign, operand.type));
    }
    if (this.#take('-')) {
      const operand = this.#parse(SIGN_BINDING);
      return this.#typed((scope) => -asNumber(operand.run(scope), 'what is negated'), typeOfUnary('-', operand.type));
    }
    if (this.#take('+')) {
      const operand = this.#parse(SIGN_BINDING);
      return this.#typed(operand.run, typeOfUnary('+', operand.type));
    }
    return this.#parsePostfix(this.#parsePrimary());
  }

  #parsePostfix(start: Term): Term {
    let value = start;
    while (this.#take('[')) {
      const [list, index] = [value, this.#parse(0)];
      this.#expect(']');
      value = this.#typed(
        (scope) => elementAt(list.run(scope), asNumber(index.run(scope), 'an index')),
        typeOfIndex(list.type, index.type),
      );
    }
    if (this.#is('.') || this.#is('?.')) this.#fail('members (a.b) are not supported by zonelog');
    return value;
  }

  #parsePrimary(): Term {
    const { kind, text } = this.#token;
    if (kind === 'number' || kind === 'string') {
      this.#at += 1;
      const value: Value = kind === 'number' ? Number(text) : text;
      return { run: () => value, type: kind === 'string' ? kind : /^\d+$/.test(text) ? 'int' : 'float64' };
    }
    if (this.#take('(')) {
      const inner = this.#parse(0);
      this.#expect(')');
      return inner;
    }
    if (this.#take('[')) {
      const elements = this.#parseList(']');
      const type = typeOfElements(elements.map((element) => element.type));
      return { run: (scope) => elements.map((element) => element.run(scope)), type };
    }
    if (this.#take('#')) {
      const type = this.#elements.at(-1);
      if (type === undefined) this.#fail('# outside of a predicate');
      return { run: (scope) => scope.element, type };
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

  #parseName(name: string): Term {
    if (name === 'true' || name === 'false') return { run: () => name === 'true', type: 'bool' };
    if (name === 'nil') return { run: () => undefined, type: 'nil' };
    if (this.#is('(')) return this.#parseCall(name, []);
    const known = this.#names.get(name);
    if (known === undefined) this.#fail(`unknown name ${name}`);
    const run: Evaluate = (scope) => {
      const value = scope.names.get(name);
      return typeof value === 'function' ? value() : value;
    };
    return { run, type: typeof known === 'string' ? known : 'func' };
  }

  #parseCall(name: string, first: readonly Term[]): Term {
    this.#expect('(');
    const predicate = PREDICATES.get(name);
    if (predicate !== undefined) return this.#parsePredicate(name, predicate, first);
    const args = [...first, ...this.#parseList(')')];
    const types = args.map(({ type }) => type);
    const known = this.#names.get(name);
    const builtin = known === undefined ? BUILTINS.get(name) : undefined;
    if (builtin !== undefined) {
      const signature = BUILTIN_TYPES.get(name);
      if (signature === undefined) throw new Error(`no types of ${name}`);
      return this.#typed((scope) => builtin(...args.map(({ run }) => run(scope))), typeOfCall(name, signature, types));
    }
    if (known === undefined) this.#fail(`function ${name} is not supported by zonelog`);
    if (typeof known === 'string') this.#fail(`${known} is not callable`);
    const run: Evaluate = (scope) => {
      const called = scope.names.get(name);
      if (typeof called !== 'function') throw new ExpressionError(`${name} is no function`);
      return called(...args.map((arg) => arg.run(scope)));
    };
    return this.#typed(run, typeOfCall(name, known, types));
  }

  #parsePredicate(
    name: string,
    predicate: (list: readonly Value[], test: (element: Value) => Value) => Value,
    first: readonly Term[],
  ): Term {
    const list = first[0] ?? this.#parse(0);
    if (first.length === 0) this.#expect(',');
    const hasBraces = this.#take('{');
    this.#elements.push(elementOf(list.type));
    const test = this.#parse(0);
    this.#elements.pop();
    if (hasBraces) this.#expect('}');
    this.#expect(')');
    return this.#typed(
      (scope) => predicate(asList(list.run(scope), 'the first argument'), (element) => test.run({ ...scope, element })),
      typeOfPredicate(name, list.type, test.type),
    );
  }

  /** Expressions between commas, up to the closing sign. */
  #parseList(end: string): Term[] {
    const list: Term[] = [];
    while (!this.#take(end)) {
      if (list.length > 0) this.#expect(',');
      if (list.length > 0 && this.#take(end)) break;
      list.push(this.#parse(0));
    }
    return list;
  }
}

function negated({ run }: Term, what: string): Term {
  return { run: (scope) => !asTruth(run(scope), what), type: 'bool' };
}

function elementAt(value: Value, index: number): Value {
  const list = typeof value === 'string' ? [...value] : asList(value, 'what is indexed');
  const at = index < 0 ? list.length + index : index;
  if (at < 0 || at >= list.length) throw new ExpressionError(`index ${index} is out of range`);
  return list[at];
}
