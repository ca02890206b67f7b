/**
 * Names as octets that sort canonically (RFC 4034 §6.1) when compared octet by octet: the labels below an apex from the
 * right to the left, each with a zero behind it. So the key of a name is the beginning of the keys of all names below it.
 * Octets 0 and 1 of a label are written as two, in their order.
 */
import { type DomainName, escapeLabel, labelsOf, MAX_NAME, ROOT } from './name.ts';
import { NameWriter } from './name-writer.ts';

/** Octets of the longest key: each of a name may need two. */
export const MAX_KEY = 2 * MAX_NAME;

const LABELS = new Int32Array(128);
const WIRE = Buffer.alloc(2 * MAX_NAME);
const NAMES = new NameWriter(WIRE);

/** What a zone's names are cut down to and completed by. */
export interface Apex {
  readonly name: DomainName;
  readonly labels: number;
  /** Uncompressed wire format. */
  readonly wire: Uint8Array;
}

export function apexOf(name: DomainName): Apex {
  const wire = Uint8Array.prototype.slice.call(WIRE, 0, NAMES.writePlain(name, 0));
  return { name, labels: labelsOf(name).length, wire };
}

/**
 * Writes the key of an uncompressed name in wire format, whatever its letter case.
 * @param apex which the name is at or below: that is not checked
 * @returns octets of the key
 */
export function writeKeyOfWire(packet: Uint8Array, at: number, apex: Apex, key: Uint8Array): number {
  let labels = 0;
  for (let from = at; (packet[from] as number) !== 0; from += 1 + (packet[from] as number)) LABELS[labels++] = from;
  let to = 0;
  for (let i = labels - apex.labels - 1; i >= 0; i--) {
    const start = LABELS[i] as number;
    const end = start + (packet[start] as number);
    for (let from = start + 1; from <= end; from++) {
      const octet = packet[from] as number;
      if (octet <= 1) {
        key[to++] = 1;
        key[to++] = octet + 1;
      } else {
        key[to++] = octet >= 65 && octet <= 90 ? octet + 32 : octet;
      }
    }
    key[to++] = 0;
  }
  return to;
}

/** As `writeKeyOfWire`, of a name in presentation text. */
export function writeKeyOfName(name: DomainName, apex: Apex, key: Uint8Array): number {
  NAMES.writePlain(name, 0);
  return writeKeyOfWire(WIRE, 0, apex, key);
}

/** The name of the key between two offsets. */
export function nameOfKey(data: Buffer, from: number, to: number, { name }: Apex): DomainName {
  let text: string = name === ROOT ? '' : name;
  let start = from;
  for (let at = from; at < to; at++) {
    if (data[at] !== 0) continue;
    text = `${labelText(data, start, at)}.${text}`;
    start = at + 1;
  }
  return (text === '' ? '.' : text) as DomainName;
}

/** Letters, digits, `-`, `_`, `*`: what a label shows as it is. */
const PLAIN = new Uint8Array(256);
for (const character of 'abcdefghijklmnopqrstuvwxyz0123456789-_*') PLAIN[character.charCodeAt(0)] = 1;

function labelText(data: Buffer, from: number, to: number): string {
  let at = from;
  while (at < to && PLAIN[data[at] as number] === 1) at += 1;
  const text = data.toString('latin1', from, to);
  if (at === to) return text;
  let raw = '';
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    raw += octet === 1 ? String.fromCharCode(text.charCodeAt(++i) - 1) : text[i];
  }
  return escapeLabel(raw);
}

/**
 * Writes the name of the key between two offsets in uncompressed wire format.
 * @param into with room for MAX_NAME octets
 * @returns the offset after it
 */
export function writeWireOfKey(
  data: Uint8Array,
  from: number,
  to: number,
  apex: Apex,
  into: Uint8Array,
  at: number,
): number {
  let labels = 0;
  let start = from;
  for (let i = from; i < to; i++) {
    if (data[i] !== 0) continue;
    LABELS[labels++] = start;
    start = i + 1;
  }
  let out = at;
  for (let i = labels - 1; i >= 0; i--) {
    const length = out++;
    for (let octetAt = LABELS[i] as number; data[octetAt] !== 0; octetAt++) {
      const octet = data[octetAt] as number;
      into[out++] = octet === 1 ? (data[++octetAt] as number) - 1 : octet;
    }
    into[length] = out - length - 1;
  }
  into.set(apex.wire, out);
  return out + apex.wire.length;
}
