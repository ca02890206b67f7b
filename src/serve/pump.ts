/**
 * Turns of the event loop for long work, so that however much of it there is, a UDP question waits for a little of it at
 * most.
 */

export interface Pump {
  /**
   * Does the piece in one of the next turns, one in each, whoever it belongs to; pieces are done in the order in which they
   * came. For work whose pieces take a good part of a turn's time: messages of zone transfers.
   */
  push(piece: () => void): void;
  /**
   * For work in small steps, questions of streams, of one connection or of thousands that ask at once: is there time left
   * for it in this turn? False, too, for those who would come before others that wait. Who is told so calls `wait`.
   */
  hasTime(): boolean;
  /** Does the piece in one of the next turns, as many in each as there is time for, in the order in which they came. */
  wait(piece: () => void): void;
}

/** Milliseconds of a turn for what asks `hasTime`. */
const SHARE_MS = 1;

/**
 * @param now milliseconds, monotonic
 * @param defer calls back in a later turn of the event loop, after what came in by then
 */
export function createPump(now: () => number, defer: (callback: () => void) => void = setImmediate): Pump {
  const pieces = new Queue();
  const turn = (): void => {
    const piece = pieces.shift();
    if (!pieces.isEmpty) defer(turn);
    piece();
  };
  return {
    push(piece) {
      if (pieces.push(piece) === 1) defer(turn);
    },
    ...createShares(now, defer),
  };
}

function createShares(now: () => number, defer: (callback: () => void) => void): Pick<Pump, 'hasTime' | 'wait'> {
  const waiting = new Queue();
  /** When the share of this turn began; undefined: nobody has asked for it. */
  let began: number | undefined;
  /** Those that wait are being let on. */
  let isServing = false;
  const turn = (): void => {
    began = undefined;
    if (waiting.isEmpty) return;
    const since = begin();
    isServing = true;
    try {
      while (!waiting.isEmpty && now() - since < SHARE_MS) waiting.shift()();
    } finally {
      isServing = false;
    }
  };
  const begin = (): number => {
    began = now();
    defer(turn);
    return began;
  };
  return {
    hasTime() {
      const since = began ?? begin();
      return (isServing || waiting.isEmpty) && now() - since < SHARE_MS;
    },
    wait(piece) {
      waiting.push(piece);
      if (began === undefined) begin();
    },
  };
}

/** First in, first out. */
class Queue {
  #pieces: (() => void)[] = [];
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#pieces.length;
  }

  /** @returns how many there are now */
  push(piece: () => void): number {
    this.#pieces.push(piece);
    return this.#pieces.length - this.#at;
  }

  /** The first, which is there. */
  shift(): () => void {
    const piece = this.#pieces[this.#at] as () => void;
    this.#at += 1;
    // What is done is dropped now and then, as the list may never run empty.
    if (this.#at === this.#pieces.length || this.#at >= 1024) {
      this.#pieces = this.#pieces.slice(this.#at);
      this.#at = 0;
    }
    return piece;
  }
}
