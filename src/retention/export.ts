/** A slice of a log as lines of JSON, which anyone can replay to the same serials. */
import { createHash } from 'node:crypto';
import type { Database } from '../database.ts';
import { readStoredBatches } from '../ingest/log-slice.ts';
import { timeText, windowStart } from '../ingest/log-window.ts';
import { JournalReader } from '../projection/journal.ts';
import { writeState } from '../projection/state-text.ts';
import { type Cut, cutBefore, lastVersions } from './cut.ts';
import { batchLine, eventLine, HEADER, type SliceBase, type SliceEnd } from './slice-lines.ts';

/** Which batches. */
export interface Slice {
  /** The first that is wanted; it may have to begin with an earlier one. */
  readonly from: number;
  /** The last. */
  readonly to: number;
}

/**
 * The lines of a slice, without their line feeds. To be read in one read transaction.
 * @throws OperatorError where the log is damaged
 */
export function* exportSlice(db: Database, slice: Slice): Generator<string> {
  const hash = createHash('sha256');
  const lineOf = (value: unknown) => {
    const line = JSON.stringify(value);
    hash.update(`${line}\n`);
    return line;
  };
  yield lineOf(HEADER);
  const cut = cutBefore(db, slice.from - 1);
  if (cut !== undefined) {
    for (const value of baseLines(db, cut)) yield lineOf(value);
    yield lineOf({ whole: hash.copy().digest('hex') });
  }
  let last = cut?.batch ?? 0;
  let [batches, events, head] = [0, 0, placeOf(db, last).anchor];
  for (const batch of readStoredBatches(db, last + 1, slice.to)) {
    yield lineOf(batchLine(batch));
    for (const event of batch.events) yield lineOf(eventLine(event));
    batches += 1;
    events += batch.count;
    [last, head] = [batch.batch, batch.hash.toString('hex')];
  }
  const published = publishedAt(db, last);
  const end: SliceEnd = { batches, events, head, published, sha256: hash.digest('hex') };
  yield JSON.stringify({ end });
}

function* baseLines(db: Database, cut: Cut): Generator<unknown> {
  const texts = writeState(cut.world, cut);
  const head: unknown = JSON.parse(texts.next().value ?? '{}');
  yield { base: placeOf(db, cut.batch), head };
  for (const text of texts) yield { part: JSON.parse(text) as unknown };
}

/** The end of a batch, which may be the last one that was removed. */
function placeOf(db: Database, batch: number): SliceBase {
  const window = windowStart(db);
  const row = db
    .prepare<[number], { readonly position: number; readonly time: number; readonly hash: Buffer }>(
      'SELECT first + count - 1 AS position, time, hash FROM batch WHERE batch = ?',
    )
    .get(batch);
  const { position, time, hash } = batch === window.batch || row === undefined ? window : row;
  return { batch, position, time: timeText(time), anchor: hash.toString('hex') };
}

/** As far as the journal goes: after a crash it may be behind the log. */
function publishedAt(db: Database, batch: number): SliceEnd['published'] {
  const upTo = Math.min(batch, new JournalReader(db).position());
  return { upTo, serials: Object.fromEntries(lastVersions(db, upTo).map(({ zone, serial }) => [zone, serial])) };
}
