/** The records of a transfer in as many messages as they need (RFC 5936 §2.2, RFC 1995 §4). No socket in here. */
import { type Edns, Flag, MAX_MESSAGE, type MessageEncoder, type Question } from '../dns/encode.ts';
import type { DomainName } from '../dns/name.ts';
import { Rcode, type Rdata, type ResourceRecord, type RRType } from '../dns/rrset.ts';

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
  options: PackOptions,
): Generator<Buffer> {
  const { seal } = options;
  const filler = new MessageFiller(query, options);
  const finish = () => {
    const message = filler.finish();
    return seal === undefined ? message : seal.apply(message);
  };
  for (const { owner, type, ttl, rdata } of records) {
    if (filler.add(owner, type, ttl, rdata)) continue;
    yield finish();
    filler.add(owner, type, ttl, rdata);
  }
  if (filler.isOpen) yield finish();
}

/** Fills one message after the other. */
export class MessageFiller {
  readonly #query: TransferQuery;
  readonly #encoder: MessageEncoder;
  readonly #edns: Edns | undefined;
  readonly #limit: number;
  readonly #most: number;
  #isOpen = false;

  constructor(query: TransferQuery, { encoder, limit = TRANSFER_MESSAGE, edns, seal }: PackOptions) {
    const sealed = seal?.octets ?? 0;
    this.#query = query;
    this.#encoder = encoder;
    this.#edns = edns;
    this.#limit = Math.min(limit, MAX_MESSAGE) - sealed;
    this.#most = MAX_MESSAGE - sealed;
  }

  /** Has a message been begun, with a record at least? It has to be finished before anybody else uses the encoder. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Octets of the message that was begun; 0: none. */
  get length(): number {
    return this.#isOpen ? this.#encoder.length : 0;
  }

  /**
   * Writes a record into the message, or the first one into a new message.
   * @returns false when it does not fit any more: then the message is to be finished, and the record added again
   * @throws RangeError when it is not legal or fits no message
   */
  add(owner: DomainName, type: RRType, ttl: number, rdata: Rdata): boolean {
    const encoder = this.#encoder;
    if (this.#isOpen) return encoder.add('answer', owner, type, ttl, rdata);
    this.#begin(this.#limit);
    if (!encoder.add('answer', owner, type, ttl, rdata)) {
      this.#begin(this.#most);
      if (!encoder.add('answer', owner, type, ttl, rdata)) throw new RangeError(`a record of ${owner} fits no message`);
    }
    this.#isOpen = true;
    return true;
  }

  /** The message that was begun: a copy of its own. */
  finish(): Buffer {
    this.#isOpen = false;
    return this.#encoder.finishPart();
  }

  #begin(limit: number): void {
    const { id, isRecursionDesired, question } = this.#query;
    const flags = Flag.QR | Flag.AA | (isRecursionDesired ? Flag.RD : 0);
    this.#encoder.begin(id, flags, Rcode.NOERROR, question, limit, this.#edns);
  }
}
