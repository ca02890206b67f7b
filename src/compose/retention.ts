/** Retention: when the log is compacted, one compaction at a time, each in a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { Database } from '../database.ts';
import { lastBatchAt, timeText, windowStart } from '../ingest/log-window.ts';
import type { Logger } from '../logger.ts';
import { gaugeFamily, type MetricsSnapshot } from '../metrics.ts';
import { hasLeftovers } from '../retention/compaction.ts';
import { dueCompaction, type Keeping, sizeText, usedOctets } from '../retention/policy.ts';
import type { CompactionThreadData, FromCompaction, RemovedPart } from './compaction-thread.ts';

export interface RetentionOptions {
  readonly db: Database;
  readonly file: string;
  /** Unix milliseconds. */
  readonly clock: () => number;
  readonly logger: Logger;
  /** The last batch that all readers of the log are past, and whose versions are in the journal. */
  readonly passed: () => number;
  readonly crashAt?: CompactionThreadData['crashAt'];
  /** Default: in a thread. */
  readonly start?: StartCompaction;
}

/** Begins a compaction. */
export type StartCompaction = (data: CompactionThreadData) => {
  readonly ended: Promise<FromCompaction>;
  stop(): void;
};

/** What came of a compaction that was asked for. */
export type CompactionOutcome =
  | { readonly isDone: true; readonly removed: RemovedPart | undefined }
  | { readonly isDone: false; readonly why: string };

export interface Retention {
  /** What is kept from now on. */
  configure(keeping: Keeping): void;
  /** Looks from time to time whether there is something to do. */
  begin(): void;
  /** Looks now. @returns when what was begun has ended */
  check(): Promise<void>;
  /** Removes what is older than so many milliseconds. */
  compact(keep: number, reason: string): Promise<CompactionOutcome>;
  metrics(): MetricsSnapshot;
  stop(): Promise<void>;
}

/** Milliseconds. */
const FIRST_CHECK = 5_000;
const CHECK_EVERY = 60_000;

/** The build renames imports, but not the file name of a thread. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

export function createRetention(options: RetentionOptions): Retention {
  const { db, logger, clock } = options;
  const start = options.start ?? startThread;
  let keeping: Keeping = { retain: undefined, maxSize: undefined };
  let running: ReturnType<StartCompaction> | undefined;
  /** Those that were asked for follow each other. */
  let last: Promise<unknown> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let lastFailure: string | undefined;
  const totals = { compactions: 0, events: 0, failures: 0 };

  const run = async (until: number, reason: string): Promise<CompactionOutcome> => {
    if (isStopped) return { isDone: false, why: 'the server stops' };
    const { file, crashAt } = options;
    running = start({ file, order: { until, reason, now: clock() }, ...(crashAt && { crashAt }) });
    const ended = await running.ended;
    running = undefined;
    if (ended.kind === 'failed') {
      totals.failures += 1;
      if (ended.message !== lastFailure) logger.error(`compaction: ${ended.message}`);
      lastFailure = ended.message;
      return { isDone: false, why: ended.message };
    }
    lastFailure = undefined;
    if (ended.kind === 'stopped') return { isDone: false, why: 'the server stops' };
    const { removed } = ended;
    if (removed !== undefined) {
      totals.compactions += 1;
      totals.events += removed.events;
      logger.info(
        `compaction (${reason}): ${removed.events} events removed, the log begins at ${timeText(removed.begins)}`,
      );
    }
    return { isDone: true, removed };
  };

  const queue = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };

  const check = () =>
    queue(async () => {
      const due = dueCompaction(db, keeping, clock(), options.passed());
      if (due !== undefined) {
        if (due.octets !== undefined) warnOfSize(due.octets, due.until);
        await run(due.until, due.reason);
      } else if (hasLeftovers(db)) await run(0, 'what was left');
      warnWhenStillTooLarge();
    });

  /** Less is kept than `retain` asks for: the operator has to know. */
  function warnOfSize(octets: number, until: number): void {
    const time = db.prepare<[number], number>('SELECT time FROM batch WHERE batch = ?').pluck().get(until) ?? 0;
    const kept = keeping.retain === undefined ? '' : `, though retain is ${keeping.retain.text}`;
    logger.warning(`${excess(octets)}: what is before ${timeText(time)} is removed${kept}`);
  }

  let hasWarned = false;
  function warnWhenStillTooLarge(): void {
    const octets = usedOctets(db);
    const isTooLarge = keeping.maxSize !== undefined && octets > keeping.maxSize.value;
    const isMoreToGo = dueCompaction(db, keeping, clock(), options.passed()) !== undefined;
    if (isTooLarge && !isMoreToGo && !hasWarned) logger.warning(`${excess(octets)}: the newest state alone needs that`);
    hasWarned = isTooLarge && !isMoreToGo;
  }

  function excess(octets: number): string {
    return `the log has ${sizeText(octets)}, more than max_size ${keeping.maxSize?.text}`;
  }

  function schedule(delay: number): void {
    timer = setTimeout(() => {
      check()
        .catch((error: unknown) => logger.error(`compaction: ${error instanceof Error ? error.stack : String(error)}`))
        .finally(() => {
          if (!isStopped) schedule(CHECK_EVERY);
        });
    }, delay).unref();
  }

  return {
    configure(asked) {
      keeping = asked;
    },
    begin() {
      if (timer === undefined) schedule(FIRST_CHECK);
    },
    check,
    compact: (keep, reason) => queue(() => run(Math.min(options.passed(), lastBatchAt(db, clock() - keep)), reason)),
    metrics() {
      const { time } = windowStart(db);
      const gauge = (name: string, help: string, value: number) => gaugeFamily(name, help, [], [[[], value]]);
      const counter = (name: string, help: string, value: number) => ({
        ...gauge(name, help, value),
        type: 'counter' as const,
      });
      return [
        gauge('zonelog_log_used_bytes', 'Octets of the database that hold something.', usedOctets(db)),
        gauge('zonelog_log_start_timestamp_seconds', 'Where the log begins; 0: it has its beginning.', time / 1000),
        counter('zonelog_log_compactions_total', 'Compactions that removed something.', totals.compactions),
        counter('zonelog_log_compaction_removed_events_total', 'Events that compactions removed.', totals.events),
        counter('zonelog_log_compaction_failures_total', 'Compactions that came to no end.', totals.failures),
      ];
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      running?.stop();
      await last;
    },
  };
}

const startThread: StartCompaction = (workerData) => {
  const worker = new Worker(new URL(`./compaction-thread${EXTENSION}`, import.meta.url), { workerData });
  const ended = new Promise<FromCompaction>((resolve) => {
    let outcome: FromCompaction = { kind: 'failed', message: 'its thread ended' };
    worker.on('message', (message: FromCompaction) => {
      outcome = message;
    });
    worker.on('error', (error) => {
      outcome = { kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    });
    worker.on('exit', () => resolve(outcome));
  });
  return { ended, stop: () => worker.postMessage('stop') };
};
