/** A clock that stands still until it is told to go on. */
import type { Timer } from '../../src/serve/timer.ts';

export class FakeClock {
  #ms = 0;
  readonly #waiting = new Set<{ readonly at: number; readonly callback: () => void }>();

  /** Seconds. */
  readonly now = (): number => this.#ms / 1000;

  readonly timer: Timer = (callback, ms) => {
    const one = { at: this.#ms + ms, callback };
    this.#waiting.add(one);
    return () => this.#waiting.delete(one);
  };

  /** Timers that wait. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Lets so many milliseconds pass: calls back who waits, in the order of their times. */
  advance(ms: number): void {
    const until = this.#ms + ms;
    for (;;) {
      let next: { readonly at: number; readonly callback: () => void } | undefined;
      for (const one of this.#waiting) if (one.at <= until && (next === undefined || one.at < next.at)) next = one;
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#ms = Math.max(this.#ms, next.at);
      next.callback();
    }
    this.#ms = until;
  }
}
