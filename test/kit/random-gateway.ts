/** Random histories of the objects that name hosts, on two clusters, small enough that hosts meet: fast-check arbitraries. */
import fc from 'fast-check';
import type { ClusterEvent, ClusterId, ObjectKind } from '../../src/ingest/event.ts';
import type { GatewayPlan } from '../../src/ingest/plan.ts';
import {
  EAST,
  name,
  planApplied,
  remove,
  slice,
  stanza,
  synced,
  upsert,
  WEST,
  zoneDefinition,
} from './cluster-events.ts';

const APEX = 'example.org';
const SYNCED = [
  ...(['Ingress', 'Gateway', 'HTTPRoute', 'GRPCRoute', 'Service', 'EndpointSlice'] as const),
  ...(['DNSEndpoint', 'Node'] as const),
];

const cluster: fc.Arbitrary<ClusterId> = fc.constantFrom(EAST, WEST);
const key = fc.constantFrom('a/web', 'a/db', 'b/web');
const host = fc.constantFrom(
  ...[
    'www.example.org',
    'a.www.example.org',
    '*.example.org',
    '*.www.example.org',
    'example.org',
    'www',
    '*.www',
    'web.a',
  ],
  ...['ns1.a', 'ns2.example.org', 'other.example.net', 'x.y.z.example.org', 'y.z'],
);
const hosts = fc.uniqueArray(host, { maxLength: 3 });
const LB = ['lb.example.net', 'www.example.org', 'x.lb.example.net'] as const;
const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1');
const targets = fc.uniqueArray(fc.oneof({ weight: 3, arbitrary: address }, fc.constantFrom(...LB)), { maxLength: 3 });
const note = fc.record({ target: targets, ttl: fc.constantFrom(30, 90) }, { requiredKeys: [] });
const parents = fc.array(
  fc.record({ gateway: key, listener: fc.constantFrom('l1', 'l2') }, { requiredKeys: ['gateway'] }),
  { maxLength: 2 },
);
const listeners = fc.array(fc.record({ name: fc.constantFrom('l1', 'l2'), host }), { maxLength: 2 });

const annotations = fc.record(
  {
    'coredns.io/hostname': fc.constantFrom('www.example.org', 'www, ns1.a', '*.example.org', '-'),
    'external-dns.alpha.kubernetes.io/ttl': fc.constantFrom('7', 'x'),
    'external-dns.alpha.kubernetes.io/target': fc.constantFrom('192.0.2.9', 'lb.example.net'),
    'k8s-gateway.dns/resolve-endpoints': fc.constant('true'),
  },
  { requiredKeys: [] },
);

const entry = fc.oneof(
  fc.record({ host, type: fc.constantFrom('A', 'AAAA'), targets: fc.uniqueArray(address, { maxLength: 2 }) }),
  fc.record({
    host,
    type: fc.constant('TXT'),
    targets: fc.constantFrom(['one'], ['one', 'two']),
    ttl: fc.constant(20),
  }),
  fc.record({ host, type: fc.constant('NS'), targets: fc.constantFrom(['ns1.www.example.org', 'ns.example.net']) }),
  fc.record({ host, type: fc.constant('CNAME'), targets: fc.constantFrom(['www.example.org'], ['lb.example.net']) }),
);

const withKey = <T>(facts: fc.Arbitrary<T>) => fc.tuple(cluster, key, facts);
const routes = withKey(fc.tuple(hosts, parents, note)).map(([c, k, [h, p, n]]) => ({
  c,
  k,
  facts: { hosts: h, parents: p, ...n },
}));

const REMOVED: readonly ObjectKind[] = ['Ingress', 'Gateway', 'HTTPRoute', 'GRPCRoute', 'Service', 'DNSEndpoint'];

export const gatewayEvent: fc.Arbitrary<ClusterEvent> = fc.oneof(
  withKey(fc.tuple(hosts, targets, note, fc.constantFrom(undefined, 'nginx', 'other'))).map(([c, k, [h, t, n, name]]) =>
    upsert(c, 'Ingress', k, { hosts: h, targets: t, ...n, ...(name && { class: name }) }),
  ),
  withKey(fc.tuple(targets, listeners, note)).map(([c, k, [t, l, n]]) =>
    upsert(c, 'Gateway', k, { targets: t, ...n, ...(l.length > 0 && { listeners: l }) }),
  ),
  routes.map(({ c, k, facts }) => upsert(c, 'HTTPRoute', k, facts)),
  routes.map(({ c, k, facts }) => upsert(c, 'GRPCRoute', k, facts)),
  withKey(fc.tuple(targets, annotations, fc.constantFrom('LoadBalancer' as const, 'ClusterIP' as const))).map(
    ([c, k, [external, notes, type]]) =>
      upsert(c, 'Service', k, { type, clusterIPs: ['10.0.0.1'], ports: [], external, annotations: notes }),
  ),
  withKey(fc.uniqueArray(address, { maxLength: 2 })).map(([c, k, addresses]) =>
    slice(c, `${k}-1`, k.slice(2), addresses.length > 0 ? [{ addresses }] : []),
  ),
  withKey(fc.array(entry, { maxLength: 3 })).map(([c, k, entries]) => upsert(c, 'DNSEndpoint', k, { entries })),
  fc
    .tuple(cluster, fc.constantFrom('n1', 'n2'), hosts, address, address)
    .map(([c, n, h, internal, external]) =>
      upsert(c, 'Node', n, { hosts: h, internal: [internal], external: [external] }),
    ),
  fc
    .tuple(
      cluster,
      fc.constantFrom(...LB),
      fc.uniqueArray(address, { maxLength: 2 }),
      fc.constantFrom(undefined, 5, 30, 300),
    )
    .map(([c, lb, addresses, ttl]) => upsert(c, 'ResolvedHost', lb, { addresses, ...(ttl !== undefined && { ttl }) })),
  fc.tuple(cluster, fc.constantFrom(...LB)).map(([c, lb]) => remove(c, 'ResolvedHost', lb)),
  fc.tuple(cluster, fc.constantFrom('n1', 'n2')).map(([c, n]) => remove(c, 'Node', n)),
  fc.tuple(cluster, key).map(([c, k]) => remove(c, 'EndpointSlice', `${k}-1`)),
  {
    weight: 3,
    arbitrary: fc.tuple(cluster, key, fc.constantFrom(...REMOVED)).map(([c, k, kind]) => remove(c, kind, k)),
  },
);

const gatewaySynced = [EAST, WEST].flatMap((c) => synced(c, SYNCED));

const batches = fc.array(fc.array(gatewayEvent, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 10 });

/** Two stanzas of one zone with random options, and the first of them in another zone too. */
const plan = fc
  .record({
    resources: fc.shuffledSubarray(['HTTPRoute', 'GRPCRoute', 'Ingress', 'Service', 'DNSEndpoint', 'Node'] as const, {
      minLength: 2,
    }),
    isAliased: fc.boolean(),
    inheritsHosts: fc.boolean(),
    externalDns: fc.subarray(['ttl', 'target', 'records'] as const),
    ingressClasses: fc.constantFrom(undefined, ['nginx']),
    nodeAddressType: fc.constantFrom('InternalIP' as const, 'ExternalIP' as const),
    secondary: fc.constantFrom(undefined, 'ns2.example.org', 'web.b.example.org', 'ns2.example.net'),
    own: fc.constantFrom(undefined, ['192.0.2.53', '2001:db8::53']),
    fallthrough: fc.constantFrom(undefined, ['.'], ['www.example.org']),
  })
  .map(({ secondary, own, fallthrough, ingressClasses, ...options }) => {
    const gateway = (apex: string): GatewayPlan => ({
      ...options,
      ...(ingressClasses && { ingressClasses }),
      zones: ['example.org', 'z.example.org'].map(name),
      servers: [
        { name: name(`ns1.a.${apex}`), ...(own && { addresses: own }) },
        ...(secondary ? [{ name: name(secondary) }] : []),
      ],
    });
    const part = (at: ClusterId, apex: string, extra: object = {}) =>
      stanza(at, {
        plugin: 'k8s_gateway',
        primary: name(apex),
        ttl: 60,
        needs: SYNCED,
        gateway: gateway(apex),
        ...extra,
      });
    const passes = fallthrough && { fallthrough: fallthrough.map(name) };
    return planApplied(
      zoneDefinition(APEX, [part(EAST, APEX, passes), part(WEST, APEX)], { kind: 'gateway' }),
      zoneDefinition('z.example.org', [part(EAST, 'z.example.org')], { kind: 'gateway' }),
    );
  });

/** A plan, then batches on synced clusters. */
export const gatewayHistory: fc.Arbitrary<ClusterEvent[][]> = fc
  .tuple(plan, batches)
  .map(([first, rest]) => [[first, ...gatewaySynced], ...rest]);
