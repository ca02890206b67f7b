import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Database } from '../../src/database.ts';
import { diff } from '../../src/history/diff.ts';
import type { Answered } from '../../src/history/problem.ts';
import { HistorySource } from '../../src/history/source.ts';
import { who } from '../../src/history/who.ts';
import { why } from '../../src/history/why.ts';
import { zoneAt } from '../../src/history/zone-at.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import { allSynced, batches, plan } from '../kit/random-events.ts';
import { START, StoredHistory } from '../kit/stored-history.ts';

const ZONES = ['cluster.local.', 'clusterset.local.', '10.in-addr.arpa.'];
const NAMES = ['web.a.svc.cluster.local.', 'db.b.svc.cluster.local.', '1.0.0.10.in-addr.arpa.'];
const ADDRESSES = ['10.0.0.1', 'fd00::1'];

/** What is asked of one moment; and the difference to the newest one. By question, as text. */
function answersAt(source: HistorySource, time: number): Map<string, string> {
  const at = new Date(time).toISOString();
  const answers = new Map<string, string>();
  const ask = <T>(question: string, answer: () => Answered<T>, read: (value: T) => unknown) => {
    const answered = source.ask(answer);
    answers.set(question, answered.ok ? JSON.stringify(read(answered.value)) : answered.error.kind);
  };
  for (const zone of ZONES) {
    ask(
      `zone ${zone}`,
      () => zoneAt(source, zone, at),
      ({ version, records }) => [version.serial, [...records].map((record) => JSON.stringify(record)).sort()],
    );
    ask(
      `diff ${zone}`,
      () => diff(source, zone, at, undefined),
      ({ from, to, removed, added }) => [from.serial, to.serial, removed, added],
    );
  }
  for (const name of NAMES)
    ask(
      `why ${name}`,
      () => why(source, { name, type: 'A', at }),
      (all) => all.map(({ zone, outcome, records }) => [zone, outcome, records]),
    );
  for (const address of ADDRESSES)
    ask(
      `who ${address}`,
      () => who(source, address, at),
      ({ names }) => names.map((each) => JSON.stringify(each)).sort(),
    );
  return answers;
}

function allAnswers(db: Database, last: number): Map<string, string>[] {
  const source = new HistorySource(db, () => START + last * 1000);
  return Array.from({ length: last }, (_, i) => answersAt(source, START + i * 1000));
}

describe('a log that was compacted', () => {
  it('answers every question about a moment since its beginning as before, and none about an earlier one', () => {
    fc.assert(
      fc.property(
        plan,
        fc.array(batches, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (first, parts, share, isSnapshotted) => {
          const history = new StoredHistory();
          history.append([first, ...allSynced]);
          for (const part of parts) {
            for (const events of part) history.append(events);
            if (isSnapshotted) history.snapshot();
          }
          const last = history.projector.batch;
          const before = allAnswers(history.db, last);
          history.compact(Math.floor(share * last));
          const after = allAnswers(history.db, last);
          const { batch } = windowStart(history.db);
          for (let i = 0; i < last; i++) {
            // The batch of START is the first one.
            if (i + 1 >= batch) assert.deepEqual(after[i], before[i], `batch ${i + 1} of ${last}, cut at ${batch}`);
            else assert.equal(after[i]?.get(`zone ${ZONES[0]}`), 'beforeLog');
          }
          history.db.close();
        },
      ),
      { numRuns: 3 },
    );
  });
});
