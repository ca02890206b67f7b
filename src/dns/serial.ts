/**
 * SOA serial numbers: 32 bits, compared on a circle (RFC 1982). An absent serial is `undefined`; 0 is a legal one.
 */

declare const brand: unique symbol;
export type Serial = number & { readonly [brand]: 'Serial' };

const HALF = 2 ** 31;
const WHOLE = 2 ** 32;

/** Any number, folded to 32 bits. */
export function toSerial(value: number): Serial {
  return (((Math.trunc(value) % WHOLE) + WHOLE) % WHOLE) as Serial;
}

export type SerialOrder = 'lower' | 'equal' | 'greater' | 'incomparable';

/** How `a` stands to `b` (RFC 1982 §3.2). Two serials exactly 2³¹ apart are incomparable. */
export function compareSerial(a: Serial, b: Serial): SerialOrder {
  if (a === b) return 'equal';
  const distance = (b - a + WHOLE) % WHOLE;
  if (distance === HALF) return 'incomparable';
  return distance < HALF ? 'lower' : 'greater';
}

/**
 * The serial of the next published version: the time if that is later than the previous serial, else one more than it.
 * @param previous the serial of the version before, if there was one
 * @param seconds Unix time of the batch that made the version
 */
export function nextSerial(previous: Serial | undefined, seconds: number): Serial {
  const now = toSerial(seconds);
  if (previous === undefined) return now;
  return compareSerial(previous, now) === 'lower' ? now : toSerial(previous + 1);
}
