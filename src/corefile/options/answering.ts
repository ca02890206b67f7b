import type { DomainName } from '../../dns/name.ts';
import type { Network } from '../addresses.ts';
import { parseAddress, parseNetwork } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';
import { parseBare } from './process.ts';

/** `loadbalance [round_robin | weighted FILE] { reload DUR; prefer CIDR… }` */
export interface LoadbalanceOptions {
  readonly policy: 'round_robin' | 'weighted';
  /** Of `weighted`. */
  readonly weightFile: string | undefined;
  readonly reloadMs: number;
  /** Addresses in these come first, in this order. */
  readonly prefer: readonly Network[];
}

/** `chaos [VERSION [AUTHORS…]]`; undefined: the server's own. */
export interface ChaosOptions {
  readonly version: string | undefined;
  readonly authors: readonly string[] | undefined;
}

export function parseLoadbalance(stanzas: readonly Directive[]): Outcome<LoadbalanceOptions> {
  const c = new Controller('loadbalance', stanzas);
  let policy: LoadbalanceOptions['policy'] = 'round_robin';
  let weightFile: string | undefined;
  let reloadMs = 30_000;
  const prefer: Network[] = [];
  while (c.next()) {
    const [name, file, ...more] = c.remainingArgs();
    if (name !== undefined && name !== 'round_robin' && name !== 'weighted') c.err(`unknown policy: ${name}`);
    else if (name === 'weighted') {
      if (file === undefined) c.err('missing weight file argument');
      else if (more.length > 0) c.err(`unexpected argument(s) for weighted policy: ${more.join(' ')}`);
      policy = name;
      weightFile = file;
    } else if (file !== undefined) c.err(`unknown argument(s): ${[file, ...more].join(' ')}`);
    while (c.nextBlock()) {
      if (c.value === 'reload') {
        if (policy !== 'weighted') c.err(`reload is only for the weighted policy`);
        const text = c.oneArg();
        reloadMs = c.duration(text, () => `invalid reload duration '${text}'`);
        if (reloadMs < 0) c.err(`invalid reload duration '${text}'`);
      } else if (c.value === 'prefer') prefer.push(...readNetworks(c));
      else c.err(`unknown property '${c.value}'`);
    }
  }
  return c.finish({ policy, weightFile, reloadMs, prefer });
}

function readNetworks(c: Controller): Network[] {
  const networks: Network[] = [];
  for (const word of c.remainingArgs()) {
    const network = readNetwork(word);
    if (network) networks.push(network);
    else c.err(`invalid CIDR ${JSON.stringify(word)}`);
  }
  return networks;
}

/** `ADDRESS/BITS`, or an address alone for itself. */
export function readNetwork(word: string): Network | undefined {
  const address = parseAddress(word);
  return address ? { ...address, prefix: address.bytes.length * 8 } : parseNetwork(word);
}

export function parseChaos(stanzas: readonly Directive[]): Outcome<ChaosOptions> {
  const c = new Controller('chaos', stanzas);
  let options: ChaosOptions = { version: undefined, authors: undefined };
  while (c.next()) {
    const [version, ...authors] = c.remainingArgs();
    options = { version, authors: authors.length > 0 ? authors : undefined };
    c.noOptions();
  }
  return c.finish(options);
}

/** `cancel [DUR]`: how long a query may take. */
export function parseCancel(stanzas: readonly Directive[]): Outcome<{ readonly timeoutMs: number }> {
  const c = new Controller('cancel', stanzas);
  let timeoutMs = 5001;
  while (c.next()) {
    const [text] = c.args(0, 1);
    if (text !== undefined) timeoutMs = c.duration(text, () => `invalid duration: ${JSON.stringify(text)}`);
    if (timeoutMs <= 0) c.err(`invalid negative duration: ${JSON.stringify(text)}`);
    c.noOptions();
  }
  return c.finish({ timeoutMs });
}

/** `metadata [ZONES…]` */
export function parseMetadata(stanzas: readonly Directive[], block: BlockContext): Outcome<readonly DomainName[]> {
  const c = new Controller('metadata', stanzas);
  let zones: readonly DomainName[] = [];
  while (c.nextOnly()) {
    zones = normalizeZones(c.remainingArgs(), block.zones);
    c.noOptions();
  }
  return c.finish(zones);
}

/** `loop`, once. */
export function parseLoop(stanzas: readonly Directive[]): Outcome<true> {
  const c = new Controller('loop', stanzas);
  while (c.nextOnly()) {
    c.noArgs();
    c.noBlock();
  }
  return c.finish(true);
}

export function parseAny(stanzas: readonly Directive[]): Outcome<true> {
  return parseBare('any', stanzas);
}

export function parseMinimal(stanzas: readonly Directive[]): Outcome<true> {
  return parseBare('minimal', stanzas);
}

export function parseWhoami(stanzas: readonly Directive[]): Outcome<true> {
  return parseBare('whoami', stanzas);
}
