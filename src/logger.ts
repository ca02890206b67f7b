/**
 * Log lines as CoreDNS writes them: `[LEVEL] plugin/NAME: text` on standard output, without a time stamp, so that what
 * reads its logs reads these; or as JSON, one object a line, if the operator asks for it. Line breaks and control characters
 * in the text are escaped: one event is one line.
 */

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL';

export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** A query that was answered: what is shown of it as text, and the same as fields. */
export interface QueryEntry {
  text(): string;
  fields(): LogFields;
}

/** Makes lines, each with its line break. */
export interface LogStyle {
  /** @param plugin empty: it is about the server as a whole */
  line(level: LogLevel, plugin: string, text: string): string;
  query(entry: QueryEntry): string;
}

export const TEXT_STYLE: LogStyle = {
  line: (level, plugin, text) => `[${level}] ${plugin === '' ? '' : `plugin/${plugin}: `}${escapeControls(text)}\n`,
  query: ({ text }) => `[INFO] ${text()}\n`,
};

/** @param clock Unix seconds */
export function logStyle(format: LogFormat, clock: () => number): LogStyle {
  if (format === 'text') return TEXT_STYLE;
  const render = (level: LogLevel, plugin: string, rest: LogFields) => {
    const time = new Date(clock() * 1000).toISOString();
    return `${JSON.stringify({ time, level: level.toLowerCase(), ...(plugin && { plugin }), ...rest })}\n`;
  };
  return {
    line: (level, plugin, message) => render(level, plugin, { message }),
    query: ({ fields }) => render('INFO', 'log', fields()),
  };
}

export interface Logger {
  /** Off unless the `debug` directive is used. */
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  fatal(text: string): void;
  /** The same logger for what a plugin has to say. */
  forPlugin(name: string): Logger;
}

export interface LoggerOptions {
  /** Whether debug lines are written; asked each time, as a reload can change it. */
  readonly isDebug?: () => boolean;
  readonly style?: LogStyle;
}

/** @param write takes one line with its line break */
export function createLogger(write: (line: string) => void, options: LoggerOptions = {}): Logger {
  const { isDebug = () => false, style = TEXT_STYLE } = options;
  const make = (plugin: string): Logger => {
    const line = (level: LogLevel) => (text: string) => write(style.line(level, plugin, text));
    const debug = line('DEBUG');
    return {
      debug: (text) => {
        if (isDebug()) debug(text);
      },
      info: line('INFO'),
      warning: line('WARNING'),
      error: line('ERROR'),
      fatal: line('FATAL'),
      forPlugin: make,
    };
  };
  return make('');
}

function isControl(code: number): boolean {
  return code < 32 || code === 127;
}

/** Control characters as `\xHH`: a query name in a log line can't forge another one. */
export function escapeControls(text: string): string {
  let out = '';
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isControl(code)) continue;
    out += `${text.slice(start, i)}\\x${code.toString(16).padStart(2, '0')}`;
    start = i + 1;
  }
  return start === 0 ? text : out + text.slice(start);
}
