import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { ServingBlock } from '../../src/serve/blocks.ts';
import { pointsOf } from '../../src/serve/blocks.ts';
import { createSharedUdp, type Descriptors } from '../../src/serve/shared-udp.ts';
import { DnsClient } from '../kit/dns-client.ts';
import { freePorts } from '../kit/free-ports.ts';
import { loopbackBlock, nameOf, question } from '../kit/serving.ts';
import type { ThreadCommand } from '../kit/serving-thread.ts';

const threads: Worker[] = [];
after(async () => {
  for (const thread of threads) await thread.terminate();
});

async function say(thread: Worker, command: ThreadCommand): Promise<unknown> {
  const answer = once(thread, 'message');
  thread.postMessage(command);
  return (await answer)[0];
}

function blockAt(...ports: readonly number[]): ServingBlock {
  const zone = nameOf('.');
  return loopbackBlock(['nsid', 'whoami'], { keys: ports.map((port) => ({ transport: 'dns', zone, port })) });
}

/** The names of the threads that answered so many questions, each from a port of its own. */
async function answeredBy(port: number, count: number): Promise<string[]> {
  const nsid = { code: 3, data: Buffer.alloc(0) };
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const reply = await new DnsClient(port).send(question('a.test', 'A', { edns: { options: [nsid] } }), 3000);
    names.push(/thread-\d/.exec(reply?.toString('latin1') ?? '')?.[0] ?? 'nobody');
  }
  return names;
}

test('threads share a socket: when one is busy the other answers, and a reload changes what is shared', async () => {
  const shared = createSharedUdp();
  const [one = 0, two = 0] = await freePorts(2);
  const block = blockAt(one);
  const opened = await shared.open(pointsOf(block));
  assert.ok(opened.ok);
  assert.equal(opened.value.size, 1, 'this version of Node keeps its handles where they are looked for');
  for (const number of [1, 2]) {
    threads.push(new Worker(new URL('../kit/serving-thread.ts', import.meta.url), { workerData: number }));
  }
  const [first, second] = threads as [Worker, Worker];
  const configure = async (next: ServingBlock, descriptors: Descriptors) => {
    for (const thread of threads) {
      const result = await say(thread, { configure: [next], descriptors });
      assert.ok(typeof result === 'object' && result !== null && 'ok' in result && result.ok === true);
    }
  };
  await configure(block, opened.value);

  const [busyFirst, busySecond] = [new Int32Array(new SharedArrayBuffer(4)), new Int32Array(new SharedArrayBuffer(4))];
  const release = (busy: Int32Array<SharedArrayBuffer>) => {
    Atomics.store(busy, 0, 1);
    Atomics.notify(busy, 0);
  };
  await say(first, { block: busyFirst });
  assert.deepEqual(new Set(await answeredBy(one, 20)), new Set(['thread-2']), 'no question is left to the busy thread');
  release(busyFirst);
  await say(second, { block: busySecond });
  assert.deepEqual(new Set(await answeredBy(one, 20)), new Set(['thread-1']));
  release(busySecond);

  const moved = blockAt(two);
  const reopened = await shared.open(pointsOf(moved));
  assert.ok(reopened.ok);
  await configure(moved, reopened.value);
  shared.keepOnly(pointsOf(moved));
  assert.ok((await answeredBy(two, 4)).every((name) => name.startsWith('thread-')));
  const gone = createSocket('udp4');
  gone.connect(one, '127.0.0.1');
  await once(gone, 'connect');
  gone.send(question('a.test', 'A'));
  const [refused] = await once(gone, 'error');
  assert.equal(refused.code, 'ECONNREFUSED', 'the port that is not served any more says so');
  gone.close();

  const back = await shared.open(pointsOf(blockAt(one, two)));
  assert.ok(back.ok);
  await configure(blockAt(one, two), back.value);
  assert.ok((await answeredBy(one, 4)).every((name) => name.startsWith('thread-')));
  assert.ok((await answeredBy(two, 4)).every((name) => name.startsWith('thread-')));
});

test('an address that can not be had is said in one line', async () => {
  const opened = await createSharedUdp().open([{ transport: 'dns', address: '192.0.2.1', port: 5300 }]);
  assert.deepEqual(opened, { ok: false, error: 'listen udp 192.0.2.1:5300: bind: cannot assign requested address' });
});
