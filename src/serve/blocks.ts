/** Server blocks: from what the Corefile says of them to handlers at work. */
import {
  type BlockConfig,
  type BlockOptions,
  DIRECTIVES,
  isIgnoredDirective,
  portOf,
  type Transport,
} from '../corefile/config.ts';
import type { DomainName } from '../dns/name.ts';
import { fail, OperatorError, ok, type Result } from '../errors.ts';
import type { Logger, QueryEntry } from '../logger.ts';
import { composeChain, type Handler, type MaybePromise, type Outcome, type Request } from './chain.ts';
import type { RunningBlock } from './entry.ts';
import { describePoint, type ListenPoint } from './listen-point.ts';

/** One zone on one port. */
export interface ServingKey {
  readonly transport: Transport;
  readonly zone: DomainName;
  readonly port: number;
}

/** A server block as plain data, which can be handed to another thread. */
export interface ServingBlock {
  readonly keys: readonly ServingKey[];
  /** All zones of the keys, each once. */
  readonly zones: readonly DomainName[];
  /** Addresses to listen on; empty: all of the host. */
  readonly addresses: readonly string[];
  /** Names of the directives, in the order of their plugins. */
  readonly plugins: readonly string[];
  readonly options: BlockOptions;
  /** `FILE:LINE` of a directive, for messages; absent: not from a file. */
  readonly places?: Readonly<Record<string, string>>;
}

/** What handlers are made with. */
export interface HandlerTools {
  /** Its lines carry `plugin/NAME: `. */
  readonly logger: Logger;
  /** Seconds, monotonic. */
  readonly now: () => number;
  /** From 0 up to, but not including, 1. Nobody outside may be able to guess it: ids of questions come from it. */
  readonly random: () => number;
  readonly hostName: string;
  /** `zonelog-VERSION`, for `chaos`. */
  readonly version: string;
  /** Ends the process with this line (`[FATAL] …`). Absent: the line is only logged. */
  readonly endProcess?: (line: string) => void;
  /** Shows a query in the log. */
  readonly writeQuery: (entry: QueryEntry) => void;
  /**
   * Asks the server itself, on the listener that the request came from: whole block choice and chain. Undefined when
   * there is no reply, or when such questions are nested too deep.
   */
  askServer(request: Request): MaybePromise<Outcome | undefined>;
  /** All handlers of the block, once it is built: nobody else's may be asked while a handler is made. */
  siblings(): readonly Handler[];
  /** Drops all kept answers of this thread: something has changed that they depend on and that no zone's names stand for. */
  dropAnswers(): void;
}

/**
 * Makes the handler of a plugin for one server block. Undefined: the directive stands for no handler here.
 * Throws OperatorError for what can't be had.
 */
export type HandlerFactory = (block: ServingBlock, tools: HandlerTools) => Handler | undefined;

/** Directives that set something up and see no query. */
const WITHOUT_HANDLER: ReadonlySet<string> = new Set([
  'root',
  'timeouts',
  'multisocket',
  'reload',
  'bind',
  'debug',
  'ready',
  'health',
  'eventlog',
  'history',
  'tls',
]);

/** The block of a Corefile as the serving side takes it. */
export function servingBlock(
  config: BlockConfig,
  dnsPort: number,
  /** IP addresses that the block's `bind` stands for. */
  addresses: readonly string[],
): ServingBlock {
  return {
    keys: config.keys.flatMap((key) =>
      key.zones.map((zone) => ({ transport: key.transport, zone, port: portOf(key, dnsPort) })),
    ),
    zones: config.zones,
    addresses,
    plugins: [...config.directives.keys()].filter((name) => !isIgnoredDirective(name)),
    options: config.options,
    places: Object.fromEntries(
      [...config.directives].flatMap(([name, [first]]) => (first ? [[name, `${first.file}:${first.line}`]] : [])),
    ),
  };
}

/** Where a block is served. */
export function pointsOf(block: ServingBlock): ListenPoint[] {
  const addresses = block.addresses.length > 0 ? block.addresses : [''];
  const points = new Map<string, ListenPoint>();
  for (const { transport, port } of block.keys) {
    for (const address of addresses) {
      const point = { transport, address, port };
      points.set(describePoint(point), point);
    }
  }
  return [...points.values()];
}

/** A block at work, and what is to be closed with it. */
export interface BuiltBlock {
  readonly block: ServingBlock;
  readonly running: RunningBlock;
  readonly handlers: readonly Handler[];
}

/** @returns the line for the operator when a directive can't be had. */
export function buildBlock(
  block: ServingBlock,
  factories: ReadonlyMap<string, HandlerFactory>,
  tools: Omit<HandlerTools, 'logger' | 'siblings' | 'dropAnswers'> & Partial<Pick<HandlerTools, 'dropAnswers'>>,
  logger: Logger,
): Result<BuiltBlock, string> {
  const handlers: Handler[] = [];
  const siblings = () => handlers;
  for (const name of inPluginOrder(block.plugins)) {
    const own = { dropAnswers: () => {}, ...tools, siblings, logger: logger.forPlugin(name) };
    const made = makeHandler(name, block, factories.get(name), own);
    if (!made.ok) {
      for (const handler of handlers) handler.close?.();
      return made;
    }
    if (made.value) handlers.push(made.value);
  }
  const chain = handlers.filter((handler) => handler.view === undefined);
  const view = handlers.find((handler) => handler.view !== undefined)?.view;
  const running: RunningBlock = {
    view: view?.name ?? '',
    // A block with nothing but a view has a chain, as the peer has it: one that nobody answers at the end of.
    run: chain.length > 0 ? composeChain(chain) : view && composeChain([NOBODY]),
    observers: handlers.filter((handler) => handler.observe !== undefined),
    isPure: handlers.every((handler) => handler.isPure === true),
    ...(view && { isChosen: (request: Request) => view.isChosen(request) }),
  };
  return ok({ block, running, handlers });
}

const NOBODY: Handler = { name: 'view', handle: (request, next) => next(request) };

function makeHandler(
  name: string,
  block: ServingBlock,
  factory: HandlerFactory | undefined,
  tools: HandlerTools,
): Result<Handler | undefined, string> {
  if (!factory) {
    // To leave out what was asked for (an `acl`, say) would be worse than not to start.
    return WITHOUT_HANDLER.has(name) ? ok(undefined) : fail(`plugin/${name}: not supported by zonelog`);
  }
  try {
    return ok(factory(block, tools));
  } catch (error) {
    if (error instanceof OperatorError) {
      const place = block.places?.[name];
      return fail(`plugin/${name}: ${place === undefined ? '' : `${place} - `}${error.message}`);
    }
    throw error;
  }
}

function inPluginOrder(names: readonly string[]): string[] {
  const order: readonly string[] = DIRECTIVES;
  return [...new Set(names)].sort((a, b) => order.indexOf(a) - order.indexOf(b));
}
