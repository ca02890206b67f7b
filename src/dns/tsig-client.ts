/** Requests of ours signed by a shared key, and the verification of what comes back (RFC 8945 §5.4). */
import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import { readU16 } from './rdata-wire.ts';
import { DEFAULT_ALGORITHM, type TsigKey } from './tsig-key.ts';
import {
  appendTsig,
  FUDGE,
  macOf,
  priorMac,
  readTsig,
  type Signature,
  TsigError,
  timers,
  tsigErrorName,
  unsignedPart,
  variables,
} from './tsig-record.ts';

/** Unsigned messages that a stream may have one after the other (RFC 8945 §5.3.1). */
const MAX_UNSIGNED = 99;

/** A request of ours, signed, with what is needed to verify its answer. */
export interface SignedRequest {
  readonly message: Buffer;
  readonly signature: Signature;
}

/** @param now Unix seconds */
export function signRequest(message: Buffer, key: TsigKey, now: number): SignedRequest {
  const algorithm = key.algorithm ?? DEFAULT_ALGORITHM;
  const head = {
    keyName: key.name,
    algorithmName: algorithm.name,
    timeSigned: Math.floor(now),
    fudge: FUDGE,
    error: TsigError.NONE,
    other: new Uint8Array(),
  };
  const mac = macOf(algorithm, key.secret, [message, variables(head)]);
  const signed = appendTsig(message, { ...head, mac, originalId: readU16(message, 0) });
  return { message: signed, signature: { key, algorithm, mac } };
}

/**
 * `unsigned`: may be one in the middle of a stream; `not signed`: a reply without TSIG where one is due, as of a server that
 * has not got the zone; `BAD…`: the server says so of our request.
 */
export type ReplyVerification =
  | 'good'
  | 'unsigned'
  | 'malformed'
  | 'not signed'
  | 'wrong key'
  | 'wrong signature'
  | 'wrong time'
  | 'refused'
  | NonNullable<ReturnType<typeof tsigErrorName>>;

/**
 * Verifies the answers to a request of ours, in order: one, or the many of a transfer (RFC 8945 §5.3.1, §5.4). Between
 * two signed messages there may be up to 99 unsigned ones; the first and the last are signed.
 */
export class ReplyVerifier {
  readonly #request: Signature;
  readonly #now: () => number;
  /** Over the MAC before and the unsigned messages since: they are part of what the next one signs. */
  #running: Hmac;
  #isFirst = true;
  #unsigned = 0;

  /** @param now Unix seconds */
  constructor(request: Signature, now: () => number) {
    this.#request = request;
    this.#now = now;
    this.#running = this.#begin(request.mac);
  }

  /** Was the last message signed? At the end of a stream it must have been. */
  get isComplete(): boolean {
    return !this.#isFirst && this.#unsigned === 0;
  }

  /**
   * @param offset of the TSIG record; undefined: there is none
   * @returns `unsigned` only where that is legal for now; what is neither that nor `good` is to be dropped
   */
  verify(packet: Uint8Array, offset: number | undefined): ReplyVerification {
    if (offset === undefined) {
      if (this.#isFirst || this.#unsigned >= MAX_UNSIGNED) return 'not signed';
      this.#unsigned += 1;
      this.#running.update(packet);
      return 'unsigned';
    }
    const { key, algorithm } = this.#request;
    const record = readTsig(packet, offset);
    if (record === undefined) return 'malformed';
    if (record.keyName !== key.name || record.algorithmName !== algorithm.name) return 'wrong key';
    if (record.error === TsigError.BADKEY || record.error === TsigError.BADSIG) return reasonOf(record.error);
    const last = this.#isFirst ? variables(record) : timers(record);
    const expected = this.#running
      .update(unsignedPart(packet, offset, record))
      .update(last)
      .digest();
    this.#running = this.#begin(expected);
    if (record.mac.length !== expected.length || !timingSafeEqual(expected, record.mac)) return 'wrong signature';
    if (record.error !== TsigError.NONE) return reasonOf(record.error);
    if (Math.abs(this.#now() - record.timeSigned) > record.fudge) return 'wrong time';
    this.#isFirst = false;
    this.#unsigned = 0;
    return 'good';
  }

  #begin(mac: Uint8Array): Hmac {
    const { key, algorithm } = this.#request;
    return createHmac(algorithm.hash, key.secret).update(priorMac(mac));
  }
}

function reasonOf(error: number): ReplyVerification {
  return tsigErrorName(error) ?? 'refused';
}
