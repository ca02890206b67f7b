/** The way of many log lines out of a thread: gathered, bounded, never waited for. */

/** Takes text, and calls back once it has gone on. */
export type TextSink = (text: string, done: () => void) => void;

/** Lines on their way to a sink. */
export interface LineWriter {
  /** Takes one line with its line break. Dropped when too much waits already. */
  write(line: string): void;
  /** Hands over what waits. Resolves when all of it was taken. */
  flush(): Promise<void>;
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
 * @param describeDropped the line that stands for so many dropped ones
 * @param defer calls back later in the same turn, or in the next one
 */
export function createLineWriter(
  sink: TextSink,
  describeDropped: (count: number) => string,
  defer: (callback: () => void) => void = setImmediate,
): LineWriter {
  let lines: string[] = [];
  let gathered = 0;
  let waiting = 0;
  let dropped = 0;
  let unsaid = 0;
  let isDeferred = false;
  let onEmpty: (() => void)[] = [];

  const handOver = (): void => {
    isDeferred = false;
    if (unsaid > 0 && waiting < MAX_WAITING) {
      lines.push(describeDropped(unsaid));
      unsaid = 0;
    }
    if (lines.length === 0) return;
    const text = lines.join('');
    lines = [];
    gathered = 0;
    waiting += text.length;
    sink(text, () => {
      waiting -= text.length;
      if (waiting > 0) return;
      for (const resolve of onEmpty) resolve();
      onEmpty = [];
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
      if (gathered >= BATCH) handOver();
      else if (!isDeferred) {
        isDeferred = true;
        defer(handOver);
      }
    },
    async flush() {
      handOver();
      if (waiting > 0) await new Promise<void>((resolve) => onEmpty.push(resolve));
    },
    dropped: () => dropped,
  };
}
