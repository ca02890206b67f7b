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

/** A zone that is taken from another server. */
export interface LiveIncoming {
  readonly zone: string;
  /** `ADDRESS:PORT` of each. */
  readonly primaries: readonly string[];
  /** The version that is answered from; absent before the first transfer. */
  readonly serial?: number;
  /** The catalog that it is a member of. */
  readonly memberOf?: string;
  /** When a primary was last found to have no newer version, RFC 3339, as all times here. */
  readonly refreshed?: string;
  /** When primaries are asked next; absent: they are being asked. */
  readonly nextRefresh?: string;
  readonly expires?: string;
  readonly isExpired: boolean;
  /** Refreshes that failed one after the other, up to now. */
  readonly failures: number;
  /** Why the last one failed. */
  readonly trouble?: string;
  /** The last transfer since the start. */
  readonly last?: {
    readonly primary: string;
    readonly kind: 'full' | 'incremental';
    readonly serial: number;
    readonly records: number;
    readonly octets: number;
    readonly seconds: number;
    readonly time: string;
  };
}

export interface LiveStatus {
  readonly clusters: readonly LiveCluster[];
  readonly secondaries: readonly LiveSecondary[];
  readonly incoming: readonly LiveIncoming[];
  /** From the arrival of a fact to its commit, in the last batch. */
  readonly lagSeconds?: number;
  /** Why the log can't be written at the moment. */
  readonly logFailure?: string;
}

/** Asks the running server. Fulfilled within seconds; with nothing known when it does not answer. */
export type AskLive = () => Promise<LiveStatus>;
