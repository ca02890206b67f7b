/** Records for tests: short ways to write them, and arbitrary ones for properties. */
import * as fc from 'fast-check';
import { canonicalAddress } from '../../src/dns/address.ts';
import { type DomainName, nameFromLabels, parseName } from '../../src/dns/name.ts';
import {
  type Rdata,
  type ResourceRecord,
  type RRset,
  recordsOf,
  type SoaRdata,
  typeOfRdata,
} from '../../src/dns/rrset.ts';
import { toSerial } from '../../src/dns/serial.ts';

/** The name that the text is; throws if it is none. */
export function name(text: string): DomainName {
  const parsed = parseName(text);
  if (parsed === undefined) throw new SyntaxError(`no name: ${text}`);
  return parsed;
}

/** A record with TTL 5 unless told. */
export function record(owner: string, rdata: Rdata, ttl = 5): ResourceRecord {
  return { owner: name(owner), type: typeOfRdata(rdata), ttl, rdata };
}

/** A SOA record as the projection makes it. */
export function soa(apex: string, serial: number): ResourceRecord & { readonly rdata: SoaRdata } {
  const rdata: SoaRdata = {
    type: 'SOA',
    mname: name(`ns.dns.${apex}`),
    rname: name(`hostmaster.${apex}`),
    serial: toSerial(serial),
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    minimum: 5,
  };
  return { owner: name(apex), type: 6, ttl: 5, rdata };
}

/** What AXFR sends: the SOA record, all records, the SOA record (RFC 5936 §2.2). */
export function wholeZone(soaRecord: ResourceRecord, rrsets: Iterable<RRset>): ResourceRecord[] {
  return [soaRecord, ...[...rrsets].flatMap((set) => recordsOf(set)), soaRecord];
}

/** Objects as code writes them, so that `deepEqual` takes them for equal. */
const PLAIN = { noNullPrototype: true };

const word = fc.constantFrom('a', 'b', 'web', 'db', 'svc', 'cluster', 'local', '_http', '_tcp', 'x-1', '*');
const plainLabel = fc.oneof(
  { weight: 6, arbitrary: word },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-z0-9_-]{1,63}$/) },
);
const rawLabel = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((octets) => Buffer.from(octets).toString('latin1').toLowerCase());

function names(label: fc.Arbitrary<string>): fc.Arbitrary<DomainName> {
  return fc
    .array(label, { maxLength: 7 })
    .map((labels) => nameFromLabels(labels) ?? name('too.long.'))
    .filter((made) => made !== undefined);
}

/** Names of letters, digits, `-` and `_`, with many suffixes in common. */
export const plainNames = names(plainLabel);
/** Names with any octet in their labels. */
export const rawNames = names(fc.oneof({ weight: 3, arbitrary: plainLabel }, { weight: 1, arbitrary: rawLabel }));

const u16 = fc.nat(65_535);
const u32 = fc.nat(0xffffffff);
const octets = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6().map((text) => canonicalAddress(text) ?? '::');

/** Data of types that dns-packet knows too, over names of `target`. */
export function knownRdata(target: fc.Arbitrary<DomainName>): fc.Arbitrary<Rdata> {
  return fc.oneof<fc.Arbitrary<Rdata>[]>(
    ipv4.map((address): Rdata => ({ type: 'A', address })),
    ipv6.map((address): Rdata => ({ type: 'AAAA', address })),
    fc.record({ type: fc.constantFrom<'NS' | 'CNAME' | 'PTR'>('NS', 'CNAME', 'PTR'), target }, PLAIN),
    fc.record({ type: fc.constant<'MX'>('MX'), preference: u16, target }, PLAIN),
    fc.record({ type: fc.constant<'SRV'>('SRV'), priority: u16, weight: u16, port: u16, target }, PLAIN),
    fc.array(octets(255), { minLength: 1, maxLength: 3 }).map((texts): Rdata => ({ type: 'TXT', texts })),
    fc.record({ type: fc.constant<'HINFO'>('HINFO'), cpu: octets(20), os: octets(20) }, PLAIN),
    fc.record(
      {
        type: fc.constant<'SOA'>('SOA'),
        mname: target,
        rname: target,
        serial: u32.map(toSerial),
        refresh: u32,
        retry: u32,
        expire: u32,
        minimum: u32,
      },
      PLAIN,
    ),
  );
}

const unknownRdata: fc.Arbitrary<Rdata> = fc
  .tuple(fc.constantFrom(43, 46, 65, 257, 4711, 65_280), fc.uint8Array({ maxLength: 300 }))
  .map(([code, data]) => ({ type: 'UNKNOWN', code, data }));

/** Any record over names of `owner`; with `isUnknownToo`, also of types we have no fields for. */
export function records(owner: fc.Arbitrary<DomainName>, isUnknownToo: boolean): fc.Arbitrary<ResourceRecord> {
  const rdata = isUnknownToo ? fc.oneof({ weight: 8, arbitrary: knownRdata(owner) }, unknownRdata) : knownRdata(owner);
  return fc
    .record({ owner, ttl: fc.nat(0x7fffffff), rdata })
    .map((made) => ({ owner: made.owner, type: typeOfRdata(made.rdata), ttl: made.ttl, rdata: made.rdata }));
}
