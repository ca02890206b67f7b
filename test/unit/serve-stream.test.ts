import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';
import type { Entry } from '../../src/serve/entry.ts';
import { createPump } from '../../src/serve/pump.ts';
import { DEFAULT_TCP_LIMITS, listenTcp } from '../../src/serve/tcp.ts';

test('messages come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 }),
      (messages, cuts) => {
        const stream = frameMessages(messages);
        const reader = new FrameReader();
        const read: Buffer[] = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const end = at + (cuts[i % cuts.length] as number);
          reader.push(stream.subarray(at, end));
          for (let next = reader.next(); next; next = reader.next()) read.push(next);
          at = end;
        }
        assert.deepEqual(
          read.map((m) => m.toString('hex')),
          messages.map((m) => Buffer.from(m).toString('hex')),
        );
        assert.equal(reader.length, 0);
      },
    ),
  );
});

test('half a message, or half of its length, is no message', () => {
  const reader = new FrameReader();
  reader.push(Buffer.from([0]));
  assert.equal(reader.next(), undefined);
  reader.push(Buffer.from([3, 1, 2]));
  assert.equal(reader.next(), undefined);
  assert.equal(reader.length, 4);
  reader.push(Buffer.from([3, 0]));
  assert.deepEqual([...(reader.next() ?? [])], [1, 2, 3]);
  assert.equal(reader.length, 1);
});

test('one piece in a turn, in the order in which they came', () => {
  const turns: (() => void)[] = [];
  const pump = createPump(
    () => 0,
    (callback) => turns.push(callback),
  );
  const done: string[] = [];
  const work = (name: string, left: number) => (): void => {
    done.push(`${name}${left}`);
    if (left > 1) pump.push(work(name, left - 1));
  };
  pump.push(work('a', 3));
  pump.push(work('b', 2));
  let count = 0;
  for (let turn = turns.shift(); turn; turn = turns.shift()) {
    assert.equal(turns.length, 0, 'never two turns at a time');
    turn();
    count += 1;
    assert.equal(done.length, count);
  }
  assert.deepEqual(done, ['a3', 'b2', 'a2', 'b1', 'a1']);
});

test('two that never end share the turns evenly, and leave nothing behind', () => {
  const turns: (() => void)[] = [];
  const pump = createPump(
    () => 0,
    (callback) => turns.push(callback),
  );
  const counts = [0, 0];
  const work = (who: number) => (): void => {
    counts[who] = (counts[who] as number) + 1;
    pump.push(work(who));
  };
  pump.push(work(0));
  pump.push(work(1));
  for (let i = 0; i < 10_000; i++) (turns.shift() as () => void)();
  assert.deepEqual(counts, [5000, 5000]);
});

test('who asks for a share of a turn gets no more than the share, all together', () => {
  const turns: (() => void)[] = [];
  let time = 0;
  const pump = createPump(
    () => time,
    (callback) => turns.push(callback),
  );
  const log: string[] = [];
  /** So many steps of 0.4 ms each. */
  const client = (name: string, steps: number): void => {
    for (let left = steps; left > 0; left--) {
      if (!pump.hasTime()) {
        pump.wait(() => client(name, left));
        return;
      }
      time += 0.4;
      log.push(name);
    }
  };
  const turn = (): string => {
    const list = turns.splice(0);
    assert.ok(list.length <= 1);
    log.length = 0;
    for (const one of list) one();
    return log.join('');
  };
  for (const name of ['a', 'b', 'c']) client(name, 5);
  assert.equal(log.join(''), 'aaa', 'the others came when the share was used');
  assert.deepEqual([turn(), turn(), turn(), turn(), turn()], ['aab', 'ccc', 'bbb', 'ccb', '']);
  assert.equal(turns.length, 0, 'nothing is left behind');
  client('d', 1);
  assert.deepEqual(log, ['d'], 'a new turn, a new share');
});

test('however many connections ask at once, a turn has room for a few of their questions', async () => {
  let time = 0;
  let inTurn = 0;
  let most = 0;
  const pump = createPump(
    () => time,
    (callback) =>
      setImmediate(() => {
        inTurn = 0;
        callback();
      }),
  );
  const question = Buffer.alloc(12, 1);
  /** Each question takes 0.3 ms. */
  const entry = {
    answer(packet: Buffer) {
      time += 0.3;
      inTurn += 1;
      most = Math.max(most, inTurn);
      return packet;
    },
  };
  const [connections, questions] = [20, 50];
  const listener = await listenTcp(
    {
      address: '127.0.0.1',
      port: 0,
      isV6: false,
      reusePort: false,
      limits: { ...DEFAULT_TCP_LIMITS, idleMs: 1e9, readMs: 1e9, writeMs: 1e9 },
      pump,
      now: () => time,
      onFailure: (error) => assert.fail(String(error)),
    },
    entry as unknown as Entry,
  );
  const wanted = questions * (2 + question.length);
  const asked = Array.from({ length: connections }, async () => {
    const socket = connect(listener.port, '127.0.0.1');
    socket.write(frameMessages(Array<Buffer>(questions).fill(question)));
    let octets = 0;
    for await (const chunk of socket) {
      octets += chunk.length;
      if (octets === wanted) break;
    }
    assert.equal(octets, wanted);
  });
  await Promise.all(asked);
  await listener.stop(1000);
  // What came in with the turn, and those that waited: a millisecond for each.
  assert.ok(most <= 8, `${most} questions in one turn`);
});

test('each octet of a transfer arrives as it was, however late the client reads', async () => {
  const count = 16_000;
  const size = 1000;
  let made = 0;
  /** One buffer for all messages, as long transfers have it: what is in it is good until the next turn. */
  const shared = Buffer.alloc(size);
  function* messages(): Generator<Buffer> {
    for (; made < count; made++) yield shared.fill(made % 251).fill(made >> 8, 0, 12);
  }
  let time = 0;
  const listener = await listenTcp(
    {
      address: '127.0.0.1',
      port: 0,
      isV6: false,
      reusePort: false,
      limits: { ...DEFAULT_TCP_LIMITS, idleMs: 1e9, readMs: 1e9, writeMs: 1e9 },
      pump: createPump(() => time),
      // Each look at the clock costs a millisecond: a turn has room for one message, of which many are under way at a time.
      now: () => ++time,
      onFailure: (error) => assert.fail(String(error)),
    },
    { answer: () => ({ messages: messages() }) } as unknown as Entry,
  );
  const client = connect(listener.port, '127.0.0.1');
  client.pause();
  client.write(frameMessages([Buffer.alloc(12, 1)]));
  // Until the system takes no more, and the server waits for the client.
  for (let before = -1; before !== made || made === 0; ) {
    before = made;
    for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
  const reader = new FrameReader();
  let read = 0;
  try {
    for await (const chunk of client as AsyncIterable<Buffer>) {
      reader.push(chunk);
      for (let message = reader.next(); message; message = reader.next()) {
        const isRight = message[0] === ((read >> 8) & 255) && message[size - 1] === read % 251;
        assert.ok(isRight && message.length === size, `message ${read} is not what was sent`);
        read += 1;
      }
      if (read === count) break;
    }
    assert.equal(read, count);
  } finally {
    client.destroy();
    await listener.stop(0);
  }
});
