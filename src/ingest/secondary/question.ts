/** What primaries are asked, and whether an answer is one. */
import { type Edns, MAX_MESSAGE, MessageEncoder } from '../../dns/encode.ts';
import type { DomainName } from '../../dns/name.ts';
import { Opcode } from '../../dns/query.ts';
import { Rcode, RRClass, RRType } from '../../dns/rrset.ts';
import { type ReplyVerification, ReplyVerifier, signRequest } from '../../dns/tsig-client.ts';
import type { TsigKey } from '../../dns/tsig-key.ts';
import { rcodeText } from '../../dns/type-text.ts';
import { readMessage } from '../../dns/wire.ts';
import { ASK_EXPIRE, expireOf, type SoaRecord } from './transfer-reader.ts';

export interface Question {
  readonly id: number;
  readonly apex: DomainName;
  readonly type: typeof RRType.SOA | typeof RRType.IXFR | typeof RRType.AXFR;
  /** The version that is known, for IXFR. */
  readonly soa?: SoaRecord;
  readonly key: TsigKey | undefined;
  /** Unix seconds. */
  readonly now: () => number;
}

export interface Asked {
  readonly message: Buffer;
  /** Is the next message of the answer signed as it must be? To be called in the order in which they come. */
  verify(message: Buffer): ReplyVerification;
  /** May the answer end here? The last message must be signed (RFC 8945 §5.3.1). */
  readonly isComplete: boolean;
}

const encoder = new MessageEncoder();
/** Octets that we take over UDP: no fragments (DNS flag day 2020). */
const EDNS: Edns = { version: 0, udpSize: 1232, isDnssecOk: false, options: [ASK_EXPIRE] };

export function makeQuestion({ id, apex, type, soa, key, now }: Question): Asked {
  const question = { name: apex, spelling: apex, type, class: RRClass.IN };
  encoder.begin(id, Opcode.QUERY, Rcode.NOERROR, question, MAX_MESSAGE, EDNS);
  if (soa !== undefined) encoder.add('authority', soa.owner, soa.type, soa.ttl, soa.rdata);
  const plain = encoder.finishPart();
  if (key === undefined) return { message: plain, verify: verifyUnsigned, isComplete: true };
  const signed = signRequest(plain, key, now());
  const verifier = new ReplyVerifier(signed.signature, now);
  return {
    message: signed.message,
    verify: (message) => verifier.verify(message, readMessage(message)?.tsigOffset),
    get isComplete() {
      return verifier.isComplete;
    },
  };
}

/** A signature that nobody asked for says nothing. */
function verifyUnsigned(): ReplyVerification {
  return 'good';
}

/** What a primary says of its version. */
export interface PrimaryVersion {
  readonly soa: SoaRecord;
  /** Seconds (RFC 7314); undefined: it did not say. */
  readonly expire: number | undefined;
}

/** What a message says of a primary's version. */
export type VersionAnswer =
  | { readonly kind: 'version'; readonly version: PrimaryVersion }
  /** It did not fit. */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** No answer to our question. */
  | { readonly kind: 'foreign' }
  /** Not signed as it must be: by somebody else, or a primary that has not got our key. */
  | { readonly kind: 'forged'; readonly reason: string };

/** Reads what came for a question for the SOA record. */
export function readVersion(packet: Buffer, { id, apex }: Pick<Question, 'id' | 'apex'>, asked: Asked): VersionAnswer {
  const message = readMessage(packet);
  if (message === undefined || !message.isResponse || message.id !== id) return { kind: 'foreign' };
  const { rcode, answer } = message;
  const [question] = message.questions;
  const isOurs = question?.name === apex && question.type === RRType.SOA;
  // Who can't read the question can't repeat it.
  if (!isOurs && (question !== undefined || rcode === Rcode.NOERROR)) return { kind: 'foreign' };
  const verified = asked.verify(packet);
  if (verified !== 'good') return { kind: 'forged', reason: `${rcodeText(rcode)}, TSIG: ${verified}` };
  if (message.isTruncated) return { kind: 'truncated' };
  const refuse = (reason: string): VersionAnswer => ({ kind: 'refused', reason });
  if (rcode !== Rcode.NOERROR) return refuse(rcodeText(rcode));
  const [record] = answer;
  const isSoa = answer.length === 1 && record?.owner === apex && record.class === undefined;
  if (!isSoa || record.rdata.type !== 'SOA') return refuse('no SOA record in the answer');
  if (!message.isAuthoritative) return refuse('the server is not authoritative for the zone');
  const expire = expireOf(message.edns?.options ?? []);
  return { kind: 'version', version: { soa: { ...record, rdata: record.rdata }, expire } };
}
