/** Objects of hosts that are of no use, and too many of them: left out, counted and told once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { watchCrowdedHosts } from '../../src/compose/crowded-hosts.ts';
import type { ObjectKind } from '../../src/ingest/event.ts';
import { normalize } from '../../src/ingest/normalize.ts';
import { createRejectionReporter, MOST_TOLD } from '../../src/ingest/rejections.ts';
import type { Logger } from '../../src/logger.ts';
import { foldEvents } from '../../src/projection/fold.ts';
import { EMPTY_WORLD } from '../../src/projection/state.ts';
import { Touched } from '../../src/projection/touched.ts';
import { EAST, remove, upsert } from '../kit/cluster-events.ts';
import { backends, balancer, dnsEndpoint, gateway, ingress, node, route } from '../kit/gateway-objects.ts';

function recording(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const nothing = () => {};
  const logger: Logger = {
    ...{ debug: nothing, info: nothing, error: nothing, fatal: nothing, forPlugin: () => logger },
    warning: (text) => lines.push(text),
  };
  return { logger, lines };
}

describe('objects of hosts that are of no use', () => {
  const faultsOf = (object: { readonly kind: string }) => {
    const read = normalize(object.kind as 'Ingress', object);
    return read.status === 'rejected' ? [read.reason] : [...new Set(read.faults)];
  };

  it('have faults, and what is good of them counts', () => {
    assert.deepEqual(faultsOf(ingress('a/a', ['not a name', 'a.example'], ['192.0.2.1'])), ['bad host']);
    assert.deepEqual(faultsOf(ingress('a/a', [''], ['192.0.2.1'])), ['bad host']);
    assert.deepEqual(faultsOf(ingress('a/a', ['a'], ['ip=192.0.2.256'])), ['bad address']);
    assert.deepEqual(faultsOf(balancer('a/a', [], { externalIPs: ['bogus'] })), ['bad address']);
    assert.deepEqual(faultsOf(balancer('a/a', [], { annotations: { 'coredns.io/hostname': 'a_b' } })), ['bad host']);
    assert.deepEqual(faultsOf(gateway('a/a', ['=no address'])), ['bad address']);
    assert.deepEqual(faultsOf(gateway('a/a', ['=192.0.2.1'])), []);
    assert.deepEqual(faultsOf(route('HTTPRoute', 'a/a', ['a'], [{ name: '' }])), ['bad parent']);
    assert.deepEqual(faultsOf(dnsEndpoint('a/a', ['a A nonsense'])), ['bad address']);
    for (const bad of ['MX ten mx.example', 'SRV 1 2 65536 a.example', 'CNAME a..b', 'NS two words', 'PTR '])
      assert.deepEqual(faultsOf(dnsEndpoint('a/a', [`a ${bad}`, 'b MX 10 mx.example|20 mx.'])), ['bad record'], bad);
    assert.deepEqual(faultsOf(node('n', ['Hostname=..', 'InternalIP=x'])).sort(), ['bad address', 'bad host']);
    assert.deepEqual(faultsOf(backends('a/a', undefined, ['10.0.0.1'])), ['no service']);
    const many = Array.from({ length: 1_001 }, (_, i) => `h${i}.example`);
    assert.deepEqual(faultsOf(ingress('a/a', many, [])), ['too many items']);
  });

  it('are named in the log once, and no more than so many', () => {
    const { logger, lines } = recording();
    const tell = createRejectionReporter(logger);
    for (const _ of [1, 2]) tell('east', { kind: 'Ingress', key: 'shop/web', reason: 'bad host' });
    assert.deepEqual(lines, ['east: ingresses shop/web: bad host']);
    for (let i = 0; i < 2 * MOST_TOLD; i++) tell('east', { kind: 'Ingress', key: `shop/i${i}`, reason: 'bad host' });
    assert.equal(lines.length, MOST_TOLD + 1);
    assert.match(lines.at(-1) ?? '', /^east: ingresses: more that can't be used/);
    tell('east', { kind: 'Gateway', key: 'a/gw', reason: 'bad address' });
    assert.equal(lines.at(-1), 'east: gateways a/gw: bad address');
  });
});

describe('a host that too many objects name', () => {
  const keys = Array.from({ length: 1_002 }, (_, i) => `shop/i${String(i).padStart(4, '0')}`);
  const kind = 'HTTPRoute' satisfies ObjectKind;
  const events = keys.map((key) =>
    upsert(EAST, kind, key, { hosts: ['crowd.example.org', key.slice(5)], parents: [] }),
  );

  it('is told once with the first that does not count, and counted as long as it is so', () => {
    const { logger, lines } = recording();
    const crowded = watchCrowdedHosts(logger);
    let world = foldEvents(EMPTY_WORLD, events, new Touched());
    for (const _ of [1, 2]) crowded.look(events, world);
    assert.deepEqual(lines, [
      'east: more than 1000 objects of kind HTTPRoute name the host crowd.example.org: shop/i1000 and those after it do not count',
    ]);
    assert.deepEqual(crowded.count(world), [[EAST, 1]]);
    world = foldEvents(world, [remove(EAST, kind, 'shop/i0000'), remove(EAST, kind, 'shop/i0001')], new Touched());
    assert.deepEqual(crowded.count(world), [[EAST, 0]]);
  });

  it('is found in a state that was read', () => {
    const { logger, lines } = recording();
    watchCrowdedHosts(logger).lookAtAll(foldEvents(EMPTY_WORLD, events, new Touched()));
    assert.equal(lines.length, 1);
  });
});
