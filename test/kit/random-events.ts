/** Random histories of two clusters, small enough that names meet: fast-check arbitraries. */
import fc from 'fast-check';
import type { ClusterEvent, ClusterId, EndpointFacts, PortFacts, ServiceFacts } from '../../src/ingest/event.ts';
import {
  EAST,
  name,
  namespace,
  planApplied,
  remove,
  slice,
  stanza,
  synced,
  upsert,
  WEST,
  zoneDefinition,
} from './cluster-events.ts';

const cluster: fc.Arbitrary<ClusterId> = fc.constantFrom(EAST, WEST);
const ns = fc.constantFrom('a', 'b', 'c');
const svc = fc.constantFrom('web', 'db', 'ext');
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.3', '10.1.0.1', 'fd00::1', 'fd00:0:1::2', '192.0.2.53');
const port: fc.Arbitrary<PortFacts> = fc.constantFrom(
  { name: 'http', port: 80, protocol: 'tcp' },
  { name: 'dns', port: 53, protocol: 'udp' },
  { name: '', port: 99, protocol: 'tcp' },
  { name: 'any', protocol: 'tcp' },
);
const ports = fc.uniqueArray(port, { maxLength: 2 });
const endpoint: fc.Arbitrary<EndpointFacts> = fc.record(
  {
    addresses: fc.uniqueArray(address, { minLength: 1, maxLength: 2 }),
    hostname: fc.constantFrom('h0', 'h1'),
    pod: fc.constantFrom('pod-0', 'pod.with.dots'),
    zone: fc.constantFrom('z1', 'z2'),
  },
  { requiredKeys: ['addresses'] },
);
const serviceFacts: fc.Arbitrary<ServiceFacts> = fc.oneof(
  fc.record({
    type: fc.constant('ClusterIP' as const),
    clusterIPs: fc.uniqueArray(address, { minLength: 1, maxLength: 2 }),
    ports,
  }),
  fc.record({ type: fc.constant('ClusterIP' as const), clusterIPs: fc.constant(['None']), ports }),
  fc.record({
    type: fc.constant('ExternalName' as const),
    clusterIPs: fc.constant([]),
    ports: fc.constant([]),
    externalName: fc.constantFrom('web.a.svc.cluster.local', 'example.org', '192.0.2.1'),
  }),
);

export const clusterEvent: fc.Arbitrary<ClusterEvent> = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(cluster, ns).map(([c, n]) => namespace(c, n)) },
  { weight: 1, arbitrary: fc.tuple(cluster, ns).map(([c, n]) => remove(c, 'Namespace', n)) },
  {
    weight: 4,
    arbitrary: fc.tuple(cluster, ns, svc, serviceFacts).map(([c, n, s, f]) => upsert(c, 'Service', `${n}/${s}`, f)),
  },
  { weight: 1, arbitrary: fc.tuple(cluster, ns, svc).map(([c, n, s]) => remove(c, 'Service', `${n}/${s}`)) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(cluster, ns, svc, fc.constantFrom('1', '2'), fc.array(endpoint, { maxLength: 3 }), ports)
      .map(([c, n, s, i, endpoints, p]) => slice(c, `${n}/slice-${i}`, s, endpoints, p)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(cluster, ns, fc.constantFrom('1', '2'))
      .map(([c, n, i]) => remove(c, 'EndpointSlice', `${n}/slice-${i}`)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(cluster, ns, fc.constantFrom('p0', 'p1'), fc.uniqueArray(address, { maxLength: 2 }))
      .map(([c, n, p, addresses]) => upsert(c, 'Pod', `${n}/${p}`, { addresses })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(cluster, ns, fc.constantFrom('p0', 'p1')).map(([c, n, p]) => remove(c, 'Pod', `${n}/${p}`)),
  },
  {
    weight: 2,
    arbitrary: cluster.map((c) => synced(c, ['Service', 'Namespace', 'EndpointSlice', 'Pod'])[0] as ClusterEvent),
  },
);

/** Everything is synced from the first batch on, so that every batch may publish. */
export const allSynced: ClusterEvent[] = [EAST, WEST].flatMap((c) =>
  synced(c, ['Service', 'Namespace', 'EndpointSlice', 'Pod']),
);

export const batches: fc.Arbitrary<ClusterEvent[][]> = fc.array(
  fc.array(clusterEvent, { minLength: 1, maxLength: 5 }),
  {
    minLength: 1,
    maxLength: 12,
  },
);

/** Two stanzas of one zone with random options, and their reverse zones. */
export const plan: fc.Arbitrary<ClusterEvent> = fc
  .record({
    ignoreEmptyService: fc.boolean(),
    endpointPodNames: fc.boolean(),
    noEndpoints: fc.boolean(),
    namespaces: fc.constantFrom(undefined, ['a'], ['a', 'b']),
    pods: fc.constantFrom('disabled' as const, 'verified' as const),
    fallthrough: fc.constantFrom(undefined, ['.'], ['a.svc.cluster.local', 'in-addr.arpa']),
    ttl: fc.constantFrom(5, 30),
  })
  .map(({ namespaces, fallthrough, ...options }) => {
    const stanzas = [
      stanza(EAST, {
        ...options,
        ...(namespaces && { namespaces }),
        ...(fallthrough && { fallthrough: fallthrough.map(name) }),
      }),
      stanza(WEST, { pods: options.pods }),
    ];
    return planApplied(
      ...['cluster.local', '10.in-addr.arpa', '0.0.d.f.ip6.arpa'].map((apex) => zoneDefinition(apex, stanzas)),
    );
  });
