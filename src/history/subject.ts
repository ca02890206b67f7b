/** What the records of a name are made from. */
import { type DomainName, isSubdomain, labelsBelow } from '../dns/name.ts';
import type { FactsOf, ObjectKind } from '../ingest/event.ts';
import type { ZoneDefinition, ZoneId } from '../ingest/plan.ts';
import { placeOfReverse, podAddress } from '../projection/zone.ts';

export type Subject =
  | { readonly kind: 'service'; readonly namespace: string; readonly service: string }
  /** `NAMESPACE.svc.ZONE`, which has no records. */
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly address: string }
  /** A PTR record's name. */
  | { readonly kind: 'address'; readonly address: string }
  /** A name of a gateway zone. */
  | { readonly kind: 'host'; readonly name: DomainName; readonly apex: DomainName }
  /** The apex and what else the zone owns by itself; a part of a reverse name. */
  | { readonly kind: 'zone' }
  /** A name in a zone of another server. */
  | { readonly kind: 'transferred'; readonly zone: ZoneId };

const ARPA = 'arpa.' as DomainName;

/** @param name at or below the apex */
export function subjectOf(name: DomainName, { id, apex, kind }: Pick<ZoneDefinition, 'id' | 'apex' | 'kind'>): Subject {
  if (kind === 'secondary') return { kind: 'transferred', zone: id };
  if (kind === 'gateway') return { kind: 'host', name, apex };
  if (kind === 'reverse' || (kind === 'cluster' && isSubdomain(name, ARPA) && isSubdomain(ARPA, apex))) {
    const address = placeOfReverse(name)?.address;
    return address === undefined ? { kind: 'zone' } : { kind: 'address', address };
  }
  const [tree, namespace, third] = (labelsBelow(name, apex) ?? []).toReversed();
  if ((tree !== 'svc' && tree !== 'pod') || namespace === undefined) return { kind: 'zone' };
  if (third === undefined) return { kind: 'namespace', namespace };
  if (tree === 'svc') return { kind: 'service', namespace, service: third };
  return { kind: 'pod', namespace, address: podAddress(third) };
}

type Facts = FactsOf[ObjectKind];

/** Every address that facts tell. */
export function addressesOf(facts: Facts | undefined): Set<string> {
  if (facts === undefined) return new Set();
  if ('endpoints' in facts) return new Set(facts.endpoints.flatMap(({ addresses }) => addresses));
  if ('addresses' in facts) return new Set(facts.addresses);
  if ('clusterIPs' in facts) return new Set([...facts.clusterIPs, ...(facts.external ?? [])]);
  if ('targets' in facts) return new Set([...facts.targets, ...(facts.target ?? [])]);
  if ('internal' in facts) return new Set([...facts.internal, ...facts.external]);
  if ('entries' in facts) return new Set(facts.entries.flatMap(({ targets }) => targets));
  return new Set('ips' in facts ? facts.ips : []);
}
