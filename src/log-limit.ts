/** Lines about what anyone can make happen: so many a second, the others as one number. */
export class LimitedLines {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  readonly #most: number;
  #second = 0;
  #lines = 0;

  /**
   * @param now seconds, monotonic
   * @param most lines in one second
   */
  constructor(write: (text: string) => void, now: () => number, most = 10) {
    this.#write = write;
    this.#now = now;
    this.#most = most;
  }

  /** @param summary makes of a number of lines that were left out the one that stands for them */
  write(text: string, summary: (count: number) => string): void {
    const second = Math.floor(this.#now());
    if (second !== this.#second) {
      const silent = this.#lines - this.#most;
      if (silent > 0) this.#write(summary(silent));
      this.#second = second;
      this.#lines = 0;
    }
    this.#lines += 1;
    if (this.#lines <= this.#most) this.#write(text);
  }
}
