/**
 * Presentation text of types that are kept as octets (RFC 3597), for zone files: each type is a run of fields, and its text
 * is their texts in that order.
 */
import type { DomainName } from './name.ts';
import { nameOctets } from './name-octets.ts';
import { parseIrregular } from './rdata-irregular.ts';
import { parseServiceParameters } from './service-parameters.ts';
import { addressOctets, base64Octets, hexOctets, numberOctets, rawOctets, type Word } from './text-octets.ts';
import { parseType } from './type-text.ts';

/**
 * `u8` to `u32`: numbers. `string`: one character string; `strings`: all that are left; `text`: octets without a length.
 * `hex`, `base64`: all words that are left. `hash`: base32hex with its length. `salt`: hexadecimal with its length, `-` for none.
 * `time`: seconds, or YYYYMMDDhhmmss. `bitmap`: types. `eui`: pairs of hexadecimal digits. `locator`: 64 bits as the half
 * of an IPv6 address (RFC 6742 §2.1.2). `parameters`: of SVCB.
 */
type Field =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'name'
  | 'string'
  | 'strings'
  | 'text'
  | 'hex'
  | 'base64'
  | 'hash'
  | 'salt'
  | 'type'
  | 'time'
  | 'bitmap'
  | 'eui'
  | 'ipv4'
  | 'locator'
  | 'parameters';

const LAYOUTS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [3, ['name']], // MD
  [4, ['name']], // MF
  [7, ['name']], // MB
  [8, ['name']], // MG
  [9, ['name']], // MR
  [14, ['name', 'name']], // MINFO
  [17, ['name', 'name']], // RP
  [18, ['u16', 'name']], // AFSDB
  [19, ['string']], // X25
  [20, ['strings']], // ISDN
  [21, ['u16', 'name']], // RT
  [23, ['name']], // NSAP-PTR
  [24, ['type', 'u8', 'u8', 'u32', 'time', 'time', 'u16', 'name', 'base64']], // SIG
  [25, ['u16', 'u8', 'u8', 'base64']], // KEY
  [26, ['u16', 'name', 'name']], // PX
  [27, ['string', 'string', 'string']], // GPOS
  [31, ['hex']], // EID
  [32, ['hex']], // NIMLOC
  [35, ['u16', 'u16', 'string', 'string', 'string', 'name']], // NAPTR
  [36, ['u16', 'name']], // KX
  [37, ['u16', 'u16', 'u8', 'base64']], // CERT
  [39, ['name']], // DNAME
  [43, ['u16', 'u8', 'u8', 'hex']], // DS
  [44, ['u8', 'u8', 'hex']], // SSHFP
  [46, ['type', 'u8', 'u8', 'u32', 'time', 'time', 'u16', 'name', 'base64']], // RRSIG
  [47, ['name', 'bitmap']], // NSEC
  [48, ['u16', 'u8', 'u8', 'base64']], // DNSKEY
  [49, ['base64']], // DHCID
  [50, ['u8', 'u8', 'u16', 'salt', 'hash', 'bitmap']], // NSEC3
  [51, ['u8', 'u8', 'u16', 'salt']], // NSEC3PARAM
  [52, ['u8', 'u8', 'u8', 'hex']], // TLSA
  [53, ['u8', 'u8', 'u8', 'hex']], // SMIMEA
  [56, ['strings']], // NINFO
  [57, ['u16', 'u8', 'u8', 'base64']], // RKEY
  [58, ['name', 'name']], // TALINK
  [59, ['u16', 'u8', 'u8', 'hex']], // CDS
  [60, ['u16', 'u8', 'u8', 'base64']], // CDNSKEY
  [61, ['base64']], // OPENPGPKEY
  [62, ['u32', 'u16', 'bitmap']], // CSYNC
  [63, ['u32', 'u8', 'u8', 'hex']], // ZONEMD
  [64, ['u16', 'name', 'parameters']], // SVCB
  [65, ['u16', 'name', 'parameters']], // HTTPS
  [99, ['strings']], // SPF
  [100, ['string']], // UINFO
  [101, ['u32']], // UID
  [102, ['u32']], // GID
  [104, ['u16', 'locator']], // NID
  [105, ['u16', 'ipv4']], // L32
  [106, ['u16', 'locator']], // L64
  [107, ['u16', 'name']], // LP
  [108, ['eui']], // EUI48
  [109, ['eui']], // EUI64
  [256, ['u16', 'u16', 'text']], // URI
  [257, ['u8', 'string', 'text']], // CAA
  [258, ['strings']], // AVC
  [261, ['strings']], // RESINFO
  [32768, ['u16', 'u8', 'u8', 'hex']], // TA
  [32769, ['u16', 'u8', 'u8', 'hex']], // DLV
]);

/**
 * The octets of a record's data.
 * @param nameOf completes and reads a name
 * @returns undefined when the type has no layout here, or the words do not fit it
 */
export function parseLayout(
  type: number,
  words: readonly Word[],
  nameOf: (text: string) => DomainName | undefined,
): Uint8Array | undefined {
  const layout = LAYOUTS.get(type);
  if (layout === undefined) return parseIrregular(type, words, nameOf);
  const parts: Uint8Array[] = [];
  let left = [...words];
  for (const field of layout) {
    const isRest = REST.has(field);
    const taken = isRest ? left : left.slice(0, 1);
    left = isRest ? [] : left.slice(1);
    if (taken.length === 0 && !MAY_BE_EMPTY.has(field)) return undefined;
    const octets = fieldOctets(field, taken, nameOf);
    if (octets === undefined) return undefined;
    parts.push(octets);
  }
  const data = Buffer.concat(parts);
  return left.length > 0 || data.length > 65_535 ? undefined : new Uint8Array(data);
}

const REST: ReadonlySet<Field> = new Set<Field>(['strings', 'hex', 'base64', 'bitmap', 'parameters']);
const MAY_BE_EMPTY: ReadonlySet<Field> = new Set<Field>(['bitmap', 'parameters']);
const NUMBER_OCTETS: Readonly<Partial<Record<Field, number>>> = { u8: 1, u16: 2, u32: 4 };

function fieldOctets(
  field: Field,
  words: readonly Word[],
  nameOf: (text: string) => DomainName | undefined,
): Uint8Array | undefined {
  const text = words[0]?.text ?? '';
  switch (field) {
    case 'u8':
    case 'u16':
    case 'u32':
      return numberOctets(text, NUMBER_OCTETS[field] as number);
    case 'name': {
      const name = nameOf(text);
      return name === undefined ? undefined : nameOctets(name);
    }
    case 'string':
      return stringOctets(words[0] as Word);
    case 'strings': {
      const strings = words.map(stringOctets);
      return strings.every((one) => one !== undefined) ? Buffer.concat(strings) : undefined;
    }
    case 'text':
      return rawOctets(words[0] as Word);
    case 'hex':
      return hexOctets(words.map((word) => word.text).join(''));
    case 'base64':
      return base64Octets(words.map((word) => word.text).join(''));
    case 'hash':
      return withLength(base32Octets(text));
    case 'salt':
      return withLength(text === '-' ? new Uint8Array() : hexOctets(text));
    case 'type': {
      const type = parseType(text);
      return type === undefined ? undefined : numberOctets(String(type), 2);
    }
    case 'time':
      return timeOctets(text);
    case 'bitmap':
      return bitmapOctets(words.map((word) => word.text));
    case 'eui':
      return /^(?:[0-9a-f]{2}-){5}(?:[0-9a-f]{2}-[0-9a-f]{2}-)?[0-9a-f]{2}$/i.test(text)
        ? hexOctets(text.replaceAll('-', ''))
        : undefined;
    case 'ipv4':
      return addressOctets(text, 4);
    case 'locator':
      return locatorOctets(text);
    case 'parameters':
      return parseServiceParameters(words);
  }
}

function stringOctets(word: Word): Uint8Array | undefined {
  return withLength(rawOctets(word));
}

function withLength(octets: Uint8Array | undefined): Uint8Array | undefined {
  return octets === undefined || octets.length > 255 ? undefined : Buffer.concat([Buffer.of(octets.length), octets]);
}

const BASE32HEX = '0123456789abcdefghijklmnopqrstuv';

function base32Octets(text: string): Uint8Array | undefined {
  const octets: number[] = [];
  let bits = 0;
  let held = 0;
  for (const digit of text.toLowerCase()) {
    const value = BASE32HEX.indexOf(digit);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    octets.push((held >> bits) & 255);
  }
  return octets.length === 0 ? undefined : Uint8Array.from(octets);
}

/** Four groups of one to four hexadecimal digits. */
function locatorOctets(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-f]{1,4}:){3}[0-9a-f]{1,4}$/i.test(text)) return undefined;
  return hexOctets(
    text
      .split(':')
      .map((group) => group.padStart(4, '0'))
      .join(''),
  );
}

/** RFC 4034 §3.2. */
function timeOctets(text: string): Uint8Array | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text) ?? [];
  if (year === undefined) return numberOctets(text, 4);
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  return numberOctets(String((at / 1000) % 2 ** 32), 4);
}

/** RFC 4034 §4.1.2. */
function bitmapOctets(texts: readonly string[]): Uint8Array | undefined {
  const windows = new Map<number, Buffer>();
  for (const text of texts) {
    const type = parseType(text);
    if (type === undefined) return undefined;
    const bits = windows.get(type >> 8) ?? Buffer.alloc(32);
    windows.set(type >> 8, bits);
    const at = (type & 255) >> 3;
    bits[at] = (bits[at] as number) | (0x80 >> (type & 7));
  }
  const ordered = [...windows].sort(([a], [b]) => a - b);
  return Buffer.concat(
    ordered.flatMap(([window, bits]) => {
      const used = bits.subarray(0, bits.findLastIndex((octet) => octet !== 0) + 1);
      return [Buffer.of(window, used.length), used];
    }),
  );
}
