/** So many at once, and so many of one kind: who comes then waits, and is let in in the order of coming. */

interface Waiter {
  readonly kind: string;
  readonly enter: () => void;
}

export class Slots {
  readonly #most: number;
  readonly #mostOfKind: number;
  readonly #inside = new Map<string, number>();
  #total = 0;
  #waiting: Waiter[] = [];

  constructor(most: number, mostOfKind: number) {
    this.#most = most;
    this.#mostOfKind = mostOfKind;
  }

  get running(): number {
    return this.#total;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Does the work when there is room; given up while it waits, it is not done. @returns undefined when it was given up */
  async run<T>(kind: string, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
    if (!(await this.#enter(kind, signal))) return undefined;
    try {
      return await work();
    } finally {
      this.#leave(kind);
    }
  }

  #enter(kind: string, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.#hasRoom(kind)) {
      this.#count(kind, 1);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        resolve(false);
      };
      const waiter: Waiter = {
        kind,
        enter: () => {
          signal.removeEventListener('abort', giveUp);
          resolve(true);
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #leave(kind: string): void {
    this.#count(kind, -1);
    const at = this.#waiting.findIndex((waiter) => this.#hasRoom(waiter.kind));
    const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (next === undefined) return;
    this.#count(next.kind, 1);
    next.enter();
  }

  #hasRoom(kind: string): boolean {
    return this.#total < this.#most && (this.#inside.get(kind) ?? 0) < this.#mostOfKind;
  }

  #count(kind: string, change: number): void {
    const inside = (this.#inside.get(kind) ?? 0) + change;
    if (inside === 0) this.#inside.delete(kind);
    else this.#inside.set(kind, inside);
    this.#total += change;
  }
}
