/** What zonelog's own words in `transfer` and `tsig` mean. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configOf, faultOf, optionsOf } from '../kit/corefile.ts';
import { docFile } from '../peer/doc.ts';

const options = (body: string) => optionsOf(body, 'example.org');

const fault = (body: string) => faultOf(body, 'example.org');

function transfer(line: string) {
  return options(`transfer {\n to *\n ${line}\n}`).transfer?.[0];
}

test('notify: a delay, and the longest wait', () => {
  assert.equal(transfer('')?.notify, undefined);
  assert.deepEqual(transfer('notify 50ms')?.notify, { delayMs: 50, maxMs: 1000 });
  assert.deepEqual(transfer('notify 5s')?.notify, { delayMs: 5000, maxMs: 5000 });
  assert.deepEqual(transfer('notify 0 0')?.notify, { delayMs: 0, maxMs: 0 });
  assert.deepEqual(transfer('notify 200ms 2s')?.notify, { delayMs: 200, maxMs: 2000 });
  assert.equal(transfer('notify off')?.notify, 'off');
  for (const [line, problem] of [
    ['notify', /Wrong argument count/],
    ['notify 1s 2s 3s', /Wrong argument count/],
    ['notify soon', /invalid delay of notify: time: invalid duration "soon"/],
    ['notify 1s later', /invalid maximum wait of notify/],
    ['notify 2s 1s', /a maximum wait that is not less$/],
    ['notify -1s', /a delay from 0s to 1h/],
    ['notify 1s 2h', /a delay from 0s to 1h/],
    ['notify off 1s', /invalid delay/],
  ] as const) {
    assert.match(fault(`transfer {\n to *\n ${line}\n}`), problem, line);
  }
});

test('journal: as many changes, octets and hours as are wanted', () => {
  assert.equal(transfer('')?.journal, undefined);
  assert.deepEqual(transfer('journal changes 500')?.journal, { changes: 500 });
  assert.deepEqual(transfer('journal size 16M age 24h changes 1')?.journal, {
    octets: 16 * 1024 * 1024,
    ageMs: 86_400_000,
    changes: 1,
  });
  assert.deepEqual(transfer('journal size 10\n journal size 2k')?.journal, { octets: 2048 });
  for (const [line, problem] of [
    ['journal', /Wrong argument count/],
    ['journal size', /Wrong argument count/],
    ['journal size 1 age', /Wrong argument count/],
    ['journal size 0', /invalid size of journal: "0"$/],
    ['journal changes 10k', /invalid size of journal: "10k"$/],
    ['journal size 1T', /invalid size of journal/],
    ['journal age long', /invalid age of journal/],
    ['journal days 1', /unknown property "days" of journal$/],
  ] as const) {
    assert.match(fault(`transfer {\n to *\n ${line}\n}`), problem, line);
  }
});

test('zonemd: a hash, and up to how many records', () => {
  assert.equal(transfer('')?.zonemd, undefined);
  assert.deepEqual(transfer('zonemd')?.zonemd, { hash: 'sha384', most: 250_000 });
  assert.deepEqual(transfer('zonemd sha512')?.zonemd, { hash: 'sha512', most: 250_000 });
  assert.deepEqual(transfer('zonemd 5000')?.zonemd, { hash: 'sha384', most: 5000 });
  assert.deepEqual(transfer('zonemd sha512 1000000')?.zonemd, { hash: 'sha512', most: 1_000_000 });
  for (const line of [
    'zonemd sha1',
    'zonemd 0',
    'zonemd 5000 sha512',
    'zonemd sha384 many',
    'zonemd -1',
    'zonemd 1 2',
  ]) {
    assert.match(fault(`transfer {\n to *\n ${line}\n}`), /zonemd takes 'sha384' or 'sha512', and a number/, line);
  }
  assert.match(fault('transfer {\n to *\n zonemd sha384 1 2\n}'), /Wrong argument count/);
});

test('tsig: keys with an algorithm, and weak algorithms that are allowed', () => {
  const tsig = options(
    'tsig {\n secret a c2VjcmV0\n secret b. c2VjcmV0 HMAC-SHA512\n allow hmac-sha1 hmac-md5\n}',
  ).tsig;
  assert.deepEqual(
    [...(tsig?.secrets.values() ?? [])].map((key) => [key.name, key.algorithm?.name, key.secret.length]),
    [
      ['a.', undefined, 6],
      ['b.', 'hmac-sha512.', 6],
    ],
  );
  assert.deepEqual(
    tsig?.allowed.map(({ name }) => name),
    ['hmac-sha1.', 'hmac-md5.sig-alg.reg.int.'],
  );
  assert.match(fault('tsig {\n secret a c2VjcmV0 hmac-sha3\n}'), /unknown algorithm 'hmac-sha3'$/);
  assert.match(fault('tsig {\n allow sha1\n}'), /unknown algorithm 'sha1'$/);
  assert.match(fault('tsig {\n secret a c2VjcmV0\n secret A c2VjcmV0\n}'), /key 'a\.' redefined$/);
});

test('docs/secondaries.md shows Corefiles without faults', () => {
  for (const file of ['Corefile', 'Corefile-catalog']) {
    configOf(docFile(file), { file, warn: (warning) => assert.fail(warning) });
  }
});

test('cert: the certificate that those of a `to` line must show', () => {
  const targets = (line: string) => options(`transfer {\n ${line}\n}`).transfer?.[0]?.to;
  const pin = `${'A'.repeat(43)}=`;
  assert.deepEqual(targets('to cert NS1.Example.org.'), [
    { kind: 'any', key: undefined, certificate: { kind: 'name', name: 'ns1.example.org' } },
  ]);
  for (const line of [`to 192.0.2.1 cert sha256/${pin} key k`, `to 192.0.2.1 key k cert sha256/${pin}`]) {
    const certificate = { kind: 'pin', sha256: pin };
    assert.deepEqual(targets(line), [{ kind: 'address', address: '192.0.2.1', port: 53, key: 'k.', certificate }]);
  }
  for (const [line, problem] of [
    ['to * cert', /Wrong argument count/],
    ['to * cert sha256/AAAA', /invalid certificate name or pin "sha256\/AAAA"$/],
    ['to * cert a..b', /invalid certificate name or pin "a\.\.b"$/],
  ] as const) {
    assert.match(fault(`transfer {\n ${line}\n}`), problem, line);
  }
});

test('ixfr: as one, or one by one', () => {
  assert.equal(transfer('')?.ixfr, undefined);
  assert.equal(transfer('ixfr condensed')?.ixfr, 'condensed');
  assert.equal(transfer('ixfr steps')?.ixfr, 'steps');
  assert.match(fault('transfer {\n to *\n ixfr off\n}'), /ixfr takes 'condensed' or 'steps'$/);
});

test('tls required: nothing else is known of tls', () => {
  assert.equal(transfer('')?.tls, undefined);
  assert.equal(transfer('tls required')?.tls, 'required');
  assert.match(fault('transfer {\n to *\n tls wanted\n}'), /tls takes 'required'$/);
  assert.match(fault('transfer {\n to *\n tls\n}'), /Wrong argument count/);
});

test('to service and to pods: what a cluster tells', () => {
  const targets = (line: string) => options(`transfer {\n ${line}\n}`).transfer?.[0]?.to;
  assert.deepEqual(targets('to service dns nsd'), [
    { kind: 'service', namespace: 'dns', which: 'nsd', port: 53, key: undefined },
  ]);
  assert.deepEqual(targets('to pods dns "tier in (b, a),app=knot" 5353 key k'), [
    { kind: 'pods', namespace: 'dns', which: 'app=knot,tier in (a,b)', port: 5353, key: 'k.' },
  ]);
  for (const [line, problem] of [
    ['to service', /Wrong argument count/],
    ['to service dns', /Wrong argument count/],
    ['to service dns nsd 53 54', /Wrong argument count/],
    ['to service Dns nsd', /invalid namespace "Dns"$/],
    ['to service dns a/b', /invalid service "a\/b"$/],
    ['to service dns nsd http', /invalid port "http"$/],
    ['to pods dns app=knot 70000', /invalid port "70000"$/],
    ['to pods dns app=(', /invalid selector "app=\("/],
  ] as const) {
    assert.match(fault(`transfer {\n ${line}\n}`), problem, line);
  }
});

test('limit: transfers at a time, in all and to one address', () => {
  assert.deepEqual(transfer('limit 10')?.limits, { all: 10, perClient: 10 });
  assert.deepEqual(transfer('limit 10 3')?.limits, { all: 10, perClient: 3 });
  for (const line of ['limit 0', 'limit 1 0', 'limit many', 'limit 100000']) {
    assert.match(fault(`transfer {\n to *\n ${line}\n}`), /limit takes one or two numbers/);
  }
  assert.match(fault('transfer {\n to *\n limit\n}'), /Wrong argument count/);
});
