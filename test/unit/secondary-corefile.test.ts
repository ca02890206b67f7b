/** `secondary` in the Corefile, and what is built of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { planConfig } from '../../src/compose/plan.ts';
import { secondarySources } from '../../src/compose/secondary-plan.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import { SECONDARY_DEFAULTS } from '../../src/corefile/options/secondary.ts';
import type { SecondarySource } from '../../src/ingest/secondary/primary.ts';
import { AROUND } from '../kit/corefile.ts';

const load = (body: string, zone = 'example.org') => loadConfig(`${zone} {\n${body}\n}`, AROUND);

function optionsOf(body: string) {
  const loaded = load(body);
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.error.message);
  return loaded.value.serverBlocks[0]?.options.secondary ?? [];
}

function fault(body: string): string {
  const loaded = load(body);
  assert.ok(!loaded.ok, `accepted: ${body}`);
  return loaded.error.message;
}

function sourcesOf(text: string): SecondarySource[] {
  const loaded = load(text);
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.error.message);
  const planned = planConfig(loaded.value, () => ['192.0.2.53']);
  return secondarySources(loaded.value, planned.blocks);
}

const plain = (address: string, port = 53) => ({ address, port, isTls: false, serverName: undefined, key: undefined });

test("secondary: the peer's grammar", () => {
  const [first, second] = optionsOf(
    `secondary {\n transfer from 192.0.2.1 192.0.2.2:54\n transfer from [2001:DB8::1]:5300\n}
    secondary a.org b.org {\n transfer from 192.0.2.3\n catalog x.org y.org\n fallthrough a.org\n}`,
  );
  assert.deepEqual(first?.zones, ['example.org.']);
  assert.deepEqual(first?.primaries, [plain('192.0.2.1'), plain('192.0.2.2', 54), plain('2001:db8::1', 5300)]);
  assert.deepEqual([first?.catalog, first?.fallthrough], [undefined, undefined]);
  assert.deepEqual(first?.limits, SECONDARY_DEFAULTS.limits);
  assert.deepEqual(second?.zones, ['a.org.', 'b.org.']);
  assert.deepEqual([second?.catalog, second?.fallthrough], [['x.org.', 'y.org.'], ['a.org.']]);
});

test('secondary: digests that must be right, or must be there', () => {
  const zonemd = (line: string) => optionsOf(`secondary {\n transfer from 192.0.2.1\n ${line}\n}`)[0]?.zonemd;
  assert.deepEqual([zonemd(''), zonemd('zonemd verify'), zonemd('zonemd require')], [undefined, 'verify', 'require']);
  for (const line of ['zonemd', 'zonemd on', 'zonemd verify require'])
    assert.match(fault(`secondary {\n transfer from 192.0.2.1\n ${line}\n}`), /zonemd takes|argument count/, line);
  const [source] = sourcesOf('secondary {\n transfer from 192.0.2.1\n zonemd require\n}');
  assert.equal(source?.zonemd, 'require');
});

test('secondary: keys, TLS, and who may tell', () => {
  const [only] = optionsOf(`secondary {
    transfer from tls://192.0.2.1%ns1.example.net:8853 tls://192.0.2.2 tls://[2001:db8::1]%ns.example:8853 key Xfr.Key
    notify from 192.0.2.7 10.0.0.0/8 key other
    notify from *
    source 192.0.2.53
    tls cert.pem key.pem ca.pem
    tls_servername ns.example.net
    ixfr off
  }`);
  const [first, second] = only?.primaries ?? [];
  assert.deepEqual(first, {
    address: '192.0.2.1',
    port: 8853,
    isTls: true,
    serverName: 'ns1.example.net',
    key: 'xfr.key.',
  });
  assert.deepEqual(second, { address: '192.0.2.2', port: 853, isTls: true, serverName: undefined, key: 'xfr.key.' });
  assert.deepEqual(
    only?.notifiers.map(({ kind, key }) => [kind, key]),
    [
      ['address', 'other.'],
      ['network', 'other.'],
      ['any', undefined],
    ],
  );
  assert.deepEqual(
    [only?.source, only?.tls.length, only?.tlsServerName, only?.isIxfrOff],
    ['192.0.2.53', 3, 'ns.example.net', true],
  );
});

test('secondary: bounds of times and of what is taken', () => {
  const [only] = optionsOf(`secondary {
    transfer from 192.0.2.1
    refresh 10s 1h
    retry 5s
    expire 1m 24h
    limit records 1000 size 2M time 10m
    limit idle 5s members 7
  }`);
  assert.deepEqual(
    [only?.refresh, only?.retry, only?.expire],
    [
      [10_000, 3_600_000],
      [5_000, SECONDARY_DEFAULTS.retry[1]],
      [60_000, 86_400_000],
    ],
  );
  assert.deepEqual(only?.limits, { records: 1000, octets: 2 ** 21, timeMs: 600_000, idleMs: 5_000, members: 7 });
});

test('secondary: faults', () => {
  const at = 'plugin/secondary: Corefile';
  assert.equal(fault('secondary'), `${at}:2 - Error during parsing: secondary zones require a transfer from property`);
  assert.match(fault('secondary {\n transfer from *\n}'), /can't use '\*' in transfer from$/);
  assert.match(fault('secondary {\n transfer from host.example\n}'), /must specify an IP address: `host.example'$/);
  assert.match(fault('secondary {\n transfer to 192.0.2.1\n}'), /unknown property 'to'$/);
  assert.match(fault('secondary {\n transfer from\n}'), /Wrong argument count/);
  assert.match(fault('secondary {\n transfer from 192.0.2.1 key\n}'), /Wrong argument count/);
  assert.match(fault('secondary {\n transfer from 192.0.2.1 key a..b\n}'), /invalid key name "a..b"$/);
  const more = (line: string) => fault(`secondary {\n transfer from 192.0.2.1\n ${line}\n}`);
  assert.match(more('nonsense'), /unknown property 'nonsense'$/);
  assert.match(more('ixfr on'), /ixfr takes 'off'$/);
  assert.match(more('refresh 0s'), /refresh takes a time above 0/);
  assert.match(more('refresh 10s 5s'), /one that is not less$/);
  assert.match(more('retry soon'), /invalid time of retry/);
  assert.match(more('limit records 0'), /invalid limit: "0"$/);
  assert.match(more('limit size 1T'), /invalid limit: "1T"$/);
  assert.match(more('limit depth 3'), /unknown property "depth" of limit$/);
  assert.match(more('limit records'), /Wrong argument count/);
  assert.match(more('notify to 192.0.2.1'), /unknown property 'to'$/);
  assert.match(more('notify from service ns name'), /notify from takes addresses$/);
  assert.match(more('group inner from 192.0.2.9'), /group is of a catalog$/);
  assert.match(more('source here'), /invalid source address "here"$/);
});

test('secondary: a key that no tsig stanza has', () => {
  assert.throws(
    () => sourcesOf('secondary {\n transfer from 192.0.2.1 key k\n}'),
    /plugin\/secondary: key 'k.' is in no tsig stanza of the server block/,
  );
});

test('secondary: zones with their primaries, certificates relative to root', () => {
  const [first, second, ...rest] = sourcesOf(`root /etc/zonelog
    tsig {
      secret k c2VjcmV0IG9mIHRoZSBrZXk=
    }
    secondary a.example.org b.example.org {
      transfer from tls://192.0.2.1%ns.example key k
      tls client.pem /other/client.key ca.pem
    }
    secondary cat.example.org {
      transfer from 192.0.2.2
      tls ca.pem
      catalog
      group inner from 192.0.2.3
    }`);
  assert.deepEqual([first?.zone, second?.zone, rest.length], ['a.example.org.', 'b.example.org.', 1]);
  const [primary] = first?.primaries ?? [];
  assert.deepEqual(primary?.tls, {
    cert: '/etc/zonelog/client.pem',
    key: '/other/client.key',
    ca: '/etc/zonelog/ca.pem',
    serverName: 'ns.example',
  });
  assert.equal(primary?.key?.name, 'k.');
  assert.deepEqual(rest[0]?.catalog, {
    members: [],
    within: ['example.org.'],
    most: 10_000,
    groups: [{ name: 'inner', primaries: [{ address: '192.0.2.3', port: 53 }] }],
  });
});

test('docs/plugins/secondary.md names every option, and none that there is not', () => {
  const root = path.join(import.meta.dirname, '..', '..');
  const page = readFileSync(path.join(root, 'docs', 'plugins', 'secondary.md'), 'utf8');
  const synopsis = /\n {4}secondary \[ZONES…\] \{\n(.*?)\n {4}\}/s.exec(page)?.[1] ?? '';
  const options = [...synopsis.matchAll(/^ {8}(\w+)/gm)].map((match) => match[1] as string);
  for (const option of options) assert.match(page, new RegExp(`^\\| \`${option}\` \\|`, 'm'), `${option} is explained`);
  const reader = readFileSync(path.join(root, 'src', 'corefile', 'options', 'secondary.ts'), 'utf8');
  const known = [...reader.matchAll(/case '(\w+)':/g)].map((match) => match[1]);
  assert.deepEqual(options.toSorted(), known.toSorted());
});
