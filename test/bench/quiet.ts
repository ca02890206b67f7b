/** Numbers from a machine that is busy with something else mean little: such measurements are made again. */

/** Processors that others may use while something is measured that counts. */
export const QUIET = 0.1;
const TRIES = 3;

interface Observed {
  /** What the rest of the machine used meanwhile, in processors. */
  readonly others: number;
}

export function isQuiet({ others }: Observed): boolean {
  return others <= QUIET;
}

/** @returns the first result from a quiet machine, else, after some tries, that of the quietest: never the best one */
export async function quietly<T extends Observed>(measure: () => Promise<T>): Promise<T> {
  let quietest = await measure();
  for (let tries = 1; tries < TRIES && !isQuiet(quietest); tries++) {
    const result = await measure();
    if (result.others < quietest.others) quietest = result;
  }
  return quietest;
}
