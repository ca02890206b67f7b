/** Batches on their way to a serving thread: all of them come, a part at a time. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { startFollower } from '../../src/compose/follower.ts';
import type { ToFollower } from '../../src/compose/messages.ts';
import type { Serial } from '../../src/dns/serial.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { EAST, namespace } from '../kit/cluster-events.ts';

/** What a thread is told next; it answers that all of it is folded. */
async function fold(thread: MessagePort): Promise<ToFollower> {
  const [message] = (await once(thread, 'message')) as [ToFollower];
  const batch = message.kind === 'position' ? message.batch : message.kind === 'update' ? message.update.batch : 0;
  thread.postMessage({ kind: 'next', batch });
  return message;
}

test('a batch of more parts than may wait is read from the log by the thread, and is not left out', async (t) => {
  const { port1, port2: thread } = new MessageChannel();
  t.after(() => port1.close());
  // As in the writer: what the last batch is, is noted once it was handed to all threads.
  let batch = 1;
  const folded = Promise.withResolvers<void>();
  const follower = startFollower(port1, () => ({ batch, serials: [] }), {
    onFolded: () => folded.resolve(),
    onClose: () => {},
  });
  assert.deepEqual(await fold(thread), { kind: 'position', batch: 1, serials: [] });
  await folded.promise;
  const one: ClusterEvent = namespace(EAST, 'a');
  follower.send({ batch: 2, time: 0, events: Array.from({ length: 501_000 }, () => one) }, { serials: [] });
  batch = 2;
  assert.deepEqual(await fold(thread), { kind: 'position', batch: 2, serials: [] });
});

test('a zone that was transferred comes in parts of a millisecond each, so that answers go on', async (t) => {
  const { port1, port2: thread } = new MessageChannel();
  t.after(() => port1.close());
  const folded = Promise.withResolvers<void>();
  const follower = startFollower(port1, () => ({ batch: 1, serials: [] }), {
    onFolded: () => folded.resolve(),
    onClose: () => {},
  });
  await fold(thread);
  await folded.promise;
  const part = (removed: string): ClusterEvent => {
    return { kind: 'ZoneTransferred', zone: 'z.', primary: '192.0.2.1:53', serial: 1 as Serial, removed, added: '' };
  };
  const events = [part('a'), part('b'), part('c')];
  follower.send({ batch: 2, time: 0, events }, { serials: [['z.', 1 as Serial]] });
  const updates: ToFollower[] = [];
  for (let i = 0; i < 3; i++) updates.push(await fold(thread));
  assert.deepEqual(
    updates.map((message) => message.kind === 'update' && [message.update.events, message.update.isLast]),
    events.map((event, i) => [[event], i === 2]),
  );
});
