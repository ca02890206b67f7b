/**
 * A serving thread: listeners, chains and answers over its own copy of the zones. Composition root of that thread; the
 * clock and randomness enter here.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type Database, openReadOnly } from '../database.ts';
import type { Serial } from '../dns/serial.ts';
import { OperatorError } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import { createLineWriter } from '../line-writer.ts';
import { createLogger, type LogFormat, logStyle } from '../logger.ts';
import { gaugeFamily, type MetricFamily } from '../metrics.ts';
import type { SoaRecord } from '../projection/diff.ts';
import { JournalReader } from '../projection/journal.ts';
import type { Replica, StaleAnswers } from '../projection/replica.ts';
import { soaRecord, type Zone } from '../projection/zone.ts';
import type { ServingBlock } from '../serve/blocks.ts';
import { PLUGINS } from '../serve/plugins.ts';
import { createServing } from '../serve/serving.ts';
import { lostClusters } from '../serve/staleness.ts';
import { asofFactory, createPastAsker } from './asof.ts';
import { cookieFactory } from './cookie.ts';
import { zoneFactories } from './factories.ts';
import { type Following, followWriter } from './following.ts';
import { addressesIn, FoundChanges } from './found.ts';
import type { FromServer, ServerConfiguration, ToServer } from './messages.ts';
import { blockNames, OfferedZones } from './offered.ts';
import type { BlockZones } from './plan.ts';
import { createThreadMetrics } from './process-metrics.ts';
import { createRandom } from './randomness.ts';
import { secondaryFactory } from './secondary-serving.ts';
import { createTransferSide } from './transfers.ts';
import { tsigFactory } from './tsig.ts';
import { VERSION } from './version.ts';

/** What main hands to the thread when it makes it. */
export interface ServerThreadData {
  /** To the writer. */
  readonly writer: MessagePort;
  /** Serving threads in all; several share each address and port. */
  readonly threads: number;
  /** Which of them this is, from 0 on. */
  readonly index: number;
  readonly logFormat: LogFormat;
  /** What all threads make the secrets of their own of (`cookie`). */
  readonly seed: Uint8Array;
  /** Where the writer puts the batch that all threads may show; absent when this is the only one. */
  readonly visible?: SharedArrayBuffer;
}

/** At the end, for lines that are on their way, milliseconds. */
const FLUSH_MS = 2000;

const NO_ZONES: BlockZones = { kubernetes: [], multicluster: [] };

function run(main: MessagePort, { writer, threads, index, logFormat, seed, visible }: ServerThreadData): void {
  const post = (message: FromServer) => main.postMessage(message);
  const clock = () => Date.now() / 1000;
  const style = logStyle(logFormat, clock);
  let isDebug = false;
  // A line for each query, or for each that failed, must neither hold up answers nor fill the memory.
  const lines = createLineWriter(
    (text, done) => process.stdout.write(text, () => done()),
    (count) => style.line('WARNING', '', `${count} lines were dropped, as nobody took them`),
  );
  const logger = createLogger((line) => lines.write(line), { isDebug: () => isDebug, style });
  let replica: Replica | undefined;
  let db: Database | undefined;
  let following: Following | undefined;
  // The zones of the configuration that is being built: handlers are made for it before it is in force.
  let zones = new Map<ServingBlock, BlockZones>();
  let names = new Map<ServingBlock, string>();

  const threadMetrics = createThreadMetrics(`serving-${index}`);

  const zoneOf = (id: ZoneId) => replica?.zone(id);
  const zonesOf = (block: ServingBlock) => zones.get(block) ?? NO_ZONES;
  /** Until when zones of other servers are good, Unix milliseconds. */
  const expiries = new Map<ZoneId, number>();
  const expiresIn = (zone: ZoneId) => secondsUntil(expiries.get(zone), clock());
  const now = () => performance.now() / 1000;
  const transfers = createTransferSide({
    journal: () => new JournalReader(db as Database),
    zoneOf,
    zonesOf,
    expiresIn,
    addressesOf: (cluster) => addressesIn(replica?.world.clusters[cluster]),
    nameOf: (block) => names.get(block) ?? '',
    onTransferred: (zone, address, taken) => post({ kind: 'transferred', zone, address, taken }),
    logger: logger.forPlugin('transfer'),
    now,
    after: (milliseconds, callback) => {
      const timer = setTimeout(callback, milliseconds).unref();
      return () => clearTimeout(timer);
    },
  });
  const past = createPastAsker((request, question) => post({ kind: 'past', request, question }));
  const serving = createServing({
    factories: new Map([
      ...PLUGINS,
      ...zoneFactories(zonesOf, zoneOf),
      ['transfer', transfers.factory],
      [
        'secondary',
        secondaryFactory({
          zonesOf,
          zoneOf,
          zones: () => replica?.zones() ?? [],
          expiresIn,
          onNotified: (zone, address) => post({ kind: 'notified', zone, address }),
        }),
      ],
      ['asof', asofFactory(zonesOf, past.ask)],
      ['tsig', tsigFactory(clock)],
      ['cookie', cookieFactory(clock, seed)],
    ]),
    logger,
    reusePort: threads > 1,
    ...(visible && { refresh: () => following?.reveal() }),
    onDropped: () => announceOffered(),
    now,
    random: createRandom(),
    endProcess: (message) => post({ kind: 'failed', message }),
    hostName: hostname(),
    version: `zonelog-${VERSION}`,
    writeQuery: (entry) => lines.write(style.query(entry)),
  });

  /** Those who wait for a batch. */
  let waiting: { readonly batch: number; readonly resolve: () => void }[] = [];
  const isFolded = (batch: number) =>
    new Promise<void>((resolve) => {
      if (replica !== undefined && replica.batch >= batch) resolve();
      else waiting.push({ batch, resolve });
    });

  const announced = new Map<ZoneId, Serial>();
  /** Tells main of the zones whose serial is another than it knows. */
  const announce = (ids: readonly ZoneId[]) => {
    const soas = ids.flatMap((id): [ZoneId, SoaRecord][] => {
      const zone = zoneOf(id);
      if (zone === undefined) announced.delete(id);
      // Members of catalogs are in no plan: they are offered.
      if (zone?.definition.memberOf !== undefined) return [];
      if (zone?.serial === undefined || zone.serial === announced.get(id)) return [];
      announced.set(id, zone.serial);
      return [[id, soaRecord(zone)]];
    });
    if (soas.length > 0) post({ kind: 'versions', soas });
  };
  const offered = new OfferedZones();
  let isLooking = false;
  /** Tells main of offered zones, soon: many may change at once. */
  const announceOffered = () => {
    if (isLooking) return;
    isLooking = true;
    setImmediate(() => {
      isLooking = false;
      const blocks = [...zones.keys()];
      const versions = offered.update(
        serving.offered().flatMap(({ block: at, zone: { apex, soa } }) => {
          const block = blocks[at];
          return block?.options.transfer === undefined ? [] : [{ block: names.get(block) ?? '', apex, soa }];
        }),
      );
      if (versions.length > 0) post({ kind: 'offered', versions });
    });
  };
  /** Answers are of this version from now on. */
  const show = (zone: Zone) => {
    if (zone.serial !== undefined) serving.setSerial(zone.id, zone.serial);
    serving.setStale(zone.id, lostClusters(zone).length > 0);
  };
  const found = new FoundChanges();
  const announceFound = () => {
    if (replica === undefined) return;
    const clusters = new Set([...zones.values()].flatMap((block) => [...(block.found?.values() ?? [])]));
    const changed = found.update(clusters, replica.world);
    if (changed.length > 0) post({ kind: 'found', changed });
  };
  let members: ReadonlySet<ZoneId> = new Set();
  /** Tells of the zones that catalogs have brought. What was said of their names so far is no longer right. */
  const followMembers = (stale: readonly StaleAnswers[]) => {
    if (members.size === 0 && replica?.world.transferred.members.size === 0) return;
    const isMember = (id: ZoneId) => zoneOf(id)?.definition.memberOf !== undefined;
    if (!stale.some(({ zone }) => members.has(zone) || isMember(zone))) return;
    const before = members;
    members = new Set((replica?.zones() ?? []).map(({ id }) => id).filter(isMember));
    const isOther = [...members].some((id) => !before.has(id)) || [...before].some((id) => !members.has(id));
    if (isOther) for (const { id } of replica?.zones() ?? []) serving.invalidate(id, 'all');
    announceOffered();
  };
  const refresh = (stale: readonly StaleAnswers[]) => {
    for (const { zone, slots } of stale) {
      const version = replica?.zone(zone);
      if (version !== undefined) show(version);
      serving.invalidate(zone, slots);
      transfers.changed(zone);
    }
    followMembers(stale);
    announce(stale.map(({ zone }) => zone));
    announceFound();
    const { batch = 0 } = replica ?? {};
    for (const { resolve } of waiting.filter((one) => one.batch <= batch)) resolve();
    waiting = waiting.filter((one) => one.batch > batch);
  };
  const fail = (error: unknown) => {
    post({ kind: 'failed', message: error instanceof OperatorError ? error.message : describe(error) });
  };

  const serve = async ({ blocks, zones: served, descriptors }: ServerConfiguration, batch: number) => {
    await isFolded(batch);
    const before = { zones, names };
    names = new Map(blockNames(blocks).map((name, i) => [blocks[i] as ServingBlock, name]));
    zones = new Map(blocks.map((block, i) => [block, served[i] ?? NO_ZONES]));
    const result = await serving.configure(blocks, descriptors);
    if (result.ok) {
      isDebug = blocks.some(({ plugins }) => plugins.includes('debug'));
      post({ kind: 'serving', lines: result.value.lines });
      transfers.configured(blocks);
      announceOffered();
      announceFound();
    } else {
      ({ zones, names } = before);
      post({ kind: 'refused', message: result.error });
    }
  };

  const stop = async () => {
    transfers.stop();
    await serving.stop();
    // Who reads our lines may have stopped reading.
    await Promise.race([lines.flush(), sleep(FLUSH_MS, undefined, { ref: false })]);
    db?.close();
    post({ kind: 'stopped' });
    main.close();
    writer.close();
  };

  main.on('message', (message: ToServer) => {
    switch (message.kind) {
      case 'database':
        try {
          db = openReadOnly(message.file);
          following = followWriter(writer, db, visible && new Int32Array(visible), {
            onLoaded: (loaded) => {
              replica = loaded;
              for (const zone of loaded.zones()) show(zone);
              announce(loaded.zones().map(({ id }) => id));
              followMembers(loaded.zones().map(({ id }) => ({ zone: id, slots: 'all' })));
              post({ kind: 'loaded' });
            },
            onStale: refresh,
            onFailure: fail,
          });
        } catch (error) {
          fail(error);
        }
        break;
      case 'serve':
        serve(message.configuration, message.batch).catch(fail);
        break;
      case 'expiry':
        for (const [zone, at] of message.changed) {
          if (at === undefined) expiries.delete(zone);
          else expiries.set(zone, at);
        }
        break;
      case 'past':
        past.answer(message.request, message.reply);
        break;
      case 'metrics':
        post({
          kind: 'metrics',
          request: message.request,
          snapshot: [...serving.snapshot(), ...transfers.snapshot(), ...threadMetrics(), droppedLines(lines.dropped())],
        });
        break;
      case 'stop':
        stop().catch(fail);
        break;
    }
  });
}

/** @returns at least 0; undefined: not known */
function secondsUntil(milliseconds: number | undefined, now: number): number | undefined {
  return milliseconds === undefined ? undefined : Math.max(0, Math.floor(milliseconds / 1000 - now));
}

function droppedLines(count: number): MetricFamily {
  const family = gaugeFamily('zonelog_log_lines_dropped_total', 'Log lines that nobody took.', [], [[[], count]]);
  return { ...family, type: 'counter' };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

if (parentPort !== null) run(parentPort, workerData as ServerThreadData);
