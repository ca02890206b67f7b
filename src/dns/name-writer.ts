/**
 * Names onto the wire, compressed (RFC 1035 §4.1.4): each suffix that a message holds already is replaced by a pointer.
 *
 * Suffixes are found by a hash table over offsets into the message itself, so that writing a name allocates nothing.
 * Octets are compared as they are, with their letter case: a pointer never changes a spelling.
 */
import { MAX_LABEL, MAX_NAME } from './name.ts';

/** Offsets above this can't be pointed to: a pointer has 14 bits. */
const MAX_POINTER = 0x3fff;
const SLOTS = 8192;
const BASIS = 0x811c9dc5 | 0;
const PRIME = 0x01000193;
/** So many suffixes are remembered in one message; more would make the search long. */
const MAX_SUFFIXES = 6000;

export class NameWriter {
  readonly #buffer: Uint8Array;
  /** Message number of each slot: a slot of an older message counts as empty, so nothing needs to be cleared. */
  readonly #slotMessage = new Uint32Array(SLOTS);
  readonly #slotHash = new Int32Array(SLOTS);
  readonly #slotOffset = new Uint16Array(SLOTS);
  #message = 0;
  #suffixes = 0;
  /** Offset and hash of each suffix of the name in hand. */
  readonly #labelAt = new Int32Array(128);
  readonly #labelHash = new Int32Array(128);
  /** The name written last, and where a pointer to it must lead: most names in a message come in runs. */
  #lastText = '';
  #lastAt = 0;

  constructor(buffer: Uint8Array) {
    this.#buffer = buffer;
  }

  /** Forgets all names: a new message begins at offset 0 of the buffer. */
  begin(): void {
    this.#message = (this.#message + 1) >>> 0;
    if (this.#message === 0) {
      this.#slotMessage.fill(0);
      this.#message = 1;
    }
    this.#suffixes = 0;
    this.#lastText = '';
  }

  /**
   * Writes a name in presentation text (absolute, escapes as in `DomainName`, any letter case) at `at`.
   * @param isCompressed whether a pointer may be written; without it the name can still be pointed to later
   * @returns the offset after it
   * @throws RangeError when a label or the name is too long: a `DomainName` can't be, so that is a bug
   */
  write(text: string, at: number, isCompressed: boolean): number {
    const buffer = this.#buffer;
    if (text === '.') {
      buffer[at] = 0;
      return at + 1;
    }
    if (isCompressed && text === this.#lastText) {
      buffer[at] = 0xc0 | (this.#lastAt >> 8);
      buffer[at + 1] = this.#lastAt & 255;
      return at + 2;
    }
    const labels = this.#writeLabels(text, at);
    const end = (this.#labelAt[labels] as number) + 1;
    this.#combineHashes(labels);
    for (let i = 0; i < labels; i++) {
      const suffix = this.#labelAt[i] as number;
      const found = this.#findOrInsert(this.#labelHash[i] as number, suffix);
      if (found === 0) continue;
      if (!isCompressed) return end;
      buffer[suffix] = 0xc0 | (found >> 8);
      buffer[suffix + 1] = found & 255;
      this.#remember(text, i === 0 ? found : at);
      return suffix + 2;
    }
    this.#remember(text, at);
    return end;
  }

  /** Writes a name that is neither compressed nor to be pointed to. */
  writePlain(text: string, at: number): number {
    return (this.#labelAt[this.#writeLabels(text, at)] as number) + 1;
  }

  #remember(text: string, at: number): void {
    if (at > MAX_POINTER) return;
    this.#lastText = text;
    this.#lastAt = at;
  }

  /** Writes the labels and the end octet, notes where each begins and its hash (FNV-1a), and gives their number. */
  #writeLabels(text: string, at: number): number {
    const buffer = this.#buffer;
    const labelAt = this.#labelAt;
    const { length } = text;
    let labels = 0;
    let start = at;
    let to = at + 1;
    let hash = BASIS;
    if (length > 1) {
      for (let i = 0; i < length; i++) {
        let code = text.charCodeAt(i);
        if (code === 46) {
          const size = to - start - 1;
          if (size > MAX_LABEL || size === 0 || to - at >= MAX_NAME) throw new RangeError(`no legal name: ${text}`);
          buffer[start] = size;
          labelAt[labels] = start;
          this.#labelHash[labels] = hash;
          labels += 1;
          start = to;
          to += 1;
          hash = BASIS;
          continue;
        }
        if (code === 92) {
          i += 1;
          code = text.charCodeAt(i);
          if (code >= 48 && code <= 57) {
            code = 100 * (code - 48) + 10 * (text.charCodeAt(i + 1) - 48) + text.charCodeAt(i + 2) - 48;
            i += 2;
          }
        }
        buffer[to] = code;
        hash = Math.imul(hash ^ code, PRIME);
        to += 1;
      }
      if (to !== start + 1) throw new RangeError(`no absolute name: ${text}`);
    }
    buffer[start] = 0;
    labelAt[labels] = start;
    return labels;
  }

  /** From hashes of labels to hashes of suffixes, from the right: each extends that of its parent. */
  #combineHashes(labels: number): void {
    let hash = BASIS;
    for (let i = labels - 1; i >= 0; i--) {
      hash = Math.imul(hash, PRIME) ^ (this.#labelHash[i] as number);
      // The low bits choose the slot: they have to depend on all of it.
      hash ^= hash >>> 13;
      this.#labelHash[i] = hash;
    }
  }

  /** The offset of an equal suffix earlier in the message; else 0, and this one is remembered. */
  #findOrInsert(hash: number, suffix: number): number {
    let slot = (hash ^ (hash >>> 17)) & (SLOTS - 1);
    while (this.#slotMessage[slot] === this.#message) {
      const offset = this.#slotOffset[slot] as number;
      if (this.#slotHash[slot] === hash && this.#isSame(offset, suffix)) return offset;
      slot = (slot + 1) & (SLOTS - 1);
    }
    if (suffix <= MAX_POINTER && this.#suffixes < MAX_SUFFIXES) {
      this.#slotMessage[slot] = this.#message;
      this.#slotHash[slot] = hash;
      this.#slotOffset[slot] = suffix;
      this.#suffixes += 1;
    }
    return 0;
  }

  /** Is the name at `known`, which may hold pointers, the same octets as the uncompressed one at `fresh`? */
  #isSame(known: number, fresh: number): boolean {
    const buffer = this.#buffer;
    let a = known;
    let b = fresh;
    for (;;) {
      let size = buffer[a] as number;
      while (size >= 0xc0) {
        a = ((size & 0x3f) << 8) | (buffer[a + 1] as number);
        size = buffer[a] as number;
      }
      if (size !== buffer[b]) return false;
      if (size === 0) return true;
      for (let i = 1; i <= size; i++) if (buffer[a + i] !== buffer[b + i]) return false;
      a += size + 1;
      b += size + 1;
    }
  }
}
