/** Which EDNS options of a query are malformed: the whole query is, then (RFC 6891 §6.1.1, RFC 7871 §7.1.2, RFC 7828 §3.2.1). */
import { readPlainName } from './name-wire.ts';
import { readU16 } from './rdata-wire.ts';

type IsLegal = (data: Uint8Array) => boolean;

/** RFC 7871 §6: a family that is known, and prefixes that it can have. No family: no prefix either. */
function isClientSubnet(data: Uint8Array): boolean {
  if (data.length < 4) return false;
  const [source = 0, scope = 0] = data.subarray(2, 4);
  const family = readU16(data, 0);
  if (family === 0) return source === 0;
  const most = family === 1 ? 32 : 128;
  return family <= 2 && source <= most && scope <= most;
}

const LEGAL: ReadonlyMap<number, IsLegal> = new Map<number, IsLegal>([
  // Long-lived queries (RFC 8764), Update Lease (RFC 9664).
  [1, ({ length }) => length >= 18],
  [2, ({ length }) => length === 4 || length === 8],
  [8, isClientSubnet],
  // EXPIRE (RFC 7314), edns-tcp-keepalive (RFC 7828), extended errors (RFC 8914), Report-Channel (RFC 9567).
  [9, ({ length }) => length === 0 || length >= 4],
  [11, ({ length }) => length === 0 || length === 2],
  [15, ({ length }) => length >= 2],
  [18, (data) => readPlainName(data, 0, data.length) !== undefined],
]);

/** Options that are not known are legal, whatever they hold. */
export function isLegalOption(option: { readonly code: number; readonly data: Uint8Array }): boolean {
  return LEGAL.get(option.code)?.(option.data) ?? true;
}
