/**
 * DNS messages as text, written and read without the server's own codec: a bug there must not hide itself here.
 */
import type { Observed, Query } from './case.ts';

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  ANY: 255,
  CAA: 257,
};
const CLASSES: Readonly<Record<string, number>> = { RESERVED0: 0, IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 };
const OPCODES = ['QUERY', 'IQUERY', 'STATUS', undefined, 'NOTIFY', 'UPDATE'];
const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
];
const FLAGS = { aa: 0x400, tc: 0x200, rd: 0x100, ra: 0x80, ad: 0x20, cd: 0x10 };
type Flag = keyof typeof FLAGS;

const numberOf = (table: Readonly<Record<string, number>>, text: string, prefix: string): number =>
  table[text] ?? Number(text.replace(prefix, ''));
const textOf = (table: Readonly<Record<string, number>>, value: number, prefix: string): string =>
  Object.entries(table).find(([, number]) => number === value)?.[0] ?? `${prefix}${value}`;

const u16 = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));

/** A question as a message; with `serial`, the SOA that an IXFR client sends along (RFC 1995 §3). */
export function encodeQuery(query: Query, id: number, serial?: number): Buffer {
  if (query.raw !== undefined) return Buffer.concat([u16(id), Buffer.from(query.raw, 'hex')]);
  const opcode = OPCODES.indexOf(query.opcode ?? 'QUERY');
  const flags = (query.flags ?? ['rd']).reduce((sum, flag) => sum | (FLAGS[flag as Flag] ?? 0), opcode << 11);
  const name = encodeName(query.name ?? '.');
  const type = numberOf(TYPES, query.type ?? 'A', 'TYPE');
  const parts = [name, u16(type, numberOf(CLASSES, query.class ?? 'IN', 'CLASS'))];
  if (serial !== undefined) {
    const numbers = Buffer.alloc(20);
    numbers.writeUInt32BE(serial, 0);
    parts.push(name, u16(6, 1, 0, 0, 22), Buffer.from([0, 0]), numbers);
  }
  const { edns } = query;
  if (edns !== undefined) parts.push(encodeOpt(edns));
  return Buffer.concat([u16(id, flags, 1, 0, serial === undefined ? 0 : 1, edns === undefined ? 0 : 1), ...parts]);
}

function encodeOpt(edns: NonNullable<Query['edns']>): Buffer {
  const options = [...(edns.options ?? []), ...(edns.nsid ? [[3, ''] as const] : [])];
  const data = Buffer.concat(
    options.map(([code, hex]) => Buffer.concat([u16(code, hex.length / 2), Buffer.from(hex, 'hex')])),
  );
  const flags = edns.do ? 0x8000 : 0;
  return Buffer.concat([Buffer.from([0]), u16(41, edns.size ?? 1232, edns.version ?? 0, flags, data.length), data]);
}

/** Master-file text (RFC 1035 §5.1), letter case kept. */
function encodeName(text: string): Buffer {
  const labels: number[][] = [[]];
  for (const [, escaped, plain] of text.matchAll(/\\(\d{3}|.)|(.)/gs)) {
    if (plain === '.') labels.push([]);
    else labels.at(-1)?.push(escaped?.length === 3 ? Number(escaped) : (escaped ?? plain ?? '').charCodeAt(0));
  }
  const full = labels.filter((label) => label.length > 0);
  return Buffer.concat([...full.map((label) => Buffer.from([label.length, ...label])), Buffer.from([0])]);
}

/** What an answer says, in the words of the case files. @throws when it is no whole message */
export function describe(message: Buffer, query: Query): Observed {
  const reader = new Reader(message);
  const flags = message.readUInt16BE(2);
  const counts = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  reader.at = 12;
  const question = Array.from({ length: counts[0] ?? 0 }, () => {
    const name = reader.name();
    const type = reader.u16();
    return `${name} ${textOf(CLASSES, reader.u16(), 'CLASS')} ${textOf(TYPES, type, 'TYPE')}`;
  });
  const [answer = [], authority = [], rest = []] = counts
    .slice(1)
    .map((count) => Array.from({ length: count }, () => reader.record()));
  if (reader.at !== message.length) throw new Error(`${message.length - reader.at} octets after the message`);
  const opt = rest.find((record) => record.type === 41);
  const rcode = (flags & 15) | (opt === undefined ? 0 : ((opt.ttl >>> 24) & 255) << 4);
  const opcode = (flags >> 11) & 15;
  const echo = `${canonicalText(query.name ?? '.')} ${query.class ?? 'IN'} ${query.type ?? 'A'}`;
  const lines = (records: readonly WireRecord[]) => records.filter((r) => r.type !== 41).map((r) => r.text);
  const isEcho = query.raw === undefined && question.length === 1 && question[0] === echo;
  const bits = Object.fromEntries(Object.entries(FLAGS).map(([flag, bit]) => [flag, (flags & bit) !== 0]));
  return {
    rcode: rcode === 16 ? 'BADVERS' : (RCODES[rcode] ?? String(rcode)),
    ...bits,
    ...(opcode !== 0 && { opcode: OPCODES[opcode] ?? String(opcode) }),
    ...(!isEcho && { question }),
    answer: lines(answer),
    authority: lines(authority),
    additional: lines(rest),
    ...(opt !== undefined && { edns: describeOpt(opt) }),
  };
}

function canonicalText(name: string): string {
  return new Reader(encodeName(name)).name();
}

function describeOpt(opt: WireRecord): NonNullable<Observed['edns']> {
  const options: [number, string][] = [];
  for (let at = 0; at + 4 <= opt.data.length; ) {
    const length = opt.data.readUInt16BE(at + 2);
    options.push([opt.data.readUInt16BE(at), opt.data.subarray(at + 4, at + 4 + length).toString('hex')]);
    at += 4 + length;
  }
  return {
    version: (opt.ttl >>> 16) & 255,
    size: opt.class,
    do: (opt.ttl & 0x8000) !== 0,
    ...(options.length > 0 && { options }),
  };
}

interface WireRecord {
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Buffer;
  readonly text: string;
}

class Reader {
  at = 0;
  readonly #message: Buffer;

  constructor(message: Buffer) {
    this.#message = message;
  }

  u8(): number {
    this.at += 1;
    return this.#message.readUInt8(this.at - 1);
  }

  u16(): number {
    this.at += 2;
    return this.#message.readUInt16BE(this.at - 2);
  }

  u32(): number {
    this.at += 4;
    return this.#message.readUInt32BE(this.at - 4);
  }

  name(): string {
    const labels: string[] = [];
    let end: number | undefined;
    for (let jumps = 0; ; ) {
      const length = this.u8();
      if (length === 0) break;
      if (length >= 0xc0) {
        const target = ((length & 0x3f) << 8) | this.u8();
        end ??= this.at;
        if (++jumps > 40 || target >= this.at - 2) throw new Error('a compression pointer that does not point back');
        this.at = target;
      } else if (length > 63) throw new Error(`label type ${length}`);
      else {
        if (this.at + length > this.#message.length) throw new Error('a label beyond the end');
        labels.push(labelText(this.#message.subarray(this.at, this.at + length)));
        this.at += length;
      }
    }
    if (end !== undefined) this.at = end;
    return labels.length === 0 ? '.' : labels.map((label) => `${label}.`).join('');
  }

  record(): WireRecord {
    const owner = this.name();
    const type = this.u16();
    const klass = this.u16();
    const ttl = this.u32();
    const length = this.u16();
    const end = this.at + length;
    if (end > this.#message.length) throw new Error('a record beyond the end');
    const data = this.#message.subarray(this.at, end);
    const rdata = this.#rdata(type, end);
    if (this.at !== end) throw new Error(`record data of type ${type} is ${end - this.at} octets too long`);
    const text = `${owner} ${ttl} ${textOf(CLASSES, klass, 'CLASS')} ${textOf(TYPES, type, 'TYPE')} ${rdata}`;
    return { type, class: klass, ttl, data, text: text.trimEnd() };
  }

  #rdata(type: number, end: number): string {
    switch (textOf(TYPES, type, '')) {
      case 'A':
        return [this.u8(), this.u8(), this.u8(), this.u8()].join('.');
      case 'AAAA':
        return ipv6Text(Array.from({ length: 8 }, () => this.u16()));
      case 'NS':
      case 'CNAME':
      case 'PTR':
        return this.name();
      case 'SOA':
        return [this.name(), this.name(), this.u32(), this.u32(), this.u32(), this.u32(), this.u32()].join(' ');
      case 'MX':
        return `${this.u16()} ${this.name()}`;
      case 'SRV':
        return [this.u16(), this.u16(), this.u16(), this.name()].join(' ');
      case 'TXT':
      case 'HINFO': {
        const texts: string[] = [];
        while (this.at < end) {
          const length = this.u8();
          texts.push(`"${quotedText(this.#message.subarray(this.at, this.at + length))}"`);
          this.at += length;
        }
        return texts.join(' ');
      }
      default: {
        const data = this.#message.subarray(this.at, end);
        this.at = end;
        return data.length === 0 ? '\\# 0' : `\\# ${data.length} ${data.toString('hex')}`;
      }
    }
  }
}

const escapeByte = (byte: number): string => `\\${String(byte).padStart(3, '0')}`;

function labelText(label: Uint8Array): string {
  const escaped = (byte: number): string => {
    const char = String.fromCharCode(byte);
    if ('"().;\\@$'.includes(char)) return `\\${char}`;
    return byte > 0x20 && byte < 0x7f ? char : escapeByte(byte);
  };
  return Array.from(label, escaped).join('');
}

function quotedText(text: Uint8Array): string {
  const escaped = (byte: number): string => {
    const char = String.fromCharCode(byte);
    if (char === '"' || char === '\\') return `\\${char}`;
    return byte >= 0x20 && byte < 0x7f ? char : escapeByte(byte);
  };
  return Array.from(text, escaped).join('');
}

/** RFC 5952: the longest run of two zero groups or more becomes `::`, the first of equals. */
function ipv6Text(groups: readonly number[]): string {
  const runs = groups.map((_, start) => {
    const length = groups.slice(start).findIndex((group) => group !== 0);
    return { start, length: length < 0 ? groups.length - start : length };
  });
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best));
  const hex = groups.map((group) => group.toString(16));
  if (longest.length < 2) return hex.join(':');
  return `${hex.slice(0, longest.start).join(':')}::${hex.slice(longest.start + longest.length).join(':')}`;
}
