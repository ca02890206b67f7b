/** The whole server: reads the configuration, starts the threads in their order, reloads and stops them. */

import type { Config, Surroundings } from '../corefile/config.ts';
import { fail, OperatorError, ok, type Result } from '../errors.ts';
import type { LogFormat, Logger } from '../logger.ts';
import { buildInfo, type MetricsSnapshot, mergeSnapshots } from '../metrics.ts';
import { DEFAULT_JOURNAL_LIMITS, type JournalLimits } from '../projection/journal.ts';
import { createSharedUdp } from '../serve/shared-udp.ts';
import { startTimeout } from '../timeout.ts';
import type { Interfaces } from './addresses.ts';
import { createAutoReload } from './auto-reload.ts';
import type { Control } from './control.ts';
import { chooseDatabase, refuseToMove } from './event-log.ts';
import { goOver } from './going-over.ts';
import { createHistorySide } from './history-side.ts';
import { createHttpSide } from './http.ts';
import { liveStatus } from './live-status.ts';
import { createNotifySide, type NotifySide, type NotifySideOptions } from './notify.ts';
import { blockNames } from './offered.ts';
import type { PlannedConfig } from './plan.ts';
import { createThreadMetrics, databaseMetrics, processMetrics, THREAD_PREFIX } from './process-metrics.ts';
import { createSeed } from './randomness.ts';
import { troublesOf, unreadyPlugins } from './readiness.ts';
import { readSecondaries, secondariesPath, writeSecondaries } from './secondaries-file.ts';
import { secondarySources } from './secondary-plan.ts';
import { ServerThread, WriterThread } from './threads.ts';
import { notifyZones, offeredTold } from './told.ts';
import { type Understood, understand } from './understand.ts';
import { VERSION } from './version.ts';

export interface StartOptions {
  /** Reads the Corefile anew; called at each reload. @throws OperatorError when it can't be read */
  readonly readCorefile: () => string;
  readonly surroundings: Surroundings;
  /** Port of the blocks that name none. */
  readonly defaultPort: number;
  /** The log's file as the command line says; and where it is when the Corefile does not say either. */
  readonly database: { readonly flag: string | undefined; readonly fallback: string };
  readonly isQuiet: boolean;
  readonly interfaces: () => Interfaces;
  /** Seconds, monotonic. */
  readonly now: () => number;
  /** Unix seconds. */
  readonly clock: () => number;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
  /** Processors of the machine. */
  readonly processors: number;
  /** Writes a line to the standard output. */
  readonly print: (line: string) => void;
  readonly logger: Logger;
  /** Of the threads' own loggers. */
  readonly logFormat: LogFormat;
  /** Is told whether lines for debugging are wanted. */
  readonly setDebug: (isDebug: boolean) => void;
  readonly crashAt?: { readonly point: string; readonly count: number };
  /** Something broke for good: the process should end. */
  readonly onFatal: (message: string) => void;
}

export interface RunningServer {
  /** Reads the Corefile again and goes over to it; when that fails, all stays as it was, and the log says why. */
  reload(): Promise<void>;
  /** Lame duck, then everything closes. */
  stop(): Promise<void>;
}

/** Milliseconds between two lines that say what a start waits for. */
const WAIT_LINE_EVERY = 500;

/** @throws OperatorError with the line for the operator */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { logger, print } = options;
  let loaded = load(options);
  const { file: database, warning } = databaseOf(options, loaded);
  if (warning !== undefined) logger.warning(warning);
  const threads = threadsOf(loaded.config, options.processors);
  const visible = threads > 1 ? new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) : undefined;
  const shared = { logFormat: options.logFormat, ...(visible && { visible }) };
  const writer = new WriterThread(
    { ...shared, file: database, ...(options.crashAt && { crashAt: options.crashAt }) },
    options.onFatal,
  );
  const seed = createSeed();
  const servers = Array.from(
    { length: threads },
    (_, i) => new ServerThread({ ...shared, threads, index: i, seed }, writer, options.onFatal),
  );
  const sockets = threads > 1 ? createSharedUdp() : undefined;
  const notify = createNotifySide({
    threads,
    logger: logger.forPlugin('transfer'),
    now: options.now,
    clock: options.clock,
    random: options.random,
    kept: keptSecondaries(database, logger),
  });
  for (const [i, server] of servers.entries()) {
    server.onVersions = (soas) => notify.publish(i, soas);
    server.onTransferred = notify.noteTransfer;
    server.onFound = notify.setFound;
    server.onOffered = (versions) => notify.publishOffered(i, versions);
    server.onNotified = (zone, address) => writer.notify(zone, address);
  }
  writer.onExpiry = (changed) => {
    for (const server of servers) server.setExpiry(changed);
  };
  let isServing = false;
  /** What every serving thread had when it went over to the configuration in force. */
  let servedBatch = 0;
  let control: Control | undefined;
  const threadMetrics = createThreadMetrics('main');
  const autoReload = createAutoReload({
    read: () => tryLoad(options),
    reload: () => running.reload(),
    random: options.random,
    logger,
  });
  const http = createHttpSide({
    metrics: async () => {
      const own = [...threadMetrics(), ...autoReload.snapshot(), ...databaseMetrics(database)];
      const all = await collectMetrics(writer, servers, [notify.snapshot(), own, processMetrics(options.clock)]);
      return hasRuntimeMetrics(loaded.config) ? all : all.filter(({ name }) => !name.startsWith(THREAD_PREFIX));
    },
    unready: () => unreadyPlugins(loaded, writer.status, servedBatch),
    troubles: () => troublesOf(writer.status),
    isServing: () => isServing,
    now: options.now,
    logger,
  });
  const history = createHistorySide({
    database,
    live: async () => {
      const [metrics, { incoming }] = await Promise.all([writer.metrics(), writer.lookSoon()]);
      return liveStatus(writer.status, { outgoing: notify.status(), incoming }, metrics, options.clock());
    },
    logger,
    logFormat: options.logFormat,
  });

  for (const server of servers) server.onPast = (question) => history.ask(question);

  const stopThreads = async () => {
    await history.stop();
    await Promise.all(servers.map((server) => server.stop()));
    await writer.stop();
  };
  try {
    await writer.opened;
    for (const server of servers) server.open(database);
    await http.configure(loaded.config);
    await configureWriter(writer, loaded);
    await Promise.all(servers.map((server) => server.loaded));
    await waitForClusters(writer, loaded.planned, logger);
    servedBatch = writer.status.batch;
    const lines = await goOver({ servers, sockets, next: loaded.serving, batch: servedBatch });
    notify.configure(...toldOf(loaded));
    isServing = true;
    options.setDebug(isDebug(loaded.config));
    writer.begin();
    control = await openControlOf(database, writer, notify, logger);
    // Answers come first.
    await history.configure(loaded.config);
    if (!options.isQuiet) for (const line of [...lines, ...versionLines()]) print(line);
  } catch (error) {
    await control?.close();
    await http.stop();
    await stopThreads();
    throw error;
  }

  let reloading: Promise<void> | undefined;
  let isWantedAgain = false;
  const reloadOnce = async () => {
    logger.info('Reloading');
    try {
      const next = load(options);
      refuseToMove(database, databaseOf(options, next).file);
      const told = toldOf(next);
      await http.configure(next.config);
      await history.configure(next.config);
      await configureWriter(writer, next);
      await waitForClusters(writer, next.planned, logger);
      const { batch } = writer.status;
      await goOver({ servers, sockets, next: next.serving, before: loaded.serving, batch });
      servedBatch = batch;
      notify.configure(...told);
      loaded = next;
      options.setDebug(isDebug(loaded.config));
      autoReload.note(loaded.config);
      logger.info('Reloading complete');
    } catch (error) {
      logger.error(`Restart failed: ${error instanceof Error ? error.message : String(error)}`);
      http.countFailedReload();
      await goBack().catch((second: unknown) => {
        logger.error(
          `What was before could not be restored: ${second instanceof Error ? second.message : String(second)}`,
        );
      });
    }
  };
  /** Whatever went over to a configuration that failed comes back. */
  const goBack = async () => {
    await http.configure(loaded.config);
    await history.configure(loaded.config);
    await configureWriter(writer, loaded);
    notify.configure(...toldOf(loaded));
  };
  const running: RunningServer = {
    async reload() {
      // Who asks meanwhile wants what the file says now, not when this reload began.
      isWantedAgain = reloading !== undefined;
      reloading ??= (async () => {
        do {
          isWantedAgain = false;
          await reloadOnce();
        } while (isWantedAgain);
      })().finally(() => {
        reloading = undefined;
      });
      await reloading;
    },
    async stop() {
      autoReload.stop();
      await http.lameDuck(loaded.config);
      await control?.close();
      notify.close();
      await history.stop();
      await Promise.all(servers.map((server) => server.stop()));
      await http.stop();
      await writer.stop();
    },
  };
  autoReload.note(loaded.config);
  return running;
}

function keptSecondaries(database: string, logger: Logger): NotifySideOptions['kept'] {
  const file = secondariesPath(database);
  return {
    load: () => readSecondaries(file),
    save(statuses) {
      try {
        writeSecondaries(file, statuses);
      } catch (error) {
        logger.warning(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

/** Who is told of versions. @throws OperatorError when a key can't be had */
function toldOf({ config, planned, serving }: Understood): Parameters<NotifySide['configure']> {
  return [notifyZones(config, planned), offeredTold(config, planned, blockNames(serving.blocks))];
}

function tryLoad(options: StartOptions): Result<Config, string> {
  try {
    return ok(load(options).config);
  } catch (error) {
    if (error instanceof OperatorError) return fail(error.message);
    throw error;
  }
}

async function configureWriter(writer: WriterThread, { config, planned, eventLog }: Understood): Promise<void> {
  const { plan, clusters, blocks } = planned;
  const secondaries = secondarySources(config, blocks);
  const journal = journalLimits(config);
  const { limits } = eventLog;
  await writer.configure({ plan, clusters, secondaries, journal, eventLog: limits, isDebug: isDebug(config) });
}

function databaseOf({ database: { flag, fallback } }: StartOptions, { eventLog }: Understood) {
  return chooseDatabase(flag, eventLog.file, fallback);
}

function hasRuntimeMetrics({ serverBlocks }: Config): boolean {
  return serverBlocks.some(({ options }) => options.prometheus?.runtimeMetrics === true);
}

function isDebug({ serverBlocks }: Config): boolean {
  return serverBlocks.some((block) => block.directives.has('debug'));
}

/** The most that any stanza of `transfer` asks for. */
function journalLimits({ serverBlocks }: Config): JournalLimits {
  const asked = serverBlocks.flatMap(({ options }) => options.transfer?.flatMap(({ journal }) => journal ?? []) ?? []);
  const most = (numbers: readonly (number | undefined)[]) =>
    numbers.reduce((a, b) => (a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)), undefined);
  const { changes, octets } = DEFAULT_JOURNAL_LIMITS;
  return {
    changes: most(asked.map((size) => size.changes)) ?? changes,
    octets: most(asked.map((size) => size.octets)) ?? octets,
    age: most(asked.map((size) => size.ageMs)),
  };
}

/** @throws OperatorError */
function load(options: StartOptions): Understood {
  const { readCorefile, surroundings, interfaces, defaultPort } = options;
  return understand(readCorefile(), surroundings, interfaces(), defaultPort);
}

/** One thread answers twice what CoreDNS does on two processors; each more costs the memory of a copy of the zones. */
const DEFAULT_THREADS = 1;

function threadsOf(config: Config, processors: number): number {
  const wanted = config.serverBlocks
    .flatMap((block) => block.options.multisocket ?? [])
    .map((m) => m.sockets ?? processors);
  return Math.max(DEFAULT_THREADS, ...wanted);
}

function versionLines(): string[] {
  return [`zonelog-${VERSION}`, `${process.platform}/${process.arch}, node ${process.version}`];
}

/** Waits until every cluster was listed, or the time that the stanzas give it is over. */
async function waitForClusters(writer: WriterThread, planned: PlannedConfig, logger: Logger): Promise<void> {
  const isSynced = () => writer.status.clusters.every((cluster) => cluster.isSynced);
  if (isSynced() || planned.clusters.length === 0) return;
  const plugin = logger.forPlugin('kubernetes');
  await new Promise<void>((resolve) => {
    const lines = setInterval(() => plugin.info('waiting for Kubernetes API before starting server'), WAIT_LINE_EVERY);
    const end = (isTimeout: boolean) => {
      clearInterval(lines);
      cancel();
      writer.onStatus = undefined;
      if (isTimeout) {
        plugin.warning('starting server with unsynced Kubernetes API');
        for (const { id, isSynced: has, lost, lacking } of writer.status.clusters) {
          const reasons = [...lost, ...lacking.map(({ kind, reason }) => `${kind}: ${reason}`)];
          if (!has) plugin.warning(`${id}: ${reasons.length > 0 ? reasons.join('; ') : 'no complete list yet'}`);
        }
      }
      resolve();
    };
    const cancel = startTimeout(() => end(true), planned.startupTimeoutMs);
    writer.onStatus = () => {
      if (isSynced()) end(false);
    };
  });
}

async function collectMetrics(
  writer: WriterThread,
  servers: readonly ServerThread[],
  own: readonly MetricsSnapshot[],
): Promise<MetricsSnapshot> {
  const threads = await Promise.all([writer.metrics(), ...servers.map((server) => server.metrics())]);
  return mergeSnapshots([...threads, ...own, [buildInfo(VERSION, '', process.version)]]);
}

async function openControlOf(
  database: string,
  writer: WriterThread,
  notify: NotifySide,
  logger: Logger,
): Promise<Control | undefined> {
  const { openControl } = await import('./control.ts');
  try {
    return await openControl(database, {
      status: async () => (await writer.look()).status,
      transfers: async () => ({ outgoing: notify.status(), incoming: (await writer.look()).incoming }),
      release: (cluster) => writer.release(cluster),
      snapshot: () => writer.snapshot(),
      compact: (keep, reason) => writer.compact(keep, reason),
    });
  } catch (error) {
    // The commands that need it will say so; names are served all the same.
    logger.warning(`control socket: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
