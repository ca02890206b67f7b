/** Randomness that nobody outside can guess: ids of questions to other servers come from it (RFC 5452). */
import { randomBytes, randomFillSync } from 'node:crypto';

/** Numbers made at one time: asking the system for each costs more than all the rest of a question's id. */
const BATCH = 1024;

/** Octets of a secret of the process. */
const SEED = 32;

/** A secret of this process, for as long as it runs. */
export function createSeed(): Uint8Array {
  return new Uint8Array(randomBytes(SEED));
}

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
