/**
 * Record data as presentation text (RFC 1035 §5.1), as dig prints it, and back. Types without fields of their own are
 * `\# length hex` (RFC 3597 §5), but for ZONEMD, which zonelog makes itself.
 */
import { canonicalAddress } from './address.ts';
import { type DomainName, parseName, ROOT } from './name.ts';
import { parseLayout } from './rdata-layouts.ts';
import { readRdata, readU32 } from './rdata-wire.ts';
import { type Rdata, RRType } from './rrset.ts';
import { toSerial } from './serial.ts';
import { unescaped } from './text-octets.ts';

/** The data as one line of text. */
export function rdataText(rdata: Rdata): string {
  switch (rdata.type) {
    case 'A':
    case 'AAAA':
      return rdata.address;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return rdata.target;
    case 'MX':
      return `${rdata.preference} ${rdata.target}`;
    case 'SRV':
      return `${rdata.priority} ${rdata.weight} ${rdata.port} ${rdata.target}`;
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = rdata;
      return `${mname} ${rname} ${serial} ${refresh} ${retry} ${expire} ${minimum}`;
    }
    case 'TXT':
      return rdata.texts.length === 0 ? '""' : rdata.texts.map(quoted).join(' ');
    case 'HINFO':
      return `${quoted(rdata.cpu)} ${quoted(rdata.os)}`;
    case 'UNKNOWN':
      return (rdata.code === RRType.ZONEMD && zonemdText(rdata.data)) || genericText(rdata.data);
  }
}

/** RFC 8976 §2.3; undefined where the digest is shorter than any may be. */
function zonemdText(data: Uint8Array): string | undefined {
  if (data.length < 6 + 12) return undefined;
  return `${readU32(data, 0)} ${data[4]} ${data[5]} ${Buffer.from(data.subarray(6)).toString('hex').toUpperCase()}`;
}

function genericText(data: Uint8Array): string {
  return data.length === 0 ? '\\# 0' : `\\# ${data.length} ${Buffer.from(data).toString('hex').toUpperCase()}`;
}

/** Raw octets, one character each, as a quoted string. */
function quoted(text: string): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34 || code === 92) out += `\\${text[i]}`;
    else if (code < 32 || code > 126) out += `\\${String(code).padStart(3, '0')}`;
    else out += text[i];
  }
  return `${out}"`;
}

/** A word of a record's text: raw octets, one character each, with escapes still in it if it wasn't quoted. */
export interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
}

/**
 * Splits one line of presentation text at blanks; `;` begins a comment. Inside quotes, escapes are resolved; outside they
 * are left, as names need them.
 * @returns undefined when a quote is left open
 */
export function tokens(line: string): Token[] | undefined {
  const found: Token[] = [];
  const pattern = /\s+|;.*$|"((?:[^"\\]|\\.)*)"|((?:[^\s";\\]|\\.)+)/gsy;
  let at = 0;
  while (at < line.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    if (match[1] !== undefined) {
      const text = unescaped(match[1]);
      if (text === undefined) return undefined;
      found.push({ text, isQuoted: true });
    } else if (match[2] !== undefined) found.push({ text: match[2], isQuoted: false });
  }
  return found;
}

/**
 * Reads the words of a record's data. `\# length hex` is taken for every type.
 * @param origin what names without a final dot are relative to; without it there may be none
 * @returns undefined when they are not what the type demands
 */
export function parseRdata(type: RRType, words: readonly Token[], origin?: DomainName): Rdata | undefined {
  const texts = words.map(({ text }) => text);
  const [first] = texts;
  if (first === '\\#' && words[0]?.isQuoted === false) return parseGeneric(type, texts);
  switch (type) {
    case RRType.A:
    case RRType.AAAA: {
      const address = words.length === 1 ? canonicalAddress(first as string) : undefined;
      if (address === undefined || address.includes(':') !== (type === RRType.AAAA)) return undefined;
      return { type: type === RRType.A ? 'A' : 'AAAA', address };
    }
    case RRType.NS:
      return targeted(texts, origin, 0, (target) => ({ type: 'NS', target }));
    case RRType.CNAME:
      return targeted(texts, origin, 0, (target) => ({ type: 'CNAME', target }));
    case RRType.PTR:
      return targeted(texts, origin, 0, (target) => ({ type: 'PTR', target }));
    case RRType.MX:
      return targeted(texts, origin, 1, (target, [preference]) => ({
        type: 'MX',
        preference: preference as number,
        target,
      }));
    case RRType.SRV:
      return targeted(texts, origin, 3, (target, [priority, weight, port]) => ({
        type: 'SRV',
        priority: priority as number,
        weight: weight as number,
        port: port as number,
        target,
      }));
    case RRType.SOA:
      return parseSoa(texts, origin);
    case RRType.TXT:
    case RRType.HINFO: {
      const strings = words.map(({ text, isQuoted }) => (isQuoted ? text : unescaped(text)));
      if (strings.length === 0 || !strings.every((s) => s !== undefined && s.length <= 255)) return undefined;
      const [cpu, os = ''] = strings;
      if (type === RRType.TXT) return { type: 'TXT', texts: strings as string[] };
      // One string alone is taken too: other servers do, and files have it.
      return strings.length <= 2 ? { type: 'HINFO', cpu: cpu as string, os } : undefined;
    }
    default: {
      const data = parseLayout(type, words, (text) => qualify(text, origin));
      return data && readRdata(type, data, 0, data.length);
    }
  }
}

/** `numbers` fields of 16 bits, then a name. */
function targeted(
  texts: readonly string[],
  origin: DomainName | undefined,
  numbers: number,
  make: (target: DomainName, fields: readonly number[]) => Rdata,
): Rdata | undefined {
  if (texts.length !== numbers + 1) return undefined;
  const fields = texts.slice(0, numbers).map((text) => parseNumber(text, 65_535));
  const target = qualify(texts[numbers] as string, origin);
  if (target === undefined || !fields.every((field) => field !== undefined)) return undefined;
  return make(target, fields as number[]);
}

function parseSoa(texts: readonly string[], origin: DomainName | undefined): Rdata | undefined {
  if (texts.length !== 7) return undefined;
  const mname = qualify(texts[0] as string, origin);
  const rname = qualify(texts[1] as string, origin);
  const fields = texts.slice(2).map((text, i) => (i === 0 ? parseNumber(text, 0xffffffff) : parseTtl(text)));
  if (mname === undefined || rname === undefined || !fields.every((field) => field !== undefined)) return undefined;
  const [serial, refresh, retry, expire, minimum] = fields as [number, number, number, number, number];
  return { type: 'SOA', mname, rname, serial: toSerial(serial), refresh, retry, expire, minimum };
}

/** A decimal number up to `most`; undefined for anything else. */
export function parseNumber(text: string, most: number): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value > most ? undefined : value;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A time in seconds, or with units as BIND writes it (`1h30m`); undefined for anything else, or for more than 32 bits. */
export function parseTtl(text: string): number | undefined {
  if (/^\d/.test(text) && !/\D/.test(text)) return parseNumber(text, 0xffffffff);
  if (!/^(?:\d{1,10}[smhdw])+$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+)(\D)/g)) {
    seconds += Number(amount) * (UNIT_SECONDS[unit.toLowerCase()] as number);
  }
  return seconds > 0xffffffff ? undefined : seconds;
}

/** A name with its final dot, which must not be an escaped one. */
export function absolute(text: string): DomainName | undefined {
  return /(?:^|[^\\])(?:\\\\)*\.$/.test(text) ? parseName(text) : undefined;
}

/** An absolute name as it is, `@` and one without its final dot under the origin (RFC 1035 §5.1). */
export function qualify(text: string, origin: DomainName | undefined): DomainName | undefined {
  if (origin === undefined) return absolute(text);
  if (text === '@') return origin;
  return absolute(text) ?? parseName(origin === ROOT ? `${text}.` : `${text}.${origin}`);
}

function parseGeneric(type: RRType, texts: readonly string[]): Rdata | undefined {
  const length = parseNumber(texts[1] ?? '', 65_535);
  const hex = texts.slice(2).join('');
  if (length === undefined || hex.length !== 2 * length || !/^[0-9a-f]*$/i.test(hex)) return undefined;
  const data = new Uint8Array(Buffer.from(hex, 'hex'));
  // A type we have fields for must come out with them: two forms of one record would compare as different.
  return readRdata(type, data, 0, data.length);
}
