/** This machine's addresses: what a server block listens on, and what its zones name as their servers. */
import { isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { BlockConfig } from '../corefile/config.ts';
import { canonicalAddress } from '../dns/address.ts';
import { OperatorError } from '../errors.ts';

/** What `os.networkInterfaces()` gives. */
export type Interfaces = Readonly<Record<string, NetworkInterfaceInfo[] | undefined>>;

/**
 * The addresses that the block's `bind` stands for: literal ones, and those of interfaces. Empty without `bind`: all.
 * @throws OperatorError when a word is neither an address nor the name of an interface, and when none is left
 */
export function listenAddresses(block: BlockConfig, interfaces: Interfaces): string[] {
  const bind = block.options.bind;
  if (bind === undefined) return [];
  const except = new Set(bind.except.flatMap((word) => addressesOf(word, interfaces) ?? [word]));
  const addresses = bind.addresses.flatMap((word) => {
    const found = addressesOf(word, interfaces);
    if (found === undefined)
      throw new OperatorError(`plugin/bind: not a valid IP address or interface name: "${word}"`);
    return found;
  });
  const left = [...new Set(addresses)].filter((address) => !except.has(address));
  // No address would stand for all of them.
  if (left.length === 0) throw new OperatorError('plugin/bind: `except` leaves no address to listen on');
  return left;
}

function addressesOf(word: string, interfaces: Interfaces): string[] | undefined {
  if (isIP(word) !== 0) return [canonicalAddress(word) ?? word];
  return interfaces[word]?.map((info) => canonicalAddress(info.address) ?? info.address);
}

/** Loopback, and link-local addresses, which say nothing to who is not on that link. */
const NOT_REACHABLE = /^(?:127\.|::1$|fe80:)/;
const WILDCARD = new Set(['0.0.0.0', '::']);

/** The addresses under which the block can be reached, for NS records: never empty. */
export function serverAddresses(block: BlockConfig, interfaces: Interfaces): string[] {
  const bound = listenAddresses(block, interfaces).filter((address) => !WILDCARD.has(address));
  if (bound.length > 0) return bound;
  const own = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .flatMap((info) => canonicalAddress(info.address) ?? [])
    .filter((address) => !NOT_REACHABLE.test(address));
  return own.length > 0 ? [...new Set(own)] : ['127.0.0.1'];
}
