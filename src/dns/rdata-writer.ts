/** The parts of record data that hold no names, onto the wire. */
import { writeIPv4, writeIPv6 } from './address.ts';
import type { Rdata, SoaRdata } from './rrset.ts';

/** Writes the low 16 bits. Unlike Buffer's own methods these check nothing, and what is past the end is lost. */
export function putU16(buffer: Buffer, value: number, at: number): void {
  buffer[at] = value >>> 8;
  buffer[at + 1] = value;
}

/** Writes the low 32 bits. */
export function putU32(buffer: Buffer, value: number, at: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** Serial and timers: the 20 octets at the end of a SOA's data. */
export function writeSoaFields(buffer: Buffer, at: number, soa: SoaRdata): number {
  putU32(buffer, soa.serial, at);
  putU32(buffer, soa.refresh, at + 4);
  putU32(buffer, soa.retry, at + 8);
  putU32(buffer, soa.expire, at + 12);
  putU32(buffer, soa.minimum, at + 16);
  return at + 20;
}

/**
 * Writes data that holds no names, and gives the offset after it. What would pass the end of the buffer is not written,
 * but counted, so that the caller sees that it doesn't fit.
 * @throws RangeError for an address that is none, or a text over 255 octets: bugs of whoever made the record
 */
export function writeNamelessRdata(
  buffer: Buffer,
  at: number,
  rdata: Extract<Rdata, { type: 'A' | 'AAAA' | 'TXT' | 'HINFO' | 'UNKNOWN' }>,
): number {
  switch (rdata.type) {
    case 'A':
      if (!writeIPv4(rdata.address, buffer, at)) throw new RangeError(`no IPv4 address: ${rdata.address}`);
      return at + 4;
    case 'AAAA':
      if (!writeIPv6(rdata.address, buffer, at)) throw new RangeError(`no IPv6 address: ${rdata.address}`);
      return at + 16;
    case 'TXT': {
      if (rdata.texts.length === 0) return writeText(buffer, at, '');
      let to = at;
      for (const text of rdata.texts) to = writeText(buffer, to, text);
      return to;
    }
    case 'HINFO':
      return writeText(buffer, writeText(buffer, at, rdata.cpu), rdata.os);
    case 'UNKNOWN':
      if (at + rdata.data.length <= buffer.length) buffer.set(rdata.data, at);
      return at + rdata.data.length;
  }
}

function writeText(buffer: Buffer, at: number, text: string): number {
  if (text.length > 255) throw new RangeError(`text of ${text.length} octets: 255 is the most`);
  if (at < buffer.length) {
    buffer[at] = text.length;
    buffer.write(text, at + 1, 'latin1');
  }
  return at + 1 + text.length;
}
