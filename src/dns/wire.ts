/**
 * Whole messages off the wire: replies of other servers, transfers, and the packets of tests. Queries of clients have a
 * stricter and faster reader of their own in query.ts, the writing side is encode.ts.
 */
import type { Edns, Question } from './encode.ts';
import { readName } from './name-wire.ts';
import { readU16 } from './rdata-wire.ts';
import { RecordReader, readOpt, type WireRecord } from './record-reader.ts';
import { type Rcode, RRType } from './rrset.ts';

export interface Message {
  readonly id: number;
  readonly opcode: number;
  /** With the eight high bits of the OPT record, if there is one. */
  readonly rcode: Rcode;
  readonly isResponse: boolean;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly isRecursionDesired: boolean;
  readonly isRecursionAvailable: boolean;
  readonly isAuthenticData: boolean;
  readonly isCheckingDisabled: boolean;
  readonly questions: readonly Question[];
  readonly answer: readonly WireRecord[];
  readonly authority: readonly WireRecord[];
  /** Without the OPT and the TSIG record. */
  readonly additional: readonly WireRecord[];
  readonly edns: Edns | undefined;
  /** Offset of the TSIG record; absent: not signed. */
  readonly tsigOffset?: number;
}

/**
 * Reads a message. Lists grow with what is read, never with what the header claims.
 * @returns undefined when it is malformed: then nothing of it is of use
 */
export function readMessage(packet: Uint8Array): Message | undefined {
  const { length } = packet;
  if (length < 12) return undefined;
  const flags = readU16(packet, 2);
  const questions: Question[] = [];
  let at = 12;
  for (let i = readU16(packet, 4); i > 0; i--) {
    const read = readName(packet, at, length);
    if (read === undefined || read.end + 4 > length) return undefined;
    const { name, spelling, end } = read;
    questions.push({ name, spelling, type: readU16(packet, end), class: readU16(packet, end + 2) });
    at = end + 4;
  }
  const records = new RecordReader(packet, at);
  const answer = readSection(records, readU16(packet, 6));
  const authority = readSection(records, readU16(packet, 8));
  if (records.isBroken) return undefined;

  const additional: WireRecord[] = [];
  let edns: Edns | undefined;
  let extendedRcode = 0;
  let tsigOffset: number | undefined;
  for (let i = readU16(packet, 10); i > 0; i--) {
    const start = records.at;
    if (!records.next() || tsigOffset !== undefined) return undefined;
    if (records.type === RRType.OPT) {
      if (edns !== undefined) return undefined;
      edns = readOpt(records);
      if (edns === undefined) return undefined;
      extendedRcode = records.ttl >>> 24;
    } else if (records.type === RRType.TSIG) {
      tsigOffset = start;
    } else {
      const record = records.record();
      if (record === undefined) return undefined;
      additional.push(record);
    }
  }
  return {
    id: readU16(packet, 0),
    opcode: (flags >> 11) & 15,
    rcode: (flags & 15) | (extendedRcode << 4),
    isResponse: (flags & 0x8000) !== 0,
    isAuthoritative: (flags & 0x0400) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    isRecursionDesired: (flags & 0x0100) !== 0,
    isRecursionAvailable: (flags & 0x0080) !== 0,
    isAuthenticData: (flags & 0x0020) !== 0,
    isCheckingDisabled: (flags & 0x0010) !== 0,
    questions,
    answer,
    authority,
    additional,
    edns,
    ...(tsigOffset === undefined ? {} : { tsigOffset }),
  };
}

/** `count` records, none of which may be OPT or TSIG; stops where `records` breaks. */
function readSection(records: RecordReader, count: number): WireRecord[] {
  const section: WireRecord[] = [];
  for (let i = 0; i < count && records.next(); i++) {
    if (records.type === RRType.OPT || records.type === RRType.TSIG) {
      records.isBroken = true;
      break;
    }
    const record = records.record();
    if (record === undefined) break;
    section.push(record);
  }
  return section;
}
