import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGoDuration } from '../../src/corefile/durations.ts';
import { parsePattern } from '../../src/corefile/patterns.ts';
import { faultOf, optionsOf } from '../kit/corefile.ts';

const options = (body: string) => optionsOf(body, 'example.org');

const fault = (body: string) => faultOf(body, 'example.org');

const ONCE = /this plugin can only be used once per Server Block$/;
const COUNT = /Wrong argument count or unexpected line ending after/;

test('durations in Go notation', () => {
  const good = { '1h30m': 5_400_000, '1.5s': 1500, '300ms': 300, '0': 0, '-2s': -2000, '+1m': 60_000, '.5s': 500 };
  for (const [text, ms] of Object.entries(good)) assert.equal(parseGoDuration(text), ms, text);
  assert.equal(parseGoDuration('1us'), 0.001);
  assert.equal(parseGoDuration('5'), 'time: missing unit in duration "5"');
  assert.equal(parseGoDuration('5x'), 'time: unknown unit "x" in duration "5x"');
  for (const bad of ['', 's', '-', '1s2', '.s', '1 s', '99999999h'])
    assert.equal(typeof parseGoDuration(bad), 'string', bad);
});

test('patterns in Go notation', () => {
  const find = (text: string, subject: string) => {
    const pattern = parsePattern(text);
    assert.ok(pattern.ok, text);
    return new RegExp(pattern.value.source, pattern.value.flags).exec(subject);
  };
  assert.equal(find('^ip-(?P<a>[0-9]+)[.]$', 'ip-7.')?.groups?.a, '7');
  assert.ok(find('(?i)^FOO$', 'foo'));
  assert.ok(find('^[[:alpha:]]+$', 'abc'));
  assert.ok(find(String.raw`\Aa\Qb.c\Ed\z`, 'ab.cd'));
  assert.ok(!find(String.raw`\Qb.c\E`, 'bxc'));
  assert.ok(find(String.raw`^\\A$`, String.raw`\A`));
  assert.ok(find(String.raw`^\p{Greek}$`, 'λ'));
  assert.ok(!parsePattern('(').ok);
});

test('errors', () => {
  assert.deepEqual(options('errors').errors, { stacktrace: false, consolidate: [] });
  const body = 'errors {\n stacktrace\n consolidate 5m ".* i/o timeout$" warning show_first\n consolidate 30s "^x"\n}';
  assert.deepEqual(options(body).errors, {
    stacktrace: true,
    consolidate: [
      { periodMs: 300_000, pattern: { source: '.* i/o timeout$', flags: '' }, level: 'warning', showFirst: true },
      { periodMs: 30_000, pattern: { source: '^x', flags: '' }, level: 'error', showFirst: false },
    ],
  });
  assert.match(fault('errors\nerrors'), ONCE);
  assert.match(fault('errors {\n what\n}'), /Syntax error: Unexpected token 'what', expecting 'Unknown field what'$/);
  assert.match(fault('errors {\n consolidate 5m\n}'), COUNT);
  assert.match(fault('errors {\n consolidate x y\n}'), /invalid duration "x"/);
  assert.match(fault('errors {\n consolidate 5m (\n}'), /error parsing regexp/);
  assert.match(fault('errors {\n consolidate 5m x fatal\n}'), /unknown log level argument in consolidate: fatal/);
});

test('log', () => {
  const [all] = options('log').log ?? [];
  assert.equal(all?.zone, '.');
  assert.match(all?.format ?? '', /^\{remote\}:\{port\} - \{>id\} /);
  assert.deepEqual([...(all?.classes ?? [])], ['all']);
  const rules = options('log a.org b.org "x {combined}" {\n class denial error\n}\nlog c.org').log ?? [];
  assert.deepEqual(
    rules.map((r) => [r.zone, [...r.classes]]),
    [
      ['a.org.', ['denial', 'error']],
      ['b.org.', ['denial', 'error']],
      ['c.org.', ['all']],
    ],
  );
  assert.match(rules[0]?.format ?? '', /^x \{remote\}.*\{>opcode\}/);
  assert.match(fault('log {\n class none\n}'), /invalid Class: none$/);
  assert.match(fault('log {\n class\n}'), COUNT);
});

test('health, ready, prometheus', () => {
  assert.deepEqual(options('health').health, { address: ':8080', lameduckMs: 0 });
  const health = options('health localhost:8091 {\n lameduck 5s\n}').health;
  assert.deepEqual(health, { address: 'localhost:8091', lameduckMs: 5000 });
  assert.match(fault('health 8080'), /address 8080: missing port in address$/);
  assert.match(fault('health {\n lameduck x\n}'), /unable to parse lameduck duration value: 'x' : /);
  assert.match(fault('health a:1 b:2'), COUNT);
  assert.deepEqual(options('ready').ready, { address: ':8181', monitor: 'until-ready' });
  assert.equal(options('ready :1 {\n monitor continuously\n}').ready?.monitor, 'continuously');
  assert.match(fault('ready {\n monitor never\n}'), /monitor must be/);
  assert.match(fault('ready\nready'), ONCE);
  assert.deepEqual(options('prometheus').prometheus, { address: 'localhost:9153', runtimeMetrics: false });
  const prometheus = options('prometheus [::1]:9153 {\n runtime_metrics\n}').prometheus;
  assert.deepEqual(prometheus, { address: '[::1]:9153', runtimeMetrics: true });
  assert.match(fault('prometheus\nprometheus'), ONCE);
  assert.equal(options('prometheus {\n tls web.yml\n}').prometheus?.webConfig, 'web.yml');
  assert.match(fault('prometheus {\n tls a\n tls b\n}'), /tls block already specified/);
  assert.match(fault('prometheus {\n tls cert key\n}'), /Wrong argument count/);
  assert.match(fault('prometheus {\n what\n}'), /unknown option: what/);
});

test('bind', () => {
  const body = 'bind 127.0.0.1 eth0 {\n except 10.0.0.1\n}\nbind ::1 127.0.0.1';
  assert.deepEqual(options(body).bind, { addresses: ['127.0.0.1', 'eth0', '::1'], except: ['10.0.0.1'] });
  assert.match(fault('bind'), /at least one address or interface name is expected$/);
  assert.match(fault('bind a {\n but b\n}'), /invalid option "but"$/);
});

test('reload', () => {
  assert.deepEqual(options('reload').reload, { intervalMs: 30_000, jitterMs: 15_000 });
  assert.deepEqual(options('reload 10s 8s').reload, { intervalMs: 10_000, jitterMs: 5000 });
  assert.deepEqual(options('reload 0s').reload, { intervalMs: 0, jitterMs: 0 });
  assert.match(fault('reload 1s'), /interval value must be greater or equal to 2s$/);
  assert.equal(options('reload 10s 0s').reload?.jitterMs, 0);
  assert.match(fault('reload 10s 1ms'), /jitter value must be 0 or greater or equal to 1s$/);
  assert.equal(options('reload 5s\nreload 9s').reload?.intervalMs, 5_000, 'the first, as the peer has it');
});

test('loadbalance, loop, whoami, debug, any, minimal, cancel, root, chaos, metadata, nsid', () => {
  assert.equal(options('loadbalance').loadbalance?.policy, 'round_robin');
  const weighted = options('loadbalance weighted w.txt {\n reload 5s\n prefer 10.0.0.0/8\n}').loadbalance;
  assert.deepEqual([weighted?.policy, weighted?.weightFile, weighted?.reloadMs], ['weighted', 'w.txt', 5000]);
  assert.equal(weighted?.prefer[0]?.prefix, 8);
  assert.match(fault('loadbalance best'), /unknown policy: best$/);
  assert.match(fault('loadbalance weighted'), /missing weight file argument$/);
  for (const name of ['any', 'loop', 'whoami', 'debug', 'minimal'] as const) {
    assert.equal(options(name)[name], true);
    assert.match(fault(`${name} x`), COUNT);
    assert.match(fault(`${name} {\n}`), /Unexpected token '{', expecting argument$/);
  }
  assert.match(fault('loop\nloop'), ONCE);
  assert.equal(options('cancel').cancel?.timeoutMs, 5001);
  assert.equal(options('cancel 1s').cancel?.timeoutMs, 1000);
  assert.match(fault('cancel soon'), /invalid duration/);
  assert.equal(options('root /zones').root, '/zones');
  assert.match(fault('root'), COUNT);
  assert.deepEqual(options('chaos v1 a b').chaos, { version: 'v1', authors: ['a', 'b'] });
  assert.deepEqual(options('chaos').chaos, { version: undefined, authors: undefined });
  assert.deepEqual(options('metadata').metadata, ['example.org.']);
  assert.deepEqual(options('nsid some thing').nsid, { data: 'some thing' });
});

test('timeouts, multisocket, bufsize', () => {
  const body = 'timeouts {\n read 10\n write 20s\n idle 1m\n maxtcpqueries -1\n}';
  const expected = { readMs: 10_000, writeMs: 20_000, idleMs: 60_000, maxTcpQueries: -1 };
  assert.deepEqual(options(body).timeouts, expected);
  assert.match(fault('timeouts'), /timeouts block with no timeouts specified$/);
  assert.match(fault('timeouts {\n read 0s\n}'), /needs to be between 1 second and 24 hours$/);
  assert.match(fault('timeouts {\n read soon\n}'), /failed to parse duration 'soon'$/);
  assert.match(fault('timeouts {\n sleep 1s\n}'), /unknown option: 'sleep'$/);
  assert.deepEqual(options('multisocket').multisocket, { sockets: undefined });
  assert.deepEqual(options('multisocket 4').multisocket, { sockets: 4 });
  assert.match(fault('multisocket 0'), /can not be zero or negative: 0$/);
  assert.match(fault('multisocket 1025'), /exceeds maximum \(1024\): 1025$/);
  assert.match(fault('multisocket x'), /invalid num sockets: "x"$/);
  assert.equal(options('bufsize').bufsize, 1232);
  assert.equal(options('bufsize 512').bufsize, 512);
  for (const size of ['511', '4097', 'x', '1 2']) assert.match(fault(`bufsize ${size}`), COUNT);
});

test('cache', () => {
  const plain = options('cache').cache;
  assert.deepEqual([plain?.success.maxTtl, plain?.denial.maxTtl, plain?.success.minTtl], [3600, 1800, 5]);
  const body = `cache 30 a.org {
    success 1000 7 1
    denial 2000 3
    prefetch 10 2m 20%
    serve_stale 2h verify 100ms
    serve_stale_policy prefer_positive
    servfail 10s
    disable success
    disable denial b.org
    keepttl
  }`;
  assert.deepEqual(options(body).cache, {
    zones: ['a.org.'],
    success: { capacity: 1000, maxTtl: 7, minTtl: 1, disabled: ['.'] },
    denial: { capacity: 2000, maxTtl: 3, minTtl: 5, disabled: ['b.org.'] },
    servfailMs: 10_000,
    prefetch: { amount: 10, durationMs: 120_000, percentage: 20 },
    serveStale: { upToMs: 7_200_000, verify: true, verifyTimeoutMs: 100, ttl: 0, recheckMs: 0 },
    preferPositive: true,
    keepTtl: true,
  });
  assert.deepEqual(options('cache example.com').cache?.zones, ['example.com.']);
  assert.match(fault('cache 0'), /ttl can not be zero or negative: 0$/);
  assert.match(fault('cache {\n servfail 6m\n}'), /over 5 minutes is not permitted$/);
  assert.match(fault('cache {\n prefetch 1 1m 5%\n}'), /percentage should fall in range \[10, 90\]: 5$/);
  assert.match(fault('cache {\n prefetch 1 1m 50\n}'), /last character of percentage/);
  assert.match(fault('cache {\n serve_stale 1h later\n}'), /refresh mode: later$/);
  const stale = (words: string) => options(`cache {\n serve_stale ${words}\n}`).cache?.serveStale;
  assert.deepEqual(stale('1m immediate 30s 5s'), {
    upToMs: 60_000,
    verify: false,
    verifyTimeoutMs: 0,
    ttl: 30,
    recheckMs: 5_000,
  });
  assert.equal(stale('1m verify 1s 30s')?.ttl, 30);
  assert.match(fault('cache {\n serve_stale 1h immediate 100ms\n}'), /whole number of seconds$/);
  assert.match(fault('cache {\n serve_stale 1h immediate 1s 6m\n}'), /cannot exceed 5 minutes$/);
  assert.match(fault('cache {\n serve_stale 1h immediate 1s 1s 1s\n}'), /Wrong argument count/);
  assert.match(fault('cache {\n disable all\n}'), /cache type for disable must be/);
  assert.match(fault('cache {\n success 10 0\n}'), /cache TTL can not be zero or negative: 0$/);
  assert.match(fault('cache\ncache'), ONCE);
});

test('forward', () => {
  const body = `forward . /etc/resolv.conf
  forward a.org 192.0.2.1 192.0.2.2:54 tls://192.0.2.3%dns.example [2001:db8::1]:55 https://d.example/q ns.example {
    except b.a.org c.a.org
    force_tcp
    expire 20s
    max_fails 3
    tls_servername dns.example
    policy sequential
    health_check 2s no_rec domain x.org
    max_concurrent 1000
    next NXDOMAIN SERVFAIL
    failover REFUSED
  }`;
  const [first, second] = options(body).forward ?? [];
  assert.deepEqual(first?.to, [{ kind: 'file', text: '/etc/resolv.conf' }]);
  const address = { kind: 'address', transport: 'dns', serverName: undefined };
  assert.deepEqual(second?.to, [
    { ...address, address: '192.0.2.1', port: 53 },
    { ...address, address: '192.0.2.2', port: 54 },
    { ...address, transport: 'tls', address: '192.0.2.3', port: 853, serverName: 'dns.example' },
    { ...address, address: '2001:db8::1', port: 55 },
    { kind: 'https', url: 'https://d.example/q' },
    { kind: 'name', text: 'ns.example' },
  ]);
  assert.deepEqual([second?.from, second?.except], ['a.org.', ['b.a.org.', 'c.a.org.']]);
  assert.deepEqual([second?.forceTcp, second?.expireMs, second?.maxFails], [true, 20_000, 3]);
  assert.deepEqual(second?.healthCheck, { intervalMs: 2000, recursion: false, domain: 'x.org.' });
  assert.deepEqual([second?.policy, second?.maxConcurrent], ['sequential', 1000]);
  assert.deepEqual([second?.next, second?.failover], [[3, 2], [5]]);
  assert.match(fault('forward .'), COUNT);
  assert.match(fault(`forward . ${'1.1.1.1 '.repeat(16)}`), /more than 15 TOs configured: 16$/);
  assert.match(fault('forward a..b 1.1.1.1'), /unable to normalize 'a..b'$/);
  assert.match(fault('forward . 1.1.1.1 {\n policy best\n}'), /unknown policy 'best'$/);
  assert.match(fault('forward . 1.1.1.1 {\n next NOPE\n}'), /'NOPE' is not a valid rcode$/);
  assert.match(fault('forward . 1.1.1.1 {\n max_concurrent -1\n}'), /max_concurrent can't be negative: -1$/);
  assert.match(fault('forward . 1.1.1.1 {\n what\n}'), /unknown property 'what'$/);
});

test('rewrite', () => {
  const body = `
    rewrite stop name exact Short.example web.apps.svc.cluster.local
    rewrite name a.example b.example
    rewrite continue name suffix .corp.example .apps.svc.cluster.local answer auto
    rewrite name prefix old- new-
    rewrite name regex (.*)[.]rx[.]example {1}.x answer name (.*)[.]x {1}.rx.example answer value v w
    rewrite type ANY A
    rewrite class CH IN
    rewrite ttl exact t.example 30-60
    rewrite rcode regex .*[.]x SERVFAIL NXDOMAIN
    rewrite cname exact c.example d.example
    rewrite edns0 local set 0xffee 0x61 revert
    rewrite edns0 subnet set 24 56
    rewrite stop {
      name regex a b
      answer name b a
    }`;
  const rules = options(body).rewrite ?? [];
  assert.deepEqual(rules[0], {
    field: 'name',
    match: { kind: 'exact', text: 'short.example.' },
    to: 'web.apps.svc.cluster.local.',
    answers: [],
    mode: 'stop',
  });
  assert.deepEqual(rules[1], { ...rules[0], match: { kind: 'exact', text: 'a.example.' }, to: 'b.example.' });
  assert.deepEqual(rules[2], {
    field: 'name',
    match: { kind: 'suffix', text: '.corp.example.' },
    to: '.apps.svc.cluster.local.',
    answers: [{ kind: 'auto' }],
    mode: 'continue',
  });
  assert.equal(rules[4]?.field === 'name' && rules[4].answers.length, 2);
  assert.deepEqual(rules[5], { field: 'type', from: 255, to: 1, mode: 'stop' });
  assert.deepEqual(rules[6], { field: 'class', from: 3, to: 1, mode: 'stop' });
  assert.deepEqual(rules[7]?.field === 'ttl' && [rules[7].min, rules[7].max], [30, 60]);
  assert.deepEqual(rules[8]?.field === 'rcode' && [rules[8].from, rules[8].to], [2, 3]);
  assert.deepEqual(rules[10]?.field === 'edns0' && [rules[10].args, rules[10].revert], [['0xffee', '0x61'], true]);
  assert.equal(rules[12]?.field === 'name' && rules[12].answers[0]?.kind, 'name');
  assert.match(fault('rewrite'), /no rule type specified for rewrite$/);
  assert.match(fault('rewrite stop'), /stop rule must begin with a rule type$/);
  assert.match(fault('rewrite colour a b'), /invalid rule type "colour"$/);
  assert.match(fault('rewrite answer a b'), /response rewrites must begin with a name rule$/);
  assert.match(fault('rewrite type A'), /type rules must have exactly two arguments$/);
  assert.match(fault('rewrite name regex ( b answer auto'), /invalid regex pattern/);
  assert.match(fault('rewrite name exact a b c'), /exceeded the number of arguments/);
});

test('words too many, and what contradicts itself', () => {
  for (const text of [
    'dns64 {\n translate_all x\n}',
    'dns64 {\n allow_ipv4 x\n}',
    'file db a.b {\n reload_by_mtime x\n}',
    'template IN A {\n rcode NXDOMAIN REFUSED\n}',
    'multisocket\nmultisocket',
  ])
    assert.match(fault(text), /Wrong argument count|once per Server Block/, text);
  assert.match(fault('hosts {\n fallthrough_unsupported\n}'), /requires fallthrough$/);
  assert.match(fault('forward . 127.0.0.1 {\n max_age 5s\n}'), /must not be less than expire/);
  assert.match(fault('rewrite rcode exact a.b 24 0'), /invalid rcode "24"$/);
});

test('what the peer lets pass', () => {
  assert.equal(options('root /a\nroot /b').root, '/b');
  assert.equal(options('erratic a.b {\n drop 3\n}').erratic?.drop, 3);
  assert.deepEqual(options('loadbalance round_robin {\n prefer\n}').loadbalance?.prefer, []);
  assert.equal(options('tsig {\n require all AXFR\n}').tsig?.require, 'all');
});

test('template, hosts, acl', () => {
  const body = `template IN A a.org {
    match ^(?P<x>.*)$
    answer "{{ .Name }} 60 IN A 1.2.3.4"
    rcode NXDOMAIN
    ederror 21 nope
    fallthrough
  }
  template ANY ANY {
    rcode REFUSED
  }`;
  const [first, second] = options(body).template ?? [];
  assert.deepEqual([first?.class, first?.type, first?.rcode], [1, 1, 3]);
  assert.deepEqual([first?.extendedError, first?.fallthrough], [{ code: 21, text: 'nope' }, ['.']]);
  assert.deepEqual([second?.class, second?.type, second?.zones], [undefined, undefined, ['example.org.']]);
  assert.match(fault('template IN'), COUNT);
  assert.match(fault('template XX A'), /invalid query class XX$/);
  assert.deepEqual(
    options('template IN AAAA {\n rcode NOERROR\n}').template?.[0]?.answer,
    [],
    'an answer without records',
  );

  const hosts = options('hosts f a.org {\n 192.0.2.1 a b\n 192.0.2.2 c\n ttl 60\n fallthrough\n}').hosts;
  assert.deepEqual(hosts?.inline, ['192.0.2.1 a b', '192.0.2.2 c']);
  assert.deepEqual([hosts?.file, hosts?.zones, hosts?.ttl, hosts?.fallthrough], ['f', ['a.org.'], 60, ['.']]);
  assert.match(fault('hosts {\n fallthrough\n 192.0.2.1 a\n}'), /unknown property '192.0.2.1'$/);
  assert.match(fault('hosts {\n ttl 0\n}'), /ttl provided is invalid$/);

  const acl = options('acl a.org {\n block type A AAAA net 10.0.0.0/8 192.0.2.1\n filter type *\n allow\n}').acl;
  const [block, filter, allow] = acl?.[0]?.policies ?? [];
  assert.deepEqual([...(block?.types ?? [])], [1, 28]);
  assert.deepEqual(
    block?.networks?.map((n) => `${n.text}/${n.prefix}`),
    ['10.0.0.0/8', '192.0.2.1/32'],
  );
  assert.deepEqual([filter, allow?.action], [{ action: 'filter', types: undefined, networks: undefined }, 'allow']);
  assert.match(fault('acl {\n deny\n}'), /unexpected token "deny"; expect 'allow', 'block', 'filter' or 'drop'$/);
  assert.match(fault('acl {\n block net x\n}'), /illegal CIDR notation "x"$/);
  assert.match(fault('acl {\n block type\n}'), /no token specified in "type" section$/);
  assert.match(fault('acl {\n block from x\n}'), /unexpected token "from"; expect 'type \| net'$/);
});

test('file, secondary, auto, tsig, k8s_external, autopath, header, dns64, view, erratic', () => {
  assert.deepEqual(options('file db.org a.org {\n reload 0\n fallthrough\n}').file, [
    { file: 'db.org', zones: ['a.org.'], reloadMs: 0, reloadByMtime: false, fallthrough: ['.'] },
  ]);
  assert.match(fault('file'), COUNT);
  const secondary = options('secondary {\n transfer from 192.0.2.1 192.0.2.2:54\n}').secondary;
  assert.deepEqual(
    secondary?.[0]?.primaries.map((p) => p.port),
    [53, 54],
  );
  assert.match(fault('secondary'), /secondary zones require a transfer from property$/);
  assert.match(fault('secondary {\n transfer from *\n}'), /can't use '\*' in transfer from$/);
  assert.equal(options(`auto {\n directory d db\\.(.*) \${1}\n}`).auto?.[0]?.origin, '{1}');
  const tsig = options(
    'tsig {\n secret k.example. NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=\n require AXFR IXFR\n}',
  ).tsig;
  assert.deepEqual([tsig?.secrets.size, tsig?.require], [1, new Set([252, 251])]);
  assert.match(fault('tsig {\n secret k "?"\n}'), /not base64$/);
  assert.match(fault('tsig {\n require NOPE\n}'), /unknown query type 'NOPE'$/);
  const external = options('k8s_external ext.example {\n ttl 44\n apex ns9\n headless\n}').k8s_external;
  assert.deepEqual([external?.zones, external?.ttl, external?.apex], [['ext.example.'], 44, 'ns9']);
  assert.deepEqual(options('autopath a.org @kubernetes').autopath, {
    zones: ['a.org.'],
    source: { kind: 'plugin', name: 'kubernetes' },
  });
  assert.match(fault('autopath'), /no resolv-conf specified$/);
  assert.deepEqual(options('header {\n response set ra\n clear aa rd\n}').header, [
    { on: 'response', action: 'set', flags: ['ra'] },
    { on: 'response', action: 'clear', flags: ['aa', 'rd'] },
  ]);
  assert.match(fault('header {\n answer set ra\n}'), /invalid selector=answer/);
  assert.equal(options('dns64').dns64?.prefix.prefix, 96);
  assert.match(fault('dns64 64:ff9b::/97'), /invalid prefix length 97$/);
  assert.deepEqual(options("view v {\n expr name() startsWith 'a'\n}").view, {
    name: 'v',
    expressions: ["name() startsWith 'a'"],
  });
  assert.deepEqual(options('erratic {\n delay 3 50ms\n}').erratic, {
    drop: 0,
    truncate: 0,
    delay: 3,
    delayMs: 50,
    large: false,
  });
});

test('cookie', () => {
  const defaults = { secrets: [], secretFile: undefined, rotateMs: 86_400_000, isRequired: false };
  assert.deepEqual(options('cookie').cookie, defaults);
  const [a, b] = ['00112233445566778899AABBCCDDEEFF', 'f'.repeat(32)];
  const body = `cookie {\n secret ${a} ${b}\n secrets /run/secrets\n rotate 2h\n require\n}`;
  const secrets = [a.toLowerCase(), b];
  assert.deepEqual(options(body).cookie, {
    secrets,
    secretFile: '/run/secrets',
    rotateMs: 7_200_000,
    isRequired: true,
  });
  assert.match(fault('cookie {\n secret abc\n}'), /a secret has 32 hexadecimal digits$/);
  assert.match(fault('cookie {\n rotate 59m\n}'), /rotate must be at least 1h$/);
  assert.match(fault('cookie {\n secrets\n}'), COUNT);
  assert.match(fault('cookie example.org'), COUNT);
  assert.match(fault('cookie {\n salt\n}'), /unknown property 'salt'$/);
  assert.match(fault('cookie\ncookie'), ONCE);
});

test('rrl', () => {
  const none = { responses: 0, nodata: 0, nxdomains: 0, referrals: 0, errors: 0 };
  assert.deepEqual(options('rrl').rrl, {
    zones: ['example.org.'],
    window: 15,
    ipv4Prefix: 24,
    ipv6Prefix: 56,
    perSecond: none,
    requestsPerSecond: 0,
    slipRatio: 0,
    maxTableSize: 100_000,
    isReportOnly: false,
  });
  const words = ['window 5', 'ipv4-prefix-length 32', 'ipv6-prefix-length 64', 'slip-ratio 2', 'max-table-size 7'];
  const rates = ['nodata-per-second 0.5', 'errors-per-second 0', 'responses-per-second 10', 'requests-per-second 99'];
  assert.deepEqual(options(`rrl a.org b.org {\n${[...words, ...rates, 'report-only'].join('\n')}\n}`).rrl, {
    zones: ['a.org.', 'b.org.'],
    window: 5,
    ipv4Prefix: 32,
    ipv6Prefix: 64,
    perSecond: { responses: 10, nodata: 0.5, nxdomains: 10, referrals: 10, errors: 0 },
    requestsPerSecond: 99,
    slipRatio: 2,
    maxTableSize: 7,
    isReportOnly: true,
  });
  assert.match(fault('rrl {\n ipv4-prefix-length 33\n}'), /ipv4-prefix-length must be between 1 and 32$/);
  assert.match(fault('rrl {\n slip-ratio 11\n}'), /slip-ratio must be between 0 and 10$/);
  assert.match(fault('rrl {\n window x\n}'), /window invalid value: 'x'$/);
  assert.match(fault('rrl {\n errors-per-second -1\n}'), /errors-per-second cannot be negative$/);
  assert.match(fault('rrl {\n errors-per-second\n}'), COUNT);
  assert.match(fault('rrl {\n tax-per-second 1\n}'), /unknown property 'tax-per-second'$/);
  assert.match(fault('rrl\nrrl'), ONCE);
});
