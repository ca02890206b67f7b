/**
 * Record data off the wire. Types without fields of their own are kept as octets (RFC 3597 §3), decompressed where an old
 * type allowed compression (§4). Writing is in encode.ts.
 */
import { textOfIPv4, textOfIPv6 } from './address.ts';
import type { DomainName } from './name.ts';
import { readName } from './name-wire.ts';
import { type LayoutPart, OLD_LAYOUTS } from './old-layouts.ts';
import { type Rdata, RRType } from './rrset.ts';
import { toSerial } from './serial.ts';

export function readU16(packet: Uint8Array, at: number): number {
  return ((packet[at] as number) << 8) | (packet[at + 1] as number);
}

export function readU32(packet: Uint8Array, at: number): number {
  return readU16(packet, at) * 65536 + readU16(packet, at + 2);
}

/**
 * Reads `length` octets of record data at `at`. Nothing of the packet is kept by reference.
 * @returns undefined when the data is not what the type demands, to the last octet.
 */
export function readRdata(type: RRType, packet: Uint8Array, at: number, length: number): Rdata | undefined {
  const end = at + length;
  switch (type) {
    case RRType.A:
      return length === 4 ? { type: 'A', address: textOfIPv4(packet, at) } : undefined;
    case RRType.AAAA:
      return length === 16 ? { type: 'AAAA', address: textOfIPv6(packet, at) } : undefined;
    case RRType.NS:
      return readTarget('NS', packet, at, end);
    case RRType.CNAME:
      return readTarget('CNAME', packet, at, end);
    case RRType.PTR:
      return readTarget('PTR', packet, at, end);
    case RRType.SOA:
      return readSoa(packet, at, end);
    case RRType.MX: {
      const target = length > 2 ? readLastName(packet, at + 2, end) : undefined;
      return target === undefined ? undefined : { type: 'MX', preference: readU16(packet, at), target };
    }
    case RRType.SRV: {
      // RFC 2782 forbids compression, RFC 3597 §4 wants it understood all the same.
      const target = length > 6 ? readLastName(packet, at + 6, end) : undefined;
      if (target === undefined) return undefined;
      const priority = readU16(packet, at);
      return { type: 'SRV', priority, weight: readU16(packet, at + 2), port: readU16(packet, at + 4), target };
    }
    case RRType.TXT: {
      const texts = readStrings(packet, at, end);
      return texts === undefined || texts.length === 0 ? undefined : { type: 'TXT', texts };
    }
    case RRType.HINFO: {
      const texts = readStrings(packet, at, end);
      if (texts?.length !== 2) return undefined;
      return { type: 'HINFO', cpu: texts[0] as string, os: texts[1] as string };
    }
    default: {
      const layout = OLD_LAYOUTS.get(type);
      const data =
        layout === undefined ? new Uint8Array(packet.subarray(at, end)) : decompress(layout, packet, at, end);
      return data && { type: 'UNKNOWN', code: type, data };
    }
  }
}

function readTarget(type: 'NS' | 'CNAME' | 'PTR', packet: Uint8Array, at: number, end: number): Rdata | undefined {
  const target = readLastName(packet, at, end);
  return target === undefined ? undefined : { type, target };
}

/** A name that must end where the data ends. */
function readLastName(packet: Uint8Array, at: number, end: number): DomainName | undefined {
  const read = readName(packet, at, end);
  return read?.end === end ? read.name : undefined;
}

function readSoa(packet: Uint8Array, at: number, end: number): Rdata | undefined {
  const first = readName(packet, at, end);
  if (first === undefined) return undefined;
  const mname = first.name;
  const second = readName(packet, first.end, end);
  if (second === undefined || second.end + 20 !== end) return undefined;
  const fields = second.end;
  return {
    type: 'SOA',
    mname,
    rname: second.name,
    serial: toSerial(readU32(packet, fields)),
    refresh: readU32(packet, fields + 4),
    retry: readU32(packet, fields + 8),
    expire: readU32(packet, fields + 12),
    minimum: readU32(packet, fields + 16),
  };
}

/** Character strings (RFC 1035 §3.3) up to `end`, as raw octets, one character each. */
function readStrings(packet: Uint8Array, at: number, end: number): string[] | undefined {
  const view = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const texts: string[] = [];
  let from = at;
  while (from < end) {
    const stop = from + 1 + (view[from] as number);
    if (stop > end) return undefined;
    texts.push(view.toString('latin1', from + 1, stop));
    from = stop;
  }
  return texts;
}

function decompress(
  layout: readonly LayoutPart[],
  packet: Uint8Array,
  at: number,
  end: number,
): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let from = at;
  for (const part of layout) {
    let stop: number;
    if (part === 'name') {
      const octets = readNameOctets(packet, from, end);
      if (octets === undefined) return undefined;
      parts.push(octets.name);
      from = octets.end;
      continue;
    }
    if (part === 'rest') stop = end;
    else if (part === 'string') stop = from < end ? from + 1 + (packet[from] as number) : end + 1;
    else stop = from + part;
    if (stop > end) return undefined;
    parts.push(packet.subarray(from, stop));
    from = stop;
  }
  return from === end ? new Uint8Array(Buffer.concat(parts)) : undefined;
}

/** The name's own octets in their own letter case, without compression. */
function readNameOctets(packet: Uint8Array, at: number, limit: number): { name: Uint8Array; end: number } | undefined {
  const read = readName(packet, at, limit);
  if (read === undefined) return undefined;
  const { end } = read;
  const labels: number[] = [];
  // readName has found every label and pointer sound.
  for (let from = at; ; ) {
    const size = packet[from] as number;
    if (size >= 0xc0) {
      from = ((size & 0x3f) << 8) | (packet[from + 1] as number);
      continue;
    }
    for (const stop = from + size + 1; from < stop; from++) labels.push(packet[from] as number);
    if (size === 0) return { name: Uint8Array.from(labels), end };
  }
}
