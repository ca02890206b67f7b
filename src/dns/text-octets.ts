/** From words of presentation text to octets (RFC 1035 §5.1). */
import { writeIPv4, writeIPv6 } from './address.ts';

/** A word of a record's text: as in rdata-text.ts. */
export interface Word {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** A word as octets, its escapes resolved. */
export function rawOctets({ text, isQuoted }: Word): Uint8Array | undefined {
  const plain = isQuoted ? text : unescaped(text);
  return plain === undefined ? undefined : Buffer.from(plain, 'latin1');
}

/** Resolves `\DDD` and `\x`; characters beyond ASCII become their octets in UTF-8. */
export function unescaped(text: string): string | undefined {
  let isLegal = true;
  const octets = Buffer.from(text, 'utf8').toString('latin1');
  const plain = octets.replace(/\\(\d{3}|.)/gs, (_, escaped: string) => {
    if (escaped.length === 1) return escaped;
    if (Number(escaped) > 255) isLegal = false;
    return String.fromCharCode(Number(escaped) & 255);
  });
  return isLegal ? plain : undefined;
}

/** Base64 with its padding; bits that are left over at the end may be set. */
export function base64Octets(text: string): Uint8Array | undefined {
  const isWhole = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  return isWhole ? Buffer.from(text, 'base64') : undefined;
}

/** Pairs of hexadecimal digits, one at least. */
export function hexOctets(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text) ? Buffer.from(text, 'hex') : undefined;
}

/** A decimal number of so many octets. */
export function numberOctets(text: string, size: number): Uint8Array | undefined {
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 256 ** size) return undefined;
  const octets = Buffer.alloc(size);
  octets.writeUIntBE(Number(text), 0, size);
  return octets;
}

/** One address as octets; undefined when it is none of that family. */
export function addressOctets(text: string, family: 4 | 6): Uint8Array | undefined {
  const octets = new Uint8Array(family === 4 ? 4 : 16);
  return (family === 4 ? writeIPv4(text, octets, 0) : writeIPv6(text, octets, 0)) ? octets : undefined;
}
