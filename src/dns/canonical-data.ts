/** Record data in canonical form where it is kept as octets: names in it in lower case (RFC 4034 §6.2, RFC 6840 §5.1). */
import type { RRType } from './rrset.ts';

/** `string`: a character string; `name`: one name; a number: so many octets. What comes after the last name stays as it is. */
type Part = number | 'string' | 'name';

const NAMES_IN: ReadonlyMap<RRType, readonly Part[]> = new Map<RRType, readonly Part[]>([
  [3, ['name']], // MD
  [4, ['name']], // MF
  [7, ['name']], // MB
  [8, ['name']], // MG
  [9, ['name']], // MR
  [14, ['name', 'name']], // MINFO
  [17, ['name', 'name']], // RP
  [18, [2, 'name']], // AFSDB
  [21, [2, 'name']], // RT
  [24, [18, 'name']], // SIG
  [26, [2, 'name', 'name']], // PX
  [30, ['name']], // NXT
  [35, [4, 'string', 'string', 'string', 'name']], // NAPTR
  [36, [2, 'name']], // KX
  [39, ['name']], // DNAME
  [46, [18, 'name']], // RRSIG
]);

/**
 * The data of a type that zonelog has no fields for, in canonical form.
 * @returns the same octets where nothing is to be changed, or the data is not what the type wants
 */
export function canonicalData(type: RRType, data: Uint8Array): Uint8Array {
  const parts = NAMES_IN.get(type);
  if (parts === undefined) return data;
  const copy = Uint8Array.from(data);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'number') at += part;
    else if (part === 'string') at += 1 + (copy[at] ?? 0);
    else at = lowerName(copy, at);
    if (at > copy.length) return data;
  }
  return copy;
}

/** @returns the offset after the name; beyond the end when there is none */
function lowerName(data: Uint8Array, start: number): number {
  let at = start;
  while (at < data.length) {
    const length = data[at] as number;
    if (length > 63) return data.length + 1;
    for (let i = at + 1; i <= at + length && i < data.length; i++) {
      const octet = data[i] as number;
      if (octet >= 65 && octet <= 90) data[i] = octet + 32;
    }
    at += 1 + length;
    if (length === 0) return at;
  }
  return data.length + 1;
}
