import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlockOptions } from '../../src/corefile/config.ts';
import { loadConfig } from '../../src/corefile/config.ts';
import { AROUND, faultOf } from '../kit/corefile.ts';

/** `transfer`, `multicluster` and `k8s_gateway`. */
const load = (body: string, warnings: string[] = []) =>
  loadConfig(`example.org {\n${body}\n}`, { ...AROUND, warn: (text) => warnings.push(text) });

function options(body: string, warnings?: string[]): BlockOptions {
  const loaded = load(body, warnings);
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.error.message);
  return loaded.value.serverBlocks[0]?.options ?? {};
}

const fault = (body: string) => faultOf(body, 'example.org');

test('transfer: targets of every kind', () => {
  const body = 'transfer {\n to * 10.1.2.3 [2001:db8::0:1]:5353 2001:db8::2 10.2.3.4:54\n source 192.0.2.1\n}';
  assert.deepEqual(options(body).transfer, [
    {
      zones: ['example.org.'],
      to: [
        { kind: 'any', key: undefined },
        { kind: 'address', address: '10.1.2.3', port: 53, key: undefined },
        { kind: 'address', address: '2001:db8::1', port: 5353, key: undefined },
        { kind: 'address', address: '2001:db8::2', port: 53, key: undefined },
        { kind: 'address', address: '10.2.3.4', port: 54, key: undefined },
      ],
      source: '192.0.2.1',
    },
  ]);
});

test('transfer: prefixes and keys', () => {
  const body = 'transfer a.org b.org {\n to 10.1.2.3/8 10.0.0.9 key Xfr.Key\n to key other\n}\ntransfer {\n to *\n}';
  const [first, second] = options(body).transfer ?? [];
  assert.deepEqual(first?.zones, ['a.org.', 'b.org.']);
  assert.deepEqual(first?.to, [
    { kind: 'network', address: '10.0.0.0', prefix: 8, key: 'xfr.key.' },
    { kind: 'address', address: '10.0.0.9', port: 53, key: 'xfr.key.' },
    { kind: 'any', key: 'other.' },
  ]);
  assert.deepEqual(second?.zones, ['example.org.']);
});

test('transfer: faults', () => {
  const at = 'plugin/transfer: Corefile';
  assert.equal(fault('transfer'), `${at}:2 - Error during parsing: 'to' is required`);
  assert.equal(fault('transfer {\n source 1.2.3.4\n}'), `${at}:2 - Error during parsing: 'to' is required`);
  assert.match(fault('transfer {\n to\n}'), /Wrong argument count or unexpected line ending after 'to'$/);
  assert.match(fault('transfer {\n to host.example\n}'), /must specify an IP address: `host.example'$/);
  assert.match(fault('transfer {\n to 10.0.0.0/33\n}'), /must specify an IP address: `10.0.0.0\/33'$/);
  assert.match(fault('transfer {\n to 1.2.3.4 key\n}'), /Wrong argument count .* after 'key'$/);
  assert.match(fault('transfer {\n to 1.2.3.4 key a..b\n}'), /invalid key name "a..b"$/);
  assert.match(fault('transfer {\n to *\n from x\n}'), /unknown property "from"$/);
  assert.match(fault('transfer {\n to *\n source x\n}'), /invalid source address "x"$/);
  assert.match(fault('transfer {\n to *\n source 1.1.1.1\n source 2.2.2.2\n}'), /source already specified$/);
});

test('multicluster: several stanzas are a chain', () => {
  const body = `multicluster clusterset.local {
    kubeconfig /a/config ctx
    noendpoints
    strict
    fallthrough
  }
  multicluster`;
  assert.deepEqual(options(body).multicluster, [
    {
      zones: ['clusterset.local.'],
      kubeconfig: { file: '/a/config', context: 'ctx' },
      noendpoints: true,
      strict: true,
      fallthrough: ['.'],
      file: 'Corefile',
      line: 2,
    },
    {
      zones: ['example.org.'],
      kubeconfig: undefined,
      noendpoints: false,
      strict: false,
      fallthrough: undefined,
      file: 'Corefile',
      line: 8,
    },
  ]);
});

test('multicluster: faults', () => {
  const at = 'plugin/multicluster: Corefile:3 - Error during parsing:';
  for (const option of ['ttl', 'namespaces', 'labels', 'endpoint', 'tls', 'pods', 'ignore', 'startup_timeout']) {
    assert.equal(fault(`multicluster {\n ${option} x\n}`), `${at} unknown property '${option}'`);
  }
  assert.match(fault('multicluster {\n noendpoints yes\n}'), /line ending after 'yes'$/);
  assert.match(fault('multicluster {\n strict yes\n}'), /line ending after 'yes'$/);
  assert.match(fault('multicluster {\n kubeconfig\n}'), /line ending after 'kubeconfig'$/);
  assert.match(fault('multicluster {\n kubeconfig a b c\n}'), /line ending after 'c'$/);
});

test('k8s_gateway: defaults and zones', () => {
  const warnings: string[] = [];
  const defaults = {
    zones: ['example.org.'],
    resources: ['Ingress', 'Service'],
    ingressClasses: [],
    gatewayClasses: [],
    serviceLabelSelectors: [],
    nodeAddressType: 'InternalIP',
    ttl: 60,
    apex: { name: 'dns1.kube-system', addresses: [] },
    secondary: undefined,
    cname: false,
    listenerHostnames: false,
    externalDns: [],
    resolvers: [],
    kubeconfig: undefined,
    fallthrough: undefined,
    file: 'Corefile',
    line: 2,
  };
  assert.deepEqual(options('k8s_gateway', warnings).k8s_gateway, [defaults]);
  assert.deepEqual(warnings, [
    'plugin/k8s_gateway: No resources specified in config. Using defaults: [Ingress Service]',
  ]);
  const [two] = options('k8s_gateway example.org sub.Example.org').k8s_gateway ?? [];
  assert.deepEqual(two?.zones, ['example.org.', 'sub.example.org.']);
});

test('k8s_gateway: every option', () => {
  const warnings: string[] = [];
  const body = `k8s_gateway {
    resources Ingress
    resources DNSEndpoint service HTTPRoute Node
    ingressClasses private other
    gatewayClasses inner
    serviceLabelSelectors app=a "app in (b, a),tier!=cache"
    serviceLabelSelectors "app = service1"
    nodeAddressType ExternalIP
    ttl 300 ignored
    apex Dns2.infra
    secondary NS2.example.org. 192.0.2.2 2001:DB8::2 ignored
    cname
    listenerHostnames
    externalDNS ttl records
    resolver 192.0.2.53 192.0.2.54:5353
    resolver [2001:DB8::53]:5300 ::1
    kubeconfig f c
    fallthrough a.example
  }`;
  const [o] = options(body, warnings).k8s_gateway ?? [];
  assert.deepEqual(o?.resources, ['DNSEndpoint', 'HTTPRoute', 'Node']);
  assert.deepEqual(warnings, [
    'plugin/k8s_gateway: Unknown resource "service" is ignored',
    'plugin/k8s_gateway: "ignored" of secondary is no IP address and is ignored',
  ]);
  assert.deepEqual(o?.ingressClasses, ['private', 'other']);
  assert.deepEqual(o?.gatewayClasses, ['inner']);
  assert.deepEqual(o?.serviceLabelSelectors, ['app=a', 'app in (a,b),tier!=cache', 'app=service1']);
  assert.deepEqual([o?.nodeAddressType, o?.ttl, o?.kubeconfig], ['ExternalIP', 300, { file: 'f', context: 'c' }]);
  assert.deepEqual(o?.apex, { name: 'dns2.infra', addresses: [] });
  assert.deepEqual(o?.secondary, { name: 'ns2.example.org.', addresses: ['192.0.2.2', '2001:db8::2'] });
  assert.deepEqual([o?.cname, o?.listenerHostnames, o?.externalDns], [true, true, ['ttl', 'records']]);
  assert.deepEqual(o?.fallthrough, ['a.example.']);
  assert.deepEqual(o?.resolvers, [
    { host: '192.0.2.53', port: 53 },
    { host: '192.0.2.54', port: 5353 },
    { host: '2001:db8::53', port: 5300 },
    { host: '::1', port: 53 },
  ]);
});

test('k8s_gateway: all kinds by one word, and all of external-dns by none', () => {
  const [o] = options('k8s_gateway {\n resources Service all\n externalDNS\n}').k8s_gateway ?? [];
  const all = ['HTTPRoute', 'TLSRoute', 'GRPCRoute', 'VirtualServer', 'Ingress', 'DNSEndpoint', 'Node'];
  assert.deepEqual(o?.resources, ['Service', ...all]);
  assert.deepEqual(o?.externalDns, ['ttl', 'target', 'records']);
});

test('k8s_gateway: words behind an option that the peer lets pass', () => {
  const read = (option: string) => options(`k8s_gateway {\n ${option}\n resources Node\n}`).k8s_gateway?.[0];
  assert.deepEqual(read('kubeconfig file context')?.kubeconfig, { file: 'file', context: 'context' });
  assert.deepEqual(read('kubeconfig file context more')?.kubeconfig, { file: 'file', context: undefined });
  assert.equal(read('ttl 30 40')?.ttl, 30);
  assert.equal(read('apex a.b c.d')?.apex.name, 'a.b');
});

test('k8s_gateway: faults', () => {
  const at = 'plugin/k8s_gateway: Corefile:3 - Error during parsing:';
  const faultOf = (option: string) => fault(`k8s_gateway {\n ${option}\n}`);
  for (const option of ['ttl', 'apex', 'secondary', 'kubeconfig', 'nodeAddressType']) {
    assert.equal(faultOf(option), `${at} Wrong argument count or unexpected line ending after '${option}'`);
  }
  assert.equal(faultOf('ttl -1'), `${at} ttl must be in range [0, 3600]: -1`);
  assert.equal(faultOf('ttl 3601'), `${at} ttl must be in range [0, 3600]: 3601`);
  assert.match(faultOf('ttl x'), /parsing "x": invalid syntax$/);
  assert.equal(faultOf('resources'), `${at} Incorrectly formatted 'resource' parameter`);
  assert.equal(faultOf('ingressClasses'), `${at} Incorrectly formatted 'ingressClasses' parameter`);
  assert.equal(faultOf('gatewayClasses'), `${at} Incorrectly formatted 'gatewayClasses' parameter`);
  assert.match(faultOf('serviceLabelSelectors'), /requires at least one argument \(a label selector string\)$/);
  assert.match(faultOf('serviceLabelSelectors ""'), /serviceLabelSelectors does not accept empty strings$/);
  assert.match(faultOf('serviceLabelSelectors "" "app=service1"'), /does not accept empty strings$/);
  assert.match(faultOf('serviceLabelSelectors "!!!invalid"'), /invalid serviceLabelSelectors "!!!invalid": /);
  const type = "nodeAddressType must be 'InternalIP' or 'ExternalIP', got: Hostname";
  assert.equal(faultOf('nodeAddressType Hostname'), `${at} ${type}`);
  assert.equal(faultOf('apex a..b'), `${at} not a name: "a..b"`);
  assert.equal(faultOf('cname x'), `${at} Wrong argument count or unexpected line ending after 'x'`);
  assert.equal(faultOf('externalDNS ttl x'), `${at} externalDNS takes ttl, target, records, got: x`);
  assert.equal(faultOf('wrong option'), `${at} Unknown property 'wrong'`);
});
