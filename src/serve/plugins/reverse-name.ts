/** Names of addresses in the reverse trees (RFC 1035 §3.5, RFC 3596 §2.5). */
import { canonicalAddress } from '../../dns/address.ts';
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

/** The address that a whole name of a reverse tree stands for; undefined: it is no such name. */
export function addressOfReverse(name: DomainName): string | undefined {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa\.$/.exec(name);
  if (v4 !== null) return canonicalAddress(v4.slice(1).reverse().join('.'));
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa\.$/.exec(name)?.[1];
  if (v6 === undefined) return undefined;
  const digits = [...v6.replaceAll('.', '')].reverse().join('');
  return canonicalAddress((digits.match(/.{4}/g) ?? []).join(':'));
}
