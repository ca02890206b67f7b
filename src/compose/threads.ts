/** Main's view of the threads: what it asks of them, as promises. */
import { MessageChannel, Worker } from 'node:worker_threads';
import { OperatorError } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { MetricsSnapshot } from '../metrics.ts';
import type { PastQuestion, PastReply } from '../serve/plugins/asof.ts';
import type { Taken } from '../transfer/respond.ts';
import type { FoundAddresses } from './found.ts';
import type {
  FromServer,
  FromWriter,
  ServerConfiguration,
  ToServer,
  ToWriter,
  WriterLook,
  WriterStatus,
} from './messages.ts';
import type { OfferedPlace, OfferedVersion } from './offered.ts';
import { Requests } from './requests.ts';
import type { CompactionOutcome } from './retention.ts';
import type { ZoneExpiry } from './secondary-side.ts';
import type { ServerThreadData } from './server-thread.ts';
import type { WriterThreadData } from './writer-thread.ts';

/** The build renames imports, but not the file name of a thread. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** How long a thread may take to hand over its counters, milliseconds: less than Prometheus waits for all of them. */
const METRICS_TIMEOUT = 5_000;

type Settle<T> = PromiseWithResolvers<T>;

/** The part of a `Worker` that is needed here. */
export type ThreadWorker = Pick<Worker, 'on' | 'postMessage'>;

export class WriterThread {
  readonly #worker: ThreadWorker;
  readonly #metrics = new Requests<MetricsSnapshot>();
  readonly #looks = new Requests<WriterLook>();
  readonly #releases = new Requests<readonly string[]>();
  readonly #snapshots = new Requests<boolean>();
  readonly #compactions = new Requests<CompactionOutcome>();
  readonly #opened: Settle<void> = Promise.withResolvers();
  readonly #stopped: Settle<void> = Promise.withResolvers();
  #configured: Settle<void> | undefined;
  status: WriterStatus = { batch: 0, clusters: [], secondaries: [] };
  /** Called after each change of `status`. */
  onStatus: (() => void) | undefined;
  /** Called when zones of other servers are good for another time. */
  onExpiry: ((changed: readonly ZoneExpiry[]) => void) | undefined;

  /** @param onFatal the thread is lost */
  constructor(
    data: WriterThreadData,
    onFatal: (message: string) => void,
    worker: ThreadWorker = new Worker(new URL(`./writer-thread${EXTENSION}`, import.meta.url), { workerData: data }),
  ) {
    this.#worker = worker;
    let isOpen = false;
    const fail = (message: string) => {
      if (!isOpen) this.#opened.reject(new OperatorError(message));
      else if (this.#configured === undefined) onFatal(message);
      else this.#refuse(message);
    };
    this.#worker.on('error', (error) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (!isOpen) this.#opened.reject(new OperatorError(text));
      else {
        // Also when it dies of a new configuration: there is nobody left to go back to the old one.
        this.#refuse(text);
        onFatal(text);
      }
    });
    this.#worker.on('exit', () => this.#stopped.resolve());
    this.#worker.on('message', (message: FromWriter) => {
      switch (message.kind) {
        case 'opened':
          isOpen = true;
          this.#opened.resolve();
          break;
        case 'configured':
          this.#setStatus(message.status);
          this.#configured?.resolve();
          this.#configured = undefined;
          break;
        case 'refused':
          this.#refuse(message.message);
          break;
        case 'status':
          this.#setStatus(message.status);
          break;
        case 'metrics':
          this.#metrics.answer(message.request, message.snapshot);
          break;
        case 'expiry':
          this.onExpiry?.(message.changed);
          break;
        case 'looked':
          this.#looks.answer(message.request, message.look);
          break;
        case 'released':
          this.#releases.answer(message.request, message.clusters);
          break;
        case 'snapshotted':
          this.#snapshots.answer(message.request, message.isWritten);
          break;
        case 'compacted':
          this.#compactions.answer(message.request, message.outcome);
          break;
        case 'failed':
          fail(message.message);
          break;
        case 'stopped':
          this.#stopped.resolve();
          break;
      }
    });
  }

  /** How all stands now; `status` is as of the last event about clusters. */
  look(): Promise<WriterLook> {
    return this.#looks.ask((request) => this.#post({ kind: 'look', request }));
  }

  /** The same; of a writer that is busy for too long as it was last. */
  lookSoon(): Promise<WriterLook> {
    const nothing = { status: this.status, incoming: [] };
    return this.#looks.askWithin(METRICS_TIMEOUT, nothing, (request) => this.#post({ kind: 'look', request }));
  }

  /** Lets held deletions happen, of one cluster or of all. @returns the clusters that were held */
  release(cluster: string | undefined): Promise<readonly string[]> {
    return this.#releases.ask((request) => this.#post({ kind: 'release', request, cluster }));
  }

  /** Writes a snapshot. @returns false when one can't be written at the moment */
  snapshot(): Promise<boolean> {
    return this.#snapshots.ask((request) => this.#post({ kind: 'snapshot', request }));
  }

  /** Removes what is older than so many milliseconds from the log. */
  compact(keep: number, reason: string): Promise<CompactionOutcome> {
    return this.#compactions.ask((request) => this.#post({ kind: 'compact', request, keep, reason }));
  }

  /** The database is open. Rejected with an OperatorError when it can't be. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Puts a plan in force. Rejected with an OperatorError when it can't be. */
  configure(configuration: Omit<Extract<ToWriter, { kind: 'configure' }>, 'kind'>): Promise<void> {
    this.#configured = Promise.withResolvers();
    this.#post({ kind: 'configure', ...configuration });
    return this.#configured.promise;
  }

  /** Clusters that the log knew are followed from now on; the others are already. */
  begin(): void {
    this.#post({ kind: 'begin' });
  }

  /** A server says that it has a new version of a zone. */
  notify(zone: ZoneId, address: string): void {
    this.#post({ kind: 'notified', zone, address });
  }

  follow(port: import('node:worker_threads').MessagePort): void {
    this.#worker.postMessage({ kind: 'follow', port } satisfies ToWriter, [port]);
  }

  metrics(): Promise<MetricsSnapshot> {
    return this.#metrics.askWithin(METRICS_TIMEOUT, [], (request) => this.#post({ kind: 'metrics', request }));
  }

  async stop(): Promise<void> {
    this.#post({ kind: 'stop' });
    await this.#stopped.promise;
  }

  #refuse(why: string): void {
    this.#configured?.reject(new OperatorError(why));
    this.#configured = undefined;
  }

  #setStatus(status: WriterStatus): void {
    this.status = status;
    this.onStatus?.();
  }

  #post(message: ToWriter): void {
    this.#worker.postMessage(message);
  }
}

export class ServerThread {
  readonly #worker: Worker;
  readonly #metrics = new Requests<MetricsSnapshot>();
  readonly #loaded: Settle<void> = Promise.withResolvers();
  readonly #stopped: Settle<void> = Promise.withResolvers();
  #serving: Settle<readonly string[]> | undefined;
  /** Called when zones went over to versions. */
  onVersions: ((soas: Extract<FromServer, { kind: 'versions' }>['soas']) => void) | undefined;
  /** Called when a client took a version. */
  onTransferred: ((zone: ZoneId | OfferedPlace, address: string, taken: Taken) => void) | undefined;
  /** Called when clusters tell other addresses of secondaries. */
  onFound: ((changed: readonly FoundAddresses[]) => void) | undefined;
  /** Called when zones that plugins offer have come, changed or gone. */
  onOffered: ((versions: readonly OfferedVersion[]) => void) | undefined;
  /** Called when a server says that it has a new version of a zone. */
  onNotified: ((zone: ZoneId, address: string) => void) | undefined;
  /** Called when a client asks for the past. */
  onPast: ((question: PastQuestion) => Promise<PastReply | undefined>) | undefined;

  constructor(data: Omit<ServerThreadData, 'writer'>, writer: WriterThread, onFatal: (message: string) => void) {
    const { port1, port2 } = new MessageChannel();
    const workerData: ServerThreadData = { ...data, writer: port2 };
    this.#worker = new Worker(new URL(`./server-thread${EXTENSION}`, import.meta.url), {
      workerData,
      transferList: [port2],
    });
    writer.follow(port1);
    let isLoaded = false;
    const fail = (message: string) => {
      if (isLoaded) onFatal(message);
      else this.#loaded.reject(new OperatorError(message));
    };
    // Nobody waits for it when the start fails earlier.
    this.#loaded.promise.catch(() => {});
    this.#worker.on('error', (error) => fail(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    this.#worker.on('exit', () => this.#stopped.resolve());
    this.#worker.on('message', (message: FromServer) => {
      switch (message.kind) {
        case 'loaded':
          isLoaded = true;
          this.#loaded.resolve();
          break;
        case 'serving':
          this.#serving?.resolve(message.lines);
          break;
        case 'refused':
          this.#serving?.reject(new OperatorError(message.message));
          break;
        case 'versions':
          this.onVersions?.(message.soas);
          break;
        case 'found':
          this.onFound?.(message.changed);
          break;
        case 'offered':
          this.onOffered?.(message.versions);
          break;
        case 'notified':
          this.onNotified?.(message.zone, message.address);
          break;
        case 'past': {
          const { request, question } = message;
          const asked = this.onPast?.(question) ?? Promise.resolve(undefined);
          asked.then((reply) => this.#post({ kind: 'past', request, reply }));
          break;
        }
        case 'transferred':
          this.onTransferred?.(message.zone, message.address, message.taken);
          break;
        case 'metrics':
          this.#metrics.answer(message.request, message.snapshot);
          break;
        case 'failed':
          fail(message.message);
          break;
        case 'stopped':
          this.#stopped.resolve();
          break;
      }
    });
  }

  /** Until when zones of other servers are good. */
  setExpiry(changed: readonly ZoneExpiry[]): void {
    this.#post({ kind: 'expiry', changed });
  }

  /** The database may be read: its schema is up to date. */
  open(file: string): void {
    this.#post({ kind: 'database', file });
  }

  /** The zones are as of the log. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  /**
   * Goes over to a configuration once the batch is folded; the lines say what is served where. Rejected with an
   * OperatorError.
   */
  serve(configuration: ServerConfiguration, batch: number): Promise<readonly string[]> {
    this.#serving = Promise.withResolvers();
    this.#post({ kind: 'serve', configuration, batch });
    return this.#serving.promise;
  }

  metrics(): Promise<MetricsSnapshot> {
    return this.#metrics.askWithin(METRICS_TIMEOUT, [], (request) => this.#post({ kind: 'metrics', request }));
  }

  async stop(): Promise<void> {
    this.#post({ kind: 'stop' });
    await this.#stopped.promise;
  }

  #post(message: ToServer): void {
    this.#worker.postMessage(message);
  }
}
