/** The writer's thread, as main sees it: when it dies, nobody waits for it, and the process ends. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type ThreadWorker, WriterThread } from '../../src/compose/threads.ts';

const CONFIGURATION: Parameters<WriterThread['configure']>[0] = {
  plan: { zones: [] },
  clusters: [],
  journal: { changes: 1, octets: 1 },
  secondaries: [],
  eventLog: { retain: undefined, maxSize: undefined, snapshotEvery: undefined },
  isDebug: false,
};

function writer() {
  const emitter = new EventEmitter();
  const fatal: string[] = [];
  const worker = Object.assign(emitter, { postMessage: () => {} }) as unknown as ThreadWorker;
  const thread = new WriterThread({ file: ':memory:', logFormat: 'text' }, (line) => fatal.push(line), worker);
  return { thread, fatal, say: (message: object) => emitter.emit('message', message), emitter };
}

test('a thread that dies of a new configuration ends the process: nobody would go back to the old one', async () => {
  const { thread, fatal, say, emitter } = writer();
  say({ kind: 'opened' });
  await thread.opened;
  const configured = thread.configure(CONFIGURATION);
  emitter.emit('error', new Error('out of memory'));
  await assert.rejects(configured, /out of memory/);
  assert.match(fatal.join(), /out of memory/);
});

test('what breaks after a configuration that broke is not silent', async () => {
  const { thread, fatal, say } = writer();
  say({ kind: 'opened' });
  await thread.opened;
  const configured = thread.configure(CONFIGURATION);
  say({ kind: 'failed', message: 'first' });
  await assert.rejects(configured, /first/);
  assert.deepEqual(fatal, []);
  say({ kind: 'failed', message: 'second' });
  assert.deepEqual(fatal, ['second']);
});
