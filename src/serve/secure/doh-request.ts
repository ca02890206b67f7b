/** What an HTTP request asks of DNS (RFC 8484 §4.1), and what HTTP says of the answer (§5.1). No socket here. */
import { layoutOf } from '../encoded-sections.ts';

export const MEDIA_TYPE = 'application/dns-message';
/** The only path with questions. */
export const PATH = '/dns-query';
/** Octets of a question: a DNS message has no more. */
export const MAX_QUESTION = 65_535;

/** A status other than 200, with its reason. */
export interface Declined {
  readonly status: number;
  readonly reason: string;
}

/** A question in the URL, or one that the body will bring. */
export type DohRequest = { readonly packet: Buffer } | { readonly hasBody: true } | Declined;

/**
 * @param url path and query
 * @param contentType of the request's body
 */
export function readDohRequest(method: string, url: string, contentType: string | undefined): DohRequest {
  const parsed = URL.parse(url, 'https://dns.invalid');
  if (parsed === null || parsed.pathname !== PATH) return { status: 404, reason: 'not found' };
  if (method === 'POST') {
    const [media = ''] = contentType?.split(';') ?? [];
    if (media.trim().toLowerCase() === MEDIA_TYPE) return { hasBody: true };
    return { status: 415, reason: `the content type must be ${MEDIA_TYPE}` };
  }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, reason: 'GET or POST' };
  const texts = parsed.searchParams.getAll('dns');
  const [text = ''] = texts;
  if (texts.length !== 1 || !/^[A-Za-z0-9_-]+=*$/.test(text)) return { status: 400, reason: "no 'dns' in the query" };
  const packet = Buffer.from(text, 'base64url');
  return packet.length > MAX_QUESTION ? { status: 413, reason: 'too large' } : { packet };
}

/** How long a cache may keep the answer, seconds: the smallest TTL in it; none for one without records. */
export function freshnessOf(message: Buffer): number {
  const offsets = layoutOf(message)?.ttlOffsets ?? [];
  let smallest = Number.POSITIVE_INFINITY;
  for (const at of offsets) smallest = Math.min(smallest, message.readUInt32BE(at));
  return smallest === Number.POSITIVE_INFINITY ? 0 : smallest;
}
