/**
 * IP addresses as text and as octets.
 *
 * Canonical text: IPv4 in dotted decimal without leading zeros, IPv6 as RFC 5952 has it. Records carry only canonical
 * text, so that equal addresses are equal strings.
 */

const DOT = 46;
const COLON = 58;

/**
 * The canonical form of an address, IPv4 or IPv6. A v4-mapped IPv6 address stays one (`::ffff:192.0.2.1`, RFC 5952 §5).
 * @returns undefined for anything else: leading zeros, a zone (`%eth0`), a prefix length, blanks.
 */
export function canonicalAddress(text: string): string | undefined {
  if (text.length > 45) return undefined;
  if (text.includes(':')) return writeIPv6(text, SCRATCH, 0) ? textOfIPv6(SCRATCH, 0) : undefined;
  return writeIPv4(text, SCRATCH, 0) ? text : undefined;
}

/** `::ffff:192.0.2.1` as `192.0.2.1`, for comparing the two ends of a dual-stack socket; other texts as they are. */
export function unmapAddress(text: string): string {
  if (!text.includes(':') || !writeIPv6(text, SCRATCH, 0)) return text;
  return isMapped(SCRATCH, 0) ? textOfIPv4(SCRATCH, 12) : text;
}

const SCRATCH = new Uint8Array(16);

/**
 * Writes the four octets of an IPv4 address. Nothing but canonical text is taken.
 * @returns whether the text is an IPv4 address; if it is not, what was written is of no use.
 */
export function writeIPv4(text: string, into: Uint8Array, at: number): boolean {
  const { length } = text;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || dots === 3) return false;
      into[at + dots] = octet;
      dots += 1;
      octet = 0;
      digits = 0;
    } else {
      const digit = code - 48;
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return false;
      octet = octet * 10 + digit;
      digits += 1;
      if (octet > 255) return false;
    }
  }
  if (dots !== 3 || digits === 0) return false;
  into[at + 3] = octet;
  return true;
}

/**
 * Writes the sixteen octets of an IPv6 address in any legal spelling (RFC 4291 §2.2).
 * @returns whether the text is an IPv6 address; if it is not, what was written is of no use.
 */
export function writeIPv6(text: string, into: Uint8Array, at: number): boolean {
  const { length } = text;
  let octets = 0;
  /** Octets before `::`, or -1. */
  let gap = -1;
  let i = 0;
  if (length >= 2 && text.charCodeAt(0) === COLON && text.charCodeAt(1) === COLON) {
    gap = 0;
    i = 2;
  }
  while (i < length) {
    if (octets === 16) return false;
    const start = i;
    let group = 0;
    let code = 0;
    for (; i < length; i++) {
      code = text.charCodeAt(i);
      const digit = hexDigit(code);
      if (digit < 0) break;
      if (i - start === 4) return false;
      group = group * 16 + digit;
    }
    if (i < length && code === DOT) {
      if (octets > 12 || !writeIPv4(text.slice(start), into, at + octets)) return false;
      octets += 4;
      break;
    }
    if (i === start || (i < length && code !== COLON)) return false;
    into[at + octets] = group >> 8;
    into[at + octets + 1] = group & 255;
    octets += 2;
    if (i === length) break;
    i += 1;
    if (i === length) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = octets;
      i += 1;
    }
  }
  if (gap < 0) return octets === 16;
  if (octets === 16) return false;
  const moved = octets - gap;
  into.copyWithin(at + 16 - moved, at + gap, at + octets);
  into.fill(0, at + gap, at + 16 - moved);
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Canonical text of the four octets at `at`. */
export function textOfIPv4(octets: Uint8Array, at: number): string {
  return `${octets[at]}.${octets[at + 1]}.${octets[at + 2]}.${octets[at + 3]}`;
}

/** Canonical text (RFC 5952) of the sixteen octets at `at`. */
export function textOfIPv6(octets: Uint8Array, at: number): string {
  if (isMapped(octets, at)) return `::ffff:${textOfIPv4(octets, at + 12)}`;
  // The longest run of zero groups becomes `::`, the first of equals, and never a single group.
  let best = -1;
  let bestLength = 1;
  for (let g = 0; g < 8; g++) {
    let run = 0;
    while (g + run < 8 && groupAt(octets, at, g + run) === 0) run += 1;
    if (run > bestLength) {
      best = g;
      bestLength = run;
    }
    g += run;
  }
  let text = '';
  for (let g = 0; g < 8; g++) {
    if (g === best) {
      text += '::';
      g += bestLength - 1;
    } else {
      if (text !== '' && !text.endsWith(':')) text += ':';
      text += groupAt(octets, at, g).toString(16);
    }
  }
  return text;
}

function groupAt(octets: Uint8Array, at: number, group: number): number {
  return ((octets[at + 2 * group] as number) << 8) | (octets[at + 2 * group + 1] as number);
}

function isMapped(octets: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (octets[at + i] !== 0) return false;
  return octets[at + 10] === 255 && octets[at + 11] === 255;
}
