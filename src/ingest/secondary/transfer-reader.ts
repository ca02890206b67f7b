/**
 * The messages of a transfer that another server sends, as the version of the zone that they lead to (RFC 5936 §2.2,
 * RFC 1995 §4). No socket in here. Nothing of what comes is believed: a transfer with one fault counts for nothing.
 */
import type { EdnsOption } from '../../dns/encode.ts';
import { type DomainName, isSubdomain } from '../../dns/name.ts';
import { readU32 } from '../../dns/rdata-wire.ts';
import { type RecordEditor, RecordStore } from '../../dns/record-store.ts';
import { Rcode, type ResourceRecord, RRType, type SoaRdata } from '../../dns/rrset.ts';
import { compareSerial, type Serial } from '../../dns/serial.ts';
import { rcodeText, typeText } from '../../dns/type-text.ts';
import { type Message, readMessage } from '../../dns/wire.ts';

export type SoaRecord = ResourceRecord & { readonly rdata: SoaRdata };

/** What is taken of one zone at most. */
export interface ZoneLimits {
  readonly records: number;
  /** Of the records as they are kept (`RecordStore.octets`). */
  readonly octets: number;
}

export interface ExpectedTransfer {
  readonly apex: DomainName;
  readonly type: typeof RRType.AXFR | typeof RRType.IXFR;
  readonly id: number;
  /** What is known of the zone; undefined: nothing. An IXFR is asked for from here. */
  readonly known: RecordStore | undefined;
  readonly limits: ZoneLimits;
  /** Versions that are not newer than what is known are taken too. */
  readonly isForced?: boolean;
}

/** A version that was transferred whole. */
export interface TransferredVersion {
  readonly kind: 'full' | 'incremental';
  readonly records: RecordStore;
  readonly soa: SoaRecord;
  /** Records received, SOA records too. */
  readonly received: number;
}

export type TransferProgress =
  | { readonly kind: 'more' }
  | { readonly kind: 'transferred'; readonly version: TransferredVersion }
  /** An IXFR that brings nothing new. */
  | { readonly kind: 'current'; readonly soa: SoaRecord }
  /** `isDifference`: a whole zone may be had all the same. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isDifference: boolean };

/** RFC 7314 §2. */
const EXPIRE = 9;
/** Types that no zone may hold: TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY, and OPT. */
const isMeta = (type: RRType) => type === RRType.OPT || type === 0 || (type >= 249 && type <= 255);

const MORE: TransferProgress = { kind: 'more' };

class Fault extends Error {}

export class TransferReader {
  readonly #expected: ExpectedTransfer;
  readonly #editor: RecordEditor;
  #first: SoaRecord | undefined;
  /** Of the differences: which SOA record comes next, and what lies between them. */
  #mode: 'unknown' | 'full' | 'removing' | 'adding' | 'ended' = 'unknown';
  #at: SoaRecord | undefined;
  #edit: RecordEditor;
  #received = 0;
  #messages = 0;
  /** Seconds for which the zone is good, as the primary has it (RFC 7314); undefined: it did not say. */
  expire: number | undefined;

  constructor(expected: ExpectedTransfer) {
    this.#expected = expected;
    this.#editor = RecordStore.empty(expected.apex).edit();
    this.#edit = this.#editor;
  }

  /** Has nothing come but one SOA record? */
  get isLone(): boolean {
    return this.#received === 1 && this.#first !== undefined;
  }

  /** Takes the next message; its signature has been verified. */
  take(packet: Uint8Array): TransferProgress {
    try {
      return this.#take(packet);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const isDifference = this.#expected.type === RRType.IXFR && this.#mode !== 'full';
      return { kind: 'failed', reason: error.message, isDifference };
    }
  }

  #take(packet: Uint8Array): TransferProgress {
    const message = readMessage(packet);
    if (message === undefined) throw new Fault('malformed message');
    this.#check(message);
    this.#messages += 1;
    this.expire ??= expireOf(message.edns?.options ?? []);
    for (const record of message.answer) {
      if (record.class !== undefined) throw new Fault(`a record of class ${record.class}`);
      this.#record(record);
    }
    if (this.#mode === 'ended') return { kind: 'transferred', version: this.#finish() };
    return this.#isCurrent(message) ? { kind: 'current', soa: this.#first as SoaRecord } : MORE;
  }

  #check({ id, isResponse, opcode, isTruncated, rcode, questions, answer }: Message): void {
    const { apex, type } = this.#expected;
    if (!isResponse || opcode !== 0 || id !== this.#expected.id) throw new Fault('a message that is no answer to ours');
    if (rcode !== Rcode.NOERROR) throw new Fault(rcodeText(rcode));
    if (isTruncated) throw new Fault('a truncated message');
    const [question] = questions;
    if (questions.length > 1 || (question && (question.name !== apex || question.type !== type))) {
      throw new Fault('the answer to another question');
    }
    if (answer.length === 0) throw new Fault('a message without records');
  }

  /** One SOA record alone that is no newer than ours (RFC 1995 §4). One that is newer is the beginning of more. */
  #isCurrent({ answer }: Message): boolean {
    const { type, known } = this.#expected;
    const serial = known?.soa()?.rdata.serial;
    if (type !== RRType.IXFR || this.#messages > 1 || answer.length > 1 || serial === undefined) return false;
    return compareSerial((this.#first as SoaRecord).rdata.serial, serial) !== 'greater';
  }

  #record(record: ResourceRecord): void {
    const { apex, limits } = this.#expected;
    this.#received += 1;
    if (this.#received > limits.records) throw new Fault(`more than ${limits.records} records`);
    if (this.#mode === 'ended') throw new Fault('records after the end');
    if (record.rdata.type === 'SOA') {
      if (record.owner !== apex) throw new Fault(`a SOA record of ${record.owner}`);
      this.#soa({ ...record, rdata: record.rdata });
      return;
    }
    if (this.#first === undefined) throw new Fault('it does not begin with the SOA record');
    if (!isSubdomain(record.owner, apex)) throw new Fault(`a record of ${record.owner}, which is not in the zone`);
    if (isMeta(record.type)) throw new Fault(`a record of type ${typeText(record.type)}`);
    if (this.#mode === 'unknown') this.#mode = 'full';
    if (this.#mode === 'removing') {
      if (!this.#edit.remove(record)) throw new Fault(`it removes a record of ${record.owner} that is not there`);
      return;
    }
    const isNew = this.#edit.add(record);
    if (!isNew && this.#mode === 'adding') throw new Fault(`it adds a record of ${record.owner} that is there already`);
    if (this.#edit.octets > limits.octets) throw new Fault(`more than ${limits.octets} octets`);
  }

  #soa(soa: SoaRecord): void {
    const first = this.#first;
    if (first === undefined) {
      this.#first = soa;
      this.#mode = 'unknown';
      return;
    }
    switch (this.#mode) {
      case 'unknown':
        this.#begin(soa, first);
        return;
      case 'full':
        if (!isSameSoa(soa, first)) throw new Fault('it ends with another SOA record than it began with');
        this.#mode = 'ended';
        return;
      case 'removing': {
        const from = (this.#at as SoaRecord).rdata.serial;
        const to = soa.rdata.serial;
        if (compareSerial(to, from) !== 'greater') throw new Fault(`differences from serial ${from} back to ${to}`);
        this.#at = soa;
        this.#mode = 'adding';
        return;
      }
      case 'adding': {
        const at = this.#at as SoaRecord;
        if (at.rdata.serial === first.rdata.serial) {
          if (!isSameSoa(soa, first) || !isSameSoa(at, first)) throw new Fault('two SOA records of one serial');
          this.#mode = 'ended';
          return;
        }
        if (soa.rdata.serial !== at.rdata.serial) throw new Fault('differences that do not follow on each other');
        this.#mode = 'removing';
      }
    }
  }

  /** The second record is a SOA record: that of our version, or already the end of a zone that has nothing else. */
  #begin(soa: SoaRecord, first: SoaRecord): void {
    const { type, known } = this.#expected;
    const ours = known?.soa();
    const isOurs = type === RRType.IXFR && ours !== undefined && soa.rdata.serial === ours.rdata.serial;
    if (!isOurs || soa.rdata.serial === first.rdata.serial) {
      if (!isSameSoa(soa, first)) throw new Fault(`differences from serial ${soa.rdata.serial}, which is not ours`);
      this.#mode = 'ended';
      return;
    }
    this.#edit = (known as RecordStore).edit();
    this.#edit.remove(ours);
    this.#at = soa;
    this.#mode = 'removing';
  }

  #finish(): TransferredVersion {
    const soa = this.#first as SoaRecord;
    const { known, isForced } = this.#expected;
    const serial = known?.soa()?.rdata.serial;
    if (serial !== undefined && isForced !== true && compareSerial(soa.rdata.serial, serial) !== 'greater') {
      throw new Fault(`serial ${soa.rdata.serial} is not newer than ours, ${serial}`);
    }
    this.#edit.add(soa);
    const records = this.#edit.finish();
    const kind = this.#edit === this.#editor ? 'full' : 'incremental';
    return { kind, records, soa, received: this.#received };
  }
}

/** What the EXPIRE option says; undefined without one, or when it is empty or malformed. */
export function expireOf(options: readonly EdnsOption[]): number | undefined {
  const option = options.find(({ code }) => code === EXPIRE);
  return option?.data.length === 4 ? readU32(option.data, 0) : undefined;
}

/** The option as it is asked with: empty. */
export const ASK_EXPIRE: EdnsOption = { code: EXPIRE, data: new Uint8Array() };

/** Is it the same version? TTLs don't matter. */
function isSameSoa({ rdata: a }: SoaRecord, { rdata: b }: SoaRecord): boolean {
  return (
    a.serial === b.serial &&
    a.mname === b.mname &&
    a.rname === b.rname &&
    a.refresh === b.refresh &&
    a.retry === b.retry &&
    a.expire === b.expire &&
    a.minimum === b.minimum
  );
}

/** The serial of a zone's version; undefined when nothing is known of it. */
export function serialOf(known: RecordStore | undefined): Serial | undefined {
  return known?.soa()?.rdata.serial;
}
