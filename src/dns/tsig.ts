/**
 * Requests signed by a shared key (RFC 8945), and the signing of what is answered: one message, or the many of a
 * transfer, each of which is signed over the signature of the one before it.
 */
import { timingSafeEqual } from 'node:crypto';
import type { DomainName } from './name.ts';
import { readU16 } from './rdata-wire.ts';
import { algorithmOfName, type TsigAlgorithm, type TsigKey } from './tsig-key.ts';
import {
  appendTsig,
  FUDGE,
  macOf,
  priorMac,
  readTsig,
  type Signature,
  TsigError,
  type TsigRecord,
  timers,
  tsigOctets,
  unsignedPart,
  variables,
} from './tsig-record.ts';

/** Keys by their names. */
export type TsigKeys = ReadonlyMap<DomainName, TsigKey>;

export type Verification =
  | { readonly kind: 'good'; readonly signature: Signature }
  /** The answer is FORMERR. */
  | { readonly kind: 'malformed' }
  /** The answer is NOTAUTH, with the TSIG record that `signError` makes. */
  | { readonly kind: 'bad'; readonly error: TsigError; readonly refusal: Refusal };

/** What of a refused request its answer repeats. */
export interface Refusal {
  readonly error: TsigError;
  readonly record: Pick<TsigRecord, 'keyName' | 'algorithmName' | 'timeSigned' | 'fudge' | 'mac'>;
  /** Present where the answer is to be signed. */
  readonly signature: Signature | undefined;
}

export interface VerifyOptions {
  readonly keys: TsigKeys;
  /** May the weak algorithms be used? For keys that name one themselves they may. */
  isAllowed(algorithm: TsigAlgorithm): boolean;
  /** Unix seconds. */
  readonly now: number;
}

/**
 * Verifies a request (RFC 8945 §5.2), in the order of the RFC: key, MAC, time, length of the MAC.
 * @param offset where its TSIG record begins
 */
export function verifyRequest(packet: Uint8Array, offset: number, options: VerifyOptions): Verification {
  const record = readTsig(packet, offset);
  if (record === undefined) return { kind: 'malformed' };
  const bad = (error: TsigError, signature?: Signature): Verification => ({
    kind: 'bad',
    error,
    refusal: { error, record, signature },
  });
  const algorithm = algorithmOfName(record.algorithmName);
  const key = options.keys.get(record.keyName);
  if (key === undefined || algorithm === undefined || !isUsable(key, algorithm, options)) return bad(TsigError.BADKEY);
  const { mac } = record;
  if (mac.length > algorithm.octets || mac.length < Math.max(10, algorithm.octets / 2)) return { kind: 'malformed' };
  const expected = macOf(algorithm, key.secret, [unsignedPart(packet, offset, record), variables(record)]);
  if (!timingSafeEqual(expected.subarray(0, mac.length), mac)) return bad(TsigError.BADSIG);
  const signature = { key, algorithm, mac };
  if (Math.abs(options.now - record.timeSigned) > record.fudge) return bad(TsigError.BADTIME, signature);
  if (mac.length < algorithm.octets) return bad(TsigError.BADTRUNC, signature);
  return { kind: 'good', signature };
}

function isUsable(key: TsigKey, algorithm: TsigAlgorithm, { isAllowed }: VerifyOptions): boolean {
  return key.algorithm === undefined ? isAllowed(algorithm) : key.algorithm.name === algorithm.name;
}

/** Signs the answers to one request, in order: the first over the request's MAC, each later one over that before it. */
export class ReplySigner {
  /** What signing adds to a message at most. */
  readonly octets: number;
  readonly #signature: Signature;
  readonly #now: () => number;
  #prior: Uint8Array;
  #isFirst = true;

  /** @param now Unix seconds */
  constructor(signature: Signature, now: () => number) {
    const { key, algorithm, mac } = signature;
    this.octets = tsigOctets(key.name, algorithm.name, algorithm.octets);
    this.#signature = signature;
    this.#now = now;
    this.#prior = mac;
  }

  apply(message: Buffer): Buffer {
    const { key, algorithm } = this.#signature;
    const head = {
      keyName: key.name,
      algorithmName: algorithm.name,
      timeSigned: Math.floor(this.#now()),
      fudge: FUDGE,
      error: TsigError.NONE,
      other: new Uint8Array(),
    };
    const last = this.#isFirst ? variables(head) : timers(head);
    const mac = macOf(algorithm, key.secret, [priorMac(this.#prior), message, last]);
    this.#isFirst = false;
    this.#prior = mac;
    return appendTsig(message, { ...head, mac, originalId: readU16(message, 0) });
  }
}

/**
 * The answer's TSIG record for a request that was refused: signed where the request's MAC was right (RFC 8945 §5.2.3,
 * §5.2.4), with no MAC otherwise (§5.3.2).
 * @param now Unix seconds
 */
export function signError(message: Buffer, { error, record, signature }: Refusal, now: number): Buffer {
  const other = Buffer.alloc(error === TsigError.BADTIME ? 6 : 0);
  if (error === TsigError.BADTIME) other.writeUIntBE(Math.floor(now), 0, 6);
  const head = {
    keyName: record.keyName,
    algorithmName: record.algorithmName,
    timeSigned: error === TsigError.BADTIME ? record.timeSigned : Math.floor(now),
    fudge: error === TsigError.BADTIME ? record.fudge : FUDGE,
    error,
    other,
  };
  const mac = signature
    ? macOf(signature.algorithm, signature.key.secret, [priorMac(record.mac), message, variables(head)])
    : new Uint8Array();
  return appendTsig(message, { ...head, mac, originalId: readU16(message, 0) });
}

/** What `signError` adds to a message at most. */
export function errorOctets({ record }: Refusal): number {
  return tsigOctets(record.keyName, record.algorithmName, 64);
}
