/** Putting one question to one server, by whatever transport. */
import { fail, ok, type Result } from '../../errors.ts';
import type { Timer } from '../timer.ts';

/** As metrics name the transports. */
export type UpstreamProto = 'udp' | 'tcp' | 'tcp-tls' | 'https';

/** The reply's octets, or why there is none, in the peer's words (operators match on them: `i/o timeout`). */
export type ExchangeResult = Result<Buffer, string>;

/** A way to one server. */
export interface Exchange {
  readonly proto: UpstreamProto;
  /**
   * Puts a question. The reply has the question's id and is longer than a header; that is all that is known of it.
   * @param query a whole message; its id is replaced
   * @param timeoutMs to wait for the reply
   */
  ask(query: Buffer, timeoutMs: number): Promise<ExchangeResult>;
  /** No more questions: idle sockets are closed now, the others when their questions are answered. */
  close(): void;
}

/** What exchanges are made with. */
export interface ExchangeTools {
  /** From 0 up to, but not including, 1. Nobody outside may be able to guess it: ids come from it. */
  readonly random: () => number;
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly timer: Timer;
  readonly counts: ExchangeCounts;
}

/** What exchanges count. */
export interface ExchangeCounts {
  /** A question went over a socket that was open already, or over a new one. */
  countSocket(proto: UpstreamProto, isReused: boolean): void;
  /** Something came that nobody had asked for: another id, no reply, too short. */
  countStray(): void;
}

/** Where a server is, and how its sockets are kept. */
export interface ExchangeOptions {
  readonly address: string;
  readonly port: number;
  readonly sourceAddress: string | undefined;
  /** A socket without a question is closed after so many milliseconds. */
  readonly expireMs: number;
  /** A socket older than this gets no more questions, milliseconds. */
  readonly maxAgeMs: number | undefined;
  /** Idle sockets at most; 0: as many as there may be sockets. */
  readonly maxIdle: number;
}

/** Octets of a header: shorter messages say nothing. */
const HEADER = 12;

/** The questions that wait for replies on one socket, by their ids. */
export class Waiting {
  readonly #tools: ExchangeTools;
  readonly #waiters = new Map<number, { readonly end: (result: ExchangeResult) => void }>();
  readonly #onTimeout: () => string;

  /** @param onTimeout called when a question has waited long enough: says what happened */
  constructor(tools: ExchangeTools, onTimeout: () => string) {
    this.#tools = tools;
    this.#onTimeout = onTimeout;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /**
   * A copy of the question with an id that no other one on the socket has, and the promise of its reply.
   * @param onEnd called before the promise is settled
   */
  add(query: Buffer, timeoutMs: number, onEnd: () => void): { message: Buffer; reply: Promise<ExchangeResult> } {
    const id = this.#freeId();
    const message = Buffer.from(query);
    message.writeUInt16BE(id, 0);
    const reply = new Promise<ExchangeResult>((resolve) => {
      const cancel = this.#tools.timer(() => end(fail(this.#onTimeout())), Math.max(1, timeoutMs));
      const end = (result: ExchangeResult) => {
        cancel();
        this.#waiters.delete(id);
        onEnd();
        resolve(result);
      };
      this.#waiters.set(id, { end });
    });
    return { message, reply };
  }

  /** Hands a message to the question that it belongs to; false when there is none. */
  take(message: Buffer): boolean {
    const waiter = message.length >= HEADER ? this.#waiters.get(message.readUInt16BE(0)) : undefined;
    const isReply = waiter !== undefined && ((message[2] as number) & 0x80) !== 0;
    if (!isReply) {
      this.#tools.counts.countStray();
      return false;
    }
    waiter.end(ok(message));
    return true;
  }

  /** All questions fail. */
  failAll(why: string): void {
    for (const waiter of [...this.#waiters.values()]) waiter.end(fail(why));
  }

  #freeId(): number {
    // Fewer than a hundred of 65,536 are taken: the loop ends.
    for (;;) {
      const id = Math.floor(this.#tools.random() * 65_536);
      if (!this.#waiters.has(id)) return id;
    }
  }
}

/** `1.2.3.4:53`, `[::1]:53` */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'broken pipe',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'i/o timeout',
  EMFILE: 'too many open files',
  EADDRNOTAVAIL: 'cannot assign requested address',
};

/** What a system error says, as the peer words it. */
export function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return REASONS[code] ?? error.message;
}
