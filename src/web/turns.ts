/**
 * Questions wait for their turn: each is answered in one go, and between two of them whatever else the thread has to do
 * comes first. More than a few that wait are refused, and nobody works for a client who has gone.
 */

export type Turn<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** Too many wait. */
  | { readonly kind: 'busy' }
  /** Nobody waits for it any more. */
  | { readonly kind: 'gone' };

interface Waiting {
  readonly run: () => void;
}

export class Turns {
  readonly #most: number;
  readonly #waiting: Waiting[] = [];
  #isScheduled = false;

  /** @param most questions that may wait */
  constructor(most: number) {
    this.#most = most;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @param isGone is asked when the turn has come */
  take<T>(isGone: () => boolean, work: () => T): Promise<Turn<T>> {
    if (this.#waiting.length >= this.#most) return Promise.resolve({ kind: 'busy' });
    return new Promise((resolve, reject) => {
      const run = () => {
        if (isGone()) {
          resolve({ kind: 'gone' });
          return;
        }
        try {
          resolve({ kind: 'done', value: work() });
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.push({ run });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#waiting.shift()?.run();
      this.#schedule();
    });
  }
}
