/** Where the names are in the data of old types that zonelog keeps as octets. */
import type { RRType } from './rrset.ts';

/** A number: so many octets; `string`: a character string; `name`: one name; `rest`: all that follows. */
export type LayoutPart = number | 'string' | 'name' | 'rest';

/** The types whose names may be compressed (RFC 1035 §3.3, RFC 3597 §4), without those that have fields of their own. */
export const OLD_LAYOUTS: ReadonlyMap<RRType, readonly LayoutPart[]> = new Map<RRType, readonly LayoutPart[]>([
  [3, ['name']], // MD
  [4, ['name']], // MF
  [7, ['name']], // MB
  [8, ['name']], // MG
  [9, ['name']], // MR
  [14, ['name', 'name']], // MINFO
  [17, ['name', 'name']], // RP
  [18, [2, 'name']], // AFSDB
  [21, [2, 'name']], // RT
  [24, [18, 'name', 'rest']], // SIG
  [26, [2, 'name', 'name']], // PX
  [30, ['name', 'rest']], // NXT
  [35, [4, 'string', 'string', 'string', 'name']], // NAPTR
  [36, [2, 'name']], // KX
  [39, ['name']], // DNAME
]);
