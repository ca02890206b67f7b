import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../src/ingest/delta.ts';
import { WATCHED_KINDS, type WatchedKind } from '../../src/ingest/event.ts';
import { equalFacts, identify, normalize } from '../../src/ingest/normalize.ts';

const meta = (more: object = {}) => ({ name: 'web', namespace: 'apps', ...more });

function facts<K extends WatchedKind>(kind: K, object: object) {
  const normalized = normalize(kind, object);
  assert.equal(normalized.status, 'facts');
  assert.ok(normalized.status === 'facts');
  return normalized.facts;
}

function serviceFacts(spec: object, more: object = {}) {
  return facts('Service', { metadata: meta(), spec, ...more });
}

function sliceFacts(more: object, labels: object = {}) {
  return facts('EndpointSlice', { metadata: meta({ labels }), addressType: 'IPv4', ...more });
}

test('a service: cluster IPs of both families in canonical text, ports with lower-case names and protocols', () => {
  const spec = {
    type: 'ClusterIP',
    clusterIP: '10.1.0.1',
    clusterIPs: ['10.1.0.1', 'FD00:0:0::1'],
    ports: [
      { name: 'HTTP', port: 80, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
      { name: 'x', port: 9, targetPort: 1 },
    ],
  };
  assert.deepEqual(serviceFacts(spec), {
    clusterIPs: ['10.1.0.1', 'fd00::1'],
    ports: [
      { name: 'http', port: 80, protocol: 'tcp' },
      { name: '', port: 53, protocol: 'udp' },
      { name: 'x', port: 9, protocol: 'tcp' },
    ],
    type: 'ClusterIP',
  });
});

test('a service of an old server has only clusterIP; without one yet it has none', () => {
  assert.deepEqual(serviceFacts({ clusterIP: '10.1.0.1' }), { clusterIPs: ['10.1.0.1'], ports: [], type: 'ClusterIP' });
  assert.deepEqual(serviceFacts({ clusterIP: '' }).clusterIPs, []);
  assert.deepEqual(serviceFacts({}).clusterIPs, []);
});

test('a headless service has None; an ExternalName has its target and no IP', () => {
  assert.deepEqual(serviceFacts({ clusterIP: 'None', clusterIPs: ['None'] }).clusterIPs, ['None']);
  assert.deepEqual(serviceFacts({ type: 'ExternalName', externalName: 'WWW.Example.NET', clusterIP: 'None' }), {
    clusterIPs: [],
    externalName: 'WWW.Example.NET',
    ports: [],
    type: 'ExternalName',
  });
});

test('a service’s outer addresses: external IPs, then what the load balancer has', () => {
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'LB.example.org' }, { ip: 'x' }] } };
  assert.deepEqual(serviceFacts({ externalIPs: ['192.0.2.9', 'nonsense'] }, { status }).external, [
    '192.0.2.9',
    '192.0.2.1',
    'lb.example.org',
  ]);
});

test('of annotations and labels only those that name hosts are kept', () => {
  const annotations = {
    'coredns.io/hostname': 'a.example.org',
    note: 'x',
    'k8s-gateway.dns/resolve-endpoints': 'true',
  };
  const labels = { app: 'web', 'k8s-gateway.dns/ignore': 'true' };
  assert.deepEqual(facts('Service', { metadata: meta({ annotations, labels }) }).annotations, {
    'coredns.io/hostname': 'a.example.org',
    'k8s-gateway.dns/ignore': 'true',
    'k8s-gateway.dns/resolve-endpoints': 'true',
  });
});

test('a slice: ready endpoints with every address, hostname, pod and zone', () => {
  const endpoints = [
    {
      addresses: ['10.2.0.1', '10.2.0.2'],
      conditions: { ready: true },
      hostname: 'DB-0',
      targetRef: { kind: 'Pod', name: 'db-0.x' },
      zone: 'Zone-A',
    },
    { addresses: ['10.2.0.3'], conditions: { ready: false } },
    { addresses: ['10.2.0.4'], conditions: { ready: false, serving: true, terminating: true } },
    { addresses: ['10.2.0.5'], conditions: {} },
    { addresses: ['10.2.0.6'] },
    { addresses: ['10.2.0.7'], conditions: { ready: null } },
    { addresses: ['10.2.0.8'], conditions: { ready: 'true' } },
  ];
  const labels = { 'kubernetes.io/service-name': 'db' };
  assert.deepEqual(
    sliceFacts(
      {
        endpoints,
        ports: [
          { name: 'pg', port: 5432, protocol: 'TCP' },
          { name: 'any', port: null },
        ],
      },
      labels,
    ),
    {
      endpoints: [
        { addresses: ['10.2.0.1', '10.2.0.2'], hostname: 'db-0', pod: 'db-0.x', zone: 'zone-a' },
        { addresses: ['10.2.0.5'] },
        { addresses: ['10.2.0.6'] },
        { addresses: ['10.2.0.7'] },
      ],
      ports: [
        { name: 'pg', port: 5432, protocol: 'tcp' },
        { name: 'any', protocol: 'tcp' },
      ],
      service: 'db',
    },
  );
});

test('a slice that another cluster exported names its import and its cluster', () => {
  const labels = {
    'multicluster.kubernetes.io/service-name': 'Web',
    'multicluster.kubernetes.io/source-cluster': 'west',
  };
  assert.deepEqual(sliceFacts({ endpoints: null }, labels), {
    endpoints: [],
    imported: { cluster: 'west', service: 'web' },
    ports: [],
  });
  delete (labels as Record<string, string>)['multicluster.kubernetes.io/source-cluster'];
  assert.deepEqual(sliceFacts({}, labels).imported, { service: 'web' });
});

test('addresses, hostnames and pods that are none are left out one by one; without an address there is no endpoint', () => {
  const endpoints = [
    {
      addresses: ['10.2.0.1', '10.2.0.256', 'x', 7, null, '10.2.0.01'],
      hostname: 'not a label',
      targetRef: { name: '' },
    },
    { addresses: ['nonsense'], hostname: 'a' },
    { addresses: 'nonsense' },
    { hostname: 'a' },
    { addresses: ['10.2.0.2'], hostname: 'a.b', targetRef: { name: 'p'.repeat(64) }, zone: 'z'.repeat(300) },
    { addresses: ['10.2.0.3'], hostname: `${'h'.repeat(64)}`, targetRef: { name: 'p'.repeat(63) } },
    'nonsense',
    null,
  ];
  assert.deepEqual(sliceFacts({ endpoints }).endpoints, [
    { addresses: ['10.2.0.1'] },
    { addresses: ['10.2.0.2'] },
    { addresses: ['10.2.0.3'], pod: 'p'.repeat(63) },
  ]);
});

test('endpoints of a slice of host names are none', () => {
  assert.deepEqual(sliceFacts({ addressType: 'FQDN', endpoints: [{ addresses: ['10.2.0.1'] }] }).endpoints, []);
});

test('a pod has every address that it has', () => {
  const status = { phase: 'Running', podIP: '10.2.0.1', podIPs: [{ ip: '10.2.0.1' }, { ip: 'FD00::0:7' }] };
  assert.deepEqual(facts('Pod', { metadata: meta(), status }), { addresses: ['10.2.0.1', 'fd00::7'] });
  assert.deepEqual(facts('Pod', { metadata: meta(), status: { podIP: '10.2.0.1' } }), { addresses: ['10.2.0.1'] });
});

test('a pod that has ended or has no address counts as gone, one that is being deleted as ending', () => {
  const status = { podIP: '10.2.0.1' };
  for (const phase of ['Succeeded', 'Failed', 'Unknown']) {
    assert.equal(normalize('Pod', { metadata: meta(), status: { ...status, phase } }).status, 'gone');
  }
  assert.equal(normalize('Pod', { metadata: meta(), status: { phase: 'Pending' } }).status, 'gone');
  const ending = { metadata: meta({ deletionTimestamp: '2025-01-01T00:00:00Z' }), status };
  assert.equal(normalize('Pod', ending).status, 'ending');
  assert.equal(normalize('Pod', { metadata: meta({ deletionTimestamp: null }), status }).status, 'facts');
});

test('a ServiceImport of each version', () => {
  const fields = { type: 'Headless', ips: ['10.3.0.1'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] };
  const wanted = { ips: ['10.3.0.1'], ports: [{ name: 'http', port: 80, protocol: 'tcp' }], type: 'Headless' };
  assert.deepEqual(facts('ServiceImport', { metadata: meta(), spec: fields, status: { x: 1 } }), wanted);
  assert.deepEqual(facts('ServiceImport', { metadata: meta(), ...fields, clusters: [] }), wanted);
  assert.equal(facts('ServiceImport', { metadata: meta(), spec: { type: 'New' } }).type, 'ClusterSetIP');
});

test('the cause is the newest manager and the version', () => {
  const managedFields = [
    { manager: 'helm', time: '2025-01-02T00:00:00Z' },
    { manager: 'kubectl-edit', time: '2025-03-01T00:00:00Z' },
    { manager: 'old', time: '2024-01-01T00:00:00Z' },
    { manager: 7 },
    null,
  ];
  const normalized = normalize('Namespace', { metadata: { name: 'apps', resourceVersion: '12', managedFields } });
  assert.deepEqual(normalized.status === 'rejected' ? undefined : normalized.cause, {
    manager: 'kubectl-edit',
    resourceVersion: '12',
  });
  assert.deepEqual(identify('Namespace', { metadata: { name: 'apps' } }), { key: 'apps', cause: {} });
});

test('what has no usable name is rejected', () => {
  for (const metadata of [undefined, {}, { name: 7 }, { name: '' }, { name: 'a/b' }, { name: 'a'.repeat(300) }]) {
    assert.deepEqual(normalize('Namespace', { metadata }), { status: 'rejected', reason: 'bad name' });
  }
  assert.deepEqual(normalize('Service', { metadata: { name: 'web' } }), {
    status: 'rejected',
    reason: 'bad namespace',
  });
  assert.deepEqual(normalize('Service', []), { status: 'rejected', reason: 'no object' });
  assert.deepEqual(identify('Pod', null), { status: 'rejected', reason: 'no object' });
});

test('beyond all measure is rejected, with the key, so that what is known stays', () => {
  const endpoints = Array.from({ length: 10_001 }, () => ({ addresses: ['10.2.0.1'] }));
  assert.deepEqual(normalize('EndpointSlice', { metadata: meta(), endpoints }), {
    status: 'rejected',
    reason: 'too many items',
    key: 'apps/web',
  });
  const huge = 'x'.repeat(10_000_000);
  const spec = { type: huge, clusterIP: huge, externalName: huge, ports: [{ name: huge, port: 1, protocol: huge }] };
  const annotations = { 'coredns.io/hostname': huge };
  assert.deepEqual(facts('Service', { metadata: meta({ annotations, resourceVersion: huge }), spec }), {
    clusterIPs: [],
    ports: [{ name: '', port: 1, protocol: 'tcp' }],
    type: 'ClusterIP',
  });
});

test('names are compared without letter case', () => {
  const normalized = normalize('Service', { metadata: { name: 'Web', namespace: 'APPS' } });
  assert.equal(normalized.status === 'rejected' ? '' : normalized.key, 'apps/web');
});

/** Objects with the right members and anything in them. */
const hostile = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    fc.constantFrom('10.0.0.1', 'fd00::1', 'None', 'web', 'TCP', 'Headless', true, 80),
    tie('object'),
    fc.array(tie('any'), { maxLength: 4 }),
  ),
  object: fc.dictionary(
    fc.constantFrom(
      ...[
        'metadata',
        'spec',
        'status',
        'name',
        'namespace',
        'labels',
        'annotations',
        'managedFields',
        'manager',
        'time',
      ],
      ...[
        'clusterIP',
        'clusterIPs',
        'ports',
        'port',
        'protocol',
        'type',
        'externalName',
        'externalIPs',
        'loadBalancer',
      ],
      ...['ingress', 'ip', 'hostname', 'endpoints', 'addresses', 'conditions', 'ready', 'targetRef', 'zone', 'podIPs'],
      ...['podIP', 'phase', 'deletionTimestamp', 'ips', 'addressType', '__proto__', 'constructor', 'resourceVersion'],
    ),
    tie('any'),
  ),
})).object;

test('no object makes it throw, and facts always have ordered members and plain text', () => {
  fc.assert(
    fc.property(fc.constantFrom(...WATCHED_KINDS), hostile, fc.boolean(), (kind, object, isNamed) => {
      const text = JSON.stringify(
        isNamed ? { ...object, metadata: { ...meta(), ...Object(object.metadata) } } : object,
      );
      const normalized = normalize(kind, JSON.parse(text));
      if (normalized.status === 'rejected') return;
      assert.equal(JSON.stringify(normalized.facts), canonicalJson(normalized.facts));
      const again = normalize(kind, JSON.parse(text));
      assert.ok(again.status !== 'rejected' && equalFacts(again.facts, normalized.facts));
    }),
    { numRuns: 2000 },
  );
});

test('what can’t be used of slices and imports is told: addresses, host names, a slice without its cluster', () => {
  const faultsOf = (kind: WatchedKind, more: object, labels: object = {}) => {
    const read = normalize(kind, { metadata: meta({ labels }), ...more });
    return read.status === 'rejected' ? [read.reason] : read.faults;
  };
  const imported = { 'multicluster.kubernetes.io/service-name': 'web' };
  const east = { ...imported, 'multicluster.kubernetes.io/source-cluster': 'east' };
  const endpoints = (...more: object[]) => ({ addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }, ...more] });
  assert.deepEqual(faultsOf('EndpointSlice', endpoints(), east), []);
  assert.deepEqual(faultsOf('EndpointSlice', endpoints({ addresses: ['10.0.0.256'] }), east), ['bad address']);
  const named = (hostname: string) => endpoints({ addresses: ['10.0.0.2'], hostname });
  assert.deepEqual(faultsOf('EndpointSlice', named('a b'), east), ['bad host']);
  assert.deepEqual(faultsOf('EndpointSlice', named(''), east), []);
  assert.deepEqual(faultsOf('EndpointSlice', endpoints(), imported), ['no cluster']);
  const dotted = { ...east, 'multicluster.kubernetes.io/source-cluster': 'a.b' };
  assert.deepEqual(faultsOf('EndpointSlice', endpoints(), dotted), ['no cluster']);
  assert.deepEqual(faultsOf('EndpointSlice', { ...endpoints(), addressType: 'FQDN' }, east), []);
  assert.deepEqual(faultsOf('ServiceImport', { spec: { ips: ['10.0.0.1', 'x'] } }), ['bad address']);
});
