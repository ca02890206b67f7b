/**
 * Turns of the event loop for long work: one piece of it in each turn, whoever it belongs to, so that however many zone
 * transfers run, a UDP question waits for one message of one of them at most.
 */

export interface Pump {
  /** Does the piece in one of the next turns; pieces are done in the order in which they came. */
  push(piece: () => void): void;
}

/** @param defer calls back in a later turn of the event loop, after what came in by then */
export function createPump(defer: (callback: () => void) => void = setImmediate): Pump {
  let waiting: (() => void)[] = [];
  let at = 0;
  const turn = (): void => {
    const piece = waiting[at] as () => void;
    at += 1;
    // What is done is dropped now and then, as the list may never run empty.
    if (at === waiting.length || at >= 1024) {
      waiting = waiting.slice(at);
      at = 0;
    }
    if (waiting.length > 0) defer(turn);
    piece();
  };
  return {
    push(piece) {
      waiting.push(piece);
      if (waiting.length === 1) defer(turn);
    },
  };
}
