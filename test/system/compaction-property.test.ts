import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Serial } from '../../src/dns/serial.ts';
import type { ClusterEvent, ClusterId, ObjectKind } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { windowStart } from '../../src/ingest/log-window.ts';
import { JournalReader } from '../../src/projection/journal.ts';
import { createReplica } from '../../src/projection/replica.ts';
import { readSnapshot } from '../../src/projection/snapshot.ts';
import { factsAt } from '../../src/projection/state.ts';
import type { Zone } from '../../src/projection/zone.ts';
import { verifyDatabase } from '../../src/retention/verify.ts';
import { EAST, planApplied, stanza, zoneDefinition } from '../kit/cluster-events.ts';
import { given, zoneLines } from '../kit/given.ts';
import { allSynced, batches, plan } from '../kit/random-events.ts';
import { StoredHistory } from '../kit/stored-history.ts';

/** One cluster only: the other is forgotten, and must be listed again when it comes back. */
const onlyEast = planApplied(zoneDefinition('cluster.local.', [stanza(EAST)]));

type Step =
  | { readonly kind: 'append'; readonly events: readonly ClusterEvent[] }
  | { readonly kind: 'snapshot' | 'restart' }
  /** Up to a share of the log, for so many steps. */
  | { readonly kind: 'compact'; readonly share: number; readonly most: number };

const step: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 6, arbitrary: batches.map((all) => all.map((events): Step => ({ kind: 'append', events }))) },
  { weight: 2, arbitrary: plan.map((event): Step[] => [{ kind: 'append', events: [event] }]) },
  { weight: 1, arbitrary: fc.constant<Step[]>([{ kind: 'append', events: [onlyEast] }]) },
  { weight: 2, arbitrary: fc.constant<Step[]>([{ kind: 'append', events: allSynced }]) },
  { weight: 1, arbitrary: fc.constantFrom<Step[]>([{ kind: 'snapshot' }], [{ kind: 'restart' }]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.oneof(fc.nat(12), fc.constant(Number.POSITIVE_INFINITY)))
      .map(([share, most]): Step[] => [{ kind: 'compact', share, most }]),
  },
);

const script = fc
  .tuple(plan, fc.array(step, { minLength: 1, maxLength: 12 }))
  .map(([first, rest]): Step[] => [{ kind: 'append', events: [first, ...allSynced] }, ...rest.flat()]);

/** What was shown after each batch: the records and the serial of each zone; index 0 is before the first. */
type Shown = ReadonlyMap<string, { readonly lines: readonly string[]; readonly serial: Serial | undefined }>;

function play(steps: readonly Step[]): { history: StoredHistory; shown: Shown[] } {
  const history = new StoredHistory();
  const whole = given();
  const shown: Shown[] = [new Map()];
  for (const step of steps) {
    switch (step.kind) {
      case 'append':
        history.append(step.events);
        whole.when(step.events);
        shown.push(shownBy(whole.projector.zones()));
        break;
      case 'compact':
        history.compact(Math.floor(step.share * history.projector.batch), step.most);
        break;
      default:
        history[step.kind]();
    }
  }
  return { history, shown };
}

describe('a log that is compacted at random moments', () => {
  it('goes on as one that is not, and tells of every moment since its beginning what was shown then', () => {
    fc.assert(
      fc.property(script, (steps) => {
        const { history, shown } = play(steps);
        history.restart();
        assert.deepEqual(shownBy(history.projector.zones()), shown.at(-1));
        assertMoments(history, shown);
        const verified = verifyDatabase(history.db);
        assert.ok(verified.ok, JSON.stringify(verified));
      }),
      { numRuns: 15 },
    );
  });
});

function shownBy(zones: readonly Zone[]): Shown {
  return new Map(zones.map((zone) => [zone.id, { lines: zoneLines(zone).sort(), serial: zone.serial }]));
}

function assertMoments({ db }: StoredHistory, shown: readonly Shown[]): void {
  const journal = new JournalReader(db);
  const window = windowStart(db);
  for (let batch = window.batch; batch < shown.length; batch++) {
    const replica = createReplica(readSnapshot(db, batch));
    const previous = (cluster: ClusterId, kind: ObjectKind, key: string) => factsAt(replica.world, cluster, kind, key);
    for (const { batch: number, events } of new EventLog(db).read(replica.batch + 1, previous)) {
      if (number > batch) break;
      replica.apply({ batch: number, events, isLast: true, serials: [] });
    }
    const then = shown[batch] as Shown;
    const now = shownBy(replica.zones());
    assert.deepEqual([...now.keys()], [...then.keys()]);
    for (const [zone, { lines, serial }] of then) {
      assert.deepEqual(now.get(zone)?.lines, lines, `${zone} after batch ${batch}`);
      if (serial !== undefined) assert.equal(journal.lastVersion(zone, batch + 1)?.serial, serial);
    }
  }
  if (window.batch > 0) assert.throws(() => readSnapshot(db, window.batch - 1), { name: 'OperatorError' });
}
