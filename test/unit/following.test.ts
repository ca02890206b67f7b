/** The serving thread's end of the log, in whatever order it hears of things. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { followWriter } from '../../src/compose/following.ts';
import type { ToFollower } from '../../src/compose/messages.ts';
import { packRecords } from '../../src/dns/canonical.ts';
import { packedText } from '../../src/dns/packed-text.ts';
import type { Serial } from '../../src/dns/serial.ts';
import { parseZoneText } from '../../src/dns/zonefile.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { Replica } from '../../src/projection/replica.ts';
import { name, planApplied, zoneDefinition } from '../kit/cluster-events.ts';
import { recordTo } from '../kit/recorded.ts';

const APEX = 'example.org.';
const soaOf = (serial: number) => `${APEX} 60 IN SOA ns. h. ${serial} 3600 600 86400 60`;
const packed = (lines: readonly string[]) =>
  packedText(packRecords(parseZoneText(lines.map((l) => `${l}\n`).join(''))));

function transferred(serial: number, removed: readonly string[], added: readonly string[]): ClusterEvent {
  const about = { kind: 'ZoneTransferred', zone: APEX, primary: '192.0.2.1:53', serial: serial as Serial } as const;
  return { ...about, removed: packed(removed), added: packed(added) };
}

/** Sends a message, and waits until it has been folded. @param failed rejected when it can't be */
async function say(writer: MessagePort, message: ToFollower, failed: Promise<never>): Promise<void> {
  const next = once(writer, 'message');
  writer.postMessage(message);
  await Promise.race([next, failed]);
}

test('a thread that reads a snapshot newer than the place it is told begins from an older one', async (t) => {
  const { database, record, snapshot } = recordTo(':memory:');
  const [one, two] = [`a.${APEX} 60 IN A 192.0.2.1`, `b.${APEX} 60 IN A 192.0.2.2`];
  record([planApplied(zoneDefinition(APEX, [], { kind: 'secondary', primaries: ['192.0.2.1:53'] }))]);
  const batches = [[transferred(1, [], [soaOf(1), one])], [transferred(2, [soaOf(1), one], [soaOf(2), two])]] as const;
  for (const events of batches) record(events);
  // The writer had said its place, and went on; then the thread was ready.
  assert.ok(snapshot());
  const { port1: writer, port2 } = new MessageChannel();
  t.after(() => {
    writer.close();
    database.close();
  });
  let replica: Replica | undefined;
  const serials: (number | undefined)[] = [];
  const look = () => serials.push(replica?.zone(name(APEX))?.serial);
  const failed = Promise.withResolvers<never>();
  followWriter(port2, database.db, undefined, {
    onLoaded(loaded) {
      replica = loaded;
      look();
    },
    onStale: look,
    onFailure: failed.reject,
  });
  await say(writer, { kind: 'position', batch: 1, serials: [] }, failed.promise);
  for (const [i, events] of batches.entries()) {
    const update = { batch: i + 2, events, isLast: true, serials: [[APEX, (i + 1) as Serial] as const] };
    await say(writer, { kind: 'update', update }, failed.promise);
  }
  assert.deepEqual(serials, [undefined, 1, 2]);
});
