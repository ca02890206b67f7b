/** Carries out a template that was read. */
import { FUNCTIONS } from './functions.ts';
import type { Command, Node, Operand, Pipeline } from './parse.ts';
import { isStruct, isTrue, type Struct, TemplateError, textOf, type Value } from './values.ts';

/** Characters of a result at most: a record has fewer. */
const MAX_OUTPUT = 65_536;

interface Frame {
  readonly root: Struct;
  readonly dot: Value;
  readonly variables: Map<string, { value: Value }>;
  readonly out: { text: string };
}

/** @throws TemplateError */
export function executeTemplate(nodes: readonly Node[], data: Struct): string {
  const frame: Frame = { root: data, dot: data, variables: new Map(), out: { text: '' } };
  run(nodes, frame);
  return frame.out.text;
}

function run(nodes: readonly Node[], frame: Frame): void {
  for (const node of nodes) {
    if (node.kind === 'text') write(frame, node.text);
    else if (node.kind === 'output') {
      const value = evaluate(node.pipeline, frame);
      if (node.pipeline.variables.length === 0) write(frame, textOf(value));
    } else runBlock(node, inner(frame, frame.dot));
  }
}

function write({ out }: Frame, text: string): void {
  out.text += text;
  if (out.text.length > MAX_OUTPUT) throw new TemplateError('the result is too long');
}

/** Variables of a block end with it; those outside can be set from within. */
function inner(frame: Frame, dot: Value): Frame {
  return { ...frame, dot, variables: new Map(frame.variables) };
}

function runBlock(node: Exclude<Node, { kind: 'text' | 'output' }>, frame: Frame): void {
  if (node.kind === 'range') {
    runRange(node, frame);
    return;
  }
  const value = evaluate(node.pipeline, frame);
  if (!isTrue(value)) run(node.otherwise, frame);
  else run(node.body, node.kind === 'with' ? inner(frame, value) : frame);
}

function runRange(node: Exclude<Node, { kind: 'text' | 'output' }>, frame: Frame): void {
  const [first, second] = node.pipeline.variables;
  const value = evaluate({ ...node.pipeline, variables: [] }, frame);
  const entries: [Value, Value][] = Array.isArray(value)
    ? value.map((one: Value, i): [Value, Value] => [i, one])
    : value instanceof Map
      ? [...value].sort(([a], [b]) => (a < b ? -1 : 1))
      : [];
  if (entries.length === 0) run(node.otherwise, frame);
  for (const [key, element] of entries) {
    const one = inner(frame, element);
    if (first !== undefined) one.variables.set(first, { value: second === undefined ? element : key });
    if (second !== undefined) one.variables.set(second, { value: element });
    run(node.body, one);
  }
}

function evaluate({ commands, variables, isDeclaration }: Pipeline, frame: Frame): Value {
  let piped: { readonly value: Value } | undefined;
  for (const command of commands) piped = { value: call(command, piped, frame) };
  const value = piped?.value;
  for (const name of variables) {
    const known = frame.variables.get(name);
    if (isDeclaration) frame.variables.set(name, { value });
    else if (known === undefined) throw new TemplateError(`undefined variable $${name}`);
    else known.value = value;
  }
  return value;
}

/** @param piped the result of the command before it: the last argument */
function call([first, ...rest]: Command, piped: { readonly value: Value } | undefined, frame: Frame): Value {
  const args = (): Value[] => [...rest.map((operand) => argumentOf(operand, frame)), ...(piped ? [piped.value] : [])];
  if (first?.kind === 'function') return callFunction(first.name, args());
  const value = first && resolve(first, frame);
  if (typeof value === 'function') return value(...args());
  if (rest.length > 0 || piped !== undefined) throw new TemplateError("can't give arguments to what is no function");
  return value;
}

function callFunction(name: string, args: readonly Value[]): Value {
  const run = FUNCTIONS.get(name);
  if (run === undefined) throw new TemplateError(`function "${name}" not defined`);
  return run(...args);
}

/** An operand as an argument: a method or function without arguments of its own is called. */
function argumentOf(operand: Operand, frame: Frame): Value {
  if (operand.kind === 'function') return callFunction(operand.name, []);
  const value = resolve(operand, frame);
  return typeof value === 'function' ? value() : value;
}

function resolve(operand: Operand, frame: Frame): Value {
  if (operand.kind === 'value') return operand.value;
  if (operand.kind === 'function') return callFunction(operand.name, []);
  const { of, path } = operand;
  const start = of === 'dot' ? frame.dot : 'variable' in of ? variableOf(of.variable, frame) : evaluate(of, frame);
  return path.reduce<Value>(fieldOf, start);
}

function variableOf(name: string, frame: Frame): Value {
  if (name === '') return frame.root;
  const found = frame.variables.get(name);
  if (found === undefined) throw new TemplateError(`undefined variable $${name}`);
  return found.value;
}

function fieldOf(value: Value, name: string): Value {
  // A group that there is not is the empty string, as in a Go map of strings.
  if (value instanceof Map) return value.get(name) ?? '';
  if (value === undefined || !isStruct(value) || !value.fields.has(name)) {
    throw new TemplateError(`can't evaluate field ${name}`);
  }
  return value.fields.get(name);
}
