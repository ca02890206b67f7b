/** Zones are packed before anybody asks: when it is quiet, a little at a time, and only where it is of use. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PackingAhead } from '../../src/transfer/packing-ahead.ts';
import { FakeClock } from '../kit/fake-clock.ts';

/** More than any version needs to be packed here. */
const LONG = 10_000;

/** Zones of ten messages each, of which one takes a whole slice. */
function start({ messages = 10, isWhole = true, broken = '' } = {}) {
  const clock = new FakeClock();
  const notOut = new Set<string>();
  /** Messages of each run. */
  const runs: { zone: string; steps: number; end: 'whole' | 'let go' | 'running' }[] = [];
  const failures: string[] = [];
  let worked = 0;
  function* pack(zone: string): Generator<unknown, boolean> {
    const run: (typeof runs)[number] = { zone, steps: 0, end: 'running' };
    runs.push(run);
    try {
      for (; run.steps < messages; run.steps++) {
        if (zone === broken) throw new Error('no message');
        worked += 1;
        yield;
      }
      run.end = 'whole';
      return isWhole;
    } finally {
      if (run.end === 'running') run.end = 'let go';
    }
  }
  const ahead = new PackingAhead({
    pack: (zone) => (notOut.has(zone) ? undefined : pack(zone)),
    after: (milliseconds, callback) => clock.timer(callback, milliseconds),
    now: () => clock.now() * 1000 + worked,
    onFailure: (zone) => failures.push(zone),
  });
  const packed = () => runs.map(({ zone, end }) => `${zone} ${end}`);
  return { clock, ahead, runs, packed, failures, notOut };
}

test('after a start each zone that is handed out is packed once, and no other', () => {
  const { clock, ahead, packed } = start();
  ahead.configure(['a', 'b']);
  ahead.changed('c');
  clock.advance(50);
  assert.deepEqual(packed(), []);
  clock.advance(LONG);
  assert.deepEqual(packed(), ['a whole', 'b whole']);
  ahead.changed('a');
  // A configuration with the same zones is no start.
  ahead.configure(['b', 'a']);
  clock.advance(LONG);
  assert.equal(packed().length, 2, 'nobody took it');
  assert.equal(clock.pending, 0, 'nothing is waited for when there is nothing to do');
});

test('once a client took a zone its next versions are packed, of many in a row the last', () => {
  const { clock, ahead, packed } = start();
  ahead.configure(['a', 'b']);
  clock.advance(LONG);
  ahead.taken('a');
  clock.advance(LONG);
  assert.equal(packed().length, 2, 'what it took is packed');
  for (let i = 0; i < 50; i++) {
    ahead.changed('a');
    ahead.changed('b');
    clock.advance(60);
  }
  assert.equal(packed().length, 2, 'no version was the newest for long');
  clock.advance(LONG);
  assert.deepEqual(packed().slice(2), ['a whole']);
});

test('a message at a time, with pauses', () => {
  const { clock, ahead, runs } = start();
  ahead.configure(['a']);
  while (runs.length === 0) clock.advance(1);
  assert.equal(runs[0]?.steps, 0, 'the first is made');
  for (let i = 1; i < 10; i++) {
    const before: number = runs[0]?.steps ?? 0;
    clock.advance(4);
    assert.equal(runs[0]?.steps, before);
    clock.advance(1);
    assert.equal(runs[0]?.steps, before + 1);
  }
});

test('a newer version ends the packing of the one before it at once, and so does a client that takes it', () => {
  const { clock, ahead, runs, packed } = start();
  ahead.configure(['a']);
  while (runs.length === 0) clock.advance(1);
  ahead.changed('a');
  assert.deepEqual(packed(), ['a let go']);
  while (runs.length === 1) clock.advance(1);
  ahead.taken('a');
  assert.deepEqual(packed(), ['a let go', 'a let go']);
  clock.advance(LONG);
  assert.equal(runs.length, 2);
});

test('versions that nobody takes are packed only so often', () => {
  const { clock, ahead, runs } = start();
  ahead.configure(['a']);
  ahead.taken('a');
  const change = () => {
    ahead.changed('a');
    clock.advance(LONG);
  };
  for (let i = 0; i < 100; i++) change();
  assert.equal(runs.length, 20);
  ahead.taken('a');
  change();
  assert.equal(runs.length, 21);
});

test('versions that come before one is packed are not begun for ever', () => {
  const { clock, ahead, runs } = start({ messages: 1000 });
  ahead.configure(['a']);
  for (let i = 0; i < 100; i++) {
    clock.advance(300);
    ahead.changed('a');
  }
  assert.equal(runs.length, 20);
});

test('what can not all be kept is packed once for each client that takes it', () => {
  const { clock, ahead, runs } = start({ isWhole: false });
  ahead.configure(['a']);
  const change = () => {
    ahead.changed('a');
    clock.advance(LONG);
  };
  for (let i = 0; i < 3; i++) change();
  assert.equal(runs.length, 1);
  ahead.taken('a');
  for (let i = 0; i < 3; i++) change();
  assert.equal(runs.length, 2);
});

test('a zone that is not complete yet is packed when it is', () => {
  const { clock, ahead, packed, notOut } = start();
  notOut.add('a');
  ahead.configure(['a']);
  clock.advance(LONG);
  for (let i = 0; i < 50; i++) {
    ahead.changed('a');
    clock.advance(LONG);
  }
  assert.deepEqual(packed(), []);
  notOut.delete('a');
  ahead.changed('a');
  clock.advance(LONG);
  assert.deepEqual(packed(), ['a whole']);
});

test('a zone that can not be packed is told of once, and holds up no other', () => {
  const { clock, ahead, packed, failures } = start({ broken: 'a' });
  ahead.configure(['a', 'b']);
  clock.advance(LONG);
  ahead.changed('a');
  clock.advance(LONG);
  assert.deepEqual([failures, packed()], [['a'], ['a let go', 'b whole']]);
});

test('a zone that is no longer handed out is let go', () => {
  const { clock, ahead, runs, packed } = start();
  ahead.configure(['a', 'b']);
  while (runs.length === 0) clock.advance(1);
  ahead.configure(['b']);
  clock.advance(LONG);
  assert.deepEqual(packed(), ['a let go', 'b whole']);
});

test('nothing is left, and nothing begun, after the end', () => {
  for (const milliseconds of [0, 50, 120, LONG]) {
    const { clock, ahead, runs } = start();
    ahead.configure(['a']);
    clock.advance(milliseconds);
    const before = runs.length;
    ahead.stop();
    assert.equal(clock.pending, 0);
    ahead.changed('a');
    ahead.taken('a');
    assert.equal(clock.pending, 0);
    clock.advance(LONG);
    assert.equal(runs.length, before);
    assert.ok(runs.every(({ end }) => end !== 'running'));
  }
});
