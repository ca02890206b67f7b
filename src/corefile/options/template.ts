import type { DomainName } from '../../dns/name.ts';
import type { BlockContext } from '../controller.ts';
import { Controller, parseInteger } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import { classNumber, rcodeNumber, typeNumber } from '../mnemonics.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import type { Pattern } from '../patterns.ts';
import { parsePattern } from '../patterns.ts';

const ANY = 255;

/** A stanza of `template`. The record texts are templates, not yet read. */
export interface TemplateOptions {
  /** Undefined: any class. */
  readonly class: number | undefined;
  /** Undefined: any type. */
  readonly type: number | undefined;
  readonly zones: readonly DomainName[];
  /** The first that matches counts; none: every name matches. */
  readonly match: readonly Pattern[];
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
  /** Names for values, each a template text. */
  readonly variables: readonly { readonly name: string; readonly text: string }[];
  /** Conditions, all of which must hold. */
  readonly expressions: readonly string[];
  readonly rcode: number;
  readonly extendedError: { readonly code: number; readonly text: string } | undefined;
  /** Zones whose names that do not match are passed on; the root for all, undefined for none. */
  readonly fallthrough: readonly DomainName[] | undefined;
}

type Draft = { -readonly [K in keyof TemplateOptions]: TemplateOptions[K] };

/** `template CLASS TYPE [ZONES…] { … }`, repeatable. */
export function parseTemplate(stanzas: readonly Directive[], block: BlockContext): Outcome<TemplateOptions[]> {
  const c = new Controller('template', stanzas);
  const all: TemplateOptions[] = [];
  while (c.next()) {
    const [className = '', typeName = '', ...zones] = c.args(2);
    const classCode = classNumber(className);
    const type = typeNumber(typeName);
    if (classCode === undefined) c.err(`invalid query class ${className}`);
    if (type === undefined) c.err(`invalid RR class ${typeName}`);
    const draft: Draft = {
      class: classCode === ANY ? undefined : classCode,
      type: type === ANY ? undefined : type,
      zones: normalizeZones(zones, block.zones),
      match: [],
      answer: [],
      authority: [],
      additional: [],
      variables: [],
      expressions: [],
      rcode: 0,
      extendedError: undefined,
      fallthrough: undefined,
    };
    while (c.nextBlock()) readOption(c, draft);
    all.push(draft);
  }
  return c.finish(all);
}

function readOption(c: Controller, o: Draft): void {
  const name = c.value;
  switch (name) {
    case 'match':
      o.match = [...o.match, ...readPatterns(c)];
      break;
    case 'answer':
    case 'authority':
    case 'additional':
      o[name] = [...o[name], ...c.args(1)];
      break;
    case 'var': {
      const [variable = '', ...words] = c.args(2);
      o.variables = [...o.variables, { name: variable, text: words.join(' ') }];
      break;
    }
    case 'expr':
      o.expressions = [...o.expressions, c.args(1).join(' ')];
      break;
    case 'rcode': {
      const text = c.oneArg();
      const rcode = rcodeNumber(text);
      if (rcode === undefined) c.err(`unknown rcode ${text}`);
      o.rcode = rcode ?? 0;
      break;
    }
    case 'ederror': {
      const [text = '', reason = ''] = c.args(1, 2);
      const code = parseInteger(text);
      if (code === undefined || code < 0 || code > 65_535) c.err(`error parsing extended DNS error code ${text}`);
      o.extendedError = { code: code ?? 0, text: reason };
      break;
    }
    case 'fallthrough':
      o.fallthrough = c.fallthrough();
      break;
    case 'upstream':
      c.remainingArgs();
      break;
    default:
      c.argErr();
  }
}

function readPatterns(c: Controller): Pattern[] {
  const patterns: Pattern[] = [];
  for (const text of c.args(1)) {
    const pattern = parsePattern(text);
    if (pattern.ok) patterns.push(pattern.value);
    else c.err(`could not parse regex: ${text}, ${pattern.error.message}`);
  }
  return patterns;
}
