import type { DomainName } from '../../dns/name.ts';
import { parseName } from '../../dns/name.ts';
import { parseAddress, parseNetwork, splitHostPort } from '../addresses.ts';
import type { BlockContext } from '../controller.ts';
import { Controller } from '../controller.ts';
import { normalizeZones } from '../keys.ts';
import type { Outcome } from '../outcome.ts';
import type { Directive } from '../parser.ts';

/** Whom a zone may be handed to. Only an `address` gets NOTIFY. */
export type TransferTarget = (
  | { readonly kind: 'any' }
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  | { readonly kind: 'network'; readonly address: string; readonly prefix: number }
) & {
  /** The TSIG key that a request must be signed with, and that NOTIFY is signed with; undefined: unsigned will do. */
  readonly key: DomainName | undefined;
};

/** A stanza of `transfer`. */
export interface TransferOptions {
  readonly zones: readonly DomainName[];
  readonly to: readonly TransferTarget[];
  /** The address that NOTIFY is sent from. */
  readonly source: string | undefined;
}

/**
 * `transfer [ZONES…] { to ADDR…|*; source IP }`, repeatable.
 *
 * zonelog also takes prefixes (`to 10.0.0.0/8`) and, at the end of a `to` line, `key NAME`: a TSIG key for all targets
 * of that line. `to key NAME` alone is anyone who has the key.
 */
export function parseTransfer(stanzas: readonly Directive[], block: BlockContext): Outcome<TransferOptions[]> {
  const c = new Controller('transfer', stanzas);
  const all: TransferOptions[] = [];
  while (c.next()) {
    const zones = normalizeZones(c.remainingArgs(), block.zones);
    const to: TransferTarget[] = [];
    let source: string | undefined;
    while (c.nextBlock()) {
      if (c.value === 'to') to.push(...readTargets(c));
      else if (c.value === 'source') source = readSource(c, source);
      else c.err(`unknown property ${JSON.stringify(c.value)}`);
    }
    if (to.length === 0) c.stanzaErr("'to' is required");
    all.push({ zones, to, source });
  }
  return c.finish(all);
}

function readTargets(c: Controller): TransferTarget[] {
  const words = c.args(1);
  const key = readKey(c, words);
  if (words.length === 0) return [{ kind: 'any', key }];
  const targets: TransferTarget[] = [];
  for (const word of words) {
    const target = readTarget(word, key);
    if (target) targets.push(target);
    else c.err(`must specify an IP address: \`${word}'`);
  }
  return targets;
}

/** Takes `key NAME` off the end of the words. */
function readKey(c: Controller, words: string[]): DomainName | undefined {
  if (words.at(-1) === 'key') c.argErr();
  if (words.at(-2) !== 'key') return undefined;
  const [, text = ''] = words.splice(-2);
  const key = parseName(text);
  if (key === undefined) c.err(`invalid key name ${JSON.stringify(text)}`);
  return key;
}

function readTarget(word: string, key: DomainName | undefined): TransferTarget | undefined {
  if (word === '*') return { kind: 'any', key };
  const network = parseNetwork(word);
  if (network) return { kind: 'network', address: network.text, prefix: network.prefix, key };
  const target = readAddressPort(word, 53);
  return target && { kind: 'address', address: target.host, port: target.port, key };
}

/** `IP`, `IP:PORT`, `[IP]:PORT` or `[IP]`, the address in canonical text. */
export function readAddressPort(text: string, defaultPort: number): { host: string; port: number } | undefined {
  const bare = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (bare) return { host: bare.text, port: defaultPort };
  const split = splitHostPort(text);
  if (typeof split === 'string') return undefined;
  const address = parseAddress(split.host);
  return address && { host: address.text, port: split.port };
}

function readSource(c: Controller, previous: string | undefined): string | undefined {
  const text = c.oneArg();
  if (previous !== undefined) c.err('source already specified');
  const address = parseAddress(text);
  if (!address) c.err(`invalid source address ${JSON.stringify(text)}`);
  return address?.text;
}
