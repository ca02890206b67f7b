/** The words of an expression (the language of expr-lang.org, as `view` and `template` of CoreDNS have it). */
import { OperatorError } from '../../errors.ts';

export interface ExpressionToken {
  readonly kind: 'number' | 'string' | 'name' | 'operator' | 'end';
  readonly text: string;
  /** Offset in the expression. */
  readonly at: number;
}

/** Characters of an expression at most. */
const MAX_LENGTH = 10_000;

const TOKEN =
  /\s+|(\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|`[^`]*`)|([A-Za-z_$][A-Za-z0-9_$]*)|(\.\.|\?\?|\?\.|\*\*|&&|\|\||==|!=|<=|>=|[-+*/%<>!?:,.()[\]{}#|^])/y;

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };

/** @throws OperatorError */
export function tokenize(text: string): ExpressionToken[] {
  if (text.length > MAX_LENGTH) throw new OperatorError(`an expression of more than ${MAX_LENGTH} characters`);
  const tokens: ExpressionToken[] = [];
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null)
      throw new OperatorError(`expression ${JSON.stringify(text)}: unexpected ${text.slice(at, at + 10)}`);
    const [, number, quoted, name, operator] = match;
    if (number !== undefined) tokens.push({ kind: 'number', text: number.replaceAll('_', ''), at });
    else if (quoted !== undefined) tokens.push({ kind: 'string', text: unquote(quoted), at });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator, at });
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith('`')) return inner;
  return inner.replace(/\\([\s\S])/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
}
