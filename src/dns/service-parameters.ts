/** Parameters of SVCB and HTTPS records as text (RFC 9460 §2.1, appendix A). */
import { addressOctets, base64Octets, rawOctets, type Word } from './text-octets.ts';

const KEYS: ReadonlyMap<string, number> = new Map([
  ['mandatory', 0],
  ['alpn', 1],
  ['no-default-alpn', 2],
  ['port', 3],
  ['ipv4hint', 4],
  ['ech', 5],
  ['ipv6hint', 6],
  ['dohpath', 7],
  ['ohttp', 8],
]);

/**
 * The octets of all parameters, in the order of their keys.
 * @param words `key=value`; a quoted value is a word of its own, after `key=`
 */
export function parseServiceParameters(words: readonly Word[]): Uint8Array | undefined {
  const parameters = new Map<number, Uint8Array>();
  for (let i = 0; i < words.length; i++) {
    const { text, isQuoted } = words[i] as Word;
    if (isQuoted) return undefined;
    const equals = text.indexOf('=');
    const key = keyNumber(equals < 0 ? text : text.slice(0, equals));
    if (key === undefined || parameters.has(key)) return undefined;
    let value: Word = { text: equals < 0 ? '' : text.slice(equals + 1), isQuoted: false };
    const after = words[i + 1];
    if (equals === text.length - 1 && after?.isQuoted) {
      value = after;
      i += 1;
    }
    const octets = valueOctets(key, value);
    if (octets === undefined) return undefined;
    parameters.set(key, octets);
  }
  const ordered = [...parameters].sort(([a], [b]) => a - b);
  return Buffer.concat(ordered.flatMap(([key, octets]) => [u16(key), u16(octets.length), octets]));
}

function keyNumber(text: string): number | undefined {
  const digits = /^key(\d{1,5})$/.exec(text)?.[1];
  if (digits !== undefined) return Number(digits) > 65_535 ? undefined : Number(digits);
  return KEYS.get(text);
}

function valueOctets(key: number, value: Word): Uint8Array | undefined {
  const raw = rawOctets(value);
  if (raw === undefined) return undefined;
  const text = Buffer.from(raw).toString('latin1');
  switch (key) {
    case 0:
      return joined(text, (one) => {
        const number = keyNumber(one);
        return number === undefined ? undefined : u16(number);
      });
    case 1:
      return alpnOctets(text);
    case 2:
    case 8:
      return text === '' ? raw : undefined;
    case 3:
      return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? u16(Number(text)) : undefined;
    case 4:
      return joined(text, (one) => addressOctets(one, 4));
    case 5:
      return base64Octets(text);
    case 6:
      return joined(text, (one) => addressOctets(one, 6));
    default:
      return raw;
  }
}

/** A list with commas; `\,` is a comma in an item (RFC 9460, appendix A.1). */
function alpnOctets(text: string): Uint8Array | undefined {
  const items = text.match(/(?:[^,\\]|\\.)+/gs)?.map((item) => item.replace(/\\(.)/gs, '$1')) ?? [];
  if (items.length === 0 || items.some((item) => item.length > 255)) return undefined;
  return Buffer.concat(items.flatMap((item) => [Buffer.of(item.length), Buffer.from(item, 'latin1')]));
}

function joined(text: string, read: (item: string) => Uint8Array | undefined): Uint8Array | undefined {
  const parts = text.split(',').map(read);
  return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
}

function u16(value: number): Uint8Array {
  return Buffer.of(value >> 8, value & 255);
}
