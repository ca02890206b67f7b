/** TSIG records on the wire, and what of a message is digested (RFC 8945 §4). */
import { createHmac } from 'node:crypto';
import type { DomainName } from './name.ts';
import { MAX_NAME } from './name.ts';
import { readName } from './name-wire.ts';
import { NameWriter } from './name-writer.ts';
import { readU16, readU32 } from './rdata-wire.ts';
import { RecordReader } from './record-reader.ts';
import { RRClass, RRType } from './rrset.ts';
import type { TsigAlgorithm, TsigKey } from './tsig-key.ts';

/** RFC 8945 §3, the error field. */
export const TsigError = { NONE: 0, BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;
export type TsigError = (typeof TsigError)[keyof typeof TsigError];

/** Its name in RFC 8945 §3; undefined for what is none of these. */
export function tsigErrorName(code: number): 'BADSIG' | 'BADKEY' | 'BADTIME' | 'BADTRUNC' | undefined {
  return ERROR_NAMES.find((name) => TsigError[name] === code);
}
const ERROR_NAMES = ['BADSIG', 'BADKEY', 'BADTIME', 'BADTRUNC'] as const;

/** Seconds that clocks may differ by (RFC 8945 §10 recommends it). */
export const FUDGE = 300;

/** A TSIG record, as found in a message. */
export interface TsigRecord {
  readonly keyName: DomainName;
  readonly algorithmName: DomainName;
  /** Unix seconds. */
  readonly timeSigned: number;
  readonly fudge: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  readonly error: number;
  readonly other: Uint8Array;
}

/** Fixed octets of the data after the algorithm's name: time 6, fudge 2, MAC size 2, original id 2, error 2, other size 2. */
const FIXED = 16;

/** @returns undefined when the record can't be read, or its class or TTL is not what it must be (RFC 8945 §4.2) */
export function readTsig(packet: Uint8Array, offset: number): TsigRecord | undefined {
  const records = new RecordReader(packet, offset);
  if (!records.next() || records.type !== RRType.TSIG || records.class !== RRClass.ANY || records.ttl !== 0)
    return undefined;
  const { owner: keyName, dataAt, at: end } = records;
  // It is the last thing in the message.
  if (end !== packet.length) return undefined;
  const algorithm = readName(packet, dataAt, end);
  if (algorithm === undefined || algorithm.end + FIXED > end) return undefined;
  const { name: algorithmName, end: at } = algorithm;
  const macAt = at + 10;
  const macEnd = macAt + readU16(packet, at + 8);
  if (macEnd + 6 > end || macEnd + 6 + readU16(packet, macEnd + 4) !== end) return undefined;
  return {
    keyName,
    algorithmName,
    timeSigned: readU16(packet, at) * 2 ** 32 + readU32(packet, at + 2),
    fudge: readU16(packet, at + 6),
    mac: new Uint8Array(packet.subarray(macAt, macEnd)),
    originalId: readU16(packet, macEnd),
    error: readU16(packet, macEnd + 2),
    other: new Uint8Array(packet.subarray(macEnd + 6, end)),
  };
}

const NAME_BUFFER = Buffer.alloc(2 * MAX_NAME);
const NAMES = new NameWriter(NAME_BUFFER);

function nameOctets(name: DomainName): Buffer {
  return Buffer.from(NAME_BUFFER.subarray(0, NAMES.writePlain(name, 0)));
}

/** The message with the TSIG record at its end, which is not compressed. */
export function appendTsig(message: Uint8Array, record: TsigRecord): Buffer {
  const owner = nameOctets(record.keyName);
  const algorithm = nameOctets(record.algorithmName);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(RRType.TSIG, 0);
  fixed.writeUInt16BE(RRClass.ANY, 2);
  fixed.writeUInt16BE(algorithm.length + FIXED + record.mac.length + record.other.length, 8);
  const sizes = Buffer.alloc(2);
  sizes.writeUInt16BE(record.mac.length, 0);
  const rest = Buffer.alloc(6);
  rest.writeUInt16BE(record.originalId, 0);
  rest.writeUInt16BE(record.error, 2);
  rest.writeUInt16BE(record.other.length, 4);
  const signed = Buffer.concat([
    message,
    owner,
    fixed,
    algorithm,
    timers(record),
    sizes,
    record.mac,
    rest,
    record.other,
  ]);
  signed.writeUInt16BE(readU16(message, 10) + 1, 10);
  return signed;
}

export function timers({ timeSigned, fudge }: Pick<TsigRecord, 'timeSigned' | 'fudge'>): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeUIntBE(timeSigned, 0, 6);
  octets.writeUInt16BE(fudge, 6);
  return octets;
}

/** The TSIG variables that are digested (RFC 8945 §4.3.3). */
export function variables(record: Omit<TsigRecord, 'mac' | 'originalId'>): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(RRClass.ANY, 0);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(record.error, 0);
  tail.writeUInt16BE(record.other.length, 2);
  const { keyName, algorithmName, other } = record;
  return Buffer.concat([nameOctets(keyName), head, nameOctets(algorithmName), timers(record), tail, other]);
}

/** The MAC of the message before, with its length (RFC 8945 §5.3.1, §5.4.1). */
export function priorMac(mac: Uint8Array): Buffer {
  const octets = Buffer.alloc(2 + mac.length);
  octets.writeUInt16BE(mac.length, 0);
  octets.set(mac, 2);
  return octets;
}

/** The message as its signer had it: without the TSIG record, with the id that it had there. */
export function unsignedPart(packet: Uint8Array, offset: number, { originalId }: TsigRecord): Buffer {
  const message = Buffer.from(packet.subarray(0, offset));
  message.writeUInt16BE(originalId, 0);
  message.writeUInt16BE(readU16(packet, 10) - 1, 10);
  return message;
}

export function macOf({ hash }: TsigAlgorithm, secret: Uint8Array, parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac(hash, secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** Who signed a message, and all that is needed to sign or to verify the answer. */
export interface Signature {
  readonly key: TsigKey;
  readonly algorithm: TsigAlgorithm;
  readonly mac: Uint8Array;
}

/** Octets that a TSIG record of this key adds to a message at most. */
export function tsigOctets(keyName: DomainName, algorithmName: DomainName, macOctets: number): number {
  return nameOctets(keyName).length + 10 + nameOctets(algorithmName).length + FIXED + macOctets + 6;
}
