import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHostNeeds } from '../../src/compose/host-needs.ts';
import type { GatewayResource } from '../../src/corefile/options/gateway.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import { neededHosts } from '../../src/projection/needed-hosts.ts';
import { EAST, name, planApplied, remove, stanza, upsert, WEST, zoneDefinition } from '../kit/cluster-events.ts';
import { given } from '../kit/given.ts';

const gatewayPlan = (...resources: GatewayResource[]): ClusterEvent =>
  planApplied(
    zoneDefinition('cluster.local', [stanza(WEST)]),
    zoneDefinition(
      'example.org',
      [
        stanza(EAST, {
          plugin: 'k8s_gateway',
          gateway: {
            resources,
            nodeAddressType: 'InternalIP',
            zones: [name('example.org')],
            servers: [{ name: name('ns1.example.org') }],
          },
        }),
      ],
      { kind: 'gateway' },
    ),
  );
const ingress = (key: string, ...targets: string[]) => upsert(EAST, 'Ingress', key, { hosts: ['www'], targets });
const objects: ClusterEvent[] = [
  ingress('a/web', 'lb.example.net', '192.0.2.1'),
  upsert(EAST, 'Gateway', 'a/edge', { targets: ['edge.example.net'] }),
  upsert(EAST, 'Service', 'a/mail', {
    type: 'LoadBalancer',
    clusterIPs: ['10.0.0.1'],
    ports: [],
    external: ['mail.example.net'],
  }),
  upsert(WEST, 'Ingress', 'a/web', { hosts: ['www'], targets: ['west.example.net'] }),
];

describe('host names that are looked up', () => {
  const needed = (...resources: GatewayResource[]) =>
    [...neededHosts(given([gatewayPlan(...resources), ...objects]).projector.world)].map(([cluster, hosts]) =>
      `${cluster}: ${[...hosts].sort().join(' ')}`.trimEnd(),
    );

  it('are those of the kinds that a stanza makes names of, on its own cluster', () => {
    assert.deepEqual(needed('Ingress').sort(), ['east: lb.example.net', 'west:']);
    assert.deepEqual(needed('Service', 'Ingress').sort(), ['east: lb.example.net mail.example.net', 'west:']);
  });

  it('are those of Gateways where routes are served', () => {
    assert.deepEqual(needed('GRPCRoute').sort(), ['east: edge.example.net', 'west:']);
  });

  it('are told when they may have changed, and not otherwise', () => {
    const told: string[] = [];
    const tell = createHostNeeds((hosts) => told.push([...(hosts.get(EAST) ?? [])].join(' ')));
    const folded = given([gatewayPlan('Ingress'), ...objects]);
    const step = (event: ClusterEvent) => {
      folded.when([event]);
      tell(folded.projector.world);
    };
    tell(folded.projector.world);
    tell(folded.projector.world);
    assert.deepEqual(told, ['lb.example.net']);
    step(upsert(EAST, 'ResolvedHost', 'lb.example.net', { addresses: ['192.0.2.2'] }));
    step(ingress('a/web', 'lb.example.net', '192.0.2.9'));
    assert.equal(told.length, 1);
    step(ingress('b/web', 'lb2.example.net'));
    step(remove(EAST, 'Ingress', 'a/web'));
    step(gatewayPlan('Service'));
    assert.deepEqual(told.slice(1), ['lb.example.net lb2.example.net', 'lb2.example.net', 'mail.example.net']);
  });
});
