import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubernetesOptions } from '../../src/corefile/config.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import { AROUND } from '../kit/corefile.ts';

const around = (warnings: string[] = []) => ({ ...AROUND, warn: (text: string) => warnings.push(text) });

/** The stanzas of `kubernetes` in a block for the zone `.`. */
function stanza(options: string, zones = 'coredns.local', warnings: string[] = []): KubernetesOptions {
  const loaded = loadConfig(`. {\n  kubernetes ${zones} {\n${options}\n  }\n}\n`, around(warnings));
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.error.message);
  const [first] = loaded.value.serverBlocks[0]?.options.kubernetes ?? [];
  assert.ok(first);
  return first;
}

function fault(options: string, zones = 'coredns.local', directive = 'kubernetes'): string {
  const loaded = loadConfig(`. {\n  ${directive} ${zones} {\n${options}\n  }\n}\n`, around());
  assert.ok(!loaded.ok, `accepted: ${options}`);
  return loaded.error.message;
}

test('defaults', () => {
  assert.deepEqual(stanza('', 'coredns.local test.local'), {
    zones: ['coredns.local.', 'test.local.'],
    primaryZone: 'coredns.local.',
    endpoint: undefined,
    tls: undefined,
    kubeconfig: undefined,
    apiserverQps: undefined,
    apiserverBurst: undefined,
    apiserverMaxInflight: undefined,
    namespaces: new Set(),
    namespaceLabels: undefined,
    labels: undefined,
    pods: 'disabled',
    endpointPodNames: false,
    ttl: 5,
    noendpoints: false,
    fallthrough: undefined,
    ignoreEmptyService: false,
    multiclusterZones: [],
    multiclusterStrict: false,
    zonal: false,
    startupTimeoutMs: 5000,
    guard: undefined,
    merge: false,
    nameservers: [],
    file: 'Corefile',
    line: 2,
  });
});

test('every option', () => {
  const options = stanza(
    `
    endpoint https://api.example:6443
    tls cert.pem key.pem ca.pem
    kubeconfig /kube/config other
    apiserver_qps 12.5
    apiserver_burst 20
    apiserver_max_inflight 3
    namespaces a b
    namespaces b c
    labels app=web
    pods verified
    endpoint_pod_names
    ttl 56
    fallthrough in-addr.arpa ip6.arpa
    ignore empty_service
    multicluster clusterset.local
    multicluster_strict
    zonal
    startup_timeout 1m30s
    guard 30%
    merge
    nameservers ns1.example 192.0.2.1 2001:DB8::0:1
    nameservers ns2.example`,
    'in-addr.arpa coredns.local clusterset.local',
  );
  const { namespaces, nameservers, file, line, ...rest } = options;
  assert.deepEqual([...namespaces], ['a', 'b', 'c']);
  assert.deepEqual(nameservers, [
    { name: 'ns1.example.', addresses: ['192.0.2.1', '2001:db8::1'] },
    { name: 'ns2.example.', addresses: [] },
  ]);
  assert.deepEqual([file, line], ['Corefile', 2]);
  assert.deepEqual(rest, {
    zones: ['in-addr.arpa.', 'coredns.local.', 'clusterset.local.'],
    primaryZone: 'coredns.local.',
    endpoint: 'https://api.example:6443',
    tls: { cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem' },
    kubeconfig: { file: '/kube/config', context: 'other' },
    apiserverQps: 12.5,
    apiserverBurst: 20,
    apiserverMaxInflight: 3,
    namespaceLabels: undefined,
    labels: 'app=web',
    pods: 'verified',
    endpointPodNames: true,
    ttl: 56,
    noendpoints: false,
    fallthrough: ['in-addr.arpa.', 'ip6.arpa.'],
    ignoreEmptyService: true,
    multiclusterZones: ['clusterset.local.'],
    multiclusterStrict: true,
    zonal: true,
    startupTimeoutMs: 90_000,
    guard: { percent: 30, holdMs: undefined },
    merge: true,
  });
});

test('of several endpoints the first is used', () => {
  const warnings: string[] = [];
  const { endpoint } = stanza('endpoint http://localhost:9090 http://localhost:9091', 'z', warnings);
  assert.equal(endpoint, 'http://localhost:9090');
  assert.deepEqual(warnings, [
    "plugin/kubernetes: Multiple endpoints have been deprecated, only the first specified endpoint 'http://localhost:9090' is used",
  ]);
});

test('selectors become canonical', () => {
  const { labels } = stanza('labels environment in (production, staging, qa),application=nginx');
  assert.equal(labels, 'application=nginx,environment in (production,qa,staging)');
  assert.equal(stanza('labels a == b').labels, 'a=b');
  assert.equal(stanza('labels !x, y, z notin (b,a)').labels, '!x,y,z notin (a,b)');
  assert.equal(stanza('namespace_labels istio-injection=enabled').namespaceLabels, 'istio-injection=enabled');
  assert.equal(stanza('labels "x="').labels, 'x=');
});

test('selectors that are none', () => {
  assert.match(fault('labels environment in (production, qa'), /unable to parse label selector value: 'environment in/);
  assert.match(fault('labels app!=web'), /"!=" is not a valid label selector operator/);
  assert.match(fault('labels a>1'), /isn't supported in label selectors/);
  assert.match(fault('namespace_labels a=b=c'), /unable to parse namespace_label selector value: 'a=b=c'/);
  assert.match(fault('labels -x=y'), /unable to parse label selector/);
  assert.match(fault('labels a,,b'), /unable to parse label selector/);
  assert.match(fault('labels a,'), /unable to parse label selector/);
});

test('options without what they need', () => {
  const count = 'Wrong argument count or unexpected line ending after';
  for (const option of ['endpoint', 'namespaces', 'labels', 'namespace_labels', 'kubeconfig', 'pods', 'ttl', 'tls']) {
    assert.equal(fault(option), `plugin/kubernetes: Corefile:3 - Error during parsing: ${count} '${option}'`);
  }
  assert.match(fault('kubeconfig f c extra'), /after 'extra'$/);
  assert.match(fault('tls a b'), /after 'b'$/);
  assert.match(fault('noendpoints now'), /after 'now'$/);
  assert.match(fault('endpoint_pod_names x'), /after 'x'$/);
  assert.match(fault('zonal x'), /after 'x'$/);
  assert.match(fault('startup_timeout'), /after 'startup_timeout'$/);
});

test('values out of range', () => {
  assert.match(
    fault('pods giant_seed'),
    /wrong value for pods: giant_seed, {2}must be one of: disabled, verified, insecure$/,
  );
  assert.match(fault('ttl -1'), /ttl must be in range \[0, 3600\]: -1$/);
  assert.match(fault('ttl 3601'), /ttl must be in range \[0, 3600\]: 3601$/);
  assert.match(fault('ttl x'), /parsing "x": invalid syntax$/);
  assert.equal(stanza('ttl 0 and more').ttl, 0);
  assert.match(fault('ignore something'), /unable to parse ignore value: 'something'$/);
  assert.equal(stanza('ignore').ignoreEmptyService, false);
  assert.match(fault('startup_timeout 5'), /failed to parse startup_timeout: 5, time: missing unit in duration "5"$/);
  assert.match(fault('apiserver_qps x'), /invalid apiserver_qps "x"/);
  assert.match(fault('apiserver_qps -1'), /apiserver_qps must be >= 0$/);
  assert.match(fault('apiserver_burst 1.5'), /invalid apiserver_burst "1.5"/);
  assert.match(fault('apiserver_max_inflight -2'), /apiserver_max_inflight must be >= 0$/);
  assert.match(fault('guard 101'), /guard must be a percentage/);
  assert.match(fault('nameservers ns.example 1.2.3'), /must specify an IP address: `1.2.3'$/);
  assert.match(fault('nameservers a..b'), /nameservers must begin with a domain name/);
  assert.equal(stanza('guard off').guard, 'off');
});

test('options that do not go together', () => {
  assert.match(
    fault('namespaces foo bar\nnamespace_labels x=y'),
    /namespaces and namespace_labels cannot both be set$/,
  );
  assert.match(fault('zonal\nnoendpoints'), /zonal requires the endpoint cache; remove noendpoints$/);
  assert.match(
    fault('multicluster other.local', 'cluster.local in-addr.arpa'),
    /is not authoritative for the multicluster zone other.local. \(authoritative zones: \[cluster.local. in-addr.arpa.\]\)$/,
  );
  assert.deepEqual(stanza('multicluster').multiclusterZones, []);
});

test('options that are gone', () => {
  for (const option of ['upstream', 'resyncperiod 1m', 'transfer to *', 'federation a b', 'wildcards', '__proto__']) {
    assert.match(fault(option), new RegExp(`unknown property '${option.split(' ')[0]}'$`));
  }
  assert.match(fault('pods verified {\nx\n}'), /Unexpected token '\{', expecting argument$/);
});

test('fallthrough', () => {
  assert.deepEqual(stanza('fallthrough').fallthrough, ['.']);
  assert.deepEqual(stanza('fallthrough ip6.arpa inaddr.arpa foo.com').fallthrough, [
    'ip6.arpa.',
    'inaddr.arpa.',
    'foo.com.',
  ]);
});

test('a zone that is no reverse zone must be there', () => {
  const at = 'plugin/kubernetes: Corefile:2 - Error during parsing:';
  assert.equal(fault('', '192.168.0.0/16 10.0.0.0/8'), `${at} non-reverse zone name must be used`);
  assert.equal(stanza('', '10.0.0.0/8 a.local b.local').primaryZone, 'a.local.');
});

test('kubernetes once, kubernetai as often as one likes', () => {
  const twice = '. {\n kubernetes a.local\n kubernetes b.local\n}';
  const loaded = loadConfig(twice, around());
  assert.ok(!loaded.ok);
  assert.match(loaded.error.message, /^plugin\/kubernetes: .*this plugin can only be used once per Server Block$/);

  const thrice = loadConfig(twice.replaceAll('kubernetes', 'kubernetai').replace('}', ' kubernetai\n}'), around());
  assert.ok(thrice.ok);
  const stanzas = thrice.value.serverBlocks[0]?.options.kubernetai ?? [];
  assert.deepEqual(
    stanzas.map((s) => [s.zones, s.line]),
    [
      [['a.local.'], 2],
      [['b.local.'], 3],
      [['.'], 4],
    ],
  );
});

test('the same words in errors under both names', () => {
  assert.equal(fault('pods x', 'z', 'kubernetai'), fault('pods x', 'z', 'kubernetes'));
});
