import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { packRecords } from '../../src/dns/canonical.ts';
import { effectsOf, newestWorld } from '../../src/preview/zone-effects.ts';
import { allSynced, batches, plan } from '../kit/random-events.ts';
import { StoredHistory } from '../kit/stored-history.ts';

describe('what events would do to the zones', () => {
  it('is the changeset that they come to when they happen', () => {
    fc.assert(
      fc.property(plan, batches, (first, parts) => {
        const history = new StoredHistory();
        history.append([first, ...allSynced]);
        for (const events of parts) {
          // What a plan changes is not asked for.
          const objects = events.filter((event) => 'object' in event);
          if (objects.length === 0) continue;
          const world = newestWorld(history.db);
          const effects = effectsOf(history.db, world, objects);
          const before = history.projector.batch;
          history.append(objects);
          const changes = history.db
            .prepare<[number], unknown[]>(
              `SELECT name, serial_from, removed, added FROM zone_change JOIN zone ON zone.id = zone_change.zone
               WHERE batch > ? ORDER BY name`,
            )
            .raw()
            .all(before);
          const planned = effects
            .map(({ zone, serial, removed, added }) => [
              zone,
              serial,
              ...[removed, added].map((list) => Buffer.from(packRecords(list))),
            ])
            .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
          assert.deepEqual(planned, changes);
        }
      }),
      { numRuns: 10 },
    );
  });
});
