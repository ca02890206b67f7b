import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { childOf, type DomainName, isSubdomain } from '../../src/dns/name.ts';
import { Rcode, RRType } from '../../src/dns/rrset.ts';
import type { ClusterEvent, EndpointFacts, PortFacts } from '../../src/ingest/event.ts';
import { answerSlot } from '../../src/projection/changes.ts';
import { type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { answer } from '../../src/serve/answer.ts';
import type { Reply } from '../../src/serve/chain.ts';
import {
  EAST,
  name,
  namespace,
  planApplied,
  service,
  slice,
  stanza,
  synced,
  zoneDefinition,
} from '../kit/cluster-events.ts';
import { given } from '../kit/given.ts';

const APEX = name('cluster.local');
const word = fc.constantFrom('a', 'b', 'web', 'x-1');
const ports: fc.Arbitrary<PortFacts[]> = fc.array(
  fc.record({
    name: fc.constantFrom('', 'http', 'dns'),
    port: fc.integer({ min: 1, max: 3 }),
    protocol: fc.constantFrom('tcp', 'udp'),
  }),
  { maxLength: 3 },
);
const addresses = fc.array(fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'), {
  minLength: 1,
  maxLength: 2,
});
const endpoint: fc.Arbitrary<EndpointFacts> = fc.oneof(
  fc.record({ addresses, hostname: word }),
  fc.record({ addresses, zone: word }),
);

function eventsOf(owner: string): fc.Arbitrary<ClusterEvent[]> {
  const bare = fc.oneof(
    fc.tuple(addresses, ports).map(([ips, own]) => service(EAST, `apps/${owner}`, ips, { ports: own })),
    ports.map((own) => service(EAST, `apps/${owner}`, ['None'], { ports: own })),
    word.map((to) =>
      service(EAST, `apps/${owner}`, [], { type: 'ExternalName', externalName: `${to}.apps.svc.cluster.local` }),
    ),
  );
  const slices = fc
    .tuple(fc.array(endpoint, { maxLength: 3 }), ports)
    .map(([endpoints, own]) => slice(EAST, `apps/${owner}-1`, owner, endpoints, own));
  return fc.tuple(bare, slices).map((events) => [...events]);
}

const zones: fc.Arbitrary<Zone> = fc
  .tuple(eventsOf('a'), eventsOf('b'), eventsOf('web'), fc.boolean())
  .map(([a, b, web, zonal]) =>
    given(
      [planApplied(zoneDefinition(APEX, [stanza(EAST, { zonal, pods: 'insecure' })]))],
      [namespace(EAST, 'apps'), ...a, ...b, ...web, ...synced(EAST)],
    ).zone(APEX),
  );
const labels = fc.oneof(
  word,
  fc.constantFrom('_zone', 'pin', 'prefer', '_http', '_tcp', 'http', 'udp', '_', '10-0-0-1'),
);
const types = fc.constantFrom<number>(...Object.values(RRType).filter((type) => type < 250), 65, 255);

function ask(zone: Zone, asked: DomainName, type: number): Reply {
  const question = { name: asked, spelling: asked, type, class: 1 };
  const reply = answer(
    zone,
    {
      id: 1,
      opcode: 0,
      isRecursionDesired: false,
      isCheckingDisabled: false,
      isAuthenticData: false,
      question,
      authority: [],
      edns: undefined,
      transport: 'udp',
      remote: { address: '127.0.0.1', port: 1 },
      local: { address: '127.0.0.1', port: 53 },
      serverZone: asked,
    },
    { isOwn: () => true, resolve: () => assert.fail('no name outside') },
  );
  assert.ok(!(reply instanceof Promise) && reply.kind === 'reply');
  return reply;
}

it('every set that a transfer carries is what a query for it gets', () => {
  fc.assert(
    fc.property(zones, (zone) => {
      for (const set of zoneRRsets(zone)) {
        const reply = ask(zone, set.owner, set.type);
        assert.equal(reply.rcode, Rcode.NOERROR);
        assert.deepEqual(
          reply.answer.map(({ ttl, rdata }) => ({ ttl, rdata })),
          set.rdatas.map((rdata) => ({ ttl: set.ttl, rdata })),
        );
      }
    }),
    { numRuns: 150 },
  );
});

it('what exists for one type exists for all, and so does what lies above it (RFC 8020)', () => {
  fc.assert(
    fc.property(zones, fc.array(labels, { maxLength: 4 }), types, (zone, left, type) => {
      const base = childOf('apps', childOf('svc', APEX));
      const names = [base];
      for (const label of left) names.push(childOf(label, names.at(-1) ?? base));
      const asked = names.at(-1) ?? base;
      const denied = (at: DomainName, of: number) => {
        const reply = ask(zone, at, of);
        // An alias to a missing name says NXDOMAIN of that one.
        return reply.rcode === Rcode.NXDOMAIN && reply.answer.length === 0;
      };
      assert.equal(denied(asked, type), denied(asked, RRType.CNAME));
      if (denied(asked, type)) return;
      for (const above of names) assert.equal(denied(above, type), false, `${asked} exists, ${above} does not`);
    }),
    { numRuns: 2000 },
  );
});

it('an answer has records or the SOA, all in the zone, each once, and depends on places in the zone', () => {
  fc.assert(
    fc.property(zones, fc.array(labels, { maxLength: 4 }), types, (zone, left, type) => {
      const asked = left.reduceRight<DomainName>((above, label) => childOf(label, above), childOf('svc', APEX));
      const reply = ask(zone, asked, type);
      const records = [...reply.answer, ...reply.authority, ...reply.additional];
      assert.ok(records.length > 0);
      assert.equal(new Set(records.map((record) => JSON.stringify(record))).size, records.length);
      for (const { owner } of records) assert.ok(isSubdomain(owner, APEX));
      if (reply.answer.length === 0) assert.equal(reply.authority.length, 1);
      if (reply.authority.length === 0) assert.equal(reply.rcode, Rcode.NOERROR);
      assert.ok(reply.source?.names.includes(answerSlot(zone, asked)));
    }),
    { numRuns: 2000 },
  );
});
