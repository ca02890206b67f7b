/** Waiting, as something that can be handed in: tests have a clock of their own. */
import { startTimeout } from '../timeout.ts';

/** Calls back after some milliseconds; the function that it gives ends the wait. */
export type Timer = (callback: () => void, ms: number) => () => void;

/** A timer that does not keep the process alive. */
export const systemTimer: Timer = startTimeout;
