/** DNS messages over one TCP connection, each with its length before it (RFC 1035 §4.2.2). */
import { createConnection, type Socket } from 'node:net';
import { afterTurns } from './patience.ts';

export class TcpMessages {
  readonly #socket: Socket;
  readonly #messages: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data: Buffer) => this.#take(data));
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
  }

  /**
   * @param from the address to connect from; absent: the system's choice
   * @returns undefined when nobody accepts the connection in time
   */
  static open(port: number, timeoutMs: number, from?: string): Promise<TcpMessages | undefined> {
    const local = from === undefined ? {} : { localAddress: from };
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true, ...local });
    const stream = new TcpMessages(socket);
    return new Promise((resolve) => {
      const settle = (opened: TcpMessages | undefined) => {
        stopWaiting();
        if (!opened) socket.destroy();
        resolve(opened);
      };
      const stopWaiting = afterTurns(timeoutMs, () => settle(undefined));
      socket.once('connect', () => settle(stream));
      socket.once('close', () => settle(undefined));
    });
  }

  send(...messages: readonly Uint8Array[]): void {
    this.sendRaw(
      Buffer.concat(messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 255]), message])),
    );
  }

  /** Octets as they are, lengths included. */
  sendRaw(octets: Uint8Array): void {
    this.#socket.write(octets);
  }

  /** The next message; undefined when none comes in time, or the connection has ended. */
  async next(timeoutMs: number): Promise<Buffer | undefined> {
    if (this.#messages.length > 0) return this.#messages.shift();
    let isLate = false;
    const stopWaiting = afterTurns(timeoutMs, () => {
      isLate = true;
      this.#wake?.();
    });
    while (this.#messages.length === 0 && !this.#isEnded && !isLate) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    stopWaiting();
    return this.#messages.shift();
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      this.#messages.push(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
    this.#wake?.();
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }
}
