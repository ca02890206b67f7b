/**
 * Presentation text of types that are no plain run of fields: LOC (RFC 1876), APL (RFC 3123), IPSECKEY (RFC 4025),
 * HIP (RFC 8005) and AMTRELAY (RFC 8777).
 */
import type { DomainName } from './name.ts';
import { nameOctets } from './name-octets.ts';
import { addressOctets, base64Octets, hexOctets, numberOctets, type Word } from './text-octets.ts';

type NameOf = (text: string) => DomainName | undefined;
type Read = (texts: readonly string[], nameOf: NameOf) => Uint8Array | undefined;

const READERS: ReadonlyMap<number, Read> = new Map<number, Read>([
  [29, locOctets],
  [42, aplOctets],
  [45, ipsecKeyOctets],
  [55, hipOctets],
  [260, amtRelayOctets],
]);

/**
 * The octets of a record's data.
 * @param nameOf completes and reads a name
 * @returns undefined when the type is none of these, or the words do not fit it
 */
export function parseIrregular(type: number, words: readonly Word[], nameOf: NameOf): Uint8Array | undefined {
  return READERS.get(type)?.(
    words.map(({ text }) => text),
    nameOf,
  );
}

/** Thousandths of a second of arc in a degree. */
const DEGREE = 3_600_000;
/** Centimetres below the ellipsoid at which altitudes begin. */
const ALTITUDE_BASE = 10_000_000;
/** Size and precisions that are not said, in centimetres (RFC 1876 §3). */
const LOC_DEFAULTS = [100, 1_000_000, 1000];

/** `d1 [m1 [s1]] N|S d2 [m2 [s2]] E|W alt[m] [size[m] [hp[m] [vp[m]]]]` */
function locOctets(texts: readonly string[]): Uint8Array | undefined {
  const north = texts.findIndex((text) => /^[ns]$/i.test(text));
  const east = texts.findIndex((text) => /^[ew]$/i.test(text));
  if (north < 0 || east < north) return undefined;
  const latitude = arc(texts.slice(0, north), 90, /^n$/i.test(texts[north] as string));
  const longitude = arc(texts.slice(north + 1, east), 180, /^e$/i.test(texts[east] as string));
  const [height, ...lengths] = texts.slice(east + 1);
  const altitude = centimetres(height ?? '');
  if (latitude === undefined || longitude === undefined || altitude === undefined || lengths.length > 3) {
    return undefined;
  }
  const raised = altitude + ALTITUDE_BASE;
  if (raised < 0 || raised > 0xffffffff) return undefined;
  const precisions = LOC_DEFAULTS.map((unsaid, i) => {
    const text = lengths[i];
    return precisionOctet(text === undefined ? unsaid : centimetres(text));
  });
  if (!precisions.every((octet) => octet !== undefined)) return undefined;
  const data = Buffer.alloc(16);
  data.set(precisions as number[], 1);
  data.writeUInt32BE(2 ** 31 + latitude, 4);
  data.writeUInt32BE(2 ** 31 + longitude, 8);
  data.writeUInt32BE(raised, 12);
  return data;
}

/** Degrees, minutes and seconds as thousandths of a second; those of the south and the west are negative. */
function arc(texts: readonly string[], most: number, isPositive: boolean): number | undefined {
  const [degrees, minutes = '0', seconds = '0'] = texts;
  if (degrees === undefined || texts.length > 3) return undefined;
  if (!/^\d{1,3}$/.test(degrees) || !/^\d{1,2}$/.test(minutes) || !/^\d{1,2}(?:\.\d{1,3})?$/.test(seconds)) {
    return undefined;
  }
  if (Number(minutes) > 59 || Number(seconds) >= 60) return undefined;
  const size = Number(degrees) * DEGREE + Number(minutes) * 60_000 + Math.round(Number(seconds) * 1000);
  if (size > most * DEGREE) return undefined;
  return isPositive ? size : -size;
}

function centimetres(text: string): number | undefined {
  const [, sign, whole, part = ''] = /^([+-]?)(\d{1,8})(?:\.(\d{1,2}))?m?$/i.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const size = Number(whole) * 100 + Number(part.padEnd(2, '0'));
  return sign === '-' ? -size : size;
}

/** A digit and a power of ten, four bits each. */
function precisionOctet(size: number | undefined): number | undefined {
  if (size === undefined || size < 0 || size > 9_000_000_000) return undefined;
  let digit = size;
  let power = 0;
  for (; digit >= 10; power++) digit = Math.floor(digit / 10);
  return (digit << 4) | power;
}

/** `[!]family:address/prefix` … */
function aplOctets(texts: readonly string[]): Uint8Array | undefined {
  const parts = texts.map((text) => {
    const [, negation = '', family, address = '', prefix] = /^(!?)([12]):([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
    const whole = family === undefined ? undefined : addressOctets(address, family === '1' ? 4 : 6);
    if (whole === undefined || Number(prefix) > whole.length * 8) return undefined;
    // Octets of zeros at the end are left out (RFC 3123 §4).
    const octets = whole.subarray(0, whole.findLastIndex((octet) => octet !== 0) + 1);
    const size = octets.length | (negation === '' ? 0 : 0x80);
    return Buffer.concat([Buffer.of(0, Number(family), Number(prefix), size), octets]);
  });
  return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
}

/** `precedence gateway-type algorithm gateway key` */
function ipsecKeyOctets(texts: readonly string[], nameOf: NameOf): Uint8Array | undefined {
  const [precedence = '', kind = '', algorithm = '', gateway = '', ...key] = texts;
  const numbers = [precedence, kind, algorithm].map((text) => numberOctets(text, 1));
  const where = gatewayOctets(kind, gateway, nameOf);
  const octets = key.length === 0 ? new Uint8Array() : base64Octets(key.join(''));
  if (where === undefined || octets === undefined || !numbers.every((number) => number !== undefined)) return undefined;
  return Buffer.concat([...(numbers as Uint8Array[]), where, octets]);
}

/** `precedence discovery-optional relay-type relay` */
function amtRelayOctets(texts: readonly string[], nameOf: NameOf): Uint8Array | undefined {
  const [precedence = '', optional = '', kind = '', relay = ''] = texts;
  const first = numberOctets(precedence, 1);
  const where = gatewayOctets(kind, relay, nameOf);
  if (texts.length !== 4 || first === undefined || where === undefined || !/^[01]$/.test(optional)) return undefined;
  return Buffer.concat([first, Buffer.of((Number(optional) << 7) | Number(kind)), where]);
}

/** Nothing, an address or a name (RFC 4025 §2.5, RFC 8777 §4.2.4). */
function gatewayOctets(kind: string, text: string, nameOf: NameOf): Uint8Array | undefined {
  switch (kind) {
    case '0':
      return text === '.' ? new Uint8Array() : undefined;
    case '1':
      return addressOctets(text, 4);
    case '2':
      return addressOctets(text, 6);
    case '3': {
      const name = nameOf(text);
      return name && nameOctets(name);
    }
    default:
      return undefined;
  }
}

/** `algorithm tag key [server …]`: the key is one word, so that names may follow it (RFC 8005 §6). */
function hipOctets(texts: readonly string[], nameOf: NameOf): Uint8Array | undefined {
  const [algorithm = '', tagText = '', keyText = '', ...servers] = texts;
  const number = numberOctets(algorithm, 1);
  const tag = hexOctets(tagText);
  const key = base64Octets(keyText);
  const names = servers.map((text) => nameOf(text));
  if (number === undefined || tag === undefined || key === undefined || tag.length > 255) return undefined;
  if (!names.every((name) => name !== undefined)) return undefined;
  const lengths = Buffer.of(tag.length, number[0] as number, key.length >> 8, key.length & 255);
  return Buffer.concat([lengths, tag, key, ...names.map((name) => nameOctets(name))]);
}
