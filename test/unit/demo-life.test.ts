import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { FixtureApiServer } from '../../src/demo/apiserver.ts';
import { applyStep, readManifests } from '../../src/demo/clusters-thread.ts';
import { type DemoCluster, type LifeStep, liveOn } from '../../src/demo/life.ts';
import { asRecord, type KubeObject } from '../../src/demo/resources.ts';

const EXAMPLE = path.join(import.meta.dirname, '..', '..', 'examples', 'demo');
const OBJECTS = {
  east: readManifests(path.join(EXAMPLE, 'cluster-a')),
  west: readManifests(path.join(EXAMPLE, 'cluster-b')),
};
const STEPS_IN_ROUND = 11;

function makeServers(): Record<DemoCluster, FixtureApiServer> {
  const open = (objects: readonly KubeObject[]) => new FixtureApiServer({ objects, now: () => 0 });
  return { east: open(OBJECTS.east), west: open(OBJECTS.west) };
}

function steps(count: number): LifeStep[] {
  return liveOn().take(count).toArray();
}

/** What a change of an object may differ in: everything but versions, times and managers. */
function contentOf(server: FixtureApiServer): Map<string, unknown> {
  const entries = server.objects().map((object) => {
    const { name, namespace, labels } = object.metadata;
    return [`${object.kind} ${namespace ?? ''}/${name}`, { ...object, metadata: { labels } }] as const;
  });
  return new Map(entries);
}

function addressesOf(server: FixtureApiServer, namespace: string, slice: string): string[] {
  const object = server.get('discovery.k8s.io/v1', 'EndpointSlice', namespace, slice);
  const endpoints = object?.endpoints;
  assert.ok(Array.isArray(endpoints));
  return endpoints.flatMap((endpoint) => asRecord(endpoint).addresses as string[]);
}

describe('the life of the demo clusters', () => {
  it('changes something with every step, and only in the cluster that it names', () => {
    const servers = makeServers();
    for (const step of steps(3 * STEPS_IN_ROUND)) {
      const before = { east: contentOf(servers.east), west: contentOf(servers.west) };
      applyStep(servers[step.cluster], step, 0);
      const other = step.cluster === 'east' ? 'west' : 'east';
      assert.notDeepEqual(contentOf(servers[step.cluster]), before[step.cluster], step.text);
      assert.deepEqual(contentOf(servers[other]), before[other], step.text);
    }
  });

  it('is back where it began after a round, but for the pods that were rolled out', () => {
    const servers = makeServers();
    const before = { east: contentOf(servers.east), west: contentOf(servers.west) };
    const nodeless = (content: Map<string, unknown>) => {
      content.delete('EndpointSlice shop/cart-t8c5m');
      // The controller of the demo knows no nodes and no topology.
      return JSON.parse(JSON.stringify([...content]).replace(/"(?:nodeName|zone)":"[^"]*",?/g, ''));
    };
    for (const step of steps(STEPS_IN_ROUND)) applyStep(servers[step.cluster], step, 0);
    assert.deepEqual(nodeless(contentOf(servers.east)), nodeless(before.east));
    assert.deepEqual(nodeless(contentOf(servers.west)), nodeless(before.west));
  });

  it('replaces pods that are there by pods that are not, in rollouts', () => {
    const servers = makeServers();
    let rollouts = 0;
    for (const step of steps(25 * STEPS_IN_ROUND)) {
      const before = addressesOf(servers.east, 'shop', 'cart-t8c5m');
      applyStep(servers[step.cluster], step, 0);
      const match = /: \S+ (\S+) replaces \S+ (\S+)$/.exec(step.text);
      if (!match) continue;
      rollouts += 1;
      const after = addressesOf(servers.east, 'shop', 'cart-t8c5m');
      const [, fresh = '', old = ''] = match;
      assert.ok(before.includes(old) && !before.includes(fresh), step.text);
      assert.ok(after.includes(fresh) && !after.includes(old), step.text);
      assert.equal(new Set(after).size, before.length);
    }
    assert.equal(rollouts, 25 * 3);
  });

  it('signs each change with the field manager that made it', () => {
    const servers = makeServers();
    for (const step of steps(STEPS_IN_ROUND)) {
      applyStep(servers[step.cluster], step, 0);
      for (const { apiVersion, kind, metadata } of step.objects) {
        const object = servers[step.cluster].get(apiVersion, kind, metadata.namespace, metadata.name);
        if (object) assert.equal(object.metadata.managedFields?.at(-1)?.manager, step.manager);
      }
    }
  });
});

describe('the manifests of the demo clusters', () => {
  for (const [cluster, objects] of Object.entries(OBJECTS)) {
    const services = objects.filter(({ kind }) => kind === 'Service');
    const namesOf = (kind: string) => objects.filter((o) => o.kind === kind).map((o) => o.metadata.name);

    it(`${cluster}: has a namespace for every object and a service for every slice`, () => {
      const known = new Set(services.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
      for (const { kind, metadata } of objects) {
        if (metadata.namespace !== undefined)
          assert.ok(namesOf('Namespace').includes(metadata.namespace), metadata.name);
        if (kind !== 'EndpointSlice') continue;
        const owner = metadata.labels?.['kubernetes.io/service-name'];
        assert.ok(known.has(`${metadata.namespace}/${owner}`), `${metadata.name} is a slice of ${owner}`);
      }
    });

    it(`${cluster}: gives no cluster IP twice`, () => {
      const addresses = services
        .flatMap((service) => (asRecord(service.spec).clusterIPs ?? []) as string[])
        .filter((address) => address !== 'None');
      assert.ok(addresses.length >= 3);
      assert.equal(new Set(addresses).size, addresses.length);
    });
  }
});
