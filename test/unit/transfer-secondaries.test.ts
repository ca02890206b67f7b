/** What is known of secondaries: how far behind they are, what a restart remembers, how it is shown. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readSecondaries, secondariesPath, writeSecondaries } from '../../src/compose/secondaries-file.ts';
import { transferLines } from '../../src/compose/transfer-status.ts';
import { toSerial } from '../../src/dns/serial.ts';
import { Secondaries, type SecondaryStatus } from '../../src/transfer/secondaries.ts';
import { VersionTimes } from '../../src/transfer/version-times.ts';
import { temporaryFolder } from '../kit/temporary.ts';

const status: SecondaryStatus = {
  zone: 'z.',
  address: '192.0.2.53',
  port: 53,
  acknowledged: { serial: toSerial(7), time: 100 },
  transferred: { serial: toSerial(6), time: 90 },
  last: { serial: toSerial(6), time: 90, kind: 'incremental', records: 12, octets: 1340, seconds: 0.0042 },
};

/** Took the zone, and is not told of it. */
const OTHER = { address: '192.0.2.99', transferred: { serial: toSerial(5), time: 80 } };

test('who has an older version is behind since the first one that it has not got', () => {
  const times = new VersionTimes();
  assert.equal(times.since(toSerial(1), 100), undefined);
  for (const [serial, time] of [
    [1, 10],
    [2, 20],
    [3, 25],
  ] as const) {
    times.add(toSerial(serial), time);
  }
  assert.deepEqual(times.since(toSerial(3), 100), { versions: 0, seconds: 0 });
  assert.deepEqual(times.since(toSerial(1), 100), { versions: 2, seconds: 80 });
  // Not known, or not any more: at least all that are.
  assert.deepEqual(times.since(toSerial(99), 100), { versions: 3, seconds: 90 });
});

test('of very many versions the last ones are remembered', () => {
  const times = new VersionTimes();
  for (let i = 1; i <= 100_000; i++) times.add(toSerial(i), i);
  assert.deepEqual(times.since(toSerial(99_500), 100_000), { versions: 500, seconds: 499 });
  const first = times.since(toSerial(1), 100_000);
  assert.ok(first !== undefined && first.versions >= 1000 && first.versions <= 2000);
});

test('the file gives back what was written; a broken one nothing', (t) => {
  const file = secondariesPath(path.join(temporaryFolder(t).path, 'zonelog.db'));
  assert.deepEqual(readSecondaries(file), []);
  writeSecondaries(file, [status, { zone: 'y.', address: '2001:db8::1' }]);
  assert.deepEqual(readSecondaries(file), [status, { zone: 'y.', address: '2001:db8::1' }]);
  for (const text of [
    '',
    '{}',
    '[1]',
    '[{"zone":"z."}]',
    '[{"zone":"z.","address":"a","transferred":{"serial":"1"}}]',
  ]) {
    writeFileSync(file, text);
    assert.deepEqual(readSecondaries(file), [], text);
  }
});

test('what was known before a restart is known of those who are still told, and of who else took the zone', () => {
  const secondaries = new Secondaries(() => 200);
  secondaries.restore([status, { ...status, address: '192.0.2.54' }, { ...OTHER, zone: 'z.' }]);
  secondaries.expect('z.', [{ address: '192.0.2.53', port: 53 }]);
  assert.deepEqual(secondaries.of('z.'), [status, { ...OTHER, zone: 'z.' }]);
});

test('of a zone that comes after the first configuration, and of an address that a cluster tells later, a restart forgets nothing', () => {
  const secondaries = new Secondaries(() => 200);
  secondaries.restore([status, { ...status, zone: 'late.' }, { ...OTHER, zone: 'late.' }]);
  secondaries.expect('z.', []);
  secondaries.keepOnly(new Set(['z.']));
  assert.deepEqual(secondaries.of('z.'), []);
  assert.deepEqual(
    secondaries.snapshot().flatMap(({ samples }) => samples),
    [],
    'not measured before they are there',
  );
  assert.equal(secondaries.all().length, 3, 'the next restart is to know them too');

  const places = [{ address: '192.0.2.53', port: 53 }];
  secondaries.expect('z.', places);
  secondaries.expect('late.', places);
  assert.deepEqual(secondaries.of('z.'), [status]);
  assert.deepEqual(secondaries.of('late.'), [
    { ...status, zone: 'late.' },
    { ...OTHER, zone: 'late.' },
  ]);
  assert.equal(secondaries.all().length, 3);
  // What is gone after that is gone.
  secondaries.keepOnly(new Set());
  secondaries.expect('z.', places);
  assert.deepEqual(secondaries.of('z.'), [{ zone: 'z.', ...places[0] }]);
});

test('who was not heard of for a week is not known after a restart', () => {
  const secondaries = new Secondaries(() => 100 + 7 * 86_400 + 1);
  secondaries.restore([status]);
  assert.deepEqual(secondaries.all(), []);
});

test('a client that finds that it has the version keeps what is known of its last transfer', () => {
  const secondaries = new Secondaries(() => 200);
  secondaries.expect('z.', [{ address: '192.0.2.53', port: 53 }]);
  const taken = { serial: toSerial(1), kind: 'full' as const, records: 5, octets: 99, seconds: 1 };
  secondaries.transfer('z.', '192.0.2.53', taken);
  secondaries.transfer('z.', '192.0.2.53', { ...taken, kind: 'current', records: 0, octets: 0, seconds: 0 });
  const [one] = secondaries.of('z.');
  assert.deepEqual(one?.last, { ...taken, time: 200 });
  assert.deepEqual(one?.transferred, { serial: 1, time: 200 });
});

test('the table has a line for each secondary, and one for a zone without any', () => {
  const outgoing = [
    { zone: 'z.', serial: toSerial(7), secondaries: [{ ...status, behind: { versions: 1, seconds: 9.6 } }] },
    { zone: 'y.', serial: toSerial(1), secondaries: [] },
  ];
  const lines = transferLines({ outgoing, incoming: [] });
  assert.deepEqual(lines.map(columns), [
    'ZONE|SERIAL|SECONDARY|ACKNOWLEDGED|TAKEN|BEHIND|LAST TRANSFER',
    'z.|7|192.0.2.53:53|7 at 1970-01-01T00:01:40Z|6 at 1970-01-01T00:01:30Z|1 version, 10 s|incremental, 12 records, 1.3 kB in 4 ms',
    'y.|1|-|-|-|-|-',
  ]);
});

test('a second table has what is taken from other servers', () => {
  const primaries = ['192.0.2.1:53', '192.0.2.2:53'];
  const last = {
    primary: '192.0.2.2:53',
    kind: 'full' as const,
    serial: 7,
    records: 3,
    octets: 200,
    seconds: 0.004,
    time: 100_900,
  };
  const times = { refreshedAt: 101_000, expiresAt: 200_000 };
  const incoming = [
    { zone: 'a.', primaries, serial: 7, ...times, nextRefreshAt: 150_000, isExpired: false, failures: 0, last },
    { zone: 'b.', primaries, isExpired: false, failures: 3, trouble: 'no answer' },
    { zone: 'c.', primaries: ['192.0.2.1:53'], serial: 1, ...times, isExpired: true, failures: 1 },
  ];
  const second = [
    'ZONE|SERIAL|PRIMARY|REFRESHED|NEXT|EXPIRES|FAILURES|LAST TRANSFER',
    'a.|7|192.0.2.2:53|1970-01-01T00:01:41Z|1970-01-01T00:02:30Z|1970-01-01T00:03:20Z|0|full, 3 records, 200 B in 4 ms at 1970-01-01T00:01:40Z',
    'b.|-|192.0.2.1:53,192.0.2.2:53|-|now|-|3|-',
    'c.|1|192.0.2.1:53|1970-01-01T00:01:41Z|now|has expired|1|-',
  ];
  assert.deepEqual(transferLines({ outgoing: [], incoming }).map(columns), second);
  const outgoing = [{ zone: 'y.', serial: toSerial(1), secondaries: [] }];
  assert.deepEqual(transferLines({ outgoing, incoming }).map(columns).slice(1), ['y.|1|-|-|-|-|-', '', ...second]);
});

function columns(line: string): string {
  return line.replaceAll(/ {2,}/g, '|');
}
