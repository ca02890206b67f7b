/** The serving thread's end of the log: loads the state by itself, then folds what the writer sends. */
import type { MessagePort } from 'node:worker_threads';
import type { Database } from '../database.ts';
import type { ClusterId, ObjectKind } from '../ingest/event.ts';
import { EventLog } from '../ingest/log.ts';
import { foldEvents } from '../projection/fold.ts';
import type { ProjectorStart } from '../projection/projector.ts';
import { createReplica, type Replica, type ReplicaUpdate, type StaleAnswers } from '../projection/replica.ts';
import { readSnapshot } from '../projection/snapshot.ts';
import { factsAt } from '../projection/state.ts';
import { Touched } from '../projection/touched.ts';
import type { FromFollower, ToFollower } from './messages.ts';

export interface Following {
  /** Makes visible what may be; to be called before each question where several threads serve. */
  reveal(): void;
}

/**
 * @param db a read-only connection; its schema is up to date
 * @param visible the batch that all threads may show; absent: what is folded is shown at once
 * @param onLoaded called once, when answers can be given
 * @param onStale called after each change of the zones
 * @param onFailure called when an update can't be folded: a bug or a damaged log, after which this thread can't go on
 */
export function followWriter(
  port: MessagePort,
  db: Database,
  visible: Int32Array | undefined,
  on: {
    readonly onLoaded: (replica: Replica) => void;
    readonly onStale: (stale: readonly StaleAnswers[]) => void;
    readonly onFailure: (error: unknown) => void;
  },
): Following {
  const log = new EventLog(db);
  // Both threads read the snapshot and the log at the same time. The writer tells later how far zones are published;
  // should it be less far than was read (it has written since), the snapshot is gone on from again.
  let starts = readStarts(db, log);
  let replica: Replica | undefined;

  const hidden: { readonly batch: number; readonly show: () => readonly StaleAnswers[] }[] = [];
  const reveal = () => {
    const until = visible === undefined ? Number.POSITIVE_INFINITY : Atomics.load(visible, 0);
    while (hidden[0] !== undefined && hidden[0].batch <= until) on.onStale(hidden.shift()?.show() ?? []);
  };
  const fold = (to: Replica, update: ReplicaUpdate) => {
    const show = to.fold(update);
    if (show !== undefined) hidden.push({ batch: update.batch, show });
  };

  const load = ({ batch: until, serials, zonemds = [] }: Extract<ToFollower, { kind: 'position' }>) => {
    if (replica === undefined) {
      const start = starts.find(({ batch }) => batch <= until) ?? readSnapshot(db, until);
      starts = [];
      const { world, batch: position } = foldLog(log, start, until);
      replica = createReplica({ world, batch: position, serials: new Map(serials), zonemds });
      on.onLoaded(replica);
      return;
    }
    const previous = (cluster: ClusterId, kind: ObjectKind, key: string) =>
      factsAt((replica as Replica).world, cluster, kind, key);
    for (const { batch, events } of log.read(replica.batch + 1, previous)) {
      if (batch > until) break;
      fold(replica, { batch, events, isLast: true, ...(batch === until ? { serials, zonemds } : { serials: [] }) });
    }
  };

  port.on('message', (message: ToFollower) => {
    try {
      if (message.kind === 'position') load(message);
      else if (message.kind === 'update' && replica !== undefined) fold(replica, message.update);
      reveal();
      if (message.kind === 'visible' || replica === undefined) return;
      port.postMessage({ kind: 'next', batch: replica.batch } satisfies FromFollower);
    } catch (error) {
      on.onFailure(error);
    }
  });
  return { reveal };
}

/** A state, and the batch that it is of. */
type Folded = Pick<ProjectorStart, 'world' | 'batch'>;

/** The state after all of the log, and that of its last snapshot. */
function readStarts(db: Database, log: EventLog): readonly Folded[] {
  const snapshot = readSnapshot(db, Number.MAX_SAFE_INTEGER);
  return [foldLog(log, snapshot, Number.MAX_SAFE_INTEGER), snapshot];
}

function foldLog(log: EventLog, { world: start, batch: from }: Folded, until: number): Folded {
  let [world, position] = [start, from];
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(world, cluster, kind, key);
  for (const { batch, events } of log.read(from + 1, previous)) {
    if (batch > until) break;
    world = foldEvents(world, events, new Touched());
    position = batch;
  }
  return { world, batch: position };
}
