/** Questions at a steady rate by UDP, each of which must be answered: what is lost is counted. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** Questions go out this often, in milliseconds. */
const TICK_MS = 5;
/** Answers wait in the buffers of so many sockets while this process has no turn. */
const SOCKETS = 16;
/** What has no answer after this time is lost. */
const LOST_AFTER_MS = 5_000;

export interface LoadResult {
  readonly sent: number;
  readonly lost: number;
  /** Milliseconds from question to answer; NaN where there was none. */
  percentile(part: number): number;
}

export class SteadyLoad {
  readonly #sockets: readonly Socket[];
  readonly #packets: readonly Buffer[];
  readonly #timer: NodeJS.Timeout;
  /** When the question with this id was sent; 0: it is answered. */
  readonly #sentAt = new Float64Array(65_536);
  readonly #took: number[] = [];
  #sent = 0;
  #answered = 0;
  #lost = 0;

  private constructor(sockets: readonly Socket[], packets: readonly Buffer[], rate: number) {
    this.#sockets = sockets;
    this.#packets = packets;
    for (const socket of sockets) socket.on('message', (reply) => this.#take(reply.readUInt16BE(0)));
    const each = Math.max(1, Math.round((rate * TICK_MS) / 1000));
    this.#timer = setInterval(() => {
      for (let i = 0; i < each; i++) this.#send();
    }, TICK_MS);
  }

  /** @param rate questions a second, fewer on a busy machine; their ids are written into the packets */
  static async start(port: number, packets: readonly Buffer[], rate: number): Promise<SteadyLoad> {
    const sockets = Array.from({ length: SOCKETS }, () => createSocket('udp4'));
    for (const socket of sockets) {
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
    }
    return new SteadyLoad(sockets, packets, rate);
  }

  get answered(): number {
    return this.#answered;
  }

  /** Ends it, and waits for the last answers. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    const deadline = performance.now() + LOST_AFTER_MS;
    while (this.#sent > this.#answered + this.#lost && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    for (const socket of this.#sockets) socket.close();
    const sorted = Float64Array.from(this.#took).sort();
    return {
      sent: this.#sent,
      lost: this.#sent - this.#answered,
      percentile: (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN,
    };
  }

  #send(): void {
    const id = this.#sent % 65_536;
    const before = this.#sentAt[id] as number;
    // So many are on their way already: the machine has no time for more.
    if (before !== 0 && performance.now() - before < LOST_AFTER_MS) return;
    if (before !== 0) this.#lost += 1;
    const packet = Buffer.from(this.#packets[this.#sent % this.#packets.length] as Buffer);
    packet.writeUInt16BE(id, 0);
    this.#sentAt[id] = performance.now();
    this.#sent += 1;
    // Without a callback an error of the socket would be thrown: a lost question is one that has no answer.
    this.#sockets[id % SOCKETS]?.send(packet, () => {});
  }

  #take(id: number): void {
    const sentAt = this.#sentAt[id] as number;
    if (sentAt === 0) return;
    this.#sentAt[id] = 0;
    this.#answered += 1;
    this.#took.push(performance.now() - sentAt);
  }
}
