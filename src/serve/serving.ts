/**
 * The serving side of one thread: server blocks, listeners, kept answers. Made of plain data and of handler factories that
 * are handed in, so that plugins of other parts (`kubernetes`, `transfer`) need not be known here.
 */
import { MessageEncoder } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import type { Serial } from '../dns/serial.ts';
import { ok, type Result } from '../errors.ts';
import type { ZoneId } from '../ingest/plan.ts';
import type { Logger } from '../logger.ts';
import { type MetricsSnapshot, mergeSnapshots } from '../metrics.ts';
import { AnswerCache, type AnswerCacheLimits, type SerialCell } from './answer-cache.ts';
import {
  type BuiltBlock,
  buildBlock,
  type HandlerFactory,
  type HandlerTools,
  pointsOf,
  type ServingBlock,
} from './blocks.ts';
import type { MaybePromise, OfferedZone, Outcome, Request } from './chain.ts';
import { Entry } from './entry.ts';
import { describePoint, type ListenPoint } from './listen-point.ts';
import type { Listener, SocketPlace } from './listeners.ts';
import { createPump } from './pump.ts';
import { createRouter } from './router.ts';
import { type Certificates, listenerKey, openAnyListener, readCertificates } from './secure/open.ts';
import { pluginsEnabled, socketFamilies, totalsOf } from './serving-metrics.ts';
import type { Descriptors } from './shared-udp.ts';
import { createTally } from './tally.ts';
import { DEFAULT_TCP_LIMITS, type TcpLimits } from './tcp.ts';

export interface ServingOptions extends Omit<HandlerTools, 'logger' | 'askServer' | 'siblings' | 'dropAnswers'> {
  readonly factories: ReadonlyMap<string, HandlerFactory>;
  readonly logger: Logger;
  /** Several threads listen on the same addresses. */
  readonly reusePort: boolean;
  /** Called before each question: brings up to date what is answered from. */
  readonly refresh?: () => void;
  /** Called when a plugin had all kept answers dropped: what it serves has changed. */
  readonly onDropped?: () => void;
  /** Of all kept answers of the thread together. */
  readonly cacheLimits?: AnswerCacheLimits;
  readonly tcpLimits?: Partial<TcpLimits>;
}

/** What went wrong, in one line for the operator. */
export type StartResult = Result<{ readonly lines: readonly string[] }, string>;

export interface Serving {
  /**
   * Goes over to these server blocks: opens what is new, keeps what stays, closes what is gone. When it fails all is as
   * before. The first call starts the server.
   * @param descriptors UDP sockets that threads share, for new listeners
   * @returns the lines of the start output: zones and where they are served
   */
  configure(blocks: readonly ServingBlock[], descriptors?: Descriptors): Promise<StartResult>;
  /** Drops the kept answers that depend on these names of a zone. */
  invalidate(zone: ZoneId, names: Iterable<DomainName> | 'all'): void;
  /** Answers with the SOA of the zone carry this serial from now on. */
  setSerial(zone: ZoneId, serial: Serial): void;
  /** The zones that plugins offer for transfers, with the place of their block among those configured. */
  offered(): readonly { readonly block: number; readonly zone: OfferedZone }[];
  /** Answers of the zone say from now on that it is out of date, or no longer. */
  setStale(zone: ZoneId, isStale: boolean): void;
  /** Where it listens. */
  listening(): readonly ListenPoint[];
  snapshot(): MetricsSnapshot;
  /** Lets what is in work be finished, for `graceMs` milliseconds at most. */
  stop(graceMs?: number): Promise<void>;
}

const DEFAULT_CACHE_LIMITS: AnswerCacheLimits = { entries: 100_000, octets: 64 * 1024 * 1024 };
/** Share of the kept answers of TCP: clients that ask often ask by UDP. */
const TCP_SHARE = 8;
/** Time for those in work when a listener goes, milliseconds. */
const GRACE_MS = 5000;

interface Setup {
  readonly blocks: readonly BuiltBlock[];
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly certificates: Certificates;
}

export function createServing(options: ServingOptions): Serving {
  const { factories, logger, now, reusePort } = options;
  const cacheLimits = options.cacheLimits ?? DEFAULT_CACHE_LIMITS;
  const encoder = new MessageEncoder();
  const tally = createTally();
  const pump = createPump(() => now() * 1000);
  const cells = new Map<ZoneId, SerialCell>();
  let setup: Setup = { blocks: [], listeners: new Map(), certificates: new Map() };
  /** What plugins and listeners that are gone have counted: a reload is no reason to count from 0 again. */
  let past: MetricsSnapshot = [];
  /** By the place of their socket. */
  let entries = new Map<string, Entry>();

  const cellOf = (zone: ZoneId): SerialCell => {
    let cell = cells.get(zone);
    if (!cell) {
      cell = { serial: undefined, isStale: false };
      cells.set(zone, cell);
    }
    return cell;
  };
  const dropAnswers = (): void => {
    for (const { cache } of entries.values()) cache.clear();
    options.onDropped?.();
  };
  const askServer = (request: Request): MaybePromise<Outcome | undefined> =>
    entries.get(placeKey(request.transport, request.local))?.resolve(request);

  function build(blocks: readonly ServingBlock[]): Result<BuiltBlock[], string> {
    const built: BuiltBlock[] = [];
    for (const block of blocks) {
      const one = buildBlock(block, factories, { ...options, askServer, dropAnswers }, logger);
      if (!one.ok) {
        closeBlocks(built);
        return one;
      }
      built.push(one.value);
    }
    return ok(built);
  }

  /** Makes the entries of a listener's sockets. Each has kept answers of its own. */
  function entryMaker(point: ListenPoint, built: readonly BuiltBlock[], points: number, into: Map<string, Entry>) {
    const here = built.filter(({ block }) =>
      pointsOf(block).some((other) => describePoint(other) === describePoint(point)),
    );
    const hasFilter = here.some(({ running }) => running.isChosen !== undefined);
    const routes = here.flatMap(({ block, running }) =>
      block.keys
        .filter((key) => key.transport === point.transport && key.port === point.port)
        .map((key) => ({ zone: key.zone, block: hasFilter ? { ...running, isPure: false } : running })),
    );
    const router = createRouter(routes);
    const sockets = points * (point.address === '' ? 2 : 1);
    return (place: SocketPlace): Entry => {
      const share = place.proto === 'udp' ? sockets : sockets * TCP_SHARE;
      const limits = { entries: Math.ceil(cacheLimits.entries / share), octets: Math.ceil(cacheLimits.octets / share) };
      const entry = new Entry({
        server: describePoint(point),
        transport: place.proto,
        family: place.family,
        local: place.local,
        router,
        allowsOtherClasses: here.some(
          ({ block }) => block.plugins.includes('chaos') || block.plugins.includes('forward'),
        ),
        refresh: options.refresh,
        cache: new AnswerCache(limits, cellOf, now),
        encoder,
        tally,
        now,
        logger,
      });
      into.set(placeKey(place.proto, place.local), entry);
      return entry;
    };
  }

  async function apply(blocks: readonly ServingBlock[], descriptors: Descriptors): Promise<StartResult> {
    const certificates = readCertificates(blocks, pointsOf);
    if (!certificates.ok) return certificates;
    const built = build(blocks);
    if (!built.ok) return built;
    const points = blocks.flatMap(pointsOf);
    const keyOf = (point: ListenPoint): string => {
      const key = listenerKey(point, certificates.value);
      const isShared = reusePort || points.some((other) => other.address !== point.address && overlap(other, point));
      // One that was opened to be shared serves as well alone.
      return isShared || setup.listeners.has(`${key}${SHARED}`) ? `${key}${SHARED}` : key;
    };
    const wanted = new Map(points.map((point) => [keyOf(point), point]));
    const nextEntries = new Map<string, Entry>();
    const makerOf = (point: ListenPoint) => entryMaker(point, built.value, wanted.size, nextEntries);
    const limitsOf = (point: ListenPoint) => tcpLimitsOf(point, blocks, options.tcpLimits);
    const toolsOf = (key: string) => ({ reusePort: key.endsWith(SHARED), descriptors, pump, now, logger });

    const opened = new Map<string, Listener>();
    const gone = [...setup.listeners].filter(([key]) => !wanted.has(key));
    // An address and all addresses can't be open at one time: such an old listener has to go first.
    const inTheWay = gone.filter(([, old]) => [...wanted.values()].some((point) => overlap(old.point, point)));
    await Promise.all(inTheWay.map(([, old]) => old.stop(0)));
    for (const [key, point] of wanted) {
      if (setup.listeners.has(key)) continue;
      const listener = await openAnyListener(point, limitsOf(point), toolsOf(key), makerOf(point), certificates.value);
      if (listener.ok) {
        opened.set(key, listener.value);
        continue;
      }
      await Promise.all([...opened.values()].map((other) => other.stop(0)));
      closeBlocks(built.value);
      await reopen(
        inTheWay.map(([key, old]) => [key, old.point]),
        descriptors,
      );
      return listener;
    }

    // From here on nothing fails. No question is between two configurations: all of this is one turn.
    const listeners = new Map<string, Listener>();
    for (const [key, point] of wanted) {
      const kept = setup.listeners.get(key);
      kept?.use(makerOf(point));
      kept?.setLimits(limitsOf(point));
      const certificate = certificates.value.get(describePoint(point));
      if (certificate) kept?.setCertificate?.(certificate);
      listeners.set(key, (kept ?? opened.get(key)) as Listener);
    }
    const old = setup;
    const goneListeners = gone.map(([, listener]) => listener);
    past = mergeSnapshots([past, totalsOf(old.blocks, goneListeners, [...entries.values()])]);
    entries = nextEntries;
    setup = { blocks: built.value, listeners, certificates: certificates.value };
    await Promise.all(
      gone.map(([key, listener]) => (inTheWay.some(([k]) => k === key) ? undefined : listener.stop(GRACE_MS))),
    );
    closeBlocks(old.blocks);
    return ok({ lines: startLines(blocks) });
  }

  /** Brings back listeners that were closed for a configuration that failed. */
  async function reopen(points: readonly (readonly [string, ListenPoint])[], descriptors: Descriptors): Promise<void> {
    const listeners = new Map(setup.listeners);
    for (const [key, point] of points) {
      const maker = entryMaker(point, setup.blocks, setup.listeners.size, entries);
      const limits = tcpLimitsOf(
        point,
        setup.blocks.map(({ block }) => block),
        options.tcpLimits,
      );
      const tools = { reusePort: key.endsWith(SHARED), descriptors, pump, now, logger };
      const listener = await openAnyListener(point, limits, tools, maker, setup.certificates);
      if (listener.ok) listeners.set(key, listener.value);
      else {
        listeners.delete(key);
        logger.error(`${describePoint(point)} is lost: ${listener.error}`);
      }
    }
    setup = { ...setup, listeners };
  }

  /** Configurations go one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  return {
    configure(blocks, descriptors = new Map()) {
      const result = last.then(() => apply(blocks, descriptors));
      last = result.catch(() => undefined);
      return result;
    },
    invalidate(zone, names) {
      const list = names === 'all' ? names : [...names];
      for (const { cache } of entries.values()) cache.invalidate(zone, list);
    },
    setSerial(zone, serial) {
      cellOf(zone).serial = serial;
    },
    offered: () =>
      setup.blocks.flatMap(({ handlers }, block) =>
        handlers.flatMap((handler) =>
          (handler.offers?.() ?? []).flatMap((apex) => {
            const zone = handler.offeredZone?.(apex);
            return zone === undefined || zone === 'incomplete' ? [] : [{ block, zone }];
          }),
        ),
      ),
    setStale(zone, isStale) {
      const cell = cellOf(zone);
      if (cell.isStale === isStale) return;
      cell.isStale = isStale;
      for (const { handlers } of setup.blocks) for (const handler of handlers) handler.dropZoneReplies?.();
    },
    listening: () => [...setup.listeners.values()].map(({ point, port }) => ({ ...point, port })),
    snapshot: () =>
      mergeSnapshots([
        past,
        [
          ...tally.snapshot(),
          pluginsEnabled(setup.blocks),
          ...socketFamilies([...setup.listeners.values()], [...entries.values()]),
          ...[...setup.listeners.values()].flatMap((listener) => listener.metrics?.() ?? []),
          ...setup.blocks.flatMap(({ handlers }) => handlers.flatMap((handler) => handler.metrics?.() ?? [])),
        ],
      ]),
    async stop(graceMs = GRACE_MS) {
      await Promise.all([...setup.listeners.values()].map((listener) => listener.stop(graceMs)));
      closeBlocks(setup.blocks);
      setup = { blocks: [], listeners: new Map(), certificates: new Map() };
      entries = new Map();
    },
  };
}

function placeKey(proto: string, local: { readonly address: string; readonly port: number }): string {
  return `${proto} ${local.address} ${local.port}`;
}

function closeBlocks(blocks: readonly BuiltBlock[]): void {
  for (const { handlers } of blocks) for (const handler of handlers) handler.close?.();
}

/**
 * Ends the key of a listener whose port others may have too: other threads, or blocks of the same port with `bind` beside
 * those without, where the kernel gives each question to the socket with the address that fits best.
 */
const SHARED = ' shared';

function overlap(a: ListenPoint, b: ListenPoint): boolean {
  return a.port === b.port && (a.address === b.address || a.address === '' || b.address === '');
}

/** The strictest of the `timeouts` of the blocks on a listener; the peer takes one of them at random. */
function tcpLimitsOf(
  point: ListenPoint,
  blocks: readonly ServingBlock[],
  overrides: Partial<TcpLimits> | undefined,
): TcpLimits {
  const here = blocks.filter((block) => pointsOf(block).some((other) => describePoint(other) === describePoint(point)));
  const own = here.flatMap((block) => block.options.timeouts ?? []);
  const least = (values: readonly (number | undefined)[]): number | undefined =>
    values.reduce((a, b) => (b === undefined ? a : a === undefined ? b : Math.min(a, b)), undefined);
  const base = { ...DEFAULT_TCP_LIMITS, ...overrides };
  return {
    ...base,
    readMs: least(own.map((t) => t.readMs)) ?? base.readMs,
    writeMs: least(own.map((t) => t.writeMs)) ?? base.writeMs,
    idleMs: least(own.map((t) => t.idleMs)) ?? base.idleMs,
    maxQueries: least(own.map((t) => (t.maxTcpQueries === -1 ? undefined : t.maxTcpQueries))) ?? base.maxQueries,
  };
}

/** `cluster.local.:53 on 127.0.0.1`, `tls://.:853`, sorted. */
function startLines(blocks: readonly ServingBlock[]): string[] {
  const lines = blocks.flatMap((block) =>
    block.keys.flatMap(({ transport, zone, port }) => {
      const line = `${transport === 'dns' ? '' : `${transport}://`}${zone}:${port}`;
      return block.addresses.length === 0 ? [line] : block.addresses.map((address) => `${line} on ${address}`);
    }),
  );
  return lines.sort();
}
