/**
 * Where a message from the network becomes a request, goes to a server block, and comes back as a message.
 *
 * No packet and no plugin makes this throw: an unknown exception is a SERVFAIL for that one query, counted and logged.
 */
import type { MessageEncoder } from '../dns/encode.ts';
import { encodeRejection, Opcode, readQuery } from '../dns/query.ts';
import { Rcode, RRClass } from '../dns/rrset.ts';
import type { Logger } from '../logger.ts';
import type { AnswerCache, KeptAnswer } from './answer-cache.ts';
import {
  emptyReply,
  type Handler,
  type MaybePromise,
  type Next,
  type Outcome,
  type Reply,
  type ReplyStream,
  type Request,
  type Sent,
  type TlsClient,
} from './chain.ts';
import { RefusedTransfers } from './refused-transfers.ts';
import { encodeBadVersion, encodeReply } from './reply-encoding.ts';
import { countRotations } from './rotation.ts';
import type { Router } from './router.ts';
import { countQuery, type Family, type Proto, type Slot, type Tally } from './tally.ts';
import { isBadVersionQuery } from './zone-version.ts';

/** Questions of the server to itself that may be nested (an alias that leads to an alias of another block, …). */
const MAX_DEPTH = 8;
/** Seconds between two reports of a failed handler in the log: a query that fails can come a thousand times a second. */
const FAILURE_LOG_INTERVAL = 1;
/** Longer questions are not looked for among the kept answers, octets. */
export const MAX_KEPT_QUERY = 512;

/** What observers are told of a transfer before its first message is made: QR, AA, one answer. */
const STREAM_HEAD = Buffer.from([0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]);

/** What observers are told of a question that is left without a reply. */
const NOTHING = Buffer.alloc(12);

/** A server block at work. */
export interface RunningBlock {
  /** The name of its `view`; empty: none. */
  readonly view: string;
  /** Undefined: the block has no plugin. */
  readonly run: Next | undefined;
  /** The handlers that want to see what was sent. */
  readonly observers: readonly Handler[];
  /** Replies with a source may be kept. */
  readonly isPure: boolean;
  /** The `view` filter. */
  isChosen?(request: Request): boolean;
}

/** Who asks. */
export interface Remote {
  readonly address: string;
  readonly port: number;
  /** Of a connection over TLS. */
  readonly tls?: TlsClient;
}

/** What goes back: a message, several, or nothing. */
export type Outgoing = Buffer | ReplyStream | undefined;

export interface EntryOptions {
  /** `dns://ADDRESS:PORT`, for metrics and the log. */
  readonly server: string;
  readonly transport: Proto;
  readonly family: Family;
  readonly local: Remote;
  readonly router: Router<RunningBlock>;
  /** Some block of the listener has a plugin for classes other than IN (`chaos`, `forward`). */
  readonly allowsOtherClasses: boolean;
  readonly cache: AnswerCache;
  /** Called before each question; absent: nothing is to be done. */
  readonly refresh?: (() => void) | undefined;
  readonly encoder: MessageEncoder;
  readonly tally: Tally;
  /** Seconds, monotonic. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Latin1 text of what comes after the id: equal for equal questions. */
export function keyOf(packet: Buffer): string {
  return packet.toString('latin1', 2);
}

export class Entry {
  readonly #options: EntryOptions;
  readonly cache: AnswerCache;
  /** To be called before an answer is taken from `cache`. */
  readonly refresh: (() => void) | undefined;
  #lastFailureLog = Number.NEGATIVE_INFINITY;
  #unloggedFailures = 0;
  readonly #refusedTransfers: RefusedTransfers;

  constructor(options: EntryOptions) {
    this.#options = options;
    this.cache = options.cache;
    this.refresh = options.refresh;
    this.#refusedTransfers = new RefusedTransfers(options.logger, options.now);
  }

  /**
   * Takes one message. The buffer that comes back may be kept for later answers too: nobody but the UDP listener, who looks
   * after its own, may write into it.
   */
  answer(packet: Buffer, remote: Remote): MaybePromise<Outgoing> {
    const { local, transport, now } = this.#options;
    const started = now();
    this.refresh?.();
    const query = readQuery(packet);
    if ('reject' in query) {
      this.#options.tally.countRejected(transport, query.reject);
      if (query.reject === 'formerr') this.#refusedTransfers.noteMalformed(packet, remote.address);
      return query.reject === 'drop' ? undefined : encodeRejection(query);
    }
    const { answer: _, questionEnd: __, ...head } = query;
    const request: Request = { ...head, transport, remote, local, serverZone: query.question.name, packet };
    try {
      return this.#serve(request, packet, started);
    } catch (error) {
      return this.#fail(error, request, started);
    }
  }

  /** A question of the server to itself: block choice and chain as for one from the network. Undefined: no reply. */
  resolve(request: Request): MaybePromise<Outcome | undefined> {
    const depth = (request.depth ?? 0) + 1;
    if (depth > MAX_DEPTH) return undefined;
    const { name, type } = request.question;
    const route = this.#options.router(name, type, (block) => isChosen(block, request));
    if (!route?.block.run) return emptyReply(Rcode.REFUSED);
    return route.block.run({ ...request, serverZone: route.zone, depth });
  }

  #serve(arrived: Request, packet: Buffer, started: number): MaybePromise<Outgoing> {
    const { name, type, class: rrClass } = arrived.question;
    if (rrClass !== RRClass.IN && !this.#options.allowsOtherClasses) return this.#refuse(arrived, started);
    if (arrived.edns && arrived.edns.version !== 0) {
      const message = encodeBadVersion(this.#options.encoder, arrived);
      return this.#countDropped(arrived, message, Rcode.BADVERS, started);
    }
    if (isBadVersionQuery(arrived)) {
      const { message } = encodeReply(this.#options.encoder, arrived, emptyReply(Rcode.FORMERR));
      return this.#countDropped(arrived, message, Rcode.FORMERR, started);
    }
    const route = this.#options.router(name, type, (block) => isChosen(block, arrived));
    if (!route?.block.run) return this.#refuse(arrived, started);
    const { block, zone } = route;
    const request = { ...arrived, serverZone: zone };
    const kept = packet.length <= MAX_KEPT_QUERY ? this.cache.find(keyOf(packet)) : undefined;
    if (kept) return this.#sendKept(kept, request, block, packet, started);
    const { generation } = this.cache;
    const outcome = route.block.run(request);
    const send = (done: Outcome) => this.#send(done, request, block, packet, started, generation);
    if (!(outcome instanceof Promise)) return send(outcome);
    return outcome.then(send).catch((error: unknown) => this.#fail(error, request, started));
  }

  #send(
    outcome: Outcome,
    request: Request,
    block: RunningBlock,
    packet: Buffer,
    started: number,
    generation: number,
  ): Outgoing {
    if (outcome.kind === 'none') {
      this.#observe(block, request, undefined, NOTHING, packet.length, started);
      return undefined;
    }
    if (outcome.kind === 'stream') {
      if (request.transport === 'udp') throw new Error('a stream of messages as the reply over UDP');
      this.#count(request, block.view, Rcode.NOERROR, 'transfer', 0, packet.length, started);
      this.#observe(block, request, Rcode.NOERROR, STREAM_HEAD, packet.length, started);
      return outcome;
    }
    const { encoder } = this.#options;
    const rotations = outcome.isOrderFree ? countRotations(outcome.answer) : 1;
    const encoded = encodeReply(encoder, request, outcome);
    const { message } = encoded;
    const slot = this.#count(
      request,
      block.view,
      outcome.rcode,
      outcome.writer ?? '',
      message.length,
      packet.length,
      started,
    );
    this.#observe(block, request, outcome.rcode, message, packet.length, started);
    const { source, aging } = outcome;
    const isLasting = source !== undefined || aging !== undefined;
    if (isLasting && block.isPure && isKeepable(request, outcome, packet) && generation === this.cache.generation) {
      this.cache.put({
        key: keyOf(packet),
        message,
        serialOffsets: encoded.serialOffsets,
        zone: source?.zone,
        names: source?.names ?? [],
        aging,
        hasOpt: request.edns !== undefined,
        slot,
        isObserved: block.observers.length > 0,
        ...(rotations > 1 && encoded.serialOffsets.length === 0
          ? { rotations: { count: rotations, encode: rotationEncoder(encoder, request, outcome, rotations) } }
          : {}),
      });
    }
    return message;
  }

  #sendKept(kept: KeptAnswer, request: Request, block: RunningBlock, packet: Buffer, started: number): Buffer {
    // A copy: on this way nobody counts microseconds, and it may be kept waiting.
    const message = Buffer.from(this.cache.take(kept));
    message[0] = packet[0] as number;
    message[1] = packet[1] as number;
    countQuery(kept.slot, packet.length, message.length, this.#options.now() - started);
    const { rcode } = kept.slot.labels;
    this.#observe(block, request, rcode, message, packet.length, started);
    return message;
  }

  #refuse(request: Request, started: number): Buffer {
    const reply = { ...emptyReply(Rcode.REFUSED), ...this.#refusedTransfers.refuse(request) };
    const { message } = encodeReply(this.#options.encoder, request, reply);
    return this.#countDropped(request, message, Rcode.REFUSED, started);
  }

  #countDropped(request: Request, message: Buffer, rcode: Rcode, started: number): Buffer {
    const slot = this.#slot(request, 'dropped', '', rcode, '');
    countQuery(slot, request.packet?.length ?? 0, message.length, this.#options.now() - started);
    return message;
  }

  /** What the server writes when a handler threw. */
  #fail(error: unknown, request: Request, started: number): Buffer | undefined {
    const { tally, encoder } = this.#options;
    tally.countPanic();
    this.#logFailure(error);
    try {
      const { message } = encodeReply(encoder, request, emptyReply(Rcode.SERVFAIL));
      return this.#countDropped(request, message, Rcode.SERVFAIL, started);
    } catch (second) {
      this.#logFailure(second);
      return undefined;
    }
  }

  #logFailure(error: unknown): void {
    const { logger, server, now } = this.#options;
    const at = now();
    if (at - this.#lastFailureLog < FAILURE_LOG_INTERVAL) {
      this.#unloggedFailures += 1;
      return;
    }
    const more = this.#unloggedFailures > 0 ? ` (and ${this.#unloggedFailures} more before it)` : '';
    this.#lastFailureLog = at;
    this.#unloggedFailures = 0;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logger.error(`Recovered from panic in server: "${server}" ${text.split('\n').slice(0, 4).join(' ')}${more}`);
  }

  #slot(request: Request, zone: string, view: string, rcode: Rcode, writer: string): Slot {
    const { server, transport, family, tally } = this.#options;
    return tally.slot({
      server,
      zone,
      view,
      proto: transport === 'udp' ? 'udp' : 'tcp',
      family,
      type: request.question.type,
      isDnssecOk: request.edns?.isDnssecOk ?? false,
      rcode,
      writer,
    });
  }

  #count(
    request: Request,
    view: string,
    rcode: Rcode,
    writer: string,
    size: number,
    requestSize: number,
    started: number,
  ): Slot {
    const slot = this.#slot(request, request.serverZone, view, rcode, writer);
    countQuery(slot, requestSize, size, this.#options.now() - started);
    return slot;
  }

  #observe(
    block: RunningBlock,
    request: Request,
    rcode: Rcode | undefined,
    message: Buffer,
    size: number,
    started: number,
  ): void {
    if (block.observers.length === 0) return;
    const sent: Sent = {
      rcode,
      message,
      flags: message.readUInt16BE(2),
      answers: message.readUInt16BE(6),
      size: message === STREAM_HEAD || message === NOTHING ? 0 : message.length,
      requestSize: size,
      seconds: this.#options.now() - started,
    };
    for (const handler of block.observers) handler.observe?.(request, sent);
  }
}

function isChosen(block: RunningBlock, request: Request): boolean {
  return block.isChosen === undefined || block.isChosen(request);
}

/** A plain question: nothing in it or in the reply that is for this one client. */
function isKeepable(request: Request, reply: Reply, packet: Buffer): boolean {
  return (
    request.opcode === Opcode.QUERY &&
    packet.length <= MAX_KEPT_QUERY &&
    request.tsigOffset === undefined &&
    reply.seal === undefined &&
    (request.edns === undefined || request.edns.options.length === 0)
  );
}

function rotationEncoder(
  encoder: MessageEncoder,
  request: Request,
  reply: Reply,
  count: number,
): (index: number) => Buffer {
  // Without the packet, which is not needed again, and would be held as long as the answer is kept.
  const { packet: _, ...kept } = request;
  return (index) => encodeReply(encoder, kept, reply, { index, count }).message;
}
