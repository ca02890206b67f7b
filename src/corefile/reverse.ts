import type { DomainName } from '../dns/name.ts';
import { parseName } from '../dns/name.ts';
import type { Network } from './addresses.ts';

/**
 * The reverse zones of an address block. IPv4 is cut at octets and IPv6 at nibbles, so a prefix between two of them
 * gives a zone for each value of the rest: `10.0.0.0/15` is `0.10.in-addr.arpa.` and `1.10.in-addr.arpa.`.
 */
export function reverseZones(network: Network): DomainName[] {
  const isIPv4 = network.bytes.length === 4;
  const width = isIPv4 ? 8 : 4;
  const digits = isIPv4 ? [...network.bytes] : network.bytes.flatMap((byte) => [byte >> 4, byte & 15]);
  const count = Math.ceil(network.prefix / width);
  const free = count * width - network.prefix;
  const kept = digits.slice(0, count);
  const last = kept.length - 1;

  const zones: DomainName[] = [];
  for (let rest = 0; rest < 2 ** free; rest++) {
    const labels = kept.map((digit, i) => (i === last ? digit + rest : digit).toString(isIPv4 ? 10 : 16)).reverse();
    const zone = parseName([...labels, isIPv4 ? 'in-addr' : 'ip6', 'arpa'].join('.'));
    if (zone) zones.push(zone);
  }
  return zones;
}
