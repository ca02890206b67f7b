/** Names of types, classes, opcodes and response codes, as logs and metrics show them (IANA DNS parameters). */
import { type Rcode, type RRClass, RRType } from '../dns/rrset.ts';

const TYPES: ReadonlyMap<RRType, string> = new Map<RRType, string>([
  ...Object.entries(RRType).map(([name, number]) => [number, name] as const),
  [35, 'NAPTR'],
  [44, 'SSHFP'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [50, 'NSEC3'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [99, 'SPF'],
  [257, 'CAA'],
]);

/** RFC 3597 §5: `TYPE123` for those without a name here. */
export function typeName(type: RRType): string {
  return TYPES.get(type) ?? `TYPE${type}`;
}

const CLASSES: ReadonlyMap<RRClass, string> = new Map([
  [1, 'IN'],
  [3, 'CH'],
  [4, 'HS'],
  [254, 'NONE'],
  [255, 'ANY'],
]);

export function className(rrClass: RRClass): string {
  return CLASSES.get(rrClass) ?? `CLASS${rrClass}`;
}

const RCODES: ReadonlyMap<Rcode, string> = new Map([
  [0, 'NOERROR'],
  [1, 'FORMERR'],
  [2, 'SERVFAIL'],
  [3, 'NXDOMAIN'],
  [4, 'NOTIMP'],
  [5, 'REFUSED'],
  [6, 'YXDOMAIN'],
  [7, 'YXRRSET'],
  [8, 'NXRRSET'],
  [9, 'NOTAUTH'],
  [10, 'NOTZONE'],
  [16, 'BADVERS'],
]);

/** A response code's mnemonic, or its number. */
export function rcodeName(rcode: Rcode): string {
  return RCODES.get(rcode) ?? String(rcode);
}
