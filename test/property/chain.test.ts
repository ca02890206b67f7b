/** Design law 3: a merged zone answers, name by name, what the chain of its stanzas would. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type DomainName, isSubdomain } from '../../src/dns/name.ts';
import type { RRset } from '../../src/dns/rrset.ts';
import { RRType } from '../../src/dns/rrset.ts';
import type { ClusterEvent } from '../../src/ingest/event.ts';
import type { StanzaPlan } from '../../src/ingest/plan.ts';
import { findName, type Zone, zoneRRsets } from '../../src/projection/zone.ts';
import { EAST, name, planApplied, stanza, WEST, zoneDefinition } from '../kit/cluster-events.ts';
import { given } from '../kit/given.ts';
import { allSynced, batches } from '../kit/random-events.ts';

const APEXES = ['cluster.local.', '10.in-addr.arpa.'] as const;

/** Options that make stanzas answer differently. */
const stanzaPlan: fc.Arbitrary<StanzaPlan> = fc
  .record({
    cluster: fc.constantFrom(EAST, WEST),
    ignoreEmptyService: fc.boolean(),
    endpointPodNames: fc.boolean(),
    noEndpoints: fc.boolean(),
    pods: fc.constantFrom('disabled' as const, 'verified' as const),
    ttl: fc.constantFrom(5, 30),
    namespaces: fc.constantFrom(undefined, ['a'], ['b', 'c']),
    fallthrough: fc.constantFrom(undefined, ['.'], ['.'], ['a.svc.cluster.local'], ['0.10.in-addr.arpa']),
  })
  .map(({ cluster, namespaces, fallthrough, ...options }) =>
    stanza(cluster, {
      ...options,
      ...(namespaces && { namespaces }),
      ...(fallthrough && { fallthrough: fallthrough.map(name) }),
    }),
  );

const isCovered = (plan: StanzaPlan, owner: DomainName) =>
  plan.fallthrough?.some((parent) => isSubdomain(owner, parent)) ?? false;

type Verdict = { readonly status: string; readonly sets: string };

const verdict = (status: string, sets: readonly RRset[] = []): Verdict => ({
  status,
  sets: JSON.stringify(sets.filter((set) => set.type !== RRType.SOA)),
});

/** What a chain of separate instances says, each asked by itself. */
function askChain(zones: readonly Zone[], owner: DomainName): Verdict {
  let isAbove = false;
  for (const zone of zones) {
    const found = findName(zone, owner);
    if (found.status === 'exists') return verdict('exists', found.rrsets());
    if (found.status === 'emptyNonTerminal') isAbove = true;
    if (!isCovered(zone.definition.stanzas[0] as StanzaPlan, owner)) break;
  }
  return verdict(isAbove ? 'emptyNonTerminal' : 'absent');
}

function askMerged(zone: Zone, owner: DomainName): Verdict {
  const found = findName(zone, owner);
  return verdict(found.status, found.status === 'exists' ? found.rrsets() : []);
}

describe('a merged zone', () => {
  it('answers every name as the chain of its stanzas does, and lists just what they answer', () => {
    fc.assert(
      fc.property(fc.array(stanzaPlan, { minLength: 1, maxLength: 4 }), batches, (stanzas, history) => {
        const events: ClusterEvent[] = [...allSynced, ...history.flat()];
        const merged = given([planApplied(...APEXES.map((apex) => zoneDefinition(apex, stanzas))), ...events]);
        const chain = stanzas.map((one) => {
          const alone = given([planApplied(...APEXES.map((apex) => zoneDefinition(apex, [one]))), ...events]);
          return new Map(APEXES.map((apex) => [apex, alone.zone(apex)]));
        });
        for (const apex of APEXES) {
          const zone = merged.zone(apex);
          const parts = chain.map((zones) => zones.get(apex) as Zone);
          const owners = new Set<DomainName>();
          for (const part of parts) {
            for (const { owner } of zoneRRsets(part)) {
              for (let at = owner; isSubdomain(at, part.apex); at = name(at.slice(at.indexOf('.') + 1))) owners.add(at);
            }
          }
          // The name servers follow the first stanza that knows one; they have tests of their own.
          owners.delete(zone.apex);
          const listed = new Map<DomainName, RRset[]>();
          for (const set of zoneRRsets(zone)) listed.set(set.owner, [...(listed.get(set.owner) ?? []), set]);
          for (const owner of [...owners, name(`nope.${apex}`), name(`nope.a.svc.${apex}`)]) {
            const expected = askChain(parts, owner);
            assert.deepEqual(askMerged(zone, owner), expected, owner);
            assert.equal(JSON.stringify(listed.get(owner) ?? []), expected.sets, owner);
            listed.delete(owner);
          }
          listed.delete(zone.apex);
          assert.deepEqual([...listed.keys()], [], 'nothing is listed that no stanza has');
        }
      }),
      { numRuns: 300 },
    );
  });
});
