/** What only the running server knows: handed to this side by the thread that composes it. */

/** How a cluster that is followed stands. */
export interface LiveCluster {
  readonly cluster: string;
  readonly isSynced: boolean;
  /** Why it can't be reached at the moment, by kind. */
  readonly lost: readonly string[];
  /** Since its API server last said anything, by the kind that has waited for longest; absent before the first word. */
  readonly silentSeconds?: number;
}

/** A serial, and when a secondary got that far. */
export interface LiveReached {
  readonly serial: number;
  /** RFC 3339. */
  readonly time: string;
}

/** One secondary of one zone. */
export interface LiveSecondary {
  readonly zone: string;
  readonly address: string;
  readonly port?: number;
  /** What it could have. */
  readonly served: number;
  /** The last version whose NOTIFY it answered. */
  readonly acknowledged?: LiveReached;
  /** The last version that it took, or was found to have. */
  readonly transferred?: LiveReached;
}

export interface LiveStatus {
  readonly clusters: readonly LiveCluster[];
  readonly secondaries: readonly LiveSecondary[];
  /** From the arrival of a fact to its commit, in the last batch. */
  readonly lagSeconds?: number;
  /** Why the log can't be written at the moment. */
  readonly logFailure?: string;
}

/** Asks the running server. Fulfilled within seconds; with nothing known when it does not answer. */
export type AskLive = () => Promise<LiveStatus>;
