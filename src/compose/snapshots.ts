/** When the writer writes snapshots: one at a time, in steps beside its other work, and who waits for which. */
import type { Logger } from '../logger.ts';

export interface SnapshotsOptions {
  /** Starts to write what is now; each step of it is short. */
  readonly write: () => Iterator<undefined>;
  /** Whether what is now can be written; it is tried again with the next events. */
  readonly isPossible: () => boolean;
  /** Events between two, where the operator sets nothing. */
  readonly spacing: () => number;
  /** Lets other work go first, then calls. */
  readonly later: (callback: () => void) => void;
  readonly logger: Logger;
}

/** Told with whether a snapshot was written. */
type Waiting = (isWritten: boolean) => void;

export interface Snapshots {
  /** So many events were folded; one may be due. */
  countEvents(events: number): void;
  /** @param events between two; undefined: by the number of objects */
  space(events: number | undefined): void;
  /** Has one begun as soon as it is possible. @param after called at its end, or when it can't be */
  request(after?: () => void): void;
  /** Has one begun and waits for its end. @returns false when none can be written at the moment */
  take(): Promise<boolean>;
  /** Writes what is not written yet; nothing else happens meanwhile. */
  finish(): void;
}

/** @param events folded since the last one that is there */
export function createSnapshots(options: SnapshotsOptions, events: number): Snapshots {
  const { write, isPossible, spacing, later, logger } = options;
  let since = events;
  let every: number | undefined;
  let due = Number.POSITIVE_INFINITY;
  let running: Iterator<undefined> | undefined;
  /** One was asked for while it could not be begun. */
  let isRequested = false;
  /** Those who wait for the one that is being written, and for the next. */
  let forThis: Waiting[] = [];
  let forNext: Waiting[] = [];

  const begin = () => {
    isRequested = true;
    if (running !== undefined || !isPossible()) return;
    isRequested = false;
    since = 0;
    due = every ?? spacing();
    [forThis, forNext] = [forNext, []];
    running = write();
    const go = () => {
      if (running !== undefined && step()) later(go);
    };
    later(go);
  };
  /** @returns whether there is more to do */
  const step = (): boolean => {
    let isWritten = true;
    try {
      if (running?.next().done === false) return true;
    } catch (error) {
      isWritten = false;
      logger.error(`snapshot: ${error instanceof Error ? error.message : String(error)}; the log has everything`);
    }
    running = undefined;
    for (const tell of forThis.splice(0)) tell(isWritten);
    if (isRequested) begin();
    if (running === undefined) for (const tell of forNext.splice(0)) tell(false);
    return false;
  };
  return {
    countEvents(folded) {
      since += folded;
      if (isRequested || since >= due) begin();
    },
    space(between) {
      every = between;
      due = every ?? spacing();
    },
    request(after) {
      if (after !== undefined) forNext.push(after);
      begin();
    },
    take() {
      if (running === undefined && !isPossible()) {
        isRequested = true;
        return Promise.resolve(false);
      }
      const { promise, resolve } = Promise.withResolvers<boolean>();
      forNext.push(resolve);
      begin();
      return promise;
    },
    finish() {
      if (running === undefined && since > 0) begin();
      isRequested = false;
      while (step());
    },
  };
}
