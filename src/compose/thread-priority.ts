/** How much a thread matters beside those that answer. */
import { setPriority } from 'node:os';

/**
 * Lowers the priority of the thread that asks, alone: on Linux the number 0 means it. Elsewhere it would be the process.
 * @param nice how much less it matters, 0 to 19: ten is a tenth of the time where all processors are wanted, five a third
 */
export function lowerPriority(nice: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, nice);
  } catch {
    // Not allowed: then it goes on as the others do.
  }
}
