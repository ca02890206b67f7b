/** `errors`: a log line for each reply that failed; many alike in a period become one line. */
import type { BlockOptions } from '../../corefile/config.ts';
import { typeText } from '../../dns/type-text.ts';
import type { Logger } from '../../logger.ts';
import { type Handler, mapOutcome } from '../chain.ts';
import { systemTimer, type Timer } from '../timer.ts';

export type ErrorsOptions = NonNullable<BlockOptions['errors']>;

interface Bucket {
  readonly pattern: RegExp;
  readonly source: string;
  readonly periodMs: number;
  readonly log: (text: string) => void;
  readonly showFirst: boolean;
  count: number;
  cancel: (() => void) | undefined;
}

export function createErrors(options: ErrorsOptions, logger: Logger, timer: Timer = systemTimer): Handler {
  const buckets = options.consolidate.map(
    ({ pattern, periodMs, level, showFirst }): Bucket => ({
      pattern: new RegExp(pattern.source, pattern.flags),
      source: pattern.source,
      periodMs,
      log: logger[level],
      showFirst,
      count: 0,
      cancel: undefined,
    }),
  );

  const report = (bucket: Bucket): void => {
    bucket.cancel = undefined;
    const { count, source, periodMs, showFirst } = bucket;
    bucket.count = 0;
    // One that was shown is not told again.
    if (count > (showFirst ? 1 : 0))
      bucket.log(`${count} errors like '${source}' occurred in last ${formatGoDuration(periodMs)}`);
  };

  const count = (bucket: Bucket, line: string): void => {
    bucket.count += 1;
    bucket.cancel ??= timer(() => report(bucket), bucket.periodMs);
    if (bucket.showFirst && bucket.count === 1) bucket.log(line);
  };

  return {
    name: 'errors',
    isPure: true,
    handle: (request, next) =>
      mapOutcome(next(request), (outcome) => {
        if (outcome.kind !== 'reply' || outcome.failure === undefined) return outcome;
        const { failure, rcode } = outcome;
        const line = `${rcode} ${request.question.name} ${typeText(request.question.type)}: ${failure}`;
        const bucket = buckets.find(({ pattern }) => pattern.test(failure));
        if (bucket) count(bucket, line);
        else logger.error(line);
        return outcome;
      }),
    close() {
      for (const bucket of buckets) {
        bucket.cancel?.();
        report(bucket);
      }
    },
  };
}

/** `5m0s`, `1.5s`, `250ms`, as Go writes durations. */
export function formatGoDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = ms / 1000;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Number((seconds % 60).toFixed(9));
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`;
}
