/** Record data in canonical form where it is kept as octets: names in it in lower case (RFC 4034 §6.2, RFC 6840 §5.1). */
import { OLD_LAYOUTS } from './old-layouts.ts';
import { RRType } from './rrset.ts';

/** The type that RRSIG came after (RFC 2535 §4.1). */
const SIG: RRType = 24;

/**
 * The data of a type that zonelog has no fields for, in canonical form.
 * @returns the same octets where nothing is to be changed, or the data is not what the type wants
 */
export function canonicalData(type: RRType, data: Uint8Array): Uint8Array {
  // The name of an RRSIG is never compressed, so it is in no such list; it stands where that of a SIG does (RFC 4034 §3.1).
  const parts = OLD_LAYOUTS.get(type === RRType.RRSIG ? SIG : type);
  if (parts === undefined) return data;
  const copy = Uint8Array.from(data);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'number') at += part;
    else if (part === 'string') at += 1 + (copy[at] ?? 0);
    else if (part === 'name') at = lowerName(copy, at);
    else break;
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
