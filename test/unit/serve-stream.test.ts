import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader, frameMessages } from '../../src/dns/framing.ts';
import { createPump } from '../../src/serve/pump.ts';

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
  const pump = createPump((callback) => turns.push(callback));
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
  const pump = createPump((callback) => turns.push(callback));
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
