import { parseName } from '../../dns/name.ts';
import { Controller, parseInteger } from '../controller.ts';
import { classNumber, rcodeNumber, typeNumber } from '../mnemonics.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import type { Pattern } from '../patterns.ts';
import { parsePattern } from '../patterns.ts';

/** The largest code that rules may give as a number. */
const MAX_RCODE = 23;
const MATCHES = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;
export type NameMatchKind = (typeof MATCHES)[number];

/** How a rule finds its names: by text (lower case; `exact` and `suffix` with the final dot), or by pattern. */
export type NameMatch =
  | { readonly kind: Exclude<NameMatchKind, 'regex'>; readonly text: string }
  | { readonly kind: 'regex'; readonly pattern: Pattern };

/** What is done with the names in a reply. */
export type AnswerRule =
  | { readonly kind: 'auto' }
  | { readonly kind: 'name' | 'value'; readonly pattern: Pattern; readonly to: string };

export type Edns0Action = 'set' | 'append' | 'replace' | 'unset';

/** What a rule of `rewrite` changes. */
export type RewriteChange =
  | { readonly field: 'name'; readonly match: NameMatch; readonly to: string; readonly answers: readonly AnswerRule[] }
  | { readonly field: 'type' | 'class'; readonly from: number; readonly to: number }
  | { readonly field: 'ttl'; readonly match: NameMatch; readonly min: number; readonly max: number }
  | { readonly field: 'rcode'; readonly match: NameMatch; readonly from: number | undefined; readonly to: number }
  /** `to` is an absolute name for `exact`, else what stands in the place of what matched, with `{1}` for groups. */
  | { readonly field: 'cname'; readonly match: NameMatch; readonly to: string }
  | {
      readonly field: 'edns0';
      readonly option: 'local' | 'nsid' | 'subnet';
      readonly action: Edns0Action;
      /** Code and data of `local`, the two prefix lengths of `subnet`. */
      readonly args: readonly string[];
      readonly revert: boolean;
    };

/** A rule; after a `continue` rule the next ones are tried too. */
export type RewriteRule = RewriteChange & { readonly mode: 'stop' | 'continue' };

/** `rewrite [continue|stop] FIELD …`, repeatable; the words may stand in a block too, which is then one rule. */
export function parseRewrite(stanzas: readonly Directive[]): Outcome<RewriteRule[]> {
  const c = new Controller('rewrite', stanzas);
  const rules: RewriteRule[] = [];
  while (c.next()) {
    const words = c.remainingArgs();
    while (c.nextBlock()) words.push(c.value, ...c.remainingArgs());
    const rule = new RuleReader(words).read();
    if (typeof rule === 'string') c.err(rule);
    else rules.push(rule);
  }
  return c.finish(rules);
}

/** Reads one rule; the first thing wrong stays in `failure`. */
class RuleReader {
  #words: string[];
  #failure: string | undefined;

  constructor(words: readonly string[]) {
    this.#words = [...words];
  }

  /** @returns the reason, when it is no rule. */
  read(): RewriteRule | string {
    if (this.#words.length === 0) return 'no rule type specified for rewrite';
    const first = this.#words[0]?.toLowerCase();
    const mode = first === 'continue' ? 'continue' : 'stop';
    if (first === 'continue' || first === 'stop') this.#words.shift();
    if (this.#words.length === 0) return `${mode} rule must begin with a rule type`;
    const change = this.#readChange(this.#take().toLowerCase());
    if (this.#failure !== undefined || !change) return this.#failure ?? 'invalid rule';
    return { ...change, mode };
  }

  #readChange(field: string): RewriteChange | undefined {
    switch (field) {
      case 'name':
        return this.#readName();
      case 'class':
      case 'type':
        return this.#readNumbers(field);
      case 'ttl':
        return this.#readTtl();
      case 'rcode':
        return this.#readRcode();
      case 'cname':
        return this.#readCname();
      case 'edns0':
        return this.#readEdns0();
      case 'answer':
        this.#fail('response rewrites must begin with a name rule');
        return undefined;
      default:
        this.#fail(`invalid rule type ${JSON.stringify(field)}`);
        return undefined;
    }
  }

  #readName(): RewriteChange {
    if (this.#words.length < 2) this.#fail('too few arguments for a name rule');
    const match = this.#readMatch(2);
    const to = this.#take().toLowerCase();
    if (match.kind === 'exact' && parseName(to) === undefined) this.#fail(`not a domain name: ${to}`);
    const hasEnd = match.kind === 'exact' || match.kind === 'suffix';
    return { field: 'name', match, to: hasEnd ? absolute(to) : to, answers: this.#readAnswers() };
  }

  /** `[KIND] FROM`: the kind is there when enough words are left. */
  #readMatch(least: number): NameMatch {
    const kind = MATCHES.find((k) => k === this.#words[0]?.toLowerCase());
    const isGiven = kind !== undefined && this.#words.length > least;
    if (isGiven) this.#take();
    const text = this.#take();
    if (!isGiven || kind === 'exact') return { kind: 'exact', text: absolute(text.toLowerCase()) };
    if (kind !== 'regex') return { kind, text: kind === 'suffix' ? absolute(text.toLowerCase()) : text.toLowerCase() };
    return { kind, pattern: this.#readPattern(text) };
  }

  #readPattern(text: string): Pattern {
    const pattern = parsePattern(text);
    if (pattern.ok) return pattern.value;
    this.#fail(`invalid regex pattern in a name rule: ${text}`);
    return { source: '', flags: '' };
  }

  /** `answer auto`, `answer name FROM TO`, `answer value FROM TO`, the word `answer` once or before each. */
  #readAnswers(): AnswerRule[] {
    const answers: AnswerRule[] = [];
    let isOpen = false;
    while (this.#words.length > 0 && this.#failure === undefined) {
      if (this.#words[0] === 'answer') {
        this.#take();
        isOpen = true;
      } else if (!isOpen) this.#fail(`exceeded the number of arguments for a name rule: ${this.#words[0]}`);
      const kind = this.#take();
      if (kind === 'auto') answers.push({ kind });
      else if (kind === 'name' || kind === 'value') {
        if (this.#words.length < 2) this.#fail(`${kind} answer rule for name rule: 2 arguments required`);
        answers.push({ kind, pattern: this.#readPattern(this.#take()), to: this.#take() });
      } else this.#fail(`invalid type ${JSON.stringify(kind)} for answer rule for name rule`);
    }
    if (answers.some((a) => a.kind === 'auto') && answers.some((a) => a.kind === 'name')) {
      this.#fail('auto name answer rule cannot be combined with explicit name answer rules');
    }
    return answers;
  }

  #readNumbers(field: 'class' | 'type'): RewriteChange {
    if (this.#words.length !== 2) this.#fail(`${field} rules must have exactly two arguments`);
    const numberOf = field === 'class' ? classNumber : typeNumber;
    const [from, to] = [this.#take(), this.#take()];
    for (const word of [from, to]) {
      if (numberOf(word.toUpperCase()) === undefined) this.#fail(`invalid ${field} ${JSON.stringify(word)}`);
    }
    return { field, from: numberOf(from.toUpperCase()) ?? 0, to: numberOf(to.toUpperCase()) ?? 0 };
  }

  /** `[KIND] NAME TTL`, the TTL a number, or a range `MIN-MAX`, `MIN-`, `-MAX`. */
  #readTtl(): RewriteChange {
    if (this.#words.length < 2) this.#fail('too few arguments for a ttl rule');
    const match = this.#readMatch(2);
    const text = this.#take();
    this.#end('ttl');
    const [, low, dash, high] = /^(\d*)(-?)(\d*)$/.exec(text) ?? [];
    if (!low && !high) this.#fail(`invalid ttl rule: ${JSON.stringify(text)}`);
    const min = Number(low || 0);
    const max = dash ? Number(high || 2 ** 31 - 1) : min;
    if (min > max || max >= 2 ** 31) this.#fail(`invalid ttl rule: ${JSON.stringify(text)}`);
    return { field: 'ttl', match, min, max };
  }

  /** `[KIND] NAME FROM TO`; FROM `*` is any. */
  #readRcode(): RewriteChange {
    if (this.#words.length < 3) this.#fail('too few arguments for a rcode rule');
    const match = this.#readMatch(3);
    const [fromText, toText] = [this.#take(), this.#take()];
    this.#end('rcode');
    const from = fromText === '*' ? undefined : this.#readCode(fromText);
    return { field: 'rcode', match, from, to: this.#readCode(toText) };
  }

  #readCode(text: string): number {
    const code = rcodeNumber(text.toUpperCase()) ?? parseInteger(text);
    if (code === undefined || code < 0 || code > MAX_RCODE) this.#fail(`invalid rcode ${JSON.stringify(text)}`);
    return code ?? 0;
  }

  #readCname(): RewriteChange {
    if (this.#words.length < 2) this.#fail('too few arguments for a cname rule');
    const match = this.#readMatch(2);
    const text = this.#take();
    this.#end('cname');
    const to = match.kind === 'exact' ? parseName(text) : text.toLowerCase();
    if (to === undefined) this.#fail(`not a domain name: ${text}`);
    return { field: 'cname', match, to: to ?? '' };
  }

  #readEdns0(): RewriteChange {
    if (this.#words.length < 2) this.#fail('too few arguments for an EDNS0 rule');
    const [option, action] = [this.#take().toLowerCase(), this.#take().toLowerCase()];
    if (action !== 'set' && action !== 'append' && action !== 'replace' && action !== 'unset') {
      this.#fail(`invalid action: ${JSON.stringify(action)}`);
    }
    const revert = this.#words.at(-1) === 'revert';
    const args = this.#words.splice(0);
    if (revert) args.pop();
    const isUnset = action === 'unset';
    if (option === 'local') {
      if (args.length !== (isUnset ? 1 : 2)) this.#fail('EDNS0 local rules require three or four args');
      const code = Number(args[0]);
      if (!(Number.isInteger(code) && code >= 0 && code <= 65_535)) this.#fail(`invalid EDNS0 code: ${args[0]}`);
    } else if (option === 'nsid') {
      if (args.length !== 0) this.#fail('EDNS0 NSID rules do not accept args');
    } else if (option === 'subnet') {
      if (args.length !== (isUnset ? 0 : 2)) this.#fail('EDNS0 subnet rules require exactly two args');
      for (const [i, text] of args.entries()) {
        const bits = parseInteger(text);
        if (bits === undefined || bits < 0 || bits > (i === 0 ? 32 : 128)) this.#fail(`invalid subnet mask: ${text}`);
      }
    } else this.#fail(`invalid rule type ${JSON.stringify(option)}`);
    return {
      field: 'edns0',
      option: option as 'local' | 'nsid' | 'subnet',
      action: action as Edns0Action,
      args,
      revert,
    };
  }

  #take(): string {
    return this.#words.shift() ?? '';
  }

  #end(field: string): void {
    if (this.#words.length > 0) this.#fail(`exceeded the number of arguments for a ${field} rule`);
  }

  #fail(message: string): void {
    this.#failure ??= message;
  }
}

function absolute(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}
