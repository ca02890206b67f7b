/** Accounts with a balance that grows by time: what `rrl` knows of each kind of response to each network. */

interface Account {
  /** Responses that may be sent; below 0: none. */
  balance: number;
  /** Seconds, monotonic. */
  at: number;
  /** Responses over the limit since the last that was let through. */
  held: number;
}

export class Accounts {
  readonly #most: number;
  readonly #byKey = new Map<string, Account>();
  #evictions = 0;

  /** @param most accounts at one time; the one unused for the longest time goes first */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Accounts that went for want of room. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * Takes one from an account that grows by `perSecond`, up to what a second gives, and falls to what `window` seconds give.
   * @param now seconds, monotonic
   * @returns how many were over the limit since the last one that `resetHeld` noted, this one included; 0: it is not over
   */
  debit(key: string, perSecond: number, window: number, now: number): number {
    const account = this.#open(key, perSecond, now);
    const grown = Math.min(Math.max(1, perSecond), account.balance + (now - account.at) * perSecond);
    account.at = now;
    account.balance = Math.max(-window * perSecond, grown - 1);
    if (account.balance >= 0) {
      account.held = 0;
      return 0;
    }
    account.held += 1;
    return account.held;
  }

  #open(key: string, perSecond: number, now: number): Account {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      // To the end: the map's order is that of the last use.
      this.#byKey.delete(key);
      this.#byKey.set(key, known);
      return known;
    }
    if (this.#byKey.size >= this.#most) {
      const [oldest] = this.#byKey.keys();
      if (oldest !== undefined) this.#byKey.delete(oldest);
      this.#evictions += 1;
    }
    const account = { balance: Math.max(1, perSecond), at: now, held: 0 };
    this.#byKey.set(key, account);
    return account;
  }
}
