/**
 * Resource records. Types and classes are numbers as on the wire; `Rdata` is tagged by the type's mnemonic, so that a
 * switch over it is exhaustive. Types we have no fields for are kept as bytes (RFC 3597).
 */
import type { DomainName } from './name.ts';
import type { Serial } from './serial.ts';

/** Numbers of the types that zonelog makes or looks at (IANA DNS parameters). */
export const RRType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DS: 43,
  OPT: 41,
  RRSIG: 46,
  ZONEMD: 63,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;
/** A type's number: any 16-bit value. */
export type RRType = number;

export const RRClass = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;
export type RRClass = number;

export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  NOTAUTH: 9,
  BADVERS: 16,
  BADCOOKIE: 23,
} as const;
export type Rcode = number;

export interface SoaRdata {
  readonly type: 'SOA';
  readonly mname: DomainName;
  readonly rname: DomainName;
  readonly serial: Serial;
  /** Seconds, as are the next three. */
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export type Rdata =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | {
      readonly type: 'NS' | 'CNAME' | 'PTR';
      readonly target: DomainName;
      /** The target as somebody wrote it, absolute, where its letter case is kept in answers: the same name, so no other data. */
      readonly spelling?: string;
    }
  | SoaRdata
  | { readonly type: 'MX'; readonly preference: number; readonly target: DomainName }
  /** Each text is raw bytes, one character a byte, 255 at most. */
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | { readonly type: 'HINFO'; readonly cpu: string; readonly os: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: DomainName;
    }
  | { readonly type: 'UNKNOWN'; readonly code: RRType; readonly data: Uint8Array };

/** All records of one owner and type. `ttl` in seconds. Class IN. */
export interface RRset {
  readonly owner: DomainName;
  readonly type: RRType;
  readonly ttl: number;
  readonly rdatas: readonly Rdata[];
}

/** One record, class IN. */
export interface ResourceRecord {
  readonly owner: DomainName;
  readonly type: RRType;
  readonly ttl: number;
  readonly rdata: Rdata;
}

/** The type number of a record's data. */
export function typeOfRdata(rdata: Rdata): RRType {
  return rdata.type === 'UNKNOWN' ? rdata.code : RRType[rdata.type];
}

/** The records of a set, one by one. */
export function recordsOf(rrset: RRset): ResourceRecord[] {
  return rrset.rdatas.map((rdata) => ({ owner: rrset.owner, type: rrset.type, ttl: rrset.ttl, rdata }));
}
