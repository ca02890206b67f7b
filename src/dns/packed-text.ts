/** Records as text that fits into JSON: uncompressed wire format (RFC 1035 §3.2.1), deflated (RFC 1951), in base64. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** A fast level: of addresses and names it takes nearly as much off as the best. */
const LEVEL = 3;

/** @param packed records as `packRecords` writes them; none give the empty text */
export function packedText(packed: Uint8Array): string {
  return packed.length === 0 ? '' : deflateRawSync(packed, { level: LEVEL }).toString('base64');
}

/**
 * What `packedText` was given.
 * @throws RangeError when the text is something else: a damaged store
 */
export function unpackText(text: string): Uint8Array {
  if (text === '') return new Uint8Array();
  try {
    return inflateRawSync(Buffer.from(text, 'base64'));
  } catch (error) {
    throw new RangeError(`records can't be unpacked: ${error instanceof Error ? error.message : String(error)}`);
  }
}
