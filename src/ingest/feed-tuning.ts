/** What a list and watch may be told, and what it tells of itself. */

/** Milliseconds, and counts; see the defaults. */
export interface FeedTuning {
  /** Objects in a page of a list. */
  readonly pageSize: number;
  /** Without an octet for so long a watch counts as dead. Bookmarks come about every minute. */
  readonly watchIdle: number;
  readonly listIdle: number;
  /** The server ends watches after a time between these, seconds. */
  readonly watchSeconds: readonly [least: number, most: number];
  readonly backoff: readonly [first: number, most: number];
  /** Wait after an answer that only an operator can change: 403, 404. */
  readonly slowRetry: number;
  /** How long there may be trouble before the feed is called failing. */
  readonly failingAfter: number;
  /** Everything is listed again after so long, to find what a server may have left out of a watch. 0 is never. */
  readonly resync: number;
}

export const DEFAULT_TUNING: FeedTuning = {
  pageSize: 500,
  watchIdle: 90_000,
  listIdle: 60_000,
  watchSeconds: [290, 590],
  backoff: [200, 30_000],
  slowRetry: 30_000,
  failingAfter: 5_000,
  resync: 6 * 3_600_000,
};

/** What a feed counts, for health and metrics. */
export interface FeedStatus {
  state: 'connecting' | 'listing' | 'watching';
  /** Unix milliseconds of the last octet; 0 is never. */
  lastContact: number;
  /** Why the last attempt ended, while none has been better. */
  trouble: string | undefined;
  lists: number;
  reconnects: number;
  badLines: number;
}
