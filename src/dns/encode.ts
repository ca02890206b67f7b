/**
 * Messages onto the wire (RFC 1035 §4.1, EDNS of RFC 6891).
 *
 * A message is written record by record into a buffer that is reused, names compressed, until a record no longer fits:
 * then that one and all after it are left out and TC is set. What is kept is so a prefix of answer, authority and
 * additional section, in that order (RFC 2181 §9 leaves the choice; CoreDNS cuts the same way). The OPT record always
 * stays.
 */
import { type DomainName, isSubdomain } from './name.ts';
import { NameWriter } from './name-writer.ts';
import { putU16, putU32, writeNamelessRdata, writeSoaFields } from './rdata-writer.ts';
import { type Rcode, type Rdata, type ResourceRecord, RRClass, RRType } from './rrset.ts';

/** Octets that a message may have: two octets count them on TCP. */
export const MAX_MESSAGE = 65_535;
/** What every client takes over UDP (RFC 1035 §4.2.1), EDNS or not (RFC 6891 §6.2.3). */
export const MIN_UDP = 512;
/** Room for a whole message and the record that no longer fits in it. */
const CAPACITY = 3 * 65_536;

/** Bits of the header's second word (RFC 1035 §4.1.1, RFC 4035 §3). */
export const Flag = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;

/** One option of an OPT record (RFC 6891 §6.1.2). */
export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

/** What an OPT record says. */
export interface Edns {
  readonly version: number;
  /** The sender's UDP payload size, octets. */
  readonly udpSize: number;
  readonly isDnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

export interface Question {
  readonly name: DomainName;
  /** Presentation text as it was sent: as long as `name`, other letter case. */
  readonly spelling: string;
  readonly type: RRType;
  readonly class: RRClass;
}

/** What a reply copies from its query. */
export interface ReplyTo {
  readonly id: number;
  readonly opcode: number;
  readonly isRecursionDesired: boolean;
  readonly isCheckingDisabled: boolean;
  readonly question: Question;
}

/** The content of one reply. */
export interface ReplyContent {
  /** Above 15 only with EDNS (RFC 6891 §6.1.3). */
  readonly rcode: Rcode;
  readonly isAuthoritative: boolean;
  readonly isRecursionAvailable?: boolean;
  readonly isTruncated?: boolean;
  readonly isAuthenticData?: boolean;
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  /** Names that end in it get that part as the question spells it. */
  readonly spelledZone?: DomainName;
  /** Names are written as they are, whatever the question spells. */
  readonly isLowerCase?: boolean;
  /** Of all records; absent: IN, whatever the question's class. */
  readonly recordClass?: RRClass;
}

export interface Encoded {
  /** A copy of its own. */
  readonly message: Buffer;
  /** Offset of each SOA record's serial (four octets), so that a kept message can be sent with a newer one. */
  readonly serialOffsets: readonly number[];
  /** Records kept. */
  readonly answers: number;
  readonly authorities: number;
  /** Without the OPT record. */
  readonly additionals: number;
  readonly isTruncated: boolean;
}

export type Section = 'answer' | 'authority' | 'additional';
const COUNT_AT = { answer: 6, authority: 8, additional: 10 } as const;
const NO_OFFSETS: readonly number[] = [];

/**
 * Writes messages, one after the other. `begin`, any number of `add` in the order of sections, `finish`; or a whole reply
 * by `encodeReply`. It owns some hundred kilobytes: make one per thread or stream, not per message.
 */
export class MessageEncoder {
  readonly #buffer = Buffer.alloc(CAPACITY);
  readonly #names = new NameWriter(this.#buffer);
  #at = 0;
  #limit = MAX_MESSAGE;
  /** Octets kept back for the OPT record. */
  #reserved = 0;
  #flags = 0;
  #edns: Edns | undefined;
  #extendedRcode = 0;
  #isFull = false;
  #answers = 0;
  #authorities = 0;
  #additionals = 0;
  #serialOffsets: number[] = [];
  /** Question and zone whose letter case is to be kept; `#spelling` is empty when there is nothing to keep. */
  #questionName = '';
  #spelling = '';
  #spelledZone: DomainName | undefined;
  #recordClass: RRClass = RRClass.IN;

  /**
   * Begins a message.
   * @param flags bits of `Flag` and the opcode (`opcode << 11`)
   * @param rcode the low four bits go to the header, the others to the OPT record
   * @param limit octets that the message may have, OPT included; room for a TSIG record is the caller's to leave
   * @param spelled given: the question's name is written as the question spells it where it owns an answer, and other names
   *   that end in `zone`, but for what a CNAME leads to, get that part so; absent: records are written as they are
   */
  begin(
    id: number,
    flags: number,
    rcode: Rcode,
    question: Question | undefined,
    limit: number,
    edns?: Edns,
    spelled?: { readonly zone?: DomainName | undefined },
  ): void {
    const buffer = this.#buffer;
    this.#names.begin();
    this.#limit = Math.min(limit, MAX_MESSAGE);
    this.#flags = flags | (rcode & 15);
    this.#extendedRcode = (rcode >> 4) & 255;
    this.#edns = edns;
    this.#isFull = false;
    this.#answers = this.#authorities = this.#additionals = 0;
    this.#serialOffsets = NO_OFFSETS as number[];
    putU16(buffer, id, 0);
    putU16(buffer, 0, 4);
    this.#at = 12;
    this.#spelling = '';
    this.#spelledZone = undefined;
    this.#recordClass = RRClass.IN;
    if (question !== undefined) {
      buffer[5] = 1;
      const at = this.#names.write(question.spelling, 12, false);
      putU16(this.#buffer, question.type, at);
      putU16(this.#buffer, question.class, at + 2);
      this.#at = at + 4;
      if (spelled !== undefined && question.spelling !== question.name) {
        this.#questionName = question.name;
        this.#spelling = question.spelling;
        const { zone } = spelled;
        if (zone !== undefined && isSubdomain(question.name, zone)) this.#spelledZone = zone;
      }
    }
    this.#reserved = edns === undefined ? 0 : optLength(edns);
    if (this.#at + this.#reserved > this.#limit && edns !== undefined && edns.options.length > 0) {
      // A long EDE text beside a long name: the options are the part that can be spared.
      this.#edns = { ...edns, options: [] };
      this.#reserved = 11;
    }
  }

  /**
   * Writes a record.
   * @returns false when it doesn't fit: then nothing of it is written, and later records of the message are refused too
   */
  add(section: Section, owner: DomainName, type: RRType, ttl: number, rdata: Rdata): boolean {
    if (this.#isFull) return false;
    const end = this.#writeRecord(section, owner, type, ttl, rdata);
    if (end + this.#reserved > this.#limit) {
      this.#isFull = true;
      const offsets = this.#serialOffsets;
      if (offsets.length > 0 && (offsets[offsets.length - 1] as number) >= this.#at) offsets.pop();
      return false;
    }
    this.#at = end;
    if (section === 'answer') this.#answers += 1;
    else if (section === 'authority') this.#authorities += 1;
    else this.#additionals += 1;
    return true;
  }

  /** Octets that the message has so far, its OPT record included. */
  get length(): number {
    return this.#at + this.#reserved;
  }

  /** Ends the message: OPT record, counts, flags. TC is set when a record was refused. */
  finish(): Encoded {
    const isTruncated = this.#isFull || (this.#flags & Flag.TC) !== 0;
    return {
      message: this.#end(isTruncated),
      serialOffsets: this.#serialOffsets,
      answers: this.#answers,
      authorities: this.#authorities,
      additionals: this.#additionals,
      isTruncated,
    };
  }

  /** Ends a message of many: as `finish`, but a refused record is one for the next message, and sets no TC. */
  finishPart(): Buffer {
    return this.#end(false);
  }

  /**
   * Writes a whole reply to a query with opcode, id and (of a QUERY) RD and CD copied.
   * @param limit octets at most: for UDP `udpLimit(query.edns)` or less, for TCP `MAX_MESSAGE`
   * @param edns the OPT record to send; absent: none, as the query had none (RFC 6891 §7)
   */
  encodeReply(query: ReplyTo, reply: ReplyContent, limit: number, edns?: Edns): Encoded {
    let flags = Flag.QR | (query.opcode << 11);
    if (reply.isAuthoritative) flags |= Flag.AA;
    if (reply.isTruncated) flags |= Flag.TC;
    if (reply.isRecursionAvailable) flags |= Flag.RA;
    if (reply.isAuthenticData) flags |= Flag.AD;
    // Recursion is a matter of queries: a NOTIFY's answer has neither bit, as CoreDNS does it.
    if (query.opcode === 0 && query.isRecursionDesired) flags |= Flag.RD;
    if (query.opcode === 0 && query.isCheckingDisabled) flags |= Flag.CD;
    const spelled = reply.isLowerCase ? undefined : { zone: reply.spelledZone };
    this.begin(query.id, flags, reply.rcode, query.question, limit, edns, spelled);
    this.#recordClass = reply.recordClass ?? RRClass.IN;
    this.#addAll('answer', reply.answer);
    this.#addAll('authority', reply.authority);
    this.#addAll('additional', reply.additional);
    return this.finish();
  }

  #addAll(section: Section, records: readonly ResourceRecord[]): void {
    for (const { owner, type, ttl, rdata } of records) if (!this.add(section, owner, type, ttl, rdata)) return;
  }

  #end(isTruncated: boolean): Buffer {
    const buffer = this.#buffer;
    let additionals = this.#additionals;
    if (this.#edns !== undefined) {
      this.#at = putOpt(buffer, this.#at, this.#edns, this.#extendedRcode);
      additionals += 1;
    }
    putU16(this.#buffer, isTruncated ? this.#flags | Flag.TC : this.#flags, 2);
    putU16(this.#buffer, this.#answers, COUNT_AT.answer);
    putU16(this.#buffer, this.#authorities, COUNT_AT.authority);
    putU16(this.#buffer, additionals, COUNT_AT.additional);
    const message = Buffer.allocUnsafe(this.#at);
    buffer.copy(message, 0, 0, this.#at);
    return message;
  }

  /** An owner is spelled as the question where it is the question's; what a CNAME led to keeps its own letters. */
  #spelledOwner(section: Section, owner: DomainName): string {
    if (section !== 'answer') return this.#spelled(owner);
    return owner === this.#questionName && this.#spelling !== '' ? this.#spelling : owner;
  }

  /** The name, its part in the zone to be spelled with the letters of the question. */
  #spelled(name: DomainName): string {
    const zone = this.#spelledZone;
    if (zone === undefined || zone === '.' || !isSubdomain(name, zone)) return name;
    return name.slice(0, name.length - zone.length) + this.#spelling.slice(this.#spelling.length - zone.length);
  }

  #writeRecord(section: Section, owner: DomainName, type: RRType, ttl: number, rdata: Rdata): number {
    let at = this.#names.write(this.#spelledOwner(section, owner), this.#at, true);
    putU16(this.#buffer, type, at);
    putU16(this.#buffer, this.#recordClass, at + 2);
    putU32(this.#buffer, ttl, at + 4);
    const data = at + 10;
    at = this.#writeRdata(rdata, data);
    putU16(this.#buffer, at - data, data - 2);
    return at;
  }

  #writeRdata(rdata: Rdata, at: number): number {
    const names = this.#names;
    switch (rdata.type) {
      case 'CNAME':
        return names.write(rdata.spelling ?? rdata.target, at, true);
      case 'NS':
      case 'PTR':
        return names.write(rdata.spelling ?? this.#spelled(rdata.target), at, true);
      case 'SRV':
        putU16(this.#buffer, rdata.priority, at);
        putU16(this.#buffer, rdata.weight, at + 2);
        putU16(this.#buffer, rdata.port, at + 4);
        return names.write(this.#spelled(rdata.target), at + 6, false);
      case 'MX':
        putU16(this.#buffer, rdata.preference, at);
        return names.write(this.#spelled(rdata.target), at + 2, true);
      case 'SOA': {
        const fields = names.write(this.#spelled(rdata.rname), names.write(this.#spelled(rdata.mname), at, true), true);
        if (this.#serialOffsets === NO_OFFSETS) this.#serialOffsets = [];
        this.#serialOffsets.push(fields);
        return writeSoaFields(this.#buffer, fields, rdata);
      }
      default:
        return writeNamelessRdata(this.#buffer, at, rdata);
    }
  }
}

/** Writes an OPT record (RFC 6891 §6.1.2) and gives the offset after it. */
function putOpt(buffer: Buffer, start: number, edns: Edns, extendedRcode: number): number {
  buffer[start] = 0;
  putU16(buffer, RRType.OPT, start + 1);
  putU16(buffer, edns.udpSize, start + 3);
  buffer[start + 5] = extendedRcode;
  buffer[start + 6] = edns.version;
  putU16(buffer, edns.isDnssecOk ? 0x8000 : 0, start + 7);
  putU16(buffer, optLength(edns) - 11, start + 9);
  let at = start + 11;
  for (const { code, data } of edns.options) {
    putU16(buffer, code, at);
    putU16(buffer, data.length, at + 2);
    buffer.set(data, at + 4);
    at += 4 + data.length;
  }
  return at;
}

/**
 * A copy of a message that was finished without an OPT record, with one if it is given.
 * @throws RangeError when it is too long with it
 */
export function withOpt(message: Uint8Array, edns: Edns | undefined): Buffer {
  const length = message.length + (edns === undefined ? 0 : optLength(edns));
  if (length > MAX_MESSAGE) throw new RangeError(`a message of ${length} octets: ${MAX_MESSAGE} is the most`);
  const copy = Buffer.allocUnsafe(length);
  copy.set(message);
  if (edns === undefined) return copy;
  putOpt(copy, message.length, edns, 0);
  copy.writeUInt16BE(copy.readUInt16BE(COUNT_AT.additional) + 1, COUNT_AT.additional);
  return copy;
}

function optLength(edns: Edns): number {
  let length = 11;
  for (const { data } of edns.options) length += 4 + data.length;
  return length;
}

/** Octets that a reply over UDP may have: what the client says it takes, 512 at least. */
export function udpLimit(edns: Edns | undefined): number {
  return Math.max(MIN_UDP, edns?.udpSize ?? 0);
}

/** The code of the option Extended DNS Error (RFC 8914 §2). */
export const EXTENDED_ERROR_OPTION = 15;

/** What an option of that code says; undefined when it is too short to say anything. */
export function readExtendedError({ data }: EdnsOption): { readonly code: number; readonly text: string } | undefined {
  if (data.length < 2) return undefined;
  const octets = Buffer.from(data);
  // The text may end with a NUL (RFC 8914 §2).
  return { code: octets.readUInt16BE(0), text: octets.toString('utf8', 2).replace(/\0$/, '') };
}

/** Extended DNS Error (RFC 8914 §2): `code` and a text in UTF-8, cut to 255 octets. */
export function extendedErrorOption(error: { readonly code: number; readonly text: string }): EdnsOption {
  const text = Buffer.from(error.text, 'utf8');
  let length = Math.min(text.length, 255);
  // Not in the middle of a character.
  while (length < text.length && length > 0 && ((text[length] as number) & 0xc0) === 0x80) length -= 1;
  const data = new Uint8Array(2 + length);
  data[0] = error.code >> 8;
  data[1] = error.code & 255;
  data.set(text.subarray(0, length), 2);
  return { code: EXTENDED_ERROR_OPTION, data };
}
