import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAutoReload } from '../../src/compose/auto-reload.ts';
import type { Config } from '../../src/corefile/config.ts';
import { fail, ok, type Result } from '../../src/errors.ts';
import { createLogger } from '../../src/logger.ts';
import { configOf } from '../kit/corefile.ts';
import { FakeClock } from '../kit/fake-clock.ts';

const ten = (more = '') => configOf(`. {\nreload 10s 4s\n${more}\n}\n`);

/** A server whose reload goes over to what is read, if that is right. */
function bench(first: Config) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const bed = { text: ok(first) as Result<Config, string>, reloads: 0 };
  const auto = createAutoReload({
    read: () => bed.text,
    reload: async () => {
      bed.reloads += 1;
      if (bed.text.ok) auto.note(bed.text.value);
    },
    random: () => 0.5,
    timer: clock.timer,
    logger: createLogger((line) => lines.push(line)),
  });
  auto.note(first);
  /** Lets the time of one look pass, and what follows it. */
  const look = async () => {
    clock.advance(12_000);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { auto, bed, clock, lines, look };
}

describe('reload', () => {
  it('looks every interval, and goes over to what is new', async () => {
    const { bed, lines, look, clock } = bench(ten());
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /^\[INFO\] plugin\/reload: Running configuration SHA512 = [0-9a-f]{128}\n$/);
    clock.advance(11_999);
    assert.equal(clock.pending, 1, 'interval and half the jitter');
    await look();
    assert.equal(bed.reloads, 0, 'nothing has changed');
    bed.text = ok(ten('whoami'));
    await look();
    assert.equal(bed.reloads, 1);
    assert.equal(lines.length, 2);
    assert.notEqual(lines[1], lines[0]);
    await look();
    assert.equal(bed.reloads, 1);
  });

  it('tries what is wrong once, and again when it changes', async () => {
    const { bed, look } = bench(ten());
    bed.text = fail('Corefile:1 - wrong');
    for (let i = 0; i < 3; i++) await look();
    assert.equal(bed.reloads, 1);
    bed.text = fail('Corefile:2 - wrong in another way');
    await look();
    assert.equal(bed.reloads, 2);
    bed.text = ok(ten());
    await look();
    assert.equal(bed.reloads, 3, 'back to what is right');
  });

  it('takes no notice of blanks and comments, as what they say is the same', async () => {
    const { bed, look } = bench(ten());
    bed.text = ok(configOf('# more words\n.    {\n  reload 10s   4s\n}\n'));
    await look();
    assert.equal(bed.reloads, 0);
  });

  it('what a signal has reloaded is no news; the directive may come and go with it', async () => {
    const { auto, bed, look, clock, lines } = bench(configOf('. {\nwhoami\n}\n'));
    assert.deepEqual([clock.pending, lines.length], [0, 0]);
    bed.text = ok(ten());
    auto.note(ten());
    assert.deepEqual([clock.pending, lines.length], [1, 1]);
    await look();
    assert.equal(bed.reloads, 0);
    auto.note(configOf('. {\nreload 0s\n}\n'));
    assert.equal(clock.pending, 0);
  });

  it('tells the hash in force as a metric, where the plugin is there', () => {
    const { auto, lines } = bench(ten());
    const [family] = auto.snapshot();
    const hash = /= (\w+)/.exec(lines[0] ?? '')?.[1];
    assert.deepEqual([family?.name, family?.labelNames], ['coredns_reload_version_info', ['hash', 'value']]);
    assert.deepEqual(family?.samples, [{ labels: ['sha512', hash], value: 1 }]);
    auto.note(configOf('. {\nwhoami\n}\n'));
    assert.deepEqual(auto.snapshot()[0]?.samples, []);
  });

  it('ends', () => {
    const { auto, clock } = bench(ten());
    auto.stop();
    assert.equal(clock.pending, 0);
  });
});
