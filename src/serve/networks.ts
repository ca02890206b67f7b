/** Addresses and address blocks. */

import type { Network } from '../corefile/config.ts';
import { addressOctets } from '../dns/text-octets.ts';

/** The four or sixteen octets of an address in canonical text; undefined when it is none. */
export function octetsOf(address: string): Uint8Array | undefined {
  return addressOctets(address, address.includes(':') ? 6 : 4);
}

/** @param octets four or sixteen; an IPv4 address is in no IPv6 block */
export function isInNetwork(octets: Uint8Array, network: Network): boolean {
  if (octets.length !== network.bytes.length) return false;
  for (let i = 0, left = network.prefix; left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 0xff : (0xff << (8 - left)) & 0xff;
    if (((octets[i] as number) & mask) !== ((network.bytes[i] as number) & mask)) return false;
  }
  return true;
}
