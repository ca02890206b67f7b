import type { DomainName } from '../dns/name.ts';
import type { ServerKey, Transport } from './keys.ts';
import { portOf } from './keys.ts';
import type { Outcome } from './outcome.ts';
import { accept, reject } from './outcome.ts';

/** What has to be known of a server block to see whether it can listen beside the others. */
export interface ListeningBlock {
  readonly keys: readonly ServerKey[];
  /** Addresses that it is bound to; empty: all of the host. */
  readonly bind: readonly string[];
  /** Has it a `view`, so that others may serve the same zone? */
  readonly isFiltered: boolean;
}

interface Listener {
  readonly transport: Transport;
  readonly zone: DomainName;
  readonly port: number;
  readonly address: string;
}

/**
 * Says whether two blocks want the same zone on the same listener, or one of them on all addresses and the other on
 * one. A block with a filter is only held against those without.
 */
export function checkListeners(blocks: readonly ListeningBlock[], dnsPort: number): Outcome<true> {
  const taken = new Set<string>();
  /** The first listener of a zone and port, on whatever address. */
  const anywhere = new Map<string, Listener>();
  for (const block of blocks) {
    for (const listener of listenersOf(block, dnsPort)) {
      const own = describe(listener);
      const unbound = describe({ ...listener, address: '' });
      if (taken.has(own)) return reject(`cannot serve ${own} - it is already defined`);
      const other = anywhere.get(unbound);
      if (other && (listener.address === '' || taken.has(unbound))) {
        const with_ = listener.address === '' ? describe(other) : unbound;
        return reject(`cannot serve ${own} - zone overlap listener capacity with ${with_}`);
      }
      if (block.isFiltered) continue;
      taken.add(own);
      anywhere.set(unbound, listener);
    }
  }
  return accept(true);
}

function* listenersOf(block: ListeningBlock, dnsPort: number): Generator<Listener> {
  const addresses = block.bind.length > 0 ? block.bind : [''];
  for (const key of block.keys) {
    for (const zone of key.zones) {
      for (const address of addresses) {
        yield { transport: key.transport, zone, port: portOf(key, dnsPort), address };
      }
    }
  }
}

function describe({ transport, zone, port, address }: Listener): string {
  return `${transport}://${zone}:${port}${address === '' ? '' : ` on ${address}`}`;
}
