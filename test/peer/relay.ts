/** NOTIFY messages to a server and its answers back, some of which are lost. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/**
 * A message is sent again after 1, 2, 4, 8 … seconds. Where half are lost, one in 32 is lost five times and its version
 * heard of after half a minute, if the next one does not come first.
 */
const MOST_LOST = 3;

export class Relay {
  /** Share of the datagrams that are lost, in each direction, but not more than the first three of the same message. */
  loss = 0;
  /** Everything is lost. */
  isCut = false;
  /** NOTIFY messages (opcode 4) that came, and answers that went back. */
  asked = 0;
  answered = 0;
  readonly #front = createSocket('udp4');
  readonly #backs = new Map<string, Socket>();
  /** How often a message was lost on its way to the server, by all its octets: it is the same each time that it is sent. */
  readonly #lost = new Map<string, number>();
  readonly #to: number;
  readonly #random: () => number;

  private constructor(to: number, random: () => number) {
    this.#to = to;
    this.#random = random;
    this.#front.on('message', (packet, { address, port }) => {
      this.asked += 1;
      if (this.isCut || (this.#isLost() && this.#mayLose(packet))) return;
      this.#backOf(address, port).send(packet, this.#to, '127.0.0.1');
    });
  }

  static async open(to: number, random: () => number): Promise<Relay> {
    const relay = new Relay(to, random);
    relay.#front.bind(0, '127.0.0.1');
    await once(relay.#front, 'listening');
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  close(): void {
    this.#front.close();
    for (const back of this.#backs.values()) back.close();
  }

  /** One socket for each client, so that answers find their way. */
  #backOf(address: string, port: number): Socket {
    const key = `${address} ${port}`;
    const known = this.#backs.get(key);
    if (known !== undefined) return known;
    const back = createSocket('udp4');
    back.on('message', (packet) => {
      this.answered += 1;
      if (!this.#isLost()) this.#front.send(packet, port, address);
    });
    // A server that is away refuses.
    back.on('error', () => {});
    this.#backs.set(key, back);
    return back;
  }

  #mayLose(packet: Buffer): boolean {
    const message = packet.toString('latin1');
    const times = (this.#lost.get(message) ?? 0) + 1;
    this.#lost.set(message, times);
    return times <= MOST_LOST;
  }

  #isLost(): boolean {
    return this.#random() < this.loss;
  }
}
