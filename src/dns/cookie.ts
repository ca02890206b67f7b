/**
 * DNS cookies (RFC 7873) as all servers of an address make them (RFC 9018): a client that shows the cookie that it was given
 * before has its address from nobody else.
 *
 * The COOKIE option is the client's 8 octets, then the server's 16: version 1, three reserved octets, the time, and a hash of
 * all these with the client's address.
 */
import { timingSafeEqual } from 'node:crypto';
import { sipHash24 } from './siphash.ts';

/** The option's code. */
export const COOKIE_OPTION = 10;
/** Octets of a server's secret. */
export const COOKIE_SECRET = 16;

const CLIENT = 8;
const SERVER = 16;
const HASH_AT = 8;
const VERSION = 1;
/** RFC 9018 §4.3, seconds: how old a cookie may be, how far ahead a clock, and from which age on it is made anew. */
const MAX_AGE = 3600;
const MAX_AHEAD = 300;
const RENEW_AGE = 1800;

/** What a COOKIE option is worth. */
export type CookieCheck =
  /** Neither 8 octets nor 16 to 40 (RFC 7873 §5.2.2). */
  | 'malformed'
  /** The client's part alone. */
  | 'new'
  /** The server's part is not one of ours, or too old. */
  | 'bad'
  /** Ours, but to be made anew. */
  | 'old'
  | 'good';

/**
 * @param data of the option
 * @param address of the client: 4 or 16 octets
 * @param secrets all that a cookie may be made with
 * @param now Unix seconds
 */
export function checkCookie(
  data: Uint8Array,
  address: Uint8Array,
  secrets: readonly Uint8Array[],
  now: number,
): CookieCheck {
  if (data.length === CLIENT) return 'new';
  if (data.length < CLIENT + 8 || data.length > CLIENT + 32) return 'malformed';
  const server = data.subarray(CLIENT);
  if (server.length !== SERVER || server[0] !== VERSION) return 'bad';
  // Serial number arithmetic: the time has 32 bits (RFC 9018 §4.3).
  const age = (Math.floor(now) - Buffer.from(server).readUInt32BE(4)) | 0;
  if (age > MAX_AGE || age < -MAX_AHEAD) return 'bad';
  const given = server.subarray(HASH_AT);
  const isOurs = secrets.some((secret) =>
    timingSafeEqual(given, hashOf(data.subarray(0, CLIENT), server.subarray(0, HASH_AT), address, secret)),
  );
  if (!isOurs) return 'bad';
  return age > RENEW_AGE ? 'old' : 'good';
}

/**
 * The option's data for a reply: the client's part of `data`, and a fresh one of the server.
 * @param data of the option in the request, not malformed
 * @param secret of COOKIE_SECRET octets
 * @param now Unix seconds
 */
export function makeCookie(data: Uint8Array, address: Uint8Array, secret: Uint8Array, now: number): Buffer {
  const client = data.subarray(0, CLIENT);
  const head = Buffer.alloc(HASH_AT);
  head[0] = VERSION;
  head.writeUInt32BE(Math.floor(now) >>> 0, 4);
  return Buffer.concat([client, head, hashOf(client, head, address, secret)]);
}

function hashOf(client: Uint8Array, head: Uint8Array, address: Uint8Array, secret: Uint8Array): Buffer {
  return sipHash24(secret, Buffer.concat([client, head, address]));
}
