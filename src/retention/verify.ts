/**
 * Is a database what was written? Everything that answers come from is compared: the pages, the chain of hashes, the base,
 * and, by folding the log again, the journal and the snapshots. Only what nothing depends on is left out: how far watches
 * have got, and rows that a compaction has not come to yet.
 */
import { type Database, findBrokenPage, findBrokenSchema } from '../database.ts';
import { fail, ok, type Result } from '../errors.ts';
import { equalJson } from '../ingest/delta.ts';
import { type ClusterId, OBJECT_KINDS, type ObjectKind } from '../ingest/event.ts';
import { type Breach, EventLog, type LogExtent } from '../ingest/log.ts';
import { type LogWindow, windowStart } from '../ingest/log-window.ts';
import { findBrokenRemoval, readRemovals } from '../ingest/removal.ts';
import { TermIndex } from '../ingest/term-index.ts';
import { hashBase, readBase } from '../projection/base.ts';
import { createProjector, type Projector, type ProjectorStart } from '../projection/projector.ts';
import { EMPTY_WORLD, factsAt, keysAt, type World } from '../projection/state.ts';
import { lastVersions } from './cut.ts';
import { Unequal, VersionComparison } from './verify-journal.ts';
import { findBrokenSnapshot, snapshotBatches } from './verify-snapshot.ts';

/** The first thing that is not what was written. */
export interface Flaw {
  /** `batch 7, event 19`, `removal 1`, `the file` … */
  readonly place: string;
  readonly problem: string;
}

export interface Verified extends LogExtent {
  readonly window: LogWindow;
  /** Versions of zones that the replay gave as the journal has them. */
  readonly versions: number;
}

/** Reads all of a database, also of a running server; nothing is written. */
export function verifyDatabase(db: Database): Result<Verified, Flaw> {
  return db.transaction((): Result<Verified, Flaw> => {
    const early = findEarlyFlaw(db);
    if (early !== undefined) return fail(early);
    return replay(db);
  })();
}

/** What can be told before the log is read. */
function findEarlyFlaw(db: Database): Flaw | undefined {
  const page = findBrokenPage(db);
  if (page !== undefined) return { place: 'the file', problem: page };
  const schema = findBrokenSchema(db);
  if (schema !== undefined) return { place: 'the schema', problem: schema };
  const removal = findBrokenRemoval(db);
  if (removal !== undefined) return { place: 'what was removed', problem: removal };
  const last = readRemovals(db).at(-1);
  if (last !== undefined && !hashBase(db, last.lastBatch).equals(last.base))
    return { place: `the base of batch ${last.lastBatch}`, problem: 'its hash is not that of its content' };
  return undefined;
}

function replay(db: Database): Result<Verified, Flaw> {
  const base = readBase(db);
  const window = windowStart(db);
  const start: ProjectorStart = base ?? { world: EMPTY_WORLD, batch: 0, serials: new Map() };
  const versions = base?.head.versions ?? [];
  if (!equalJson(lastVersions(db, window.batch), versions))
    return fail({ place: `the base of batch ${window.batch}`, problem: 'its versions are not those of the journal' });
  const comparison = new VersionComparison(db, versions);
  const projector = createProjector(start, comparison, 0);
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(projector.world, cluster, kind, key);
  const snapshots = snapshotBatches(db, window.batch);
  const steps = new EventLog(db).check(previous);
  const terms = new TermIndex(db);
  try {
    const lost = findMissingTerm(terms, start.world);
    if (lost !== undefined) return fail({ place: `the base of batch ${window.batch}`, problem: lost });
    let flaw = findFlawAt(db, projector, snapshots);
    for (;;) {
      if (flaw !== undefined) return fail(flaw);
      const step = steps.next();
      if (step.done) return step.value.ok ? finish(step.value.value) : fail(flawOf(step.value.error));
      const { batch, events } = step.value;
      const missing = terms.findMissing(events, previous);
      if (missing !== undefined) return fail({ place: `batch ${batch}`, problem: missing });
      projector.apply(step.value);
      flaw = findFlawAt(db, projector, snapshots);
    }
  } catch (error) {
    if (error instanceof Unequal) return fail({ place: error.place, problem: error.problem });
    throw error;
  }

  function finish(extent: LogExtent): Result<Verified, Flaw> {
    comparison.finish(projector.batch);
    const [stray] = snapshots;
    if (stray !== undefined)
      return fail({ place: `the snapshot of batch ${stray}`, problem: 'the log has no such batch' });
    return ok({ ...extent, window, versions: comparison.compared });
  }
}

function findMissingTerm(terms: TermIndex, world: World): string | undefined {
  for (const id of Object.keys(world.clusters) as ClusterId[]) {
    for (const kind of OBJECT_KINDS) {
      for (const key of keysAt(world, id, kind)) {
        const facts = factsAt(world, id, kind, key);
        const missing = facts && terms.findMissingOf(id, kind, key, facts);
        if (missing !== undefined) return missing;
      }
    }
  }
  return undefined;
}

/** Compares the snapshots of the batch that was folded last, and takes them off the list. */
function findFlawAt(db: Database, projector: Projector, snapshots: Set<number>): Flaw | undefined {
  if (!snapshots.delete(projector.batch)) return undefined;
  const problem = findBrokenSnapshot(db, projector);
  return problem === undefined ? undefined : { place: `the snapshot of batch ${projector.batch}`, problem };
}

function flawOf({ batch, position, problem }: Breach): Flaw {
  return { place: position === undefined ? `batch ${batch}` : `batch ${batch}, event ${position}`, problem };
}
