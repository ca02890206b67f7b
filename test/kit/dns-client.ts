/** A client for real sockets: questions, AXFR and IXFR, and packets that are no questions at all. */
import { createSocket } from 'node:dgram';
import { type Edns, Flag, MAX_MESSAGE, MessageEncoder } from '../../src/dns/encode.ts';
import { rdataText } from '../../src/dns/rdata-text.ts';
import { Rcode, RRClass, RRType, type SoaRdata } from '../../src/dns/rrset.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { parseType, rcodeText, typeText } from '../../src/dns/type-text.ts';
import { type Message, readMessage } from '../../src/dns/wire.ts';
import { recordText } from '../../src/dns/zonefile.ts';
import { afterTurns } from './patience.ts';
import { record, soa } from './records.ts';
import { TcpMessages } from './tcp-messages.ts';

export interface AskOptions {
  readonly tcp?: boolean;
  /** Sent as an OPT record with DO clear: the UDP payload size. */
  readonly edns?: number;
  readonly timeoutMs?: number;
}

/** A reply in words, for comparisons that a person can read. */
export interface Reply {
  readonly rcode: string;
  /** Records of the answer section without owner's TTL: 'web.a.svc.cluster.local. A 10.0.0.1', sorted. */
  readonly answer: readonly string[];
  readonly message: Message;
}

/** A whole zone as it was handed over. */
export interface TransferredZone {
  readonly serial: number;
  readonly soa: string;
  /** All records but the SOA in presentation format, sorted. */
  readonly records: readonly string[];
}

export interface IncrementalStep {
  readonly from: number;
  readonly to: TransferredZone['serial'];
  readonly soa: string;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

export type IncrementalTransfer =
  | { readonly kind: 'current'; readonly serial: number }
  | { readonly kind: 'incremental'; readonly serial: number; readonly steps: readonly IncrementalStep[] }
  | { readonly kind: 'full'; readonly zone: TransferredZone };

/** Nothing came back in time, or the connection was refused or cut. */
export class NoReply extends Error {}

/** A transfer ended with something else than a zone. */
export class TransferRefused extends Error {
  readonly rcode: string;
  constructor(rcode: string) {
    super(`the transfer ended with ${rcode}`);
    this.rcode = rcode;
  }
}

const TIMEOUT = 5_000;
const TRANSFER_TIMEOUT = 10_000;

export class DnsClient {
  readonly port: number;
  readonly #why: () => string;
  readonly #from: string | undefined;
  #id = 1;

  /**
   * @param why more to say when there is no reply
   * @param from the address that transfers are asked for from
   */
  constructor(port: number, why: () => string = () => '', from?: string) {
    this.port = port;
    this.#why = why;
    this.#from = from;
  }

  /** Asks one question. @throws NoReply */
  async ask(name: string, type: string, options: AskOptions = {}): Promise<Reply> {
    const packet = this.#question(name, type, options.edns);
    const reply = options.tcp
      ? await this.#askTcp(packet, options.timeoutMs ?? TIMEOUT)
      : await this.send(packet, options.timeoutMs ?? TIMEOUT);
    const message = reply && readMessage(reply);
    if (!message) throw new NoReply(reply ? 'the reply is malformed' : `no reply for ${name} ${type}${this.#why()}`);
    return { rcode: rcodeText(message.rcode), answer: message.answer.map(plainText).sort(), message };
  }

  /** The records' data alone, sorted; or the rcode when that is not NOERROR, and 'NODATA' when there are none. */
  async data(name: string, type: string, options: AskOptions = {}): Promise<string> {
    const { rcode, message } = await this.ask(name, type, options);
    if (rcode !== 'NOERROR') return rcode;
    if (message.answer.length === 0) return 'NODATA';
    const wanted = parseType(type);
    const records = message.answer.filter((found) => found.type === wanted || found.type === RRType.CNAME);
    return records
      .map((found) => rdataText(found.rdata))
      .sort()
      .join(', ');
  }

  /** The zone's serial. @throws NoReply, TransferRefused when there is no SOA in the answer */
  async serial(zone: string, options: AskOptions = {}): Promise<number> {
    const { rcode, message } = await this.ask(zone, 'SOA', options);
    const found = message.answer[0]?.rdata;
    if (found?.type !== 'SOA') throw new TransferRefused(rcode);
    return found.serial;
  }

  /** Sends any octets by UDP. @returns the reply with the same first two octets, undefined when none comes in time */
  send(packet: Uint8Array, timeoutMs = TIMEOUT): Promise<Buffer | undefined> {
    const socket = createSocket('udp4');
    return new Promise((resolve) => {
      const end = (reply?: Buffer) => {
        stopWaiting();
        socket.close();
        resolve(reply);
      };
      const stopWaiting = afterTurns(timeoutMs, end);
      socket.on('message', (reply) => {
        if (reply[0] === packet[0] && reply[1] === packet[1]) end(reply);
      });
      socket.on('error', () => end());
      socket.connect(this.port, '127.0.0.1', () => socket.send(packet));
    });
  }

  /** The whole zone. @throws TransferRefused, NoReply */
  async axfr(zone: string): Promise<TransferredZone> {
    const records = await this.#transfer(this.#question(zone, 'AXFR'));
    return wholeZone(records);
  }

  /** What changed since a serial. @throws TransferRefused, NoReply */
  async ixfr(zone: string, serial: number): Promise<IncrementalTransfer> {
    const records = await this.#transfer(this.#question(zone, 'IXFR', undefined, serial));
    const [first, second] = records;
    const newest = first?.soa;
    if (newest === undefined) throw new Error('the transfer does not begin with a SOA record');
    if (second === undefined) return { kind: 'current', serial: newest.serial };
    if (second.soa === undefined || records.length === 2) return { kind: 'full', zone: wholeZone(records) };
    return { kind: 'incremental', serial: newest.serial, steps: readSteps(records.slice(1, -1)) };
  }

  #question(name: string, type: string, edns?: number, serial?: number): Buffer {
    const number = parseType(type);
    if (number === undefined) throw new SyntaxError(`no type: ${type}`);
    const encoder = new MessageEncoder();
    const owner = record(name, { type: 'A', address: '0.0.0.0' }).owner;
    const spelling = name.endsWith('.') ? name : `${name}.`;
    const opt: Edns | undefined =
      edns === undefined ? undefined : { version: 0, udpSize: edns, isDnssecOk: false, options: [] };
    this.#id = (this.#id + 1) & 0xffff;
    const question = { name: owner, spelling, type: number, class: RRClass.IN };
    encoder.begin(this.#id, Flag.RD, Rcode.NOERROR, question, MAX_MESSAGE, opt);
    if (serial !== undefined) {
      const { owner: apex, type: soaType, ttl, rdata } = soa(name, toSerial(serial));
      encoder.add('authority', apex, soaType, ttl, rdata);
    }
    return encoder.finish().message;
  }

  async #askTcp(packet: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
    const stream = await TcpMessages.open(this.port, timeoutMs);
    try {
      stream?.send(packet);
      return await stream?.next(timeoutMs);
    } finally {
      stream?.close();
    }
  }

  /** Reads messages until the first SOA has come again at the end. */
  async #transfer(packet: Buffer): Promise<TransferRecord[]> {
    const stream = await TcpMessages.open(this.port, TRANSFER_TIMEOUT, this.#from);
    if (!stream) throw new NoReply(`no TCP connection${this.#why()}`);
    const records: TransferRecord[] = [];
    try {
      stream.send(packet);
      const isIncremental = packet.readUInt16BE(8) > 0;
      while (!isWholeTransfer(records, isIncremental)) {
        const reply = await stream.next(TRANSFER_TIMEOUT);
        const message = reply && readMessage(reply);
        if (!message) throw new NoReply(`the transfer broke off after ${records.length} records${this.#why()}`);
        if (message.rcode !== Rcode.NOERROR) throw new TransferRefused(rcodeText(message.rcode));
        if (message.answer.length === 0) throw new TransferRefused('no records');
        for (const found of message.answer) {
          const text = recordText(found);
          records.push(found.rdata.type === 'SOA' ? { text, soa: found.rdata } : { text });
        }
      }
      return records;
    } finally {
      stream.close();
    }
  }
}

interface TransferRecord {
  readonly text: string;
  readonly soa?: SoaRdata;
}

/**
 * RFC 5936 §2.2, RFC 1995 §4: a transfer ends with the SOA that it began with; of an incremental one that SOA comes twice
 * after the first, as the last step's and as the end. A lone SOA says that the client is up to date.
 */
function isWholeTransfer(records: readonly TransferRecord[], isIncremental: boolean): boolean {
  const [first, second] = records;
  if (first?.soa === undefined) return records.length > 0;
  if (isIncremental && second === undefined) return true;
  const { serial } = first.soa;
  if (records.length < 2 || records.at(-1)?.soa?.serial !== serial) return false;
  if (!isIncremental || second?.soa === undefined) return true;
  return records.filter((found) => found.soa?.serial === serial).length === 3;
}

function wholeZone(records: readonly TransferRecord[]): TransferredZone {
  const [first] = records;
  const last = records.at(-1);
  if (first?.soa === undefined || first.text !== last?.text) throw new Error('the transfer has no SOA at both ends');
  return {
    serial: first.soa.serial,
    soa: first.text,
    records: records
      .slice(1, -1)
      .map(({ text }) => text)
      .sort(),
  };
}

function readSteps(records: readonly TransferRecord[]): IncrementalStep[] {
  const steps: IncrementalStep[] = [];
  for (let at = 0; at < records.length; ) {
    const from = records[at++]?.soa;
    const removed: string[] = [];
    while (records[at]?.soa === undefined && at < records.length) removed.push((records[at++] as TransferRecord).text);
    const next = records[at++];
    const added: string[] = [];
    while (records[at]?.soa === undefined && at < records.length) added.push((records[at++] as TransferRecord).text);
    if (from === undefined || next?.soa === undefined) throw new Error('a step of the transfer lacks a SOA');
    steps.push({ from: from.serial, to: next.soa.serial, soa: next.text, removed, added });
  }
  return steps;
}

/** What a secondary makes of an incremental transfer. Throws where a step does not fit. */
export function applyTransfer(zone: TransferredZone, transfer: IncrementalTransfer): TransferredZone {
  if (transfer.kind === 'full') return transfer.zone;
  if (transfer.kind === 'current') return zone;
  let { serial, soa: soaText } = zone;
  const records = new Set(zone.records);
  for (const { from, to, soa: next, removed, added } of transfer.steps) {
    if (from !== serial) throw new Error(`a step from ${from} does not fit serial ${serial}`);
    for (const text of removed) if (!records.delete(text)) throw new Error(`removed, but not there: ${text}`);
    for (const text of added) {
      if (records.has(text)) throw new Error(`added, but there already: ${text}`);
      records.add(text);
    }
    serial = to;
    soaText = next;
  }
  return { serial, soa: soaText, records: [...records].sort() };
}

/** Without TTL and class. */
function plainText(found: Message['answer'][number]): string {
  return `${found.owner} ${typeText(found.type)} ${rdataText(found.rdata)}`;
}
