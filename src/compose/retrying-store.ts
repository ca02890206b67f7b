/**
 * The journal, for a disk that may be full: versions that could not be committed wait, in order, and are tried again.
 * Until then nobody sees them; the log has their events, so that a crash loses nothing either.
 */
import type { Journal } from '../projection/journal.ts';
import type { PublishedVersion, VersionStore } from '../projection/projector.ts';

interface WaitingCommit {
  readonly batch: number;
  readonly time: number;
  readonly versions: readonly PublishedVersion[];
}

export interface RetryingStore extends VersionStore {
  /** The first batch whose versions are not in the journal yet; Infinity when all are. */
  readonly firstWaiting: number;
  /** What the last attempt said, while commits wait. */
  readonly failure: string | undefined;
}

/** Milliseconds between attempts. */
const RETRY_AFTER = 1_000;

export function createRetryingStore(
  journal: Journal,
  on: { readonly onFailure: (message: string) => void; readonly onCommitted: () => void },
): RetryingStore {
  const waiting: WaitingCommit[] = [];
  let failure: string | undefined;
  const flush = () => {
    while (waiting[0] !== undefined) {
      const { batch, time, versions } = waiting[0];
      try {
        journal.commit(batch, time, versions);
      } catch (error) {
        if (!isStorageError(error)) throw error;
        const isNew = failure === undefined;
        failure = error.message;
        if (isNew) on.onFailure(failure);
        setTimeout(retry, RETRY_AFTER).unref();
        return;
      }
      waiting.shift();
    }
    failure = undefined;
  };
  const retry = () => {
    flush();
    on.onCommitted();
  };
  return {
    commit(batch, time, versions) {
      waiting.push({ batch, time, versions });
      if (waiting.length === 1) flush();
    },
    // Asked at a start only, of what is in the journal.
    serialOf: (zone, batch) => journal.serialOf(zone, batch),
    lastSerial: (zone, before) => {
      const unsaved = waiting.findLast(
        (commit) => commit.batch < before && commit.versions.some((v) => v.zone === zone),
      );
      return unsaved?.versions.find((v) => v.zone === zone)?.serial ?? journal.lastSerial(zone, before);
    },
    get firstWaiting() {
      return waiting[0]?.batch ?? Number.POSITIVE_INFINITY;
    },
    get failure() {
      return failure;
    },
  };
}

/** SQLITE_FULL, SQLITE_IOERR…: the disk's doing, not ours. */
function isStorageError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && /^SQLITE_(FULL|IOERR|READONLY|BUSY)/.test(String(error.code));
}
