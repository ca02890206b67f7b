/** Time, as the ingest stage takes it from outside. */

export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Runs `action` once after so many milliseconds. @returns what calls it off */
  after(milliseconds: number, action: () => void): () => void;
}

/** Waits; ends early, and still without an error, when the signal is aborted. */
export function sleep(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(milliseconds, end);
    signal.addEventListener('abort', end);
  });
}
