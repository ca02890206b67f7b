/**
 * Names as octets on the wire (RFC 1035 §3.1, §4.1.4): the reading side. Writing, with compression, is in encode.ts.
 */
import { type DomainName, escapeLabel, MAX_LABEL, MAX_NAME } from './name.ts';

/** How each octet of a label is written in presentation text: as it is, after a backslash, or as `\DDD`. */
const PLAIN = 0;
const SLASHED = 1;
const DECIMAL = 2;
const STYLE = new Uint8Array(256);
const LOWER = new Uint8Array(256);
for (let code = 0; code < 256; code++) {
  // name.ts decides what is escaped; here it is only tabulated.
  const { length } = escapeLabel(String.fromCharCode(code));
  STYLE[code] = length === 1 ? PLAIN : length === 2 ? SLASHED : DECIMAL;
  LOWER[code] = code >= 65 && code <= 90 ? code + 32 : code;
}

/**
 * Pointers that one name may go through: it has 127 labels at most, and a pointer to a pointer is of no use. Without it,
 * thousands of records could each walk a chain of thousands of pointers.
 */
const MAX_HOPS = 127;

/** 255 octets, each `\DDD` at worst. */
const TEXT = Buffer.alloc(4 * MAX_NAME);
const SPELLED = Buffer.alloc(4 * MAX_NAME);

/** A name and its spelling, as found by the last call of a read function here. One object is reused: take what you need. */
export interface NameRead {
  name: DomainName;
  /** As sent: same length as `name`, other letter case. */
  spelling: string;
  /** Offset after the name (after the pointer, where it was compressed). */
  end: number;
}

const READ: NameRead = { name: '.' as DomainName, spelling: '.', end: 0 };

/**
 * Reads the uncompressed name at `at`: a question's, which nothing can stand before that a pointer could point to.
 * @returns undefined when the name is broken: a pointer, a label over 63 octets, a name over 255 or past `limit`.
 */
export function readPlainName(packet: Uint8Array, at: number, limit: number): NameRead | undefined {
  let from = at;
  let length = 0;
  let isSpelled = false;
  for (;;) {
    if (from >= limit) return undefined;
    const size = packet[from] as number;
    from += 1;
    if (size === 0) break;
    if (size > MAX_LABEL || from + size > limit || from + size - at >= MAX_NAME) return undefined;
    for (const stop = from + size; from < stop; from++) {
      const octet = packet[from] as number;
      const lower = LOWER[octet] as number;
      if (lower !== octet) isSpelled = true;
      length = writeOctet(octet, lower, length);
    }
    TEXT[length] = 46;
    SPELLED[length] = 46;
    length += 1;
  }
  return taken(length, isSpelled, from);
}

/**
 * Reads the name at `at`, which may be compressed. Each pointer must lead to before the labels that it ends, so that
 * every chain of pointers is finite; none may lead into the header.
 * @returns undefined when the name is broken.
 */
export function readName(packet: Uint8Array, at: number, limit: number): NameRead | undefined {
  let from = at;
  let runStart = at;
  let hops = 0;
  let end = -1;
  let octets = 0;
  let length = 0;
  let isSpelled = false;
  for (;;) {
    if (from >= limit) return undefined;
    const size = packet[from] as number;
    if (size >= 0xc0) {
      if (from + 1 >= limit) return undefined;
      if (end < 0) end = from + 2;
      from = ((size & 0x3f) << 8) | (packet[from + 1] as number);
      hops += 1;
      if (from >= runStart || from < 12 || hops > MAX_HOPS) return undefined;
      runStart = from;
      continue;
    }
    from += 1;
    if (size === 0) break;
    octets += size + 1;
    if (size > MAX_LABEL || from + size > limit || octets >= MAX_NAME) return undefined;
    for (const stop = from + size; from < stop; from++) {
      const octet = packet[from] as number;
      const lower = LOWER[octet] as number;
      if (lower !== octet) isSpelled = true;
      length = writeOctet(octet, lower, length);
    }
    TEXT[length] = 46;
    SPELLED[length] = 46;
    length += 1;
  }
  return taken(length, isSpelled, end < 0 ? from : end);
}

/** Writes one octet of a label to both texts at `length`, and gives the new length. */
function writeOctet(octet: number, lower: number, length: number): number {
  const style = STYLE[octet];
  if (style === PLAIN) {
    TEXT[length] = lower;
    SPELLED[length] = octet;
    return length + 1;
  }
  TEXT[length] = 92;
  SPELLED[length] = 92;
  if (style === SLASHED) {
    TEXT[length + 1] = octet;
    SPELLED[length + 1] = octet;
    return length + 2;
  }
  const hundreds = (octet / 100) | 0;
  const tens = ((octet / 10) | 0) - 10 * hundreds;
  const ones = octet - 100 * hundreds - 10 * tens;
  TEXT[length + 1] = SPELLED[length + 1] = 48 + hundreds;
  TEXT[length + 2] = SPELLED[length + 2] = 48 + tens;
  TEXT[length + 3] = SPELLED[length + 3] = 48 + ones;
  return length + 4;
}

function taken(length: number, isSpelled: boolean, end: number): NameRead {
  const text = length === 0 ? '.' : TEXT.toString('latin1', 0, length);
  READ.name = text as DomainName;
  READ.spelling = isSpelled ? SPELLED.toString('latin1', 0, length) : text;
  READ.end = end;
  return READ;
}

/** Octets of the name at `at`, uncompressed, end octet included; 0 when it is broken. */
export function plainNameLength(packet: Uint8Array, at: number, limit: number): number {
  for (let from = at; from < limit; ) {
    const size = packet[from] as number;
    from += size + 1;
    if (size === 0) return from - at;
    if (size > MAX_LABEL) return 0;
  }
  return 0;
}
