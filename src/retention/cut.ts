/**
 * Where a log can be cut: a batch after which no zone waits for a cluster, so that the state and the serials say all that the
 * rest of the log needs. Found by folding what is to go, which is compared with its hashes on the way: nothing is removed
 * that nobody could tell from what was written.
 */
import type { Database } from '../database.ts';
import { OperatorError } from '../errors.ts';
import type { ClusterId, ObjectKind } from '../ingest/event.ts';
import { EventLog } from '../ingest/log.ts';
import { readBase } from '../projection/base.ts';
import { JournalReader } from '../projection/journal.ts';
import { createProjector, type Projector, type ProjectorStart } from '../projection/projector.ts';
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
  const journal = new JournalReader(db);
  const start: ProjectorStart = readBase(db) ?? { world: EMPTY_WORLD, batch: 0, serials: new Map() };
  const store = {
    commit: () => {},
    lastSerial: (zone: string, before: number) => journal.lastVersion(zone, before)?.serial,
  };
  const projector = createProjector(start, store, Number.MAX_SAFE_INTEGER);
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, cluster, kind, key);
  let cut: Omit<Cut, 'versions'> | undefined;
  const steps = new EventLog(db).check(previous);
  for (let folded = 0; projector.batch < until; ) {
    const step = steps.next();
    if (step.done) {
      if (step.value.ok) break;
      const { batch, problem } = step.value.error;
      throw new OperatorError(`${db.name}: broken at batch ${batch}: ${problem}; nothing is removed`);
    }
    projector.apply(step.value);
    folded += step.value.events.length;
    if (!projector.isBehind()) cut = { batch: projector.batch, world: projector.world, serials: serialsOf(projector) };
    if (folded < FOLD_STEP) continue;
    folded = 0;
    yield;
  }
  if (cut === undefined) return undefined;
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
