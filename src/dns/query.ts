/**
 * Queries off the wire. The header is judged before anything is made (a packet of twelve octets can claim 262,140
 * records), and no packet makes this throw.
 */
import { isLegalOption } from './edns-options.ts';
import type { Edns, Question } from './encode.ts';
import { readPlainName } from './name-wire.ts';
import { readU16 } from './rdata-wire.ts';
import { RecordReader, readOpt, type WireRecord } from './record-reader.ts';
import { Rcode, RRType } from './rrset.ts';

export const Opcode = { QUERY: 0, NOTIFY: 4 } as const;

/** One well-formed query or NOTIFY. */
export interface Query {
  readonly id: number;
  readonly opcode: number;
  readonly isRecursionDesired: boolean;
  readonly isCheckingDisabled: boolean;
  readonly isAuthenticData: boolean;
  readonly question: Question;
  /** Offset after the question: octets 12 to here are the question as sent, a key for caches. */
  readonly questionEnd: number;
  /** A NOTIFY may carry the new SOA here (RFC 1996 §3.7). */
  readonly answer: readonly WireRecord[];
  /** An IXFR request carries the client's SOA here (RFC 1995 §3). */
  readonly authority: readonly WireRecord[];
  readonly edns: Edns | undefined;
  /** Offset of the TSIG record, which is the last one; absent: not signed. */
  readonly tsigOffset?: number;
}

/** A packet that gets no answer: too short to be a message, or a response. */
export interface DroppedPacket {
  readonly reject: 'drop';
}

/** A packet that gets an error as the answer: a header, and the question where it is legible. */
export interface RejectedQuery {
  readonly reject: 'formerr' | 'notimp';
  readonly rcode: Rcode;
  readonly id: number;
  readonly opcode: number;
  /** Of the header: TC, RD, RA, AD and CD go back as they came, as the peer has it. */
  readonly flags: number;
  /** The octets of the question; empty: none that could be read. */
  readonly question: Uint8Array;
}

const DROPPED: DroppedPacket = { reject: 'drop' };
const NO_RECORDS: readonly WireRecord[] = [];
const NO_OCTETS = new Uint8Array();
/** TC, RD, RA, AD, CD. */
const ECHOED_FLAGS = 0x03b0;

/** Reads one packet from a client. Nothing of the packet is kept by reference. */
export function readQuery(packet: Uint8Array): Query | RejectedQuery | DroppedPacket {
  const { length } = packet;
  if (length < 12) return DROPPED;
  const flags = readU16(packet, 2);
  if ((flags & 0x8000) !== 0) return DROPPED;
  const opcode = (flags >> 11) & 15;
  if (opcode !== Opcode.QUERY && opcode !== Opcode.NOTIFY) return rejected('notimp', packet, flags);
  const answers = readU16(packet, 6);
  const authorities = readU16(packet, 8);
  const additionals = readU16(packet, 10);
  if (readU16(packet, 4) !== 1 || answers > 1 || authorities > 1 || additionals > 2) {
    return rejected('formerr', packet, flags);
  }
  const read = readPlainName(packet, 12, length);
  if (read === undefined || read.end + 4 > length) return rejected('formerr', packet, flags);
  const { name, spelling, end } = read;
  const question = { name, spelling, type: readU16(packet, end), class: readU16(packet, end + 2) };
  const questionEnd = end + 4;

  let answer = NO_RECORDS;
  let authority = NO_RECORDS;
  let extra = NO_EXTRA;
  if (answers + authorities + additionals > 0) {
    const records = new RecordReader(packet, questionEnd);
    if (answers > 0) answer = readPlainRecords(records);
    if (authorities > 0) authority = readPlainRecords(records);
    if (additionals > 0) {
      const found = readExtra(records, additionals);
      if (found === undefined) return rejected('formerr', packet, flags, questionEnd);
      extra = found;
    }
    if (records.isBroken) return rejected('formerr', packet, flags, questionEnd);
  }
  const query = {
    id: readU16(packet, 0),
    opcode,
    isRecursionDesired: (flags & 0x0100) !== 0,
    isCheckingDisabled: (flags & 0x0010) !== 0,
    isAuthenticData: (flags & 0x0020) !== 0,
    question,
    questionEnd,
    answer,
    authority,
    edns: extra.edns,
  };
  return extra.tsigOffset === undefined ? query : { ...query, tsigOffset: extra.tsigOffset };
}

/** The one record of an answer or authority section: neither OPT (RFC 6891 §6.1.1) nor TSIG (RFC 8945 §5.1) may be there. */
function readPlainRecords(records: RecordReader): readonly WireRecord[] {
  if (!records.next()) return NO_RECORDS;
  if (records.type === RRType.OPT || records.type === RRType.TSIG) {
    records.isBroken = true;
    return NO_RECORDS;
  }
  const record = records.record();
  return record === undefined ? NO_RECORDS : [record];
}

interface Extra {
  readonly edns: Edns | undefined;
  readonly tsigOffset: number | undefined;
}
const NO_EXTRA: Extra = { edns: undefined, tsigOffset: undefined };

/** The additional section: one OPT at most, a TSIG only at its end, anything else well-formed and of no interest. */
function readExtra(records: RecordReader, count: number): Extra | undefined {
  let edns: Edns | undefined;
  let tsigOffset: number | undefined;
  for (let i = 0; i < count; i++) {
    const start = records.at;
    if (!records.next() || tsigOffset !== undefined) return undefined;
    if (records.type === RRType.OPT) {
      if (edns !== undefined) return undefined;
      edns = readOpt(records);
      if (edns === undefined || !edns.options.every(isLegalOption)) return undefined;
    } else if (records.type === RRType.TSIG) {
      tsigOffset = start;
    } else if (records.record() === undefined) return undefined;
  }
  return { edns, tsigOffset };
}

/** @param questionEnd offset after the question, where it could be read */
function rejected(
  reject: 'formerr' | 'notimp',
  packet: Uint8Array,
  flags: number,
  questionEnd?: number,
): RejectedQuery {
  return {
    reject,
    rcode: reject === 'notimp' ? Rcode.NOTIMP : Rcode.FORMERR,
    id: readU16(packet, 0),
    opcode: (flags >> 11) & 15,
    flags,
    question: questionEnd === undefined ? NO_OCTETS : packet.slice(12, questionEnd),
  };
}

/** The answer to a rejected packet. */
export function encodeRejection({ id, opcode, rcode, flags, question }: RejectedQuery): Buffer {
  const message = Buffer.alloc(12 + question.length);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(0x8000 | (opcode << 11) | (flags & ECHOED_FLAGS) | rcode, 2);
  if (question.length > 0) message.writeUInt16BE(1, 4);
  message.set(question, 12);
  return message;
}
