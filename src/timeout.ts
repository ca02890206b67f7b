/** Waiting for as long as anybody may write into a Corefile. */

/** Milliseconds that a timer of Node.js takes at most; with more it would go off at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * Calls back after some milliseconds, be they years. Does not keep the process alive.
 * @returns what ends the wait
 */
export function startTimeout(callback: () => void, milliseconds: number): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    const part = Math.min(left, LONGEST);
    timer = setTimeout(() => (left > part ? wait(left - part) : callback()), part).unref();
  };
  wait(milliseconds);
  return () => clearTimeout(timer);
}
