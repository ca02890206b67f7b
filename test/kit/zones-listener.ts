/** Answers NOTIFY on a port of 127.0.0.1 or another address, and remembers the serials that it was told. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { readQuery } from '../../src/dns/query.ts';

export class ZonesListener {
  /** By zone, in the order in which they came. */
  readonly told = new Map<string, number[]>();
  readonly #socket = createSocket('udp4');
  readonly #encoder = new MessageEncoder();

  /** @param port 0: any that is free */
  static async open(address = '127.0.0.1', port = 0): Promise<ZonesListener> {
    const listener = new ZonesListener();
    const socket = listener.#socket;
    socket.on('message', (packet, from) => {
      const query = readQuery(packet);
      if ('reject' in query || query.answer[0]?.rdata.type !== 'SOA') return;
      const { name } = query.question;
      listener.told.set(name, [...(listener.told.get(name) ?? []), query.answer[0].rdata.serial]);
      const empty = { rcode: 0, isAuthoritative: true, answer: [], authority: [], additional: [] };
      socket.send(listener.#encoder.encodeReply(query, empty, 512).message, from.port, from.address);
    });
    socket.bind(port, address);
    await once(socket, 'listening');
    return listener;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** The last serial that was told of a zone. */
  last(zone: string): number | undefined {
    return this.told.get(zone)?.at(-1);
  }

  close(): void {
    this.#socket.close();
  }
}
