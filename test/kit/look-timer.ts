/** A timer for those who look at a file now and then: the test says when, and waits until they have looked. */
import type { Timer } from '../../src/serve/timer.ts';

export class LookTimer {
  #waiting: { readonly callback: () => void; readonly ms: number } | undefined;
  #onArmed: (() => void) | undefined;

  readonly timer: Timer = (callback, ms) => {
    const one = { callback, ms };
    this.#waiting = one;
    this.#onArmed?.();
    this.#onArmed = undefined;
    return () => {
      if (this.#waiting === one) this.#waiting = undefined;
    };
  };

  /** Milliseconds until the next look; undefined: there will be none. */
  get ms(): number | undefined {
    return this.#waiting?.ms;
  }

  /** Lets them look; comes back when they wait for the next time. */
  async look(): Promise<void> {
    const { callback } = this.#waiting ?? {};
    if (callback === undefined) throw new Error('nobody waits');
    const armed = new Promise<void>((resolve) => {
      this.#onArmed = resolve;
    });
    this.#waiting = undefined;
    callback();
    await armed;
  }
}
