/** Record data from the targets of a DNSEndpoint. */
import { ROOT } from './name.ts';
import { parseRdata, tokens } from './rdata-text.ts';
import { type Rdata, RRType } from './rrset.ts';

/** Octets of one string of a TXT record (RFC 1035 §3.3). */
const MAX_STRING = 255;

/** A text of any length, in as many strings as it takes. */
export function textRdata(text: string): Rdata {
  const octets = Buffer.from(text, 'utf8').toString('latin1');
  const texts: string[] = [];
  for (let at = 0; at < octets.length; at += MAX_STRING) texts.push(octets.slice(at, at + MAX_STRING));
  return { type: 'TXT', texts: texts.length === 0 ? [''] : texts };
}

const TYPES = { CNAME: RRType.CNAME, MX: RRType.MX, NS: RRType.NS, PTR: RRType.PTR, SRV: RRType.SRV } as const;

/**
 * Data of the other types, in the notation of master files; names need no final dot, they are absolute.
 * @returns undefined when it is not what the type demands
 */
export function endpointRdata(type: string, target: string): Rdata | undefined {
  const code = Object.hasOwn(TYPES, type) ? TYPES[type as keyof typeof TYPES] : undefined;
  const words = code === undefined ? undefined : tokens(target);
  return code === undefined || words === undefined ? undefined : parseRdata(code, words, ROOT);
}
