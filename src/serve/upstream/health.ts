/**
 * Whether a server can be asked. Nothing is tried as long as questions are answered; one that fails starts a series of
 * probes that ends with the first one answered, whatever the answer says.
 */
import type { Timer } from '../timer.ts';

export interface HealthOptions {
  /** Asks the server; false when it does not answer. */
  readonly probe: () => Promise<boolean>;
  /** Between two probes, milliseconds. */
  readonly intervalMs: number;
  /** More failed probes in a row than this: the server is down. 0: it never is, and is not probed. */
  readonly maxFails: number;
  readonly timer: Timer;
  readonly onFailure: () => void;
}

export class Health {
  readonly #options: HealthOptions;
  #fails = 0;
  #isProbing = false;
  #isClosed = false;
  #cancel: (() => void) | undefined;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  get isDown(): boolean {
    return this.#options.maxFails > 0 && this.#fails > this.#options.maxFails;
  }

  /** A question failed: look whether it is the server. */
  check(): void {
    if (this.#isProbing || this.#isClosed || this.#options.maxFails === 0) return;
    this.#isProbing = true;
    void this.#probe();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  async #probe(): Promise<void> {
    const { probe, intervalMs, timer, onFailure } = this.#options;
    const isAnswered = await probe();
    if (this.#isClosed) return;
    if (isAnswered) {
      this.#fails = 0;
      this.#isProbing = false;
      return;
    }
    this.#fails += 1;
    onFailure();
    this.#cancel = timer(() => void this.#probe(), Math.max(1, intervalMs));
  }
}
