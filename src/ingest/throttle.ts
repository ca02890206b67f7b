/** How fast, and how many at once, requests may go to one API server. */
import { type Clock, sleep } from './clock.ts';

/** A token bucket: `burst` at once, `qps` a second on average. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #qps: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;

  constructor(clock: Clock, qps: number, burst: number) {
    this.#clock = clock;
    this.#qps = qps;
    this.#burst = Math.max(1, burst);
    this.#tokens = this.#burst;
    this.#filledAt = clock.now();
  }

  /** Waits for its turn. @returns the milliseconds that it waited */
  async take(signal: AbortSignal): Promise<number> {
    const now = this.#clock.now();
    // A clock that went back fills nothing.
    const passed = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed * this.#qps) / 1000);
    this.#tokens -= 1;
    if (this.#tokens >= 0) return 0;
    const wait = (-this.#tokens * 1000) / this.#qps;
    await sleep(this.#clock, wait, signal);
    return wait;
  }
}

/** At most so many at once; the others in the order in which they came. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** @returns what gives the place back; may be called more than once. */
  async acquire(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
  }
}
