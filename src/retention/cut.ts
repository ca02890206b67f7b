/**
 * Where a log can be cut: a batch after which no zone waits for a cluster, so that the state and the serials say all that the
 * rest of the log needs. Found by folding what is to go, which is compared with its hashes on the way: nothing is removed
 * that nobody could tell from what was written.
 */
import type { Database } from '../database.ts';
import { OperatorError } from '../errors.ts';
import type { Batch, ClusterId, ObjectKind } from '../ingest/event.ts';
import { EventLog, type PreviousFacts } from '../ingest/log.ts';
import { windowStart } from '../ingest/log-window.ts';
import { readBase } from '../projection/base.ts';
import { JournalReader } from '../projection/journal.ts';
import { createProjector, type Projector, type ProjectorStart } from '../projection/projector.ts';
import { readSnapshot } from '../projection/snapshot.ts';
import { EMPTY_WORLD, factsAt, type World } from '../projection/state.ts';
import type { LastVersion, StateHead } from '../projection/state-text.ts';

/** The state after a batch, and what zones were published then. */
export interface Cut {
  readonly batch: number;
  readonly world: World;
  readonly serials: StateHead['serials'];
  /** The last version of every zone that there was up to then. */
  readonly versions: readonly LastVersion[];
}

/** Events that are folded in one step. */
const FOLD_STEP = 500;

/**
 * The last place for a cut that is not after a batch, from the beginning of the log on; undefined when there is none. Each
 * step reads and folds some hundred events.
 * @throws OperatorError where the log is not what was written
 */
export function* findCut(db: Database, until: number): Generator<undefined, Cut | undefined> {
  return yield* findCutFrom(db, readBase(db), until);
}

/**
 * As `findCut`, on from the last snapshot before, and where the log begins if there is no later place. At once.
 * @returns undefined: the log's own beginning
 */
export function cutBefore(db: Database, until: number): Cut | undefined {
  const start = readSnapshot(db, Math.max(until, windowStart(db).batch));
  const steps = findCutFrom(db, start, until);
  for (;;) {
    const { done, value } = steps.next();
    if (!done) continue;
    if (value !== undefined || start.batch === 0) return value;
    return completed(db, { batch: start.batch, world: start.world, serials: [...start.serials] });
  }
}

function* findCutFrom(
  db: Database,
  start: ProjectorStart = { world: EMPTY_WORLD, batch: 0, serials: new Map() },
  until: number,
): Generator<undefined, Cut | undefined> {
  const journal = new JournalReader(db);
  const store = {
    commit: () => {},
    lastSerial: (zone: string, before: number) => journal.lastVersion(zone, before)?.serial,
    serialOf: (zone: string, batch: number) => journal.serialOf(zone, batch),
  };
  const projector = createProjector(start, store, Number.MAX_SAFE_INTEGER);
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, cluster, kind, key);
  let cut: Omit<Cut, 'versions'> | undefined;
  const steps = batchesAfter(db, start.batch, previous);
  for (let folded = 0; projector.batch < until; ) {
    const step = steps.next();
    if (step.done) break;
    projector.apply(step.value);
    folded += step.value.events.length;
    if (!projector.isBehind()) cut = { batch: projector.batch, world: projector.world, serials: serialsOf(projector) };
    if (folded < FOLD_STEP) continue;
    folded = 0;
    yield;
  }
  return cut && completed(db, cut);
}

/** From the beginning of the log on batches are compared with their hashes. */
function* batchesAfter(db: Database, batch: number, previous: PreviousFacts): Generator<Batch> {
  const log = new EventLog(db);
  if (batch > windowStart(db).batch) {
    yield* log.read(batch + 1, previous);
    return;
  }
  const result = yield* log.check(previous);
  if (result.ok) return;
  const { batch: broken, problem } = result.error;
  throw new OperatorError(`${db.name}: broken at batch ${broken}: ${problem}; nothing is removed`);
}

function completed(db: Database, cut: Omit<Cut, 'versions'>): Cut {
  const { batch } = cut;
  const versions = lastVersions(db, batch);
  // What clients were told counts, should this program make other records of the same facts than the one before it.
  const told = new Map(versions.map(({ zone, serial }) => [zone, serial]));
  return { ...cut, serials: cut.serials.map(([zone, serial]) => [zone, told.get(zone) ?? serial]), versions };
}

/** The newest version of each zone at or before a batch, in the order of their names. */
export function lastVersions(db: Database, batch: number): LastVersion[] {
  const journal = new JournalReader(db);
  const zones = db.prepare<[], string>('SELECT name FROM zone ORDER BY name').pluck().all();
  return zones.flatMap((zone) => {
    const version = journal.lastVersion(zone, batch + 1);
    return version === undefined ? [] : [{ zone, ...version }];
  });
}

export function serialsOf(projector: Projector): StateHead['serials'] {
  return projector.zones().flatMap(({ id, serial }) => (serial === undefined ? [] : [[id, serial] as const]));
}
