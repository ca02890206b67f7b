/** For effects outside of this process: asks again and again until they are there. */

const EVERY = 20;
/** Long enough for a machine that does much else: it is waited out only where a test fails. */
const PATIENCE = 60_000;

/** @throws with what was seen last when the time is over */
export async function eventually<T>(
  probe: () => Promise<T> | T,
  isRight: (seen: T) => boolean,
  what: string,
  timeoutMs = PATIENCE,
  everyMs = EVERY,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'nothing';
  for (;;) {
    try {
      const seen = await probe();
      if (isRight(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      const text = last instanceof Error ? String(last) : JSON.stringify(last);
      throw new Error(`not within ${timeoutMs / 1000} s: ${what}; last seen: ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
