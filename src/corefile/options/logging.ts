import type { DomainName } from '../../dns/name.ts';
import { parseName, ROOT } from '../../dns/name.ts';
import { Controller } from '../controller.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import type { Pattern } from '../patterns.ts';
import { parsePattern } from '../patterns.ts';

const LEVELS = ['warning', 'error', 'info', 'debug'] as const;

/** `consolidate DUR REGEX [LEVEL] [show_first]` */
export interface Consolidation {
  readonly periodMs: number;
  readonly pattern: Pattern;
  readonly level: (typeof LEVELS)[number];
  readonly showFirst: boolean;
}

/** `errors { stacktrace; consolidate … }` */
export interface ErrorsOptions {
  readonly stacktrace: boolean;
  readonly consolidate: readonly Consolidation[];
}

export type ResponseClass = 'success' | 'denial' | 'error' | 'all';

/** One rule of `log`: the first one whose zone a name is in counts. */
export interface LogRule {
  readonly zone: DomainName;
  /** With its `{placeholders}`. */
  readonly format: string;
  readonly classes: ReadonlySet<ResponseClass>;
}

const COMMON_FORMAT =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const COMBINED_FORMAT = `${COMMON_FORMAT} "{>opcode}"`;

export function parseErrors(stanzas: readonly Directive[]): Outcome<ErrorsOptions> {
  const c = new Controller('errors', stanzas);
  const consolidate: Consolidation[] = [];
  let stacktrace = false;
  while (c.nextOnly()) {
    const [file] = c.args(0, 1);
    if (file !== undefined && file !== 'stdout') c.err(`invalid log file: ${file}`);
    while (c.nextBlock()) {
      if (c.value === 'stacktrace') {
        c.noArgs();
        stacktrace = true;
      } else if (c.value === 'consolidate') consolidate.push(readConsolidation(c));
      else c.syntaxErr(`Unknown field ${c.value}`);
    }
  }
  return c.finish({ stacktrace, consolidate });
}

function readConsolidation(c: Controller): Consolidation {
  const [period = '', source = '', ...rest] = c.args(2, 4);
  const periodMs = c.duration(period);
  const pattern = parsePattern(source);
  if (!pattern.ok) c.err(pattern.error.message);
  let level: Consolidation['level'] = 'error';
  let showFirst = false;
  for (const word of rest) {
    const named = LEVELS.find((l) => l === word);
    if (named) level = named;
    else if (word === 'show_first') showFirst = true;
    else c.err(`unknown log level argument in consolidate: ${word}`);
  }
  return { periodMs, pattern: pattern.ok ? pattern.value : { source: '', flags: '' }, level, showFirst };
}

/** `log [NAMES…] [FORMAT] { class CLASS… }`, repeatable. */
export function parseLog(stanzas: readonly Directive[]): Outcome<LogRule[]> {
  const c = new Controller('log', stanzas);
  const rules: LogRule[] = [];
  while (c.next()) {
    const names = c.remainingArgs();
    let format = COMMON_FORMAT;
    if (names.length > 1 && names.at(-1)?.includes('{')) {
      const written = names.pop() as string;
      format = written.replaceAll('{common}', COMMON_FORMAT).replaceAll('{combined}', COMBINED_FORMAT);
    }
    const classes = new Set<ResponseClass>();
    while (c.nextBlock()) {
      if (c.value !== 'class') c.argErr();
      for (const word of c.args(1)) {
        if (isResponseClass(word)) classes.add(word);
        else c.err(`invalid Class: ${word}`);
      }
    }
    if (classes.size === 0) classes.add('all');
    const zones = names.length === 0 ? [ROOT] : names.flatMap((name) => parseName(name) ?? []);
    rules.push(...zones.map((zone) => ({ zone, format, classes })));
  }
  return c.finish(rules);
}

function isResponseClass(word: string): word is ResponseClass {
  return word === 'success' || word === 'denial' || word === 'error' || word === 'all';
}
