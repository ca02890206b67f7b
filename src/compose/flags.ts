/**
 * The server's flags, as Go's `flag` package reads them: one dash or two, `-name value` or `-name=value`, everything
 * after the first word without a dash is left over.
 */
import { fail, ok, type Result } from '../errors.ts';
import { LOG_FORMATS, type LogFormat } from '../logger.ts';

export interface ServerFlags {
  readonly conf?: string;
  /** Port of the blocks that name none. */
  readonly port: number;
  readonly pidfile?: string;
  readonly db?: string;
  readonly logFormat: LogFormat;
  readonly isPluginList: boolean;
  readonly isVersion: boolean;
  readonly isQuiet: boolean;
  readonly isHelp: boolean;
  readonly rest: readonly string[];
}

type Kind = 'text' | 'boolean';
const FLAGS: Readonly<Record<string, { readonly kind: Kind; readonly help: string }>> = {
  conf: { kind: 'text', help: 'Corefile to load (default "Corefile"); "stdin" reads the standard input' },
  'dns.port': { kind: 'text', help: 'default port (default "53")' },
  p: { kind: 'text', help: 'default port (default "53")' },
  db: { kind: 'text', help: 'file of the event log (default "$STATE_DIRECTORY/zonelog.db", else "./zonelog.db")' },
  'log-format': { kind: 'text', help: 'how log lines are written: text, as CoreDNS does, or json (default "text")' },
  pidfile: { kind: 'text', help: 'path to write the pid file to' },
  plugins: { kind: 'boolean', help: 'list the plugins, one a line, and exit' },
  quiet: { kind: 'boolean', help: 'no start output' },
  version: { kind: 'boolean', help: 'show the version and exit' },
};

export function usage(): string {
  const flags = Object.entries(FLAGS).map(
    ([name, { kind, help }]) => `  -${name}${kind === 'text' ? ' string' : ''}\n    \t${help}`,
  );
  return ['Usage of zonelog:', ...flags, '', 'Other commands: zonelog help', ''].join('\n');
}

/** The error is the line that goes before the usage text. */
export function parseServerFlags(argv: readonly string[]): Result<ServerFlags, string> {
  const values = new Map<string, string>();
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] as string;
    if (word === '--') {
      at += 1;
      break;
    }
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word);
    if (match === null) break;
    const [, name = '', attached] = match;
    if (name === 'h' || name === 'help') {
      values.set('help', 'true');
      continue;
    }
    const flag = FLAGS[name];
    if (flag === undefined) return fail(`flag provided but not defined: -${name}`);
    if (flag.kind === 'boolean') {
      if (attached !== undefined && !/^(1|t|true|0|f|false)$/i.test(attached)) {
        return fail(`invalid boolean value "${attached}" for -${name}: parse error`);
      }
      values.set(name, attached === undefined || /^(1|t|true)$/i.test(attached) ? 'true' : 'false');
      continue;
    }
    const value = attached ?? argv[++at];
    if (value === undefined) return fail(`flag needs an argument: -${name}`);
    values.set(name, value);
  }
  const port = values.get('p') ?? values.get('dns.port') ?? '53';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) return fail(`invalid value "${port}" for -dns.port: not a port`);
  const text = (name: string) => values.get(name);
  const logFormat = LOG_FORMATS.find((format) => format === (text('log-format') ?? 'text'));
  if (logFormat === undefined) return fail(`invalid value "${text('log-format')}" for -log-format: not text or json`);
  const conf = text('conf');
  const pidfile = text('pidfile');
  const db = text('db');
  return ok({
    ...(conf !== undefined && { conf }),
    ...(pidfile !== undefined && { pidfile }),
    ...(db !== undefined && { db }),
    port: Number(port),
    logFormat,
    isPluginList: text('plugins') === 'true',
    isVersion: text('version') === 'true',
    isQuiet: text('quiet') === 'true',
    isHelp: text('help') === 'true',
    rest: argv.slice(at),
  });
}
