/** The records of a transfer in as many messages as they need (RFC 5936 §2.2, RFC 1995 §4). No socket in here. */
import { type Edns, Flag, MAX_MESSAGE, type MessageEncoder, type Question } from '../dns/encode.ts';
import { Rcode, type ResourceRecord } from '../dns/rrset.ts';

/**
 * Octets of a message, OPT and TSIG included, when nothing else is asked for. Pointers reach 16 KB: in a larger message
 * the names of what lies behind are written out again and again, and it holds up others for longer.
 */
export const TRANSFER_MESSAGE = 16_384;

/** What a transfer's messages copy from the request. */
export interface TransferQuery {
  readonly id: number;
  readonly isRecursionDesired: boolean;
  readonly question: Question;
}

/** Makes of each message, in order, what is sent: signs it (RFC 8945 §5.3.1), which adds `octets` at most. */
export interface Seal {
  readonly octets: number;
  apply(message: Buffer): Buffer;
}

export interface PackOptions {
  /** Not used between two messages: streams may share one. */
  readonly encoder: MessageEncoder;
  /** Octets of a message at most; a record that alone is larger gets a message as large as it needs. */
  readonly limit?: number;
  /** The OPT record to send in each message; absent: none. */
  readonly edns?: Edns | undefined;
  readonly seal?: Seal | undefined;
}

/**
 * Packs records, in their order, into answer sections. Each message has the question (RFC 5936 §2.2.1 leaves it to us
 * after the first), AA, and id and RD of the request. Records are taken from the iterable only as messages are.
 * @throws RangeError when a record is not legal or fits no message: a bug of whoever made it
 */
export function* packMessages(
  query: TransferQuery,
  records: Iterable<ResourceRecord>,
  { encoder, limit = TRANSFER_MESSAGE, edns, seal }: PackOptions,
): Generator<Buffer> {
  const sealed = seal?.octets ?? 0;
  const iterator = records[Symbol.iterator]();
  let next = iterator.next();
  try {
    while (!next.done) {
      let isEmpty = true;
      begin(encoder, query, Math.min(limit, MAX_MESSAGE) - sealed, edns);
      for (; !next.done; next = iterator.next()) {
        if (add(encoder, next.value)) {
          isEmpty = false;
          continue;
        }
        if (!isEmpty) break;
        begin(encoder, query, MAX_MESSAGE - sealed, edns);
        if (!add(encoder, next.value)) throw new RangeError(`a record of ${next.value.owner} fits no message`);
        isEmpty = false;
      }
      const message = encoder.finishPart();
      yield seal === undefined ? message : seal.apply(message);
    }
  } finally {
    // The client went away: whatever the records are made from is let go.
    if (!next.done) iterator.return?.();
  }
}

function begin(encoder: MessageEncoder, query: TransferQuery, limit: number, edns: Edns | undefined): void {
  const flags = Flag.QR | Flag.AA | (query.isRecursionDesired ? Flag.RD : 0);
  encoder.begin(query.id, flags, Rcode.NOERROR, query.question, limit, edns);
}

function add(encoder: MessageEncoder, { owner, type, ttl, rdata }: ResourceRecord): boolean {
  return encoder.add('answer', owner, type, ttl, rdata);
}
