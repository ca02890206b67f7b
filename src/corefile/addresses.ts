import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An IP address, as its bytes (4 or 16) and its canonical text (RFC 5952). */
export interface Address {
  readonly text: string;
  readonly bytes: readonly number[];
}

/** An address block: the first address, host bits zero, and the number of leading bits that count. */
export interface Network extends Address {
  readonly prefix: number;
}

/** Strict: four decimal octets without leading zeros, or IPv6 text; no zone index, no blanks. */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  return fromBytes(ipaddr.parse(text).toByteArray());
}

/** `ADDRESS/BITS`; host bits are cleared. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!address || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const prefix = Number(digits);
  if (prefix > address.bytes.length * 8) return undefined;
  const bytes = address.bytes.map((byte, i) => byte & (0xff << Math.min(8, Math.max(0, 8 * (i + 1) - prefix))) & 0xff);
  return { ...fromBytes(bytes), prefix };
}

function fromBytes(bytes: readonly number[]): Address {
  const address = ipaddr.fromByteArray([...bytes]);
  return { text: address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString(), bytes };
}

/** A host and a port, as in `1.2.3.4:53` or `[::1]:53`. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * `HOST:PORT`, `[HOST]:PORT` or `:PORT`, where HOST may be empty.
 * @returns the reason when it is not.
 */
export function splitHostPort(text: string): HostPort | string {
  const colon = text.lastIndexOf(':');
  const wrong = (why: string): string => `address ${text}: ${why}`;
  if (colon < 0) return wrong('missing port in address');
  let host = text.slice(0, colon);
  if (host.startsWith('[')) {
    if (!host.endsWith(']')) return wrong("missing ']' in address");
    host = host.slice(1, -1);
  } else if (host.includes(':')) return wrong('too many colons in address');
  const port = parsePort(text.slice(colon + 1));
  return port === undefined ? wrong('invalid port') : { host, port };
}

/** A decimal port from 0 to 65535. */
export function parsePort(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}
