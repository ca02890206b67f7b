import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDatabase, planEventLog } from '../../src/compose/event-log.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import { AROUND } from '../kit/corefile.ts';

function load(text: string) {
  return loadConfig(text, { ...AROUND, warn: (warning) => assert.fail(warning) });
}

function limitsOf(inside: string) {
  const config = load(`. {\n root /srv\n eventlog zone.db {\n${inside}\n}\n}`);
  assert.ok(config.ok, config.ok ? '' : config.error.message);
  return planEventLog(config.value);
}

function refused(text: string): string {
  const config = load(text);
  assert.ok(!config.ok, text);
  return config.error.message;
}

test('eventlog takes days and sizes; its file is relative to root', () => {
  assert.deepEqual(limitsOf('retain 30d\nsnapshot 5000\nmax_size 2GB'), {
    file: '/srv/zone.db',
    limits: {
      retain: { value: 30 * 86_400_000, text: '30d' },
      maxSize: { value: 2e9, text: '2GB' },
      snapshotEvery: 5000,
    },
  });
  assert.equal(limitsOf('retain 1w12h').limits.retain?.value, 7.5 * 86_400_000);
  for (const [text, octets] of [
    ['512MiB', 512 * 2 ** 20],
    ['1.5g', 1.5e9],
    ['2000000', 2e6],
    ['3Ti', 3 * 2 ** 40],
  ] as const) {
    assert.equal(limitsOf(`max_size ${text}`).limits.maxSize?.value, octets, text);
  }
});

test('without eventlog all is kept, where the command line says', () => {
  const config = load('. {\n whoami\n}');
  assert.ok(config.ok);
  const plan = planEventLog(config.value);
  assert.deepEqual(plan, {
    file: undefined,
    limits: { retain: undefined, maxSize: undefined, snapshotEvery: undefined },
  });
  assert.deepEqual(chooseDatabase(undefined, plan.file, 'zonelog.db'), { file: 'zonelog.db' });
});

test('the command line counts more than the Corefile, and says so', () => {
  assert.deepEqual(chooseDatabase(undefined, '/srv/a.db', 'zonelog.db'), { file: '/srv/a.db' });
  assert.deepEqual(chooseDatabase('/srv/a.db', '/srv/a.db', 'zonelog.db'), { file: '/srv/a.db' });
  const { file, warning } = chooseDatabase('b.db', '/srv/a.db', 'zonelog.db');
  assert.equal(file, 'b.db');
  assert.match(warning ?? '', /'\/srv\/a\.db' is not used/);
});

test('what makes no sense is refused with its place', () => {
  for (const [inside, message] of [
    ['retain 0s', /retain must be more than 0/],
    ['retain 30', /invalid retain: .*missing unit/],
    ['retain', /Wrong argument count/],
    ['max_size 2XB', /invalid max_size: "2XB"/],
    ['max_size 1kB', /max_size must be 1MB at least/],
    ['snapshot 5', /snapshot takes a number of events from 100/],
    ['retain 1d\nretain 2d', /given twice/],
    ['keep 1d', /unknown property 'keep'/],
  ] as const) {
    assert.match(refused(`. {\n eventlog {\n ${inside}\n }\n}`), message);
  }
  assert.match(refused('. {\n eventlog\n}\nexample.org {\n eventlog\n}'), /eventlog/);
  assert.match(refused('. {\n eventlog a b\n}'), /Wrong argument count/);
});
