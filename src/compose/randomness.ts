/** Randomness that nobody outside can guess: ids of questions to other servers come from it (RFC 5452). */
import { randomFillSync } from 'node:crypto';

/** Numbers made at one time: asking the system for each costs more than all the rest of a question's id. */
const BATCH = 1024;

/** Gives numbers from 0 up to, but not including, 1, of 32 bits. */
export function createRandom(): () => number {
  const numbers = new Uint32Array(BATCH);
  let at = BATCH;
  return () => {
    if (at === BATCH) {
      randomFillSync(numbers);
      at = 0;
    }
    const number = numbers[at] as number;
    // What was given is not to be found in memory any more.
    numbers[at] = 0;
    at += 1;
    return number / 2 ** 32;
  };
}
