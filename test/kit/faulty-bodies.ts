/** Bodies that come late, slowly or not whole: each stands before the body that goes to the network. */
import { StringDecoder } from 'node:string_decoder';
import type { Body } from '../../src/demo/body.ts';

/** A gate that is open or closed for everybody. */
export class Latch {
  #opened: Promise<void> | undefined;
  #open: (() => void) | undefined;

  get isClosed(): boolean {
    return this.#opened !== undefined;
  }

  close(): void {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#opened = undefined;
    this.#open?.();
  }

  async passed(): Promise<void> {
    while (this.#opened) await this.#opened;
  }
}

/** Holds what is written while the latch is closed, in order. */
export class HeldBody implements Body {
  readonly #next: Body;
  readonly #latch: Latch;
  #held: Promise<void> | undefined;
  #heldBytes = 0;

  constructor(next: Body, latch: Latch) {
    this.#next = next;
    this.#latch = latch;
  }

  get buffered(): number {
    return this.#next.buffered + this.#heldBytes;
  }

  write(text: string): Promise<void> | undefined {
    if (!this.#held && !this.#latch.isClosed) return this.#next.write(text);
    this.#heldBytes += text.length;
    return this.#later(async () => {
      this.#heldBytes -= text.length;
      await this.#next.write(text);
    });
  }

  end(): void {
    if (!this.#held && !this.#latch.isClosed) this.#next.end();
    else this.#later(() => this.#next.end());
  }

  destroy(): void {
    this.#next.destroy();
  }

  #later(action: () => void | Promise<void>): Promise<void> {
    const before = this.#held ?? Promise.resolve();
    const done = before.then(() => this.#latch.passed()).then(action);
    this.#held = done;
    void done.then(() => {
      if (this.#held === done) this.#held = undefined;
    });
    return done;
  }
}

const TICK_MS = 20;

/** Passes on so many bytes per second, in small pieces. */
export class SlowBody implements Body {
  readonly #next: Body;
  readonly #bytesPerTick: number;
  #pending = Buffer.alloc(0);
  /** Keeps the bytes of a character that is cut in two. */
  readonly #decoder = new StringDecoder();
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(next: Body, bytesPerSecond: number) {
    this.#next = next;
    this.#bytesPerTick = Math.max(1, Math.round((bytesPerSecond * TICK_MS) / 1000));
  }

  get buffered(): number {
    return this.#next.buffered + this.#pending.length;
  }

  write(text: string): Promise<void> {
    this.#pending = Buffer.concat([this.#pending, Buffer.from(text)]);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#isEnding = true;
    if (this.#pending.length === 0) this.#finish();
  }

  destroy(): void {
    this.#isEnding = true;
    clearInterval(this.#timer);
    this.#next.destroy();
  }

  #tick(): void {
    const piece = this.#pending.subarray(0, this.#bytesPerTick);
    this.#pending = this.#pending.subarray(piece.length);
    if (piece.length > 0) this.#next.write(this.#decoder.write(piece));
    if (this.#pending.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (this.#isEnding) this.#finish();
  }

  #finish(): void {
    clearInterval(this.#timer);
    this.#next.end();
  }
}

/** Ends after so many characters, cleanly or by cutting the connection. */
export class TruncatedBody implements Body {
  readonly #next: Body;
  readonly #isClean: boolean;
  #left: number;

  constructor(next: Body, { bytes, isClean }: { bytes: number; isClean: boolean }) {
    this.#next = next;
    this.#left = bytes;
    this.#isClean = isClean;
  }

  get buffered(): number {
    return this.#next.buffered;
  }

  write(text: string): Promise<void> | undefined {
    if (this.#left <= 0) return undefined;
    const piece = text.slice(0, this.#left);
    this.#left -= piece.length;
    const written = this.#next.write(piece);
    if (this.#left <= 0) this.#cut();
    return written;
  }

  end(): void {
    if (this.#left > 0) this.#next.end();
  }

  destroy(): void {
    this.#next.destroy();
  }

  #cut(): void {
    if (this.#isClean) this.#next.end();
    // What was written shall arrive first.
    else setTimeout(() => this.#next.destroy(), TICK_MS).unref();
  }
}
