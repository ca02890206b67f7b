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

/** Takes text, and calls back once it has gone on. */
export type TextSink = (text: string, done: () => void) => void;

/** Lines on their way to a sink. */
export interface LineWriter {
  /** Takes one line with its line break. Dropped when too much waits already. */
  write(line: string): void;
  /** Hands over what waits. */
  flush(): void;
  /** Lines dropped so far. */
  dropped(): number;
}

/** Characters that may wait for the sink: some ten thousand lines. */
const MAX_WAITING = 4 * 1024 * 1024;
/** Characters that are handed over at once. */
const BATCH = 64 * 1024;

/**
 * Gathers the lines of one turn of the event loop into one text, as a system call for each query would cost more than the
 * answer. When nobody takes the text, lines are dropped and counted: the answers don't wait for the log.
 * @param defer calls back later in the same turn, or in the next one
 */
export function createLineWriter(sink: TextSink, defer: (callback: () => void) => void = setImmediate): LineWriter {
  let lines: string[] = [];
  let gathered = 0;
  let waiting = 0;
  let dropped = 0;
  let unsaid = 0;
  let isDeferred = false;

  const flush = (): void => {
    isDeferred = false;
    if (unsaid > 0 && waiting < MAX_WAITING) {
      lines.push(`[WARNING] plugin/log: ${unsaid} lines were dropped, as nobody took them\n`);
      unsaid = 0;
    }
    if (lines.length === 0) return;
    const text = lines.join('');
    lines = [];
    gathered = 0;
    waiting += text.length;
    sink(text, () => {
      waiting -= text.length;
    });
  };
  return {
    write(line) {
      if (waiting + gathered + line.length > MAX_WAITING) {
        dropped += 1;
        unsaid += 1;
        return;
      }
      lines.push(line);
      gathered += line.length;
      if (gathered >= BATCH) flush();
      else if (!isDeferred) {
        isDeferred = true;
        defer(flush);
      }
    },
    flush,
    dropped: () => dropped,
  };
}
