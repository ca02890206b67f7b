/** labelSelector and fieldSelector of list and watch requests. */
import type { ResourceType } from './resources.ts';
import { badRequest, type Failure, isFailure } from './status.ts';

/** The parts of an object that selectors look at. */
export interface Selectable {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

export type Selection = (object: Selectable) => boolean;

const everything: Selection = () => true;

/** One predicate for a request's namespace, labelSelector and fieldSelector, or what is wrong with them. */
export function parseSelection(
  type: ResourceType,
  namespace: string | undefined,
  params: URLSearchParams,
): { select: Selection; isFiltered: boolean } | Failure {
  const labels = parseLabelSelector(params.get('labelSelector') ?? '');
  if (isFailure(labels)) return labels;
  const fields = parseFieldSelector(type, params.get('fieldSelector') ?? '');
  if (isFailure(fields)) return fields;
  const tests = [...labels.tests, ...fields.tests];
  const isFiltered = tests.length > 0;
  if (namespace !== undefined) tests.unshift((object) => object.namespace === namespace);
  if (tests.length === 0) return { select: everything, isFiltered };
  return { select: (object) => tests.every((test) => test(object)), isFiltered };
}

const LABEL_KEY = '[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?';
const SET_TERM = new RegExp(`^(${LABEL_KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY_TERM = new RegExp(`^(${LABEL_KEY})\\s*(==|=|!=)\\s*([-A-Za-z0-9_.]*)$`);
const EXISTENCE_TERM = new RegExp(`^(!?)\\s*(${LABEL_KEY})$`);

/** 'a=b,c!=d,e in (x,y),f notin (z),g,!h' */
export function parseLabelSelector(text: string): { tests: Selection[] } | Failure {
  const tests: Selection[] = [];
  for (const term of splitOutsideParentheses(text)) {
    const test = labelTest(term);
    if (!test) return badRequest(`unable to parse requirement: ${term}`);
    tests.push(test);
  }
  return { tests };
}

function labelTest(term: string): Selection | undefined {
  const set = SET_TERM.exec(term);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return operator === 'in'
      ? ({ labels }) => labels[key] !== undefined && values.has(labels[key])
      : ({ labels }) => labels[key] === undefined || !values.has(labels[key]);
  }
  const equality = EQUALITY_TERM.exec(term);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return operator === '!=' ? ({ labels }) => labels[key] !== value : ({ labels }) => labels[key] === value;
  }
  const existence = EXISTENCE_TERM.exec(term);
  if (existence) {
    const [, negation, key = ''] = existence;
    return negation === '!' ? ({ labels }) => labels[key] === undefined : ({ labels }) => labels[key] !== undefined;
  }
  return undefined;
}

function splitOutsideParentheses(text: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let index = 0; index <= text.length; index++) {
    const character = text[index];
    if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === undefined || (character === ',' && depth === 0)) {
      const term = text.slice(begin, index).trim();
      if (term !== '') terms.push(term);
      begin = index + 1;
    }
  }
  return terms;
}

/** 'metadata.name=x,status.phase!=Failed'; a field that the kind doesn't index is refused, as by a real server. */
export function parseFieldSelector(type: ResourceType, text: string): { tests: Selection[] } | Failure {
  const tests: Selection[] = [];
  for (const term of text.split(',').filter((part) => part !== '')) {
    const match = /^([^=!]+?)\s*(==|=|!=)\s*(.*)$/.exec(term.trim());
    if (!match) return badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, path = '', operator, value] = match;
    if (path !== 'metadata.name' && path !== 'metadata.namespace' && !type.fields.includes(path)) {
      return badRequest(`field label not supported: ${path}`);
    }
    tests.push(operator === '!=' ? ({ fields }) => fields[path] !== value : ({ fields }) => fields[path] === value);
  }
  return { tests };
}

/** The values of the fields that selectors of this kind may ask for; what an object hasn't set is ''. */
export function selectableFields(type: ResourceType, object: object, namespace: string, name: string) {
  const fields: Record<string, string> = { 'metadata.name': name, 'metadata.namespace': namespace };
  for (const path of type.fields) {
    let value: unknown = object;
    for (const step of path.split('.')) {
      value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined;
    }
    fields[path] = value === undefined || value === null ? '' : String(value);
  }
  return fields;
}
