/**
 * One TCP client: messages in, replies out in whatever order they are ready (RFC 7766 §7), zone transfers pulled message
 * by message as the client reads them. All that a client can make us keep is bounded.
 */
import type { Socket } from 'node:net';
import { FrameReader, frameMessages, putFramed } from '../dns/framing.ts';
import type { ReplyStream } from './chain.ts';
import type { Outgoing, Remote } from './entry.ts';
import type { Pump } from './pump.ts';

export interface ConnectionLimits {
  /** For the rest of a message that has begun, milliseconds. */
  readonly readMs: number;
  /** For the client to take what is written. */
  readonly writeMs: number;
  /** Without a question, nor one being answered. */
  readonly idleMs: number;
  /** Questions on one connection; −1: no limit. */
  readonly maxQueries: number;
  /** Questions of one connection that are being answered at one time; the next one is not read before. */
  readonly maxInFlight: number;
}

/** Questions answered in one go. */
const BATCH = 64;
/** Replies are written once they have so many octets together. */
const WRITE_SIZE = 16 * 1024;
/** What is written of a transfer in one turn: no more than so many octets, and what takes no longer than that to make. */
const PULL_SIZE = 64 * 1024;
const PULL_MS = 0.25;
/** Room for that, the last message being as long as can be. */
const PULL_ROOM = PULL_SIZE + 2 + 65_535;
/** A client that leaves more than this unread is cut off, octets. */
const MAX_UNREAD = 1024 * 1024;
/** Octets of a header: nothing shorter is a message. */
const MIN_MESSAGE = 12;

export interface ConnectionHooks {
  answer(packet: Buffer, remote: Remote): Outgoing | Promise<Outgoing>;
  /** A generator of messages threw. */
  onFailure(error: unknown): void;
  /** Once, when the socket is closed. */
  onClose(): void;
  /** Milliseconds, monotonic. */
  now(): number;
}

export class TcpConnection {
  readonly #socket: Socket;
  readonly #remote: Remote;
  readonly #limits: ConnectionLimits;
  readonly #hooks: ConnectionHooks;
  readonly #pump: Pump;
  readonly #input = new FrameReader();
  #inFlight = 0;
  #queries = 0;
  /** The client has sent its last. */
  #hasEnded = false;
  /** No more questions are taken: we are stopping, or it was the last one allowed. */
  #isFinishing = false;
  #isClosed = false;
  /** The rest of the input waits for a later turn. */
  #isYielding = false;
  /** A turn for the next message of a transfer is coming. */
  #isPulling = false;
  #output: Uint8Array[] = [];
  #outputSize = 0;
  readonly #streams: ReplyStream[] = [];
  /** For the next part of a transfer: one is used again and again, as buffers of which there are many are dear to collect. */
  #room: Buffer | undefined;
  /** Since when: the client has not taken what was written; a message has begun; nothing happened. */
  #blockedSince: number | undefined;
  #messageSince: number | undefined;
  #lastActive: number;

  constructor(socket: Socket, remote: Remote, limits: ConnectionLimits, hooks: ConnectionHooks, pump: Pump) {
    this.#socket = socket;
    this.#remote = remote;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#pump = pump;
    this.#lastActive = hooks.now();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (this.#isFinishing) return;
      this.#input.push(chunk);
      this.#read();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#endIfDone();
    });
    socket.on('drain', () => this.#onDrain());
    // What goes wrong on a connection is the client's business; `close` follows.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClosed());
  }

  /** Takes no more questions; closes once those in work are answered. */
  finish(): void {
    this.#isFinishing = true;
    // What still comes in is thrown away, so that the end of the connection is seen.
    this.#socket.resume();
    this.#endIfDone();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * Cuts the connection off when it is past one of its limits; called now and then.
   * @param idleMs the limit for idle connections at the moment, milliseconds
   */
  checkDeadlines(now: number, idleMs: number): void {
    const { readMs, writeMs } = this.#limits;
    if (this.#blockedSince !== undefined) {
      if (now - this.#blockedSince > writeMs) this.destroy();
    } else if (this.#inFlight > 0) {
      this.#messageSince = this.#messageSince === undefined ? undefined : now;
    } else if (this.#messageSince !== undefined) {
      if (now - this.#messageSince > readMs) this.destroy();
    } else if (now - this.#lastActive > idleMs) this.destroy();
  }

  get #isFull(): boolean {
    return this.#inFlight >= this.#limits.maxInFlight || this.#blockedSince !== undefined;
  }

  #read(): void {
    if (this.#isYielding || this.#isClosed) return;
    const { maxQueries } = this.#limits;
    let left = BATCH;
    while (this.#input.length > 0 && !this.#isFull && !this.#isFinishing) {
      if (left === 0 || !this.#pump.hasTime()) {
        this.#yield();
        break;
      }
      const packet = this.#input.next();
      if (!packet) break;
      if (packet.length < MIN_MESSAGE) {
        this.destroy();
        return;
      }
      this.#queries += 1;
      this.#take(packet);
      if (this.#queries === maxQueries) {
        this.#isFinishing = true;
        break;
      }
      left -= 1;
    }
    this.#flush();
    this.#lastActive = this.#hooks.now();
    if (this.#input.length === 0) this.#messageSince = undefined;
    else this.#messageSince ??= this.#lastActive;
    if ((this.#isFull || this.#isYielding) && !this.#isFinishing) this.#socket.pause();
    else this.#socket.resume();
    this.#endIfDone();
  }

  /** Leaves the rest of the input to a later turn: other connections wait too, and UDP questions. */
  #yield(): void {
    this.#isYielding = true;
    this.#pump.wait(() => {
      this.#isYielding = false;
      this.#read();
    });
  }

  #take(packet: Buffer): void {
    this.#inFlight += 1;
    const outgoing = this.#hooks.answer(packet, this.#remote);
    if (!(outgoing instanceof Promise)) {
      this.#give(outgoing);
      return;
    }
    outgoing.then((late) => {
      this.#give(late);
      this.#flush();
      this.#read();
    });
  }

  #give(outgoing: Outgoing): void {
    if (outgoing !== undefined && !Buffer.isBuffer(outgoing)) {
      this.#startStream(outgoing);
      return;
    }
    this.#inFlight -= 1;
    if (outgoing === undefined || this.#isClosed) return;
    this.#output.push(outgoing);
    this.#outputSize += outgoing.length;
    if (this.#outputSize >= WRITE_SIZE) this.#flush();
  }

  #flush(): void {
    if (this.#output.length === 0) return;
    const framed = frameMessages(this.#output);
    this.#output = [];
    this.#outputSize = 0;
    this.#write(framed);
  }

  /** @param onTaken called when the octets are needed no more */
  #write(framed: Buffer, onTaken?: () => void): void {
    if (this.#isClosed || this.#socket.destroyed || this.#socket.writableEnded) return;
    if (!this.#socket.write(framed, onTaken)) this.#blockedSince ??= this.#hooks.now();
    if (this.#socket.writableLength > MAX_UNREAD) this.destroy();
  }

  #onDrain(): void {
    this.#blockedSince = undefined;
    this.#lastActive = this.#hooks.now();
    this.#schedulePull();
    this.#read();
  }

  #startStream(stream: ReplyStream): void {
    if (this.#isClosed) {
      endStream(stream, 'broken');
      return;
    }
    this.#streams.push(stream);
    this.#schedulePull();
  }

  #schedulePull(): void {
    if (this.#isPulling || this.#streams.length === 0 || this.#blockedSince !== undefined) return;
    this.#isPulling = true;
    this.#pump.push(() => {
      this.#isPulling = false;
      this.#pull();
    });
  }

  /**
   * Writes a part of the transfer in work, one message or, where they are ready, some; the next part follows in a later
   * turn, when the client has room.
   */
  #pull(): void {
    const stream = this.#streams[0];
    if (!stream || this.#isClosed || this.#blockedSince !== undefined) return;
    const began = this.#hooks.now();
    const room = this.#room ?? Buffer.allocUnsafeSlow(PULL_ROOM);
    this.#room = undefined;
    let size = 0;
    let isDone = false;
    try {
      while (size < PULL_SIZE && (size === 0 || this.#hooks.now() - began < PULL_MS)) {
        const step = stream.messages.next();
        isDone = step.done === true;
        if (step.done) break;
        size = putFramed(room, size, step.value);
      }
    } catch (error) {
      this.#hooks.onFailure(error);
      this.destroy();
      return;
    }
    this.#lastActive = began;
    if (size > 0) {
      this.#write(room.subarray(0, size), () => {
        if (this.#streams.length > 0) this.#room = room;
      });
    }
    if (isDone) {
      this.#streams.shift();
      this.#inFlight -= 1;
      stream.onEnd?.('sent');
      this.#read();
    }
    this.#schedulePull();
  }

  #endIfDone(): void {
    const isLast = this.#isFinishing || (this.#hasEnded && !this.#isYielding && !this.#isFull);
    if (!isLast || this.#isClosed || this.#inFlight > 0) return;
    this.#flush();
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  #onClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stream of this.#streams.splice(0)) endStream(stream, 'broken');
    this.#hooks.onClose();
  }
}

function endStream(stream: ReplyStream, outcome: 'sent' | 'broken'): void {
  stream.messages.return?.();
  stream.onEnd?.(outcome);
}
