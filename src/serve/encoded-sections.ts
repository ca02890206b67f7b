/**
 * Messages of other servers, and of the cache, that are sent on as octets: only the id, the flags, the spelling of the
 * question, the TTLs and the OPT record are written anew.
 */
import { type Edns, type Encoded, Flag } from '../dns/encode.ts';
import { NameWriter } from '../dns/name-writer.ts';
import { type ResourceRecord, RRType } from '../dns/rrset.ts';
import type { Reply, Request } from './chain.ts';

/** A message with one question and without OPT and TSIG records, and what it says, decoded. */
export interface EncodedSections {
  /** Whole; what its header says beside the counts is of no interest. */
  readonly message: Buffer;
  readonly layout: Layout;
  /** The lists that the message holds. */
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

/** Where the parts of a message are, as offsets. */
export interface Layout {
  /** After the question. */
  readonly questionEnd: number;
  /** The TTL of each record but OPT. */
  readonly ttlOffsets: readonly number[];
  /** Where the OPT record begins; −1: there is none. */
  readonly optStart: number;
  /** After the last record. */
  readonly end: number;
}

/** Octets of an OPT record without options. */
const BARE_OPT = 11;

/**
 * Finds the parts of a message with one question.
 * @returns undefined when its records don't fit into it, or it has not one question
 */
export function layoutOf(message: Uint8Array): Layout | undefined {
  if (message.length < 12 || readU16(message, 4) !== 1) return undefined;
  const questionEnd = skipName(message, 12) + 4;
  if (questionEnd < 17 || questionEnd > message.length) return undefined;
  const count = readU16(message, 6) + readU16(message, 8) + readU16(message, 10);
  const ttlOffsets: number[] = [];
  let optStart = -1;
  let at = questionEnd;
  for (let i = 0; i < count; i++) {
    const fixed = skipName(message, at);
    if (fixed < 0 || fixed + 10 > message.length) return undefined;
    if (readU16(message, fixed) === RRType.OPT) optStart = at;
    else ttlOffsets.push(fixed + 4);
    at = fixed + 10 + readU16(message, fixed + 8);
    if (at > message.length) return undefined;
  }
  return { questionEnd, ttlOffsets, optStart, end: at };
}

/** The types of the records in the authority section, as far as they can be read. */
export function typesOfAuthority(message: Uint8Array): number[] {
  const types: number[] = [];
  let at = 12;
  for (let i = 0; i < readU16(message, 4); i++) at = skipName(message, at) + 4;
  const answers = readU16(message, 6);
  const count = answers + readU16(message, 8);
  for (let i = 0; i < count; i++) {
    const fixed = skipName(message, at);
    if (fixed < 0 || fixed + 10 > message.length) break;
    if (i >= answers) types.push(readU16(message, fixed));
    at = fixed + 10 + readU16(message, fixed + 8);
  }
  return types;
}

/** The offset after the name at `at`, or −1 when it passes the end. Where pointers lead is not looked at. */
function skipName(message: Uint8Array, start: number): number {
  for (let at = start; at < message.length; ) {
    const size = message[at] as number;
    if (size === 0) return at + 1;
    if (size >= 0xc0) return at + 2 <= message.length ? at + 2 : -1;
    at += size + 1;
  }
  return -1;
}

/** Writes the same TTL, in seconds, into all records. */
export function writeTtls(message: Uint8Array, ttlOffsets: readonly number[], ttl: number): void {
  const high = ttl >>> 16;
  const low = ttl & 0xffff;
  for (const at of ttlOffsets) {
    message[at] = high >> 8;
    message[at + 1] = high;
    message[at + 2] = low >> 8;
    message[at + 3] = low;
  }
}

/** Have all records this TTL? */
export function hasTtls(message: Uint8Array, ttlOffsets: readonly number[], ttl: number): boolean {
  return ttlOffsets.every((at) => readU16(message, at) * 65_536 + readU16(message, at + 2) === ttl);
}

/**
 * The reply made of its encoded sections.
 * @param limit octets at most
 * @param edns the OPT record to send
 * @returns undefined when that can't be: there are none, a plugin has changed a section, or they are too long
 */
export function encodeSections(
  request: Request,
  reply: Reply,
  limit: number,
  edns: Edns | undefined,
): Encoded | undefined {
  const { encoded } = reply;
  if (encoded === undefined || !isCurrent(encoded, reply)) return undefined;
  const { message: stored, layout } = encoded;
  const optLength = edns === undefined ? 0 : lengthOfOpt(edns);
  if (layout.end + optLength > limit) return undefined;
  const message = Buffer.allocUnsafe(layout.end + optLength);
  stored.copy(message, 0, 0, layout.end);
  const isSame = writeQuestion(message, layout.questionEnd, request.question, reply.isLowerCase !== true);
  if (!isSame) return undefined;
  writeU16(message, 0, request.id);
  writeU16(message, 2, flagsOf(request, reply));
  if (edns !== undefined) {
    writeOpt(message, layout.end, edns, reply.rcode);
    writeU16(message, 10, readU16(message, 10) + 1);
  }
  return {
    message,
    serialOffsets: [],
    answers: reply.answer.length,
    authorities: reply.authority.length,
    additionals: reply.additional.length,
    isTruncated: reply.isTruncated === true,
  };
}

/** Are the octets those of the reply's sections? */
export function isCurrent(encoded: EncodedSections, reply: Reply): boolean {
  return (
    encoded.answer === reply.answer && encoded.authority === reply.authority && encoded.additional === reply.additional
  );
}

function flagsOf(request: Request, reply: Reply): number {
  const { isRecursionDesired = request.isRecursionDesired } = reply;
  let flags = Flag.QR | (request.opcode << 11) | (reply.rcode & 15);
  if (reply.isAuthoritative) flags |= Flag.AA;
  if (reply.isTruncated) flags |= Flag.TC;
  if (isRecursionDesired) flags |= Flag.RD;
  if (reply.isRecursionAvailable) flags |= Flag.RA;
  if (reply.isAuthenticData) flags |= Flag.AD;
  if (request.isCheckingDisabled) flags |= Flag.CD;
  return flags;
}

const SPELLED = Buffer.alloc(1024);
const SPELLER = new NameWriter(SPELLED);

/**
 * Writes the question as the client spells it (0x20).
 * @param mayDiffer records may point to the question's name, and so change their spelling with it
 * @returns false when the message is about another question
 */
function writeQuestion(
  message: Buffer,
  questionEnd: number,
  question: Request['question'],
  mayDiffer: boolean,
): boolean {
  const nameEnd = questionEnd - 4;
  if (readU16(message, nameEnd) !== question.type || readU16(message, nameEnd + 2) !== question.class) return false;
  if (SPELLER.writePlain(question.spelling, 0) !== nameEnd - 12) return false;
  for (let i = 0, at = 12; at < nameEnd; i++, at++) {
    const wanted = SPELLED[i] as number;
    const there = message[at] as number;
    if (wanted === there) continue;
    if (!mayDiffer || (wanted | 0x20) !== (there | 0x20) || !isLetter(wanted)) return false;
    message[at] = wanted;
  }
  return true;
}

function isLetter(octet: number): boolean {
  const lower = octet | 0x20;
  return lower >= 97 && lower <= 122;
}

function lengthOfOpt({ options }: Edns): number {
  let length = BARE_OPT;
  for (const { data } of options) length += 4 + data.length;
  return length;
}

function writeOpt(message: Buffer, start: number, edns: Edns, rcode: number): void {
  message[start] = 0;
  writeU16(message, start + 1, RRType.OPT);
  writeU16(message, start + 3, edns.udpSize);
  message[start + 5] = (rcode >> 4) & 255;
  message[start + 6] = edns.version;
  writeU16(message, start + 7, edns.isDnssecOk ? 0x8000 : 0);
  writeU16(message, start + 9, lengthOfOpt(edns) - BARE_OPT);
  let at = start + BARE_OPT;
  for (const { code, data } of edns.options) {
    writeU16(message, at, code);
    writeU16(message, at + 2, data.length);
    message.set(data, at + 4);
    at += 4 + data.length;
  }
}

function readU16(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 8) | (octets[at + 1] as number);
}

function writeU16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8;
  octets[at + 1] = value;
}
