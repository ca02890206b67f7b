/** A stanza of `template`, ready to be used: patterns, conditions, and templates of records. */
import type { TemplateOptions } from '../../corefile/config.ts';
import { readMasterFile } from '../../dns/master-file.ts';
import { type DomainName, ROOT } from '../../dns/name.ts';
import { Opcode } from '../../dns/query.ts';
import type { ResourceRecord } from '../../dns/rrset.ts';
import { fail, OperatorError, ok, type Result } from '../../errors.ts';
import type { Request } from '../chain.ts';
import { compileExpression } from '../expression/parse.ts';
import { plainAddress, REQUEST_NAMES, requestScope } from '../expression/request-names.ts';
import type { Signature, Type } from '../expression/types.ts';
import { ExpressionError, type Value as ExpressionValue, type Names } from '../expression/values.ts';
import { executeTemplate } from '../go-template/execute.ts';
import { type Node, parseTemplate } from '../go-template/parse.ts';
import { type Struct, TemplateError, type Value } from '../go-template/values.ts';
import type { FindLabel } from '../labels.ts';
import { compileMatcher, type Match, type Matcher } from '../match-pattern.ts';

/** A question that a stanza is for, and what its pattern found. */
export interface Question {
  readonly zone: DomainName;
  readonly request: Request;
  readonly findLabel: FindLabel;
  readonly class: string;
  readonly type: string;
  /** The text of the pattern. */
  readonly pattern: string;
  readonly match: Match;
}

/** With the variables of the stanza. */
export interface Matched extends Question {
  readonly variables: ReadonlyMap<string, ExpressionValue>;
}

export interface RecordTemplate {
  readonly text: string;
  make(matched: Matched): Result<ResourceRecord, { readonly kind: 'template' | 'record'; readonly why: string }>;
}

export interface CompiledTemplate {
  readonly options: TemplateOptions;
  /** None: every name matches. */
  readonly patterns: readonly { readonly source: string; readonly matcher: Matcher }[];
  readonly answer: readonly RecordTemplate[];
  readonly additional: readonly RecordTemplate[];
  readonly authority: readonly RecordTemplate[];
  /** Undefined: a condition does not hold, or an expression has no result. */
  evaluate(question: Question): Matched | undefined;
}

/** @throws OperatorError */
export function compileTemplate(options: TemplateOptions): CompiledTemplate {
  return {
    options,
    patterns: options.match.map((pattern) => ({ source: pattern.source, matcher: compileMatcher(pattern) })),
    answer: options.answer.map(compileRecord),
    additional: options.additional.map(compileRecord),
    authority: options.authority.map(compileRecord),
    evaluate: compileConditions(options),
  };
}

function compileConditions({ variables, expressions }: TemplateOptions): CompiledTemplate['evaluate'] {
  if (variables.length === 0 && expressions.length === 0) return (question) => ({ ...question, variables: new Map() });
  // What a variable is, is not looked at.
  const known = new Map<string, Signature | Type>([...REQUEST_NAMES, ['group', { args: ['any'], result: 'string' }]]);
  const compiled = variables.map(({ name, text }) => {
    if (known.has(name)) throw new OperatorError(`var ${name}: the name is taken`);
    const evaluate = compileExpression(text, known);
    known.set(name, 'any');
    return { name, evaluate };
  });
  const conditions = expressions.map((text) => compileExpression(text, known));
  return (question) => {
    const values = new Map<string, ExpressionValue>();
    const { match } = question;
    const group = (key: ExpressionValue) =>
      (typeof key === 'number' ? match.groups[key] : match.named.get(String(key))) ?? '';
    const names: Names = { get: (name) => (name === 'group' ? group : values.get(name)) };
    const scope = requestScope(question.request, question.findLabel, names);
    try {
      for (const { name, evaluate } of compiled) values.set(name, evaluate(scope));
      if (!conditions.every((evaluate) => evaluate(scope) === true)) return undefined;
    } catch (error) {
      if (error instanceof ExpressionError) return undefined;
      throw error;
    }
    return { ...question, variables: values };
  };
}

function compileRecord(text: string): RecordTemplate {
  const nodes = parseTemplate(text);
  checkFields(text, nodes);
  const isFixed = nodes.every((node) => node.kind === 'text');
  let fixed: ReturnType<RecordTemplate['make']> | undefined;
  return {
    text,
    make(matched) {
      if (fixed !== undefined) return fixed;
      const made = makeRecord(nodes, matched);
      if (isFixed) fixed = made;
      return made;
    },
  };
}

function makeRecord(nodes: readonly Node[], matched: Matched): ReturnType<RecordTemplate['make']> {
  let text: string;
  try {
    text = executeTemplate(nodes, dataOf(matched));
  } catch (error) {
    if (error instanceof TemplateError) return fail({ kind: 'template', why: error.message });
    throw error;
  }
  const found = readMasterFile(text, { origin: ROOT }).next().value;
  if (!found) return fail({ kind: 'record', why: 'an empty record' });
  if ('problem' in found) return fail({ kind: 'record', why: `${found.problem}: ${JSON.stringify(text)}` });
  const { class: _, ...record } = found;
  return ok(record);
}

const FIELDS: ReadonlySet<string> = new Set([
  'Zone',
  'Name',
  'Regex',
  'Match',
  'Group',
  'Class',
  'Type',
  'Message',
  'Question',
  'Remote',
  'Var',
  'Meta',
]);

/** A misspelled field is found when the Corefile is read, where it is sure what the field is of. */
function checkFields(text: string, nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.kind === 'text') continue;
    for (const operand of node.pipeline.commands.flat()) {
      if (operand.kind !== 'field' || operand.of !== 'dot') continue;
      const [field] = operand.path;
      if (field !== undefined && !FIELDS.has(field)) {
        throw new OperatorError(`template ${JSON.stringify(text)}: there is no field .${field}`);
      }
    }
    if (node.kind === 'if') checkFields(text, [...node.body, ...node.otherwise]);
  }
}

function dataOf({ zone, request, findLabel, class: className, type, pattern, match, variables }: Matched): Struct {
  const { question } = request;
  const groups = new Map<string, Value>(match.groups.map((group, i): [string, Value] => [String(i), group]));
  for (const [name, group] of match.named) groups.set(name, group);
  const asked = struct({ Name: question.spelling, Qtype: question.type, Qclass: question.class });
  return struct({
    Zone: zone,
    Name: question.name,
    Regex: pattern,
    Match: match.groups,
    Group: groups,
    Class: className,
    Type: type,
    Message: struct({
      Id: request.id,
      Response: false,
      Opcode: request.opcode ?? Opcode.QUERY,
      RecursionDesired: request.isRecursionDesired,
      CheckingDisabled: request.isCheckingDisabled,
      AuthenticatedData: request.isAuthenticData,
      Question: [asked],
    }),
    Question: asked,
    Remote: plainAddress(request.remote.address),
    Var: variables,
    Meta: (key) => findLabel(request, String(key)) ?? '',
  });
}

function struct(fields: Readonly<Record<string, Value>>): Struct {
  return { fields: new Map(Object.entries(fields)) };
}
