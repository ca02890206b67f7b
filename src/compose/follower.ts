/**
 * Sends batches to one serving thread, a part at a time: the next part goes out when the last has been folded there, so
 * that the thread answers queries between parts however much there is to fold.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Batch, ClusterEvent } from '../ingest/event.ts';
import type { ReplicaUpdate } from '../projection/replica.ts';
import type { FromFollower, ReleasedVersions, ToFollower } from './messages.ts';

/**
 * Weight of one part: about a millisecond of folding. An event weighs one, and one more for each ten endpoints; each part of
 * a zone that was transferred has hundreds of records, and goes alone.
 */
const PART_WEIGHT = 100;

/** Parts that may wait. A thread that is further behind is sent to read the log by itself instead. */
const MAX_WAITING = 5_000;

export interface Follower {
  /** Queues a batch whose versions are in the journal. */
  send(batch: Batch, versions: ReleasedVersions): void;
  /** The last batch that was folded there whole. */
  readonly folded: number;
  /** Tells the thread that more may be shown, should nobody ask it anything. */
  reveal(): void;
  close(): void;
}

/** @param current the last batch in the journal, with the version of every zone */
export function startFollower(
  port: MessagePort,
  current: () => { readonly batch: number } & ReleasedVersions,
  on: { readonly onFolded: () => void; readonly onClose: () => void },
): Follower {
  let queue: ReplicaUpdate[] = [];
  let isReady = true;
  let isLagging = true;
  let open: number | undefined;
  const post = (message: ToFollower) => port.postMessage(message);
  const pump = () => {
    if (!isReady) return;
    const update = queue.shift();
    if (update !== undefined) {
      open = update.isLast ? undefined : update.batch;
      isReady = false;
      post({ kind: 'update', update });
    } else if (isLagging) {
      isLagging = false;
      isReady = false;
      post({ kind: 'position', ...current() });
    }
  };
  let folded = 0;
  port.on('message', (message: FromFollower) => {
    isReady = true;
    folded = message.batch;
    pump();
    on.onFolded();
  });
  port.on('close', on.onClose);
  pump();
  return {
    send(batch, versions) {
      if (isLagging) return;
      queue.push(...partsOf(batch, versions));
      if (queue.length <= MAX_WAITING) {
        pump();
        return;
      }
      // A batch that was begun is sent to its end: half of it is folded there.
      queue = queue.filter((update) => update.batch === open);
      isLagging = true;
      // The last batch of the journal is this one only when the writer has handed it to all.
      queueMicrotask(pump);
    },
    get folded() {
      return folded;
    },
    reveal: () => post({ kind: 'visible' }),
    close: () => port.close(),
  };
}

function* partsOf({ batch, events }: Batch, versions: ReleasedVersions): Generator<ReplicaUpdate> {
  let part: ClusterEvent[] = [];
  let weight = 0;
  for (const event of events) {
    if (weight >= PART_WEIGHT) {
      yield { batch, events: part, isLast: false, serials: [] };
      part = [];
      weight = 0;
    }
    part.push(event);
    weight += weightOf(event);
  }
  yield { batch, events: part, isLast: true, ...versions };
}

function weightOf(event: ClusterEvent): number {
  if (event.kind === 'ZoneTransferred') return PART_WEIGHT;
  return 1 + (event.kind === 'EndpointSliceUpserted' ? event.facts.endpoints.length / 10 : 0);
}
