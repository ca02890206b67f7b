/**
 * The digest of a zone (RFC 8976 §3.3) made from nothing but the records' fields, without any code of src/: slow, plain, and
 * only for the types that clusters have.
 */
import { createHash } from 'node:crypto';
import { SocketAddress } from 'node:net';
import type { Rdata, ResourceRecord } from '../../src/dns/rrset.ts';

const ZONEMD = 63;

/** Hexadecimal. @param records of a whole zone, the SOA among them, more than once too */
export function simpleDigest(apex: string, records: Iterable<ResourceRecord>, hash: 'sha384' | 'sha512'): string {
  const wires = new Map<string, { labels: Buffer[]; type: number; data: Buffer; wire: Buffer }>();
  for (const { owner, type, ttl, rdata } of records) {
    if (owner === apex && type === ZONEMD) continue;
    const data = dataOf(rdata);
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(type, 0);
    fixed.writeUInt16BE(1, 2);
    fixed.writeUInt32BE(ttl, 4);
    fixed.writeUInt16BE(data.length, 8);
    const wire = Buffer.concat([nameOf(owner), fixed, data]);
    wires.set(wire.toString('hex'), { labels: labelsOf(owner).reverse(), type, data, wire });
  }
  const sorted = [...wires.values()].sort(
    (a, b) => compareLabels(a.labels, b.labels) || a.type - b.type || Buffer.compare(a.data, b.data),
  );
  return createHash(hash)
    .update(Buffer.concat(sorted.map(({ wire }) => wire)))
    .digest('hex');
}

/** Names of clusters have no escapes. */
function labelsOf(name: string): Buffer[] {
  return name
    .toLowerCase()
    .split('.')
    .filter((label) => label !== '')
    .map((label) => Buffer.from(label));
}

function nameOf(name: string): Buffer {
  return Buffer.concat([...labelsOf(name).flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
}

/** From the right, the shorter name first (RFC 4034 §6.1). */
function compareLabels(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (const [i, label] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const order = Buffer.compare(label, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function dataOf(rdata: Rdata): Buffer {
  switch (rdata.type) {
    case 'A':
      return Buffer.from(rdata.address.split('.').map(Number));
    case 'AAAA':
      return ipv6Octets(rdata.address);
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return nameOf(rdata.target);
    case 'MX':
      return Buffer.concat([numbers(2, rdata.preference), nameOf(rdata.target)]);
    case 'SRV':
      return Buffer.concat([numbers(2, rdata.priority, rdata.weight, rdata.port), nameOf(rdata.target)]);
    case 'TXT':
      return Buffer.concat(rdata.texts.flatMap((text) => [Buffer.of(text.length), Buffer.from(text, 'latin1')]));
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = rdata;
      return Buffer.concat([nameOf(mname), nameOf(rname), numbers(4, serial, refresh, retry, expire, minimum)]);
    }
    default:
      throw new Error(`no data of ${rdata.type} here`);
  }
}

function numbers(octets: number, ...values: number[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const one = Buffer.alloc(octets);
      one.writeUIntBE(value, 0, octets);
      return one;
    }),
  );
}

function ipv6Octets(text: string): Buffer {
  const [head = '', tail] = new SocketAddress({ address: text, family: 'ipv6' }).address.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0);
  return numbers(2, ...left, ...zeros, ...right);
}
