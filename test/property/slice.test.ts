import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Database, openDatabase } from '../../src/database.ts';
import type { ClusterId, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import { JournalReader } from '../../src/projection/journal.ts';
import { createReplica } from '../../src/projection/replica.ts';
import { readSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import { exportSlice } from '../../src/retention/export.ts';
import { SliceImport } from '../../src/retention/import.ts';
import { verifyDatabase } from '../../src/retention/verify.ts';
import { zoneLines } from '../kit/given.ts';
import { allSynced, batches, plan } from '../kit/random-events.ts';
import { START, StoredHistory } from '../kit/stored-history.ts';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const history = fc.tuple(plan, fc.array(batches, { minLength: 1, maxLength: 5 }), fc.option(share), fc.boolean());

/** Of a log that may have lost its beginning. */
function stored([first, parts, compacted, isSnapshotted]: typeof history extends fc.Arbitrary<infer T> ? T : never) {
  const stored = new StoredHistory();
  stored.append([first, ...allSynced]);
  for (const part of parts) {
    for (const events of part) stored.append(events);
    if (isSnapshotted) stored.snapshot();
  }
  if (compacted !== null) stored.compact(Math.floor(compacted * stored.projector.batch));
  return stored;
}

function imported(lines: readonly string[]): Database {
  const { db } = openDatabase(':memory:');
  const taken = new SliceImport(db, START);
  for (const line of lines) taken.take(line);
  taken.finish();
  return db;
}

/** The records of each zone after a batch, and their serials as the journal has them. */
function shownAt(db: Database, batch: number): unknown {
  const replica = createReplica(readSnapshot(db, batch));
  const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(replica.world, cluster, kind, key);
  for (const { batch: number, events } of new EventLog(db).read(replica.batch + 1, previous)) {
    if (number > batch) break;
    replica.apply({ batch: number, events, isLast: true, serials: [] });
  }
  const journal = new JournalReader(db);
  return replica
    .zones()
    .map((zone) => [zone.id, zoneLines(zone).sort(), journal.lastVersion(zone.id, batch + 1)])
    .sort();
}

describe('a slice that is exported and imported', () => {
  it('is a log that verifies, with the same zones, serials and hashes at each of its moments', () => {
    fc.assert(
      fc.property(history, share, share, (written, a, b) => {
        const { db, projector } = stored(written);
        const [from, to] = [a, b].map((part) => Math.ceil(part * projector.batch)).sort((x, y) => x - y) as [
          number,
          number,
        ];
        const copy = imported([...exportSlice(db, { from, to })]);
        const verified = verifyDatabase(copy);
        assert.ok(verified.ok, JSON.stringify(verified));
        const begin = windowStart(copy).batch;
        assert.ok(begin < Math.max(1, from) || begin === windowStart(db).batch);
        for (let batch = Math.max(begin, windowStart(db).batch, 1); batch <= to; batch++)
          assert.deepEqual(shownAt(copy, batch), shownAt(db, batch));
        const hashes = 'SELECT batch, hex(hash) FROM batch WHERE batch > ? AND batch <= ? ORDER BY batch';
        assert.deepEqual(copy.prepare(hashes).all(begin, to), db.prepare(hashes).all(begin, to));
        copy.close();
      }),
      { numRuns: 5 },
    );
  });

  it('is refused when a line is missing, doubled, moved or another', () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), fc.nat(3), (written, at, where, how) => {
        const { db } = stored(written);
        const lines = [...exportSlice(db, { from: 1, to: Number.MAX_SAFE_INTEGER })];
        const i = at % lines.length;
        const line = lines[i] as string;
        const changed = [...lines];
        if (how === 0) changed.splice(i, 1);
        else if (how === 1) changed.splice(i, 0, line);
        else if (how === 2) [changed[i], changed[where % lines.length]] = [lines[where % lines.length] as string, line];
        else {
          const place = where % line.length;
          changed[i] = `${line.slice(0, place)}${line[place] === 'x' ? 'y' : 'x'}${line.slice(place + 1)}`;
        }
        // Lines that are the same may change places; what the end says of itself only is nobody's loss.
        if (changed.join('\n') === lines.join('\n')) return;
        if (how === 3 && i === lines.length - 1) return;
        assert.throws(() => imported(changed), { name: 'OperatorError', message: /^line \d+: / });
      }),
      { numRuns: 15 },
    );
  });
});
