/** A secondary that is only a socket: answers NOTIFY and takes no zone. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { MessageEncoder } from '../../src/dns/encode.ts';
import { type Query, readQuery } from '../../src/dns/query.ts';
import { ReplySigner, verifyRequest } from '../../src/dns/tsig.ts';
import { parseKeyFile } from '../../src/dns/tsig-key.ts';

/** Answers NOTIFY, and remembers the serials that it was told. */
export class NotifyListener extends EventEmitter<{ notify: [serial: number] }> {
  readonly socket = createSocket('udp4');
  readonly serials: number[] = [];
  readonly sources = new Set<string>();
  isSigned = false;
  isSilent = false;
  readonly #encoder = new MessageEncoder();
  readonly #keys: string | undefined;

  /** @param keys a key file, for messages that are signed */
  constructor(keys?: string) {
    super();
    this.#keys = keys;
  }

  /** @returns its port */
  async open(): Promise<number> {
    this.socket.bind(0, '127.0.0.1');
    await once(this.socket, 'listening');
    this.socket.on('message', (packet, { address, port }) => {
      const query = readQuery(packet);
      if ('reject' in query) return;
      const [hint] = query.answer;
      if (hint?.rdata.type !== 'SOA') return;
      this.serials.push(hint.rdata.serial);
      this.sources.add(address);
      if (!this.isSilent) this.socket.send(this.#answer(query, packet), port, address);
      this.emit('notify', hint.rdata.serial);
    });
    return this.socket.address().port;
  }

  #answer(query: Query, packet: Buffer): Buffer {
    const empty = { rcode: 0, isAuthoritative: true, answer: [], authority: [], additional: [] };
    const { message } = this.#encoder.encodeReply(query, empty, 512);
    if (query.tsigOffset === undefined || this.#keys === undefined) return message;
    const read = parseKeyFile(this.#keys);
    assert.ok(read.ok);
    const keys = new Map(read.value.map((key) => [key.name, key]));
    const now = Date.now() / 1000;
    const verified = verifyRequest(packet, query.tsigOffset, { keys, now, isAllowed: () => true });
    this.isSigned = verified.kind === 'good';
    return verified.kind === 'good' ? new ReplySigner(verified.signature, () => now).apply(message) : message;
  }
}
