/**
 * Who may have which zone: the `to` lines of `transfer`.
 */
import type { FoundTarget, TransferTarget, WantedCertificate } from '../corefile/config.ts';
import { writeIPv4, writeIPv6 } from '../dns/address.ts';
import type { DomainName } from '../dns/name.ts';

/** Who asks. */
export interface TransferClient {
  /** Text of an IPv4 or IPv6 address, v4-mapped or not. */
  readonly address: string;
  /** The TSIG key that the request was found signed with. */
  readonly key?: DomainName;
  /** Of the TLS connection, if it is one and the client has shown one. */
  readonly certificate?: ClientCertificate;
}

/** A certificate whose private key the client has. */
export interface ClientCertificate {
  /** Does an authority that we trust vouch for it, now? */
  readonly isTrusted: boolean;
  /** Is it for a host of that name: by its alternative names, or its common name if it has none? */
  isFor(name: string): boolean;
  /** Base64 of the SHA-256 of its SubjectPublicKeyInfo. */
  readonly pin: string;
}

/** A request, as far as it tells who asks. */
export interface Asking {
  readonly remote: { readonly address: string; readonly tls?: { readonly certificate?: ClientCertificate } };
  readonly key?: DomainName;
}

export function clientOf({ remote: { address, tls }, key }: Asking): TransferClient {
  return { address, ...(key !== undefined && { key }), ...(tls?.certificate && { certificate: tls.certificate }) };
}

/** What a client has shown of itself besides its address, for the log. */
export function credentialsText({ key, certificate }: TransferClient): string {
  const signed = key === undefined ? 'unsigned' : `signed with the key "${key}"`;
  if (certificate === undefined) return signed;
  const voucher = certificate.isTrusted ? '' : ', which no authority vouches for';
  return `${signed}, certificate sha256/${certificate.pin}${voucher}`;
}

/** The addresses that a cluster tells at this moment. */
export type FindAddresses = (target: FoundTarget) => readonly string[];

/** Does one of the targets admit the client? The port of an address is where NOTIFY goes, not where requests come from. */
export function isPermitted(
  targets: readonly TransferTarget[],
  client: TransferClient,
  find: FindAddresses = () => [],
): boolean {
  return targets.some(
    (target) =>
      (target.key === undefined || target.key === client.key) &&
      (target.certificate === undefined || isShown(target.certificate, client.certificate)) &&
      isAddressed(target, client.address, find),
  );
}

/** A pin stands for itself; a name only for a certificate that an authority vouches for. */
function isShown(wanted: WantedCertificate, shown: ClientCertificate | undefined): boolean {
  if (shown === undefined) return false;
  return wanted.kind === 'pin' ? shown.pin === wanted.sha256 : shown.isTrusted && shown.isFor(wanted.name);
}

function isAddressed(target: TransferTarget, address: string, find: FindAddresses): boolean {
  switch (target.kind) {
    case 'any':
      return true;
    case 'address':
      return isInNetwork(address, target.address, undefined);
    case 'network':
      return isInNetwork(address, target.address, target.prefix);
    case 'service':
    case 'pods':
      return find(target).some((found) => isInNetwork(address, found, undefined));
  }
}

const CLIENT = new Uint8Array(16);
const NETWORK = new Uint8Array(16);
/** Bits before the IPv4 address in a v4-mapped one. */
const MAPPED = 96;

/**
 * Is the address in the network? Both are compared as 128 bits, IPv4 as v4-mapped IPv6: so an address is the same over a
 * dual-stack socket. A prefix of IPv6 that is shorter than the mapped space, as `::/0`, holds no IPv4 address.
 * @param prefix its length in bits, of the family that the text is of; undefined: one address
 */
function isInNetwork(address: string, network: string, prefix: number | undefined): boolean {
  if (!writeMapped(address, CLIENT) || !writeMapped(network, NETWORK)) return false;
  const offset = network.includes(':') ? 0 : MAPPED;
  const bits = prefix === undefined ? 128 : offset + prefix;
  if (bits < MAPPED && isMapped(CLIENT)) return false;
  const octets = bits >> 3;
  for (let i = 0; i < octets; i++) if (CLIENT[i] !== NETWORK[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((CLIENT[octets] as number) ^ (NETWORK[octets] as number)) >> (8 - rest) === 0;
}

function writeMapped(text: string, into: Uint8Array): boolean {
  if (text.includes(':')) return writeIPv6(text, into, 0);
  into.fill(0, 0, 10);
  into.fill(255, 10, 12);
  return writeIPv4(text, into, 12);
}

function isMapped(octets: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return false;
  return octets[10] === 255 && octets[11] === 255;
}
