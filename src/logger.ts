/**
 * Log lines as CoreDNS writes them: `[LEVEL] plugin/NAME: text` on standard output, without a time stamp, so that what
 * reads its logs reads these. Line breaks and control characters in the text are escaped: one event is one line.
 */

export type LogLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL';

export interface Logger {
  /** Off unless the `debug` directive is used. */
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  fatal(text: string): void;
  /** The same logger with `plugin/NAME: ` before each text. */
  forPlugin(name: string): Logger;
}

/**
 * @param write takes one line with its line break
 * @param options.isDebug whether debug lines are written; asked each time, as a reload can change it
 */
export function createLogger(write: (line: string) => void, options: { isDebug?: () => boolean } = {}): Logger {
  const isDebug = options.isDebug ?? (() => false);
  const make = (prefix: string): Logger => {
    const line = (level: LogLevel) => (text: string) => write(`[${level}] ${prefix}${escapeControls(text)}\n`);
    const debug = line('DEBUG');
    return {
      debug: (text) => {
        if (isDebug()) debug(text);
      },
      info: line('INFO'),
      warning: line('WARNING'),
      error: line('ERROR'),
      fatal: line('FATAL'),
      forPlugin: (name) => make(`plugin/${name}: `),
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
