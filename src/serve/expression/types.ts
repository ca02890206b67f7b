/**
 * What an expression's parts are, as far as its text says it: what can never work is refused when the Corefile is read, as the peer
 * does it, instead of being false for each request.
 */

/** `any`: only a request will tell. A list is `[]` and the type of its elements; `func` is a function that is not called. */
export type Type = 'string' | 'int' | 'float64' | 'bool' | 'nil' | 'any' | 'func' | `[]${string}`;

/** What a function takes and gives; the last argument may be left out if `isLastOptional`. */
export interface Signature {
  readonly args: readonly Type[];
  readonly result: Type;
  readonly isLastOptional?: boolean;
}

/** A type, or why there is none. */
export type Typed = { readonly type: Type } | { readonly fault: string };

const signature = (result: Type, ...args: readonly Type[]): Signature => ({ args, result });

/** Of the functions that the language has by itself. */
export const BUILTIN_TYPES: ReadonlyMap<string, Signature> = new Map<string, Signature>([
  ['len', signature('int', 'any')],
  ['lower', signature('string', 'string')],
  ['upper', signature('string', 'string')],
  ['trim', { ...signature('string', 'string', 'string'), isLastOptional: true }],
  ['trimPrefix', signature('string', 'string', 'string')],
  ['trimSuffix', signature('string', 'string', 'string')],
  ['hasPrefix', signature('bool', 'string', 'string')],
  ['hasSuffix', signature('bool', 'string', 'string')],
  ['indexOf', signature('int', 'string', 'string')],
  ['lastIndexOf', signature('int', 'string', 'string')],
  ['replace', signature('string', 'string', 'string', 'string')],
  ['split', signature('[]string', 'string', 'string')],
  ['join', { ...signature('string', '[]string', 'string'), isLastOptional: true }],
  ['string', signature('string', 'any')],
  ['int', signature('int', 'any')],
  ['float', signature('float64', 'any')],
  ['abs', signature('any', 'any')],
  ['first', signature('any', 'any')],
  ['last', signature('any', 'any')],
]);

/** Of what is made of the elements of a list. */
const PREDICATE_RESULTS: Readonly<Record<string, Type>> = {
  any: 'bool',
  all: 'bool',
  none: 'bool',
  one: 'bool',
  count: 'int',
};

export function isList(type: Type): boolean {
  return type.startsWith('[]');
}

export function elementOf(list: Type): Type {
  return isList(list) ? (list.slice(2) as Type) : 'any';
}

function isNumber(type: Type): boolean {
  return type === 'int' || type === 'float64' || type === 'any';
}

function isText(type: Type): boolean {
  return type === 'string' || type === 'any';
}

function isTruth(type: Type): boolean {
  return type === 'bool' || type === 'any';
}

function areComparable(a: Type, b: Type): boolean {
  if (a === 'any' || b === 'any' || a === 'nil' || b === 'nil') return true;
  return a === b || (isNumber(a) && isNumber(b)) || (isList(a) && isList(b));
}

export function typeOfBinary(operator: string, a: Type, b: Type): Typed {
  const both = (test: (type: Type) => boolean) => test(a) && test(b);
  const given = (isGood: boolean, type: Type): Typed =>
    isGood ? { type } : { fault: `invalid operation: ${operator} (mismatched types ${a} and ${b})` };
  const number: Type = a === 'any' || b === 'any' ? 'any' : a === 'int' && b === 'int' ? 'int' : 'float64';
  switch (operator) {
    case '==':
    case '!=':
      return given(areComparable(a, b), 'bool');
    case 'or':
    case '||':
    case 'and':
    case '&&':
      return given(both(isTruth), 'bool');
    case '<':
    case '>':
    case '<=':
    case '>=':
      return given(both(isNumber) || both(isText), 'bool');
    case 'in':
      if (isList(b) && !areComparable(a, elementOf(b)))
        return { fault: `cannot use ${a} as type ${elementOf(b)} in array` };
      return given(isList(b) || b === 'any', 'bool');
    case 'matches':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return given(both(isText), 'bool');
    case '+':
      return both(isText) && a !== b ? { type: 'any' } : given(both(isNumber) || both(isText), isText(a) ? a : number);
    case '-':
    case '*':
      return given(both(isNumber), number);
    case '/':
    case '**':
    case '^':
      return given(both(isNumber), 'float64');
    case '%':
      return given(
        both((type) => type === 'int' || type === 'any'),
        'int',
      );
    case '..':
      return given(
        both((type) => type === 'int' || type === 'any'),
        '[]int',
      );
    default:
      // What is left is `??`.
      return { type: a === 'nil' ? b : a === b || b === 'nil' ? a : 'any' };
  }
}

export function typeOfUnary(operator: string, operand: Type): Typed {
  const isGood = operator === '-' || operator === '+' ? isNumber(operand) : isTruth(operand);
  if (!isGood) return { fault: `invalid operation: ${operator} (mismatched type ${operand})` };
  return { type: operator === '-' || operator === '+' ? operand : 'bool' };
}

export function typeOfChoice(test: Type, yes: Type, no: Type): Typed {
  if (!isTruth(test)) return { fault: `non-bool expression (type ${test}) used as condition` };
  return { type: yes === no ? yes : 'any' };
}

export function typeOfIndex(list: Type, index: Type): Typed {
  if (isList(list) && index !== 'int' && index !== 'any') {
    return { fault: `array elements can only be selected using an integer (got ${index})` };
  }
  if (!isList(list) && list !== 'any') return { fault: `type ${list}[${index}] is undefined` };
  return { type: elementOf(list) };
}

export function typeOfCall(name: string, { args, result, isLastOptional }: Signature, given: readonly Type[]): Typed {
  const least = isLastOptional ? args.length - 1 : args.length;
  if (given.length > args.length) return { fault: `too many arguments to call ${name}` };
  if (given.length < least) return { fault: `not enough arguments to call ${name}` };
  for (const [at, type] of given.entries()) {
    const wanted = args[at] as Type;
    const isGood = wanted === 'any' || type === 'any' || type === wanted || (isList(wanted) && isList(type));
    if (!isGood) return { fault: `cannot use ${type} as argument (type ${wanted}) to call ${name}` };
  }
  const [first = 'any'] = given;
  const isFit = OWN_RULES[name]?.(first) ?? true;
  return isFit ? { type: result } : { fault: `invalid argument for ${name} (type ${first})` };
}

/** What the first argument of these may be, which is more than one type. */
const OWN_RULES: Readonly<Record<string, (type: Type) => boolean>> = {
  len: (type) => isText(type) || isList(type),
  abs: isNumber,
  first: (type) => isList(type) || type === 'any',
  last: (type) => isList(type) || type === 'any',
};

/** @param test what is said of each element */
export function typeOfPredicate(name: string, list: Type, test: Type): Typed {
  if (!isList(list) && list !== 'any') return { fault: `builtin ${name} takes only array (got ${list})` };
  if (name === 'map') return { type: `[]${test}` };
  if (!isTruth(test)) return { fault: `predicate should return boolean (got ${test})` };
  return { type: PREDICATE_RESULTS[name] ?? (name === 'filter' ? list : elementOf(list)) };
}

/** Of a list that is written down. */
export function typeOfElements(elements: readonly Type[]): Type {
  const [first = 'any'] = elements;
  return elements.every((one) => one === first) ? `[]${first}` : '[]any';
}
