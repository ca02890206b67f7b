/**
 * Go's text/template, as far as records are made with it: fields, variables, pipelines, `if`, `with`, `range`. What is not
 * in it is refused when the Corefile is read.
 */
import { OperatorError } from '../../errors.ts';
import { FUNCTIONS } from './functions.ts';

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Commands whose results are handed on, the last one's to the variables if there are any. */
export interface Pipeline {
  readonly commands: readonly Command[];
  /** `$x := …` or `$x = …`; two for a `range`: index and element. */
  readonly variables: readonly string[];
  readonly isDeclaration: boolean;
}

/** An operand, or a function or method with its arguments. */
export type Command = readonly Operand[];

export type Operand =
  | { readonly kind: 'value'; readonly value: string | number | boolean | undefined }
  /** `.a.b`, `$x.a`, `(…).a`; of a variable without a name: the data at the start. */
  | {
      readonly kind: 'field';
      readonly of: 'dot' | { readonly variable: string } | Pipeline;
      readonly path: readonly string[];
    }
  | { readonly kind: 'function'; readonly name: string };

const MAX_DEPTH = 50;

/** @throws OperatorError `template: …` */
export function parseTemplate(text: string): readonly Node[] {
  const reader = new Reader(text);
  const nodes = reader.readNodes(0);
  if (reader.ended !== undefined) throw failure(text, `unexpected {{${reader.ended}}}`);
  return nodes;
}

function failure(text: string, why: string): OperatorError {
  return new OperatorError(`template ${JSON.stringify(text)}: ${why}`);
}

class Reader {
  readonly #text: string;
  readonly #parts: readonly (string | { readonly action: string })[];
  #at = 0;
  /** The `end` or `else …` that the last list of nodes ended with. */
  ended: string | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#parts = split(text);
  }

  readNodes(depth: number): readonly Node[] {
    if (depth > MAX_DEPTH) throw failure(this.#text, 'nested too deep');
    const nodes: Node[] = [];
    this.ended = undefined;
    while (this.#at < this.#parts.length) {
      const part = this.#parts[this.#at++] as string | { readonly action: string };
      if (typeof part === 'string') nodes.push({ kind: 'text', text: part });
      else {
        const { action } = part;
        const word = /^[a-z]+(?=\s|$)/.exec(action)?.[0] ?? '';
        if (word === 'end' || word === 'else') {
          this.ended = action;
          return nodes;
        }
        if (word === 'if' || word === 'with' || word === 'range') nodes.push(this.#readBlock(word, action, depth));
        else if (UNSUPPORTED.has(word)) throw failure(this.#text, `{{${word}}} is not supported by zonelog`);
        else if (action !== '') nodes.push({ kind: 'output', pipeline: parsePipeline(this.#text, action) });
      }
    }
    return nodes;
  }

  #readBlock(kind: 'if' | 'with' | 'range', action: string, depth: number): Node {
    const pipeline = parsePipeline(this.#text, action.slice(kind.length));
    const body = this.readNodes(depth + 1);
    let otherwise: readonly Node[] = [];
    const ended = this.#end(kind);
    if (ended === 'else') {
      otherwise = this.readNodes(depth + 1);
      if (this.#end(kind) !== 'end') throw failure(this.#text, 'a second {{else}}');
    } else if (ended !== 'end') {
      const again = ended.slice('else'.length).trim();
      const nested = /^(if|with)(?=\s)/.exec(again)?.[1] as 'if' | 'with' | undefined;
      if (nested === undefined || nested !== kind) throw failure(this.#text, `unexpected {{${ended}}}`);
      otherwise = [this.#readBlock(nested, again, depth + 1)];
    }
    return { kind, pipeline, body, otherwise };
  }

  #end(kind: string): string {
    const { ended } = this;
    this.ended = undefined;
    if (ended === undefined) throw failure(this.#text, `{{${kind}}} without {{end}}`);
    return ended;
  }
}

const UNSUPPORTED: ReadonlySet<string> = new Set(['define', 'template', 'block', 'break', 'continue']);

/** Text and actions. `{{-` and `-}}` take the blanks away before and after; comments are nothing. */
function split(text: string): (string | { action: string })[] {
  const parts: (string | { action: string })[] = [];
  let at = 0;
  let trimsNext = false;
  const addText = (end: number, trims: boolean): void => {
    let piece = text.slice(at, end);
    if (trimsNext) piece = piece.replace(/^\s+/, '');
    if (trims) piece = piece.replace(/\s+$/, '');
    if (piece !== '') parts.push(piece);
  };
  for (;;) {
    const open = text.indexOf('{{', at);
    if (open < 0) break;
    const trims = /^\{\{-\s/.test(text.slice(open, open + 4));
    addText(open, trims);
    const inner = /(?:"(?:[^"\\]|\\.)*"|`[^`]*`|\/\*[\s\S]*?\*\/|(?!\}\})[\s\S])*/y;
    inner.lastIndex = open + 2;
    const body = inner.exec(text)?.[0] ?? '';
    const close = open + 2 + body.length;
    if (!text.startsWith('}}', close)) throw failure(text, 'an action that has no end');
    trimsNext = /\s-$/.test(body);
    const action = body
      .replace(/^-(?=\s)/, '')
      .replace(/(?<=\s)-$/, '')
      .trim();
    if (!/^\/\*[\s\S]*\*\/$/.test(action)) parts.push({ action });
    at = close + 2;
  }
  addText(text.length, false);
  return parts;
}

const WORD =
  /\s+|("(?:[^"\\]|\\[\s\S])*"|`[^`]*`)|(-?(?:0x[0-9a-fA-F]+|\d+))(?![\w.])|(\$\w*(?:\.\w+)*|\.\w+(?:\.\w+)*|\.(?![\w.]))|([A-Za-z_]\w*)|(:=|=|[|(),])/y;

type Word = {
  readonly kind: 'text' | 'number' | 'field' | 'name' | 'sign';
  readonly text: string;
  readonly isAfterBlank: boolean;
};

function wordsOf(text: string, action: string): Word[] {
  const words: Word[] = [];
  let isAfterBlank = true;
  for (let at = 0; at < action.length; at = WORD.lastIndex) {
    WORD.lastIndex = at;
    const match = WORD.exec(action);
    if (match === null) throw failure(text, `unexpected ${action.slice(at, at + 10)} in {{${action}}}`);
    const [, quoted, number, field, name, sign] = match;
    if (quoted !== undefined) words.push({ kind: 'text', text: unquote(quoted), isAfterBlank });
    else if (number !== undefined) words.push({ kind: 'number', text: number, isAfterBlank });
    else if (field !== undefined) words.push({ kind: 'field', text: field, isAfterBlank });
    else if (name !== undefined) words.push({ kind: 'name', text: name, isAfterBlank });
    else if (sign !== undefined) words.push({ kind: 'sign', text: sign, isAfterBlank });
    isAfterBlank = match[0].trim() === '';
  }
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  return quoted.startsWith('`') ? inner : inner.replace(/\\([\s\S])/g, (_, c: string) => ESCAPES[c] ?? c);
}

function parsePipeline(text: string, action: string): Pipeline {
  const words = wordsOf(text, action);
  const parser = new PipelineParser(text, words);
  return parser.parse();
}

class PipelineParser {
  readonly #text: string;
  readonly #words: readonly Word[];
  #at = 0;
  #depth = 0;

  constructor(text: string, words: readonly Word[]) {
    this.#text = text;
    this.#words = words;
  }

  parse(): Pipeline {
    const declared = this.#parseVariables();
    const commands = this.#parseCommands();
    if (this.#at < this.#words.length) throw this.#unexpected();
    return { commands, ...declared };
  }

  /** `$x :=`, `$x =`, `$i, $x :=` */
  #parseVariables(): Pick<Pipeline, 'variables' | 'isDeclaration'> {
    const names: string[] = [];
    for (let at = 0; ; at += 2) {
      const [name, sign] = [this.#words[at], this.#words[at + 1]];
      if (name?.kind !== 'field' || !/^\$\w+$/.test(name.text) || sign?.kind !== 'sign') break;
      names.push(name.text.slice(1));
      if (sign.text === ':=' || sign.text === '=') {
        this.#at = at + 2;
        return { variables: names, isDeclaration: sign.text === ':=' };
      }
      if (sign.text !== ',' || names.length > 1) break;
    }
    return { variables: [], isDeclaration: false };
  }

  #parseCommands(): Command[] {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw failure(this.#text, 'nested too deep');
    const commands: Command[] = [];
    do {
      const operands: Operand[] = [];
      while (this.#at < this.#words.length && !this.#isSign('|') && !this.#isSign(')'))
        operands.push(this.#parseOperand());
      if (operands.length === 0) throw failure(this.#text, 'an empty command');
      const [first] = operands;
      if (operands.length > 1 && first?.kind === 'value') throw failure(this.#text, `can't give arguments to a value`);
      commands.push(operands);
    } while (this.#takeSign('|'));
    this.#depth -= 1;
    return commands;
  }

  #parseOperand(): Operand {
    const word = this.#words[this.#at] as Word;
    this.#at += 1;
    if (word.kind === 'text') return { kind: 'value', value: word.text };
    if (word.kind === 'number') return { kind: 'value', value: Number(word.text) };
    if (word.kind === 'field') return fieldOf(word.text);
    if (word.kind === 'name') {
      if (word.text === 'true' || word.text === 'false') return { kind: 'value', value: word.text === 'true' };
      if (word.text === 'nil') return { kind: 'value', value: undefined };
      if (!FUNCTIONS.has(word.text)) throw failure(this.#text, `function "${word.text}" not defined`);
      return { kind: 'function', name: word.text };
    }
    if (word.text !== '(') {
      this.#at -= 1;
      throw this.#unexpected();
    }
    const commands = this.#parseCommands();
    if (!this.#takeSign(')')) throw failure(this.#text, 'a parenthesis that has no end');
    const of: Pipeline = { commands, variables: [], isDeclaration: false };
    const next = this.#words[this.#at];
    if (next?.kind !== 'field' || next.isAfterBlank || !next.text.startsWith('.'))
      return { kind: 'field', of, path: [] };
    this.#at += 1;
    return { kind: 'field', of, path: next.text.slice(1).split('.') };
  }

  #isSign(text: string): boolean {
    const word = this.#words[this.#at];
    return word?.kind === 'sign' && word.text === text;
  }

  #takeSign(text: string): boolean {
    if (!this.#isSign(text)) return false;
    this.#at += 1;
    return true;
  }

  #unexpected(): OperatorError {
    return failure(this.#text, `unexpected ${this.#words[this.#at]?.text ?? 'end'}`);
  }
}

function fieldOf(text: string): Operand {
  const [head = '', ...path] = text.split('.');
  if (text === '.') return { kind: 'field', of: 'dot', path: [] };
  if (head === '') return { kind: 'field', of: 'dot', path };
  return { kind: 'field', of: { variable: head.slice(1) }, path };
}
