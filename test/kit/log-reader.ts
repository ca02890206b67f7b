/** What the log and the journal of a server hold, read while it runs or after. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { openReadOnly } from '../../src/database.ts';
import { compareSerial } from '../../src/dns/serial.ts';
import type { ClusterEvent, DeleteEvent, UpsertEvent } from '../../src/ingest/event.ts';
import { EventLog } from '../../src/ingest/log.ts';
import { JournalReader, type JournalVersion } from '../../src/projection/journal.ts';

export type ObjectEvent = UpsertEvent | DeleteEvent;

/** All events in their order. */
export function readEvents(database: string): ClusterEvent[] {
  const db = openReadOnly(database);
  try {
    return [...new EventLog(db).read(1)].flatMap((batch) => batch.events);
  } finally {
    db.close();
  }
}

export function readObjectEvents(database: string): ObjectEvent[] {
  return readEvents(database).filter((event) => 'object' in event);
}

export function readVersions(database: string, zone: string): JournalVersion[] {
  const db = openReadOnly(database);
  try {
    return new JournalReader(db).versions(zone);
  } finally {
    db.close();
  }
}

/**
 * The promises of log and journal: the hashes are right, no event repeats what was known, each version has a higher serial
 * than the one before and changes something.
 */
export function checkHistory(database: string, zone: string): void {
  const db = openReadOnly(database);
  try {
    const log = new EventLog(db);
    const verified = log.verify();
    assert.ok(verified.ok, JSON.stringify(verified));
    const known = new Map<string, unknown>();
    for (const { batch, events } of log.read(1)) {
      for (const event of events) {
        if (!('object' in event)) continue;
        const key = `${event.object} ${event.cluster} ${event.key}`;
        if ('facts' in event) {
          assert.ok(!isDeepStrictEqual(known.get(key), event.facts), `batch ${batch} repeats ${key}`);
          known.set(key, event.facts);
        } else {
          assert.ok(known.delete(key), `batch ${batch} deletes ${key}, which was not there`);
        }
      }
    }
    const journal = new JournalReader(db);
    const versions = journal.versions(zone);
    for (const [i, version] of versions.entries()) {
      const before = versions[i - 1];
      if (before === undefined) continue;
      assert.equal(
        compareSerial(before.serial, version.serial),
        'lower',
        `serials ${before.serial}, ${version.serial}`,
      );
      const changeset = journal.changesetOf(zone, version.batch);
      if (changeset === undefined) continue;
      const { soaFrom, soaTo, removed, added } = changeset;
      assert.deepEqual([soaFrom.rdata.serial, soaTo.rdata.serial], [before.serial, version.serial]);
      const isSoaOnly = soaFrom.ttl !== soaTo.ttl || soaFrom.rdata.minimum !== soaTo.rdata.minimum;
      assert.ok(removed.length + added.length > 0 || isSoaOnly, `serial ${version.serial} changes nothing`);
    }
  } finally {
    db.close();
  }
}
