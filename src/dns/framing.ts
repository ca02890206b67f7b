/** DNS messages on a stream: each after its length in two octets (RFC 1035 §4.2.2). */

/** Cuts what came in into messages. Copies only messages that came in several pieces. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Octets that wait for the rest of their message, or to be taken. */
  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    // Whoever sends octet by octet must not cost more with each.
    if (this.#length === 0) this.#chunks = [chunk];
    else this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next whole message; undefined until there is one. A length of zero gives an empty message. */
  next(): Buffer | undefined {
    if (this.#length < 2) return undefined;
    const size = (this.#octet(0) << 8) | this.#octet(1);
    if (this.#length < size + 2) return undefined;
    const joined = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    const rest = joined.subarray(size + 2);
    this.#length = rest.length;
    this.#chunks = rest.length === 0 ? [] : [rest];
    return joined.subarray(2, size + 2);
  }

  #octet(at: number): number {
    let left = at;
    for (const chunk of this.#chunks) {
      if (left < chunk.length) return chunk[left] as number;
      left -= chunk.length;
    }
    throw new RangeError('no such octet');
  }
}

/** The messages with their lengths, in one new buffer. */
export function frameMessages(messages: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const message of messages) length += message.length + 2;
  const framed = Buffer.allocUnsafe(length);
  let at = 0;
  for (const message of messages) at = putFramed(framed, at, message);
  return framed;
}

/** Copies a message with its length into the buffer, where there is room. @returns the offset after it */
export function putFramed(buffer: Buffer, at: number, message: Uint8Array): number {
  buffer.set(message, buffer.writeUInt16BE(message.length, at));
  return at + 2 + message.length;
}
