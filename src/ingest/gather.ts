/** Puts what comes shortly after one another into one batch. */
import { Observable, type OperatorFunction } from 'rxjs';
import type { Clock } from './clock.ts';

export interface GatherOptions<T> {
  readonly clock: Clock;
  /** How much a value counts towards `most`; values of no weight are in no hurry. */
  readonly weigh: (value: T) => number;
  readonly most: number;
  /** Milliseconds of quiet after which a batch is passed on. */
  readonly quiet: number;
  /** Milliseconds after the first value with weight. */
  readonly longest: number;
  /** The same for a batch whose values have no weight. */
  readonly idle: number;
}

/**
 * Passes on batches, in order, each with one value at least: when it weighs enough, or after a quiet time, or when its
 * first value has waited for long enough. What is left is passed on at completion.
 */
export function gather<T>(options: GatherOptions<T>): OperatorFunction<T, readonly T[]> {
  const { clock, weigh, most, quiet, longest, idle } = options;
  return (source) =>
    new Observable((subscriber) => {
      let batch: T[] = [];
      let weight = 0;
      let cancelQuiet: (() => void) | undefined;
      let cancelLongest: (() => void) | undefined;
      let cancelIdle: (() => void) | undefined;

      const cancelAll = () => {
        cancelQuiet?.();
        cancelLongest?.();
        cancelIdle?.();
        cancelQuiet = cancelLongest = cancelIdle = undefined;
      };
      const flush = () => {
        cancelAll();
        if (batch.length === 0) return;
        const full = batch;
        batch = [];
        weight = 0;
        subscriber.next(full);
      };
      const subscription = source.subscribe({
        next(value) {
          batch.push(value);
          const more = weigh(value);
          weight += more;
          if (weight >= most) return flush();
          if (weight === 0) {
            cancelIdle ??= clock.after(idle, flush);
          } else if (more > 0) {
            cancelLongest ??= clock.after(longest, flush);
            cancelQuiet?.();
            cancelQuiet = clock.after(quiet, flush);
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          flush();
          subscriber.complete();
        },
      });
      return () => {
        cancelAll();
        subscription.unsubscribe();
      };
    });
}
