/** Random histories of two clusters, small enough that names meet: fast-check arbitraries. */
import fc from 'fast-check';
import type {
  ClusterEvent,
  ClusterId,
  EndpointFacts,
  EndpointSliceFacts,
  PortFacts,
  ServiceFacts,
  ServiceImportFacts,
} from '../../src/ingest/event.ts';
import type { ZonemdPlan } from '../../src/ingest/plan.ts';
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

const SYNCED = ['Service', 'Namespace', 'EndpointSlice', 'Pod', 'ServiceImport'] as const;
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

const importFacts: fc.Arbitrary<ServiceImportFacts> = fc.oneof(
  fc.record({ type: fc.constant('ClusterSetIP' as const), ips: fc.uniqueArray(address, { maxLength: 2 }), ports }),
  fc.record({ type: fc.constant('Headless' as const), ips: fc.constant([]), ports }),
);
/** A slice that another cluster has exported; it may be one of a local service as well. */
const importedFacts: fc.Arbitrary<EndpointSliceFacts> = fc
  .record({
    of: svc,
    from: fc.constantFrom(undefined, 'east-1', 'west-1'),
    service: fc.constantFrom(undefined, undefined, 'web'),
    ports,
    endpoints: fc.array(endpoint, { maxLength: 3 }),
  })
  .map(({ of, from, service, ...facts }) => ({
    ...facts,
    imported: { service: of, ...(from !== undefined && { cluster: from }) },
    ...(service !== undefined && { service }),
  }));

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
    weight: 3,
    arbitrary: fc
      .tuple(cluster, ns, svc, importFacts)
      .map(([c, n, s, facts]) => upsert(c, 'ServiceImport', `${n}/${s}`, facts)),
  },
  { weight: 1, arbitrary: fc.tuple(cluster, ns, svc).map(([c, n, s]) => remove(c, 'ServiceImport', `${n}/${s}`)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(cluster, ns, fc.constantFrom('1', '2', '3'), importedFacts)
      .map(([c, n, i, facts]) => upsert(c, 'EndpointSlice', `${n}/slice-${i}`, facts)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(cluster, ns, fc.constantFrom('1', '2', '3'))
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
    arbitrary: cluster.map((c) => synced(c, SYNCED)[0] as ClusterEvent),
  },
);

/** Everything is synced from the first batch on, so that every batch may publish. */
export const allSynced: ClusterEvent[] = [EAST, WEST].flatMap((c) => synced(c, SYNCED));

export const batches: fc.Arbitrary<ClusterEvent[][]> = fc.array(
  fc.array(clusterEvent, { minLength: 1, maxLength: 5 }),
  {
    minLength: 1,
    maxLength: 12,
  },
);

/** Two stanzas of one zone with random options, their reverse zones, and the zone of their imports. */
export const plan: fc.Arbitrary<ClusterEvent> = fc
  .record({
    ignoreEmptyService: fc.boolean(),
    endpointPodNames: fc.boolean(),
    noEndpoints: fc.boolean(),
    namespaces: fc.constantFrom(undefined, ['a'], ['a', 'b']),
    pods: fc.constantFrom('disabled' as const, 'verified' as const),
    fallthrough: fc.constantFrom(undefined, ['.'], ['a.svc.cluster.local', 'in-addr.arpa']),
    ttl: fc.constantFrom(5, 30),
    isStrict: fc.boolean(),
    hasImports: fc.constantFrom('no', 'too', 'alone' as const),
  })
  .map(({ namespaces, fallthrough, hasImports, ...options }) => {
    const first = stanza(EAST, {
      ...options,
      ...(namespaces && { namespaces }),
      ...(fallthrough && { fallthrough: fallthrough.map(name) }),
    });
    const second = stanza(WEST, { pods: options.pods });
    const importsIn = hasImports === 'no' ? {} : { importsIn: name('clusterset.local') };
    const reverse = [hasImports === 'alone' ? ({ ...first, plugin: 'multicluster' } as const) : first, second];
    return planApplied(
      zoneDefinition('cluster.local', [first, second]),
      zoneDefinition('clusterset.local', [first, second], { kind: 'clusterset' }),
      ...['10.in-addr.arpa', '0.0.d.f.ip6.arpa'].map((apex) =>
        zoneDefinition(
          apex,
          reverse.map((one) => ({ ...one, ...importsIn })),
        ),
      ),
    );
  });

export const zonemdOption: fc.Arbitrary<ZonemdPlan | undefined> = fc.option(
  fc.record({ hash: fc.constantFrom('sha384', 'sha512'), most: fc.constantFrom(12, 30, 1000, 1000) }),
  { nil: undefined, freq: 4 },
);

/** The same, in which zones have a digest, each for itself. */
export const zonemdPlan: fc.Arbitrary<ClusterEvent> = fc
  .tuple(plan, fc.array(zonemdOption, { minLength: 4, maxLength: 4 }))
  .map(([event, options]) => withDigests(event, options));

/** A plan in which zones have a digest; any other event as it is. */
export function withDigests(event: ClusterEvent, options: readonly (ZonemdPlan | undefined)[]): ClusterEvent {
  if (event.kind !== 'PlanApplied') return event;
  const zones = event.plan.zones.map((zone, i) => {
    const zonemd = options[i % options.length];
    return { ...zone, ...(zonemd && { zonemd }) };
  });
  return { ...event, plan: { ...event.plan, zones } };
}
