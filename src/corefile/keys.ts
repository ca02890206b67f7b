import type { DomainName } from '../dns/name.ts';
import { isSubdomain, parseName } from '../dns/name.ts';
import { parseNetwork, parsePort } from './addresses.ts';
import type { Outcome } from './outcome.ts';
import { accept, reject } from './outcome.ts';
import { reverseZones } from './reverse.ts';

export type Transport = 'dns' | 'tls' | 'quic' | 'grpc' | 'https' | 'https3';

/** One key of a server block: `[SCHEME://]ZONE[:PORT]`. */
export interface ServerKey {
  readonly transport: Transport;
  /** One, or the several that an address block stands for. */
  readonly zones: readonly DomainName[];
  /** Undefined when none was written: see `portOf`. */
  readonly port: number | undefined;
  /** As it was written, environment filled in. */
  readonly text: string;
}

const DEFAULT_PORTS: Readonly<Record<Transport, number>> = {
  dns: 53,
  tls: 853,
  quic: 853,
  grpc: 443,
  https: 443,
  https3: 443,
};

/** The port of a key: its own, for `dns` the one of the command line, or that of the scheme. */
export function portOf(key: ServerKey, dnsPort: number): number {
  return key.port ?? (key.transport === 'dns' ? dnsPort : DEFAULT_PORTS[key.transport]);
}

/** Reads a key. The message of an error has no place in it. */
export function parseServerKey(text: string): Outcome<ServerKey> {
  const { transport, rest } = splitTransport(text);
  const zone = parseZone(rest);
  return zone.ok ? accept({ transport, ...zone.value, text }) : zone;
}

/**
 * Zone arguments of a plugin, in the same grammar as keys, scheme and port ignored. What can't be read is left out.
 * Without arguments they are the zones of the server block.
 */
export function normalizeZones(args: readonly string[], blockZones: readonly DomainName[] = []): DomainName[] {
  if (args.length === 0) return [...blockZones];
  return args.flatMap((arg) => {
    const key = parseServerKey(arg);
    return key.ok ? key.value.zones : [];
  });
}

/** The zone among `zones` that a name belongs to: the longest one at or above it. */
export function matchZone(name: DomainName, zones: readonly DomainName[]): DomainName | undefined {
  let match: DomainName | undefined;
  for (const zone of zones) {
    if (isSubdomain(name, zone) && (match === undefined || zone.length > match.length)) match = zone;
  }
  return match;
}

/** Is it a zone of address-to-name mappings? */
export function isReverseZone(zone: DomainName): boolean {
  return isSubdomain(zone, 'in-addr.arpa.' as DomainName) || isSubdomain(zone, 'ip6.arpa.' as DomainName);
}

function splitTransport(text: string): { transport: Transport; rest: string } {
  const scheme = /^(dns|tls|quic|grpc|https|https3):\/\//.exec(text);
  if (!scheme) return { transport: 'dns', rest: text };
  return { transport: scheme[1] as Transport, rest: text.slice(scheme[0].length) };
}

/** The part behind the scheme. The port is what follows the last colon, so it comes behind the mask of an IPv6 block. */
function parseZone(text: string): Outcome<{ zones: readonly DomainName[]; port: number | undefined }> {
  const colon = text.lastIndexOf(':');
  if (colon >= 0 && colon === text.length - 1)
    return reject(`expecting data after last colon: ${JSON.stringify(text)}`);
  let zone = text;
  let port: number | undefined;
  if (colon >= 0 && /^[+-]?\d+$/.test(text.slice(colon + 1))) {
    port = parsePort(text.slice(colon + 1));
    if (port === undefined) return reject(`invalid port: ${JSON.stringify(text)}`);
    zone = text.slice(0, colon);
  }
  if (zone.length > 255) return reject(`specified zone is too long: ${zone.length} > 255`);
  const name = parseName(zone);
  if (name === undefined) return reject(`zone is not a valid domain name: ${zone}`);
  const network = parseNetwork(zone);
  if (!network) return accept({ zones: [name], port });
  if (zone.startsWith(':') || (zone.startsWith('0') && zone.includes(':'))) return reject(`invalid CIDR ${zone}`);
  return accept({ zones: reverseZones(network), port });
}
