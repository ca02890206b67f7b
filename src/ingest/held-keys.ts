/** Deletions that the guard holds, as they stand in the log: many keys in one event, so that a list without 100,000 objects is a row. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Keys that are listed at most; of more only the number is told. */
export const MOST_HELD_KEYS = 100_000;

/** What the deletions of one list are kept under: the kind, below the namespace if only one was listed. */
export function heldName(kind: string, scope: string): string {
  return scope === '' ? kind : `${scope}/${kind}`;
}

/** Keys as text: sorted, a line each, deflated (RFC 1951) and in base64 (RFC 4648). */
export function packKeys(keys: Iterable<string>): string {
  const lines = [...keys].sort().slice(0, MOST_HELD_KEYS).join('\n');
  return deflateRawSync(lines, { level: 6 }).toString('base64');
}

/** @returns undefined when it is no such text */
export function unpackKeys(packed: string): readonly string[] | undefined {
  try {
    const lines = inflateRawSync(Buffer.from(packed, 'base64'), { maxOutputLength: MOST_OCTETS }).toString();
    return lines === '' ? [] : lines.split('\n');
  } catch {
    return undefined;
  }
}

/** A name and a namespace of 253 characters each (RFC 1123), and what stands between. */
const MOST_OCTETS = MOST_HELD_KEYS * 512;
