/** Names of addresses in the reverse trees (RFC 1035 §3.5, RFC 3596 §2.5). */
import type { DomainName } from '../../dns/name.ts';
import { octetsOf } from '../networks.ts';

/** @throws RangeError when it is no address */
export function reverseName(address: string): DomainName {
  const octets = octetsOf(address);
  if (octets === undefined) throw new RangeError(`no address: ${address}`);
  if (octets.length === 4) return `${[...octets].reverse().join('.')}.in-addr.arpa.` as DomainName;
  const nibbles = [...Buffer.from(octets).toString('hex')].reverse();
  return `${nibbles.join('.')}.ip6.arpa.` as DomainName;
}
