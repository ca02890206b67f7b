/** `history` as the Corefile asks for it: its thread is started, replaced, begun anew when it died, and told what is live. */
import { Worker } from 'node:worker_threads';
import type { Config, HistoryOptions } from '../corefile/config.ts';
import { OperatorError } from '../errors.ts';
import type { LogFormat, Logger } from '../logger.ts';
import type { PastQuestion, PastReply } from '../serve/plugins/asof.ts';
import type { LiveStatus } from '../web/live.ts';
import type { FromHistory, HistoryThreadData, ToHistory } from './history-thread.ts';

export interface HistorySideOptions {
  readonly database: string;
  readonly live: () => Promise<LiveStatus>;
  readonly logger: Logger;
  readonly logFormat: LogFormat;
  /** Default: a thread of its own. */
  readonly makeThread?: MakeHistoryThread;
}

/** @param onDeath called when it ends by itself after it has listened */
export type MakeHistoryThread = (
  data: HistoryThreadData,
  live: () => Promise<LiveStatus>,
  onDeath: (why: string) => void,
) => Pick<HistoryThread, 'listening' | 'ask' | 'stop'>;

export interface HistorySide {
  /** Goes over to what a configuration asks for. @throws OperatorError; then all is as before */
  configure(config: Config): Promise<void>;
  /** A question about the past, for a client of `asof`. Undefined: there is nobody to answer it. */
  ask(question: PastQuestion): Promise<PastReply | undefined>;
  stop(): Promise<void>;
}

type Wanted = Pick<HistoryThreadData, 'options' | 'root' | 'isDebug'>;

/** The build renames imports, but not the file name of a thread. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
/** Megabytes of objects that the thread may hold: more ends the thread, and nothing else. */
const MOST_MEMORY = 2048;
/** Milliseconds until a thread that died is begun anew. */
const RESTART_AFTER = 5_000;

export function createHistorySide(options: HistorySideOptions): HistorySide {
  const logger = options.logger.forPlugin('history');
  const makeThread = options.makeThread ?? ((...parts) => new HistoryThread(...parts));
  /** What the configuration in force asks for. */
  let wanted: Wanted | undefined;
  let running: { readonly wanted: Wanted; readonly thread: ReturnType<MakeHistoryThread> } | undefined;
  let restart: NodeJS.Timeout | undefined;
  /** Threads come and go one after the other: two at once would take the address from each other. */
  let last: Promise<unknown> = Promise.resolve();

  function queue(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  async function start(to: Wanted): Promise<void> {
    const thread = makeThread({ ...to, file: options.database, logFormat: options.logFormat }, options.live, (why) => {
      if (running?.thread !== thread) return;
      running = undefined;
      logger.error(`its thread died, and is begun anew: ${why}`);
      again();
    });
    const url = await thread.listening;
    running = { wanted: to, thread };
    logger.info(`listening on ${url}`);
  }

  function again(): void {
    const startAgain = async () => {
      // It may have been begun, or the configuration may ask for none, in the meantime.
      if (wanted !== undefined && running === undefined) await start(wanted);
    };
    clearTimeout(restart);
    restart = setTimeout(() => {
      queue(startAgain).catch((error: unknown) => {
        logger.error(error instanceof Error ? error.message : String(error));
        again();
      });
    }, RESTART_AFTER).unref();
  }

  async function end(): Promise<void> {
    clearTimeout(restart);
    const thread = running?.thread;
    running = undefined;
    await thread?.stop();
  }

  async function goOver(next: Wanted | undefined): Promise<void> {
    const before = running;
    if (next === undefined) return end();
    if (JSON.stringify(next) === JSON.stringify(before?.wanted)) return;
    if (before !== undefined && before.wanted.options.address !== next.options.address) {
      running = undefined;
      try {
        await start(next);
      } catch (error) {
        running = before;
        throw error;
      }
      return before.thread.stop();
    }
    // The address is to be had only once the thread before has given it up.
    await end();
    try {
      await start(next);
    } catch (error) {
      if (wanted !== undefined) await start(wanted).catch(again);
      throw error;
    }
  }

  return {
    configure: (config) =>
      queue(async () => {
        const next = wantedOf(config);
        await goOver(next);
        wanted = next;
      }),
    ask: async (question) => running?.thread.ask(question),
    stop: () =>
      queue(async () => {
        wanted = undefined;
        await end();
      }),
  };
}

function wantedOf({ serverBlocks }: Config): Wanted | undefined {
  const block = serverBlocks.find(({ options }) => options.history !== undefined);
  const options: HistoryOptions | undefined = block?.options.history;
  if (block === undefined || options === undefined) return undefined;
  const isDebug = serverBlocks.some(({ directives }) => directives.has('debug'));
  return { options, root: block.options.root ?? '', isDebug };
}

class HistoryThread {
  readonly #worker: Worker;
  readonly #listening: PromiseWithResolvers<string> = Promise.withResolvers();
  readonly #stopped: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #asked = new Map<number, (reply: PastReply | undefined) => void>();
  #lastRequest = 0;

  /** @param onDeath when it ends by itself after it has listened */
  constructor(data: HistoryThreadData, live: () => Promise<LiveStatus>, onDeath: (why: string) => void) {
    this.#worker = new Worker(new URL(`./history-thread${EXTENSION}`, import.meta.url), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY },
    });
    const post = (message: ToHistory) => this.#worker.postMessage(message);
    let why = 'it ended';
    this.#worker.on('message', (message: FromHistory) => {
      if (message.kind === 'listening') this.#listening.resolve(message.url);
      else if (message.kind === 'refused') this.#listening.reject(new OperatorError(message.message));
      else if (message.kind === 'stopped') this.#stopped.resolve();
      else if (message.kind === 'past') this.#answer(message.request, message.reply);
      else {
        const { request } = message;
        live().then((status) => post({ kind: 'live', request, status }));
      }
    });
    this.#worker.on('error', (error) => {
      why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#listening.reject(error);
    });
    this.#worker.on('exit', () => {
      for (const request of this.#asked.keys()) this.#answer(request, undefined);
      this.#listening.reject(new Error(why));
      this.#stopped.resolve();
      onDeath(why);
    });
  }

  /** Its URL. Rejected with an OperatorError when it can't listen. */
  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  /** @returns undefined when the thread ends before it answers */
  ask(question: PastQuestion): Promise<PastReply | undefined> {
    const request = ++this.#lastRequest;
    return new Promise((resolve) => {
      this.#asked.set(request, resolve);
      this.#worker.postMessage({ kind: 'past', request, question } satisfies ToHistory);
    });
  }

  #answer(request: number, reply: PastReply | undefined): void {
    this.#asked.get(request)?.(reply);
    this.#asked.delete(request);
  }

  async stop(): Promise<void> {
    this.#worker.postMessage({ kind: 'stop' } satisfies ToHistory);
    await this.#stopped.promise;
  }
}
