/** `$GENERATE start-stop[/step] owner [TTL] [class] type data`: many records of one pattern, as BIND has it. */
import type { Token } from './rdata-text.ts';

/** Records of one `$GENERATE` at most. */
const MAX_RECORDS = 65_536;

/** The words of each record, or what is wrong. */
export function* expandGenerate(words: readonly Token[]): Generator<readonly Token[] | string> {
  const [, range, ...pattern] = words;
  const [, first, last, step = '1'] = /^(\d{1,10})-(\d{1,10})(?:\/(\d{1,10}))?$/.exec(range?.text ?? '') ?? [];
  if (first === undefined || last === undefined || Number(step) === 0 || Number(first) > Number(last)) {
    yield `${range?.text ?? ''}: no range`;
    return;
  }
  if ((Number(last) - Number(first)) / Number(step) >= MAX_RECORDS) {
    yield `${range?.text ?? ''}: more than ${MAX_RECORDS} records`;
    return;
  }
  for (let n = Number(first); n <= Number(last); n += Number(step)) {
    const made: Token[] = [];
    for (const { text, isQuoted } of pattern) {
      const filled = fillIn(text, n);
      if (filled === undefined) {
        yield `${text}: no pattern`;
        return;
      }
      made.push({ text: filled, isQuoted });
    }
    yield made;
  }
}

/** `$` is the number, `${offset[,width[,base]]}` a form of it, `\$` and `$$` a dollar sign. */
function fillIn(text: string, n: number): string | undefined {
  let isLegal = true;
  const filled = text.replace(/\\\$|\$\$|\$\{([^}]*)\}|\$/g, (found: string, modifier: string | undefined) => {
    if (found === '\\$' || found === '$$') return '$';
    if (modifier === undefined) return String(n);
    const [, offset, width = '0', base = 'd'] = /^(-?\d{1,9})(?:,(\d{1,3})(?:,([doxX]))?)?$/.exec(modifier) ?? [];
    const value = n + Number(offset);
    if (offset === undefined || value < 0) {
      isLegal = false;
      return '';
    }
    const digits = value.toString(base === 'd' ? 10 : base === 'o' ? 8 : 16);
    return (base === 'X' ? digits.toUpperCase() : digits).padStart(Number(width), '0');
  });
  return isLegal ? filled : undefined;
}
