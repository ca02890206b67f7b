/**
 * Whole zones as they were packed last, so that of many secondaries that take one version only the first has to wait
 * until its records are made. Bounded; what is kept of a version is never sent for another one.
 */

/** Octets of messages that are kept in one thread. */
export const MAX_PACKED = 16 * 1024 * 1024;

interface Packed {
  /** What the messages were made from: a version that nobody else holds is not held here. */
  readonly version: WeakRef<object>;
  readonly messages: readonly Buffer[];
  readonly octets: number;
}

export class PackedZones {
  readonly #most: number;
  /** The one that was used last at the end. */
  readonly #packed = new Map<string, Packed>();
  #octets = 0;

  constructor(most = MAX_PACKED) {
    this.#most = most;
  }

  /** Octets that are kept. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * The messages of a version: those that are kept, or those that `pack` makes, which are kept once all were taken.
   * @param version the same object for the same content, and for no other
   * @param key the zone, and all that the messages depend on besides its content
   * @param pack makes the messages; they are not written to afterwards
   */
  *messages(version: object, key: string, pack: () => Iterable<Buffer>): Generator<Buffer> {
    const found = this.#packed.get(key);
    if (found?.version.deref() === version) {
      this.#packed.delete(key);
      this.#packed.set(key, found);
      yield* found.messages;
      return;
    }
    if (found !== undefined) this.#drop(key, found);
    const kept: Buffer[] = [];
    let octets = 0;
    for (const message of pack()) {
      octets += message.length;
      if (octets <= this.#most) kept.push(message);
      else kept.length = 0;
      yield message;
    }
    if (octets <= this.#most) this.#keep(key, { version: new WeakRef(version), messages: kept, octets });
  }

  #keep(key: string, packed: Packed): void {
    const before = this.#packed.get(key);
    if (before !== undefined) this.#drop(key, before);
    for (const [other, old] of this.#packed) {
      if (this.#octets + packed.octets <= this.#most) break;
      this.#drop(other, old);
    }
    this.#packed.set(key, packed);
    this.#octets += packed.octets;
  }

  #drop(key: string, packed: Packed): void {
    this.#packed.delete(key);
    this.#octets -= packed.octets;
  }
}
